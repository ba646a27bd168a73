use super::{of_type, text};
use crate::common::{args, content, ours};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use testkit::{Ran, TestClock, data, names, python};

/// A database that ZODB wrote, its backup, and scratch space.
struct Site {
    dir: tempfile::TempDir,
    clock: TestClock,
}

impl Site {
    fn of(sample: &str) -> Site {
        let site = Site { dir: tempfile::tempdir().unwrap(), clock: TestClock::at(1_800_000_000) };
        for name in ["repository", "scratch"] {
            std::fs::create_dir(site.path(name)).unwrap();
        }
        let file = data("samples").join(sample);
        ours(&site.clock, &args!["-B", "-r", site.path("repository"), "-f", file]).expect_success();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What it says; nothing is left in the scratch space, whatever that is.
    fn drill(&self, python: Option<&Path>) -> Ran {
        let mut words =
            args!["drill", "-r", self.path("repository"), "--scratch", self.path("scratch")].to_vec();
        words.extend(python.into_iter().flat_map(|python| args!["--python", python]));
        let ran = ours(&self.clock, &words);
        assert_eq!(names(&self.path("scratch")), Vec::<String>::new());
        ran
    }

    fn status(&self) -> Value {
        let ran = ours(&self.clock, &args!["status", "-r", self.path("repository"), "--json"]);
        serde_json::from_slice(&ran.stdout).unwrap()
    }
}

#[test]
fn a_backup_is_restored_checked_and_opened_by_zodb() {
    let site = Site::of("plain.fs");
    assert_eq!(site.status()["drilled"], json!(null));
    let ran = site.drill(Some(&python())).expect_success();
    let told = text(&ran);
    assert!(told.starts_with("restored ") && told.contains("no problem"), "{told}");
    assert!(told.ends_with("the drill succeeded\n"), "{told}");
    assert_eq!(
        (&site.status()["drilled"], &site.status()["problems"]),
        (&json!("2027-01-15T08:00:00Z"), &json!([]))
    );
    let words = args!["drill", "-r", site.path("repository"), "--scratch", site.path("scratch"), "--json"];
    let ran = ours(&site.clock, &words).expect_success();
    let lines: Vec<Value> = text(&ran).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["restored"], &last["sound"], &last["opened"]),
        (&json!(true), &json!(true), &json!(null))
    );
    assert_eq!(of_type(&lines, "restored").len(), 1);
}

#[test]
fn what_is_wrong_with_it_is_told_and_remembered() {
    // It restores, and has references that lead nowhere.
    let site = Site::of("refs.fs");
    let ran = site.drill(None);
    assert_eq!(ran.status, 3);
    assert!(text(&ran).ends_with("but something is wrong with it\n"), "{}", text(&ran));
    assert_eq!(site.status()["problems"], json!(["the last drill failed: repozo drill tells why"]));
    // ZODB cannot open it.
    let site = Site::of("plain.fs");
    let ran = site.drill(Some(Path::new("/bin/false")));
    assert_eq!(ran.status, 3);
    assert!(text(&ran).contains("problem: /bin/false failed: exit status: 1"), "{}", text(&ran));
    // It does not even restore.
    let repository = site.path("repository");
    let full = repository.join(names(&repository).into_iter().find(|name| name.ends_with(".fs")).unwrap());
    let mut bytes = content(&full);
    bytes[100] ^= 1;
    std::fs::write(&full, bytes).unwrap();
    let ran = site.drill(None);
    assert_eq!(ran.status, 3);
    assert!(
        text(&ran).contains("has checksum") && text(&ran).ends_with("it does not restore\n"),
        "{}",
        text(&ran)
    );
}

/// Nothing is proved then, and nothing remembered.
#[test]
fn without_scratch_space_or_backups_it_fails() {
    let site = Site::of("plain.fs");
    std::fs::remove_dir(site.path("scratch")).unwrap();
    let words = args!["drill", "-r", site.path("repository"), "--scratch", site.path("scratch")];
    let ran = ours(&site.clock, &words);
    assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
    let words = args!["drill", "-r", site.path("none"), "--scratch", site.dir.path()];
    assert_eq!(ours(&site.clock, &words).status, 10);
    assert_eq!(site.status()["drilled"], json!(null));
}

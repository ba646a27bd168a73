//! `repozo index`, with ZODB's own index as the truth.

use super::{NOW, args, make_database, of_kind, run};
use crate::common::{content, ours, ours_with};
use serde_json::json;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use testkit::{HookFs, Oracle, TestClock, data, names};

struct Site {
    dir: tempfile::TempDir,
    /// What ZODB makes of it.
    expected: Vec<u8>,
}

impl Site {
    /// A database without an index.
    fn new() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("Data.fs");
        make_database(&file, "600k", 21);
        let out = dir.path().join("by-zodb");
        Oracle::start().ask(&json!({"op": "index", "path": file, "out": out}));
        let expected = content(&out);
        std::fs::remove_file(out).unwrap();
        Site { dir, expected }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn check(&self) -> (u8, String) {
        let ran = run(&args!["index", "--check", self.path("Data.fs")]);
        assert_eq!(ran.stderr, "");
        (ran.status, String::from_utf8(ran.stdout).unwrap())
    }
}

#[test]
fn a_rebuilt_index_is_the_one_that_zodb_writes_and_belongs_to_who_has_the_database() {
    let site = Site::new();
    let (status, told) = site.check();
    assert_eq!((status, told.ends_with("Data.fs.index: it is not there\n")), (3, true), "{told}");
    std::fs::set_permissions(site.path("Data.fs"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let ran = run(&args!["index", "--rebuild", site.path("Data.fs")]).expect_success();
    assert!(String::from_utf8(ran.stdout).unwrap().starts_with("wrote "));
    assert!(content(&site.path("Data.fs.index")) == site.expected);
    let mode = std::fs::metadata(site.path("Data.fs.index")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(names(site.dir.path()).iter().filter(|name| name.ends_with(".part")).count(), 0);
    assert_eq!(site.check(), (0, String::new()));
}

#[test]
fn an_index_that_is_behind_is_right_and_one_that_is_wrong_is_not() {
    let site = Site::new();
    let index = site.path("Data.fs.index");
    std::fs::write(&index, &site.expected).unwrap();
    // A server that runs leaves it behind, and completes it when it starts.
    super::generate(&site.path("Data.fs"), &["--append", "3"]);
    assert_eq!(site.check(), (0, String::new()));
    for (what, damage) in [
        ("cut", site.expected[..site.expected.len() / 2].to_vec()),
        ("empty", Vec::new()),
        ("of another database", content(&data("samples").join("plain.fs.index"))),
        ("one position is another one", {
            let mut bytes = site.expected.clone();
            let at = bytes.len() - 10;
            bytes[at] ^= 1;
            bytes
        }),
    ] {
        std::fs::write(&index, damage).unwrap();
        let (status, told) = site.check();
        assert_eq!(status, 3, "{what}");
        assert!(
            told.lines().all(|line| line.contains("Data.fs.index: ")) && !told.is_empty(),
            "{what}: {told}"
        );
        let checked = run(&args!["check", "--json", site.path("Data.fs")]);
        let found: Vec<_> = of_kind(&checked, "index").iter().map(|line| line["message"].clone()).collect();
        assert_eq!((checked.status, found), (3, told.lines().map(Into::into).collect()), "{what}");
    }
    std::fs::write(&index, &site.expected).unwrap();
    run(&args!["check", site.path("Data.fs")]).expect_success();
}

/// The database grows behind the scan, before the index is read: what is new was told to be no object of it.
#[test]
fn an_index_is_compared_with_what_the_scan_saw_also_while_the_database_grows() {
    for verb in [&["index", "--check"][..], &["check"]] {
        let site = Site::new();
        let (file, index) = (site.path("Data.fs"), site.path("Data.fs.index"));
        std::fs::write(&index, &site.expected).unwrap();
        let (grows, len) = (file.clone(), content(&file).len());
        let mut has_grown = false;
        let fs = HookFs::new(move |call| {
            if call.op == "read_at" && call.path == index && !has_grown {
                has_grown = true;
                super::generate(&grows, &["--append", "3"]);
            }
            Ok(())
        });
        let words = verb.iter().map(Into::into).chain(args![&file]).collect::<Vec<_>>();
        ours_with(&fs, &TestClock::at(NOW), &words).expect_success();
        assert!(content(&file).len() > len, "it grew");
    }
}

#[test]
fn while_a_server_has_the_database_open_nothing_is_written() {
    let site = Site::new();
    let mut oracle = Oracle::start();
    oracle.ask(&json!({"op": "hold_lock", "path": site.path("Data.fs")}));
    let _ = std::fs::remove_file(site.path("Data.fs.index"));
    let ran = run(&args!["index", "--rebuild", site.path("Data.fs")]);
    assert_eq!((ran.status, ran.stderr.lines().count()), (11, 1), "{}", ran.stderr);
    assert!(!site.path("Data.fs.index").exists());
    oracle.ask(&json!({"op": "release_lock", "path": site.path("Data.fs")}));
}

/// Wherever a write fails, the old index is there, or the new one, and nothing that a later run leaves lying.
#[test]
fn the_index_is_the_old_one_or_the_new_one_whatever_fails() {
    let site = Site::new();
    let (file, index) = (site.path("Data.fs"), site.path("Data.fs.index"));
    let clock = TestClock::at(NOW);
    for failing in 0.. {
        std::fs::write(&index, b"old").unwrap();
        let mut writes_count = 0;
        let fs = HookFs::new(move |call| {
            writes_count += usize::from(call.writes());
            let fails = call.writes() && writes_count == failing + 1;
            if fails { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
        });
        let ran = ours_with(&fs, &clock, &args!["index", "--rebuild", &file]);
        let now = content(&index);
        assert!(now == b"old" || now == site.expected, "call {failing}");
        if ran.status == 0 {
            assert!(failing > 3 && now == site.expected);
            break;
        }
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    ours(&clock, &args!["index", "--rebuild", &file]).expect_success();
    assert_eq!(names(site.dir.path()).iter().filter(|name| name.ends_with(".part")).count(), 0);
}

#[test]
fn a_damaged_database_gets_no_index() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("Data.fs");
    std::fs::copy(data("samples").join("bad-trailer.fs"), &file).unwrap();
    let ran = run(&args!["index", "--rebuild", &file]);
    assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1));
    assert!(ran.stderr.contains("@463"), "{}", ran.stderr);
    assert_eq!(names(dir.path()), ["Data.fs"]);
}

/// A review found it: nothing was checked then.
#[test]
fn where_the_index_cannot_be_looked_at_the_database_is_checked_all_the_same() {
    let site = Site::new();
    std::fs::create_dir(site.path("Data.fs.index")).unwrap();
    let ran = run(&args!["check", "--json", site.path("Data.fs")]);
    let found = of_kind(&ran, "index");
    assert_eq!((ran.status, found.len(), of_kind(&ran, "summary")[0]["problems"].as_u64()), (3, 1, Some(1)));
    assert!(found[0]["message"].as_str().unwrap().contains("Data.fs.index"), "{found:?}");
    // What is lost may be in it.
    let damaged = site.path("bad.fs");
    std::fs::copy(data("samples").join("bad-tlen.fs"), &damaged).unwrap();
    std::fs::copy(data("samples").join("plain.fs.index"), site.path("bad.fs.index")).unwrap();
    let found = of_kind(&run(&args!["check", "--json", &damaged]), "index");
    assert_eq!((found.len(), found[0]["severity"].as_str()), (1, Some("note")), "{found:?}");
}

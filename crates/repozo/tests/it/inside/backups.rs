//! Backups are looked into as they are, and what is told is what is told of the database.

use super::{args, generate, make_database, run};
use crate::common::ours;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use testkit::{HookFs, Ran, TestClock, names};

/// A database that grew, and its backups, plain or compressed.
struct Site {
    dir: tempfile::TempDir,
    clock: TestClock,
}

const STAMPS: [&str; 3] = ["2023-11-14-22-13-20", "2023-11-14-22-14-20", "2023-11-14-22-15-20"];

impl Site {
    /// Three backups; the state behind each is kept as `state-N.fs`.
    fn backed_up(flags: &str) -> Site {
        let site = Site { dir: tempfile::tempdir().unwrap(), clock: TestClock::at(1_700_000_000) };
        std::fs::create_dir(site.path("repository")).unwrap();
        let file = site.path("Data.fs");
        for number in 0..STAMPS.len() {
            match number {
                0 => make_database(&file, "700k", 11),
                _ => generate(&file, &["--append", "4"]),
            }
            ours(&site.clock, &args![flags, "-r", site.path("repository"), "-f", &file]).expect_success();
            std::fs::copy(&file, site.path(&format!("state-{number}.fs"))).unwrap();
            site.clock.pass(Duration::from_secs(60));
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn inside(&self, verb: &str, more: &[&str]) -> Ran {
        let mut line = args![verb, "--json", "-r", self.path("repository")].to_vec();
        line.extend(more.iter().map(Into::into));
        run(&line)
    }
}

#[test]
fn a_plain_chain_a_compressed_one_and_the_database_give_the_same_answers() {
    for flags in ["-B", "-Bz"] {
        let site = Site::backed_up(flags);
        for (number, stamp) in STAMPS.into_iter().enumerate() {
            let state = site.path(&format!("state-{number}.fs"));
            for line in [
                &["check", "--deep"][..],
                &["refs", "--garbage"],
                &["log"],
                &["dump"],
                &["tail"],
                &["stats"],
                &["why", "1"],
                &["referrers", "1"],
                &["history", "1"],
                &["cat", "1"],
            ] {
                let (verb, more) = (line[0], &line[1..]);
                let words = line.iter().map(OsString::from).chain(args!["--json", &state]);
                let expected = run(&words.collect::<Vec<_>>());
                assert!(
                    expected.stdout.len() > 50 && expected.stderr.is_empty(),
                    "{verb}: {}",
                    expected.stderr
                );
                assert_eq!(
                    site.inside(verb, &[more, &["--at", stamp]].concat()),
                    expected,
                    "{flags} {verb} at {stamp}"
                );
            }
        }
        let newest = run(&args!["dump", "--json", site.path("state-2.fs")]);
        assert!(site.inside("dump", &[]) == newest, "{flags}");
    }
}

#[test]
fn a_date_before_every_backup_and_a_damaged_list_are_errors_as_of_a_recovery() {
    let site = Site::backed_up("-B");
    let ran = site.inside("check", &["--at", "2020-01-01"]);
    assert_eq!((ran.status, ran.stdout.len(), ran.stderr.lines().count()), (4, 0, 1));
    std::fs::remove_file(site.path("repository").join(format!("{}.deltafs", STAMPS[1]))).unwrap();
    let ran = site.inside("check", &[]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains(&format!("{}.deltafs is missing", STAMPS[1])), "{}", ran.stderr);
    site.inside("check", &["--at", STAMPS[0]]).expect_success();
}

/// Of several files the error has to name the one that could not be read. It was told twice over once, with the
/// error inside of an error.
#[test]
fn a_backup_that_cannot_be_read_is_named() {
    let site = Site::backed_up("-B");
    for name in names(&site.path("repository")).into_iter().filter(|name| name.ends_with("fs")) {
        let bad = site.path("repository").join(&name);
        let is_bad = bad.clone();
        let fs = HookFs::new(move |call| match call.op == "read_at" && call.path == is_bad {
            true => Err(io::Error::from_raw_os_error(5)),
            false => Ok(()),
        });
        let ran = crate::common::ours_with(&fs, &site.clock, &args!["check", "-r", site.path("repository")]);
        assert_eq!(ran.status, 1);
        assert_eq!(ran.stderr, format!("[Errno 5] Input/output error: '{}'\n", bad.display()));
    }
}

#[test]
fn damage_in_a_backup_is_told_with_its_place_in_the_database() {
    let site = Site::backed_up("-B");
    let name = format!("{}.deltafs", STAMPS[1]);
    let path = site.path("repository").join(&name);
    let mut bytes = std::fs::read(&path).unwrap();
    // The length of its first transaction.
    bytes[15] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let start_pos = std::fs::metadata(site.path("state-0.fs")).unwrap().len();
    let ran = run(&args!["check", "-r", site.path("repository")]);
    assert_eq!(ran.status, 3);
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(text.starts_with(&format!("problem: @{start_pos}: ")), "{text}");
}

//! The state behind any transaction is restored, byte by byte, or nothing is.

mod beside;
mod histories;
mod killed;
mod refused;
mod update;
mod zodb;

use crate::common::{args, content, ours};
use crate::safety::Room;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use testkit::{Oracle, Ran};

impl Room {
    fn target(&self) -> PathBuf {
        self.path("Restored.fs")
    }

    fn restore(&self, words: &[&str]) -> Ran {
        let mut all = args!["restore", "-r", self.repository(), "-o", self.target()].to_vec();
        all.extend(words.iter().map(OsString::from));
        ours(&self.clock, &all)
    }

    /// A full and three increments of several transactions each.
    pub(crate) fn long_chain(&mut self, flags: &str) {
        self.backup(flags).expect_success();
        for count in [5, 1, 7] {
            self.pass(60);
            for _ in 0..count {
                self.grow();
            }
            self.backup(flags).expect_success();
        }
    }
}

/// What is there is the database as it was behind its first `number` transactions, and its index is the right one.
#[track_caller]
fn expect_state(room: &Room, number: usize, what: &str) {
    let target = room.target();
    assert!(content(&target) == room.database.up_to(number), "{what}: transaction {number}");
    ours(&room.clock, &args!["index", "--check", &target]).expect_success();
}

#[test]
fn every_transaction_of_every_kind_of_chain_is_restored_as_the_database_was_behind_it() {
    for flags in ["", "z"] {
        let mut room = Room::new();
        room.long_chain(flags);
        for number in 1..=room.database.count() {
            let tid = room.database.tid(number);
            for words in [["--tid", &tid.to_string()], ["--at", &tid.to_string()]] {
                let ran = room.restore(&words).expect_success();
                expect_state(&room, number, flags);
                let told = String::from_utf8(ran.stdout).unwrap();
                let len = room.database.up_to(number).len();
                assert!(
                    told.starts_with(&format!("restored {len} bytes to {}", room.target().display())),
                    "{told}"
                );
                assert!(told.contains(&format!("last transaction: {tid}")), "{told}");
                assert_eq!(ran.stderr, "");
            }
        }
        room.restore(&[]).expect_success();
        expect_state(&room, room.database.count(), "newest");
    }
}

/// Its compressed files are one stream each, in which nothing can be looked up.
#[test]
fn every_transaction_of_what_python_compressed_is_restored() {
    let mut room = Room::new();
    let mut oracle = Oracle::start();
    for _ in 0..3 {
        let args = args!["-Bz", "-r", room.repository(), "-f", room.file()];
        oracle.repozo(&args, room.clock.seconds()).expect_success();
        room.pass(60);
        room.grow();
        room.grow();
    }
    let count = room.database.count() - 2;
    for number in 1..=count {
        room.restore(&["--tid", &room.database.tid(number).to_string()]).expect_success();
        expect_state(&room, number, "Python's");
    }
}

/// A moment between two transactions is that of the first of them; the name of a backup is what it has.
#[test]
fn a_moment_means_the_last_transaction_at_or_before_it() {
    let mut room = Room::new();
    room.long_chain("");
    for number in 1..room.database.count() {
        let between = filestorage::Tid::new(room.database.tid(number + 1).number() - 1);
        room.restore(&["--at", &between.to_string()]).expect_success();
        expect_state(&room, number, "between");
    }
    room.restore(&["--at", "2023-11-14-22-13-20"]).expect_success();
    expect_state(&room, 8, "the first backup");
    room.restore(&["--at", "2023-11-14-22-14-20"]).expect_success();
    expect_state(&room, 13, "the second one");
}

/// The oldest chain that reaches a transaction has the most of that time.
#[test]
fn the_oldest_chain_that_has_it_is_used() {
    let mut room = Room::new();
    room.two_chains();
    let first = room.backups()[0].clone();
    let ran = room.restore(&["--tid", &room.database.tid(3).to_string()]).expect_success();
    assert!(String::from_utf8_lossy(&ran.stdout).contains(&format!(" from {first}")));
    // Only the second chain has the last one.
    let last = room.database.count();
    let ran = room.restore(&["--tid", &room.database.tid(last).to_string()]).expect_success();
    assert!(!String::from_utf8_lossy(&ran.stdout).contains(&first));
    expect_state(&room, last, "the second chain");
}

#[test]
fn a_dry_run_tells_the_plan_and_writes_nothing() {
    let mut room = Room::new();
    room.long_chain("");
    let tid = room.database.tid(10).to_string();
    let ran = room.restore(&["--tid", &tid, "--dry-run", "--json"]).expect_success();
    let plan: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(plan["tid"], tid);
    assert_eq!(plan["next_tid"], room.database.tid(11).to_string());
    assert_eq!(plan["len"], room.database.up_to(10).len());
    assert_eq!(plan["files"].as_array().unwrap().len(), 2);
    assert_eq!((&plan["user"], &plan["description"]), (&"u".into(), &"not".into()));
    assert!(!room.target().exists());
}

/// Where the environment names the repository nobody has to.
#[test]
fn the_repository_may_be_named_by_the_environment() {
    let room = Room::new();
    room.backup("").expect_success();
    let run = |words: &[&str]| {
        crate::common::binary().args(words).env("REPOZO_REPOSITORY", room.repository()).output().unwrap()
    };
    let target = room.target();
    assert!(run(&["restore", "-o", target.to_str().unwrap()]).status.success());
    expect_state(&room, 8, "newest");
    // It is not looked at where a database is named.
    let checked = run(&["log", room.file().to_str().unwrap()]);
    assert_eq!(String::from_utf8(checked.stdout).unwrap().lines().count(), 8);
    let logged = run(&["log"]);
    assert_eq!(String::from_utf8(logged.stdout).unwrap().lines().count(), 8);
}

/// What is done is told on standard error, and never where programs read.
#[test]
fn what_is_done_is_told_if_that_is_wanted() {
    let mut room = Room::new();
    room.long_chain("");
    let quiet = room.restore(&[]).expect_success();
    let verbose = room.restore(&["-v", "--no-progress"]).expect_success();
    assert_eq!((quiet.stderr.as_str(), &quiet.stdout), ("", &verbose.stdout));
    let chunks = verbose.stderr.lines().filter(|line| line.starts_with("Recovered chunk ")).count();
    assert_eq!(chunks, 4, "{}", verbose.stderr);
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

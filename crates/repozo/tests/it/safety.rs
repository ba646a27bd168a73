//! Each thing that Python's repozo gets wrong, and that must not happen here. The numbers are those of the
//! list of weaknesses in `docs/COMPAT.md`.

mod damaged;
mod found;
mod found_again;
mod found_by_sequences;
mod found_third;
mod keeping;
mod names;
mod reconciling;
mod recovering;
mod source;
mod unseen;
mod verifying;
mod writing;

use crate::common::{args, content, ours, ours_with};
use std::path::{Path, PathBuf};
use std::time::Duration;
use testkit::{Database, Ran, TestClock, names as names_in};

/// The time of the first backup: 2023-11-14-22-13-20.
pub(crate) const START: u64 = 1_700_000_000;

/// A database, a repository and a clock, and our program to work on them.
pub(crate) struct Room {
    dir: tempfile::TempDir,
    pub(crate) clock: TestClock,
    pub(crate) database: Database,
}

impl Room {
    pub(crate) fn new() -> Room {
        let room = Room {
            dir: tempfile::tempdir().unwrap(),
            clock: TestClock::at(START),
            database: Database::with_transactions(8),
        };
        std::fs::create_dir(room.repository()).unwrap();
        room.put_database();
        room
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path("Data.fs")
    }

    pub(crate) fn put_database(&self) {
        std::fs::write(self.file(), self.database.bytes()).unwrap();
    }

    /// Adds a transaction to the database on disk.
    pub(crate) fn grow(&mut self) {
        let oid = 100 + self.database.len() % 50;
        self.database.commit(&[(oid, 120), (3, 77)]);
        self.put_database();
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.pass(Duration::from_secs(seconds));
    }

    /// `-B` with these flags.
    pub(crate) fn backup(&self, flags: &str) -> Ran {
        ours(&self.clock, &self.backup_args(flags))
    }

    pub(crate) fn backup_on(&self, fs: &dyn vfs::Fs, flags: &str) -> Ran {
        ours_with(fs, &self.clock, &self.backup_args(flags))
    }

    pub(crate) fn backup_args(&self, flags: &str) -> Vec<std::ffi::OsString> {
        let mut all = args!["-r", self.repository(), "-f", self.file()].to_vec();
        all.insert(0, format!("-B{}", flags.split(' ').next().unwrap_or_default()).into());
        all.extend(flags.split(' ').skip(1).map(std::ffi::OsString::from));
        all
    }

    /// A full, another one, and an increment behind that, a minute each.
    pub(crate) fn two_chains(&mut self) {
        for flags in ["", "F", "Q"] {
            if !self.backups().is_empty() {
                self.pass(60);
                self.grow();
            }
            self.backup(flags).expect_success();
        }
    }

    pub(crate) fn verify(&self) -> Ran {
        ours(&self.clock, &args!["-V", "-r", self.repository()])
    }

    /// `-R` with these flags, to a pipe; panics unless it succeeds.
    #[track_caller]
    pub(crate) fn recovered(&self, flags: &[&str]) -> Vec<u8> {
        let mut all = args!["-R", "-r", self.repository()].to_vec();
        all.extend(flags.iter().map(std::ffi::OsString::from));
        ours(&self.clock, &all).expect_success().stdout
    }

    pub(crate) fn recover_to(&self, path: &Path, flags: &[&str]) -> Ran {
        let mut all = args!["-R", "-r", self.repository(), "-o", path].to_vec();
        all.extend(flags.iter().map(std::ffi::OsString::from));
        ours(&self.clock, &all)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        names_in(&self.repository())
    }

    /// The names of data files.
    pub(crate) fn backups(&self) -> Vec<String> {
        let is_data =
            |name: &String| [".fs", ".fsz", ".deltafs", ".deltafsz"].iter().any(|end| name.ends_with(end));
        self.names().into_iter().filter(is_data).collect()
    }

    pub(crate) fn in_repository(&self, name: &str) -> PathBuf {
        self.repository().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.in_repository(name), bytes).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.in_repository(name)).unwrap();
    }

    pub(crate) fn dat(&self, name: &str) -> String {
        String::from_utf8(content(&self.in_repository(name))).unwrap()
    }

    /// A full and two incrementals, a minute apart; the states of the database at each.
    pub(crate) fn chain_of_three(&mut self) -> Vec<Vec<u8>> {
        let mut states = Vec::new();
        for at in 0..3 {
            if at > 0 {
                self.pass(60);
                self.grow();
            }
            self.backup("Q").expect_success();
            states.push(self.database.bytes().to_vec());
        }
        states
    }
}

/// The stamps of the backups of [`Room::chain_of_three`].
pub(crate) const FULL: &str = "2023-11-14-22-13-20";
pub(crate) const FIRST: &str = "2023-11-14-22-14-20";
pub(crate) const SECOND: &str = "2023-11-14-22-15-20";
/// The stamp of what is made a minute later.
pub(crate) const NEXT: &str = "2023-11-14-22-16-20";

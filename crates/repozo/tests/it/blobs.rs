//! Blobs are backed up with the database, and restored as they were at any transaction; ZODB says what they were.

mod attacked;
mod broken;
mod containers;
mod cut_off;
mod expected;
mod extra;
mod found;
mod histories;
mod interrupted;
mod live;
mod mend;
mod missing;
mod orphans;
mod reflink;
mod sections;
mod shown;
mod unreadable;
mod walk;

use crate::common::{args, content, ours, ours_with};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use testkit::{Ran, TestClock, python, root};

/// What ZODB reads of each record of a blob.
type Blobs = serde_json::Map<String, Value>;

/// A database with blobs, made by ZODB, and a repository.
struct Site {
    dir: tempfile::TempDir,
    clock: TestClock,
}

fn zodb(words: &[&OsStr]) -> Value {
    let ran = Command::new(python()).arg(root().join("tests/oracle/blobs.py")).args(words).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

impl Site {
    fn new(layout: &str) -> Site {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("repository")).unwrap();
        // Later than the transactions, which have the clock of the machine.
        let site = Site { dir, clock: TestClock::at(2_000_000_000) };
        site.zodb("make", &[layout]);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    fn zodb(&self, verb: &str, words: &[&str]) -> Value {
        let mut all = vec![OsStr::new(verb), self.dir.path().as_os_str()];
        all.extend(words.iter().map(OsStr::new));
        zodb(&all)
    }

    /// What ZODB reads now.
    fn blobs(&self) -> Blobs {
        read(&self.path("Data.fs"), &self.path("blobs"))
    }

    fn backup_words(&self, words: &[&str]) -> Vec<OsString> {
        let mut all = args![
            "backup",
            "-r",
            self.repository(),
            self.path("Data.fs"),
            "--blobs",
            self.path("blobs"),
            "--json"
        ]
        .to_vec();
        all.extend(words.iter().map(OsString::from));
        all
    }

    /// A minute later; what it says.
    fn backup(&self, words: &[&str]) -> Value {
        self.clock.pass(Duration::from_secs(60));
        let ran = ours(&self.clock, &self.backup_words(words)).expect_success();
        serde_json::from_slice(&ran.stdout).unwrap()
    }

    /// Into a new directory; where the database and the blobs are.
    fn restore(&self, words: &[&str]) -> (Ran, PathBuf, PathBuf) {
        let dir = tempfile::tempdir_in(self.dir.path()).unwrap().keep();
        let ran = ours(&self.clock, &self.restore_words(&dir, words));
        (ran, dir.join("Data.fs"), dir.join("blobs"))
    }

    fn restore_words(&self, dir: &Path, words: &[&str]) -> Vec<OsString> {
        let (data, blobs) = (dir.join("Data.fs"), dir.join("blobs"));
        let mut all =
            args!["restore", "-r", self.repository(), "-o", data, "--blobs", blobs, "--json"].to_vec();
        all.extend(words.iter().map(OsString::from));
        all
    }

    fn verify(&self) -> Ran {
        ours(&self.clock, &args!["-V", "-r", self.repository()])
    }

    /// The lists of blobs in the repository, by their names.
    fn lists(&self) -> Vec<PathBuf> {
        let files = files_below(&self.repository()).into_iter();
        files.filter(|file| file.extension().is_some_and(|end| end == "blobs")).collect()
    }

    /// The blobs in the repository, by their names.
    fn stored(&self) -> Vec<PathBuf> {
        files_below(&self.repository().join("blobs"))
    }
}

fn read(data: &Path, blobs: &Path) -> Blobs {
    let Value::Object(found) = zodb(&[OsStr::new("read"), data.as_os_str(), blobs.as_os_str()]) else {
        panic!("a map")
    };
    found
}

/// Writes a file that may be there, and may be read-only.
fn write_anew(file: &Path, bytes: &[u8]) {
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bytes).unwrap();
}

/// All files below a directory, in order.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// What a blob directory has, by the path below it.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let blobs = files_below(dir).into_iter().filter(|file| file.extension().is_some_and(|end| end == "blob"));
    blobs.map(|file| (file.strip_prefix(dir).unwrap().to_owned(), content(&file))).collect()
}

#[track_caller]
fn expect_all(found: &Blobs, expected: &Blobs, what: &str) {
    assert!(!expected.is_empty());
    assert!(found.values().all(|content| !content.is_null()), "{what}: blobs are missing: {found:?}");
    assert_eq!(found, expected, "{what}");
}

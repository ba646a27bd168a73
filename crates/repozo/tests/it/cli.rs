//! What the program prints and how it ends, beside Python's repozo wherever that has something to say.

mod dates;
mod endings;
mod paper;
mod paths;
mod recovering;
mod refusals;
mod streams;
mod usage;
mod verbose;
mod verifying;

use crate::common::{content, ours};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::{Database, Oracle, Ran, TestClock, names};

/// 2027-01-15 08:00:00 UTC, where the clock of every site starts.
const EIGHT: u64 = 1_800_000_000;

/// A database and a repository, in a directory of their own.
struct Site {
    dir: TempDir,
    database: Database,
    clock: TestClock,
}

impl Site {
    /// A database with some transactions, and an empty repository.
    fn new() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let site = Site { dir, database: Database::with_transactions(20), clock: TestClock::at(EIGHT) };
        std::fs::create_dir(site.repo()).unwrap();
        site.write_source();
        site
    }

    /// An empty repository, and a clock that is years before the real one, which the binary has.
    fn of_the_past() -> Site {
        let site = Site::new();
        site.clock.go_back(Duration::from_secs(5000 * 86400));
        site
    }

    /// A full of eight o'clock and incrementals of each following hour.
    fn with_backups(options: &str, incremental_count: usize) -> Site {
        let mut site = Site::new();
        site.back_up(options);
        for _ in 0..incremental_count {
            site.grow();
            site.back_up(options);
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    fn target(&self) -> PathBuf {
        self.path("Restored.fs")
    }

    /// A file of the repository.
    fn backup(&self, name: &str) -> PathBuf {
        self.repo().join(name)
    }

    fn write_source(&self) {
        std::fs::write(self.path("Data.fs"), self.database.bytes()).unwrap();
    }

    fn grow(&mut self) {
        self.database.commit(&[(3, 500), (4, 30)]);
        self.write_source();
    }

    /// Makes a backup, and lets an hour pass.
    fn back_up(&self, options: &str) {
        let line = format!("-B -r REPO -f SOURCE {options}");
        self.ours(&line).expect_success();
        self.clock.pass(Duration::from_secs(3600));
    }

    /// The words of a line, with this site's paths for `REPO`, `SOURCE` and `TARGET`.
    fn args(&self, line: &str) -> Vec<OsString> {
        let word = |word: &str| match word {
            "REPO" => self.repo().into(),
            "SOURCE" => self.path("Data.fs").into(),
            "TARGET" => self.target().into(),
            word => word.into(),
        };
        line.split_whitespace().map(word).collect()
    }

    /// Runs ours, and looks at what every run must keep to.
    fn ours(&self, line: &str) -> Ran {
        let ran = ours(&self.clock, &self.args(line));
        assert_tidy(&ran);
        ran
    }

    /// Runs Python's.
    fn pythons(&self, oracle: &mut Oracle, line: &str) -> Ran {
        oracle.repozo(&self.args(line), self.clock.seconds())
    }

    /// Runs both, which must end alike: the same status and output, and what Python says last is in ours.
    fn both(&self, oracle: &mut Oracle, line: &str) -> Ran {
        let (ours, pythons) = (self.ours(line), self.pythons(oracle, line));
        assert_eq!((ours.status, &ours.stdout), (pythons.status, &pythons.stdout), "{line}: {}", ours.stderr);
        let message = last_line(&pythons.stderr);
        assert!(ours.stderr.contains(message), "{line}:\n{message}\nis not in\n{}", ours.stderr);
        ours
    }

    /// Changes a file of the repository.
    fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.backup(name);
        let mut bytes = content(&path);
        change(&mut bytes);
        std::fs::write(path, bytes).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.backup(name)).unwrap();
    }

    /// The names in the repository.
    fn names(&self) -> Vec<String> {
        names(&self.repo())
    }
}

/// No panic, no trace, and every line says something.
#[track_caller]
fn assert_tidy(ran: &Ran) {
    for word in ["panicked", "RUST_BACKTRACE", "Traceback"] {
        assert!(!ran.stderr.contains(word), "{}", ran.stderr);
    }
    assert!(ran.stderr.is_empty() || ran.stderr.ends_with('\n'), "{:?}", ran.stderr);
    assert!(ran.status > 1 || (ran.status == 1) <= !ran.stderr.is_empty(), "a failure without a word");
}

/// Status 1 and nothing but one line, which has all of `words`.
#[track_caller]
fn assert_fails_with_a_line(ran: &Ran, words: &[&str]) {
    assert_tidy(ran);
    assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
    assert!(ran.stdout.is_empty());
    for word in words {
        assert!(ran.stderr.contains(word), "{word:?} is not in {:?}", ran.stderr);
    }
}

/// Status 0, and only warnings on standard error, one for each of `words` and with it.
#[track_caller]
fn assert_succeeds_with_warnings(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), words.len(), "{}", ran.stderr);
    for (line, word) in lines.iter().zip(words) {
        assert!(line.starts_with("warning: ") && line.contains(word), "{word:?} is not in {line:?}");
    }
}

/// Status 0 and not a word.
#[track_caller]
fn assert_succeeds_in_silence(ran: &Ran) {
    assert_succeeds_with_warnings(ran, &[]);
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

/// Waits until something is so, for as long as a slow machine may take.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sends a signal, by its name without `SIG`.
fn send(signal: &str, child: &Child) {
    let line = format!("kill -{signal} {}", child.id());
    assert!(std::process::Command::new("sh").arg("-c").arg(line).status().unwrap().success());
}

/// Writes a sound database of `len` bytes and a little that takes hardly any room: one record of zeros.
fn write_sparse_database(path: &Path, len: u64) {
    use std::io::{Seek, SeekFrom, Write};
    let mut database = Database::new();
    database.commit(&[(0, 0)]);
    let (mut head, total_len) = (database.bytes().to_vec(), database.len() - 4 - 8 + len);
    let trailer_at = head.len() - 8;
    head.truncate(trailer_at);
    head[12..20].copy_from_slice(&total_len.to_be_bytes());
    head[trailer_at - 8..].copy_from_slice(&len.to_be_bytes());
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(&head).unwrap();
    file.seek(SeekFrom::Current(i64::try_from(len).unwrap())).unwrap();
    file.write_all(&total_len.to_be_bytes()).unwrap();
}

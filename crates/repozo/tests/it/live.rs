//! A live database: a ZEO server, clients that commit all the time, and packs, while backups are made of it.
//!
//! | test | what is shown |
//! |---|---|
//! | `backing_up` | every backup is a prefix of the history, and restores to exactly that; the server is not disturbed |
//! | `at_once` | several runs of ours in one repository |
//! | `with_python` | a run of ours and one of Python's in one repository |
//! | `recovering` | `-k` while a recovery reads the same repository |
//!
//! `make live BACKUPS=200` runs them for longer. What is random follows from a seed, which is printed.
#![expect(clippy::print_stdout, reason = "seeds and figures are for who looks at a test")]

mod at_once;
mod backing_up;
mod history;
mod recovering;
pub(crate) mod role;
mod site;
mod stopped;
mod traced;
mod with_python;

use crate::common::{args, run_binary, setting};
use site::{Moment, Site};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use testkit::Ran;

/// Whether `make live` runs the tests, and every case is tried.
fn is_long() -> bool {
    setting::<usize>("REPOZO_LIVE_BACKUPS").is_some()
}

/// The seed of a test, which is shown when it fails.
pub(crate) fn seed() -> u64 {
    let seed = setting("REPOZO_LIVE_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("REPOZO_LIVE_SEED={seed}");
    seed
}

/// The names of the data files in a repository.
pub(crate) fn backups(repository: &Path) -> Vec<String> {
    let is_data =
        |name: &String| [".fs", ".fsz", ".deltafs", ".deltafsz"].iter().any(|end| name.ends_with(end));
    testkit::names(repository).into_iter().filter(is_data).collect()
}

pub(crate) fn stamp(name: &str) -> &str {
    name.split('.').next().unwrap()
}

/// What a file is remembered by.
fn fingerprint(path: &Path) -> (u64, u64) {
    let bytes = crate::common::content(path);
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    (bytes.len() as u64, hasher.finish())
}

/// Backups that were acknowledged, and how they restore.
#[derive(Default)]
struct Acknowledged(BTreeMap<String, (u64, u64)>);

impl Acknowledged {
    /// Recovers every one of them to its date, with every byte checked, and compares. Nothing is said but what
    /// is to be expected.
    #[track_caller]
    fn assert_all_restore(&self, repository: &Path, out: &Path, is_expected: impl Fn(&str) -> bool) {
        for (stamp, expected) in &self.0 {
            let words = args!["-R", "-w", "-D", stamp, "-r", repository, "-o", out];
            let ran = run_binary(&words).expect_success();
            assert!(ran.stderr.lines().all(&is_expected), "{stamp}: {}", ran.stderr);
            assert_eq!(fingerprint(out), *expected, "{stamp} restores to other bytes");
        }
    }
}

/// The words of a backup with these flags.
fn backup_words(flags: &str, repository: &Path, file: &Path) -> Vec<std::ffi::OsString> {
    args![format!("-B{flags}"), "-r", repository, "-f", file].to_vec()
}

fn ran(output: std::process::Output) -> Ran {
    Ran {
        status: u8::try_from(output.status.code().unwrap()).unwrap(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

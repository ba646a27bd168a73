//! For tests only: what several crates' tests need.
//!
//! * [`Database`]: a `Data.fs` in memory, written transaction by transaction.
//! * [`TestClock`]: time that passes when told.
//! * [`HookFs`]: a disk with somebody who is asked before every call.
//! * [`Recorder`]: an observer that remembers.
//! * [`Oracle`]: Python's ZODB and repozo in a process of their own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    reason = "tests speak by panicking, and look at the real disk"
)]

mod clock;
mod database;
mod hook_fs;
mod oracle;
mod recorder;

pub use clock::TestClock;
pub use database::{BLOB_RECORD, Database};
pub use hook_fs::{Call, HookFs};
pub use oracle::{Oracle, Ran, python};
pub use recorder::Recorder;

use std::path::PathBuf;

/// The root of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A file of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    root().join("tests/data").join(name)
}

/// The names in a directory, sorted.
pub fn names(dir: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

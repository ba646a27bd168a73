//! The verbs that look inside, with ZODB's own tools beside them, on databases and on backups that nobody recovered.

mod backups;
mod blobs;
mod endings;
mod index;
mod object;
mod planted;
mod salvage;
mod samples;
mod stats;

use crate::common::{args, ours};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;
use testkit::{Ran, TestClock, python, root};

/// After every transaction of every sample and of every database that is made here.
const NOW: u64 = 1_900_000_000;

fn run(args: &[OsString]) -> Ran {
    ours(&TestClock::at(NOW), args)
}

/// The lines of a run with `--json`.
fn json_lines(ran: &Ran) -> Vec<Value> {
    let text = str::from_utf8(&ran.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A realistic database of about `size` at `path`, as ZODB itself would read it, without an index.
fn make_database(path: &Path, size: &str, seed: u64) {
    let seed = seed.to_string();
    generate(path, &["--size", size, "--seed", &seed, "--index", "none", "--undo", "3"]);
}

/// Makes or grows a database.
fn generate(path: &Path, args: &[&str]) {
    let script = root().join("bench/make_datafs.py");
    let made = Command::new(python()).arg(script).arg(path).args(args).arg("--quiet").output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// What a tool of ZODB prints of a database, without an index beside it; nothing where it ends with a traceback.
fn zodb_prints(module: &str, path: &Path) -> Option<Vec<u8>> {
    let alone = tempfile::tempdir().unwrap();
    let copy = alone.path().join("Data.fs");
    std::fs::copy(path, &copy).unwrap();
    let ran = Command::new(python()).args(["-m", module]).arg(copy).output().unwrap();
    ran.status.success().then_some(ran.stdout)
}

/// What ZODB says of a database, by `tests/oracle/inside.py`.
fn zodb_says(question: &str, words: &[&OsStr]) -> Value {
    let script = root().join("tests/oracle/inside.py");
    let ran = Command::new(python()).arg(script).arg(question).args(words).output().unwrap();
    assert!(ran.status.success(), "{question}: {}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// The lines of this kind.
fn of_kind(ran: &Ran, kind: &str) -> Vec<Value> {
    json_lines(ran).into_iter().filter(|line| line["message_type"] == kind).collect()
}

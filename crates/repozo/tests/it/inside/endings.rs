//! How the verbs end: status and words.

use super::{NOW, args, run};
use crate::common::binary;
use classic::Interrupt;
use repozo::Session;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::Ordering;
use testkit::{TestClock, data};

#[test]
fn what_cannot_be_meant_is_a_usage_error_with_status_2() {
    for line in [
        args!["check"].to_vec(),
        args!["check", "a", "b"].to_vec(),
        args!["check", "Data.fs", "--shallow"].to_vec(),
        args!["refs", "Data.fs", "--format=html"].to_vec(),
        args!["log", "Data.fs", "--since", "tomorrow"].to_vec(),
        args!["log", "Data.fs", "--oid", "x"].to_vec(),
        args!["log", "Data.fs", "--limit", "-1"].to_vec(),
    ] {
        let ran = run(&line);
        assert_eq!((ran.status, ran.stdout.len()), (2, 0), "{line:?}");
        assert!(ran.stderr.starts_with("error: "), "{line:?}: {}", ran.stderr);
    }
}

#[test]
fn help_is_no_error() {
    for line in [args!["help"].to_vec(), args!["check", "--help"].to_vec(), args!["help", "refs"].to_vec()] {
        let ran = run(&line).expect_success();
        assert!(String::from_utf8(ran.stdout).unwrap().contains("Usage: repozo"));
        assert_eq!(ran.stderr, "");
    }
}

#[test]
fn what_is_not_there_or_no_database_is_one_line_and_status_1() {
    let missing = run(&args!["check", "/no/such/Data.fs"]);
    assert_eq!(missing.stderr, "[Errno 2] No such file or directory: '/no/such/Data.fs'\n");
    let table = data("samples").join("EXPECT.tsv");
    let ran = run(&args!["refs", &table]);
    assert_eq!((ran.status, ran.stderr.lines().count(), ran.stdout.len()), (1, 1, 0));
    assert!(ran.stderr.contains("not a FileStorage"), "{}", ran.stderr);
    assert_eq!(missing.status, 1);
    let directory = run(&args!["log", data("samples")]);
    assert_eq!((directory.status, directory.stderr.lines().count()), (1, 1), "{}", directory.stderr);
}

#[test]
fn whoever_tells_that_bytes_are_lost_says_so_with_the_status_too() {
    let path = data("samples").join("bad-tlen.fs");
    for line in [
        args!["check", &path].to_vec(),
        args!["refs", &path].to_vec(),
        args!["history", "1", &path].to_vec(),
        args!["cat", "1", &path].to_vec(),
        args!["log", &path].to_vec(),
        args!["log", "--reverse", &path].to_vec(),
        args!["tail", "-n", "99", &path].to_vec(),
        args!["dump", &path].to_vec(),
        args!["dump", "--format=fsdump", &path].to_vec(),
        args!["stats", &path].to_vec(),
    ] {
        let ran = run(&line);
        let text = String::from_utf8(ran.stdout).unwrap();
        assert!(
            ran.status == 3 && text.contains("@463 to @561") || text.contains("up to @561"),
            "{line:?}: {text}"
        );
        assert_eq!(ran.status, 3, "{line:?}");
    }
}

/// `repozo log Data.fs | head -1`
#[test]
fn who_reads_no_further_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Data.fs");
    super::generate(&path, &["--size", "2M", "--index", "none"]);
    let mut child = binary()
        .args(["log", "--json"])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("transaction"));
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn a_signal_is_the_status_and_nothing_looks_whole() {
    let interrupt = Interrupt::default();
    interrupt.signal().store(15, Ordering::Relaxed);
    let clock = TestClock::at(NOW);
    let zone = jiff::tz::TimeZone::UTC;
    let session = Session {
        fs: &vfs::OsFs,
        clock: &clock,
        interrupt: &interrupt,
        is_terminal: false,
        ask: None,
        zone,
        repository: None,
        config_paths: Vec::new(),
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let line = args!["check", data("samples").join("plain.fs")];
    let status = repozo::run("repozo".as_ref(), &line, &session, &mut stdout, &mut stderr);
    assert_eq!((status, stdout.len()), (143, 0), "{}", String::from_utf8_lossy(&stderr));
}

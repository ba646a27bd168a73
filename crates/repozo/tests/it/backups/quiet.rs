//! `-q`: nothing is said where all went well, and all where it did not.

use super::{of_type, text};
use crate::common::{args, binary, ours};
use crate::safety::Room;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::ffi::OsString;
use std::process::Stdio;
use std::time::{Duration, Instant};
use testkit::python;

impl Room {
    /// All went well, and not a word of that.
    #[track_caller]
    fn in_silence(&self, verb: &str, words: &[&str]) {
        let ran = self.verb(verb, &[words, &["-q"]].concat());
        assert_eq!((ran.status, text(&ran).as_str(), ran.stderr.as_str()), (0, "", ""), "{verb} {words:?}");
    }
}

#[test]
fn verbs_that_do_something_are_silent_when_it_went_well() {
    let mut room = Room::new();
    let (file, target) = (room.file(), room.path("Restored.fs"));
    let (file, target) = (file.to_str().unwrap(), target.to_str().unwrap());
    room.in_silence("backup", &[file]);
    room.pass(60);
    room.grow();
    room.in_silence("backup", &[file, "--full"]);
    assert_eq!(room.backups().len(), 2);
    room.in_silence("restore", &["-o", target]);
    assert_eq!(std::fs::read(target).unwrap(), room.database.bytes());
    room.in_silence("verify", &[]);
    room.in_silence("tag", &["newest", "a-tag"]);
    room.in_silence("hold", &["newest"]);
    room.in_silence("unhold", &["newest"]);
    room.in_silence("repair", &["--apply"]);
    room.in_silence("forget", &["--keep-last", "1", "--apply"]);
    assert_eq!(room.backups().len(), 1);
    let new = room.path("New.fs");
    let ran = ours(&room.clock, &args!["salvage", file, new, "--quiet"]).expect_success();
    assert_eq!((text(&ran), ran.stderr), (String::new(), String::new()));
    let ran = ours(&room.clock, &args!["index", "--rebuild", file, "-q"]).expect_success();
    assert_eq!((text(&ran), ran.stderr), (String::new(), String::new()));
}

#[test]
fn a_drill_and_what_zodb_says_of_it_are_silent() {
    let dir = tempfile::tempdir().unwrap();
    let [repository, scratch] = ["repository", "scratch"].map(|name| dir.path().join(name));
    for dir in [&repository, &scratch] {
        std::fs::create_dir(dir).unwrap();
    }
    let file = testkit::data("samples").join("plain.fs");
    let backup = args!["backup", "-r", &repository, file, "-q"];
    let drill = args!["drill", "-r", &repository, "--scratch", &scratch, "--python", python(), "-q"];
    for words in [backup.to_vec(), drill.to_vec()] {
        let output = binary().args(words).output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        assert_eq!((output.status.code(), str::from_utf8(&told).unwrap()), (Some(0), ""));
    }
    // Otherwise it says that it opened it.
    let output = binary().args(&drill[..drill.len() - 1]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("ZODB opened it"));
}

#[test]
fn a_standby_is_followed_in_silence_and_its_end_is_told() {
    let room = Room::new();
    room.backup("").expect_success();
    let standby = room.path("Standby.fs");
    let words = args!["follow", "-r", room.repository(), "-o", &standby, "-q"];
    let mut command = binary();
    let child = command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !standby.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "there is no standby");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    let [told, wrong] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!((output.status.code(), told.as_str()), (Some(143), ""));
    assert_eq!(wrong, "interrupted by signal 15; run it again\n");
}

#[test]
fn what_is_wrong_is_told_as_without_it() {
    let mut room = Room::new();
    room.two_chains();
    let damaged = room.backups().pop().unwrap();
    room.write(&damaged, b"something else");
    let loud = room.verb("verify", &[]);
    let quiet = room.verb("verify", &["-q"]);
    assert_eq!((quiet.status, text(&quiet), &quiet.stderr), (3, text(&loud), &loud.stderr));
    assert!(text(&quiet).contains("problem: "), "{}", text(&quiet));
    let words = ["-o", room.path("Restored.fs").to_str().unwrap(), "-q"].map(str::to_owned);
    let ran = room.verb("restore", &words.each_ref().map(String::as_str));
    assert!(ran.status != 0 && !ran.stderr.is_empty(), "{}", ran.stderr);
    // A warning is no success that nobody wants to hear of.
    let hooked = ["--hook-before", "exit 7", "-q"];
    let ran = room.verb("backup", &[&[room.file().to_str().unwrap()], &hooked[..]].concat());
    assert_eq!((ran.status, text(&ran)), (1, String::new()));
    assert!(ran.stderr.contains("--hook-before"), "{}", ran.stderr);
}

#[test]
fn verbs_that_are_asked_to_tell_something_tell_it() {
    let mut room = Room::new();
    room.two_chains();
    for (verb, words) in [
        ("list", vec![]),
        ("status", vec![]),
        ("log", vec![]),
        ("restore", vec!["--dry-run"]),
        ("forget", vec!["--keep-last", "1"]),
        ("repair", vec![]),
    ] {
        let (loud, quiet) = (room.verb(verb, &words), room.verb(verb, &[&words[..], &["-q"]].concat()));
        assert!(!quiet.stdout.is_empty(), "{verb}");
        assert_eq!((quiet.status, text(&quiet)), (loud.status, text(&loud)), "{verb}");
    }
    let sample = testkit::data("samples").join("plain.fs");
    let ran = ours(&room.clock, &args!["check", sample, "-q"]).expect_success();
    assert!(text(&ran).contains("no problem"), "{}", text(&ran));
    assert_eq!(room.lines("verify", &["-q"])[0]["message_type"], "summary");
}

#[test]
fn a_run_is_silent_until_its_status_is_wrong() {
    let mut room = Room::new();
    let config = room.path("repozo.toml");
    let (source, repository) = (room.file(), room.repository());
    let profile = format!("[profile.p]\nsource = {source:?}\nrepository = {repository:?}\nkeep-last = 2\n");
    std::fs::write(&config, profile).unwrap();
    let run = |room: &Room, more: &[&str]| {
        let mut words = args!["run", "-P", "p", "--config", &config].to_vec();
        words.extend(more.iter().map(OsString::from));
        ours(&room.clock, &words)
    };
    let ran = run(&room, &["-q"]).expect_success();
    assert_eq!((text(&ran), ran.stderr), (String::new(), String::new()));
    let lines: Vec<Value> = text(&run(&room, &["-q", "--json"]).expect_success())
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(["backup", "status"].map(|kind| of_type(&lines, kind).is_empty()), [false, false]);
    // The file of an older chain is gone.
    room.pass(60);
    room.grow();
    room.backup("F").expect_success();
    let first = room.backups().remove(0);
    room.remove(&first);
    let ran = run(&room, &["-q"]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    let told = text(&ran);
    assert!(told.starts_with("newest backup: ") && told.contains("problem: "), "{told}");
}

#[test]
fn it_cannot_be_quiet_and_tell_what_is_done() {
    let room = Room::new();
    let ran = room.verb("list", &["-q", "-v"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("cannot be used with"), "{}", ran.stderr);
}

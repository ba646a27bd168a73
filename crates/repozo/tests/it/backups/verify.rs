use super::{of_type, text};
use crate::common::{args, content, ours_with};
use crate::safety::Room;
use serde_json::{Value, json};
use std::io;
use testkit::HookFs;

const NOTES: &str = ".repozo-notes.json";

/// Which backups were verified, by `list`.
fn verified(room: &Room) -> Vec<bool> {
    of_type(&room.lines("list", &[]), "backup").iter().map(|backup| !backup["verified"].is_null()).collect()
}

fn summary(room: &Room, words: &[&str]) -> Value {
    let lines = room.lines("verify", words);
    of_type(&lines, "summary")[0].clone()
}

fn damage(room: &Room, name: &str) {
    let mut bytes = content(&room.in_repository(name));
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    room.write(name, &bytes);
}

#[test]
fn what_was_verified_is_remembered_until_it_is_something_else() {
    let mut room = Room::new();
    room.long_chain("");
    assert_eq!(verified(&room), [false; 4]);
    let told = summary(&room, &[]);
    assert_eq!((&told["files"], &told["problems"], &told["left"]), (&json!(4), &json!(0), &json!(0)));
    assert_eq!(told["len"], room.database.len());
    assert_eq!(verified(&room), [true; 4]);
    let lines = room.lines("list", &[]);
    let counts: Vec<_> =
        of_type(&lines, "backup").iter().map(|backup| backup["transactions"].clone()).collect();
    assert_eq!(counts, [8, 5, 1, 7]);
    // Only sizes were looked at.
    room.pass(60);
    room.grow();
    room.backup("").expect_success();
    room.verb("verify", &["--quick"]).expect_success();
    assert_eq!(verified(&room), [true, true, true, true, false]);
    // A damaged file is no more what was verified.
    let name = room.backups()[1].clone();
    damage(&room, &name);
    let ran = room.verb("verify", &[]);
    assert_eq!(ran.status, 3);
    assert!(text(&ran).contains(&format!("{name} has checksum ")), "{}", text(&ran));
    assert_eq!(verified(&room), [true, false, true, true, true]);
}

/// One after the other gets its turn, and then the first one again.
#[test]
fn a_sample_goes_on_with_what_was_verified_longest_ago() {
    let mut room = Room::new();
    room.long_chain("");
    for expected in [
        [true, false, false, false],
        [true, true, false, false],
        [true, true, true, false],
        [true, true, true, true],
    ] {
        room.pass(1);
        let told = summary(&room, &["--sample", "1%"]);
        assert_eq!((&told["files"], &told["problems"]), (&json!(1), &json!(0)));
        assert_eq!(verified(&room), expected);
    }
    let times = |room: &Room| {
        let lines = room.lines("list", &[]);
        of_type(&lines, "backup").iter().map(|backup| backup["verified"].to_string()).collect::<Vec<_>>()
    };
    let before = times(&room);
    room.pass(1);
    room.verb("verify", &["--sample", "1%"]).expect_success();
    let after = times(&room);
    assert!(before[0] < after[0] && before[1..] == after[1..]);
    assert_eq!(summary(&room, &["--sample", "100%"])["files"], 4);
}

#[test]
fn when_the_time_is_over_the_rest_is_left_for_the_next_time() {
    let mut room = Room::new();
    room.long_chain("");
    let told = summary(&room, &["--max-duration", "0s"]);
    assert_eq!((&told["files"], &told["left"]), (&json!(1), &json!(3)));
    let told = summary(&room, &["--max-duration", "1h"]);
    assert_eq!((&told["files"], &told["left"]), (&json!(4), &json!(0)));
}

#[test]
fn the_state_of_a_moment_is_verified_without_what_it_does_not_need() {
    let mut room = Room::new();
    room.long_chain("z");
    let names = room.backups();
    damage(&room, &names[2]);
    let tid = |number: usize| room.database.tid(number).to_string();
    room.verb("verify", &["--at", &tid(12)]).expect_success();
    let ran = room.verb("verify", &["--at", &tid(15)]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert!(text(&ran).starts_with("problem: "), "{}", text(&ran));
    assert_eq!(room.verb("verify", &["--at", "2001-01-01"]).status, 4);
}

/// The memory may be damaged or of nobody knows whom: that is told, and all else goes on.
#[test]
fn a_damaged_memory_costs_nothing_but_what_it_says() {
    let mut room = Room::new();
    room.long_chain("");
    room.verb("verify", &[]).expect_success();
    let good = content(&room.in_repository(NOTES));
    for bad in [&good[..good.len() - 1], br#"{"repozo_notes":99}"#, br#"{"repozo_notes":1,"files":3}"#] {
        room.write(NOTES, bad);
        let ran = room.verb("list", &[]).expect_success();
        assert!(ran.stderr.starts_with("warning: ") && ran.stderr.contains(NOTES), "{}", ran.stderr);
        room.verb("verify", &[]).expect_success();
        assert_eq!(verified(&room), [true; 4]);
    }
    // What is none is not written over.
    room.write(NOTES, b"somebody's own");
    let ran = room.verb("verify", &[]).expect_success();
    assert!(ran.stderr.contains("cannot be remembered"), "{}", ran.stderr);
    assert_eq!(content(&room.in_repository(NOTES)), b"somebody's own");
}

#[test]
fn a_repository_that_can_only_be_read_is_verified() {
    let mut room = Room::new();
    room.long_chain("");
    let fs = HookFs::new(|call| match call.op {
        "create" | "rename" | "link" => Err(io::Error::from_raw_os_error(30)),
        _ => Ok(()),
    });
    let ran = ours_with(&fs, &room.clock, &args!["verify", "-r", room.repository()]).expect_success();
    assert!(ran.stderr.contains("Read-only file system"), "{}", ran.stderr);
    assert!(!room.names().contains(&NOTES.to_owned()));
}

/// Python's repozo and ours do not stumble over the memory, and a draft of it that a crash left goes with the next backup.
#[test]
fn the_memory_is_in_nobodys_way() {
    let mut room = Room::new();
    room.long_chain("");
    room.verb("verify", &[]).expect_success();
    let draft = format!("{NOTES}.0123456789abcdef.part");
    room.write(&draft, b"{");
    let mut oracle = testkit::Oracle::start();
    oracle.repozo(&args!["-V", "-r", room.repository()], room.clock.seconds()).expect_success();
    room.pass(60);
    room.grow();
    room.backup("").expect_success();
    assert!(!room.names().contains(&draft) && room.names().contains(&NOTES.to_owned()), "{:?}", room.names());
    oracle.repozo(&args!["-V", "-r", room.repository()], room.clock.seconds()).expect_success();
    assert_eq!(room.recovered(&[]), room.database.bytes());
}

/// A sample that finds nothing says nothing of what it did not look at. It said once that all was well with a repository
/// without backups, with lists that were missing, and behind a verification that had found what only that finds.
#[test]
fn a_sample_does_not_take_back_what_is_known() {
    let mut room = Room::new();
    assert_eq!(room.verb("verify", &["--sample", "100%"]).status, 10);
    room.long_chain("");
    let names = room.backups();
    damage(&room, &names[2]);
    let ran = room.verb("verify", &["--sample", "100%"]);
    assert_eq!(ran.status, 3);
    let ran = room.verb("status", &["--format", "nagios"]);
    assert_eq!((ran.status, ran.stdout.starts_with(b"REPOZO CRITICAL")), (2, true));
    assert_eq!(room.verb("list", &[]).status, 3);
    // Until it is right again.
    damage(&room, &names[2]);
    room.verb("verify", &["--sample", "100%"]).expect_success();
    room.verb("status", &[]).expect_success();
    // What only the lists show.
    room.remove(&names[1]);
    for words in [&["--sample", "100%"][..], &["--max-duration", "1h"], &["--quick"], &[]] {
        let ran = room.verb("verify", words);
        assert_eq!(ran.status, 3, "{words:?}");
        assert!(text(&ran).contains(&format!("{} is missing", names[1])), "{words:?}: {}", text(&ran));
    }
    room.verb("verify", &["--max-duration", "1h"]);
    assert!(text(&room.verb("status", &[])).contains("the last verification found"));
}

/// What `restore` refuses is a problem here, too.
#[test]
fn what_is_no_database_is_a_problem() {
    let room = Room::new();
    room.backup("").expect_success();
    let name = room.backups()[0].clone();
    let bytes = [b"XXXX", &content(&room.in_repository(&name))[4..]].concat();
    room.write(&name, &bytes);
    let line =
        format!("{}/{name} 0 {} {}\n", room.repository().display(), bytes.len(), classic::Sum::of(&bytes));
    room.write(&name.replace(".fs", ".dat"), line.as_bytes());
    for verb in ["verify", "list", "status"] {
        assert_eq!(room.verb(verb, &[]).status, 3, "{verb}");
    }
}

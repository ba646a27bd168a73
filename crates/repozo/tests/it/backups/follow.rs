//! A warm standby follows the backups, and stops before it would lose what only it has.

use crate::common::{args, binary, content};
use crate::safety::Room;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};
use vfs::{Fs, LockKind, OsFs};

/// A process that follows, and its lines.
struct Following {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Following {
    fn begin(room: &Room) -> Following {
        let words = args![
            "follow",
            "-r",
            room.repository(),
            "-o",
            room.path("Standby.fs"),
            "--interval",
            "1s",
            "--json"
        ];
        let mut command = binary();
        let mut child = command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Following { child, lines }
    }

    /// What became of the standby next; waits until something does.
    fn next(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let told: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("it ended: {:?}", self.rest()));
        told["change"].as_str().unwrap().to_owned()
    }

    /// The status when it ends, and what it said.
    fn rest(&mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().code(), text)
    }

    fn stop(&mut self) -> (Option<i32>, String) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        self.rest()
    }
}

fn grow_and_backup(room: &mut Room, flags: &str) {
    room.pass(60);
    room.grow();
    room.backup(flags).expect_success();
}

#[test]
fn a_standby_gets_every_backup_until_a_signal_comes() {
    let mut room = Room::new();
    room.backup("").expect_success();
    let mut following = Following::begin(&room);
    assert_eq!(following.next(), "written");
    for flags in ["Q", "Qz", ""] {
        grow_and_backup(&mut room, flags);
        assert_eq!(following.next(), "grown");
        assert!(content(&room.path("Standby.fs")) == room.database.bytes());
    }
    room.pass(60);
    room.database.pack(2);
    room.grow();
    room.backup("Q").expect_success();
    assert_eq!(following.next(), "replaced", "the database was packed");
    assert!(content(&room.path("Standby.fs")) == room.database.bytes());
    let (status, text) = following.stop();
    assert_eq!((status, text.as_str()), (Some(143), "interrupted by signal 15; run it again\n"));
    // It goes on where it was.
    let mut following = Following::begin(&room);
    assert_eq!(following.next(), "unchanged");
    grow_and_backup(&mut room, "Q");
    assert_eq!(following.next(), "grown");
    following.stop();
}

/// Somebody put the standby into service: what was committed there is in no backup.
#[test]
fn a_standby_that_was_written_to_is_left_alone() {
    let mut room = Room::new();
    room.backup("").expect_success();
    let mut following = Following::begin(&room);
    assert_eq!(following.next(), "written");
    let mut standby = testkit::Database::with_transactions(8);
    standby.set_minute(600);
    standby.commit(&[(77, 5000)]);
    // Another time: no two servers commit at the same microsecond.
    let mut other = testkit::Database::of_another_history(9);
    other.set_minute(700);
    other.commit(&[(1, 50)]);
    for ahead in [standby.bytes().to_vec(), other.bytes().to_vec()] {
        // At once: half of it would be no database, and no business of anybody.
        std::fs::write(room.path("ahead"), &ahead).unwrap();
        std::fs::rename(room.path("ahead"), room.path("Standby.fs")).unwrap();
        grow_and_backup(&mut room, "Q");
        let (status, text) = following.rest();
        assert_eq!(status, Some(4), "{text}");
        assert!(text.contains("which no backup has: was it put into service?"), "{text}");
        assert!(content(&room.path("Standby.fs")) == ahead);
        following = Following::begin(&room);
    }
    assert_eq!(following.rest().0, Some(4), "and when it is begun again");
}

/// Snapshots by hard links are usual; a standby that has one is written as a whole, but not what only it has.
#[test]
fn a_standby_with_a_second_name_that_was_written_to_is_left_alone() {
    let room = Room::new();
    room.backup("").expect_success();
    let mut standby = testkit::Database::with_transactions(8);
    standby.set_minute(600);
    standby.commit(&[(77, 50)]);
    std::fs::write(room.path("Standby.fs"), standby.bytes()).unwrap();
    std::fs::hard_link(room.path("Standby.fs"), room.path("snapshot")).unwrap();
    let (status, text) = Following::begin(&room).rest();
    assert_eq!(status, Some(4), "{text}");
    assert!(content(&room.path("Standby.fs")) == standby.bytes());
}

/// Symptom: it was taken for one that was put into service, for ever. What a growth of its own left is nobody's.
#[test]
fn a_standby_that_died_while_it_grew_is_gone_on_with_after_a_pack() {
    let mut room = Room::new();
    room.backup("").expect_success();
    let old = room.database.bytes().to_vec();
    grow_and_backup(&mut room, "Q");
    let mut half = room.database.bytes()[..room.database.bytes().len() - 20].to_vec();
    half[old.len() + 16] = b'c';
    std::fs::write(room.path("Standby.fs"), &half).unwrap();
    std::fs::write(room.path("Standby.fs.growing"), format!("{}\n", old.len())).unwrap();
    room.pass(60);
    room.database.pack(5);
    room.grow();
    room.backup("Q").expect_success();
    let mut following = Following::begin(&room);
    assert_eq!(following.next(), "replaced");
    assert!(content(&room.path("Standby.fs")) == room.database.bytes());
    following.stop();
}

#[test]
fn a_standby_that_a_server_opened_is_left_alone() {
    let mut room = Room::new();
    room.backup("").expect_success();
    let mut following = Following::begin(&room);
    assert_eq!(following.next(), "written");
    let before = content(&room.path("Standby.fs"));
    std::fs::write(room.path("Standby.fs.lock"), "").unwrap();
    let _server = OsFs.try_lock(&room.path("Standby.fs.lock"), LockKind::Exclusive).unwrap().unwrap();
    grow_and_backup(&mut room, "Q");
    let (status, text) = following.rest();
    assert_eq!(status, Some(11), "{text}");
    assert!(content(&room.path("Standby.fs")) == before);
}

/// A backup that is damaged is told, and the next one, which is sound, is followed.
#[test]
fn what_fails_is_told_and_tried_again() {
    let mut room = Room::new();
    room.backup("").expect_success();
    let mut following = Following::begin(&room);
    assert_eq!(following.next(), "written");
    let mut errors = BufReader::new(following.child.stderr.take().unwrap());
    // Put there at once: a sound one would be followed before it is damaged.
    let aside = room.path("aside");
    std::fs::rename(room.repository(), &aside).unwrap();
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    assert!(line.contains("it is tried again"), "{line}");
    room.pass(60);
    room.grow();
    std::fs::rename(&aside, room.repository()).unwrap();
    room.backup("Q").expect_success();
    assert_eq!(following.next(), "grown");
    assert!(content(&room.path("Standby.fs")) == room.database.bytes());
    following.child.stderr = Some(errors.into_inner());
    assert_eq!(following.stop().0, Some(143));
}

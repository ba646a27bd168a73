//! A database that was put back, or packed, between its backups: what is restored is what was there, or nothing is. Found by an
//! adversary, who got older and empty states with status 0.

use super::expect_state;
use super::refused::expect_refusal;
use crate::safety::Room;
use testkit::Database;

impl Room {
    /// Transactions at these minutes behind 22:13, and a backup at another one.
    fn commit_and_back_up(&mut self, minutes: &[u64], made: u64, flags: &str) {
        for minute in minutes {
            self.database.set_minute(*minute);
            self.database.commit(&[(*minute % 5, 60)]);
        }
        self.put_database();
        self.clock_at(made);
        self.backup(flags).expect_success();
    }

    /// Sets the clock to so many minutes behind 22:13:20.
    fn clock_at(&mut self, minute: u64) {
        let passed = self.clock.seconds() - crate::safety::START;
        self.pass(minute * 60 - passed);
    }

    fn empty() -> Room {
        let mut room = Room::new();
        room.database = Database::new();
        room
    }
}

fn at(minute: u64) -> String {
    format!("2023-11-14T22:{:02}:30Z", 13 + minute)
}

/// Ten transactions, the last one in minute 10, backed up in minute 12; at minute 20 put back to the fifth one.
fn put_back() -> Room {
    let mut room = Room::empty();
    room.commit_and_back_up(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 12, "");
    room
}

#[test]
fn a_backup_proves_what_was_there_until_it_was_made() {
    let mut room = put_back();
    let whole = room.database.clone();
    room.database.put_back(5);
    room.commit_and_back_up(&[22], 24, "F");
    let regrown = std::mem::replace(&mut room.database, whole);
    // Minute 11 is behind the last transaction and before the backup: the tenth is the last one, not the fifth.
    room.restore(&["--at", &at(11)]).expect_success();
    expect_state(&room, 10, "before it was put back");
    room.database = regrown;
    room.restore(&["--at", &at(22)]).expect_success();
    expect_state(&room, 6, "behind it");
    // When it was put back nobody knows: one chain says the tenth, and the other one the fifth.
    for minute in [13, 21] {
        expect_refusal(&room, &["--at", &at(minute)], 4, &["is not known", "--tid"]);
    }
}

#[test]
fn a_database_that_was_replaced_by_an_empty_or_a_shorter_one_is_no_answer() {
    for is_empty in [true, false] {
        let mut room = put_back();
        let whole = room.database.clone();
        if is_empty {
            room.database = Database::new();
        } else {
            room.database.put_back(5);
        }
        room.commit_and_back_up(&[], 24, "F");
        expect_refusal(&room, &["--at", &at(15)], 4, &["is not known"]);
        room.database = whole;
        room.restore(&["--at", &at(11)]).expect_success();
        expect_state(&room, 10, "the chain of before");
    }
}

/// The later chain was packed, the earlier one was made behind the moment: it has the state, whole.
#[test]
fn a_chain_that_was_not_packed_goes_before_one_that_was() {
    let mut room = Room::empty();
    room.commit_and_back_up(&[1, 2], 10, "");
    let whole = room.database.clone();
    room.database.set_minute(15);
    room.database.commit(&[(3, 60)]);
    let mut bytes = room.database.bytes().to_vec();
    for end in &room.database.ends()[..3] {
        bytes[usize::try_from(*end).unwrap() + 16] = b'p';
    }
    room.database = Database::of_bytes(&bytes);
    room.commit_and_back_up(&[18], 20, "F");
    room.database = whole;
    room.restore(&["--at", &at(5)]).expect_success();
    expect_state(&room, 2, "the first chain");
    expect_refusal(&room, &["--at", &at(12)], 4, &["--even-packed"]);
}

/// What cannot be read may be what is wanted: it is told, or nothing is restored.
#[test]
fn a_chain_that_cannot_be_used_is_never_passed_over_in_silence() {
    for damage in ["short", "list", "gone"] {
        let mut room = put_back();
        let (full, dat) = (room.backups()[0].clone(), room.names()[0].clone());
        let tid = room.database.tid(8).to_string();
        room.database.put_back(5);
        room.commit_and_back_up(&[22], 24, "F");
        let bytes = crate::common::content(&room.in_repository(&full));
        match damage {
            "short" => room.write(&full, &bytes[..bytes.len() - 30]),
            "list" => room.remove(&dat),
            _ => room.remove(&full),
        }
        // Nobody else has it.
        expect_refusal(&room, &["--tid", &tid], 1, &[&full[..19]]);
        // By its name it is that backup, or none.
        expect_refusal(&room, &["--at", &full[..19]], 1, &[]);
        // Another one answers, and that this one could not is told.
        let ran = room.restore(&["--at", &at(8)]).expect_success();
        assert!(
            ran.stderr.contains("passed over") && ran.stderr.contains(&full[..19]),
            "{damage}: {}",
            ran.stderr
        );
    }
}

/// Of two of one second the later one has the former in it.
#[test]
fn the_name_of_two_backups_means_both() {
    let mut room = Room::new();
    let mut oracle = testkit::Oracle::start();
    for _ in 0..2 {
        let args = crate::common::args!["-B", "-r", room.repository(), "-f", room.file()];
        oracle.repozo(&args, room.clock.seconds()).expect_success();
        room.grow();
    }
    assert_eq!(room.backups().len(), 2);
    room.restore(&["--at", "2023-11-14-22-13-20"]).expect_success();
    expect_state(&room, 9, "both");
}

/// The clock was ahead when the first backup was made: its name is no proof that nothing more was committed. The state that
/// has most of what was committed until the moment is the answer, whole or cut.
#[test]
fn of_several_backups_that_were_made_behind_the_moment_the_one_that_has_most_of_it_answers() {
    for later_minutes in [&[6, 7][..], &[6, 7, 20]] {
        let mut room = Room::empty();
        room.commit_and_back_up(&[1, 2, 3], 30, "");
        room.commit_and_back_up(later_minutes, 40, "F");
        room.restore(&["--at", &at(8)]).expect_success();
        expect_state(&room, 5, "what the second chain has of it");
    }
}

/// Two increments whose full is gone, and a later chain: the one that was asked for is told, and its full while a list names it.
#[test]
fn an_increment_without_its_full_is_told_by_its_name() {
    let mut room = put_back();
    let (dat, full) = (room.names()[0].clone(), room.backups()[0].clone());
    for (minute, flags) in [(14, "Q"), (16, "Q"), (18, "F")] {
        room.commit_and_back_up(&[minute], minute + 1, flags);
    }
    room.remove(&full);
    let increments = room.backups().into_iter().filter(|name| name.ends_with(".deltafs")).collect::<Vec<_>>();
    assert_eq!(increments.len(), 2);
    for name in &increments {
        expect_refusal(&room, &["--at", &name[..19]], 1, &[&full, "is missing"]);
    }
    room.remove(&dat);
    for name in &increments {
        expect_refusal(&room, &["--at", &name[..19]], 1, &[name]);
    }
}

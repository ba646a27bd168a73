//! Names are times (weaknesses 1 and 20).

use super::{FULL, Room, START};
use std::time::{Duration, SystemTime};

/// Python gives both the same base name, and never finds the incremental again.
#[test]
fn two_backups_in_one_second_get_two_names() {
    let mut room = Room::new();
    room.backup("").expect_success();
    room.grow();
    room.backup("Q").expect_success();
    assert_eq!(room.backups(), [format!("{FULL}.fs"), "2023-11-14-22-13-21.deltafs".to_owned()]);
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

#[test]
fn a_clock_that_went_back_a_little_is_waited_for() {
    let mut room = Room::new();
    room.backup("").expect_success();
    room.clock.go_back(Duration::from_millis(900));
    room.grow();
    room.backup("Q").expect_success();
    assert_eq!(room.backups().len(), 2);
    assert!(room.backups().is_sorted());
    assert_eq!(room.recovered(&[]), room.database.bytes());
}

/// A clock that shows the same time after the wait that was to give it another one.
struct StandingClock;

impl classic::Clock for StandingClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(START)
    }

    fn wait(&self, _duration: Duration) {}
}

#[test]
fn a_clock_that_stands_still_gives_no_second_backup_the_name_of_the_first() {
    let mut room = Room::new();
    room.backup("").expect_success();
    let before = room.names();
    room.grow();
    let ran = crate::common::ours_with(&vfs::OsFs, &StandingClock, &room.backup_args("Q"));
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains(&format!("the clock shows {FULL}")), "{}", ran.stderr);
    assert_eq!(room.names(), before);
}

#[test]
fn a_clock_that_went_back_far_is_an_error_that_says_what_to_do() {
    for flags in ["", "Q", "F", "Fk"] {
        let mut room = Room::new();
        room.backup("").expect_success();
        let before = room.names();
        room.clock.go_back(Duration::from_secs(3600));
        room.grow();
        let ran = room.backup(flags);
        assert_eq!(ran.status, 1, "{flags}");
        assert!(ran.stderr.contains("the clock shows 2023-11-14-21-13-20"), "{}", ran.stderr);
        assert!(ran.stderr.contains(FULL) && ran.stderr.contains("set the clock right"), "{}", ran.stderr);
        assert_eq!(room.names(), before, "{flags}: nothing written, nothing deleted");
    }
}

/// Python does not see a backup whose name is in the future, makes another full, and with `-k` keeps the one
/// of the future and deletes the one that it just made.
#[test]
fn a_backup_of_the_future_is_seen_by_recover_verify_and_backup() {
    let room = Room::new();
    room.backup("").expect_success();
    room.clock.go_back(Duration::from_secs(3600));
    assert_eq!(room.recovered(&[]), room.database.bytes());
    room.verify().expect_success();
    room.backup("").expect_success();
    assert_eq!(room.backups().len(), 1, "nothing changed, so no name is needed");
}

#[test]
fn nothing_that_is_there_is_ever_overwritten() {
    let room = Room::new();
    // A directory with the very name: no listing of data files can tell that it is none.
    std::fs::create_dir(room.in_repository(&format!("{FULL}.fs"))).unwrap();
    let ran = room.backup("");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(room.recovered(&[]), room.database.bytes());
}

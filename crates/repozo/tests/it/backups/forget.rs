use super::{of_type, text};
use crate::common::{args, ours, ours_with};
use crate::safety::Room;
use serde_json::Value;
use std::io;
use std::time::Duration;
use testkit::HookFs;

impl Room {
    /// A backup each day, a full on each third; the states behind them, by name.
    fn days(&mut self, count: usize) -> Vec<(String, Vec<u8>)> {
        let mut states = Vec::new();
        for day in 0..count {
            self.grow();
            self.backup(if day % 3 == 0 { "F" } else { "" }).expect_success();
            let name = self.backups().last().unwrap().clone();
            states.push((name, self.database.bytes().to_vec()));
            self.pass(86_400);
        }
        states
    }

    fn forget(&self, words: &str) -> testkit::Ran {
        self.verb("forget", &words.split(' ').collect::<Vec<_>>())
    }
}

/// What is kept is there, as it was, and nothing else is.
#[track_caller]
fn expect_kept(room: &Room, states: &[(String, Vec<u8>)], kept: &[usize]) {
    let names: Vec<_> = kept.iter().map(|at| states[*at].0.clone()).collect();
    assert_eq!(room.backups(), names);
    for at in kept {
        assert_eq!(room.recovered(&["-w", "-D", &states[*at].0[..19]]), states[*at].1, "{}", states[*at].0);
    }
    assert_eq!(room.verify().status, 0);
    let indexes = room.names().into_iter().filter(|name| name.ends_with(".index")).count();
    assert_eq!(indexes, kept.len());
}

#[test]
fn what_the_policy_does_not_keep_goes_and_all_else_restores() {
    let mut room = Room::new();
    let states = room.days(8);
    // The third, seventh and eighth day; the seventh is a full, and the third builds on two.
    let stamp = states[2].0[..19].to_owned();
    room.verb("tag", &[&stamp, "release-1.2"]).expect_success();
    room.forget("--keep-last 2 --keep-tag release-1.2 --apply").expect_success();
    expect_kept(&room, &states, &[0, 1, 2, 6, 7]);
    assert!(room.names().contains(&format!("{stamp}.tags")));
    // Without its tag the end of its chain, and then all of it.
    room.verb("tag", &["--remove", &stamp, "release-1.2"]).expect_success();
    assert!(!room.names().contains(&format!("{stamp}.tags")));
    room.verb("hold", &[&states[0].0]).expect_success();
    room.forget("--keep-last 1 --apply").expect_success();
    expect_kept(&room, &states, &[0, 6, 7]);
    room.verb("unhold", &[&states[0].0]).expect_success();
    room.forget("--keep-last 1 --apply").expect_success();
    expect_kept(&room, &states, &[6, 7]);
    // And it goes on.
    room.grow();
    room.backup("").expect_success();
    assert_eq!(room.backups().len(), 3);
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

#[test]
fn without_apply_it_is_only_told_and_why() {
    let mut room = Room::new();
    let states = room.days(5);
    let before = room.names();
    let ran = room.forget("--keep-daily 2").expect_success();
    assert_eq!(room.names(), before);
    let told = text(&ran);
    let rows: Vec<_> = told.lines().skip(1).map(|line| line.split_whitespace().last().unwrap()).collect();
    assert_eq!(&rows[..5], ["remove", "remove", "remove", "upon", "daily"], "{told}");
    assert!(
        told.contains("newest, latest transaction, daily\n") && told.contains("daily, built upon\n"),
        "{told}"
    );
    assert!(told.ends_with("--apply does it\n") && told.contains("would remove 3 backups of 5"), "{told}");
    let lines = room.lines("forget", &["--keep-daily", "2"]);
    let summary = of_type(&lines, "summary")[0];
    assert_eq!((&summary["applied"], &summary["removed"]), (&Value::from(false), &Value::from(3)));
    let len: u64 =
        states[..3].iter().map(|(name, _)| room.in_repository(name).metadata().unwrap().len()).sum();
    assert_eq!(summary["removed_len"], len);
}

#[test]
fn a_policy_that_keeps_nothing_is_refused() {
    let mut room = Room::new();
    let states = room.days(4);
    assert_eq!(room.verb("forget", &["--apply"]).status, 2);
    let ran = room.forget("--keep-last 0 --apply");
    assert_eq!((ran.status, ran.stderr.lines().count()), (4, 1), "{}", ran.stderr);
    assert_eq!(room.backups().len(), states.len());
    // The newest one stays in any case.
    room.forget("--keep-within 1s --apply").expect_success();
    expect_kept(&room, &states, &[3]);
}

/// The newest chain lost a file: the one before it is the newest that restores.
#[test]
fn no_chain_goes_for_one_with_a_problem() {
    let mut room = Room::new();
    let states = room.days(8);
    room.remove(&states[6].0);
    room.forget("--keep-last 1 --apply").expect_success();
    assert_eq!(room.backups(), [&states[3].0, &states[4].0, &states[5].0, &states[7].0].map(Clone::clone));
    assert_eq!(room.recovered(&["-D", &states[5].0[..19]]), states[5].1);
}

/// Neither verb nor `-k`, until it is let go; and if nobody can tell whether it is held, it is.
#[test]
fn what_is_held_stays() {
    let mut room = Room::new();
    let states = room.days(4);
    let stamp = &states[1].0[..19];
    room.verb("hold", &[stamp]).expect_success();
    room.grow();
    let ran = room.backup("Fk").expect_success();
    assert!(ran.stderr.contains("it is held"), "{}", ran.stderr);
    assert_eq!(room.recovered(&["-D", stamp]), states[1].1);
    room.write(&format!("{stamp}.tags"), b"\xff");
    room.pass(60);
    room.grow();
    room.backup("Fk").expect_success();
    assert_eq!(room.recovered(&["-D", stamp]), states[1].1);
    let ran = room.forget("--keep-last 1 --apply");
    assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
    room.verb("unhold", &[stamp]);
    room.remove(&format!("{stamp}.tags"));
    room.pass(60);
    room.grow();
    room.backup("Fk").expect_success();
    assert_eq!(room.backups().len(), 1);
}

#[test]
fn a_chain_that_is_being_read_stays_and_that_is_told() {
    let mut room = Room::new();
    let states = room.days(4);
    let full = room.in_repository(&states[0].0);
    let reading = vfs::Fs::try_lock(&vfs::OsFs, &full, vfs::LockKind::Shared).unwrap().unwrap();
    let ran = room.forget("--keep-last 1 --apply").expect_success();
    assert!(
        ran.stderr.contains("it is being read") && text(&ran).contains("removed 0 backups"),
        "{}",
        text(&ran)
    );
    assert_eq!(room.backups().len(), 4);
    drop(reading);
    room.forget("--keep-last 1 --apply").expect_success();
    expect_kept(&room, &states, &[3]);
}

#[test]
fn while_another_run_is_at_work_nothing_is_changed() {
    let mut room = Room::new();
    room.days(4);
    let lock = vfs::Fs::try_lock(&vfs::OsFs, &room.repository(), vfs::LockKind::Exclusive).unwrap().unwrap();
    assert_eq!(room.forget("--keep-last 1 --apply").status, 11);
    assert_eq!(room.verb("hold", &["newest"]).status, 11);
    drop(lock);
    assert_eq!(room.backups().len(), 4);
}

#[test]
fn on_a_terminal_it_asks() {
    let mut room = Room::new();
    let states = room.days(4);
    let words = args!["forget", "-r", room.repository(), "--keep-last", "1"];
    let asked = std::cell::RefCell::new(Vec::new());
    for (answer, left_count) in [(false, 4), (true, 1)] {
        let ask = |question: &str| {
            asked.borrow_mut().push(question.to_owned());
            answer
        };
        let ran = crate::common::ours_asking(&room.clock, &words, &ask).expect_success();
        assert!(text(&ran).contains("would remove 3 backups"), "{}", text(&ran));
        assert_eq!(room.backups().len(), left_count);
    }
    assert_eq!(asked.into_inner(), ["Remove 3 backups?"; 2]);
    expect_kept(&room, &states, &[3]);
}

#[test]
fn what_cannot_be_a_tag_or_a_backup_is_refused() {
    let mut room = Room::new();
    room.days(1);
    for (verb, words, status) in [
        ("tag", &["newest", "two words"][..], 4),
        ("tag", &["newest", "hold"], 4),
        ("tag", &["newest", ""], 4),
        ("tag", &["newest"], 2),
        ("tag", &["soon", "x"], 2),
        ("hold", &["2001-01-01-00-00-00"], 4),
    ] {
        let ran = room.verb(verb, words);
        assert_eq!(ran.status, status, "{verb} {words:?}: {}", ran.stderr);
    }
    assert!(!room.names().iter().any(|name| name.ends_with(".tags")));
    room.clock.pass(Duration::from_secs(1));
}

/// A disk that fails in the middle leaves what restores.
#[test]
fn a_removal_that_fails_is_told_and_goes_on_the_next_time() {
    let mut room = Room::new();
    let states = room.days(8);
    room.verb("hold", &[&states[0].0]).expect_success();
    let path = room.in_repository(&states[1].0);
    let fs = HookFs::new(move |call| match call.op == "remove" && call.path == path {
        true => Err(io::Error::from_raw_os_error(5)),
        false => Ok(()),
    });
    let words = args!["forget", "-r", room.repository(), "--keep-last", "1", "--apply"];
    let ran = ours_with(&fs, &room.clock, &words);
    assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
    for (name, bytes) in [&states[0], &states[7]] {
        assert_eq!(&room.recovered(&["-D", &name[..19]]), bytes);
    }
    ours(&room.clock, &words).expect_success();
    expect_kept(&room, &states, &[0, 6, 7]);
}

/// The newest chain is damaged in its middle, which nobody sees who looks at its ends: it is read before another goes for it.
/// The last good chain went for it once.
#[test]
fn before_a_chain_goes_the_one_that_stands_in_for_it_is_read() {
    let mut room = Room::new();
    let states = room.days(7);
    let newest = room.in_repository(&states[6].0);
    let mut bytes = crate::common::content(&newest);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    let ran = room.forget("--keep-last 1 --apply").expect_success();
    assert!(
        ran.stderr.contains("has checksum") && ran.stderr.contains("nothing goes for it"),
        "{}",
        ran.stderr
    );
    // The chain before it is the newest that restores.
    assert_eq!(room.backups(), [3, 4, 5, 6].map(|at| states[at].0.clone()));
    assert_eq!(room.recovered(&["-w", "-D", &states[5].0[..19]]), states[5].1);
    // That is remembered, and told.
    let told = text(&room.verb("status", &[]));
    assert!(told.contains(&format!("{} was found to be damaged", states[6].0)), "{told}");
}

/// The database was replaced by an empty one: the last backup of the old one stays, as with `-k`.
#[test]
fn the_last_chain_of_another_database_stays() {
    let mut room = Room::new();
    let mut states = room.days(4);
    room.database = testkit::Database::of_another_history(3);
    room.put_database();
    room.backup("F").expect_success();
    states.push((room.backups().last().unwrap().clone(), room.database.bytes().to_vec()));
    let ran = room.forget("--keep-last 1 --apply").expect_success();
    assert!(text(&ran).contains("of another database"), "{}", text(&ran));
    expect_kept(&room, &states, &[3, 4]);
}

/// A tag or a hold on what cannot be used now keeps it, and what is there of its chain.
#[test]
fn what_cannot_be_used_may_be_held() {
    let mut room = Room::new();
    let states = room.days(4);
    room.verb("tag", &[&states[2].0, "keep-me"]).expect_success();
    room.remove(&states[1].0);
    let ran = room.forget("--keep-last 1 --keep-tag keep-me").expect_success();
    assert!(text(&ran).contains("would remove 0 backups"), "{}", text(&ran));
    room.forget("--keep-last 1 --apply").expect_success();
    assert_eq!(room.backups(), [states[3].0.clone()]);
}

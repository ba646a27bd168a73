//! What is not to be had is refused, and what is at the target stays.

use super::exists;
use crate::common::{args, content, ours};
use crate::safety::Room;
use testkit::{Database, Ran};

const OLD: &[u8] = b"what was there before";

/// Refuses or fails with this status, one line that has all of `words`, and the target as it was.
#[track_caller]
pub(super) fn expect_refusal(room: &Room, words: &[&str], status: u8, said: &[&str]) -> Ran {
    std::fs::write(room.target(), OLD).unwrap();
    let _ = std::fs::remove_file(room.path("Restored.fs.index"));
    let ran = room.restore(words);
    assert_eq!((ran.status, ran.stdout.len()), (status, 0), "{words:?}: {}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    for word in said {
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
    }
    assert_eq!(content(&room.target()), OLD);
    assert!(!exists(&room.path("Restored.fs.index")));
    ran
}

#[test]
fn a_moment_that_the_backups_do_not_cover_is_refused_with_what_they_do_cover() {
    let mut room = Room::new();
    room.long_chain("");
    let count = room.database.count();
    let [first, last] = [1, count].map(|number| room.database.tid(number).calendar().to_string());
    let covered = [&*first, &*last, "2023-11-14-22-16-20"];
    for when in ["2001-01-01", "2024-01-01", "now", "2023-11-14-22-16-21"] {
        room.pass(86_400);
        expect_refusal(&room, &["--at", when], 4, &covered);
    }
}

/// The newest backup was made behind its last transaction: so much is known, that there was no other until then.
#[test]
fn a_moment_between_the_last_transaction_and_its_backup_is_covered() {
    let mut room = Room::new();
    // The tids of the database begin at 22:13:00.
    room.pass(3600);
    room.backup("").expect_success();
    room.restore(&["--at", "2023-11-14-23-13-00"]).expect_success();
    super::expect_state(&room, 8, "newest");
    room.grow();
    expect_refusal(&room, &["--at", "2023-11-14-23-13-21"], 4, &["not in the repository"]);
}

#[test]
fn a_transaction_that_is_in_no_backup_is_refused_with_its_neighbours() {
    let mut room = Room::new();
    room.long_chain("");
    let [before, after] = [4, 5].map(|number| room.database.tid(number));
    let wanted = filestorage::Tid::new(before.number() + 1);
    let said = [&*wanted.to_string(), &*before.to_string(), &*after.to_string()];
    expect_refusal(&room, &["--tid", &wanted.to_string()], 4, &said);
}

/// A pack takes what was replaced before it. A state of then restores without a word from what is left, and objects are
/// missing in it.
#[test]
fn a_state_that_a_pack_took_something_from_is_refused_unless_asked_for() {
    let mut room = Room::new();
    let (before, wanted) = (room.database.clone(), room.database.tid(6));
    // As ZODB does: what is left of the first six is marked.
    for number in 0..3 {
        let pos = usize::try_from(room.database.ends()[5 + number]).unwrap();
        let mut bytes = room.database.bytes().to_vec();
        bytes[pos + 16] = b'p';
        std::fs::write(room.file(), &bytes).unwrap();
        room.database = Database::of_bytes(&bytes);
    }
    room.backup("").expect_success();
    let words = ["--tid", &*wanted.to_string()];
    expect_refusal(&room, &words, 4, &["packed", "--even-packed"]);
    let ran = room.restore(&["--tid", &wanted.to_string(), "--even-packed"]).expect_success();
    assert!(String::from_utf8_lossy(&ran.stdout).contains("packed"));
    super::expect_state(&room, 6, "what is left");
    // The same behind the pack is whole.
    room.restore(&["--tid", &room.database.tid(8).to_string()]).expect_success();
    // An older chain that was not packed has it.
    std::fs::remove_dir_all(room.repository()).unwrap();
    std::fs::create_dir(room.repository()).unwrap();
    let packed = std::mem::replace(&mut room.database, before.clone());
    room.put_database();
    room.backup("").expect_success();
    room.pass(60);
    room.database = packed;
    room.put_database();
    room.backup("F").expect_success();
    room.restore(&words).expect_success();
    room.database = before;
    super::expect_state(&room, 6, "the older chain");
}

#[test]
fn damage_in_any_file_that_is_read_is_told_and_nothing_is_replaced() {
    for flags in ["", "z"] {
        let mut room = Room::new();
        room.long_chain(flags);
        let name = room.backups()[1].clone();
        let path = room.in_repository(&name);
        let good = content(&path);
        let tid = room.database.tid(10).to_string();
        for at in [good.len() / 3, good.len() / 2, good.len() - 9] {
            let mut bad = good.clone();
            bad[at] ^= 4;
            std::fs::write(&path, &bad).unwrap();
            let ran = expect_refusal(&room, &["--tid", &tid], 1, &[]);
            assert!(ran.stderr.contains(&name) || ran.stderr.contains(&room.backups()[0]), "{}", ran.stderr);
        }
        std::fs::write(&path, &good[..good.len() - 1]).unwrap();
        expect_refusal(&room, &["--tid", &tid], 1, &[]);
        // What ends before it is not concerned.
        room.restore(&["--tid", &room.database.tid(5).to_string()]).expect_success();
        super::expect_state(&room, 5, flags);
    }
}

/// What is damaged in one chain is told, and another one may have the state.
#[test]
fn a_chain_that_cannot_be_looked_into_is_passed_over_and_told() {
    let mut room = Room::new();
    room.two_chains();
    let first = room.in_repository(&room.backups()[0].clone());
    std::fs::write(&first, b"no database").unwrap();
    let ran = room.restore(&["--tid", &room.database.tid(4).to_string()]).expect_success();
    assert!(
        ran.stderr.starts_with("warning: ") && ran.stderr.contains(&first.display().to_string()),
        "{}",
        ran.stderr
    );
    super::expect_state(&room, 4, "the second chain");
}

#[test]
fn the_exit_status_says_what_kind_of_refusal_it_is() {
    let room = Room::new();
    let run = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(std::ffi::OsString::from).collect();
        ours(&room.clock, &words).status
    };
    let repository = room.repository();
    let repository = repository.to_str().unwrap();
    assert_eq!(room.restore(&[]).status, 10, "no backup");
    assert_eq!(run(&["check", "-r", repository]), 10, "no backup");
    assert_eq!(run(&["restore", "-r", "/no/such", "-o", "x"]), 10);
    assert_eq!(run(&["restore", "-r", room.file().to_str().unwrap(), "-o", "x"]), 10, "no directory");
    room.backup("").expect_success();
    for words in [
        &["restore", "-r", repository][..],
        &["restore", "-o", "x"],
        &["restore", "-r", repository, "-o", "x", "--at", "soon"],
        &["restore", "-r", repository, "-o", "x", "--tid", "12"],
        &["restore", "-r", repository, "-o", "x", "--tid", "0x1", "--at", "now"],
    ] {
        assert_eq!(run(words), 2, "{words:?}");
    }
    let in_repository = room.in_repository(&room.backups()[0].clone());
    assert_eq!(run(&["restore", "-r", repository, "-o", in_repository.to_str().unwrap()]), 4);
    assert_eq!(run(&["restore", "-r", repository, "-o", repository]), 4, "no file");
    // A server has it open.
    std::fs::write(room.target(), OLD).unwrap();
    let lock = room.path("Restored.fs.lock");
    std::fs::write(&lock, b" 1\n").unwrap();
    let held = vfs::Fs::try_lock(&vfs::OsFs, &lock, vfs::LockKind::Exclusive).unwrap().unwrap();
    let ran = room.restore(&[]);
    assert_eq!((ran.status, content(&room.target())), (11, OLD.to_vec()), "{}", ran.stderr);
    drop(held);
    room.restore(&[]).expect_success();
}

#[test]
fn the_arguments_of_the_old_face_keep_its_exit_status() {
    let room = Room::new();
    let ran = ours(&room.clock, &args!["-R", "-r", "/no/such", "-o", room.target()]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("[Errno 2] No such file or directory: '/no/such'"), "{}", ran.stderr);
}

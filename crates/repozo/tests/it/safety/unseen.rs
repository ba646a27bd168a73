//! What mutants of the code showed that no test saw.

use super::{Room, START};
use crate::common::{args, content, ours};
use classic::{Context, Interrupt, VerifyRequest, verify};
use testkit::{Recorder, TestClock};

/// The last increment is the database's, and another database stands before it: with `--quick=md5` that shows only where a
/// transaction should end.
#[test]
fn a_last_increment_that_agrees_is_not_built_upon_where_no_transaction_ends_before_it() {
    let mut room = Room::new();
    room.chain_of_three();
    room.grow();
    let last = room.dat("2023-11-14-22-13-20.dat").lines().last().unwrap().to_owned();
    let start_pos: usize = last.split(' ').nth(1).unwrap().parse().unwrap();
    let mut bytes = room.database.bytes().to_vec();
    // The length behind the transaction before it.
    bytes[start_pos - 1] ^= 1;
    std::fs::write(room.file(), &bytes).unwrap();
    room.pass(60);
    let before = room.backups();
    room.backup(" --quick=md5");
    let new: Vec<String> = room.backups().into_iter().filter(|name| !before.contains(name)).collect();
    assert!(!new.iter().any(|name| name.contains("delta")), "{new:?}");
}

/// The first byte of an increment belongs to it, and not to nobody: the backup is damaged, not the database another one.
#[test]
fn a_backup_whose_first_byte_is_damaged_is_told_by_its_name() {
    let mut room = Room::new();
    room.chain_of_three();
    room.grow();
    let name = room.backups().into_iter().next_back().unwrap();
    let mut bytes = content(&room.in_repository(&name));
    bytes[0] ^= 1;
    room.write(&name, &bytes);
    room.pass(60);
    let ran = room.backup("Q").expect_success();
    assert!(ran.stderr.contains(&name), "{}", ran.stderr);
    assert!(room.backups().last().unwrap().ends_with(".fs"), "and not built upon");
}

#[test]
fn a_file_that_is_not_there_is_told_to_be_missing() {
    let mut room = Room::new();
    room.chain_of_three();
    let name = room.backups().into_iter().next_back().unwrap();
    room.remove(&name);
    for flags in ["-V", "-VQ"] {
        let ran = ours(&room.clock, &args![flags, "-r", room.repository()]);
        assert_eq!(ran.status, 1);
        let line = format!("{} is missing", room.in_repository(&name).display());
        assert!(ran.stderr.contains(&line), "{flags}: {}", ran.stderr);
    }
}

/// A full that is compressed is not looked for under the name that it would have if it were not.
#[test]
fn the_full_that_a_list_names_is_the_one_that_is_missing() {
    let mut room = Room::new();
    room.backup("z").expect_success();
    room.pass(60);
    room.grow();
    room.backup("Q").expect_success();
    let full = "2023-11-14-22-13-20.fsz";
    room.remove(full);
    let ran = room.verify();
    assert_eq!(ran.status, 1);
    let line = format!("{} is missing", room.in_repository(full).display());
    assert!(ran.stderr.contains(&line), "{}", ran.stderr);
    let listed = ours(&room.clock, &args!["list", "-r", room.repository(), "--json"]).stdout;
    let lines = String::from_utf8(listed).unwrap();
    assert!(lines.contains(&format!("\"full\":\"{full}\"")), "{lines}");
}

/// A list of nothing, whose full is not there, is no chain.
#[test]
fn a_list_of_nothing_is_told_as_one_without_its_full() {
    let room = Room::new();
    room.backup("").expect_success();
    room.write("2023-11-14-22-00-00.dat", b"");
    let ran = room.verify();
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("22-00-00.dat: the full backup that it lists is missing"), "{}", ran.stderr);
}

/// The bar of a verification ends where all of it was read; one of sizes has nothing to read.
#[test]
fn a_verification_announces_as_much_as_it_reads() {
    let mut room = Room::new();
    room.chain_of_three();
    let (clock, interrupt) = (TestClock::at(START), Interrupt::default());
    let len = room.database.len();
    for (quick, total) in [(false, format!("Some({len})")), (true, "None".to_owned())] {
        let told = Recorder::default();
        let ctx = Context { fs: &vfs::OsFs, clock: &clock, observer: &told, interrupt: &interrupt };
        verify(&ctx, &VerifyRequest { repository: room.repository(), quick, has_blobs: false }).unwrap();
        let began = told.events().into_iter().find(|event| event.starts_with("Began")).unwrap();
        assert!(began.contains(&format!("total_len: {total}")), "{began}");
    }
}

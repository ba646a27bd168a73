//! What mutants of the code showed that no test saw.

use super::{FIRST, FULL, Room, SECOND, START};
use crate::common::{args, at_call, content, ours};
use crate::judge::blobs::put_blobs;
use crate::judge::truth::true_index;
use classic::{Context, Interrupt, VerifyRequest, verify};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};
use testkit::{Recorder, TestClock};
use vfs::OsFs;

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

/// The list lost a line in its middle. What fills the hole to the byte is taken for it; nobody vouches for it, so `-w` does not.
#[test]
fn a_file_that_fills_the_hole_of_a_lost_line_is_used_where_nothing_has_to_be_vouched_for() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    let dat = format!("{FULL}.dat");
    let whole = room.dat(&dat);
    let lines: Vec<&str> = whole.lines().collect();
    room.write(&dat, format!("{}\n{}\n", lines[0], lines[2]).as_bytes());
    assert_eq!(room.recovered(&[]), states[2]);
    let target = room.path("New.fs");
    let refused = room.recover_to(&target, &["-w"]);
    assert!(refused.status == 1 && refused.stderr.contains(FIRST), "{}", refused.stderr);
    let name = format!("{FIRST}.deltafs");
    let bytes = content(&room.in_repository(&name));
    for wrong in [&bytes[..bytes.len() - 1], &[&bytes[..], b"x"].concat()] {
        room.write(&name, wrong);
        assert_eq!(room.recover_to(&target, &[]).status, 1, "{} bytes", wrong.len());
    }
    assert!(!target.exists());
}

/// An increment that no list names, and whose record says that it is of another transaction: its place alone is no proof.
#[test]
fn what_proves_its_place_and_contradicts_itself_is_not_built_upon() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    let dat = format!("{FULL}.dat");
    let lines: Vec<String> = room.dat(&dat).lines().map(|line| format!("{line}\n")).collect();
    room.write(&dat, lines[..2].concat().as_bytes());
    let name = format!("{SECOND}.deltafs");
    let mut bytes = content(&room.in_repository(&name));
    let text_len: usize =
        (17..23).step_by(2).map(|at| usize::from(bytes[at]) * 256 + usize::from(bytes[at + 1])).sum();
    // The last byte of the record's tid.
    bytes[23 + text_len + 15] ^= 1;
    room.write(&name, &bytes);
    assert_eq!(room.recovered(&[]), states[1]);
    room.pass(60);
    room.grow();
    let ran = room.backup("Q").expect_success();
    assert!(ran.stderr.contains("unlisted"), "{}", ran.stderr);
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

/// A run of Python's that died between an increment of nothing and its line.
#[test]
fn an_increment_of_nothing_without_its_line_gets_it() {
    let mut room = Room::new();
    room.backup("").expect_success();
    room.pass(60);
    room.write(&format!("{FIRST}.deltafs"), b"");
    room.pass(60);
    room.grow();
    let ran = room.backup("Q").expect_success();
    assert!(ran.stderr.contains("it is right and is listed now"), "{}", ran.stderr);
    assert!(room.dat(&format!("{FULL}.dat")).contains(&format!("{FIRST}.deltafs")));
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

/// A line was damaged so that its increment seems to cover what the one before it covers: its bytes say where they belong.
#[test]
fn an_increment_that_only_its_damaged_line_puts_over_another_one_is_not_joined_there() {
    let mut room = Room::new();
    room.backup("").expect_success();
    for oid_count in [1, 9] {
        room.pass(60);
        room.database.commit(&(0..oid_count).map(|oid| (oid, 100)).collect::<Vec<_>>());
        room.put_database();
        room.backup("Q").expect_success();
    }
    let dat = format!("{FULL}.dat");
    let whole = room.dat(&dat);
    let lines: Vec<Vec<&str>> = whole.lines().map(|line| line.split(' ').collect()).collect();
    let start_pos: u64 = lines[1][1].parse().unwrap();
    let len: u64 = lines[2][2].parse::<u64>().unwrap() - lines[2][1].parse::<u64>().unwrap();
    let moved = format!("{} {start_pos} {} {}", lines[2][0], start_pos + len, lines[2][3]);
    room.write(&dat, format!("{}\n{}\n{moved}\n", lines[0].join(" "), lines[1].join(" ")).as_bytes());
    for flags in [&[][..], &["-w"]] {
        let refused = room.recover_to(&room.path("New.fs"), flags);
        assert!(refused.status == 1 && refused.stderr.contains(&dat), "{}", refused.stderr);
    }
}

/// A backup that was damaged and grew is told by its size: the sum of a beginning says nothing.
#[test]
fn a_backup_that_was_damaged_and_is_longer_is_told_by_its_size() {
    let mut room = Room::new();
    room.chain_of_three();
    let name = format!("{SECOND}.deltafs");
    let mut bytes = content(&room.in_repository(&name));
    let len = bytes.len();
    bytes[0] ^= 1;
    bytes.extend(b"more");
    room.write(&name, &bytes);
    room.pass(60);
    room.grow();
    let ran = room.backup("").expect_success();
    assert!(ran.stderr.contains(&name) && ran.stderr.contains(&format!("{len}")), "{}", ran.stderr);
    assert!(room.backups().last().unwrap().ends_with(".fs"), "and not built upon");
}

/// Any other directory may have files with such names.
#[test]
fn a_recovery_may_have_the_name_of_a_backup_elsewhere_and_not_in_the_repository() {
    let room = Room::new();
    room.backup("").expect_success();
    let name = "2020-01-01-00-00-00.fs";
    room.recover_to(&room.path(name), &[]).expect_success();
    assert_eq!(content(&room.path(name)), room.database.bytes());
    assert_eq!(room.recover_to(&room.in_repository(name), &[]).status, 1);
}

#[test]
fn whoever_backs_up_an_empty_file_is_told_not_to_start_a_server_on_it() {
    let room = Room::new();
    std::fs::write(room.file(), "").unwrap();
    let ran = room.backup("");
    assert!(ran.status == 1 && ran.stderr.contains("do not start the server on it"), "{}", ran.stderr);
}

#[test]
fn a_list_of_chains_says_with_which_transaction_each_begins() {
    let mut room = Room::new();
    room.two_chains();
    let listed = ours(&room.clock, &args!["list", "-r", room.repository(), "--json"]).stdout;
    let first = format!("\"first_tid\":\"{}\"", room.database.tid(1));
    let found = String::from_utf8(listed).unwrap().matches(&first).count();
    assert_eq!(found, 4, "of two chains and of their fulls");
}

/// Tags of a backup that is away go with the next run; of one that a list names they stay: it may come back.
#[test]
fn tags_without_their_backup_go_unless_a_list_names_it() {
    let mut room = Room::new();
    room.chain_of_three();
    let (lone, listed) = ("2023-11-14-22-00-00.tags", format!("{FIRST}.tags"));
    for name in [lone, &listed] {
        room.write(name, b"keep\n");
        let file = std::fs::File::options().write(true).open(room.in_repository(name)).unwrap();
        // By the clock of the test, what was written now is of a time to come.
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(START)).unwrap();
    }
    room.remove(&format!("{FIRST}.deltafs"));
    room.pass(60);
    room.grow();
    room.backup("").expect_success();
    let names = room.names();
    assert!(!names.iter().any(|name| name == lone) && names.contains(&listed), "{names:?}");
}

/// Of each blob of some that are missing a line is told, of many their number.
#[test]
fn many_missing_blobs_are_told_by_their_number() {
    for (missing_count, more) in [(20, None), (23, Some(3))] {
        let mut room = Room::new();
        room.database.commit_blobs(&[1]);
        let blobs = room.path("blobs");
        let put = |path: &std::path::Path, bytes: &[u8]| std::fs::write(path, bytes);
        put_blobs(&OsFs, &blobs, room.database.bytes(), filestorage::BlobLayout::Lawn, &put);
        room.database.commit_blobs(&(2..2 + missing_count).collect::<Vec<_>>());
        room.put_database();
        let ran = room.backup(&format!(" --blobs {}", blobs.display()));
        assert_eq!(ran.status, 3, "{}", ran.stderr);
        let lines: Vec<_> = ran.stderr.lines().filter(|line| line.contains("blobs")).collect();
        let told = lines.iter().find(|line| line.contains(" more "));
        assert_eq!(told.is_some(), more.is_some(), "{lines:?}");
        assert!(more.is_none_or(|more| told.unwrap().contains(&format!("{more} more"))), "{lines:?}");
    }
}

/// The index of an increment is made of a whole database where there is no other one. A transaction that is finished
/// meanwhile is in neither of both.
#[test]
fn an_index_ends_where_its_increment_ends_whenever_the_database_grows() {
    let (mut call_count, mut number) = (usize::MAX, 0);
    while number < call_count {
        let mut room = Room::new();
        room.backup("").expect_success();
        room.remove(&format!("{FULL}.index"));
        room.pass(60);
        room.grow();
        let mut grown = room.database.clone();
        grown.commit(&[(5, 10)]);
        let (file, added) = (room.file(), grown.bytes().to_vec());
        let (fs, made) = at_call(number, move || std::fs::write(&file, &added));
        room.backup_on(&fs, "Q").expect_success();
        (call_count, number) = (made.load(Ordering::Relaxed), number + 1);
        let got = room.recovered(&["-w"]);
        assert!(got == room.database.bytes() || got == grown.bytes(), "call {number}");
        let index = content(&room.in_repository(&format!("{FIRST}.index")));
        assert!(index == true_index(&got), "call {number}: the index is not that of the state");
    }
    assert!(call_count > 30, "{call_count}");
}

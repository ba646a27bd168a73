//! Ways in which an adversary made it lie, lose or get stuck; each was found by trying, and mended.

use super::{FIRST, FULL, NEXT, Room, SECOND};
use crate::common::{args, content, ours, ours_with};
use std::os::unix::fs::symlink;
use std::time::Duration;
use testkit::HookFs;

/// With the newest full gone, its list still there, the state of the chain before was restored, exit 0; and the
/// next backup took the orphaned increments for strays.
#[test]
fn a_full_that_is_gone_is_missed_although_an_older_chain_is_whole() {
    let mut room = Room::new();
    room.chain_of_three();
    let old = room.database.bytes().to_vec();
    room.pass(60);
    room.grow();
    room.backup("F").expect_success();
    room.pass(60);
    room.grow();
    room.backup("Q").expect_success();
    room.remove(&format!("{NEXT}.fs"));
    for flags in [&[][..], &["-w"]] {
        let mut all = args!["-R", "-r", room.repository()].to_vec();
        all.extend(flags.iter().map(std::ffi::OsString::from));
        let ran = ours(&room.clock, &all);
        assert_eq!((ran.status, ran.stdout.len()), (1, 0));
        assert!(ran.stderr.contains(&format!("{NEXT}.fs is missing")), "{}", ran.stderr);
    }
    assert_eq!(room.recovered(&["-w", "-D", SECOND]), old, "what was before it restores");
    assert!(room.verify().stderr.contains(&format!("{NEXT}.fs is missing")));
    let before = room.names();
    room.pass(60);
    room.backup("").expect_success();
    assert!(before.iter().all(|name| room.names().contains(name)), "nothing is renamed");
    assert!(room.backups().last().unwrap().ends_with(".fs"));
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

/// The list had one line, of an incremental behind the date (Python writes such): nothing at all was joined,
/// and 0 bytes were put in the database's place.
#[test]
fn a_database_without_its_beginning_is_never_put_in_place() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    let dat = format!("{FULL}.dat");
    let last = room.dat(&dat).lines().last().unwrap().to_owned();
    room.write(&dat, format!("{last}\n").as_bytes());
    let target = room.path("out.fs");
    std::fs::write(&target, "the old database").unwrap();
    let ran = room.recover_to(&target, &["-w", "-D", FULL]);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert_eq!(content(&target), b"the old database");
    room.recover_to(&target, &["-D", FULL]).expect_success();
    assert_eq!(content(&target), states[0]);
}

/// Half a database is sound, its first transaction is the same, and `-k` deleted the backups of the whole.
#[test]
fn backups_with_later_transactions_are_not_deleted_for_a_database_that_was_cut() {
    let mut room = Room::new();
    room.chain_of_three();
    let (whole, before) = (room.database.bytes().to_vec(), room.names());
    let half = usize::try_from(room.database.ends()[4]).unwrap();
    for cut_len in [half, half + 30] {
        std::fs::write(room.file(), &whole[..cut_len]).unwrap();
        room.pass(60);
        let ran = room.backup("Fk");
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("it holds later transactions than the new backup"), "{}", ran.stderr);
        // The second time the newest backup is as short as the database.
        assert_eq!(ran.stderr.contains("was it cut, or restored?"), cut_len == half, "{}", ran.stderr);
        assert!(before.iter().all(|name| room.names().contains(name)));
        assert_eq!(room.recovered(&["-w", "-D", SECOND]), whole);
    }
    room.pass(60);
    let ran = room.backup("Q").expect_success();
    assert_eq!(ran.stderr, "", "nothing to do is not worth a warning");
}

#[test]
fn nothing_is_deleted_for_a_backup_of_a_damaged_database() {
    let mut room = Room::new();
    room.chain_of_three();
    let before = room.names();
    std::fs::copy(room.in_repository(&format!("{SECOND}.index")), room.path("Data.fs.index")).unwrap();
    let mut bytes = room.database.bytes().to_vec();
    let trailer = usize::try_from(room.database.ends()[5]).unwrap() - 1;
    bytes[trailer] ^= 1;
    std::fs::write(room.file(), &bytes).unwrap();
    room.pass(60);
    let ran = room.backup("Fk").expect_success();
    assert!(ran.stderr.contains("no older backup is deleted for it"), "{}", ran.stderr);
    assert!(before.iter().all(|name| room.names().contains(name)));
}

/// Python's repozo takes no lock; its line, written while ours copied, was overwritten.
#[test]
fn what_python_writes_meanwhile_is_not_overwritten() {
    let mut room = Room::new();
    room.chain_of_three();
    room.pass(60);
    room.grow();
    let (dat, repository) = (room.in_repository(&format!("{FULL}.dat")), room.repository());
    let (start, grown) = (content(&dat), room.database.clone());
    let mut done = false;
    let fs = HookFs::new(move |call| {
        if call.op == "create" && call.path.to_string_lossy().contains("deltafs") && !done {
            done = true;
            let from = grown.ends()[grown.ends().len() - 2];
            let bytes = &grown.bytes()[usize::try_from(from).unwrap()..];
            let name = "2023-11-14-22-16-19.deltafs";
            std::fs::write(repository.join(name), bytes).unwrap();
            let line = format!("x/{name} {from} {} {}\n", grown.len(), classic::Sum::of(bytes));
            std::fs::write(&dat, [start.clone(), line.into_bytes()].concat()).unwrap();
        }
        Ok(())
    });
    let ran = room.backup_on(&fs, "Q");
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("changed while the backup was made"), "{}", ran.stderr);
    assert_eq!(room.backups().len(), 4);
    assert_eq!(room.recovered(&["-w"]), room.database.bytes(), "Python's backup");
    room.verify().expect_success();
    room.backup("Q").expect_success();
    assert_eq!(room.backups().len(), 4, "nothing to do");
}

#[test]
fn a_run_of_python_that_is_writing_is_waited_for_or_told() {
    let room = Room::new();
    let draft = room.in_repository("tmp.tmp");
    std::fs::write(&draft, "half").unwrap();
    let written = std::fs::metadata(&draft).unwrap().modified().unwrap();
    let seconds = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 1;
    let clock = testkit::TestClock::at(seconds);
    let ran = ours(&clock, &room.backup_args(""));
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("a Python repozo seems to be running"), "{}", ran.stderr);
    let waited = ours(&clock, &room.backup_args(" --wait 60"));
    waited.expect_success();
    assert!(draft.exists(), "not ours to delete");
}

/// Symptom, by reading: a run of ours and one of Python's choose a name in the same second. Python finds the name
/// free, and while it copies, ours publishes its backup under it; then Python renames its own file over ours. Ours
/// looked for a run of Python's when it began, and not again.
#[test]
fn a_run_of_python_that_began_to_write_meanwhile_is_told_before_a_file_has_its_name() {
    let room = Room::new();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let draft = room.in_repository("tmp.tmp");
    let fs = HookFs::new(move |call| {
        if call.op == "create" && call.path.to_string_lossy().contains(".dat.") {
            std::fs::write(&draft, "half")?;
        }
        Ok(())
    });
    let ran = ours_with(&fs, &testkit::TestClock::at(now + 10), &room.backup_args(""));
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("a Python repozo seems to be running"), "{}", ran.stderr);
    assert_eq!(room.names(), ["tmp.tmp"]);
}

/// Without `-w` sums are not made; but what is not sound, and has another sum than its line says, is damaged.
#[test]
fn damage_that_breaks_the_structure_is_found_without_w_too() {
    for position in [0, 2, 12, 60] {
        let room = Room::new();
        room.backup("").expect_success();
        let full = format!("{FULL}.fs");
        let mut bytes = content(&room.in_repository(&full));
        bytes[position] ^= 0x41;
        room.write(&full, &bytes);
        let target = room.path("out.fs");
        std::fs::write(&target, "the old database").unwrap();
        let ran = room.recover_to(&target, &[]);
        assert_eq!(ran.status, 1, "byte {position}: {}", ran.stderr);
        assert!(ran.stderr.contains("has checksum"), "byte {position}: {}", ran.stderr);
        assert_eq!(content(&target), b"the old database", "byte {position}");
    }
}

/// An index with one entry of an earlier revision was restored, and ZODB served the old object.
#[test]
fn an_index_with_a_wrong_entry_is_not_restored_without_w_either() {
    let mut room = Room::new();
    room.chain_of_three();
    let name = format!("{SECOND}.index");
    let mut index = content(&room.in_repository(&name));
    // The last byte of the first object's position: behind pos, prefix, length and all suffixes.
    let objects = (index.len() - 25) / 8;
    let at = index.len() - 6 - objects * 6 + 5;
    index[at] ^= 1;
    room.write(&name, &index);
    let target = room.path("out.fs");
    let ran = room.recover_to(&target, &[]).expect_success();
    assert!(ran.stderr.contains("was not restored"), "{}", ran.stderr);
    assert!(!target.with_extension("fs.index").exists());
    assert_eq!(content(&target), room.database.bytes());
}

/// One old file that could not be deleted stopped every later backup.
#[test]
fn an_old_file_that_cannot_be_deleted_does_not_stop_backups() {
    let mut room = Room::new();
    room.chain_of_three();
    room.pass(60);
    room.grow();
    let stuck = room.in_repository(&format!("{FIRST}.deltafs"));
    let fs = HookFs::new(move |call| {
        let refused = call.op == "remove" && call.path == stuck;
        if refused { Err(std::io::Error::from_raw_os_error(1)) } else { Ok(()) }
    });
    let ran = room.backup_on(&fs, "Fk");
    assert_eq!(ran.status, 1, "what was asked for was not done");
    for _ in 0..2 {
        room.pass(60);
        room.grow();
        let ran = room.backup_on(&fs, "Q").expect_success();
        assert!(ran.stderr.contains("cannot be settled"), "{}", ran.stderr);
        assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    }
    room.backup("Q").expect_success();
    assert!(!room.names().iter().any(|name| name.contains(FIRST) || name.contains("removed")));
}

/// The removal had begun, then the new full was lost: the old chain, still whole, was finished off.
#[test]
fn a_removal_is_undone_when_the_backup_that_it_was_for_is_gone() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    let marker = format!("{FULL}.dat.removed");
    std::fs::rename(room.in_repository(&format!("{FULL}.dat")), room.in_repository(&marker)).unwrap();
    assert_eq!(room.recovered(&["-w"]), states[2], "restored although the removal had begun");
    room.pass(60);
    std::fs::write(room.file(), "not a database").unwrap();
    let ran = room.backup("");
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("the removal of the old backup"), "the list came back: {}", ran.stderr);
    assert_eq!(room.recovered(&["-w"]), states[2], "a failing backup deletes nothing");
    room.put_database();
    let ran = room.backup("Q").expect_success();
    assert_eq!(room.names().iter().filter(|name| name.ends_with(".dat")).count(), 1, "{}", ran.stderr);
    assert_eq!(room.backups().len(), 3);
    room.verify().expect_success();
}

/// A damaged list of an old chain made every `-k` fail: its first transaction could not be found.
#[test]
fn an_old_chain_with_a_damaged_list_can_be_deleted() {
    for spoil in ["line", "list", "full"] {
        let mut room = Room::new();
        room.chain_of_three();
        let dat = format!("{FULL}.dat");
        match spoil {
            "line" => room.write(&dat, room.dat(&dat).replace(" 0 ", " 1 ").as_bytes()),
            "list" => room.remove(&dat),
            _ => room.remove(&format!("{FULL}.fs")),
        }
        room.pass(60);
        room.grow();
        room.backup("Fk").expect_success();
        assert_eq!(room.backups(), [format!("{NEXT}.fs")], "{spoil}");
    }
}

/// A conversion for Python 3 writes four bytes in place; the last part, which quick compares, stays the same.
#[test]
fn a_quick_backup_sees_a_conversion_in_place() {
    let mut room = Room::new();
    let with_magic = |room: &Room, magic: &[u8]| {
        std::fs::write(room.file(), [magic, &room.database.bytes()[4..]].concat()).unwrap();
    };
    with_magic(&room, b"FS21");
    room.backup("").expect_success();
    room.pass(60);
    room.database.commit(&[(7, 70)]);
    with_magic(&room, b"FS21");
    room.backup("Q").expect_success();
    room.pass(60);
    room.database.commit(&[(8, 80)]);
    with_magic(&room, b"FS30");
    room.backup("Q").expect_success();
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

/// Files copied by hand, one forgotten.
#[test]
fn without_a_list_a_hole_between_two_files_is_seen_all_the_same() {
    for flags in ["Q", "Qz"] {
        let mut room = Room::new();
        for at in 0..4 {
            if at > 0 {
                room.pass(60);
                room.grow();
            }
            room.backup(flags).expect_success();
        }
        room.remove(&format!("{FULL}.dat"));
        assert_eq!(room.recovered(&[]), room.database.bytes());
        let forgotten = room.backups()[2].clone();
        room.remove(&forgotten);
        let ran = ours(&room.clock, &args!["-R", "-r", room.repository(), "-o", room.path("out.fs")]);
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("a hole"), "{}", ran.stderr);
        assert!(!room.path("out.fs").exists());
    }
}

#[test]
fn a_server_on_any_name_that_the_links_lead_through_is_seen() {
    let room = Room::new();
    room.backup("").expect_success();
    let real = room.path("real.fs");
    std::fs::write(&real, "the old database").unwrap();
    symlink(&real, room.path("middle.fs")).unwrap();
    symlink(room.path("middle.fs"), room.path("first.fs")).unwrap();
    let lock = room.path("middle.fs.lock");
    std::fs::write(&lock, "").unwrap();
    let server = std::fs::File::open(&lock).unwrap();
    server.try_lock().unwrap();
    assert_eq!(room.recover_to(&room.path("first.fs"), &[]).status, 1);
    assert_eq!(content(&real), b"the old database");
}

#[test]
fn an_output_without_a_name_or_in_the_repository_is_refused() {
    let mut room = Room::new();
    room.chain_of_three();
    let before = room.names();
    let ran = ours(&room.clock, &args!["-R", "-r", room.repository(), "-o", ""]);
    assert_eq!((ran.status, ran.stderr.as_str()), (1, "[Errno 2] No such file or directory: ''\n"));
    for name in [format!("{FULL}.fs"), format!("{SECOND}.deltafs"), format!("{FULL}.dat")] {
        let ran = room.recover_to(&room.in_repository(&name), &[]);
        assert_eq!(ran.status, 1, "{name}");
        assert!(ran.stderr.contains("is a file of the repository"), "{}", ran.stderr);
    }
    assert_eq!(room.names(), before);
    room.verify().expect_success();
}

/// With `-v` the whole file is summed, up to the length that it had when it was opened.
#[test]
fn an_abort_during_a_verbose_backup_is_no_error() {
    let mut room = Room::new();
    room.backup("").expect_success();
    room.pass(60);
    room.grow();
    let committed = room.database.bytes().to_vec();
    room.database.vote(&[(1, 900)]);
    room.put_database();
    let (file, mut reads) = (room.file(), 0);
    let fs = HookFs::new(move |call| {
        reads += usize::from(call.op == "read_at" && call.path == file);
        if reads == 3 {
            std::fs::write(&file, &committed).unwrap();
        }
        Ok(())
    });
    room.backup_on(&fs, "v").expect_success();
    room.database.abort();
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

/// What has the name already is another run's; only what this run named is taken back.
#[test]
fn a_name_that_is_taken_at_the_last_moment_costs_nobody_anything() {
    let room = Room::new();
    let repository = room.repository();
    let fs = HookFs::new(move |call| {
        if call.op == "rename_new" && call.path.to_string_lossy().ends_with(".fs") {
            std::fs::write(repository.join(format!("{FULL}.fs")), "theirs").unwrap();
            std::fs::write(repository.join(format!("{FULL}.index")), "theirs, too").unwrap();
        }
        Ok(())
    });
    assert_eq!(ours_with(&fs, &room.clock, &room.backup_args("")).status, 1);
    assert_eq!(content(&room.in_repository(&format!("{FULL}.fs"))), b"theirs");
    assert_eq!(content(&room.in_repository(&format!("{FULL}.index"))), b"theirs, too");
    room.clock.pass(Duration::from_secs(60));
    room.backup("").expect_success();
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

//! Recovering over a database that somebody still needs (weaknesses 13 to 16).

use super::{FIRST, FULL, Room, START};
use crate::common::{args, content, ours, ours_with};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use testkit::{Call, HookFs, names as names_in};

/// A directory with an older database and its index, to be restored over.
fn old_target(room: &Room) -> std::path::PathBuf {
    let dir = room.path("var");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("Data.fs"), "the old database").unwrap();
    std::fs::write(dir.join("Data.fs.index"), "the old index").unwrap();
    dir.join("Data.fs")
}

#[test]
fn the_old_database_stays_until_the_new_one_is_complete_whatever_fails() {
    let mut room = Room::new();
    room.chain_of_three();
    let (fs, calls) = HookFs::noting();
    let target = old_target(&room);
    ours_with(&fs, &room.clock, &args!["-R", "-r", room.repository(), "-o", &target]).expect_success();
    let call_count = calls.lock().unwrap().iter().filter(|call| call.writes()).count();
    std::fs::remove_dir_all(target.parent().unwrap()).unwrap();
    assert!(call_count > 8);
    for stop_at in 1..=call_count {
        for keeps_failing in [false, true] {
            let target = old_target(&room);
            let mut count = 0;
            let fs = HookFs::new(move |call: &Call| {
                count += usize::from(call.writes());
                let fails = call.writes() && (count == stop_at || keeps_failing && count > stop_at);
                if fails { Err(std::io::Error::from_raw_os_error(28)) } else { Ok(()) }
            });
            let ran = ours_with(&fs, &room.clock, &args!["-R", "-r", room.repository(), "-o", &target]);
            assert_eq!(ran.status, 1, "operation {stop_at}");
            assert!(ran.stderr.contains("[Errno 28]"), "{}", ran.stderr);
            let found = content(&target);
            let index = std::fs::read(target.with_file_name("Data.fs.index")).ok();
            if found == b"the old database" {
                assert!(index.is_none_or(|index| index == b"the old index"), "operation {stop_at}");
            } else {
                assert_eq!(found, room.database.bytes(), "operation {stop_at}");
                let right = content(&room.in_repository(&format!("{}.index", super::SECOND)));
                assert!(index.is_none_or(|index| index == right), "operation {stop_at}: a foreign index");
            }
            // A second run converges, and leaves nothing of the first.
            room.recover_to(&target, &[]).expect_success();
            assert_eq!(names_in(target.parent().unwrap()), ["Data.fs", "Data.fs.index"]);
            assert_eq!(content(&target), room.database.bytes());
            std::fs::remove_dir_all(target.parent().unwrap()).unwrap();
        }
    }
}

#[test]
fn a_database_that_a_server_holds_is_refused() {
    let room = Room::new();
    room.backup("").expect_success();
    let target = old_target(&room);
    let lock = target.with_file_name("Data.fs.lock");
    std::fs::write(&lock, " 1234\n").unwrap();
    let server = std::fs::File::open(&lock).unwrap();
    server.try_lock().unwrap();
    let ran = room.recover_to(&target, &[]);
    assert_eq!(ran.status, 1);
    assert!(
        ran.stderr.contains("Data.fs is in use") && ran.stderr.contains("Data.fs.lock"),
        "{}",
        ran.stderr
    );
    assert_eq!(content(&target), b"the old database");
    drop(server);
    room.recover_to(&target, &[]).expect_success();
    assert_eq!(content(&target), room.database.bytes());
}

#[test]
fn while_a_database_is_recovered_no_server_can_open_it() {
    let room = Room::new();
    room.backup("").expect_success();
    let target = old_target(&room);
    let lock = target.with_file_name("Data.fs.lock");
    std::fs::write(&lock, " 1234\n").unwrap();
    let fs = HookFs::new(move |call| {
        if call.op == "append" {
            let server = std::fs::File::open(&lock).unwrap();
            assert!(server.try_lock().is_err());
        }
        Ok(())
    });
    ours_with(&fs, &room.clock, &args!["-R", "-r", room.repository(), "-o", &target]).expect_success();
}

/// A whole file system: it says how much is free, and no byte is written when that is not enough.
#[test]
fn free_space_is_looked_at_first() {
    let room = Room::new();
    room.backup("").expect_success();
    let target = old_target(&room);
    let (fs, calls) = HookFs::noting();
    let fs = fs.with_free_len(100);
    let ran = ours_with(&fs, &room.clock, &args!["-R", "-r", room.repository(), "-o", &target]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("bytes are needed and 100 are free"), "{}", ran.stderr);
    assert!(!calls.lock().unwrap().iter().any(Call::writes));
    assert_eq!(content(&target), b"the old database");
}

#[test]
fn a_link_is_written_through_and_stays_a_link() {
    let room = Room::new();
    room.backup("").expect_success();
    let real = old_target(&room);
    let dir = room.path("zope");
    std::fs::create_dir(&dir).unwrap();
    let link = dir.join("Data.fs");
    symlink("../var/Data.fs", &link).unwrap();
    room.recover_to(&link, &[]).expect_success();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(content(&real), room.database.bytes());
    assert_eq!(
        content(&link.with_extension("fs.index")),
        content(&room.in_repository(&format!("{FULL}.index")))
    );
    assert!(
        !real.with_extension("fs.index").exists(),
        "the index of the old database is gone from there, too"
    );
    // A link that leads to nothing yet is written through, too.
    let dangling = dir.join("New.fs");
    symlink("../var/New.fs", &dangling).unwrap();
    room.recover_to(&dangling, &[]).expect_success();
    assert_eq!(content(&room.path("var/New.fs")), room.database.bytes());
}

#[test]
fn mode_and_owner_of_the_replaced_file_are_kept() {
    let room = Room::new();
    room.backup("").expect_success();
    let target = old_target(&room);
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
    let is_root = std::fs::metadata(&target).unwrap().uid() == 0;
    if is_root {
        std::os::unix::fs::chown(&target, Some(12345), Some(12346)).unwrap();
    }
    room.recover_to(&target, &[]).expect_success();
    for path in [&target, &target.with_extension("fs.index")] {
        let meta = std::fs::metadata(path).unwrap();
        assert_eq!(meta.mode() & 0o777, 0o640, "{}", path.display());
        if is_root {
            assert_eq!((meta.uid(), meta.gid()), (12345, 12346));
        }
    }
}

#[test]
fn a_new_file_has_the_mode_of_the_backed_up_one_and_for_root_the_owner_of_its_directory() {
    let room = Room::new();
    std::fs::set_permissions(room.file(), std::fs::Permissions::from_mode(0o640)).unwrap();
    room.backup("").expect_success();
    let dir = room.path("var");
    std::fs::create_dir(&dir).unwrap();
    let is_root = std::fs::metadata(&dir).unwrap().uid() == 0;
    if is_root {
        std::os::unix::fs::chown(&dir, Some(12345), Some(12346)).unwrap();
    }
    room.recover_to(&dir.join("Data.fs"), &[]).expect_success();
    let meta = std::fs::metadata(dir.join("Data.fs")).unwrap();
    assert_eq!(meta.mode() & 0o777, 0o640);
    if is_root {
        assert_eq!((meta.uid(), meta.gid()), (12345, 12346));
    }
}

/// Weakness 14: Python leaves the index of the database before when there is none to restore.
#[test]
fn an_index_that_does_not_belong_is_neither_left_nor_restored() {
    let mut room = Room::new();
    room.chain_of_three();
    let newest = room.in_repository(&format!("{}.index", super::SECOND));
    let right = content(&newest);
    std::fs::remove_file(&newest).unwrap();
    let target = old_target(&room);
    room.recover_to(&target, &[]).expect_success();
    assert!(!target.with_extension("fs.index").exists());
    // The index of another backup under the name of this one.
    std::fs::copy(room.in_repository(&format!("{FIRST}.index")), &newest).unwrap();
    let ran = room.recover_to(&target, &[]).expect_success();
    assert!(ran.stderr.contains("was not restored"), "{}", ran.stderr);
    assert!(!target.with_extension("fs.index").exists());
    // With every byte to be checked, the entries are, too.
    let mut wrong = right.clone();
    let at = wrong.len() - 8;
    wrong[at] ^= 1;
    std::fs::write(&newest, &wrong).unwrap();
    let ran = room.recover_to(&target, &["-w"]).expect_success();
    assert!(ran.stderr.contains("was not restored"), "{}", ran.stderr);
    assert_eq!(room.verify().status, 1);
    std::fs::write(&newest, &right).unwrap();
    room.recover_to(&target, &["-w"]).expect_success();
    assert_eq!(content(&target.with_extension("fs.index")), right);
}

/// Weakness 15: Python checks nothing without `-w`, and with it after the old database is gone.
#[test]
fn damaged_backups_leave_the_old_database_alone() {
    for (damage, flags) in
        [("cut", &[][..]), ("cut", &["-w"]), ("flip", &["-w"]), ("gone", &[]), ("gone", &["-w"])]
    {
        let mut room = Room::new();
        let states = room.chain_of_three();
        let first = room.in_repository(&format!("{FIRST}.deltafs"));
        let mut bytes = content(&first);
        match damage {
            "cut" => std::fs::write(&first, &bytes[..bytes.len() - 1]).unwrap(),
            "flip" => {
                bytes[50] ^= 1;
                std::fs::write(&first, &bytes).unwrap();
            }
            _ => std::fs::remove_file(&first).unwrap(),
        }
        let target = old_target(&room);
        let ran = room.recover_to(&target, flags);
        assert_eq!(ran.status, 1, "{damage} {flags:?}");
        assert!(ran.stderr.contains(FIRST) && ran.stderr.lines().count() == 1, "{damage}: {}", ran.stderr);
        assert_eq!(content(&target), b"the old database", "{damage} {flags:?}");
        assert_eq!(names_in(target.parent().unwrap()), ["Data.fs", "Data.fs.index"], "{damage} {flags:?}");
        // The state before the damage is still to be had.
        let mut with_date = flags.to_vec();
        with_date.extend(["-D", FULL]);
        room.recover_to(&target, &with_date).expect_success();
        assert_eq!(content(&target), states[0]);
    }
}

#[test]
fn files_copied_by_hand_without_their_list_are_recovered_with_a_warning_and_not_with_verify() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    std::fs::remove_file(room.in_repository(&format!("{FULL}.dat"))).unwrap();
    let ran = ours(&room.clock, &args!["-R", "-r", room.repository()]).expect_success();
    assert_eq!(ran.stdout, states[2]);
    assert!(ran.stderr.contains("could not be checked"), "{}", ran.stderr);
    assert_eq!(room.recovered(&["-D", FIRST]), states[1]);
    let ran = ours(&room.clock, &args!["-R", "-w", "-r", room.repository()]);
    assert_eq!((ran.status, ran.stdout.len()), (1, 0));
    assert!(ran.stderr.contains(&format!("{FULL}.dat")), "{}", ran.stderr);
}

#[test]
fn bytes_that_are_no_database_are_joined_and_that_is_said() {
    let room = Room::new();
    for (name, bytes) in [("2023-11-14-22-00-00.fs", "AAA"), ("2023-11-14-22-01-00.deltafs", "BBBB")] {
        std::fs::write(room.in_repository(name), bytes).unwrap();
    }
    let target = room.path("out.fs");
    let ran = room.recover_to(&target, &[]).expect_success();
    assert_eq!(content(&target), b"AAABBBB");
    assert!(ran.stderr.contains("is not a sound FileStorage"), "{}", ran.stderr);
}

#[test]
fn two_recoveries_into_one_directory_do_not_meet() {
    let room = Room::new();
    room.backup("").expect_success();
    let target = old_target(&room);
    let dir = target.parent().unwrap();
    let other = vfs::Fs::try_lock(&vfs::OsFs, dir, vfs::LockKind::Exclusive).unwrap();
    let ran = room.recover_to(&target, &[]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("is locked"), "{}", ran.stderr);
    drop(other);
    let litter = dir.join("Data.fs.0123456789abcdef.part");
    std::fs::write(&litter, "of a run that died").unwrap();
    std::fs::write(dir.join("Data.fs.part"), "Python's").unwrap();
    room.recover_to(&target, &[]).expect_success();
    assert_eq!(names_in(dir), ["Data.fs", "Data.fs.index", "Data.fs.part"]);
}

#[test]
fn a_directory_or_a_device_is_no_target() {
    let room = Room::new();
    room.backup("").expect_success();
    for target in [room.path("repository"), "/dev/null".into()] {
        let ran = room.recover_to(&target, &[]);
        assert_eq!(ran.status, 1);
        assert!(ran.stderr.contains("is not a regular file"), "{}", ran.stderr);
    }
    assert!(room.clock.seconds() >= START);
}

/// Found by `crash`: through a link the index is drafted beside the link, and only the directory of the database was
/// swept. Every recovery that died there left a draft for ever.
#[test]
fn drafts_beside_a_link_are_removed_by_the_next_recovery() {
    let mut room = Room::new();
    room.chain_of_three();
    old_target(&room);
    let dir = room.path("instance");
    std::fs::create_dir(&dir).unwrap();
    let link = dir.join("Data.fs");
    symlink("../var/Data.fs", &link).unwrap();
    std::fs::write(dir.join("Data.fs.index.0123456789abcdef.part"), "left by a run that died").unwrap();
    room.recover_to(&link, &[]).expect_success();
    assert_eq!(names_in(&dir), ["Data.fs", "Data.fs.index"]);
    assert_eq!(names_in(&room.path("var")), ["Data.fs"]);
}

/// Symptom: a backup of ours, acknowledged, could not be recovered, `... starts at ..., but the files before it
/// end at ...: an overlap`. A run of Python's repozo, which takes no lock, had chosen its name a second earlier
/// and written its file and line later: two increments begin at one position, and the one of the earlier name
/// stood in the way of the other. Now what a state is built upon is followed from its last file back.
#[test]
fn an_increment_of_python_with_the_same_bytes_does_not_stand_in_the_way_of_ours() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    let (pythons, ours_stamp) = ("2023-11-14-22-16-19", "2023-11-14-22-16-20");
    room.grow();
    let of_python = room.database.bytes()[states[2].len()..].to_vec();
    let at_python = room.database.bytes().to_vec();
    room.grow();
    room.pass(60);
    room.backup("Q").expect_success();
    let dat = room.dat(&format!("{FULL}.dat"));
    let sum = classic::Sum::of(&of_python);
    room.write(&format!("{pythons}.deltafs"), &of_python);
    let line = format!("{pythons}.deltafs {} {} {sum}\n", states[2].len(), at_python.len());
    room.write(&format!("{FULL}.dat"), format!("{dat}{line}").as_bytes());
    let at_ours = room.database.bytes().to_vec();
    for (date, state) in [(pythons, &at_python), (ours_stamp, &at_ours), (FIRST, &states[1])] {
        assert!(&room.recovered(&["-D", date]) == state, "{date}");
        assert!(&room.recovered(&["-w", "-D", date]) == state, "{date}, checked");
    }
    let ran = ours(&room.clock, &args!["-R", "-r", room.repository()]).expect_success();
    let left_out = room.in_repository(&format!("{pythons}.deltafs"));
    assert!(ran.stderr.contains(&format!("warning: {} holds bytes", left_out.display())), "{}", ran.stderr);
    // It is still told as a problem, and nothing is built upon it.
    assert_eq!(room.verify().status, 1);
    room.grow();
    room.pass(60);
    room.backup("Q").expect_success();
    assert_eq!(room.backups().last().unwrap(), "2023-11-14-22-17-20.fs");
    assert!(room.recovered(&["-w", "-D", ours_stamp]) == at_ours);
}

/// What leads to the last file is not all there: nothing is guessed.
#[test]
fn an_overlap_that_no_file_leads_to_is_an_error() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    let dat = room.dat(&format!("{FULL}.dat"));
    let inside = states[1].len() + 1;
    let wrong = dat.replace(&format!("deltafs {} ", states[1].len()), &format!("deltafs {inside} "));
    let overlapping = wrong.replace(&format!("deltafs {} ", states[0].len()), "deltafs 4 ");
    assert_ne!(overlapping, dat);
    room.write(&format!("{FULL}.dat"), overlapping.as_bytes());
    let ran = ours(&room.clock, &args!["-R", "-r", room.repository()]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("an overlap"), "{}", ran.stderr);
    // A damaged name makes the last line stand before another: its file is missed, not the line left out.
    let earlier = "2023-11-14-22-13-30";
    room.write(&format!("{FULL}.dat"), dat.replace(super::SECOND, earlier).as_bytes());
    for flags in [&["-R"][..], &["-R", "-w"]] {
        let words = [&flags.iter().map(Into::into).collect::<Vec<_>>(), &args!["-r", room.repository()][..]];
        let ran = ours(&room.clock, &words.concat());
        assert_eq!(ran.status, 1);
        assert!(ran.stderr.contains(&format!("{earlier}.deltafs")), "{}", ran.stderr);
    }
}

//! How files get onto the disk (weaknesses 3, 9 to 12, 32).

use super::{FULL, Room};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use testkit::{Call, HookFs};

/// For every file that got its name: its draft was synced and closed before, the directory synced behind.
#[track_caller]
fn assert_published_durably(calls: &[Call]) {
    let mut synced: BTreeSet<PathBuf> = BTreeSet::new();
    let mut pending_names = 0;
    for call in calls {
        match call.op {
            "append" => assert!(!synced.contains(&call.path), "written to after its sync: {call:?}"),
            "sync" => drop(synced.insert(call.path.clone())),
            // The marker of a removal is a durable file that gets another name.
            "rename_new" if call.path.extension().is_some_and(|end| end == "removed") => {}
            "rename_new" | "rename_over" => {
                let is_draft_of = |draft: &PathBuf| {
                    vfs::publish::draft_target(draft.file_name().unwrap()) == call.path.file_name()
                };
                assert!(synced.iter().any(is_draft_of), "named before its sync: {call:?}");
                pending_names += 1;
            }
            "sync_dir" => pending_names = 0,
            _ => {}
        }
    }
    assert_eq!(pending_names, 0, "the directory was not synced at the end");
}

#[test]
fn every_file_is_synced_before_it_has_its_name_and_the_directory_behind() {
    for flags in ["", "z", "Q", "Qz", "Fk", "Fzk"] {
        let mut room = Room::new();
        room.backup("").expect_success();
        room.pass(60);
        room.grow();
        let (fs, calls) = HookFs::noting();
        room.backup_on(&fs, flags).expect_success();
        let calls = calls.lock().unwrap();
        assert_published_durably(&calls);
        let named = calls.iter().filter(|call| call.op.starts_with("rename"));
        assert!(named.count() >= 3, "{flags}: data, index and list");
    }
}

/// Python syncs the file before gzip's last block and trailer are written: a power cut leaves a cut file that
/// the list calls complete.
#[test]
fn a_compressed_file_is_complete_when_it_is_synced() {
    let room = Room::new();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen_too = std::sync::Arc::clone(&seen);
    let fs = HookFs::new(move |call| {
        if call.op == "sync" && call.path.to_string_lossy().contains(".fsz.") {
            *seen_too.lock().unwrap() = std::fs::read(&call.path).unwrap();
        }
        Ok(())
    });
    room.backup_on(&fs, "z").expect_success();
    let published = std::fs::read(room.in_repository(&format!("{FULL}.fsz"))).unwrap();
    assert!(!published.is_empty());
    assert_eq!(*seen.lock().unwrap(), published);
}

#[test]
fn the_list_is_replaced_whole_and_is_the_last_to_get_its_name() {
    let mut room = Room::new();
    room.backup("").expect_success();
    room.pass(60);
    room.grow();
    let (fs, calls) = HookFs::noting();
    room.backup_on(&fs, "Q").expect_success();
    let calls = calls.lock().unwrap();
    let named: Vec<_> = calls.iter().filter(|call| call.op.starts_with("rename")).collect();
    let extensions: Vec<_> =
        named.iter().map(|call| call.path.extension().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(extensions, ["deltafs", "index", "dat"]);
    assert_eq!(named[2].op, "rename_over");
    assert_eq!(room.dat(&format!("{FULL}.dat")).lines().count(), 2);
}

/// Weakness 3: with Python every run behind an unfinished transaction leaves an empty increment.
#[test]
fn nothing_is_written_when_only_an_unfinished_transaction_was_added() {
    for flags in ["", "Q", "z", "Qz"] {
        let mut room = Room::new();
        room.backup("").expect_success();
        let before = room.names();
        room.pass(60);
        room.database.vote(&[(1, 500)]);
        room.put_database();
        let (fs, calls) = HookFs::noting();
        room.backup_on(&fs, flags).expect_success();
        assert_eq!(room.names(), before, "{flags}");
        // That what is there lasts is made sure: a run that was killed may have left it.
        let writes = |call: &Call| call.writes() && call.op != "sync_dir";
        assert!(!calls.lock().unwrap().iter().any(writes), "{flags}");
    }
}

/// A backup is as secret as the database.
#[test]
fn backups_are_not_readable_by_more_than_the_database_is() {
    for (source_mode, expected) in
        [(0o600, 0o600), (0o640, 0o640), (0o644, 0o644), (0o400, 0o600), (0o666, 0o644)]
    {
        let mut room = Room::new();
        let mode = std::fs::Permissions::from_mode(source_mode);
        std::fs::set_permissions(room.file(), mode).unwrap();
        room.backup("").expect_success();
        room.pass(60);
        room.database.commit(&[(1, 9)]);
        // Writing keeps the mode.
        room.put_database();
        room.backup("Q").expect_success();
        for name in room.names() {
            let found = std::fs::metadata(room.in_repository(&name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, expected, "{name} of a database with mode {source_mode:o}");
        }
    }
}

#[test]
fn a_second_run_stops_with_a_clear_message() {
    let room = Room::new();
    let lock = vfs::Fs::try_lock(&vfs::OsFs, &room.repository(), vfs::LockKind::Exclusive).unwrap().unwrap();
    let ran = room.backup("");
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("is locked: another repozo is writing to it"), "{}", ran.stderr);
    assert!(room.names().is_empty());
    drop(lock);
    room.backup("").expect_success();
}

#[test]
fn a_second_run_waits_as_long_as_it_is_told_and_goes_on_when_the_first_ends() {
    let room = Room::new();
    let path = room.repository();
    let lock = vfs::Fs::try_lock(&vfs::OsFs, &path, vfs::LockKind::Exclusive).unwrap();
    assert_eq!(room.backup(" --wait 5").status, 1);
    let waited = room.clock.seconds() - super::START;
    assert!((5..=6).contains(&waited), "{waited}");
    // The first run ends while the second one tries for the fourth time.
    let held = std::sync::Mutex::new((lock, 0));
    let fs = HookFs::new(move |call| {
        let mut held = held.lock().unwrap();
        held.1 += usize::from(call.op == "try_lock");
        if held.1 == 4 {
            held.0 = None;
        }
        Ok(())
    });
    room.backup_on(&fs, " --wait 5").expect_success();
    assert_eq!(room.backups().len(), 1);
}

/// Locks end with the process, and nothing is left of them.
#[test]
fn no_lock_file_is_left() {
    let room = Room::new();
    room.backup("").expect_success();
    assert_eq!(room.names(), [format!("{FULL}.dat"), format!("{FULL}.fs"), format!("{FULL}.index")]);
}

//! `-k` (weaknesses 20 and 29).

use super::{FIRST, FULL, NEXT, Room, SECOND};
use std::sync::{Arc, Mutex};
use testkit::{Call, Database, HookFs};

#[test]
fn only_what_is_older_than_the_new_full_goes_with_all_its_companions() {
    let mut room = Room::new();
    room.chain_of_three();
    std::fs::write(room.in_repository("notes.txt"), "mine").unwrap();
    room.pass(60);
    room.grow();
    room.backup("Fk").expect_success();
    let new = "2023-11-14-22-16-20";
    assert_eq!(
        room.names(),
        [format!("{new}.dat"), format!("{new}.fs"), format!("{new}.index"), "notes.txt".to_owned()]
    );
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

#[test]
fn nothing_is_deleted_after_an_incremental_or_when_there_is_nothing_to_do() {
    let mut room = Room::new();
    room.chain_of_three();
    room.pass(60);
    room.backup("Qk").expect_success();
    room.grow();
    room.backup("Qk").expect_success();
    assert_eq!(room.backups().len(), 4);
}

/// The new full is durable before the first file goes, and the old full goes last.
#[test]
fn the_order_is_new_full_then_marker_then_increments_newest_first_then_the_old_full() {
    let mut room = Room::new();
    room.chain_of_three();
    room.pass(60);
    let (fs, calls) = HookFs::noting();
    room.backup_on(&fs, "Fk").expect_success();
    let calls = calls.lock().unwrap();
    let at = |op: &str, end: &str| {
        let found = calls.iter().position(|call| call.op == op && call.path.to_string_lossy().ends_with(end));
        found.unwrap_or_else(|| panic!("{op} {end}"))
    };
    let order = [
        at("rename_new", "22-16-20.fs"),
        at("rename_new", "22-16-20.dat"),
        at("rename_new", "22-13-20.dat.removed"),
        at("remove", "22-15-20.deltafs"),
        at("remove", "22-14-20.deltafs"),
        at("remove", "22-13-20.fs"),
        at("remove", "22-13-20.dat.removed"),
    ];
    assert!(order.is_sorted(), "{order:?}");
    let synced = calls[order[1]..order[2]].iter().any(|call| call.op == "sync_dir");
    assert!(synced, "the new backup is durable before anything goes");
}

#[test]
fn a_removal_that_was_interrupted_anywhere_is_finished_by_the_next_run() {
    for stop_at in 1..12 {
        let mut room = Room::new();
        room.chain_of_three();
        room.pass(60);
        room.grow();
        // Dies at the n-th step of the removal.
        let steps = Mutex::new((false, 0));
        let fs = HookFs::new(move |call: &Call| {
            let mut steps = steps.lock().unwrap();
            steps.0 |= call.path.to_string_lossy().ends_with(".dat.removed");
            steps.1 += usize::from(steps.0 && call.writes());
            if steps.1 >= stop_at { Err(std::io::Error::from_raw_os_error(5)) } else { Ok(()) }
        });
        let ran = room.backup_on(&fs, "Fk");
        assert_eq!(room.recovered(&["-w"]), room.database.bytes(), "step {stop_at}");
        room.verify().expect_success();
        if ran.status == 0 {
            assert!(stop_at > 8, "died at step {stop_at} with status 0");
            break;
        }
        room.pass(60);
        room.backup("Q").expect_success();
        room.verify().expect_success();
        let left: Vec<_> =
            room.names().into_iter().filter(|name| !name.starts_with("2023-11-14-22-16-20")).collect();
        assert_eq!(
            left,
            if stop_at == 1 { room.names()[..left.len()].to_vec() } else { Vec::new() },
            "step {stop_at}"
        );
    }
}

#[test]
fn a_new_full_that_reads_differently_deletes_nothing() {
    let mut room = Room::new();
    room.chain_of_three();
    let before = room.names();
    room.pass(60);
    room.grow();
    let fs = HookFs::new(move |call| {
        if call.op == "open" && call.path.to_string_lossy().contains("22-16-20.fs") {
            let mut bytes = std::fs::read(&call.path).unwrap();
            bytes[100] ^= 1;
            std::fs::write(&call.path, bytes).unwrap();
        }
        Ok(())
    });
    let ran = room.backup_on(&fs, "Fk");
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("reads differently"), "{}", ran.stderr);
    assert_eq!(room.names(), before, "and what reads differently is no backup");
}

#[test]
fn backups_of_another_database_are_not_deleted_unless_forced() {
    let mut room = Room::new();
    room.chain_of_three();
    let (old, before) = (room.database.bytes().to_vec(), room.names());
    room.pass(60);
    room.database = Database::of_another_history(5);
    room.put_database();
    let ran = room.backup("Fk");
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("the backup was made, but"), "{}", ran.stderr);
    assert!(ran.stderr.contains(FULL) && ran.stderr.contains("--force"), "{}", ran.stderr);
    assert!(before.iter().all(|name| room.names().contains(name)));
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    assert_eq!(room.recovered(&["-D", super::SECOND]), old);
    room.pass(60);
    room.backup("Fk --force").expect_success();
    assert_eq!(room.backups().len(), 1);
}

/// A pack drops transactions whose objects were written again, the first one of a database nearly always.
#[test]
fn a_packed_database_is_the_same_database_although_its_first_transaction_went() {
    let mut room = Room::new();
    room.chain_of_three();
    room.database.pack(3);
    room.put_database();
    room.pass(60);
    room.backup("Qk").expect_success();
    assert_eq!(room.backups(), ["2023-11-14-22-16-20.fs"]);
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

#[test]
fn a_chain_that_is_being_restored_is_kept_and_the_restore_succeeds() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    room.pass(60);
    room.grow();
    let args = room.backup_args("Fk");
    let result = Arc::new(Mutex::new(None));
    let (result_too, clock) = (Arc::clone(&result), testkit::TestClock::at(room.clock.seconds()));
    let first = room.in_repository(&format!("{}.deltafs", super::FIRST));
    // In the middle of the restore, between two files, the other run makes a full and deletes.
    let fs = HookFs::new(move |call| {
        let mut result = result_too.lock().unwrap();
        if call.op == "read_at" && call.path == first && result.is_none() {
            *result = Some(crate::common::ours(&clock, &args));
        }
        Ok(())
    });
    let recovered =
        crate::common::ours_with(&fs, &room.clock, &crate::common::args!["-R", "-r", room.repository()]);
    assert_eq!(recovered.expect_success().stdout, states[2]);
    let other = result.lock().unwrap().take().unwrap();
    assert_eq!(other.status, 0, "{}", other.stderr);
    assert!(other.stderr.contains("was not deleted: it is being read"), "{}", other.stderr);
}

/// Found by `crash`, at length: of a chain whose list Python's repozo had deleted already, a power cut during our
/// removal could bring back the full alone, which was then given to whoever asked for one of its increments.
#[test]
fn a_chain_without_its_list_is_removed_behind_a_marker_too() {
    let mut room = Room::new();
    room.chain_of_three();
    room.remove(&format!("{FULL}.dat"));
    room.grow();
    room.pass(60);
    let (fs, calls) = HookFs::noting();
    room.backup_on(&fs, "Fk --force").expect_success();
    let calls = calls.lock().unwrap();
    let at = |op: &str, name: String| {
        let path = room.in_repository(&name);
        calls.iter().position(|call| call.op == op && call.path == path).unwrap()
    };
    let marked_at = at("rename_new", format!("{FULL}.dat.removed"));
    for name in [format!("{FULL}.fs"), format!("{FIRST}.deltafs"), format!("{SECOND}.deltafs")] {
        assert!(marked_at < at("remove", name));
    }
    assert_eq!(room.names(), [format!("{NEXT}.dat"), format!("{NEXT}.fs"), format!("{NEXT}.index")]);
}

/// Lists and indexes of nothing, and increments whose full is gone and that could not be renamed.
#[test]
fn what_is_left_of_older_backups_goes_with_them() {
    let mut room = Room::new();
    room.chain_of_three();
    for name in ["2020-01-01-00-00-00.dat", "2020-01-02-00-00-00.index", "2020-01-03-00-00-00.deltafs"] {
        room.write(name, b"left by somebody");
    }
    room.grow();
    room.pass(60);
    let fs = HookFs::new(|call| match call.op {
        "rename_new" if call.path.to_string_lossy().ends_with(".unlisted") => {
            Err(std::io::ErrorKind::PermissionDenied.into())
        }
        _ => Ok(()),
    });
    let ran = room.backup_on(&fs, "Fk").expect_success();
    assert_eq!(
        room.names(),
        [format!("{NEXT}.dat"), format!("{NEXT}.fs"), format!("{NEXT}.index")],
        "{}",
        ran.stderr
    );
}

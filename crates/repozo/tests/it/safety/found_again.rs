//! What a second adversary found in the mending of what the first one had found.

use super::{FIRST, FULL, NEXT, Room, SECOND};
use crate::common::{args, content, ours};
use testkit::{Database, HookFs};

/// The next backup succeeds, is right, and the one behind it too.
#[track_caller]
fn assert_backups_go_on(room: &mut Room) {
    for flags in ["Q", "F", ""] {
        room.pass(60);
        room.grow();
        room.backup(flags).expect_success();
        assert_eq!(room.recovered(&["-w"]), room.database.bytes(), "{flags}");
    }
}

#[test]
fn a_torn_list_without_its_full_stops_no_backup() {
    let mut room = Room::new();
    room.chain_of_three();
    let dat = format!("{FULL}.dat");
    room.write(&dat, format!("{}r/2030", room.dat(&dat)).as_bytes());
    room.remove(&format!("{FULL}.fs"));
    assert_backups_go_on(&mut room);
}

/// Of a chain whose list is of no use, the full alone was looked at for later transactions.
#[test]
fn later_transactions_are_seen_in_files_that_no_list_vouches_for() {
    for spoil in ["list", "first", "line"] {
        let mut room = Room::new();
        let states = room.chain_of_three();
        let dat = format!("{FULL}.dat");
        match spoil {
            "list" => room.remove(&dat),
            "first" => room.remove(&format!("{FIRST}.deltafs")),
            _ => room.write(&dat, room.dat(&dat).replacen(FIRST, "x", 1).as_bytes()),
        }
        std::fs::write(room.file(), &states[0]).unwrap();
        room.pass(60);
        let ran = room.backup("Fk");
        assert_eq!(ran.status, 1, "{spoil}: {}", ran.stderr);
        assert!(ran.stderr.contains("later transactions"), "{spoil}: {}", ran.stderr);
        assert!(ran.stderr.contains("was it cut, or restored?"), "{spoil}: {}", ran.stderr);
        assert!(room.names().contains(&format!("{SECOND}.deltafs")), "{spoil}");
    }
}

/// The chain began with an empty database, where every database begins; its increments were another's.
#[test]
fn a_chain_that_began_empty_is_judged_by_its_increments() {
    let mut room = Room::new();
    std::fs::write(room.file(), "FS30").unwrap();
    room.backup("").expect_success();
    room.put_database();
    room.pass(60);
    room.backup("").expect_success();
    assert_eq!(room.backups().len(), 2);
    room.remove(&format!("{FULL}.dat"));
    room.database = Database::of_another_history(9);
    room.put_database();
    room.pass(60);
    assert_eq!(room.backup("Fk").status, 1);
    assert_eq!(room.backups().len(), 3);
}

/// The removal of one chain took the increments of the next one, whose full was away.
#[test]
fn finishing_a_removal_takes_nothing_of_the_next_chain() {
    let mut room = Room::new();
    room.backup("").expect_success();
    room.pass(60);
    room.backup("F").expect_success();
    room.pass(60);
    room.grow();
    room.backup("Q").expect_success();
    room.pass(60);
    room.backup("F").expect_success();
    let away = content(&room.in_repository(&format!("{FIRST}.fs")));
    room.remove(&format!("{FIRST}.fs"));
    let marker = format!("{FULL}.dat.removed");
    std::fs::rename(room.in_repository(&format!("{FULL}.dat")), room.in_repository(&marker)).unwrap();
    room.pass(60);
    room.grow();
    room.backup("Q").expect_success();
    assert!(!room.names().iter().any(|name| name.starts_with(FULL)));
    assert!(room.names().contains(&format!("{SECOND}.deltafs")));
    room.write(&format!("{FIRST}.fs"), &away);
    room.verify().expect_success();
}

#[test]
fn a_full_that_is_gone_is_missed_though_its_list_cannot_be_read() {
    for list in ["line", "directory"] {
        let mut room = Room::new();
        room.two_chains();
        let dat = format!("{FIRST}.dat");
        room.remove(&format!("{FIRST}.fs"));
        if list == "line" {
            room.write(&dat, format!("junk\n{}", room.dat(&dat)).as_bytes());
        } else {
            room.remove(&dat);
            std::fs::create_dir(room.in_repository(&dat)).unwrap();
        }
        for flags in ["-R", "-Rw"] {
            let ran = ours(&room.clock, &args![flags, "-r", room.repository()]);
            assert_eq!((ran.status, ran.stdout.len()), (1, 0), "{list}: {}", ran.stderr);
        }
        assert_backups_go_on(&mut room);
        assert!(room.names().contains(&format!("{SECOND}.deltafs")), "{list}: nothing was renamed");
    }
}

/// Old backups deleted by hand, all but the list.
#[test]
fn a_list_of_files_that_are_all_gone_goes_with_the_next_k() {
    let mut room = Room::new();
    room.chain_of_three();
    for name in room.names().into_iter().filter(|name| !name.ends_with(".dat")) {
        room.remove(&name);
    }
    room.pass(60);
    room.backup("Fk").expect_success();
    room.verify().expect_success();
    assert_eq!(room.names().len(), 3);
}

/// Python went on with the older chain after the newer full was deleted by hand, all but its list.
#[test]
fn an_increment_belongs_to_the_chain_that_lists_it() {
    let mut room = Room::new();
    room.chain_of_three();
    room.pass(60);
    room.backup("F").expect_success();
    for end in ["fs", "index"] {
        room.remove(&format!("{NEXT}.{end}"));
    }
    let from = room.database.len();
    room.grow();
    let bytes = room.database.bytes()[usize::try_from(from).unwrap()..].to_vec();
    let name = "2023-11-14-22-17-20.deltafs";
    room.write(name, &bytes);
    let dat = format!("{FULL}.dat");
    let line = format!("x/{name} {from} {} {}\n", room.database.len(), classic::Sum::of(&bytes));
    room.write(&dat, (room.dat(&dat) + &line).as_bytes());
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    room.pass(120);
    assert_backups_go_on(&mut room);
}

#[test]
fn a_marker_beside_its_list_is_removed_and_the_chain_counts() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    room.pass(60);
    room.backup("F").expect_success();
    let dat = format!("{FULL}.dat");
    room.write(&format!("{dat}.removed"), room.dat(&dat).as_bytes());
    assert_eq!(room.recovered(&["-w", "-D", FIRST]), states[1]);
    room.pass(60);
    room.grow();
    room.backup("Q").expect_success();
    assert_eq!(room.recovered(&["-w", "-D", FIRST]), states[1]);
    assert!(!room.names().iter().any(|name| name.ends_with(".removed")));
    // And a removal of which nothing but increments is left is finished in one run.
    std::fs::rename(room.in_repository(&dat), room.in_repository(&format!("{dat}.removed"))).unwrap();
    room.remove(&format!("{FULL}.fs"));
    room.pass(60);
    room.grow();
    room.backup("Q").expect_success();
    room.verify().expect_success();
    assert!(!room.names().iter().any(|name| name.starts_with(FIRST) || name.starts_with(FULL)));
}

#[test]
fn what_cannot_be_renamed_or_swept_stops_no_backup() {
    let mut room = Room::new();
    room.chain_of_three();
    let stray = "2020-01-01-00-00-00.deltafs";
    room.write(stray, b"stray");
    std::fs::create_dir(room.in_repository("2020-01-01-00-00-00.fs.0123456789abcdef.part")).unwrap();
    let fs = HookFs::new(move |call| {
        let refused = call.op == "rename_new" && call.path.to_string_lossy().contains(stray);
        if refused { Err(std::io::Error::from_raw_os_error(1)) } else { Ok(()) }
    });
    for flags in ["Q", "F"] {
        room.pass(60);
        room.grow();
        let ran = room.backup_on(&fs, flags).expect_success();
        assert_eq!(ran.stderr.matches("cannot be settled").count(), 2, "{}", ran.stderr);
        assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    }
}

#[test]
fn an_output_whose_index_is_one_of_the_repository_is_refused() {
    let room = Room::new();
    room.backup("").expect_success();
    let before = content(&room.in_repository(&format!("{FULL}.index")));
    assert_eq!(room.recover_to(&room.in_repository(FULL), &[]).status, 1);
    assert_eq!(content(&room.in_repository(&format!("{FULL}.index"))), before);
}

/// Somebody compressed a full and left both.
#[test]
fn of_two_fulls_with_one_stamp_the_listed_one_counts() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    room.write(&format!("{FULL}.fsz"), b"not even gzip");
    assert_eq!(room.recovered(&["-w"]), states[2]);
    room.pass(60);
    room.grow();
    room.backup("Q").expect_success();
    assert!(room.names().contains(&format!("{FULL}.fsz.unlisted")));
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    room.verify().expect_success();
}

//! What random sequences of both programs found (`differential`).

use super::{FIRST, FULL, NEXT, Room, SECOND, START};
use testkit::Oracle;

/// The clock went back between two increments of ours, and Python made a full there. Its name stands before the
/// second increment, which was taken for one of that full, and left out: `-R -w -D` of it gave another state, with
/// exit status 0, and the next backup set it aside. The list that names it says where it belongs.
#[test]
fn a_full_that_python_makes_among_the_increments_of_a_chain_takes_none_of_them() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    room.grow();
    let python = room.backup_args("F");
    Oracle::start().repozo(&python, START + 90).expect_success();
    let between = "2023-11-14-22-14-50";
    assert!(room.names().contains(&format!("{between}.fs")), "{:?}", room.names());
    let assert_all_restore = |room: &Room| {
        for (date, state) in [FULL, FIRST, SECOND].iter().zip(&states) {
            assert!(room.recovered(&["-w", "-D", date]) == *state, "{date}");
        }
        assert!(room.recovered(&["-w", "-D", between]) == room.database.bytes(), "{between}");
    };
    assert_all_restore(&room);
    assert_eq!(room.recovered(&[]), states[2], "the newest is the one with the latest stamp");
    assert_eq!(room.verify().status, 0);
    // Python joins by name: what continued the older chain would follow the full between to it.
    for (flags, time) in [("Q", START + 180), ("", START + 240)] {
        room.clock = testkit::TestClock::at(time);
        let ran = room.backup(flags).expect_success();
        if flags == "Q" {
            assert!(ran.stderr.contains("of another chain, stands between its files"), "{}", ran.stderr);
            assert!(room.names().contains(&format!("{NEXT}.fs")), "{:?}", room.names());
        }
        let newest = crate::common::args!["-R", "-r", room.repository()];
        let python = Oracle::start().repozo(&newest, time).expect_success();
        assert!(python.stdout == room.database.bytes(), "what Python restores");
        assert_all_restore(&room);
    }
}

/// Behind an increment of no bytes `-Q` of Python compares nothing: the database was packed, and had grown longer,
/// and its bytes from the middle of a record on became the next increment. `-Q` of ours looked at that one alone,
/// found it equal, and acknowledged a chain that restores to no database.
#[test]
fn quick_does_not_go_on_behind_an_increment_of_another_database() {
    for flags in ["Q", "Qz", ""] {
        let (mut room, mut python) = (Room::new(), Oracle::start());
        room.backup("").expect_success();
        room.database.vote(&[(7, 50)]);
        room.put_database();
        python.repozo(&room.backup_args("Q"), START + 60).expect_success();
        assert!(room.dat(&format!("{FULL}.dat")).lines().count() == 2, "an increment of no bytes");
        room.database.abort();
        room.database.pack(3);
        room.database.commit(&[(1, 5000)]);
        room.put_database();
        python.repozo(&room.backup_args("Q"), START + 120).expect_success();
        room.pass(180);
        room.backup(flags).expect_success();
        assert!(room.names().iter().any(|name| name.starts_with(NEXT) && name.contains(".fs")), "{flags}");
        assert!(room.recovered(&["-w"]) == room.database.bytes(), "{flags}");
    }
}

/// Python made an increment in the very second of one of ours, which was compressed: by their names the later one
/// comes first, and both were refused, though the list has them in order.
#[test]
fn increments_of_one_second_are_joined_in_the_order_of_their_list() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    room.pass(60);
    room.grow();
    room.backup("z").expect_success();
    room.grow();
    Oracle::start().repozo(&room.backup_args(""), START + 180).expect_success();
    let second = room.names().into_iter().filter(|name| name.starts_with(NEXT) && !name.ends_with(".index"));
    assert_eq!(second.collect::<Vec<_>>(), [format!("{NEXT}.deltafs"), format!("{NEXT}.deltafsz")]);
    for flags in [&["-w"] as &[_], &[], &["-w", "-D", NEXT]] {
        assert!(room.recovered(flags) == room.database.bytes(), "{flags:?}");
    }
    assert!(room.recovered(&["-w", "-D", SECOND]) == states[2]);
    // Python joins them by name, so nothing is built upon them.
    assert_eq!(room.verify().status, 1);
    room.pass(60);
    room.grow();
    room.backup("Q").expect_success();
    let newest = crate::common::args!["-R", "-r", room.repository()];
    let python = Oracle::start().repozo(&newest, START + 300).expect_success();
    assert!(python.stdout == room.database.bytes(), "what Python restores");
    assert!(room.recovered(&["-w"]) == room.database.bytes());
}

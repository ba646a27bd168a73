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

//! What a third adversary found where changes to recovery and backup met.

use super::{FIRST, FULL, NEXT, Room, SECOND};
use crate::common::{args, content, ours, ours_with};
use testkit::HookFs;

/// Adds a file of Python's repozo that holds the database from `start_pos` on, and its line, as the last one.
fn python_backs_up(room: &Room, stamp: &str, start_pos: usize, end_pos: usize) {
    let bytes = &room.database.bytes()[start_pos..end_pos];
    let line = format!("{stamp}.deltafs {start_pos} {end_pos} {}\n", classic::Sum::of(bytes));
    room.write(&format!("{stamp}.deltafs"), bytes);
    let dat = format!("{FULL}.dat");
    room.write(&dat, format!("{}{line}", room.dat(&dat)).as_bytes());
}

/// Symptom: a backup of Python's repozo, acknowledged, was left out of the newest state, with exit 0. It chooses its
/// name, then opens the database, which takes minutes without an index, and only then sees where it ends; a run of
/// ours took a later name meanwhile and ended before. The state of the last name holds less than is backed up: now
/// it is the file that reaches farthest which is followed back.
#[test]
fn of_two_increments_that_overlap_the_longer_one_is_recovered() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    room.grow();
    room.pass(60);
    room.backup("Q").expect_success();
    let at_ours = room.database.bytes().to_vec();
    room.grow();
    let at_python = room.database.bytes().to_vec();
    python_backs_up(&room, "2023-11-14-22-16-19", states[2].len(), at_python.len());
    for flags in [&[][..], &["-w"], &["-D", "2023-11-14-22-16-30"]] {
        assert!(room.recovered(flags) == at_python, "{flags:?}");
    }
    // Who asks for ours by its stamp gets what was acknowledged as that.
    assert!(room.recovered(&["-D", NEXT]) == at_ours);
    let ran = ours(&room.clock, &args!["-R", "-r", room.repository()]).expect_success();
    let left_out = room.in_repository(&format!("{NEXT}.deltafs"));
    assert!(ran.stderr.contains(&format!("warning: {} holds bytes", left_out.display())), "{}", ran.stderr);
}

#[test]
fn an_empty_increment_behind_an_overlap_is_no_obstacle() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    room.grow();
    room.pass(60);
    room.backup("Q").expect_success();
    room.grow();
    let len = room.database.bytes().len();
    python_backs_up(&room, "2023-11-14-22-16-19", states[2].len(), len);
    python_backs_up(&room, "2023-11-14-22-18-19", len, len);
    assert!(room.recovered(&[]) == room.database.bytes());
}

/// Symptom: `-R -w`, started while a backup was between the name of its file and that of its list, failed, `no line
/// of ... says what it should be`; so did `-V`. A moment later both succeed: now they wait for it.
#[test]
fn a_backup_that_is_being_made_fails_no_recovery_that_checks_and_no_verification() {
    for (op, kind) in [("-R", ""), ("-R", "F"), ("-V", ""), ("-V", "F")] {
        let mut room = Room::new();
        room.chain_of_three();
        let now = room.clock.seconds() + 60;
        room.grow();
        room.pass(60);
        room.backup(&format!("Q{kind}")).expect_success();
        // As it was just before the last rename.
        let (name, dat) =
            if kind == "F" { (format!("{NEXT}.fs"), NEXT) } else { (format!("{NEXT}.deltafs"), FULL) };
        let modified = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(now);
        let file = std::fs::File::options().append(true).open(room.in_repository(&name)).unwrap();
        file.set_modified(modified).unwrap();
        let dat = room.in_repository(&format!("{dat}.dat"));
        let listed = content(&dat);
        if kind == "F" {
            std::fs::remove_file(&dat).unwrap();
        } else {
            let lines: Vec<&[u8]> = listed.split_inclusive(|byte| *byte == b'\n').collect();
            std::fs::write(&dat, lines[..3].concat()).unwrap();
        }
        // The rename, once somebody has looked.
        let mut looks = 0;
        let fs = HookFs::new(move |call| {
            looks += usize::from(call.op == "list");
            if looks == 2 { std::fs::write(&dat, &listed) } else { Ok(()) }
        });
        let mut words = args![op, "-r", room.repository()].to_vec();
        words.extend((op == "-R").then(|| "-w".into()));
        let ran = ours_with(&fs, &room.clock, &words).expect_success();
        assert!(op == "-V" || ran.stdout == room.database.bytes(), "{kind}");
    }
}

/// Symptom: where the clock went back far during a run of Python's repozo, which looks for its files first, compares
/// them, and names the new one last, the backup has an earlier name than the full that it builds upon. It was left out
/// of a recovery with exit 0, as one of bytes that another backup holds, too; and the next backup renamed it, as one
/// that belongs to no chain. Its list says where it belongs.
#[test]
fn an_increment_of_an_earlier_name_than_its_full_is_recovered_and_stays() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    room.grow();
    let at_python = room.database.bytes().to_vec();
    let pythons = "2023-11-14-22-10-00";
    python_backs_up(&room, pythons, states[2].len(), at_python.len());
    let assert_state = |room: &Room| {
        let behind = "2023-11-14-22-15-30";
        for flags in [["-D", behind].as_slice(), &["-D", behind, "-w"]] {
            assert!(room.recovered(flags) == at_python, "{flags:?}");
        }
        assert!(room.recovered(&["-D", SECOND]) == states[2], "what was acknowledged as that");
    };
    assert_state(&room);
    assert!(room.recovered(&["-w"]) == at_python);
    // Python's repozo would join it elsewhere: nothing is built upon it.
    room.grow();
    room.pass(60);
    let ran = room.backup("Q").expect_success();
    assert!(!ran.stderr.contains("renamed"), "{}", ran.stderr);
    assert_eq!(room.backups().last().unwrap(), &format!("{NEXT}.fs"));
    assert!(room.names().contains(&format!("{pythons}.deltafs")));
    assert_state(&room);
    assert!(room.recovered(&["-w"]) == room.database.bytes());
    // It goes with its chain.
    room.pass(60);
    room.backup("Fk").expect_success();
    assert_eq!(room.backups().len(), 1);
}

/// A clock that stood in the future and was set right: the latest stamp is not that of what was made last. Which of
/// the two is wanted nobody can know; before, nothing was said.
#[test]
fn where_the_clock_was_set_back_a_recovery_says_that_another_full_stands_between() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    room.grow();
    let later = "2023-11-14-22-14-50";
    room.write(&format!("{later}.fs"), room.database.bytes());
    let (len, sum) = (room.database.bytes().len(), classic::Sum::of(room.database.bytes()));
    room.write(&format!("{later}.dat"), format!("{later}.fs 0 {len} {sum}\n").as_bytes());
    let newest = ours(&room.clock, &args!["-R", "-r", room.repository()]).expect_success();
    assert_eq!(newest.stdout, states[2]);
    assert!(newest.stderr.contains(&format!("{later}.fs stands between its files")), "{}", newest.stderr);
    let before = ours(&room.clock, &args!["-R", "-r", room.repository(), "-D", FIRST]).expect_success();
    assert_eq!((before.stdout, before.stderr.as_str()), (states[1].clone(), ""));
}

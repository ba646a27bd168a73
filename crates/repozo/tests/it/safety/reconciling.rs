//! Half-states that a crash, or Python's repozo, leaves (weaknesses 4, 10, 17, 19, 21, 22).

use super::{FIRST, FULL, Room, SECOND};
use crate::common::content;
use testkit::Database;

/// Everything sound: the newest state restores, every earlier one, and Python's way of joining gives the same.
#[track_caller]
fn assert_sound(room: &Room, states: &[(&str, Vec<u8>)]) {
    room.verify().expect_success();
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    for (date, bytes) in states {
        assert_eq!(&room.recovered(&["-w", "-D", date]), bytes, "{date}");
    }
    let mut joined = Vec::new();
    let files = room.backups();
    let full = files.iter().rposition(|name| name.ends_with(".fs")).unwrap();
    for name in &files[full..] {
        joined.extend(content(&room.in_repository(name)));
    }
    assert_eq!(joined, room.database.bytes(), "what Python joins");
}

/// The list without its last line: a crash between the data file and its line. Python's next quick increment
/// covers the bytes again, and the recovered file has them twice.
#[test]
fn a_data_file_without_its_line_is_adopted_and_built_upon() {
    for flags in ["Q", ""] {
        let mut room = Room::new();
        let states = room.chain_of_three();
        let dat = format!("{FULL}.dat");
        let whole = room.dat(&dat);
        let cut: String = whole.lines().take(2).map(|line| format!("{line}\n")).collect();
        std::fs::write(room.in_repository(&dat), cut).unwrap();
        assert_eq!(room.verify().status, 1, "verify tells");
        assert_eq!(room.recovered(&[]), states[2], "the file proves itself");
        let dated = room.recovered(&["-w", "-D", FIRST]);
        assert_eq!(dated, states[1], "with every byte vouched for: what is listed");
        room.pass(60);
        room.grow();
        let ran = room.backup(flags).expect_success();
        assert!(ran.stderr.contains("it is right and is listed now"), "{}", ran.stderr);
        assert!(room.dat(&dat).starts_with(&whole), "the same line as was lost");
        assert_eq!(room.backups().len(), 4);
        assert_sound(
            &room,
            &[(FULL, states[0].clone()), (FIRST, states[1].clone()), (SECOND, states[2].clone())],
        );
    }
}

#[test]
fn a_line_that_was_cut_short_is_written_whole_again() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    let dat = format!("{FULL}.dat");
    let whole = room.dat(&dat);
    for cut in 1..whole.len() {
        std::fs::write(room.in_repository(&dat), &whole[..cut]).unwrap();
        let recovered =
            crate::common::ours(&room.clock, &crate::common::args!["-R", "-r", room.repository()]);
        assert_eq!(
            (recovered.status, &recovered.stdout),
            (0, &states[2]),
            "cut at {cut}: {}",
            recovered.stderr
        );
        let ran = room.backup("").expect_success();
        assert_eq!(room.backups().len(), 3, "cut at {cut}: {}", ran.stderr);
        assert_eq!(room.dat(&dat).lines().count(), 3, "cut at {cut}");
        assert_sound(&room, &[(FIRST, states[1].clone())]);
    }
}

/// Weakness 4: the leftover of a crash, and behind it an increment that covers the same bytes.
#[test]
fn a_file_that_holds_bytes_twice_is_set_aside_and_nobody_joins_it() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    let leftover = "2023-11-14-22-14-50.deltafs";
    let second = content(&room.in_repository(&format!("{SECOND}.deltafs")));
    std::fs::write(room.in_repository(leftover), &second[..second.len() / 2]).unwrap();
    assert_eq!(room.recovered(&["-w"]), states[2], "restored without it");
    assert_eq!(room.verify().status, 1);
    room.pass(60);
    room.grow();
    let ran = room.backup("Q").expect_success();
    assert!(ran.stderr.contains("belongs to no chain"), "{}", ran.stderr);
    assert!(room.names().contains(&format!("{leftover}.unlisted")), "nothing is deleted");
    assert_sound(&room, &[(FIRST, states[1].clone())]);
}

/// Weakness 21: without its list Python goes on with a list of one line, and verifies that.
#[test]
fn a_lost_list_is_made_anew_when_every_byte_agrees() {
    let mut room = Room::new();
    let states = room.chain_of_three();
    let dat = format!("{FULL}.dat");
    let whole = room.dat(&dat);
    for lost in [
        None,
        Some(String::new()),
        Some("junk\n".to_owned()),
        Some(whole.lines().last().unwrap().to_owned() + "\n"),
    ] {
        match &lost {
            None => std::fs::remove_file(room.in_repository(&dat)).unwrap(),
            Some(text) => std::fs::write(room.in_repository(&dat), text).unwrap(),
        }
        room.backup("").expect_success();
        assert_eq!(room.dat(&dat), whole, "{lost:?}");
        assert_sound(&room, &[(FULL, states[0].clone()), (FIRST, states[1].clone())]);
    }
    // Quick, nothing is compared with the files: a full, as with Python.
    std::fs::remove_file(room.in_repository(&dat)).unwrap();
    room.pass(60);
    room.backup("Q").expect_success();
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    assert_eq!(room.backups().len(), 4);
}

fn spoil(room: &Room, what: &str) {
    let (dat, first) =
        (room.in_repository(&format!("{FULL}.dat")), room.in_repository(&format!("{FIRST}.deltafs")));
    let text = std::fs::read_to_string(&dat).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    match what {
        "file gone" => std::fs::remove_file(first).unwrap(),
        "file cut" => std::fs::write(&first, &content(&first)[..20]).unwrap(),
        "file longer" => std::fs::write(&first, [content(&first), vec![0; 9]].concat()).unwrap(),
        "file a directory" => {
            std::fs::remove_file(&first).unwrap();
            std::fs::create_dir(&first).unwrap();
        }
        "line gone" => std::fs::write(dat, format!("{}\n{}\n", lines[0], lines[2])).unwrap(),
        "lines swapped" => {
            std::fs::write(dat, format!("{}\n{}\n{}\n", lines[0], lines[2], lines[1])).unwrap()
        }
        "line spoilt" => {
            std::fs::write(dat, format!("{}\n{}\n{}\n", lines[0], &lines[1][..9], lines[2])).unwrap()
        }
        "list a directory" => {
            std::fs::remove_file(&dat).unwrap();
            std::fs::create_dir(&dat).unwrap();
        }
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_not_sound_is_told_by_verify_and_never_built_upon() {
    for what in [
        "file gone",
        "file cut",
        "file longer",
        "file a directory",
        "line gone",
        "lines swapped",
        "line spoilt",
        "list a directory",
    ] {
        for flags in ["Q", "", "z"] {
            let mut room = Room::new();
            let states = room.chain_of_three();
            spoil(&room, what);
            let verified = room.verify();
            assert_eq!(verified.status, 1, "{what}");
            assert!(
                verified.stderr.contains(FULL) || verified.stderr.contains(FIRST),
                "{what}: {}",
                verified.stderr
            );
            room.pass(60);
            room.grow();
            let ran = room.backup(flags).expect_success();
            assert_eq!(room.recovered(&["-w"]), room.database.bytes(), "{what} -B{flags}: {}", ran.stderr);
            if !what.starts_with("list") {
                assert_eq!(room.recovered(&["-D", FULL]), states[0], "{what}: what is sound still restores");
            }
        }
    }
}

/// Quick looks at sizes; a change of content that keeps the size is found by every other way.
#[test]
fn a_changed_byte_in_a_backup_is_not_built_upon() {
    let mut room = Room::new();
    room.chain_of_three();
    let first = room.in_repository(&format!("{FIRST}.deltafs"));
    let mut bytes = content(&first);
    bytes[60] ^= 1;
    std::fs::write(&first, bytes).unwrap();
    room.pass(60);
    room.grow();
    let ran = room.backup("").expect_success();
    assert!(ran.stderr.contains("has checksum") && ran.stderr.contains("not built upon"), "{}", ran.stderr);
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    assert!(room.backups().last().unwrap().ends_with(".fs"));
}

/// Weakness 19.
#[test]
fn increments_without_their_full_are_refused_and_a_new_full_is_made() {
    let mut room = Room::new();
    room.chain_of_three();
    for end in ["fs", "dat", "index"] {
        std::fs::remove_file(room.in_repository(&format!("{FULL}.{end}"))).unwrap();
    }
    let ran = crate::common::ours(&room.clock, &crate::common::args!["-R", "-r", room.repository()]);
    assert_eq!((ran.status, ran.stdout.len()), (1, 0));
    assert!(
        ran.stderr.contains("the full backup that it builds on is not in the repository"),
        "{}",
        ran.stderr
    );
    let verified = room.verify();
    assert_eq!(verified.status, 1);
    assert!(verified.stderr.contains(FIRST) && verified.stderr.contains(SECOND), "{}", verified.stderr);
    room.pass(60);
    for flags in ["Q", ""] {
        room.backup(flags).expect_success();
        assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    }
    assert_eq!(room.backups().len(), 1);
}

#[test]
fn drafts_of_dead_runs_are_removed_and_what_is_not_ours_is_left_alone() {
    let room = Room::new();
    let drafts =
        ["2023-11-14-22-00-00.fs.0123456789abcdef.part", "2023-11-14-22-00-00.dat.0123456789abcdef.part"];
    let others = ["tmp.tmp", "Data.fs.0123456789abcdef.part", "2023-11-14-22-00-00.fs.part", "notes"];
    for name in drafts.iter().chain(&others) {
        std::fs::write(room.in_repository(name), "x").unwrap();
    }
    let ran = room.backup("").expect_success();
    for draft in drafts {
        assert!(!room.names().contains(&draft.to_owned()) && ran.stderr.contains(draft), "{draft}");
    }
    for other in others {
        assert!(room.names().contains(&other.to_owned()), "{other}");
    }
}

/// What a run of Python's leaves when it dies in a full: the index, or the index and the data, and no list.
#[test]
fn a_full_without_its_list_is_listed_or_replaced_but_never_trusted() {
    for (with_data, same) in [(false, true), (true, true), (true, false)] {
        let room = Room::new();
        room.backup("").expect_success();
        let (data, dat) =
            (room.in_repository(&format!("{FULL}.fs")), room.in_repository(&format!("{FULL}.dat")));
        std::fs::remove_file(&dat).unwrap();
        if !with_data {
            std::fs::remove_file(&data).unwrap();
        } else if !same {
            std::fs::write(&data, Database::of_another_history(4).bytes()).unwrap();
        }
        room.pass(60);
        room.backup("").expect_success();
        assert_eq!(room.recovered(&["-w"]), room.database.bytes(), "{with_data} {same}");
        assert_eq!(room.backups().len(), if with_data && !same { 2 } else { 1 });
    }
}

/// Two runs of Python's repozo in one second give a full and an increment the same base name.
#[test]
fn an_increment_with_the_stamp_of_its_full_is_found() {
    let mut room = Room::new();
    room.chain_of_three();
    for end in ["deltafs", "index"] {
        let (from, to) = (format!("{FIRST}.{end}"), format!("{FULL}.{end}"));
        std::fs::rename(room.in_repository(&from), room.in_repository(&to)).unwrap();
    }
    let dat = format!("{FULL}.dat");
    let renamed = room.dat(&dat).replace(FIRST, FULL);
    std::fs::write(room.in_repository(&dat), renamed).unwrap();
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    room.pass(60);
    room.grow();
    room.backup("Q").expect_success();
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
}

/// Found by `crash`: the power goes while Python appends a line, and what remains of it, perhaps only zeros, stands
/// behind the lines that count. Verify passed the list over in silence when the data file was lost with it.
#[test]
fn a_last_line_that_was_cut_short_is_a_problem_until_the_next_backup() {
    for rest in [&b"/backups/2023-11-14-22-16-20.del"[..], &[0; 40]] {
        let mut room = Room::new();
        room.chain_of_three();
        let dat = format!("{FULL}.dat");
        room.write(&dat, &[room.dat(&dat).as_bytes(), rest].concat());
        let verified = room.verify();
        assert_eq!(verified.status, 1);
        assert!(
            verified.stderr.contains(&format!("{dat}: the last line was cut short")),
            "{}",
            verified.stderr
        );
        room.pass(60);
        room.grow();
        room.backup("Q").expect_success();
        room.verify().expect_success();
        assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    }
}

/// Found by `crash`: Python writes the index first, so that a run which dies behind it leaves an index of nothing,
/// and one that dies in its draft leaves a file as large as the database. Neither was ever removed.
#[test]
fn what_a_dead_run_of_python_leaves_besides_data_is_removed_when_it_is_old_enough() {
    const DAY: u64 = 24 * 60 * 60;
    let put = |room: &Room, name: &str, age_seconds: u64| {
        room.write(name, b"x");
        let modified =
            std::time::UNIX_EPOCH + std::time::Duration::from_secs(room.clock.seconds() - age_seconds);
        let file = std::fs::File::options().write(true).open(room.in_repository(name)).unwrap();
        file.set_modified(modified).unwrap();
    };
    let (lone, missed) = ("2023-11-14-21-00-00.index", format!("{SECOND}.index"));
    let mut room = Room::new();
    room.chain_of_three();
    room.remove(&format!("{SECOND}.deltafs"));
    room.pass(60);
    for (index_age, draft_age, index_stays, draft_stays) in
        [(2, DAY - 1, true, true), (3, 60, false, true), (0, DAY, true, false)]
    {
        put(&room, lone, index_age);
        put(&room, &missed, DAY);
        put(&room, "tmp.tmp", draft_age);
        let ran = room.backup("").expect_success();
        for (name, stays) in [(lone, index_stays), ("tmp.tmp", draft_stays), (missed.as_str(), true)] {
            assert_eq!(
                room.names().contains(&name.to_owned()),
                stays,
                "{name}, {index_age} s, {draft_age} s"
            );
            assert_eq!(ran.stderr.contains(&format!("removed {name}")), !stays, "{}", ran.stderr);
        }
    }
}

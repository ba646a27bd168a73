use super::{of_type, text};
use crate::common::{args, ours_with};
use crate::safety::Room;
use serde_json::json;
use std::io;
use testkit::HookFs;

#[test]
fn every_backup_is_listed_with_what_it_has() {
    for flags in ["", "z"] {
        let mut room = Room::new();
        room.backup(flags).expect_success();
        room.pass(60);
        room.grow();
        room.grow();
        room.backup(flags).expect_success();
        room.pass(60);
        room.backup(&format!("F{flags}")).expect_success();
        let lines = room.lines("list", &[]);
        let backups = of_type(&lines, "backup");
        let ends = [8, 10, 10].map(|number| room.database.up_to(number).len());
        let tids = |first: usize, last: usize| {
            [first, last].map(|number| json!(room.database.tid(number).to_string()))
        };
        for (at, (start, tids, time)) in [
            (0, tids(1, 8), "2023-11-14T22:13:20Z"),
            (ends[0], tids(9, 10), "2023-11-14T22:14:20Z"),
            (0, tids(1, 10), "2023-11-14T22:15:20Z"),
        ]
        .into_iter()
        .enumerate()
        {
            let backup = backups[at];
            assert_eq!((&backup["start_pos"], &backup["end_pos"]), (&json!(start), &json!(ends[at])));
            assert_eq!((&backup["first_tid"], &backup["last_tid"]), (&tids[0], &tids[1]));
            assert_eq!(backup["time"], time);
            assert_eq!((&backup["verified"], &backup["problem"]), (&json!(null), &json!(null)));
            let stored =
                std::fs::metadata(room.in_repository(backup["name"].as_str().unwrap())).unwrap().len();
            assert_eq!(backup["stored_len"], stored);
        }
        let chains: Vec<_> = of_type(&lines, "chain").iter().map(|chain| chain["backups"].clone()).collect();
        assert_eq!(chains, [2, 1]);
        let ran = room.verb("list", &[]).expect_success();
        assert_eq!(text(&ran).lines().count(), 1 + 3 + 2, "{}", text(&ran));
    }
}

#[test]
fn what_is_seen_to_be_wrong_is_told_with_status_3() {
    let mut room = Room::new();
    room.long_chain("");
    let names = room.backups();
    let good = crate::common::content(&room.in_repository(&names[2]));
    room.write(&names[2], &good[1..]);
    let ran = room.verb("list", &[]);
    assert_eq!(ran.status, 3);
    assert!(text(&ran).contains(&format!("{} is ", names[2])), "{}", text(&ran));
    room.remove(&names[2]);
    let ran = room.verb("list", &[]);
    assert_eq!(ran.status, 3);
    let told = text(&ran);
    assert!(told.contains(&format!("{} is missing", names[2])), "{told}");
    assert!(told.contains(&format!("{} cannot be used", names[3])), "{told}");
    // What stands before the hole restores, and is listed.
    assert_eq!(of_type(&room.lines("list", &[]), "backup").len(), 2);
}

#[test]
fn a_repository_that_can_only_be_read_is_listed() {
    let mut room = Room::new();
    room.two_chains();
    let fs = HookFs::new(|call| match call.op {
        "create" | "rename" | "link" | "remove" => Err(io::Error::from_raw_os_error(30)),
        _ => Ok(()),
    });
    let ran = ours_with(&fs, &room.clock, &args!["list", "-r", room.repository()]).expect_success();
    assert_eq!(ran.stderr, "");
}

use super::text;
use crate::safety::Room;
use filestorage::Tid;
use serde_json::Value;

fn tids(lines: &[Value]) -> Vec<String> {
    lines.iter().map(|line| line["tid"].as_str().unwrap().to_owned()).collect()
}

/// What a pack took from the second chain is in the first one, and what both have is told once.
#[test]
fn the_transactions_of_all_chains_are_told_each_once() {
    let mut room = Room::new();
    room.backup("").expect_success();
    room.pass(60);
    room.grow();
    room.backup("").expect_success();
    let mut all: Vec<Tid> = (1..=9).map(|number| room.database.tid(number)).collect();
    room.pass(60);
    room.grow();
    room.database.pack(4);
    room.put_database();
    all.push(room.database.tid(room.database.count()));
    room.backup("").expect_success();
    let fulls: Vec<_> = room.backups().into_iter().filter(|name| name.ends_with(".fs")).collect();
    assert_eq!(fulls.len(), 2);
    let lines = room.lines("log", &[]);
    assert_eq!(tids(&lines), all.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(
        (&lines[0]["chain"], &lines[9]["chain"]),
        (&fulls[0].as_str().into(), &fulls[1].as_str().into())
    );
    let newest = room.lines("log", &["--reverse", "--limit", "2"]);
    assert_eq!(tids(&newest), [all[9].to_string(), all[8].to_string()]);
    // Any of them restores.
    for tid in &all {
        room.verb("restore", &["--dry-run", "--tid", &tid.to_string()]).expect_success();
    }
    // At a moment it is what the state of then has.
    let at = room.lines("log", &["--at", &all[2].to_string()]);
    assert_eq!(tids(&at), all[..3].iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(text(&room.verb("log", &["--since", &all[8].to_string()])).lines().count(), 2);
}

/// What cannot be used is not left out in silence.
#[test]
fn where_not_all_can_be_used_that_is_told() {
    let mut room = Room::new();
    room.long_chain("");
    let names = room.backups();
    room.remove(&names[2]);
    let ran = room.verb("log", &[]);
    assert_eq!((ran.status, text(&ran).lines().count()), (3, 13));
    assert!(ran.stderr.contains(&format!("{} is missing", names[2])), "{}", ran.stderr);
}

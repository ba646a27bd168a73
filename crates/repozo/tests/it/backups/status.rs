use super::{of_type, text};
use crate::common::{args, content, ours, run_binary};
use crate::safety::Room;
use serde_json::{Value, json};
use std::process::Command;
use testkit::{Database, python, root};

fn status(room: &Room, words: &[&str]) -> Value {
    let lines = room.lines("status", words);
    of_type(&lines, "status")[0].clone()
}

fn with_file(room: &Room, words: &[&str]) -> Value {
    let file = room.file();
    status(room, &[&["--file", file.to_str().unwrap()], words].concat())
}

#[test]
fn what_is_not_backed_up_is_counted() {
    let mut room = Room::new();
    let told = with_file(&room, &[]);
    assert_eq!((&told["lag_transactions"], &told["problems"]), (&json!(8), &json!(["there is no backup"])));
    room.backup("").expect_success();
    let told = with_file(&room, &[]);
    assert_eq!(told["last_tid"], room.database.tid(8).to_string());
    assert_eq!(
        (&told["lag_transactions"], &told["lag_len"], &told["age_seconds"]),
        (&json!(0), &json!(0), &json!(0))
    );
    let before = room.database.len();
    room.grow();
    room.grow();
    // A transaction that is not finished does not count.
    room.database.vote(&[(3, 50)]);
    room.put_database();
    room.pass(86_400);
    let told = with_file(&room, &[]);
    room.database.abort();
    assert_eq!((&told["lag_transactions"], &told["rewritten"]), (&json!(2), &json!(false)));
    assert_eq!(told["lag_len"], room.database.len() - before);
    assert_eq!(told["lag_first_tid"], room.database.tid(9).to_string());
    // From a little behind 22:13:00, where the tids of the database are, to 22:13:20 of the next day.
    assert_eq!(told["age_seconds"], 86_419);
}

#[test]
fn of_a_packed_database_it_is_counted_what_is_newer_than_the_backups() {
    let mut room = Room::new();
    room.backup("").expect_success();
    room.grow();
    room.grow();
    room.database.pack(5);
    room.put_database();
    let told = with_file(&room, &[]);
    assert_eq!((&told["lag_transactions"], &told["rewritten"]), (&json!(2), &json!(true)));
    // The same where the end cannot be told by going backward.
    room.database.vote(&[(3, 50)]);
    room.put_database();
    let told = with_file(&room, &[]);
    assert_eq!((&told["lag_transactions"], &told["rewritten"]), (&json!(2), &json!(true)));
    room.database = Database::of_another_history(3);
    room.put_database();
    assert_eq!(with_file(&room, &[])["lag_transactions"], 3);
}

/// Without the database it is the newest sign of life; also that of a backup which found nothing to do, of our own verb.
#[test]
fn the_age_makes_it_a_problem() {
    let room = Room::new();
    room.backup("").expect_success();
    room.pass(26 * 3600);
    assert_eq!(status(&room, &["--max-age", "26h"])["problems"], json!([]));
    room.pass(1);
    let ran = room.verb("status", &["--max-age", "26h"]);
    assert_eq!(ran.status, 3);
    assert!(text(&ran).contains("problem: the newest backup is "), "{}", text(&ran));
    let file = room.file();
    room.verb("status", &["--max-age", "26h", "--file", file.to_str().unwrap()]).expect_success();
    let done = ours(&room.clock, &args!["backup", "-r", room.repository(), &file]).expect_success();
    assert_eq!(text(&done), "all is backed up\n");
    room.verb("status", &["--max-age", "26h"]).expect_success();
}

#[test]
fn what_is_seen_to_be_wrong_is_a_problem() {
    let mut room = Room::new();
    room.long_chain("");
    room.verb("verify", &[]).expect_success();
    assert_eq!(status(&room, &[])["never_verified"], 0);
    let name = room.backups()[1].clone();
    let mut bytes = content(&room.in_repository(&name));
    bytes[40] ^= 1;
    room.write(&name, &bytes);
    room.verb("status", &[]).expect_success();
    // Only a verification finds that.
    assert_eq!(room.verb("verify", &[]).status, 3);
    let ran = room.verb("status", &[]);
    assert_eq!(ran.status, 3);
    assert!(text(&ran).contains("problem: the last verification found "), "{}", text(&ran));
    room.remove(&name);
    assert!(text(&room.verb("status", &[])).contains(&format!("{name} is missing")));
}

#[test]
fn nagios_is_told_in_its_own_way() {
    let mut room = Room::new();
    let nagios = |room: &Room| room.verb("status", &["--format", "nagios", "--max-age", "1h"]);
    room.long_chain("");
    let ran = nagios(&room).expect_success();
    let told = text(&ran);
    assert!(told.starts_with("REPOZO OK - ") && told.contains(" | age=0s;;3600 backups=4 stored="), "{told}");
    room.pass(3601);
    let ran = nagios(&room);
    assert_eq!((ran.status, ran.stdout.starts_with(b"REPOZO CRITICAL - the newest backup is ")), (2, true));
    let ran = run_binary(&["status", "-r", "/no/such", "--format", "nagios"]);
    assert_eq!((ran.status, ran.stdout.starts_with(b"REPOZO UNKNOWN - ")), (3, true));
}

/// Every metric is documented; and what is told is what the parser of Prometheus' own client reads.
#[test]
fn prometheus_reads_the_metrics_and_each_is_documented() {
    let mut room = Room::new();
    room.long_chain("");
    room.verb("verify", &[]).expect_success();
    let file = room.file();
    let ran =
        room.verb("status", &["--format", "prometheus", "--file", file.to_str().unwrap()]).expect_success();
    let script = root().join("tests/oracle/metrics.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &ran.stdout).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = told.as_object().unwrap();
    assert_eq!(told["repozo_backups"][0], json!({ "repository": room.repository() }));
    assert_eq!(told["repozo_backups"][1].as_f64(), Some(4.0));
    assert_eq!(told["repozo_lag_bytes"][1].as_f64(), Some(0.0));
    assert_eq!(told["repozo_problems"][1].as_f64(), Some(0.0));
    let page = std::fs::read_to_string(root().join("docs/MONITORING.md")).unwrap();
    for name in told.keys() {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
    // There was no drill, and there are no blobs.
    assert_eq!(told.len() + 1 + 3, page.matches("| `repozo_").count());
}

#[test]
fn the_page_shows_each_backup_and_needs_no_network() {
    let mut room = Room::new();
    room.long_chain("");
    let page = room.path("status.html");
    room.verb("status", &["--html", page.to_str().unwrap()]).expect_success();
    let written = String::from_utf8(content(&page)).unwrap();
    assert_eq!(
        (written.matches("<rect").count(), written.matches("class=\"full\"").count()),
        (4, 1),
        "{written}"
    );
    assert!(!written.contains("http:") && !written.contains("https:") && written.contains("All is well."));
    assert!(written.contains("prefers-color-scheme: dark"));
    // On a narrow screen, too, a day stands with its hour.
    let first = "2023-11-14 22:13:20+00:00";
    assert!(written.contains(&format!("<span>{first}</span>")), "{written}");
    assert!(
        written.contains("<span class=\"label\">newest backup: </span><span class=\"time\">2023-"),
        "{written}"
    );
    std::fs::write(&page, b"somebody's own").unwrap();
    assert_eq!(room.verb("status", &["--html", page.to_str().unwrap()]).status, 4);
    assert_eq!(content(&page), b"somebody's own");
}

/// A clock that was ahead once says nothing about age; it silenced the alarm for good.
#[test]
fn what_is_of_the_future_is_a_problem_and_no_age() {
    let mut room = Room::new();
    room.backup("").expect_success();
    room.database.set_minute(60 * 24 * 40);
    room.database.commit(&[(1, 9)]);
    room.put_database();
    room.pass(7200);
    // The first transaction that is not backed up is of the future: then it is the age of the backup.
    let told = with_file(&room, &["--max-age", "1h"]);
    assert_eq!(told["age_seconds"], 7200);
    assert_eq!(told["problems"].as_array().unwrap().len(), 1);
    room.backup("").expect_success();
    let told = with_file(&room, &[]);
    assert_eq!(told["problems"], json!(["the newest backup is of the future: a clock was wrong"]));
}

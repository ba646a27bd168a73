//! What ZODB wrote, whole and damaged.

use super::{args, json_lines, run, zodb_prints};
use std::collections::BTreeMap;
use std::path::PathBuf;
use testkit::data;

fn samples() -> Vec<(String, PathBuf)> {
    let names = testkit::names(&data("samples")).into_iter().filter(|name| name.ends_with(".fs"));
    names.map(|name| (name.clone(), data("samples").join(name))).collect()
}

#[test]
fn refs_prints_of_every_sound_sample_what_fsrefs_prints() {
    let mut told_count = 0;
    for (name, path) in samples() {
        let ran = run(&args!["refs", "--format=fsrefs", &path]);
        let Some(expected) = zodb_prints("ZODB.scripts.fsrefs", &path) else { continue };
        // What is damaged fsrefs takes for a tail, or for the object that it is not; a file of nothing for a database.
        if run(&args!["check", &path]).status != 0 {
            continue;
        }
        assert!(ran.stdout == expected, "{name}: {}", String::from_utf8_lossy(&ran.stdout));
        assert_eq!(ran.status, if ran.stdout.is_empty() { 0 } else { 3 }, "{name}");
        told_count += usize::from(!expected.is_empty());
    }
    assert!(told_count >= 1, "refs.fs has dangling references");
}

/// The column of `EXPECT.tsv` that says what fstest says.
fn verdicts() -> BTreeMap<String, bool> {
    let table = std::fs::read_to_string(data("samples").join("EXPECT.tsv")).unwrap();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        (fields[0].to_owned(), fields[8] == "ok")
    };
    table.lines().map(line).collect()
}

#[test]
fn check_finds_a_problem_wherever_fstest_does_and_where_it_cannot_look() {
    let verdicts = verdicts();
    for (name, path) in samples() {
        let ran = run(&args!["check", &path]);
        let is_sound = verdicts[&name];
        // A tail is nothing wrong: every server leaves one for a moment. Files of Python 2 fstest does not know.
        let is_right = is_sound || ran.status != 0 || name.starts_with("tail-") || name == "fs21.fs";
        assert!(is_right, "{name}: {}", String::from_utf8_lossy(&ran.stdout));
        let is_worse =
            ["bad-", "refs-broken", "tail-zerodata", "tail-zerobody", "magic-3", "zero.", "fs21-v", "fs30-v"];
        if !is_worse.iter().any(|start| name.starts_with(start)) {
            assert_eq!(ran.status, 0, "{name}: {}", String::from_utf8_lossy(&ran.stdout));
        }
    }
}

#[test]
fn log_tells_the_transactions_that_zodb_iterates() {
    let table = std::fs::read_to_string(data("samples").join("transactions.tsv")).unwrap();
    let mut expected: BTreeMap<&str, Vec<(String, u64, u64)>> = BTreeMap::new();
    for line in table.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, tid, pos, len] = fields[..4] else { panic!("{line}") };
        let row = (format!("0x{tid}"), pos.parse().unwrap(), len.parse().unwrap());
        expected.entry(name).or_default().push(row);
    }
    assert!(expected.len() > 15);
    for (name, expected) in expected {
        // ZODB iterates into a tail, and over records of another object.
        if name.starts_with("tail-") || name.starts_with("bad-") {
            continue;
        }
        let ran = run(&args!["log", "--json", data("samples").join(name)]).expect_success();
        let told: Vec<(String, u64, u64)> = json_lines(&ran)
            .iter()
            .map(|line| {
                let tid = line["tid"].as_str().unwrap().to_owned();
                (tid, line["pos"].as_u64().unwrap(), line["len"].as_u64().unwrap())
            })
            .collect();
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn log_tells_what_was_asked_for() {
    let path = data("samples").join("undo.fs");
    let told = |words: &str| -> Vec<String> {
        let mut line = args!["log", "--json", &path].to_vec();
        line.extend(words.split(' ').filter(|word| !word.is_empty()).map(Into::into));
        let lines = json_lines(&run(&line).expect_success());
        let first_word = |text: &str| text.split(' ').next().unwrap().to_owned();
        lines.iter().map(|line| first_word(line["description"].as_str().unwrap())).collect()
    };
    assert_eq!(told("").len(), 11);
    assert_eq!(told("--limit 2"), ["T0", "T1"]);
    assert_eq!(told("--limit 2 --reverse"), ["T10", "T9"]);
    assert_eq!(told("--limit 0"), [""; 0]);
    assert_eq!(told("--oid 4"), ["T8", "T9", "T10"]);
    assert_eq!(told("--oid 0x4 --limit 1"), ["T8"]);
    // T0 is at 22:24:20.25, each later one a minute later.
    assert_eq!(told("--since 2023-11-14-22-32-20.25"), ["T8", "T9", "T10"]);
    assert_eq!(told("--until 2023-11-14T22:25:20.25Z"), ["T0", "T1"]);
    assert_eq!(told("--since 0x03f47fa956666666 --until 0x03f47fa956666666"), ["T9"]);
    let plain = data("samples").join("plain.fs");
    let of_user = |user: &str| json_lines(&run(&args!["log", "--json", "--user", user, &plain])).len();
    assert_eq!((of_user("no such user"), of_user("")), (0, 6));
}

#[test]
fn dump_prints_of_every_sound_sample_what_fsdump_prints() {
    let mut told_count = 0;
    for (name, path) in samples() {
        // Where ZODB stops, or takes one thing for another, is told as what it is.
        if run(&args!["check", &path]).status != 0 {
            continue;
        }
        let Some(expected) = zodb_prints("ZODB.FileStorage.fsdump", &path) else { continue };
        let ran = run(&args!["dump", "--format=fsdump", &path]).expect_success();
        // It goes on into a transaction that is voted, not finished.
        let is_right = ran.stdout == expected || name == "tail-voted.fs" && expected.starts_with(&ran.stdout);
        assert!(is_right, "{name}:\n{}", String::from_utf8_lossy(&ran.stdout));
        told_count += 1;
    }
    assert!(told_count > 20, "{told_count}");
}

#[test]
fn tail_prints_of_every_sound_sample_what_fstail_prints() {
    let mut told_count = 0;
    for (name, path) in samples() {
        // fstail reads backward from the last byte: a tail ends it, or is taken for a transaction.
        if name.starts_with("tail-") && name != "tail-base.fs" || run(&args!["check", &path]).status != 0 {
            continue;
        }
        let Some(expected) = zodb_prints("ZODB.scripts.fstail", &path) else { continue };
        let ran = run(&args!["tail", "--format=fstail", &path]).expect_success();
        assert!(ran.stdout == expected, "{name}:\n{}", String::from_utf8_lossy(&ran.stdout));
        told_count += 1;
    }
    assert!(told_count > 12, "{told_count}");
}

/// Damage in the middle, too: reading backward, what could not be passed was taken for the beginning once.
#[test]
fn tail_tells_the_last_lines_of_the_log_whatever_stands_behind_or_between_them() {
    for (name, path) in samples() {
        for count in ["0", "1", "3", "99"] {
            let tail = run(&args!["tail", "--json", "-n", count, &path]);
            let log = run(&args!["log", "--json", "--reverse", "--limit", count, &path]);
            assert_eq!((&tail.stdout, &tail.stderr), (&log.stdout, &log.stderr), "{name} {count}");
            // What it did not come to, it knows nothing of.
            let is_lost = str::from_utf8(&tail.stdout).unwrap().contains(r#""message_type":"lost""#);
            assert!(!is_lost || tail.status == 3, "{name} {count}");
            assert!(tail.status == 0 || tail.status == log.status, "{name} {count}");
        }
    }
}

#[test]
fn dump_names_every_record_and_what_became_of_its_object() {
    let ran = run(&args!["dump", "--json", data("samples").join("undo.fs")]).expect_success();
    let records: Vec<_> =
        json_lines(&ran).into_iter().filter(|line| line["message_type"] == "record").collect();
    assert_eq!(records.len(), 13);
    // T3 undoes T2: the record shares the data of T1's.
    let undone = records.iter().find(|line| line["tid"] == "0x03f47fa356666666").unwrap();
    assert_eq!((&undone["state"], &undone["back_tid"]), (&"here".into(), &"0x03f47fa156666666".into()));
    // T9 undoes the creation of two objects.
    let gone = records.iter().filter(|line| line["tid"] == "0x03f47fa956666666");
    assert!(gone.clone().all(|line| line["state"] == "gone") && gone.count() == 2);
}

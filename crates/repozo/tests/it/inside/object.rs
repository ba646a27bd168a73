//! One object: its history is what fsoids tells, its data what ZODB loads and `pickletools` shows.

use super::{args, json_lines, make_database, of_kind, run, zodb_says};
use base64::Engine;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use testkit::{data, python};

/// The samples with undone and deleted objects, references of all forms, compressed data, and a generated one.
fn databases(dir: &Path) -> Vec<std::path::PathBuf> {
    let generated = dir.join("Data.fs");
    make_database(&generated, "300k", 31);
    let samples = ["undo.fs", "deleted.fs", "refs.fs", "plain.fs", "pack2-before.fs"];
    samples.iter().map(|name| data("samples").join(name)).chain([generated]).collect()
}

/// A line of fsoids as (what, position), for what `history` tells, too.
fn told_by_fsoids(line: &str) -> Option<(&'static str, u64)> {
    let line = line.trim();
    let pos = line.rsplit_once(" at ")?.1.parse().ok()?;
    let kinds = [("new revision ", "here"), ("creation undo ", "gone"), ("referenced by ", "referrer")];
    kinds.iter().find(|(start, _)| line.starts_with(start)).map(|(_, kind)| (*kind, pos))
}

fn told_by_history(line: &Value) -> (&'static str, u64) {
    let kind = match (line["message_type"].as_str(), line["state"].as_str()) {
        (Some("record"), Some("here")) => "here",
        (Some("record"), Some("gone")) => "gone",
        (Some("referrer"), _) => "referrer",
        _ => panic!("{line}"),
    };
    (kind, line["pos"].as_u64().unwrap())
}

#[test]
fn the_history_of_each_object_is_what_fsoids_tells() {
    let dir = tempfile::tempdir().unwrap();
    let mut compared_count = 0;
    for path in databases(dir.path()) {
        let objects = zodb_says("objects", &[path.as_os_str()]);
        let oids: Vec<&String> = objects.as_object().unwrap().keys().take(40).collect();
        let ran = Command::new(python())
            .args(["-m", "ZODB.scripts.fsoids"])
            .arg(&path)
            .args(&oids)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let text = String::from_utf8(ran.stdout).unwrap();
        // One part an object, in the order of the oids.
        let parts: Vec<&str> = text.split("oid 0x").filter(|part| part.contains("revision")).collect();
        for oid in oids {
            let short = filestorage::Oid::new(u64::from_str_radix(&oid[2..], 16).unwrap()).short();
            let part = parts.iter().find(|part| part.starts_with(&format!("{} ", &short[2..]))).unwrap();
            let expected: BTreeSet<_> = part.lines().filter_map(told_by_fsoids).collect();
            let found: BTreeSet<_> =
                json_lines(&run(&args!["history", "--json", oid, &path]).expect_success())
                    .iter()
                    .map(told_by_history)
                    .collect();
            assert_eq!(found, expected, "{} {oid}", path.display());
            compared_count += found.len();
        }
    }
    assert!(compared_count > 200, "{compared_count}");
}

#[test]
fn the_data_is_what_zodb_loads_and_its_opcodes_are_those_of_pickletools() {
    let dir = tempfile::tempdir().unwrap();
    for path in databases(dir.path()) {
        for (oid, expected) in zodb_says("objects", &[path.as_os_str()]).as_object().unwrap() {
            let raw = run(&args!["cat", "--raw", oid, &path]).expect_success().stdout;
            let data = base64::prelude::BASE64_STANDARD.decode(expected[0].as_str().unwrap()).unwrap();
            assert!(raw == data, "{} {oid}", path.display());
            let told = json_lines(&run(&args!["cat", "--json", oid, &path]).expect_success()).pop().unwrap();
            let operations: Vec<Value> = told["operations"]
                .as_array()
                .unwrap()
                .iter()
                .map(|operation| json!([operation["name"], operation["pos"]]))
                .collect();
            assert_eq!((&json!(operations), &told["message"]), (&expected[1], &Value::Null), "{oid}");
        }
    }
}

/// T1 stored it first, T3 undid T2.
#[test]
fn an_object_is_shown_as_it_was_at_a_moment() {
    let path = data("samples").join("undo.fs");
    let history = of_kind(&run(&args!["history", "--json", "1", &path]).expect_success(), "record");
    assert_eq!(history.len(), 4);
    for revision in &history {
        let at = revision["tid"].as_str().unwrap();
        let told = json_lines(&run(&args!["cat", "--json", "1", &path, "--at", at]).expect_success());
        assert_eq!((&told[0]["tid"], &told[0]["pos"]), (&revision["tid"], &revision["pos"]));
    }
    let bytes = |at: &str| run(&args!["cat", "--raw", "1", &path, "--at", at]).expect_success().stdout;
    let [t1, t2, t3] = [0, 1, 2].map(|at: usize| bytes(history[at]["tid"].as_str().unwrap()));
    assert!(t1 != t2 && t1 == t3, "an undone change is as if it had not been");
    let before = run(&args!["cat", "1", &path, "--at", "2023-11-14-22-24-30"]);
    assert_eq!(
        (before.status, String::from_utf8(before.stdout).unwrap().as_str()),
        (3, "oid 0x0000000000000001: there was no such object at that moment\n")
    );
}

#[test]
fn an_object_that_is_not_there_or_cannot_be_read_is_told_with_status_3() {
    let samples = data("samples");
    for (line, expected) in [
        (args!["cat", "0x77", samples.join("undo.fs")], "there is no such object"),
        (args!["history", "0x77", samples.join("undo.fs")], "there is no such object"),
        (args!["cat", "0x31", samples.join("refs.fs")], "its creation was undone, or it was deleted"),
        (args!["cat", "1", samples.join("bad-back-oid.fs")], "back pointer leads to"),
        (args!["cat", "0", samples.join("bad-tloc.fs")], "cannot be read"),
        (args!["history", "1", samples.join("bad-tloc.fs")], "cannot be read"),
    ] {
        let ran = run(&line);
        let text = String::from_utf8(ran.stdout).unwrap();
        assert!(ran.status == 3 && text.contains(expected), "{line:?}: {text}");
    }
    let raw = run(&args!["cat", "--raw", "0x77", samples.join("undo.fs")]);
    assert_eq!((raw.status, raw.stdout.len()), (3, 0));
    assert_eq!(raw.stderr, "oid 0x0000000000000077: there is no such object\n");
}

/// zc.zlibstorage stores what it compressed; the opcodes are those of what it was.
#[test]
fn compressed_data_is_shown_inflated_and_given_as_it_is_stored() {
    let path = data("samples").join("zlib.fs");
    let records = of_kind(&run(&args!["dump", "--json", &path]).expect_success(), "record");
    let mut compressed_count = 0;
    for record in records {
        let oid = record["oid"].as_str().unwrap();
        let raw = run(&args!["cat", "--raw", oid, &path]).expect_success().stdout;
        let told = json_lines(&run(&args!["cat", "--json", oid, &path]).expect_success()).pop().unwrap();
        let operations = told["operations"].as_array().unwrap();
        assert_eq!(operations.iter().filter(|operation| operation["name"] == "STOP").count(), 2, "{told}");
        assert_eq!(told["class"], "samplemod.Thing");
        compressed_count += usize::from(raw.starts_with(b".z"));
    }
    assert!(compressed_count > 0);
}

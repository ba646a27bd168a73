//! `repozo salvage`: what it makes has to be a sound database, to us and to ZODB, with all that could be read.

use super::{NOW, args, json_lines, make_database, of_kind, run};
use crate::common::{content, ours_with};
use filestorage::{Boundary, Scan, Step};
use serde_json::json;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use testkit::{Database, HookFs, Oracle, TestClock, data, names};

/// The tids and descriptions of the transactions of a database.
fn logged(path: &Path) -> Vec<(String, String)> {
    let lines = json_lines(&run(&args!["log", "--json", path]));
    let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap().to_owned();
    let transactions = lines.iter().filter(|line| line["message_type"] == "transaction");
    transactions.map(|line| (text(line, "tid"), text(line, "description"))).collect()
}

fn salvaged(path: &Path, more: &[&str]) -> (tempfile::TempDir, PathBuf, testkit::Ran) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("Salvaged.fs");
    let mut line = args!["salvage", "--json", path, &out].to_vec();
    line.extend(more.iter().map(Into::into));
    let before = content(path);
    let ran = run(&line);
    assert!(content(path) == before, "the old file is only read");
    (dir, out, ran)
}

#[test]
fn a_sound_database_is_copied_byte_for_byte_up_to_its_committed_end() {
    for (name, end) in [
        ("plain.fs", None),
        ("undo.fs", None),
        ("fs21.fs", None),
        ("status-u.fs", None),
        ("tail-voted.fs", Some(3124)),
    ] {
        let path = data("samples").join(name);
        let (_dir, out, ran) = salvaged(&path, &[]);
        assert_eq!(ran.status, 0, "{name}: {}", ran.stderr);
        let expected = content(&path);
        assert!(content(&out) == expected[..end.unwrap_or(expected.len())], "{name}");
    }
}

#[test]
fn of_every_damaged_sample_all_sound_transactions_are_kept_and_zodb_opens_the_result() {
    let mut oracle = Oracle::start();
    for name in [
        "bad-hole.fs",
        "bad-magic.fs",
        "bad-plen.fs",
        "bad-status-c.fs",
        "bad-tlen-huge.fs",
        "bad-tlen-small.fs",
        "bad-tlen.fs",
        "bad-tloc.fs",
        "bad-trailer.fs",
        "bad-vlen.fs",
    ] {
        let path = data("samples").join(name);
        let (_dir, out, ran) = salvaged(&path, &[]);
        assert_eq!(ran.status, 3, "{name}: {}", ran.stderr);
        assert_eq!(logged(&out), logged(&path), "{name}");
        let checked = run(&args!["check", &out]);
        assert_eq!(checked.status, 0, "{name}: {}", String::from_utf8_lossy(&checked.stdout));
        // It is an error unless ZODB's fstest and its storage find it sound.
        let history = oracle.ask(&json!({"op": "history", "path": &out}));
        assert_eq!(history["transactions"].as_array().unwrap().len(), logged(&path).len(), "{name}");
    }
}

/// The data of what was undone to a lost transaction is lost with it; nothing else is.
#[test]
fn a_record_whose_data_is_lost_is_told_and_left_out() {
    // T2, at 249, is lost; T4 undoes the undo of it: its data was there.
    let (_dir, out, ran) = salvaged(&data("samples").join("bad-plen.fs"), &[]);
    let lines = json_lines(&ran);
    let told: Vec<(&str, u64)> = lines
        .iter()
        .map(|line| (line["message_type"].as_str().unwrap(), line["pos"].as_u64().unwrap_or(0)))
        .collect();
    assert_eq!(told, [("lost", 249), ("skipped-record", 503), ("summary", 0)]);
    let dumped = json_lines(&run(&args!["dump", "--json", &out]));
    let of_t4: Vec<_> = dumped.iter().filter(|line| line["tid"] == "0x03f47fa456666666").collect();
    assert_eq!(of_t4.len(), 1, "the transaction is there, without a record: {of_t4:?}");
}

#[test]
fn until_a_moment_nothing_later_is_copied() {
    let path = data("samples").join("undo.fs");
    let (_dir, out, ran) = salvaged(&path, &["--until", "2023-11-14-22-27-00"]);
    assert_eq!(ran.status, 0);
    let told: Vec<String> = logged(&out).into_iter().map(|(_, text)| text[..2].to_owned()).collect();
    assert_eq!(told, ["T0", "T1", "T2"]);
    assert!(content(&path).starts_with(&content(&out)));
}

/// A stretch in the middle of a realistic database is overwritten: what is not in it is all there, with its data.
#[test]
fn of_a_large_database_with_a_hole_everything_else_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Data.fs");
    make_database(&path, "900k", 17);
    let sound = logged(&path);
    let states = |path: &Path| -> BTreeSet<(String, String, u64)> {
        let lines = json_lines(&run(&args!["dump", "--json", path]));
        let records = lines.iter().filter(|line| line["message_type"] == "record" && line["state"] == "here");
        let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap().to_owned();
        records
            .map(|line| (text(line, "oid"), text(line, "tid"), line["data_len"].as_u64().unwrap()))
            .collect()
    };
    let before = states(&path);
    let mut bytes = content(&path);
    let hole = bytes.len() / 3..bytes.len() / 3 + 20_000;
    bytes[hole].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let (_dir, out, ran) = salvaged(&path, &[]);
    assert_eq!(ran.status, 3);
    let kept = logged(&out);
    assert!(kept.len() + 4 > sound.len() && kept.len() < sound.len(), "{} of {}", kept.len(), sound.len());
    let after = states(&out);
    assert!(after.is_subset(&before) && after.len() > before.len() / 3);
    let of_kept = |(_, tid, _): &&(String, String, u64)| kept.iter().any(|(kept, _)| kept == tid);
    let told_count = of_kind(&ran, "skipped-record").len();
    assert_eq!(before.iter().filter(of_kept).count(), after.len() + told_count);
    assert_eq!(of_kind(&run(&args!["check", "--json", &out]), "previous"), Vec::<serde_json::Value>::new());
}

#[test]
fn what_is_there_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("Data.fs");
    std::fs::write(&out, b"precious").unwrap();
    let ran = run(&args!["salvage", data("samples").join("plain.fs"), &out]);
    assert_eq!((ran.status, ran.stderr.lines().count()), (4, 1), "{}", ran.stderr);
    assert_eq!(content(&out), b"precious");
}

#[test]
fn whatever_fails_no_part_of_a_database_has_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("Salvaged.fs");
    let path = data("samples").join("bad-trailer.fs");
    let clock = TestClock::at(NOW);
    for failing in 1.. {
        let mut writes_count = 0;
        let fs = HookFs::new(move |call| {
            writes_count += usize::from(call.writes());
            let fails = call.writes() && writes_count == failing;
            if fails { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
        });
        let ran = ours_with(&fs, &clock, &args!["salvage", &path, &out]);
        if ran.status == 3 {
            assert!(failing > 4);
            break;
        }
        assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
        // A failed sync of the directory is told; the database is whole then.
        assert!(!out.exists() || run(&args!["check", &out]).status == 0, "call {failing}");
        let _ = std::fs::remove_file(&out);
    }
    assert_eq!(names(dir.path()), ["Salvaged.fs"]);
}

/// Fuzzing found it: where the previous record of both was lost, the first one was made that of the second.
#[test]
fn two_records_of_an_object_in_a_transaction_have_the_same_previous_one() {
    let mut database = Database::new();
    for records in [&[(1, 10)][..], &[(1, 11)], &[(1, 12), (1, 13)]] {
        database.commit(records);
    }
    let (ends, mut bytes) = (database.ends().to_vec(), database.bytes().to_vec());
    let last_pos = usize::try_from(ends[ends.len() - 2]).unwrap();
    let records_at = |bytes: &[u8]| {
        let source = bytes.to_vec();
        let mut scan = Scan::new(&source, Boundary::start(&source).unwrap()).unwrap();
        let steps = std::iter::from_fn(|| scan.step().ok().filter(|step| !matches!(step, Step::End(_))));
        let records = steps.filter_map(|step| match step {
            Step::Record(header, _) => Some((header.pos, header.previous_pos)),
            _ => None,
        });
        records.collect::<Vec<_>>()
    };
    // As ZODB does it: both are stored over the record of the transaction before.
    let [_, before, first, second] = records_at(&bytes)[..] else { panic!("four records") };
    let previous_at = usize::try_from(second.0).unwrap() + 16;
    bytes[previous_at..previous_at + 8].copy_from_slice(&before.0.to_be_bytes());
    assert_eq!(first.1, before.0);
    // The second one is lost: its length is another one at its end.
    bytes[last_pos - 1] ^= 1;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Data.fs");
    std::fs::write(&path, &bytes).unwrap();
    let (_dir, out, ran) = salvaged(&path, &[]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    let [kept, first, second] = records_at(&content(&out))[..] else { panic!("three records") };
    assert_eq!((first.1, second.1), (kept.0, kept.0));
    assert!(kept.0 < first.0 && first.0 < second.0);
    assert_eq!(of_kind(&run(&args!["check", "--json", &out]), "previous"), Vec::<serde_json::Value>::new());
}

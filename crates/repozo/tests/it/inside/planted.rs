//! Databases as large sites have them, with faults of which the place is known.

use super::{args, json_lines, make_database, run, zodb_prints};
use filestorage::{Boundary, Oid, RecordData, RecordHeader, Scan, Step, Tid};
use pickle::record::{RecordScanner, Reference};
use std::collections::{BTreeMap, BTreeSet};
use testkit::Ran;

/// What stands in a database, found out by one scan.
#[derive(Default)]
struct Seen {
    /// The record that counts of each object, and its data.
    current: BTreeMap<Oid, (u64, Vec<u8>)>,
    last_tid: Tid,
    end_pos: u64,
}

impl Seen {
    fn of(bytes: &[u8]) -> Seen {
        let bytes = bytes.to_vec();
        let mut seen = Seen::default();
        let mut scan = Scan::new(&bytes, Boundary::start(&bytes).unwrap()).unwrap();
        loop {
            match scan.step().unwrap() {
                Step::Record(RecordHeader { oid, pos, .. }, RecordData::Here { pos: data_pos, len }) => {
                    let data = &bytes[usize::try_from(data_pos).unwrap()..][..usize::try_from(len).unwrap()];
                    seen.current.insert(oid, (pos, data.to_vec()));
                }
                Step::Record(header, _) => drop(seen.current.remove(&header.oid)),
                Step::Finished(header) => (seen.last_tid, seen.end_pos) = (header.tid, header.end_pos()),
                Step::End(_) => return seen,
                _ => {}
            }
        }
    }

    /// Who refers to whom.
    fn references(&self) -> Vec<(Oid, Oid)> {
        let mut scanner = RecordScanner::default();
        let mut all = Vec::new();
        for (from, (_, data)) in &self.current {
            let each = &mut |reference| {
                if let Reference::Strong { oid, .. } = reference {
                    all.push((*from, Oid::from_be_bytes(oid)));
                }
            };
            scanner.scan(data, each).unwrap();
        }
        all
    }
}

/// A transaction that deletes objects: records without data.
fn deleting(seen: &Seen, oids: &BTreeSet<Oid>) -> Vec<u8> {
    let tid = (seen.last_tid.number() + 1).to_be_bytes();
    let records: Vec<u8> = oids
        .iter()
        .flat_map(|oid| {
            let previous_pos = seen.current[oid].0;
            let numbers =
                [oid.number().to_be_bytes(), tid, previous_pos.to_be_bytes(), seen.end_pos.to_be_bytes()];
            [&numbers.concat()[..], &[0; 2], &[0; 8], &[0; 8]].concat()
        })
        .collect();
    let len = (23 + records.len() as u64).to_be_bytes();
    [&tid[..], &len, b" ", &[0; 6], &records, &len].concat()
}

#[test]
fn references_to_deleted_objects_are_found_all_of_them_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Data.fs");
    make_database(&path, "1500k", 5);
    for verb in ["check", "refs"] {
        let ran = run(&args![verb, &path]);
        assert_eq!(ran.status, 0, "{verb}: {}", String::from_utf8_lossy(&ran.stdout));
    }
    let bytes = std::fs::read(&path).unwrap();
    let seen = Seen::of(&bytes);
    let references = seen.references();
    assert!(seen.current.len() > 500 && references.len() > 400);
    let mut random = fastrand::Rng::with_seed(7);
    let deleted: BTreeSet<Oid> =
        seen.current.keys().copied().filter(|oid| *oid != Oid::ROOT && random.u8(..40) == 0).collect();
    let expected: BTreeSet<(Oid, Oid)> = references
        .iter()
        .copied()
        .filter(|(from, to)| deleted.contains(to) && !deleted.contains(from))
        .collect();
    assert!(deleted.len() > 10 && expected.len() > 5);
    std::fs::write(&path, [&bytes[..], &deleting(&seen, &deleted)].concat()).unwrap();
    let ran = run(&args!["refs", "--json", &path]);
    assert_eq!(ran.status, 3);
    let mut found = BTreeSet::new();
    for line in json_lines(&ran) {
        let from = oid(&line["oid"]);
        for bad in line["references"].as_array().into_iter().flatten() {
            assert_eq!(bad["reason"], "gone");
            found.insert((from.unwrap(), oid(&bad["oid"]).unwrap()));
        }
    }
    assert_eq!(found, expected);
    let as_fsrefs = run(&args!["refs", "--format=fsrefs", &path]).stdout;
    let expected = zodb_prints("ZODB.scripts.fsrefs", &path).unwrap();
    assert!(
        as_fsrefs == expected,
        "{}\n{}",
        String::from_utf8_lossy(&as_fsrefs),
        String::from_utf8_lossy(&expected)
    );
    assert_eq!(run(&args!["check", &path]).status, 0, "nothing is wrong with the records themselves");
}

fn oid(value: &serde_json::Value) -> Option<Oid> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    u64::from_str_radix(digits, 16).ok().map(Oid::new)
}

/// An object of which the state cannot be read is one finding; that others refer to it is none.
#[test]
fn an_object_that_cannot_be_read_is_told_once_by_both_verbs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Data.fs");
    make_database(&path, "400k", 9);
    let sound = dir.path().join("Sound.fs");
    std::fs::copy(&path, &sound).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let seen = Seen::of(&bytes);
    // A text without references: what it refers to would not be told any more.
    let mut scanner = RecordScanner::default();
    let mut is_leaf = |data: &[u8]| {
        let mut count = 0;
        scanner.scan(data, &mut |_| count += 1).is_ok() && count == 0
    };
    let (broken, (pos, data)) = seen.current.iter().find(|(_, (_, data))| is_leaf(data)).unwrap();
    let data_end = usize::try_from(*pos).unwrap() + RecordHeader::FIXED_LEN + data.len();
    // Its last byte, the STOP, becomes a byte of no pickle.
    bytes[data_end - 1] = 0xff;
    std::fs::write(&path, &bytes).unwrap();
    for verb in ["check", "refs"] {
        let ran = run(&args![verb, "--json", &path]);
        assert_eq!(ran.status, 3);
        let unreadable: Vec<(Oid, u64)> = json_lines(&ran)
            .iter()
            .filter(|line| line["message_type"] == "data" || line["message_type"] == "unreadable")
            .map(|line| (oid(&line["oid"]).unwrap(), line["pos"].as_u64().unwrap()))
            .collect();
        assert_eq!(unreadable, [(*broken, *pos)], "{verb}");
        let dangling = |ran: &Ran| {
            let lines = json_lines(ran);
            lines.into_iter().filter(|line| line["message_type"] == "dangling").collect::<Vec<_>>()
        };
        assert_eq!(dangling(&ran), dangling(&run(&args![verb, "--json", &sound])), "{verb}");
    }
}

/// Of a large database with undone transactions, byte for byte.
#[test]
fn dump_and_tail_print_what_fsdump_and_fstail_print() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Data.fs");
    make_database(&path, "1200k", 3);
    for (line, module) in [
        (args!["dump", "--format=fsdump", &path], "ZODB.FileStorage.fsdump"),
        (args!["tail", "--format=fstail", &path], "ZODB.scripts.fstail"),
    ] {
        let ran = run(&line).expect_success();
        let expected = zodb_prints(module, &path).unwrap();
        assert!(expected.len() > 500 && ran.stdout == expected, "{module}");
    }
}

/// The way that is told is one: each object on it refers to the next. Where none is told, there is none.
#[test]
fn why_tells_a_shortest_way_and_referrers_tells_all_who_refer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Data.fs");
    make_database(&path, "500k", 13);
    let seen = Seen::of(&std::fs::read(&path).unwrap());
    let references = seen.references();
    let refers: BTreeSet<(Oid, Oid)> = references.iter().copied().collect();
    let depths = depths(&seen, &refers);
    let mut random = fastrand::Rng::with_seed(3);
    let mut ways_count = 0;
    for oid in seen.current.keys().copied().filter(|_| random.u8(..20) == 0) {
        let shown = oid.to_string();
        let ran = run(&args!["why", "--json", &shown, &path]);
        let lines = json_lines(&ran);
        if let Some(depth) = depths.get(&oid) {
            let way: Vec<Oid> = lines.iter().map(|line| self::oid(&line["oid"]).unwrap()).collect();
            assert_eq!((ran.status, way.len()), (0, depth + 1), "{shown}");
            assert_eq!((way.first(), way.last()), (Some(&Oid::ROOT), Some(&oid)));
            assert!(way.windows(2).all(|pair| refers.contains(&(pair[0], pair[1]))), "{way:?}");
            ways_count += 1;
        } else {
            assert_eq!((ran.status, &lines[0]["message_type"]), (3, &"unreachable".into()), "{shown}");
        }
        let told = json_lines(&run(&args!["referrers", "--json", &shown, &path]).expect_success());
        let told: BTreeSet<Oid> = told.iter().map(|line| self::oid(&line["oid"]).unwrap()).collect();
        let expected: BTreeSet<Oid> =
            refers.iter().filter(|(_, to)| *to == oid).map(|(from, _)| *from).collect();
        assert_eq!(told, expected, "{shown}");
    }
    assert!(ways_count > 15);
    let ran = run(&args!["why", "0xdeadbeef", &path]);
    assert_eq!(
        (ran.status, ran.stdout.as_slice()),
        (3, b"oid 0x00000000deadbeef: there is no such object\n".as_slice())
    );
}

/// How far each object is from the root, as far as one comes there.
fn depths(seen: &Seen, refers: &BTreeSet<(Oid, Oid)>) -> BTreeMap<Oid, usize> {
    let mut depths = BTreeMap::from([(Oid::ROOT, 0)]);
    let mut wave = vec![Oid::ROOT];
    while !wave.is_empty() {
        let next: BTreeSet<Oid> = wave
            .iter()
            .flat_map(|from| refers.range((*from, Oid::ROOT)..=(*from, Oid::new(u64::MAX))))
            .map(|(_, to)| *to)
            .filter(|to| !depths.contains_key(to) && seen.current.contains_key(to))
            .collect();
        let depth = depths[&wave[0]] + 1;
        depths.extend(next.iter().map(|oid| (*oid, depth)));
        wave = next.into_iter().collect();
    }
    depths
}

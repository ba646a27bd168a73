//! Each sample is a file that ZODB wrote, most then changed in one place. `EXPECT.tsv` beside them is what
//! ZODB itself says of each; where this code says something else, the reason is written here.

use super::*;
use crate::samples::{Seen, lines, sample, scan};
use crate::{Damage, DamageKind, Walker};
use crate::{Index, Nothing, Problem, ProblemKind, RecordHeader};
fn damage_of(name: &str) -> Damage {
    match scan(&sample(name)) {
        Err(Error::Damage(damage)) => damage,
        other => panic!("{name}: {:?}", other.map(|(extent, _)| extent)),
    }
}

fn tail_of(bytes: &[u8]) -> (u64, Option<UnfinishedTail>) {
    let (extent, _) = scan(bytes).unwrap();
    (extent.end_pos, extent.tail)
}

/// Files of which this code says something else than `FileStorage`, on purpose; each has its own test below.
const OTHER_THAN_ZODB: [&str; 6] =
    ["bad-status-c.fs", "bad-tlen-huge.fs", "fs21.fs", "fs30-version.fs", "tail-zerobody.fs", "zero.fs"];
const FS21_VERSION: &str = "fs21-version.fs";

#[test]
fn every_sample_ends_where_zodb_says() {
    let mut compared_count = 0;
    for line in lines("EXPECT.tsv") {
        let (name, expected_end) = (line[0].as_str(), line[3].as_str());
        if OTHER_THAN_ZODB.contains(&name) || name == FS21_VERSION {
            continue;
        }
        match (scan(&sample(name)), expected_end) {
            (Ok((extent, _)), end) => assert_eq!(extent.end_pos.to_string(), end, "{name}"),
            (Err(error), "-") => assert!(!error.to_string().is_empty()),
            (Err(error), _) => panic!("{name}: ZODB reads it, this code says: {error}"),
        }
        compared_count += 1;
    }
    assert!(compared_count > 40, "{compared_count}");
}

#[test]
fn transactions_and_records_are_those_that_zodbs_iterator_yields() {
    let sound: Vec<_> = lines("EXPECT.tsv")
        .into_iter()
        .filter(|line| line[3] != "-" && line[7] == "-" && line[8] == "ok" && !line[0].starts_with("bad-"))
        .map(|line| line[0].clone())
        .collect();
    assert!(sound.len() > 20);
    let (transactions, records) = (lines("transactions.tsv"), lines("records.tsv"));
    for name in sound {
        let bytes = sample(&name);
        let (_, seen) = scan(&bytes).unwrap();
        let ours: Vec<_> = seen
            .transactions
            .iter()
            .map(|t| {
                let meta = t.read_metadata(&bytes).unwrap();
                let fields = [meta.user, meta.description, meta.extension].map(|field| hex(&field));
                (t.tid.number(), t.pos, t.len, fields)
            })
            .collect();
        let theirs: Vec<_> = transactions
            .iter()
            .filter(|line| line[0] == name)
            .map(|line| {
                let fields = [5, 6, 7].map(|column| line[column].clone());
                (u64::from_str_radix(&line[1], 16).unwrap(), number(&line[2]), number(&line[3]), fields)
            })
            .collect();
        assert_eq!(ours, theirs, "{name}");
        let ours: Vec<_> =
            seen.records.iter().map(|(r, _)| (r.tid.number(), r.oid.number(), r.pos)).collect();
        let theirs: Vec<_> = records
            .iter()
            .filter(|line| line[0] == name)
            .map(|line| {
                let hex16 = |column: usize| u64::from_str_radix(&line[column], 16).unwrap();
                (hex16(1), hex16(3), number(&line[4]))
            })
            .collect();
        assert_eq!(ours, theirs, "{name}");
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_unfinished_tail_is_the_end_whatever_it_looks_like() {
    use UnfinishedKind::{Cut, NeverWritten, ShortHeader, Voted, Zeros};
    for (name, kind, len) in [
        ("tail-header22.fs", ShortHeader, 22),
        ("tail-tid.fs", ShortHeader, 8),
        ("tail-zeros20.fs", ShortHeader, 20),
        ("tail-cut.fs", Cut, 1500),
        ("tail-cut1.fs", Cut, 3125),
        ("tail-voted-part.fs", Cut, 32),
        ("tail-garbage.fs", Cut, 200),
        ("tail-voted.fs", Voted, 3126),
        ("tail-zeros.fs", Zeros, 4096),
    ] {
        assert_eq!(tail_of(&sample(name)), (3124, Some(UnfinishedTail { kind, len })), "{name}");
    }
    // ZODB refuses this one: the status says finished. It cannot hold anything, its bytes are zero.
    let torn = Some(UnfinishedTail { kind: NeverWritten, len: 3126 });
    assert_eq!(tail_of(&sample("tail-zerobody.fs")), (3124, torn));
}

#[test]
fn a_file_cut_at_any_length_ends_at_the_transaction_before_the_cut() {
    let bytes = sample("undo.fs");
    let (_, seen) = scan(&bytes).unwrap();
    let mut ends: Vec<u64> = seen.transactions.iter().map(TransactionHeader::end_pos).collect();
    ends.insert(0, 4);
    for cut_len in 4..=bytes.len() {
        let expected = *ends.iter().rfind(|end| **end <= cut_len as u64).unwrap();
        let (end_pos, tail) = tail_of(&bytes[..cut_len]);
        assert_eq!(end_pos, expected, "cut at {cut_len}");
        assert_eq!(tail.map_or(0, |tail| tail.len), cut_len as u64 - expected);
    }
}

#[test]
fn a_voted_transaction_cut_at_any_length_is_a_tail() {
    let bytes = sample("tail-voted.fs");
    for cut_len in 3124..=bytes.len() {
        assert_eq!(tail_of(&bytes[..cut_len]).0, 3124, "cut at {cut_len}");
    }
}

/// ZODB ends the file there without a word, and Python's repozo backs up the part before it.
#[test]
fn what_looks_unfinished_in_the_middle_is_damage_with_its_position() {
    for name in ["bad-status-c.fs", "bad-tlen-huge.fs"] {
        let damage = damage_of(name);
        assert_eq!(damage.transaction_pos, 463, "{name}");
        assert!(matches!(damage.kind, DamageKind::SoundBehind { next_pos: 561, .. }), "{name}: {damage}");
    }
}

#[test]
fn damage_is_named_by_position_and_field() {
    assert_eq!(
        damage_of("bad-trailer.fs").to_string(),
        "transaction record @463: length 90 at head, 91 at tail"
    );
    assert_eq!(
        damage_of("bad-tlen-small.fs").to_string(),
        "transaction record @463: length 20, but the header alone takes 40"
    );
    assert_eq!(
        damage_of("bad-tloc.fs").to_string(),
        "transaction record @463: data record @503: says that its transaction is @372"
    );
    assert_eq!(
        damage_of("bad-plen.fs").to_string(),
        "transaction record @249: data record @283: reaches over the end of the records @364"
    );
    for name in ["bad-hole.fs", "bad-tlen.fs", "bad-vlen.fs"] {
        damage_of(name);
    }
}

#[test]
fn damage_has_the_position_of_the_field_that_is_wrong() {
    for (name, pos) in [
        ("bad-tlen-small.fs", 463 + 8),
        ("bad-trailer.fs", 463 + 90),
        ("bad-tloc.fs", 503),
        ("bad-plen.fs", 283),
        ("bad-status-c.fs", 463),
    ] {
        assert_eq!(damage_of(name).pos, pos, "{name}");
    }
}

#[test]
fn a_status_that_no_zodb_can_read_is_damage_an_unknown_one_a_problem() {
    let mut bytes = sample("bad-status.fs");
    let (extent, seen) = scan(&bytes).unwrap();
    assert_eq!(extent.end_pos, 1385);
    assert_eq!(seen.problems, [Problem { pos: 463, kind: ProblemKind::Status(b'Z') }]);
    bytes[463 + 16] = 0x80;
    let damage = Damage { transaction_pos: 463, pos: 463 + 16, kind: DamageKind::Status(0x80) };
    assert!(matches!(scan(&bytes), Err(Error::Damage(found)) if found == damage));
}

#[test]
fn what_zodb_only_logs_is_a_problem_not_damage() {
    let problems = |name: &str| scan(&sample(name)).unwrap().1.problems;
    assert!(matches!(problems("bad-tid-order.fs")[0].kind, ProblemKind::TidOrder { .. }));
    assert!(matches!(problems("bad-rec-tid.fs")[0].kind, ProblemKind::RecordTid { .. }));
    assert!(matches!(problems("bad-back-forward.fs")[0].kind, ProblemKind::BackPointerNotBefore { .. }));
    // A record that says of itself, or of what comes after it, that it is its object's previous one.
    for (previous_pos, is_problem) in [(503, true), (504, true), (502, false)] {
        let mut bytes = sample("undo.fs");
        bytes[503 + 16..503 + 24].copy_from_slice(&u64::to_be_bytes(previous_pos));
        let problems = scan(&bytes).unwrap().1.problems;
        let is_it = |problem: &Problem| matches!(problem.kind, ProblemKind::PreviousNotBefore { .. });
        assert_eq!((problems.len(), problems.iter().all(is_it)), (usize::from(is_problem), true));
    }
    for name in ["plain.fs", "undo.fs", "dup-oid.fs", "status-u.fs", "pack-after-gc.fs", "fs21.fs"] {
        assert_eq!(problems(name), [], "{name}");
    }
}

#[test]
fn files_of_python_2_are_read_their_version_records_too() {
    for (name, end_pos, record_count) in
        [("fs21.fs", 418, 3), (FS21_VERSION, 563, 4), ("fs30-version.fs", 563, 4)]
    {
        let (extent, seen) = scan(&sample(name)).unwrap();
        assert_eq!((extent.end_pos, seen.records.len()), (end_pos, record_count), "{name}");
    }
}

#[test]
fn undone_transactions_show_no_records() {
    let (_, seen) = scan(&sample("status-u.fs")).unwrap();
    assert_eq!(seen.transactions.len(), 4);
    assert!(seen.records.iter().all(|(record, _)| record.oid.number() != 1));
}

#[test]
fn what_is_no_filestorage_says_so() {
    assert!(matches!(scan(b""), Err(Error::Empty)));
    assert!(matches!(scan(&sample("magic-3.fs")), Err(Error::Magic { .. })));
    assert!(matches!(scan(&sample("bad-magic.fs")), Err(Error::Magic { .. })));
    assert!(matches!(scan(b"FS20"), Err(Error::Magic { .. })));
    assert_eq!(tail_of(b"FS30"), (4, None));
}

/// A record can hold a whole database: its transactions stand at other positions than they say.
#[test]
fn a_database_inside_of_the_tail_is_not_taken_for_a_sound_transaction() {
    let mut bytes = sample("tail-base.fs");
    let inner = sample("plain.fs");
    let len = 23 + 42 + inner.len() as u64;
    bytes.extend_from_slice(&0x7000_0000_0000_0000_u64.to_be_bytes());
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(b"c\0\0\0\0\0\0");
    bytes.extend_from_slice(&[0; 42]);
    bytes.extend_from_slice(&inner);
    bytes.extend_from_slice(&len.to_be_bytes());
    assert!(matches!(tail_of(&bytes), (3124, Some(UnfinishedTail { kind: UnfinishedKind::Voted, .. }))));
}

#[test]
fn every_boundary_is_found_from_behind_and_no_other_position_is_one() {
    for name in ["undo.fs", "empty-txn.fs", "pack-after-gc.fs", "status-u.fs"] {
        let bytes = sample(name);
        let (_, seen) = scan(&bytes).unwrap();
        let mut expected: Vec<u64> = seen.transactions.iter().map(TransactionHeader::end_pos).collect();
        expected.insert(0, 4);
        let found: Vec<u64> = (0..=bytes.len() as u64 + 9)
            .filter(|pos| Boundary::at(&bytes, *pos).unwrap().is_some())
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_scan_from_any_boundary_finds_the_same_end() {
    let bytes = sample("undo.fs");
    let (whole, seen) = scan(&bytes).unwrap();
    for transaction in &seen.transactions {
        let start = Boundary::at(&bytes, transaction.end_pos()).unwrap().unwrap();
        assert_eq!(committed_end(&bytes, start, &mut Nothing).unwrap(), whole);
    }
}

#[test]
fn no_byte_can_be_changed_to_make_the_scan_panic_or_run_past_the_file() {
    let bytes = sample("tiny.fs");
    for at in 0..bytes.len() {
        for value in [0, 1, 0x20, 0x63, 0x7f, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            if let Ok((extent, seen)) = scan(&changed) {
                assert!(extent.end_pos <= bytes.len() as u64);
                assert!(seen.records.iter().all(|(record, _)| record.end_pos() <= extent.end_pos));
            }
        }
    }
}

#[test]
fn a_stream_is_walked_alike_in_pieces_of_any_size() {
    let bytes = sample("undo.fs");
    let (_, whole) = scan(&bytes).unwrap();
    for piece_len in [1, 2, 7, 8, 22, 23, 41, 42, 43, 100, 1385] {
        let mut seen = Seen::default();
        let mut stream = crate::StreamWalker::new(Walker::new(4, None, 1385), 0);
        for piece in bytes.chunks(piece_len) {
            stream.feed(piece, &mut seen);
        }
        assert_eq!(stream.finish().unwrap().unwrap().pos, 1256, "pieces of {piece_len}");
        assert_eq!(seen.records, whole.records);
    }
}

#[test]
fn a_stream_that_is_cut_or_too_long_or_damaged_is_told_apart_from_a_sound_one() {
    let bytes = sample("undo.fs");
    let walk = |bytes: &[u8], limit_pos| {
        let mut stream = crate::StreamWalker::new(Walker::new(4, None, limit_pos), 0);
        bytes.chunks(10).for_each(|piece| stream.feed(piece, &mut Nothing));
        stream.finish()
    };
    assert!(walk(&bytes, 1385).is_ok());
    assert_eq!(walk(b"FS30", 4), Ok(None), "a database without transactions");
    for cut_len in 4..bytes.len() {
        assert!(walk(&bytes[..cut_len], 1385).is_err(), "{cut_len}");
    }
    assert!(walk(&bytes, 1300).is_err(), "the limit cuts a transaction");
    assert!(walk(&bytes, 1256).is_err(), "bytes behind the limit");
    assert!(walk(&sample("bad-trailer.fs"), 1385).is_err());
}

#[test]
fn the_index_of_a_scan_is_the_one_that_zodb_saved() {
    for name in ["plain.fs", "tiny.fs", "dup-oid.fs", "pack-before.fs", "pack-after-gc.fs"] {
        let bytes = sample(name);
        let mut index = Index::new();
        let extent = committed_end(&bytes, Boundary::start(&bytes).unwrap(), &mut index).unwrap();
        let saved = index.save(extent.end_pos, Vec::new()).unwrap();
        assert_eq!(saved, sample(&format!("{name}.index")), "{name}");
    }
}

#[test]
fn an_index_is_completed_from_where_it_ends_and_an_index_of_another_file_is_refused() {
    let bytes = sample("plain.fs");
    let saved = sample("plain.fs.index");
    let (index, extent) = crate::load_index(&*saved, &bytes, &mut Nothing).unwrap();
    assert_eq!((index.len(), extent.end_pos), (10, 6250));
    // The last transaction only changed an object of the base: its old index is a valid start.
    let base = sample("tail-base.fs");
    let mut old = Index::new();
    committed_end(&base, Boundary::start(&base).unwrap(), &mut old).unwrap();
    let old = old.save(3124, Vec::new()).unwrap();
    let (index, extent) = crate::load_index(&*old, &bytes, &mut Nothing).unwrap();
    assert_eq!(index.save(extent.end_pos, Vec::new()).unwrap(), saved);
    for other in ["tiny.fs.index", "pack-before.fs.index", "dup-oid.fs.index"] {
        assert!(crate::load_index(&*sample(other), &bytes, &mut Nothing).is_err(), "{other}");
    }
    // ZODB throws this one away at every open: two records of one object in its last transaction.
    let doubled = sample("dup-oid.fs");
    assert!(crate::load_index(&*sample("dup-oid.fs.index"), &doubled, &mut Nothing).is_ok());
}

#[test]
fn an_index_merged_with_what_is_new_equals_the_index_of_all() {
    for name in ["plain.fs", "undo.fs", "pack-before.fs", "empty-txn.fs"] {
        let bytes = sample(name);
        let (_, seen) = scan(&bytes).unwrap();
        for transaction in &seen.transactions {
            let middle = transaction.end_pos();
            let head = bytes[..usize::try_from(middle).unwrap()].to_vec();
            let mut old = Index::new();
            committed_end(&head, Boundary::start(&head).unwrap(), &mut old).unwrap();
            let old = old.save(middle, Vec::new()).unwrap();
            let boundary = Boundary::at(&bytes, middle).unwrap().unwrap();
            let (mut newer, mut all) = (Index::new(), Index::new());
            let extent = committed_end(&bytes, boundary, &mut newer).unwrap();
            committed_end(&bytes, Boundary::start(&bytes).unwrap(), &mut all).unwrap();
            let reader = pickle::index::IndexReader::open(&*old).unwrap();
            let expected = crate::current_records(&bytes, boundary).unwrap();
            let merged = crate::merge_index(reader, &expected, &newer, extent.end_pos, Vec::new()).unwrap();
            assert_eq!(merged, all.save(extent.end_pos, Vec::new()).unwrap(), "{name} from {middle}");
        }
    }
}

#[test]
fn an_index_that_lacks_the_last_records_is_not_merged() {
    let bytes = sample("undo.fs");
    let boundary = Boundary::at(&bytes, 1256).unwrap().unwrap();
    let expected = crate::current_records(&bytes, boundary).unwrap();
    assert!(!expected.is_empty());
    let empty = Index::new().save(1256, Vec::new()).unwrap();
    let reader = pickle::index::IndexReader::open(&*empty).unwrap();
    let merged = crate::merge_index(reader, &expected, &Index::new(), 1385, Vec::new());
    assert!(matches!(merged, Err(crate::IndexError::OtherPosition { .. })));
}

/// A database whose length was taken before an abort cut it, and one that is cut inside of what is final.
#[test]
fn a_file_that_shrinks_in_its_tail_is_fine_and_one_that_loses_a_transaction_is_not() {
    struct Shrinking(Vec<u8>, std::sync::Mutex<Vec<u64>>);
    impl ReadAt for Shrinking {
        fn read_at(&self, pos: u64, buf: &mut [u8]) -> std::io::Result<usize> {
            self.0.read_at(pos, buf)
        }
        fn len(&self) -> std::io::Result<u64> {
            let mut lens = self.1.lock().unwrap();
            Ok(if lens.len() > 1 { lens.remove(0) } else { lens[0] })
        }
    }
    let base = sample("tail-base.fs");
    let aborted = Shrinking(base.clone(), vec![3124 + 500, 3124].into());
    let start = Boundary::start(&aborted).unwrap();
    let extent = committed_end(&aborted, start, &mut Nothing).unwrap();
    assert_eq!((extent.end_pos, extent.tail), (3124, None));
    assert_eq!(Some(extent), scan(&base).ok().map(|(extent, _)| extent), "as if nobody had voted");
    let lost = Shrinking(base[..3050].to_vec(), vec![3124, 3050].into());
    let result = committed_end(&lost, start, &mut Nothing);
    assert!(matches!(result, Err(Error::Shrunk { .. })), "{result:?}");
}

/// Symptom: a database whose last transaction has a few bytes too many between its records and its trailer was
/// told to have become shorter, which a healthy disk and nobody writing could not explain. Cause: the walk wanted
/// a whole record header there, and found the end of the file first. Found by fuzzing.
#[test]
fn bytes_too_few_for_a_record_at_the_very_end_are_damage_and_not_a_file_that_shrank() {
    let sound = sample("tiny.fs");
    let (extent, seen) = scan(&sound).unwrap();
    let last = extent.last.unwrap();
    let (record_pos, at) = (last.trailer_pos(), usize::try_from(last.trailer_pos()).unwrap());
    for junk_len in 1..RecordHeader::FIXED_LEN {
        let len = (last.len + junk_len as u64).to_be_bytes();
        let mut bytes = [&sound[..at], &vec![0; junk_len], &len].concat();
        let header_at = usize::try_from(last.pos).unwrap();
        bytes[header_at + 8..header_at + 16].copy_from_slice(&len);
        let limit_pos = record_pos + junk_len as u64;
        let expected = Damage {
            transaction_pos: last.pos,
            pos: record_pos,
            kind: DamageKind::RecordTooLong { record_pos, limit_pos },
        };
        match scan(&bytes) {
            Err(Error::Damage(damage)) => assert_eq!(damage, expected),
            other => panic!("{junk_len}: {:?}", other.map(|(extent, _)| extent)),
        }
        let walker = crate::Walker::new(crate::Magic::LEN, None, bytes.len() as u64);
        let mut stream = crate::StreamWalker::new(walker, 0);
        stream.feed(&bytes, &mut Nothing);
        assert_eq!(stream.finish(), Err(expected), "and a stream of it says the same");
    }
    assert!(seen.records.iter().all(|(header, _)| header.pos < record_pos));
}

/// Symptom: an index was tied to a database that ends with many transactions without a record in a time of
/// megabytes read for each of them. A file of some megabytes kept a backup busy for minutes.
#[test]
fn transactions_without_records_are_stepped_over_without_reading_what_stands_behind_them() {
    struct Counting(Vec<u8>, std::sync::atomic::AtomicU64);
    impl vfs::ReadAt for Counting {
        fn read_at(&self, pos: u64, buf: &mut [u8]) -> std::io::Result<usize> {
            let read_len = self.0.read_at(pos, buf)?;
            self.1.fetch_add(read_len as u64, std::sync::atomic::Ordering::Relaxed);
            Ok(read_len)
        }

        fn len(&self) -> std::io::Result<u64> {
            vfs::ReadAt::len(&self.0)
        }
    }
    let mut bytes = sample("tiny.fs");
    let (_, seen) = scan(&bytes).unwrap();
    let (mut tid, len) = (seen.transactions.last().unwrap().tid.number(), 23_u64.to_be_bytes());
    for _ in 0..10_000 {
        tid += 1;
        bytes.extend([&tid.to_be_bytes()[..], &len, b" ", &[0; 6], &len].concat());
    }
    let (extent, seen) = scan(&bytes).unwrap();
    let file = Counting(bytes, 0.into());
    let boundary = Boundary::at(&file, extent.end_pos).unwrap().unwrap();
    let records = crate::current_records(&file, boundary).unwrap();
    let (last, _) = seen.records.last().unwrap();
    assert_eq!(records.get(&last.oid), Some(&last.pos));
    let read_len = file.1.into_inner();
    assert!(read_len < 10 * vfs::ReadAt::len(&file.0).unwrap(), "{read_len} bytes read");
}

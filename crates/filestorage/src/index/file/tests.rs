use super::*;
use crate::samples::{Seen, sample, scan, transaction};

fn index_of(bytes: &[u8]) -> Index {
    let mut index = Index::new();
    let bytes = bytes.to_vec();
    committed_end(&bytes, Boundary::start(&bytes).unwrap(), &mut index).unwrap();
    index
}

/// The index file of `entries`.
fn file_of(end_pos: u64, entries: &[(u64, u64)]) -> Vec<u8> {
    let mut index = Index::new();
    for (oid, pos) in entries {
        index.insert(Oid::new(*oid), *pos).unwrap();
    }
    index.save(end_pos, Vec::new()).unwrap()
}

#[test]
fn who_watches_an_index_being_completed_sees_what_a_scan_from_its_end_shows() {
    // The problem is in the transaction @463, behind the end of the index.
    let bytes = sample("bad-rec-tid.fs");
    let (_, whole) = scan(&bytes).unwrap();
    let end_pos = whole.transactions.iter().find(|header| header.end_pos() == 463).unwrap().end_pos();
    let old = index_of(&bytes[..463]).save(end_pos, Vec::new()).unwrap();
    let mut seen = Seen::default();
    let (index, extent) = load_index(&*old, &bytes, &mut seen).unwrap();
    assert_eq!(index.iter().collect::<Vec<_>>(), index_of(&bytes).iter().collect::<Vec<_>>());
    assert_eq!(extent, scan(&bytes).unwrap().0);
    let newer: Vec<_> = whole.transactions.into_iter().filter(|header| header.pos >= 463).collect();
    let records: Vec<_> = whole.records.into_iter().filter(|(header, _)| header.pos >= 463).collect();
    assert_eq!((seen.transactions, seen.records), (newer, records));
    assert_eq!((seen.problems.len(), seen.problems), (1, whole.problems));
}

#[test]
fn an_index_that_points_elsewhere_is_refused_with_what_it_has_and_what_it_should_have() {
    let bytes = [b"FS30", &transaction(4, 7, b' ', &[b"a", b"b", b"c"])[..]].concat();
    let end_pos = bytes.len() as u64;
    let sound: Vec<(u64, u64)> = index_of(&bytes).iter().map(|(oid, pos)| (oid.number(), pos)).collect();
    assert_eq!(sound, [(0, 27), (1, 27 + 43), (2, 27 + 86)]);
    let boundary = Boundary::at(&bytes, end_pos).unwrap().unwrap();
    let expected = current_records(&bytes, boundary).unwrap();
    let load = |entries: &[(u64, u64)]| {
        load_index(&*file_of(end_pos, entries), &bytes, &mut crate::Nothing).map(|_| ())
    };
    let merge = |entries: &[(u64, u64)]| {
        let file = file_of(end_pos, entries);
        let reader = IndexReader::open(&*file).unwrap();
        merge_index(reader, &expected, &Index::new(), end_pos, Vec::new()).map(|_| ())
    };
    assert!(load(&sound).is_ok() && merge(&sound).is_ok());
    for at in 0..sound.len() {
        let (oid, pos) = sound[at];
        let mut missing = sound.clone();
        missing.remove(at);
        let mut elsewhere = sound.clone();
        elsewhere[at].1 += 1;
        for (entries, has) in [(&missing, None), (&elsewhere, Some(pos + 1))] {
            for result in [load(entries), merge(entries)] {
                match result {
                    Err(IndexError::OtherPosition { oid: found_oid, pos: found_pos, found_pos: has_pos }) => {
                        assert_eq!((found_oid.number(), found_pos, has_pos), (oid, pos, has));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    // Older objects are those of older transactions, and none of this check.
    let with_older = [&sound[..], &[(9, 4), (1 << 40, 5)]].concat();
    assert!(load(&with_older).is_ok() && merge(&with_older).is_ok());
}

#[test]
fn an_index_that_ends_inside_of_a_transaction_is_refused() {
    let bytes = sample("undo.fs");
    for end_pos in [464, 1384] {
        let result = load_index(&*file_of(end_pos, &[(0, 4)]), &bytes, &mut crate::Nothing);
        assert!(matches!(result, Err(IndexError::NotABoundary { end_pos: at }) if at == end_pos));
    }
}

/// Oids on both sides of the edges between buckets and blocks, in the old index, the new part, or both.
#[test]
fn a_merge_has_the_newer_position_of_every_object_wherever_its_oid_is() {
    let oids = [0, 1, 255, 256, 0xffff, 0x1_0000, 0x1_0001, 0x2_0000, 1 << 40, u64::MAX];
    for split in 0..1_u64 << oids.len() {
        let old: Vec<(u64, u64)> = oids.iter().copied().step_by(2).map(|oid| (oid, 100)).collect();
        let mut newer = Index::new();
        let mut all: BTreeMap<u64, u64> = old.iter().copied().collect();
        for (at, oid) in oids.iter().enumerate().filter(|(at, _)| split >> at & 1 == 1) {
            let pos = 200 + at as u64;
            newer.insert(Oid::new(*oid), pos).unwrap();
            all.insert(*oid, pos);
        }
        let file = file_of(150, &old);
        let reader = IndexReader::open(&*file).unwrap();
        let merged = merge_index(reader, &BTreeMap::new(), &newer, 300, Vec::new()).unwrap();
        let all: Vec<(u64, u64)> = all.into_iter().collect();
        assert_eq!(merged, file_of(300, &all), "{split:b}");
    }
}

#[test]
fn the_current_records_are_those_of_the_last_transaction_that_has_some() {
    let first = transaction(4, 7, b' ', &[b"a", b"b"]);
    let mut file = [b"FS30", &first[..]].concat();
    let mut last = Vec::new();
    for (tid, status, records, is_counted) in [
        (8, b' ', &[][..], false),
        (9, b'p', &[&b"c"[..]], true),
        (10, b'u', &[b"d"], false),
        (11, b' ', &[], false),
    ] {
        let pos = file.len() as u64;
        file.extend(transaction(pos, tid, status, records));
        if is_counted {
            last = vec![(Oid::ROOT, pos + 23)];
        }
        let boundary = Boundary::at(&file, file.len() as u64).unwrap().unwrap();
        let records: Vec<_> = current_records(&file, boundary).unwrap().into_iter().collect();
        let expected =
            if last.is_empty() { vec![(Oid::ROOT, 27), (Oid::new(1), 27 + 43)] } else { last.clone() };
        assert_eq!(records, expected, "behind {tid}");
    }
    assert!(current_records(&file, Boundary::start(&file).unwrap()).unwrap().is_empty());
}

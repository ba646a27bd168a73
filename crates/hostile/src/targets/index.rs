//! The index file: read in all its forms, written, merged, and held against a database.

use super::{allowed, chances};
use crate::within;
use filestorage::{Index, Nothing, Oid, load_index, merge_index};
use pickle::Limits;
use pickle::index::{Bucket, Error, IndexReader, IndexWriter, MIN_POS, POSITION_LIMIT};
use std::collections::BTreeMap;
use testkit::Database;

/// Small enough that what they bound can be seen on small inputs.
const LIMITS: Limits =
    Limits { max_string_len: 4 << 10, max_node_count: 300, max_total_len: 16 << 10, max_opcode_count: 2000 };

type Entries = BTreeMap<u64, u64>;

pub(super) fn run(data: &[u8]) {
    let by_default = within(allowed(300 << 10, 300, data.len()) + amplified_len(data.len()), || read(data));
    // What `Limits` promises, and for the old forms the buckets and the lists that they are sorted in.
    let promised_len = 2 * LIMITS.max_total_len + 8 * LIMITS.max_opcode_count;
    let nodes_len = 100 * LIMITS.max_node_count as u64;
    let held = within(allowed(70 << 10, 40, data.len()) + promised_len + 2 * nodes_len, || {
        IndexReader::open_within(data, &LIMITS).and_then(|reader| buckets(reader))
    });
    if let (Ok(held), Ok((_, entries))) = (held, &by_default) {
        assert!(held.iter().flat_map(Bucket::iter).eq(entries.iter().map(|(oid, pos)| (*oid, *pos))));
    }
    if let Ok((end_pos, entries)) = &by_default {
        written(*end_pos, entries);
        merged(data, *end_pos, entries);
    }
    against_a_database(data, by_default.ok());
}

/// A call that encodes a text costs some 8 bytes, and copies all of it: up to the limit on all strings.
fn amplified_len(data_len: usize) -> u64 {
    (data_len as u64).pow(2) / 8
}

fn buckets(mut reader: IndexReader<&[u8]>) -> Result<Vec<Bucket>, Error> {
    std::iter::from_fn(|| reader.next_bucket().transpose()).collect()
}

fn read(data: &[u8]) -> Result<(u64, Entries), Error> {
    let reader = IndexReader::open(data)?;
    let end_pos = reader.end_pos();
    let mut entries = Entries::new();
    let mut last = None;
    for bucket in buckets(reader)? {
        assert_eq!(bucket.iter().count(), bucket.len());
        for (oid, pos) in bucket.iter() {
            assert!(last.is_none_or(|last| last < oid), "oids ascend");
            assert!((MIN_POS..end_pos.min(POSITION_LIMIT)).contains(&pos));
            let [a, b, c, d, e, f, suffix @ ..] = oid.to_be_bytes();
            assert_eq!(bucket.prefix, [a, b, c, d, e, f]);
            assert_eq!(bucket.get(u16::from_be_bytes(suffix)), Some(pos));
            last = Some(oid);
            entries.insert(oid, pos);
        }
    }
    Ok((end_pos, entries))
}

/// What was read, written as ZODB writes it, reads the same; and what is written has one form only.
fn written(end_pos: u64, entries: &Entries) {
    let mut index = Index::new();
    for (oid, pos) in entries {
        index.insert(Oid::new(*oid), *pos).unwrap();
    }
    let saved = index.save(end_pos, Vec::new()).unwrap();
    assert_eq!(read(&saved).unwrap(), (end_pos, entries.clone()));
    let mut writer = IndexWriter::new(Vec::new(), end_pos).unwrap();
    for bucket in buckets(IndexReader::open(&saved[..]).unwrap()).unwrap() {
        writer.bucket(bucket.prefix, &bucket.entries().collect::<Vec<_>>()).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), saved);
}

/// Laying new records over an index is what it is with a map.
fn merged(data: &[u8], end_pos: u64, entries: &Entries) {
    let mut rng = chances(data);
    let new_end_pos = end_pos.saturating_add(1 << 20).min(i64::MAX as u64);
    let (mut newer, mut model) = (Index::new(), entries.clone());
    for _ in 0..rng.usize(..6) {
        let known = entries.keys().nth(rng.usize(..=entries.len())).copied();
        let oid = known.unwrap_or_else(|| rng.u64(..) >> rng.u8(..64));
        let pos = rng.u64(MIN_POS..new_end_pos.min(POSITION_LIMIT));
        newer.insert(Oid::new(oid), pos).unwrap();
        model.insert(oid, pos);
    }
    let expected: BTreeMap<Oid, u64> =
        entries.iter().take(3).map(|(oid, pos)| (Oid::new(*oid), *pos)).collect();
    let reader = IndexReader::open(data).unwrap();
    let merged = merge_index(reader, &expected, &newer, new_end_pos, Vec::new()).unwrap();
    assert_eq!(read(&merged).unwrap(), (new_end_pos, model));
    let Some((oid, pos)) = expected.first_key_value() else { return };
    let wrong = BTreeMap::from([(*oid, pos + 1)]);
    let reader = IndexReader::open(data).unwrap();
    assert!(merge_index(reader, &wrong, &newer, new_end_pos, Vec::new()).is_err());
}

/// An index is only taken for that of a database whose last records it has.
fn against_a_database(data: &[u8], read: Option<(u64, Entries)>) {
    let database = Database::with_transactions(3).bytes().to_vec();
    if let Ok((index, extent)) = load_index(data, &database, &mut Nothing) {
        let (end_pos, entries) = read.unwrap();
        assert!(end_pos <= extent.end_pos && extent.end_pos == database.len() as u64);
        let behind_last = |oid: &Oid| index.get(*oid) != entries.get(&oid.number()).copied();
        assert!(end_pos < extent.end_pos || !index.iter().any(|(oid, _)| behind_last(&oid)));
    }
}

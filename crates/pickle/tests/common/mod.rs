//! Fixtures and the two ways through an index that all tests use.

#![allow(dead_code, reason = "every test binary uses a part of it")]

use pickle::index::{Entry, Error, IndexReader, IndexWriter, Prefix};

macro_rules! fixtures {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../data/", $name, ".index")) as &[u8])),*]
    };
}

/// All fixtures by name; tests/data/README.md says who wrote them.
pub(crate) const FIXTURES: &[(&str, &[u8])] = fixtures![
    "tiny.fs",
    "plain.fs",
    "empty",
    "31",
    "32",
    "prefixes",
    "old-dict-plain",
    "old-dict-fsindex",
    "py2-dict-fsindex",
    "py2-dict-fsindex-p2",
    "py2-dict-plain",
    "py2-dict-plain-p0",
    "py2-zodb38-small",
    "py2-zodb38-split",
    "py2-zodb39-small",
    "py2-zodb39-tree",
    "py2-zodb39-empty",
    "py2-zodb310-tiny",
    "py2-zodb310-long",
    "py2-zodb53-tiny",
    "py2-zodb53-long",
    "py2-zodb56-tiny",
    "py2-zodb56-long",
];

pub(crate) fn fixture(wanted: &str) -> &'static [u8] {
    FIXTURES.iter().find(|(name, _)| *name == wanted).map_or(&[], |(_, bytes)| bytes)
}

/// End position and all (oid, position).
pub(crate) fn read(bytes: &[u8]) -> Result<(u64, Vec<(u64, u64)>), Error> {
    let mut reader = IndexReader::open(bytes)?;
    let mut entries = Vec::new();
    while let Some(bucket) = reader.next_bucket()? {
        entries.extend(bucket.iter());
    }
    Ok((reader.end_pos(), entries))
}

pub(crate) fn write(end_pos: u64, buckets: &[(Prefix, Vec<Entry>)]) -> Result<Vec<u8>, Error> {
    let mut writer = IndexWriter::new(Vec::new(), end_pos)?;
    for (prefix, entries) in buckets {
        writer.bucket(*prefix, entries)?;
    }
    writer.finish()
}

/// The index read and written again in the present form.
pub(crate) fn rewrite(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut reader = IndexReader::open(bytes)?;
    let mut writer = IndexWriter::new(Vec::new(), reader.end_pos())?;
    while let Some(bucket) = reader.next_bucket()? {
        writer.bucket(bucket.prefix, &bucket.entries().collect::<Vec<_>>())?;
    }
    writer.finish()
}

/// Pickles of the present form, one behind the other.
pub(crate) fn pickles(bodies: &[&[u8]]) -> Vec<u8> {
    bodies.iter().flat_map(|body| [b"\x80\x03", *body, b"."].concat()).collect()
}

/// Body of a pickle with a bucket of any bytes.
pub(crate) fn bucket_body(prefix: &[u8], data: &[u8]) -> Vec<u8> {
    let mut body = vec![b'C', u8::try_from(prefix.len()).unwrap_or(u8::MAX)];
    body.extend(prefix);
    body.push(b'B');
    body.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    body.extend(data);
    body.push(0x86);
    body
}

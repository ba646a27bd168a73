//! The entries of all oids that share their first six bytes.

use super::{Error, MIN_POS, POSITION_LIMIT};

/// The first six bytes of an oid.
pub type Prefix = [u8; 6];

/// The last two bytes of an oid as a big-endian number, and the position of its record.
pub type Entry = (u16, u64);

const SUFFIX_LEN: usize = 2;
const POSITION_LEN: usize = 6;
const ENTRY_LEN: usize = SUFFIX_LEN + POSITION_LEN;
const MAX_ENTRY_COUNT: usize = 1 << 16;

/// One bucket of an index, 1 to 65536 entries, checked when it was made.
///
/// Suffixes ascend strictly and positions are in `4..end_pos` of the index it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// The first six bytes of every oid in the bucket.
    pub prefix: Prefix,
    /// All suffixes, two bytes each, then all positions, six bytes each, big-endian.
    data: Vec<u8>,
}

impl Bucket {
    /// Takes the bytes of a bucket as they stand in an index with this `end_pos`.
    pub(super) fn decode(prefix: Prefix, data: Vec<u8>, end_pos: u64, pos: u64) -> Result<Self, Error> {
        if !data.len().is_multiple_of(ENTRY_LEN) {
            return Err(Error::BucketLen { pos, found_len: data.len() });
        }
        check_len(data.len(), pos)?;
        let bucket = Self { prefix, data };
        check_entries(bucket.entries(), end_pos, pos)?;
        Ok(bucket)
    }

    /// Makes a bucket of entries for an index with this `end_pos`.
    pub(super) fn encode(prefix: Prefix, entries: &[Entry], end_pos: u64, pos: u64) -> Result<Self, Error> {
        check_len(entries.len().saturating_mul(ENTRY_LEN), pos)?;
        check_entries(entries.iter().copied(), end_pos, pos)?;
        let mut data = Vec::with_capacity(entries.len() * ENTRY_LEN);
        for (suffix, _) in entries {
            data.extend_from_slice(&suffix.to_be_bytes());
        }
        for (_, position) in entries {
            let [_, _, low @ ..] = position.to_be_bytes();
            data.extend_from_slice(&low);
        }
        Ok(Self { prefix, data })
    }

    /// Number of entries, 1 to 65536.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a bucket is never empty")]
    pub fn len(&self) -> usize {
        self.data.len() / ENTRY_LEN
    }

    /// All entries as (oid, position), in ascending order of oids.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let [a, b, c, d, e, f] = self.prefix;
        let base = u64::from_be_bytes([a, b, c, d, e, f, 0, 0]);
        self.entries().map(move |(suffix, position)| (base | u64::from(suffix), position))
    }

    /// All entries as (suffix, position), as [`IndexWriter::bucket`](super::IndexWriter::bucket)
    /// takes them.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let (suffixes, positions) = self.columns();
        let positions = positions.iter().copied().map(position_of);
        suffixes.iter().copied().map(u16::from_be_bytes).zip(positions)
    }

    /// The position of the object whose oid is the prefix and this suffix.
    #[must_use]
    pub fn get(&self, suffix: u16) -> Option<u64> {
        let (suffixes, positions) = self.columns();
        let entry_index = suffixes.binary_search(&suffix.to_be_bytes()).ok()?;
        positions.get(entry_index).copied().map(position_of)
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.data
    }

    fn columns(&self) -> (&[[u8; SUFFIX_LEN]], &[[u8; POSITION_LEN]]) {
        let (suffixes, positions) = self.data.split_at(self.len() * SUFFIX_LEN);
        (suffixes.as_chunks().0, positions.as_chunks().0)
    }
}

fn position_of([a, b, c, d, e, f]: [u8; POSITION_LEN]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

fn check_len(data_len: usize, pos: u64) -> Result<(), Error> {
    if data_len == 0 {
        return Err(Error::BucketEmpty { pos });
    }
    if data_len > MAX_ENTRY_COUNT * ENTRY_LEN {
        return Err(Error::BucketTooLong { pos, found_len: data_len });
    }
    Ok(())
}

fn check_entries(entries: impl Iterator<Item = Entry>, end_pos: u64, pos: u64) -> Result<(), Error> {
    let mut previous = None;
    for (entry_index, (found, position)) in entries.enumerate() {
        if let Some(previous) = previous
            && found <= previous
        {
            return Err(Error::SuffixOrder { pos, entry_index, previous, found });
        }
        previous = Some(found);
        let limit = end_pos.min(POSITION_LIMIT);
        if !(MIN_POS..limit).contains(&position) {
            return Err(Error::PositionRange { pos, entry_index, found: position, limit });
        }
    }
    Ok(())
}

/// Keeps the prefixes of an index in strictly ascending order.
#[derive(Debug, Default)]
pub(super) struct PrefixOrder {
    last: Option<Prefix>,
}

impl PrefixOrder {
    /// Takes the next prefix; `pos` is where it or its bucket stands.
    pub(super) fn advance(&mut self, found: Prefix, pos: u64) -> Result<(), Error> {
        if let Some(previous) = self.last
            && found <= previous
        {
            return Err(Error::PrefixOrder { pos, previous, found });
        }
        self.last = Some(found);
        Ok(())
    }
}

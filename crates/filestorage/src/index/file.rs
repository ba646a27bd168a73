use super::Index;
use crate::window::Window;
use crate::{
    Boundary, Damage, DamageKind, Error, Oid, RecordData, RecordHeader, Status, Visitor, Walker,
    committed_end, transaction_before,
};
use pickle::index::{IndexReader, IndexWriter};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::iter::Peekable;
use vfs::ReadAt;

/// Why an index file cannot be used or written. It is a cache: whoever has the data can make it again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The file is not an index.
    #[error(transparent)]
    Pickle(#[from] pickle::index::Error),
    /// The data that it should describe cannot be read.
    #[error(transparent)]
    Source(#[from] Error),
    /// No transaction of the data ends where the index ends.
    #[error("the index ends @{end_pos}, where no transaction of the data ends")]
    NotABoundary {
        /// Where the index ends.
        end_pos: u64,
    },
    /// A record of the last transaction that the index covers is elsewhere.
    #[error("the index has {found_pos:?} for oid {oid}, whose record is @{pos}")]
    OtherPosition {
        /// The object.
        oid: Oid,
        /// Where its record is.
        pos: u64,
        /// Where the index has it.
        found_pos: Option<u64>,
    },
}

/// The records that an index which ends at `boundary` must have: those of the last transaction before it
/// that has any, each object's last one.
///
/// This is what ties an index to its data. ZODB compares the first five records, and so throws away an
/// index whose last transaction has two records of one object; here all are compared, the last one counts.
///
/// # Errors
/// Where the data cannot be read.
pub fn current_records(source: &dyn ReadAt, boundary: Boundary) -> Result<BTreeMap<Oid, u64>, Error> {
    struct Records(BTreeMap<Oid, u64>);
    impl Visitor for Records {
        fn record(&mut self, header: &RecordHeader, _data: RecordData) {
            self.0.insert(header.oid, header.pos);
        }
    }
    let mut records = Records(BTreeMap::new());
    let mut last = boundary.last();
    while let Some(header) = last {
        // Many that have no record can stand in a row: a window is not read for them.
        let has_records = header.len > header.header_len();
        let mut walker = Walker::new(header.pos, None, header.end_pos());
        let mut window = Window::new(source);
        while has_records
            && header.status != Status::Undone
            && walker.boundary_pos() != Some(header.end_pos())
        {
            let (pos, len) = walker.wants();
            if walker.accept(window.bytes(pos, len)?, &mut records).is_err() {
                let kind = DamageKind::Unfinished { limit_pos: header.end_pos() };
                return Err(Damage { transaction_pos: header.pos, pos, kind }.into());
            }
        }
        if !records.0.is_empty() {
            break;
        }
        last = transaction_before(source, header.pos)?;
    }
    Ok(records.0)
}

/// Loads the index file of `source`, if it belongs to it, and completes it by a scan from its end to the
/// committed end.
///
/// # Errors
/// [`IndexError::Source`] with damage where the scan meets it; every other error says why the index cannot
/// be used.
pub fn load_index<R: Read>(
    input: R,
    source: &dyn ReadAt,
    visitor: &mut dyn Visitor,
) -> Result<(Index, crate::Extent), IndexError> {
    let mut reader = IndexReader::open(input)?;
    let end_pos = reader.end_pos();
    let boundary = Boundary::at(source, end_pos)?.ok_or(IndexError::NotABoundary { end_pos })?;
    let mut index = Index::new();
    while let Some(bucket) = reader.next_bucket()? {
        for (oid, pos) in bucket.iter() {
            index.insert(Oid::new(oid), pos)?;
        }
    }
    for (oid, pos) in current_records(source, boundary)? {
        let found_pos = index.get(oid);
        if found_pos != Some(pos) {
            return Err(IndexError::OtherPosition { oid, pos, found_pos });
        }
    }
    let mut both = Both { index: &mut index, visitor };
    let extent = committed_end(source, boundary, &mut both)?;
    index.check()?;
    Ok((index, extent))
}

struct Both<'a> {
    index: &'a mut Index,
    visitor: &'a mut dyn Visitor,
}

impl Visitor for Both<'_> {
    fn transaction(&mut self, header: &crate::TransactionHeader) {
        self.visitor.transaction(header);
    }

    fn record(&mut self, header: &RecordHeader, data: RecordData) {
        self.index.record(header, data);
        self.visitor.record(header, data);
    }

    fn problem(&mut self, problem: crate::Problem) {
        self.visitor.problem(problem);
    }
}

impl Index {
    /// Writes the index file of data that ends at `end_pos`, byte for byte as ZODB does.
    ///
    /// # Errors
    /// The output's.
    pub fn save<W: Write>(&self, end_pos: u64, output: W) -> Result<W, IndexError> {
        let mut buckets = Buckets::new(output, end_pos)?;
        for (oid, pos) in self.iter() {
            buckets.push(oid.number(), pos)?;
        }
        buckets.finish()
    }
}

/// Writes the index of data that grew: `previous`, the index file of what was there before, with the
/// records of `newer` laid over it, in one pass, one bucket in memory.
///
/// `expected` is what [`current_records`] says of the end of the previous data.
///
/// # Errors
/// When `previous` cannot be read, lacks an expected record, or the output fails. What was written is then
/// of no use.
pub fn merge_index<R: Read, W: Write>(
    mut previous: IndexReader<R>,
    expected: &BTreeMap<Oid, u64>,
    newer: &Index,
    end_pos: u64,
    output: W,
) -> Result<W, IndexError> {
    let mut expected = expected.iter().peekable();
    let mut newer = newer.iter().peekable();
    let mut buckets = Buckets::new(output, end_pos)?;
    while let Some(bucket) = previous.next_bucket()? {
        for (oid, pos) in bucket.iter() {
            compare(&mut expected, Oid::new(oid), pos)?;
            while let Some((newer_oid, newer_pos)) = newer.next_if(|(newer_oid, _)| newer_oid.number() < oid)
            {
                buckets.push(newer_oid.number(), newer_pos)?;
            }
            let replaced = newer.next_if(|(newer_oid, _)| newer_oid.number() == oid);
            buckets.push(oid, replaced.map_or(pos, |(_, newer_pos)| newer_pos))?;
        }
    }
    if let Some((oid, pos)) = expected.next() {
        return Err(IndexError::OtherPosition { oid: *oid, pos: *pos, found_pos: None });
    }
    for (oid, pos) in newer {
        buckets.push(oid.number(), pos)?;
    }
    buckets.finish()
}

/// Holds the next expected record against the entry of `oid`; entries come in ascending order.
fn compare<'a>(
    expected: &mut Peekable<impl Iterator<Item = (&'a Oid, &'a u64)>>,
    oid: Oid,
    found_pos: u64,
) -> Result<(), IndexError> {
    let Some((wanted, pos)) = expected.next_if(|(wanted, _)| **wanted <= oid) else { return Ok(()) };
    if *wanted == oid && *pos == found_pos {
        return Ok(());
    }
    let found_pos = (*wanted == oid).then_some(found_pos);
    Err(IndexError::OtherPosition { oid: *wanted, pos: *pos, found_pos })
}

/// Collects ascending entries into the buckets of the file: one for each value of an oid's first six bytes.
struct Buckets<W: Write> {
    writer: IndexWriter<W>,
    prefix: u64,
    entries: Vec<(u16, u64)>,
}

impl<W: Write> Buckets<W> {
    fn new(output: W, end_pos: u64) -> Result<Buckets<W>, IndexError> {
        Ok(Buckets { writer: IndexWriter::new(output, end_pos)?, prefix: 0, entries: Vec::new() })
    }

    fn push(&mut self, oid: u64, pos: u64) -> Result<(), IndexError> {
        let [.., high, low] = oid.to_be_bytes();
        if oid >> 16 != self.prefix {
            self.flush()?;
            self.prefix = oid >> 16;
        }
        self.entries.push((u16::from_be_bytes([high, low]), pos));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), IndexError> {
        if !self.entries.is_empty() {
            let [_, _, prefix @ ..] = self.prefix.to_be_bytes();
            self.writer.bucket(prefix, &self.entries)?;
            self.entries.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> Result<W, IndexError> {
        self.flush()?;
        Ok(self.writer.finish()?)
    }
}

impl IndexError {
    /// An error of the output behind an index.
    pub fn from_output(error: std::io::Error) -> IndexError {
        IndexError::Source(Error::Io(error))
    }

    /// Whether it is an error of the output, not of what is read or of what is in it.
    pub fn is_of_output(&self) -> bool {
        matches!(
            self,
            IndexError::Source(Error::Io(_)) | IndexError::Pickle(pickle::index::Error::Write { .. })
        )
    }
}

#[cfg(test)]
mod tests;

use crate::{Oid, RecordData, RecordHeader, TransactionHeader};
use std::io;
use vfs::ReadAt;

/// Where the data of a record is, when all back pointers were followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// `len` bytes from `pos` on.
    Here {
        /// Position of the first byte.
        pos: u64,
        /// Length in bytes, never 0.
        len: u64,
    },
    /// The object does not exist from this record on.
    Gone,
    /// A back pointer leads where no record of the object is.
    Astray(Astray),
}

/// A back pointer that leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Astray {
    /// Where it leads.
    pub back_pos: u64,
    /// What is there instead of a record of the object.
    pub found: Instead,
}

/// What stands where a back pointer leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    /// Nothing that can be a target: the place is not before the record.
    NotBefore,
    /// No data record.
    NoRecord,
    /// The record of another object.
    OtherObject(Oid),
}

/// Follows the back pointers of a record of `source`. Each has to lead further back, so this ends.
///
/// # Errors
/// When the medium fails.
pub fn resolve(source: &dyn ReadAt, header: &RecordHeader, data: RecordData) -> io::Result<Resolved> {
    let (mut pos, mut data) = (header.pos, data);
    loop {
        let back_pos = match data {
            RecordData::Here { pos, len } => return Ok(Resolved::Here { pos, len }),
            RecordData::Gone => return Ok(Resolved::Gone),
            RecordData::Back(back_pos) => back_pos,
        };
        let astray = |found| Ok(Resolved::Astray(Astray { back_pos, found }));
        if back_pos >= pos {
            return astray(Instead::NotBefore);
        }
        let Some(target) = record_at(source, back_pos)? else { return astray(Instead::NoRecord) };
        if target.oid != header.oid {
            return astray(Instead::OtherObject(target.oid));
        }
        (pos, data) = (back_pos, data_of(source, &target)?);
    }
}

/// The data record at `pos`, if one is there: it has to name a transaction before it that has its tid and holds it,
/// all of it in the file.
///
/// # Errors
/// When the medium fails.
pub fn record_at(source: &dyn ReadAt, pos: u64) -> io::Result<Option<RecordHeader>> {
    let mut bytes = [0; RecordHeader::FIXED_LEN];
    if source.read_full_at(pos, &mut bytes)? < bytes.len() {
        return Ok(None);
    }
    let record = RecordHeader::decode(pos, &bytes);
    let mut bytes = [0; TransactionHeader::FIXED_LEN];
    if record.transaction_pos >= pos || source.read_full_at(record.transaction_pos, &mut bytes)? < bytes.len()
    {
        return Ok(None);
    }
    let transaction = TransactionHeader::decode(record.transaction_pos, &bytes);
    // Both lengths may be wrong together.
    let is_inside = transaction.records_pos() <= pos
        && record.end_pos() <= transaction.trailer_pos()
        && transaction.end_pos() <= source.len()?;
    Ok((transaction.tid == record.tid && is_inside).then_some(record))
}

/// Where the data of a record is that stands in `source`.
///
/// # Errors
/// When the medium fails.
pub fn data_of(source: &dyn ReadAt, record: &RecordHeader) -> io::Result<RecordData> {
    if record.data_len > 0 {
        return Ok(RecordData::Here { pos: record.data_pos(), len: record.data_len });
    }
    let mut bytes = [0; RecordHeader::BACK_POINTER_LEN];
    source.read_exact_at(record.data_pos(), &mut bytes)?;
    Ok(match u64::from_be_bytes(bytes) {
        0 => RecordData::Gone,
        back_pos => RecordData::Back(back_pos),
    })
}

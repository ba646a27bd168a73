//! One object as it was at one moment.

use crate::Error;
use crate::data::{DataReader, MetRecord, Unreadable, inflate};
use crate::sweep::{LostSpan, Met, Sweep};
use filestorage::{Oid, RecordData, RecordHeader, Step, Tid};
use vfs::ReadAt;

/// What an object was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// It had a state.
    Here {
        /// The record that gave it that.
        header: RecordHeader,
        /// Its data as it is stored, through back pointers.
        stored: Vec<u8>,
        /// Its two pickles, which may have been stored compressed; why they cannot be had.
        pickles: Result<Vec<u8>, String>,
    },
    /// It did not exist any more from this record on.
    Gone(RecordHeader),
    /// Its data cannot be read.
    Unreadable {
        /// The record.
        header: RecordHeader,
        /// Why.
        reason: String,
    },
    /// There was no such object yet, or there never was one.
    Unknown,
}

/// The last revision of an object, or the last one up to `until`; what cannot be read, where it may be, goes to `lost`.
///
/// Memory: its data.
///
/// # Errors
/// Where nothing looks like a database, where it cannot be read, and those of `lost`.
pub fn revision(
    source: &dyn ReadAt,
    oid: Oid,
    until: Option<Tid>,
    lost: &mut dyn FnMut(LostSpan) -> Result<(), Error>,
) -> Result<Revision, Error> {
    let (mut sweep, mut found) = (Sweep::new(source)?, None);
    loop {
        match sweep.step()? {
            Met::Step(Step::Record(header, data))
                if header.oid == oid && until.is_none_or(|until| header.tid <= until) =>
            {
                found = Some((header, data));
            }
            Met::Step(_) => {}
            Met::Lost(span) => lost(span)?,
            Met::End(_) => break,
        }
    }
    match found {
        Some((header, data)) => of_record(source, header, data),
        None => Ok(Revision::Unknown),
    }
}

fn of_record(source: &dyn ReadAt, header: RecordHeader, data: RecordData) -> Result<Revision, Error> {
    let mut reader = DataReader::default();
    let stored = match reader.read_stored(&mut MetRecord { source, near: None, header, data })? {
        Ok(Some(stored)) => stored.to_vec(),
        Ok(None) => return Ok(Revision::Gone(header)),
        Err(reason) => return Ok(Revision::Unreadable { header, reason: reason.to_string() }),
    };
    let mut inflated = Vec::new();
    let pickles =
        inflate(&stored, &mut inflated).map(<[u8]>::to_vec).map_err(|reason: Unreadable| reason.to_string());
    Ok(Revision::Here { header, stored, pickles })
}

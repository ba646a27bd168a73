//! The data of an object's record, as its two pickles.

use crate::Error;
use crate::sweep::Sweep;
use filestorage::{Astray, RecordData, RecordHeader, Resolved, resolve};
use flate2::read::ZlibDecoder;
use std::fmt;
use std::io::Read;
use vfs::ReadAt;

/// Data longer than this is not looked into, compressed or not.
const LEN_LIMIT: u64 = 256 << 20;
/// What zc.zlibstorage writes before a stream of zlib; no pickle begins so.
const COMPRESSED: &[u8] = b".z";

/// Why the data of a record cannot be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Astray(Astray),
    TooLong { len: u64 },
    Inflate(String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Astray(astray) => write!(f, "its back pointer leads to {}", astray.back_pos),
            Unreadable::TooLong { len } => {
                write!(f, "its data of {len} bytes is longer than {LEN_LIMIT}: it was not looked into")
            }
            Unreadable::Inflate(reason) => write!(f, "its data cannot be decompressed: {reason}"),
        }
    }
}

/// The bytes of a record's data; `None` if the object does not exist from the record on.
pub(crate) type Data<'r> = Result<Option<&'r [u8]>, Unreadable>;

/// A data record, and what is needed to read its data.
pub(crate) struct MetRecord<'m, 'a> {
    /// All of the file.
    pub(crate) source: &'m dyn ReadAt,
    /// The sweep that met it last: what stands near costs it no read. None of a record that stands anywhere.
    pub(crate) near: Option<&'m mut Sweep<'a>>,
    pub(crate) header: RecordHeader,
    pub(crate) data: RecordData,
}

impl MetRecord<'_, '_> {
    /// The length of a record with all of its data, as a pack writes it; `None` if the object does not exist from it on.
    ///
    /// # Errors
    /// The medium's.
    pub(crate) fn whole_len(&self) -> Result<Option<u64>, Error> {
        let head_len = self.header.data_pos() - self.header.pos;
        Ok(match resolve(self.source, &self.header, self.data)? {
            Resolved::Here { len, .. } => Some(head_len + len),
            Resolved::Astray(_) => Some(head_len),
            Resolved::Gone => None,
        })
    }
}

/// Reads the data of one record after the other, into memory that is used again.
#[derive(Default)]
pub(crate) struct DataReader {
    far: Vec<u8>,
    inflated: Vec<u8>,
}

impl DataReader {
    /// The data of a record through back pointers, inflated.
    ///
    /// # Errors
    /// The medium's.
    pub(crate) fn read<'r>(&'r mut self, met: &'r mut MetRecord<'_, '_>) -> Result<Data<'r>, Error> {
        let stored = stored(met, &mut self.far)?;
        Ok(inflated(stored, &mut self.inflated))
    }

    /// The data of a record as it is stored: two pickles, or what a wrapper of the storage made of them.
    ///
    /// # Errors
    /// The medium's.
    pub(crate) fn read_stored<'r>(&'r mut self, met: &'r mut MetRecord<'_, '_>) -> Result<Data<'r>, Error> {
        stored(met, &mut self.far)
    }
}

fn stored<'r>(met: &'r mut MetRecord<'_, '_>, far: &'r mut Vec<u8>) -> Result<Data<'r>, Error> {
    let (pos, len) = match resolve(met.source, &met.header, met.data)? {
        Resolved::Here { pos, len } => (pos, len),
        Resolved::Gone => return Ok(Ok(None)),
        Resolved::Astray(astray) => return Ok(Err(Unreadable::Astray(astray))),
    };
    let Some(short_len) = usize::try_from(len).ok().filter(|_| len <= LEN_LIMIT) else {
        return Ok(Err(Unreadable::TooLong { len }));
    };
    // What stands far back would take the window away from what comes next.
    let near = met.near.as_deref_mut().filter(|_| matches!(met.data, RecordData::Here { .. }));
    let bytes = if let Some(sweep) = near {
        sweep.bytes(pos, short_len)?
    } else {
        far.resize(short_len, 0);
        met.source.read_exact_at(pos, far)?;
        far
    };
    Ok(Ok(Some(bytes)))
}

fn inflated<'r>(stored: Data<'r>, buf: &'r mut Vec<u8>) -> Data<'r> {
    match stored {
        Ok(Some(stored)) => inflate(stored, buf).map(Some),
        other => other,
    }
}

/// The pickles that were stored, compressed or not.
pub(crate) fn inflate<'r>(stored: &'r [u8], buf: &'r mut Vec<u8>) -> Result<&'r [u8], Unreadable> {
    let Some(stream) = stored.strip_prefix(COMPRESSED) else { return Ok(stored) };
    buf.clear();
    let inflated = ZlibDecoder::new(stream).take(LEN_LIMIT + 1).read_to_end(buf);
    if let Err(error) = inflated {
        return Err(Unreadable::Inflate(error.to_string()));
    }
    let len = buf.len() as u64;
    if len > LEN_LIMIT {
        return Err(Unreadable::TooLong { len });
    }
    Ok(buf)
}

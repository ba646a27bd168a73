//! Writing an index as ZODB under Python 3 does.

use std::io::Write;

use super::bucket::{Bucket, Entry, Prefix, PrefixOrder};
use super::{Error, MIN_POS};
use crate::opcode as op;

/// Start of every pickle.
const PROTO_3: [u8; 2] = [op::PROTO, 3];

/// An index that is being written, bucket by bucket.
///
/// The bytes are those of ZODB's `fsIndex.save`. Every bucket is one call of
/// [`Write::write_all`] with at most 512 KiB and a few bytes.
///
/// **Source:** index-format.md, sections 2 and 3.
#[derive(Debug)]
pub struct IndexWriter<W> {
    output: W,
    end_pos: u64,
    written_len: u64,
    order: PrefixOrder,
}

impl<W: Write> IndexWriter<W> {
    /// Writes the end of the covered part of the data file, in `4..2^63` bytes.
    ///
    /// # Errors
    ///
    /// [`Error::EndPos`] out of that range, [`Error::Write`].
    pub fn new(output: W, end_pos: u64) -> Result<Self, Error> {
        let Some(signed) = i64::try_from(end_pos).ok().filter(|_| end_pos >= MIN_POS) else {
            return Err(Error::EndPos { pos: 0, found: i128::from(end_pos) });
        };
        let mut pickle = PROTO_3.to_vec();
        push_int(&mut pickle, signed);
        pickle.push(op::STOP);
        let mut writer = Self { output, end_pos, written_len: 0, order: PrefixOrder::default() };
        writer.write(&pickle)?;
        Ok(writer)
    }

    /// Writes the bucket of a prefix: 1 to 65536 entries in ascending order of suffixes.
    ///
    /// Prefixes must ascend from call to call. Nothing of a refused bucket is written.
    ///
    /// # Errors
    ///
    /// [`Error::PrefixOrder`], [`Error::BucketEmpty`], [`Error::BucketTooLong`],
    /// [`Error::SuffixOrder`], [`Error::PositionRange`] for positions outside of `4..end_pos` or
    /// at 2^48 and above, [`Error::Write`].
    pub fn bucket(&mut self, prefix: Prefix, entries: &[Entry]) -> Result<(), Error> {
        let bucket = Bucket::encode(prefix, entries, self.end_pos, self.written_len)?;
        self.order.advance(prefix, self.written_len)?;
        let mut pickle = PROTO_3.to_vec();
        push_bytes(&mut pickle, &prefix);
        push_bytes(&mut pickle, bucket.data());
        pickle.extend([op::TUPLE2, op::STOP]);
        self.write(&pickle)
    }

    /// Writes the final None, flushes, and gives the output back.
    ///
    /// An index without this is cut off: no reader accepts it.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn finish(mut self) -> Result<W, Error> {
        let [proto, version] = PROTO_3;
        self.write(&[proto, version, op::NONE, op::STOP])?;
        self.output.flush().map_err(|source| Error::Write { pos: self.written_len, source })?;
        Ok(self.output)
    }

    fn write(&mut self, pickle: &[u8]) -> Result<(), Error> {
        self.output.write_all(pickle).map_err(|source| Error::Write { pos: self.written_len, source })?;
        self.written_len += pickle.len() as u64;
        Ok(())
    }
}

/// Appends a number that is not negative in its shortest form.
fn push_int(pickle: &mut Vec<u8>, number: i64) {
    if let Ok(small) = u8::try_from(number) {
        pickle.extend([op::BININT1, small]);
    } else if let Ok(medium) = u16::try_from(number) {
        pickle.push(op::BININT2);
        pickle.extend(medium.to_le_bytes());
    } else if let Ok(large) = i32::try_from(number) {
        pickle.push(op::BININT);
        pickle.extend(large.to_le_bytes());
    } else {
        // One bit more than the number has, for the sign.
        let bit_count = (i64::BITS - number.leading_zeros()) as usize;
        let len = bit_count / 8 + 1;
        pickle.push(op::LONG1);
        pickle.extend(u8::try_from(len));
        pickle.extend(&number.to_le_bytes()[..len]);
    }
}

/// Appends a byte string; the pickler uses the short form wherever it fits.
fn push_bytes(pickle: &mut Vec<u8>, bytes: &[u8]) {
    if let Ok(len) = u8::try_from(bytes.len()) {
        pickle.extend([op::SHORT_BINBYTES, len]);
    } else {
        pickle.push(op::BINBYTES);
        pickle.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    }
    pickle.extend_from_slice(bytes);
}

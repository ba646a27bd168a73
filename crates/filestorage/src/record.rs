use crate::transaction::split;
use crate::{Oid, Tid};

/// Where the data of a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordData {
    /// In the record itself, `len` bytes from `pos` on; `len` is never 0.
    Here {
        /// Position of the first byte.
        pos: u64,
        /// Length in bytes.
        len: u64,
    },
    /// In the older data record of the same object at this position, which may point on.
    Back(u64),
    /// Nowhere: from this transaction on the object does not exist.
    Gone,
}

/// The head of a data record, as it is on disk, and where its data is.
///
/// | offset | length | field | valid when |
/// |---|---|---|---|
/// | 0 | 8 | oid | |
/// | 8 | 8 | tid | equal to the transaction's |
/// | 16 | 8 | position of the object's previous record, 0 for none | |
/// | 24 | 8 | position of the transaction | equal to it |
/// | 32 | 2 | length of the version's name | 0 since ZODB 3.9 |
/// | 34 | 8 | length of the data | |
/// | 42 | 16 + n | two positions and the name | the version's name is not empty |
/// | 42 or 58 + n | | data, or a back pointer of 8 bytes if its length is 0 | |
///
/// **Source:** every `Data.fs` written by ZODB 6.4; the version's part from files of ZODB before 3.9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader {
    /// Where the record begins in the file.
    pub pos: u64,
    /// The object.
    pub oid: Oid,
    /// The transaction id.
    pub tid: Tid,
    /// Position of the object's previous record, 0 for none.
    pub previous_pos: u64,
    /// Position of the transaction that the record says it is in.
    pub transaction_pos: u64,
    /// Length of the version's name, 0 in every file since ZODB 3.9.
    pub version_len: u16,
    /// Length of the data; 0 means that a back pointer stands in its place.
    pub data_len: u64,
}

impl RecordHeader {
    /// Length of the fixed part.
    pub const FIXED_LEN: usize = 42;
    /// Length of a back pointer.
    pub const BACK_POINTER_LEN: usize = 8;
    /// Length of the two positions before a version's name.
    const VERSION_POINTERS_LEN: u64 = 16;

    /// Decodes the fixed part found at `pos`. Every value is possible; nothing is checked yet.
    pub fn decode(pos: u64, bytes: &[u8; Self::FIXED_LEN]) -> RecordHeader {
        let (oid, rest) = split::<8>(bytes);
        let (tid, rest) = split::<8>(rest);
        let (previous, rest) = split::<8>(rest);
        let (transaction, rest) = split::<8>(rest);
        let (version_len, rest) = split::<2>(rest);
        let (data_len, _) = split::<8>(rest);
        RecordHeader {
            pos,
            oid: Oid::from_be_bytes(oid),
            tid: Tid::from_be_bytes(tid),
            previous_pos: u64::from_be_bytes(previous),
            transaction_pos: u64::from_be_bytes(transaction),
            version_len: u16::from_be_bytes(version_len),
            data_len: u64::from_be_bytes(data_len),
        }
    }

    /// Where the data, or the back pointer, begins.
    pub fn data_pos(&self) -> u64 {
        let version_len = match self.version_len {
            0 => 0,
            name_len => Self::VERSION_POINTERS_LEN + u64::from(name_len),
        };
        self.pos.saturating_add(Self::FIXED_LEN as u64 + version_len)
    }

    /// Where the next record begins.
    pub fn end_pos(&self) -> u64 {
        let body_len = if self.data_len == 0 { Self::BACK_POINTER_LEN as u64 } else { self.data_len };
        self.data_pos().saturating_add(body_len)
    }
}

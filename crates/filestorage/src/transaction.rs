use crate::Tid;
use std::io;
use vfs::ReadAt;

/// The status byte of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Blank: committed.
    Committed,
    /// `p`: committed, rewritten by a pack.
    Packed,
    /// `u`: undone, in very old files; its records do not exist.
    Undone,
    /// `c`: voted, not finished.
    Voted,
    /// Any other byte.
    Other(u8),
}

impl Status {
    /// The status in this byte.
    pub fn decode(byte: u8) -> Status {
        match byte {
            b' ' => Status::Committed,
            b'p' => Status::Packed,
            b'u' => Status::Undone,
            Self::VOTED => Status::Voted,
            other => Status::Other(other),
        }
    }

    /// The byte of [`Status::Voted`]. Who reads a database stops there, and who opens it to write cuts it off there.
    ///
    /// **Source:** ZODB 6.4, opened on files with such a transaction at the end and in the middle.
    pub const VOTED: u8 = b'c';

    /// Whether the format defines it for a finished transaction.
    pub fn is_final(self) -> bool {
        matches!(self, Status::Committed | Status::Packed | Status::Undone)
    }
}

/// The first 23 bytes of a transaction record, as they are on disk.
///
/// | offset | length | field |
/// |---|---|---|
/// | 0 | 8 | tid |
/// | 8 | 8 | `len`: the whole record without its trailer of 8 bytes |
/// | 16 | 1 | status |
/// | 17 | 2 | length of user |
/// | 19 | 2 | length of description |
/// | 21 | 2 | length of extension |
///
/// **Source:** every `Data.fs` written by ZODB 6.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionHeader {
    /// Where the record begins in the file.
    pub pos: u64,
    /// The transaction id.
    pub tid: Tid,
    /// Length of the record without the trailer. Unchecked: see [`Walker`](crate::Walker).
    pub len: u64,
    /// The status.
    pub status: Status,
    /// Length of the user's name.
    pub user_len: u16,
    /// Length of the description.
    pub description_len: u16,
    /// Length of the extension: empty, or one pickle.
    pub extension_len: u16,
}

/// User, description and extension of a transaction: bytes of any encoding, up to 65,535 each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// By convention path, space, name.
    pub user: Vec<u8>,
    /// The notes.
    pub description: Vec<u8>,
    /// Empty, or a pickle of a dict.
    pub extension: Vec<u8>,
}

impl TransactionHeader {
    /// Length of the fixed part.
    pub const FIXED_LEN: usize = 23;
    /// Length of the trailer, which repeats `len`.
    pub const TRAILER_LEN: u64 = 8;
    /// Where the status stands in the fixed part.
    pub const STATUS_OFFSET: usize = 16;

    /// Decodes the fixed part found at `pos`. Every value is possible; nothing is checked yet.
    pub fn decode(pos: u64, bytes: &[u8; Self::FIXED_LEN]) -> TransactionHeader {
        let (tid, rest) = split::<8>(bytes);
        let (len, rest) = split::<8>(rest);
        let short = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
        TransactionHeader {
            pos,
            tid: Tid::from_be_bytes(tid),
            len: u64::from_be_bytes(len),
            status: Status::decode(rest[0]),
            user_len: short(1),
            description_len: short(3),
            extension_len: short(5),
        }
    }

    /// Length of everything before the data records.
    pub fn header_len(&self) -> u64 {
        Self::FIXED_LEN as u64
            + u64::from(self.user_len)
            + u64::from(self.description_len)
            + u64::from(self.extension_len)
    }

    /// Where the data records begin.
    pub fn records_pos(&self) -> u64 {
        self.pos.saturating_add(self.header_len())
    }

    /// Where the data records end and the trailer begins.
    pub fn trailer_pos(&self) -> u64 {
        self.pos.saturating_add(self.len)
    }

    /// Where the next transaction begins.
    pub fn end_pos(&self) -> u64 {
        self.trailer_pos().saturating_add(Self::TRAILER_LEN)
    }

    /// Reads user, description and extension.
    ///
    /// # Errors
    /// The medium's; `UnexpectedEof` when they are not all there.
    pub fn read_metadata(&self, source: &dyn ReadAt) -> io::Result<Metadata> {
        let mut pos = self.pos.saturating_add(Self::FIXED_LEN as u64);
        let mut field = |len: u16| -> io::Result<Vec<u8>> {
            let mut bytes = vec![0; len.into()];
            source.read_exact_at(pos, &mut bytes)?;
            pos += u64::from(len);
            Ok(bytes)
        };
        Ok(Metadata {
            user: field(self.user_len)?,
            description: field(self.description_len)?,
            extension: field(self.extension_len)?,
        })
    }
}

/// The first `N` bytes, which must be there, and the rest.
pub(crate) fn split<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    let mut head = [0; N];
    head.copy_from_slice(&bytes[..N]);
    (head, &bytes[N..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_transaction_has_one_of_three_statuses() {
        for (byte, is_final) in [(b' ', true), (b'p', true), (b'u', true), (b'c', false), (b'Z', false)] {
            assert_eq!(Status::decode(byte).is_final(), is_final, "{byte:#x}");
        }
    }
}

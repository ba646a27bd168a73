use crate::Error;
use vfs::ReadAt;

/// The first four bytes of a file, and with them which Python wrote its pickles. The layout is the same.
///
/// **Source:** ZODB 6.4 refuses all but `FS30`; ZODB up to 5.8 on Python 2 wrote `FS21`. `FS20` and `FS10`
/// were alpha formats of 1999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Magic {
    /// `FS30`: Python 3.
    Fs30,
    /// `FS21`: Python 2.
    Fs21,
}

impl Magic {
    /// Length of the magic, and the position of the first transaction.
    pub const LEN: u64 = 4;

    /// Reads and checks the magic.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Magic`], or the medium's.
    pub fn read(source: &dyn ReadAt) -> Result<Magic, Error> {
        let mut bytes = [0; 4];
        match source.read_full_at(0, &mut bytes)? {
            0 => Err(Error::Empty),
            4 => Magic::decode(bytes).ok_or(Error::Magic { found: bytes.to_vec() }),
            read_len => Err(Error::Magic { found: bytes[..read_len].to_vec() }),
        }
    }

    /// The bytes of it.
    pub fn bytes(self) -> [u8; 4] {
        match self {
            Magic::Fs30 => *b"FS30",
            Magic::Fs21 => *b"FS21",
        }
    }

    /// The magic in these bytes, if it is one.
    pub fn decode(bytes: [u8; 4]) -> Option<Magic> {
        match &bytes {
            b"FS30" => Some(Magic::Fs30),
            b"FS21" => Some(Magic::Fs21),
            _ => None,
        }
    }
}

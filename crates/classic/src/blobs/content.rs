use crate::copy::buffer_for;
use crate::{Error, Interrupt};
use std::fmt;
use std::path::Path;
use vfs::{Op, ReadFile};

/// The BLAKE3 hash of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobHash([u8; 32]);

impl BlobHash {
    pub(crate) fn of(hasher: &blake3::Hasher) -> BlobHash {
        BlobHash(*hasher.finalize().as_bytes())
    }

    pub(crate) fn parse(digits: &str) -> Option<BlobHash> {
        // Upper-case digits were not written here.
        let is_ours = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        blake3::Hash::from_hex(digits).ok().filter(|_| is_ours).map(|hash| BlobHash(*hash.as_bytes()))
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a blob holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Content {
    /// Its length in bytes.
    pub(crate) len: u64,
    pub(crate) hash: BlobHash,
}

impl Content {
    /// Whether what was read at `path` is what a list says.
    ///
    /// # Errors
    /// [`Error::Blob`].
    pub(crate) fn expect(self, wanted: Content, path: &Path) -> Result<(), Error> {
        if self == wanted {
            return Ok(());
        }
        let reason = if self.len == wanted.len {
            format!("it has the hash {} instead of {}", self.hash, wanted.hash)
        } else {
            format!("it has {} bytes instead of {}", self.len, wanted.len)
        };
        Err(Error::Blob { path: path.to_owned(), reason })
    }

    /// Reads a file to its end, and hands every piece on.
    ///
    /// # Errors
    /// An interruption, those of `each`, the system's.
    pub(crate) fn of(
        interrupt: &Interrupt,
        path: &Path,
        file: &dyn ReadFile,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<Content, Error> {
        let at_path = |op| vfs::Error::at(op, path);
        let mut buf = buffer_for(file.len().map_err(at_path(Op::Stat))?);
        let (mut hasher, mut len) = (blake3::Hasher::new(), 0);
        loop {
            interrupt.check()?;
            match file.read_full_at(len, &mut buf).map_err(at_path(Op::Read))? {
                0 => return Ok(Content { len, hash: BlobHash::of(&hasher) }),
                read_len => {
                    hasher.update(&buf[..read_len]);
                    each(&buf[..read_len])?;
                    len += read_len as u64;
                }
            }
        }
    }
}

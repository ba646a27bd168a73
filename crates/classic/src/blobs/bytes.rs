use super::content::{BlobHash, Content};
use crate::copy::buffer_for;
use crate::{Error, Interrupt};
use std::ops::Range;
use std::path::Path;
use vfs::{Op, ReadFile};

/// The bytes of a blob: a file, or a part of one.
pub(crate) struct Bytes<'a> {
    pub(crate) path: &'a Path,
    pub(crate) file: &'a dyn ReadFile,
    /// Where they stand; a file that ends before ends them.
    pub(crate) range: Range<u64>,
}

impl<'a> Bytes<'a> {
    /// All that a file has when it is read.
    pub(crate) fn all(path: &'a Path, file: &'a dyn ReadFile) -> Bytes<'a> {
        Bytes { path, file, range: 0..u64::MAX }
    }

    /// How many there are.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn len(&self) -> Result<u64, Error> {
        let file_len = self.file.len().map_err(vfs::Error::at(Op::Stat, self.path))?;
        Ok(self.range.end.min(file_len).saturating_sub(self.range.start))
    }

    /// Reads all of them, and hands every piece on; what they are.
    ///
    /// # Errors
    /// An interruption, those of `each`, the system's.
    pub(crate) fn read(
        &self,
        interrupt: &Interrupt,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<Content, Error> {
        let mut buf = buffer_for(self.len()?);
        let (mut hasher, mut len) = (blake3::Hasher::new(), 0);
        loop {
            interrupt.check()?;
            let pos = self.range.start + len;
            let piece_len = usize::try_from(self.range.end - pos).unwrap_or(usize::MAX).min(buf.len());
            let read = self.file.read_full_at(pos, &mut buf[..piece_len]);
            match read.map_err(vfs::Error::at(Op::Read, self.path))? {
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

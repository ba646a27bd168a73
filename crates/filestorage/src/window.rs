use std::io;
use vfs::ReadAt;

/// The bytes around the place of interest, so that a walk costs one read a window, not one a record.
pub(crate) struct Window<'a> {
    source: &'a dyn ReadAt,
    start_pos: u64,
    filled_len: usize,
    buf: Vec<u8>,
}

impl<'a> Window<'a> {
    /// One read of this size was as fast as larger ones, and keeps memory small.
    const LEN: usize = 1 << 20;

    pub(crate) fn new(source: &'a dyn ReadAt) -> Window<'a> {
        Window { source, start_pos: 0, filled_len: 0, buf: Vec::new() }
    }

    /// The `len` bytes from `pos` on, or fewer where the source ends.
    pub(crate) fn bytes(&mut self, pos: u64, len: usize) -> io::Result<&[u8]> {
        let offset = match self.offset_of(pos) {
            Some(offset) if self.filled_len - offset >= len => offset,
            _ => {
                self.fill(pos, len)?;
                0
            }
        };
        let end = self.filled_len.min(offset + len);
        Ok(&self.buf[offset..end])
    }

    /// Forgets what was read, so that the next look is at the source.
    pub(crate) fn forget(&mut self) {
        self.filled_len = 0;
    }

    fn offset_of(&self, pos: u64) -> Option<usize> {
        let offset = usize::try_from(pos.checked_sub(self.start_pos)?).ok()?;
        (offset <= self.filled_len && self.filled_len > 0).then_some(offset)
    }

    fn fill(&mut self, pos: u64, len: usize) -> io::Result<()> {
        // The buffer is made at the first use, and never larger than asked for or than what there is.
        let rest_len = usize::try_from(self.source.len()?.saturating_sub(pos)).unwrap_or(Self::LEN);
        self.buf.resize(rest_len.min(Self::LEN).max(len), 0);
        self.filled_len = 0;
        self.start_pos = pos;
        self.filled_len = self.source.read_full_at(pos, &mut self.buf)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;

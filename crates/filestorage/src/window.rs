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

    /// The same, when what stands from `keep_pos` on will be wanted again: it stays in the window if it fits.
    pub(crate) fn bytes_keeping(&mut self, keep_pos: u64, pos: u64, len: usize) -> io::Result<&[u8]> {
        let is_there = self.offset_of(pos).is_some_and(|offset| self.filled_len - offset >= len);
        let span_len = usize::try_from(pos - keep_pos).unwrap_or(usize::MAX).saturating_add(len);
        if !is_there
            && span_len <= Self::LEN
            && let Some(offset) = self.offset_of(keep_pos)
        {
            self.slide(offset)?;
        }
        self.bytes(pos, len)
    }

    /// Makes what stands at `offset` the beginning, and reads on behind what is there.
    fn slide(&mut self, offset: usize) -> io::Result<()> {
        self.buf.copy_within(offset..self.filled_len, 0);
        self.start_pos += offset as u64;
        self.filled_len -= offset;
        let end_pos = self.start_pos + self.filled_len as u64;
        let rest_len = usize::try_from(self.source.len()?.saturating_sub(end_pos)).unwrap_or(Self::LEN);
        self.buf.resize((self.filled_len + rest_len).min(Self::LEN).max(self.filled_len), 0);
        self.filled_len += self.source.read_full_at(end_pos, &mut self.buf[self.filled_len..])?;
        Ok(())
    }

    /// Bytes that are wanted for a moment, into `buf`: the window stays where it is. How many there are.
    pub(crate) fn peek(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        let filled = self.buf.get(..self.filled_len).unwrap_or_default();
        let inside = self.offset_of(pos).and_then(|offset| filled.get(offset..offset + buf.len()));
        match inside {
            Some(inside) => {
                buf.copy_from_slice(inside);
                Ok(<[u8]>::len(inside))
            }
            None => self.source.read_full_at(pos, buf),
        }
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

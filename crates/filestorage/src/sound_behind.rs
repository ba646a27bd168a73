use crate::window::Window;
use crate::{Nothing, Status, Tid, TransactionHeader, Walker};
use std::io;
use vfs::ReadAt;

/// Finds the first sound transaction with records that begins in `from_pos..limit_pos`, byte by byte.
///
/// What looks like an unfinished end of a file is one only if nothing sound stands behind it. The test is
/// strong: each record holds the position of its transaction, so the bytes must stand where they say they
/// stand, and the tid must be greater than `last_tid`. A database inside of a record does not pass.
///
/// # Errors
/// When the medium fails.
pub(crate) fn find_sound(
    source: &dyn ReadAt,
    from_pos: u64,
    limit_pos: u64,
    last_tid: Option<Tid>,
) -> io::Result<Option<TransactionHeader>> {
    const STRIDE_LEN: u64 = 1 << 18;
    const OVERLAP_LEN: usize = TransactionHeader::FIXED_LEN - 1;
    let mut window = Window::new(source);
    let mut pos = from_pos;
    while pos < limit_pos {
        let want_len = usize::try_from(STRIDE_LEN.min(limit_pos - pos)).unwrap_or(0) + OVERLAP_LEN;
        let stride = window.bytes(pos, want_len)?;
        let candidates = stride.windows(TransactionHeader::FIXED_LEN).zip(pos..limit_pos);
        for (bytes, candidate_pos) in candidates {
            let Ok(bytes) = bytes.try_into() else { continue };
            let header = TransactionHeader::decode(candidate_pos, bytes);
            if is_plausible(&header, limit_pos, last_tid) && is_sound(source, &header)? {
                return Ok(Some(header));
            }
        }
        pos += STRIDE_LEN;
    }
    Ok(None)
}

/// Whether the header alone could be one; nearly all positions fail here, without another read.
fn is_plausible(header: &TransactionHeader, limit_pos: u64, last_tid: Option<Tid>) -> bool {
    header.len > header.header_len()
        && header.end_pos() <= limit_pos
        && matches!(header.status, Status::Committed | Status::Packed)
        && last_tid.is_none_or(|last| header.tid > last)
}

fn is_sound(source: &dyn ReadAt, header: &TransactionHeader) -> io::Result<bool> {
    let end_pos = header.end_pos();
    let mut walker = Walker::new(header.pos, None, end_pos);
    // A candidate is refused at its first record in nearly all cases, so reads are small here.
    let mut buf = [0; 64];
    while walker.boundary_pos() != Some(end_pos) {
        let (pos, len) = walker.wants();
        let bytes = &mut buf[..len];
        if source.read_full_at(pos, bytes)? < len || walker.accept(bytes, &mut Nothing).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;

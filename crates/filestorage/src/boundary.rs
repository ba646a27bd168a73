use crate::sound_behind::find_sound;
use crate::window::Window;
use crate::{Error, Magic, Nothing, Status, Tid, TransactionHeader, Walker};
use std::io;
use vfs::ReadAt;

/// A position that was found to lie between two transactions, or before the first one.
///
/// Holding one is the proof: a scan can begin here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    pos: u64,
    last: Option<TransactionHeader>,
}

impl Boundary {
    /// The boundary before the first transaction of a file whose magic is right.
    ///
    /// # Errors
    /// Where [`Magic::read`] has one.
    pub fn start(source: &dyn ReadAt) -> Result<Boundary, Error> {
        Magic::read(source)?;
        Ok(Boundary { pos: Magic::LEN, last: None })
    }

    /// The boundary at `pos`, if a sound finished transaction ends just there (or the file begins there).
    ///
    /// A length and its repetition, records that add up and name the transaction's own position: nothing
    /// but a transaction that was written at this very place has all of that.
    ///
    /// # Errors
    /// Where the magic is wrong, or the medium fails.
    pub fn at(source: &dyn ReadAt, pos: u64) -> Result<Option<Boundary>, Error> {
        let start = Boundary::start(source)?;
        if pos == start.pos {
            return Ok(Some(start));
        }
        let Some(header) = transaction_before(source, pos)? else { return Ok(None) };
        let mut walker = Walker::new(header.pos, None, pos);
        let mut window = Window::new(source);
        while walker.boundary_pos() != Some(pos) {
            if !step(&mut walker, &mut window)? {
                return Ok(None);
            }
        }
        Ok(Some(Boundary { pos, last: Some(header) }))
    }

    /// The boundary before the first sound transaction with records that begins at `from_pos` or behind it, to go on
    /// with behind damage. `last` is the last transaction before the damage; what stands between is not known.
    ///
    /// # Errors
    /// When the medium fails.
    pub fn behind(
        source: &dyn ReadAt,
        from_pos: u64,
        last: Option<TransactionHeader>,
    ) -> io::Result<Option<Boundary>> {
        let found = find_sound(source, from_pos, source.len()?, None)?;
        Ok(found.map(|header| Boundary { pos: header.pos, last }))
    }

    /// Where a walk came to between two transactions, the `last` of which it went through.
    pub(crate) fn of_walk(pos: u64, last: Option<TransactionHeader>) -> Boundary {
        Boundary { pos, last }
    }

    /// The position in bytes.
    pub fn pos(&self) -> u64 {
        self.pos
    }

    /// The transaction that ends here, or the last one before damage that ends here; `None` before the first one.
    pub fn last(&self) -> Option<TransactionHeader> {
        self.last
    }

    /// The tid of the transaction that ends here.
    pub fn last_tid(&self) -> Option<Tid> {
        self.last.map(|header| header.tid)
    }
}

/// One step of a walk that only asks whether the structure is sound.
fn step(walker: &mut Walker, window: &mut Window<'_>) -> io::Result<bool> {
    let (pos, len) = walker.wants();
    let bytes = window.bytes(pos, len)?;
    Ok(bytes.len() == len && walker.accept(bytes, &mut Nothing).is_ok())
}

/// The header of the finished transaction that ends at `end_pos`, going backward by its trailer; `None` when
/// none does. The lengths at head and tail agree; the records are not looked at.
///
/// # Errors
/// When the medium fails.
pub fn transaction_before(source: &dyn ReadAt, end_pos: u64) -> Result<Option<TransactionHeader>, Error> {
    let Some(trailer_pos) = end_pos.checked_sub(TransactionHeader::TRAILER_LEN) else { return Ok(None) };
    let mut trailer = [0; 8];
    if source.read_full_at(trailer_pos, &mut trailer)? < trailer.len() {
        return Ok(None);
    }
    let len = u64::from_be_bytes(trailer);
    let pos = match trailer_pos.checked_sub(len) {
        Some(pos) if pos >= Magic::LEN => pos,
        _ => return Ok(None),
    };
    let mut bytes = [0; TransactionHeader::FIXED_LEN];
    if source.read_full_at(pos, &mut bytes)? < bytes.len() {
        return Ok(None);
    }
    let header = TransactionHeader::decode(pos, &bytes);
    let finished = match header.status {
        Status::Voted => false,
        Status::Other(status) => status < 0x80,
        _ => true,
    };
    let sound = finished && header.len == len && header.header_len() <= len;
    Ok(sound.then_some(header))
}

#[cfg(test)]
mod tests;

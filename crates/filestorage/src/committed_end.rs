//! Where the sound transactions of a file end, also while a server is writing to it.
//!
//! A transaction with a final status and a matching trailer never changes again, so whatever was walked
//! over stays. What stops the walk is looked at twice: a live writer may have been caught between two of
//! its writes. Only then it is either the unfinished tail, which is not part of the database, or damage.

use crate::sound_behind::find_sound;
use crate::walker::{Halt, check_trailer};
use crate::window::Window;
use crate::{Boundary, Damage, DamageKind, Error, Tid, TransactionHeader, Visitor, Walker};
use vfs::ReadAt;

/// How often a place is looked at again when it changes under the eyes.
const LOOKS_COUNT: u32 = 100;

/// What the walk found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Behind the last sound transaction: the committed end.
    pub end_pos: u64,
    /// The last transaction before the end, also if it was before the start of the walk; `None` in a
    /// database without transactions.
    pub last: Option<TransactionHeader>,
    /// What stands behind the end.
    pub tail: Option<UnfinishedTail>,
}

impl Extent {
    /// The tid of the last transaction.
    pub fn last_tid(&self) -> Option<Tid> {
        self.last.map(|header| header.tid)
    }
}

/// Bytes behind the committed end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnfinishedTail {
    /// What they look like.
    pub kind: UnfinishedKind,
    /// How many they are.
    pub len: u64,
}

/// What the bytes behind the committed end look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnfinishedKind {
    /// Fewer bytes than a header has.
    ShortHeader,
    /// A header whose transaction reaches over the end of the file.
    Cut,
    /// A transaction that is voted and not finished.
    Voted,
    /// Nothing but zero bytes: the file was extended, its data lost in a power cut.
    Zeros,
    /// A finished status, but the rest of the transaction never reached the disk: its trailer, and with it
    /// the end of the file, is zero. The database does not open before it is repaired.
    NeverWritten,
}

/// Walks from `start` to the committed end of `source`, whose length is taken once, now.
///
/// # Errors
/// [`Error::Damage`] where anything but an unfinished transaction at the very end stops the walk;
/// [`Error::Shrunk`]; the medium's.
pub fn committed_end(
    source: &dyn ReadAt,
    start: Boundary,
    visitor: &mut dyn Visitor,
) -> Result<Extent, Error> {
    Search::new(source, start)?.run(visitor)
}

struct Search<'a> {
    source: &'a dyn ReadAt,
    window: Window<'a>,
    walker: Walker,
    start: Boundary,
    limit_pos: u64,
}

impl<'a> Search<'a> {
    fn new(source: &'a dyn ReadAt, start: Boundary) -> Result<Search<'a>, Error> {
        let limit_pos = source.len()?;
        if limit_pos < start.pos() {
            return Err(Error::Shrunk { pos: start.pos(), end_pos: limit_pos });
        }
        let walker = Walker::new(start.pos(), start.last_tid(), limit_pos);
        Ok(Search { source, window: Window::new(source), walker, start, limit_pos })
    }

    fn run(mut self, visitor: &mut dyn Visitor) -> Result<Extent, Error> {
        let mut looks_count = 0;
        loop {
            let pos = self.walk_to_halt(visitor)?;
            if pos == self.limit_pos {
                return Ok(self.extent(pos, None));
            }
            // The second look is at the file as it is now, not at what the window remembers.
            self.window.forget();
            looks_count += 1;
            match self.look_at(pos)? {
                Look::GoesOn => {}
                Look::Tail(_) if looks_count == 1 => {}
                Look::Tail(kind) => return Ok(self.extent(pos, Some(kind))),
                Look::Changing if looks_count < LOOKS_COUNT => {}
                Look::Broken(damage) | Look::Behind(damage) => return Err(damage.into()),
                Look::Changing => {
                    let kind = DamageKind::Unfinished { limit_pos: self.limit_pos };
                    return Err(Damage { transaction_pos: pos, pos, kind }.into());
                }
            }
        }
    }

    /// Walks whole transactions, up to the limit or to the first one that cannot be walked.
    fn walk_to_halt(&mut self, visitor: &mut dyn Visitor) -> Result<u64, Error> {
        loop {
            let (pos, len) = self.walker.wants();
            if len == 0 {
                return Ok(pos);
            }
            // The trailer first: so no visitor sees a record of a transaction that is not all there.
            if self.inspect(pos)?.is_err() {
                return Ok(pos);
            }
            if let Err(halt) = self.walk_transaction(visitor)? {
                return Err(broken(halt, pos, self.limit_pos).into());
            }
        }
    }

    /// Header and trailer of the transaction at `pos`.
    fn inspect(&mut self, pos: u64) -> Result<Result<TransactionHeader, Halt>, Error> {
        let rest_len = self.limit_pos - pos;
        let fixed_len = TransactionHeader::FIXED_LEN;
        let want_len = usize::try_from(rest_len).unwrap_or(fixed_len).min(fixed_len);
        let bytes = self.window.bytes(pos, want_len)?;
        let mut peek = Walker::new(pos, None, self.limit_pos);
        if let Err(halt) = peek.accept(bytes, &mut crate::Nothing) {
            return Ok(Err(halt));
        }
        let Ok(bytes) = bytes.try_into() else { return Ok(Err(Halt::ShortHeader)) };
        let header = TransactionHeader::decode(pos, bytes);
        let trailer = self.window.bytes(header.trailer_pos(), 8)?;
        if trailer.len() < 8 {
            return Err(Error::Shrunk { pos, end_pos: self.source.len()? });
        }
        Ok(check_trailer(&header, trailer).map(|()| header))
    }

    fn walk_transaction(&mut self, visitor: &mut dyn Visitor) -> Result<Result<(), Halt>, Error> {
        let (transaction_pos, _) = self.walker.wants();
        loop {
            let (pos, len) = self.walker.wants();
            let bytes = self.window.bytes(pos, len)?;
            if bytes.len() < len {
                return Err(Error::Shrunk { pos: transaction_pos, end_pos: self.source.len()? });
            }
            if let Err(halt) = self.walker.accept(bytes, visitor) {
                return Ok(Err(halt));
            }
            if self.walker.boundary_pos().is_some() {
                return Ok(Ok(()));
            }
        }
    }

    /// What stands at `pos`, read afresh.
    fn look_at(&mut self, pos: u64) -> Result<Look, Error> {
        // An abort cuts its voted transaction off again: what is gone was never part of the database.
        self.shrink_limit(pos)?;
        let halt = match self.inspect(pos)? {
            Ok(_) => return Ok(Look::GoesOn),
            Err(halt) => halt,
        };
        match halt {
            Halt::ShortHeader => Ok(Look::Tail(UnfinishedKind::ShortHeader)),
            Halt::Cut(header) => self.look_behind(&header, UnfinishedKind::Cut),
            Halt::Voted(header) => self.look_behind(&header, UnfinishedKind::Voted),
            Halt::Broken(damage) => self.look_at_broken(pos, damage),
        }
    }

    fn look_behind(&mut self, seen: &TransactionHeader, kind: UnfinishedKind) -> Result<Look, Error> {
        let found = find_sound(self.source, seen.pos + 1, self.limit_pos, self.walker.last_tid())?;
        let Some(next) = found else { return Ok(Look::Tail(kind)) };
        // A live writer may have aborted the one and committed others in its place meanwhile.
        let mut bytes = [0; TransactionHeader::FIXED_LEN];
        self.source.read_exact_at(seen.pos, &mut bytes)?;
        if TransactionHeader::decode(seen.pos, &bytes) != *seen {
            self.window.forget();
            return Ok(Look::Changing);
        }
        let kind = DamageKind::SoundBehind { next_pos: next.pos, next_tid: next.tid };
        Ok(Look::Behind(Damage { transaction_pos: seen.pos, pos: seen.pos, kind }))
    }

    fn look_at_broken(&self, pos: u64, damage: Damage) -> Result<Look, Error> {
        let zeros_pos = match damage.kind {
            DamageKind::Trailer { tail_len: 0, .. } => Some((damage.pos, UnfinishedKind::NeverWritten)),
            DamageKind::LengthTooSmall { .. } => Some((pos, UnfinishedKind::Zeros)),
            _ => None,
        };
        if let Some((zeros_pos, kind)) = zeros_pos
            && self.only_zeros_from(zeros_pos)?
        {
            return Ok(Look::Tail(kind));
        }
        Ok(Look::Broken(damage))
    }

    fn only_zeros_from(&self, mut pos: u64) -> Result<bool, Error> {
        let mut buf = vec![0; 1 << 16];
        while pos < self.limit_pos {
            let want_len = usize::try_from(self.limit_pos - pos).unwrap_or(buf.len()).min(buf.len());
            let read_len = self.source.read_full_at(pos, &mut buf[..want_len])?;
            if buf[..read_len].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            if read_len < want_len {
                break;
            }
            pos += read_len as u64;
        }
        Ok(true)
    }

    fn shrink_limit(&mut self, pos: u64) -> Result<(), Error> {
        let len = self.source.len()?;
        if len < pos {
            return Err(Error::Shrunk { pos, end_pos: len });
        }
        if len < self.limit_pos {
            self.limit_pos = len;
            self.walker = Walker::new(pos, self.walker.last_tid(), len).after(self.walker.last());
        }
        Ok(())
    }

    fn extent(&self, end_pos: u64, kind: Option<UnfinishedKind>) -> Extent {
        let tail = kind.map(|kind| UnfinishedTail { kind, len: self.limit_pos - end_pos });
        Extent { end_pos, last: self.walker.last().or(self.start.last()), tail }
    }
}

enum Look {
    GoesOn,
    Changing,
    Tail(UnfinishedKind),
    Broken(Damage),
    Behind(Damage),
}

fn broken(halt: Halt, pos: u64, limit_pos: u64) -> Damage {
    match halt {
        Halt::Broken(damage) => damage,
        _ => Damage { transaction_pos: pos, pos, kind: DamageKind::Unfinished { limit_pos } },
    }
}

#[cfg(test)]
mod live_tests;
#[cfg(test)]
mod tests;

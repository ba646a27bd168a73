//! A walk along a file that somebody may be writing to, step by step.

use crate::sound_behind::find_sound;
use crate::walker::{Halt, check_trailer};
use crate::window::Window;
use crate::{
    Boundary, Damage, DamageKind, Error, Extent, Nothing, Problem, RecordData, RecordHeader,
    TransactionHeader, UnfinishedKind, UnfinishedTail, Visitor, Walker,
};
use std::collections::VecDeque;
use vfs::ReadAt;

/// How often a place is looked at again when it changes under the eyes.
const LOOKS_COUNT: u32 = 100;

/// How much of a transaction is held back; a longer one is walked twice.
const HELD_COUNT: usize = 1024;

/// What a scan meets, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A transaction begins; it is all there, with its trailer.
    Transaction(TransactionHeader),
    /// A data record of it. Records of undone transactions are not met.
    Record(RecordHeader, RecordData),
    /// Something is wrong that does not stop the scan.
    Problem(Problem),
    /// The transaction was walked to its end.
    Finished(TransactionHeader),
    /// The committed end.
    End(Extent),
}

/// A walk to the committed end, step by step, also while a server is writing.
pub struct Scan<'a> {
    source: &'a dyn ReadAt,
    window: Window<'a>,
    walker: Walker,
    start: Boundary,
    limit_pos: u64,
    looks_count: u32,
    met: Met,
    /// Whether a transaction is walked to its end before anything of it is met.
    is_careful: bool,
    /// The transaction of which what was seen is held back, since its end was not seen yet.
    held_pos: Option<u64>,
}

/// What the walker saw and nobody took yet.
#[derive(Default)]
struct Met(VecDeque<Step>);

impl Visitor for Met {
    fn transaction(&mut self, header: &TransactionHeader) {
        self.0.push_back(Step::Transaction(*header));
    }

    fn record(&mut self, header: &RecordHeader, data: RecordData) {
        self.0.push_back(Step::Record(*header, data));
    }

    fn problem(&mut self, problem: Problem) {
        self.0.push_back(Step::Problem(problem));
    }
}

impl<'a> Scan<'a> {
    /// A scan from `start` over as much as `source` has now.
    ///
    /// # Errors
    /// [`Error::Shrunk`] when that is less than `start`; the medium's.
    pub fn new(source: &'a dyn ReadAt, start: Boundary) -> Result<Scan<'a>, Error> {
        let limit_pos = source.len()?;
        if limit_pos < start.pos() {
            return Err(Error::Shrunk { pos: start.pos(), end_pos: limit_pos });
        }
        let walker = Walker::new(start.pos(), start.last_tid(), limit_pos);
        let (window, met) = (Window::new(source), Met::default());
        Ok(Scan {
            source,
            window,
            walker,
            start,
            limit_pos,
            looks_count: 0,
            met,
            is_careful: false,
            held_pos: None,
        })
    }

    /// The same, and of a transaction that is broken nothing is met, as if it were not there.
    pub fn careful(self) -> Scan<'a> {
        Scan { is_careful: true, ..self }
    }

    /// The next thing that is met. Behind [`Step::End`] and behind an error there is none.
    ///
    /// # Errors
    /// [`Error::Damage`] where anything but an unfinished transaction at the very end stops the walk;
    /// [`Error::Shrunk`]; the medium's.
    pub fn step(&mut self) -> Result<Step, Error> {
        loop {
            if self.held_pos.is_none()
                && let Some(step) = self.met.0.pop_front()
            {
                return Ok(step);
            }
            let (pos, len) = self.walker.wants();
            if self.walker.boundary_pos().is_none() {
                self.walk_on(pos, len)?;
            } else if len == 0 {
                return Ok(Step::End(self.extent(pos, None)));
            } else if self.inspect(pos)?.is_ok() {
                // The trailer first: so nobody sees a record of a transaction that is not all there.
                self.held_pos = self.is_careful.then_some(pos);
                self.walk_on(pos, len)?;
            } else if let Some(kind) = self.look_again(pos)? {
                return Ok(Step::End(self.extent(pos, Some(kind))));
            }
        }
    }

    /// The last transaction that was walked to its end, or the one before the start.
    pub fn last(&self) -> Option<TransactionHeader> {
        self.walker.last().or(self.start.last())
    }

    /// The boundary behind the transaction whose end was met last; `None` inside of one.
    pub fn boundary(&self) -> Option<Boundary> {
        let pos = self.walker.boundary_pos().filter(|_| self.met.0.is_empty())?;
        Some(Boundary::of_walk(pos, self.last()))
    }

    /// The `len` bytes from `pos` on, or fewer where the source ends; near what was met last they cost no read.
    ///
    /// # Errors
    /// The medium's.
    pub fn bytes(&mut self, pos: u64, len: usize) -> std::io::Result<&[u8]> {
        self.window.bytes(pos, len)
    }

    fn walk_on(&mut self, pos: u64, len: usize) -> Result<(), Error> {
        let transaction_pos = self.walker.transaction_pos();
        // What is met of it will be asked for.
        let bytes = match self.held_pos {
            Some(held_pos) => self.window.bytes_keeping(held_pos, pos, len)?,
            None => self.window.bytes(pos, len)?,
        };
        if bytes.len() < len {
            return Err(Error::Shrunk { pos: transaction_pos, end_pos: self.source.len()? });
        }
        if let Err(halt) = self.walker.accept(bytes, &mut self.met) {
            return Err(broken(halt, transaction_pos, self.limit_pos).into());
        }
        if let (Some(_), Some(last)) = (self.walker.boundary_pos(), self.walker.last()) {
            self.met.0.push_back(Step::Finished(last));
            self.held_pos = None;
        } else if let Some(held_pos) = self.held_pos.take_if(|_| self.met.0.len() >= HELD_COUNT) {
            self.walk_ahead(held_pos)?;
        }
        Ok(())
    }

    /// Walks the transaction at `transaction_pos` to its end, and nobody sees it.
    fn walk_ahead(&mut self, transaction_pos: u64) -> Result<(), Error> {
        let mut ahead = Walker::new(transaction_pos, None, self.limit_pos);
        while ahead.last().is_none() {
            let (pos, len) = ahead.wants();
            let bytes = self.window.bytes_keeping(transaction_pos, pos, len)?;
            if bytes.len() < len {
                return Err(Error::Shrunk { pos: transaction_pos, end_pos: self.source.len()? });
            }
            if let Err(halt) = ahead.accept(bytes, &mut Nothing) {
                return Err(broken(halt, transaction_pos, self.limit_pos).into());
            }
        }
        Ok(())
    }

    /// What stops the walk at `pos`, if it is an unfinished tail; nothing if the walk can go on.
    fn look_again(&mut self, pos: u64) -> Result<Option<UnfinishedKind>, Error> {
        // The second look is at the file as it is now, not at what the window remembers.
        self.window.forget();
        self.looks_count += 1;
        match self.look_at(pos)? {
            Look::GoesOn => Ok(None),
            Look::Tail(_) if self.looks_count == 1 => Ok(None),
            Look::Tail(kind) => Ok(Some(kind)),
            Look::Changing if self.looks_count < LOOKS_COUNT => Ok(None),
            Look::Broken(damage) | Look::Behind(damage) => Err(damage.into()),
            Look::Changing => {
                let kind = DamageKind::Unfinished { limit_pos: self.limit_pos };
                Err(Damage { transaction_pos: pos, pos, kind }.into())
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
        let mut trailer = [0; 8];
        if self.window.peek(header.trailer_pos(), &mut trailer)? < trailer.len() {
            return Err(Error::Shrunk { pos, end_pos: self.source.len()? });
        }
        Ok(check_trailer(&header, &trailer).map(|()| header))
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
        Extent { end_pos, last: self.last(), tail }
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
mod tests;

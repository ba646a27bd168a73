//! A scan that goes on behind damage. What is in a broken transaction is lost as a whole.

use crate::Error;
use crate::spans::{Span, Spans};
use filestorage::{Boundary, Damage, Extent, Scan, Step};
use std::fmt;
use vfs::ReadAt;

/// Bytes that belong to no transaction that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostSpan {
    /// Where it begins.
    pub pos: u64,
    /// Where the next sound transaction begins, or the file ends.
    pub end_pos: u64,
    /// Why it cannot be read.
    pub cause: Cause,
}

impl LostSpan {
    /// How many bytes it has, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "no span is empty")]
    pub fn len(&self) -> u64 {
        self.end_pos - self.pos
    }
}

impl fmt::Display for LostSpan {
    /// `N bytes from @POS to @POS`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from @{} to @{}", self.len(), self.pos, self.end_pos)
    }
}

/// Why bytes cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The file does not begin with a magic that is known, but with these bytes.
    Magic(Vec<u8>),
    /// The structure is broken.
    Damage(Damage),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Magic(found) => {
                write!(f, "it begins with \"{}\", not with FS30 or FS21", found.escape_ascii())
            }
            Cause::Damage(damage) => damage.fmt(f),
        }
    }
}

/// What a sweep meets.
pub(crate) enum Met {
    Step(Step),
    Lost(LostSpan),
    /// The end, and what is known of it; nothing where the last bytes are lost.
    End(Option<Extent>),
}

pub(crate) struct Sweep<'a> {
    source: &'a dyn ReadAt,
    scan: Option<Scan<'a>>,
    lost: Option<LostSpan>,
    spans: Spans,
}

impl<'a> Sweep<'a> {
    /// A sweep over all of `source`.
    ///
    /// # Errors
    /// Where nothing in it looks like a database; the medium's.
    pub(crate) fn new(source: &'a dyn ReadAt) -> Result<Sweep<'a>, Error> {
        let (start, lost) = match Boundary::start(source) {
            Ok(start) => (start, None),
            Err(filestorage::Error::Magic { found }) => {
                let Some(start) = Boundary::behind(source, 0, None)? else {
                    return Err(filestorage::Error::Magic { found }.into());
                };
                (start, Some(LostSpan { pos: 0, end_pos: start.pos(), cause: Cause::Magic(found) }))
            }
            Err(error) => return Err(error.into()),
        };
        let scan = Scan::new(source, start)?.careful();
        Ok(Sweep { source, scan: Some(scan), lost, spans: Spans::from(start) })
    }

    /// A sweep over what `head` has from `start` on, of which another one found that it is sound.
    ///
    /// # Errors
    /// The medium's.
    pub(crate) fn again(head: &'a dyn ReadAt, start: Boundary) -> Result<Sweep<'a>, Error> {
        let scan = Scan::new(head, start)?;
        Ok(Sweep { source: head, scan: Some(scan), lost: None, spans: Spans::from(start) })
    }

    /// The next thing that is met.
    ///
    /// # Errors
    /// The medium's.
    pub(crate) fn step(&mut self) -> Result<Met, Error> {
        if let Some(lost) = self.lost.take() {
            return Ok(Met::Lost(lost));
        }
        let Some(scan) = &mut self.scan else { return Ok(Met::End(None)) };
        match scan.step() {
            Ok(Step::End(extent)) => Ok(Met::End(Some(extent))),
            Ok(step) => {
                if let Step::Finished(_) = step {
                    self.spans.reach(scan.boundary());
                }
                Ok(Met::Step(step))
            }
            Err(filestorage::Error::Damage(damage)) => self.go_on_behind(damage).map(Met::Lost),
            Err(error) => Err(error.into()),
        }
    }

    fn go_on_behind(&mut self, damage: Damage) -> Result<LostSpan, Error> {
        let pos = damage.transaction_pos;
        let last = self.scan.as_ref().and_then(Scan::last);
        let next = Boundary::behind(self.source, pos + 1, last)?;
        self.scan = next.map(|next| Scan::new(self.source, next).map(Scan::careful)).transpose()?;
        self.spans.go_on_at(next);
        let end_pos = match next {
            Some(next) => next.pos(),
            None => self.source.len()?,
        };
        Ok(LostSpan { pos, end_pos, cause: Cause::Damage(damage) })
    }

    /// What was met so far, without what is lost.
    pub(crate) fn into_spans(self) -> Vec<Span> {
        self.spans.into_all()
    }

    /// The `len` bytes from `pos` on; near what was met last they cost no read.
    ///
    /// # Errors
    /// The medium's; also where they are not all there.
    pub(crate) fn bytes(&mut self, pos: u64, len: usize) -> Result<&[u8], Error> {
        let bytes = match &mut self.scan {
            Some(scan) => scan.bytes(pos, len)?,
            None => &[],
        };
        if bytes.len() < len {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        Ok(bytes)
    }
}

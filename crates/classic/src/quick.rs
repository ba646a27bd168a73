//! The quick comparison: does the source still begin with what is backed up, seen from a few places?
//!
//! A pack that changes a file makes what stands before its time shorter, and gives every transaction there another
//! status, so the last transaction that is backed up is then elsewhere or another one; one byte by byte equal at the
//! same place says that there was none. `docs/adr/0002-quick-comparison.md` has the whole argument, and what it
//! leaves to the places chosen at random.

use crate::compare::{Comparing, check_quick_len};
use crate::copy::pump;
use crate::part::{PartStream, QuickLen};
use crate::plan::Compared;
use crate::sample::{self, Place};
use crate::source::Source;
use crate::{ChainReader, Context, Error, Event, Part, Phase, Repository};
use filestorage::{Magic, transaction_before};
use std::time::UNIX_EPOCH;

/// A last part no longer than this is read and summed whole, as Python's repozo does with every one.
const SUMMED_LEN: u64 = 8 << 20;

/// What a quick comparison goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QuickCheck {
    /// The sum of a short last part, and places of all parts byte by byte.
    #[default]
    Places,
    /// The sum of the last part, however long it is: what Python's repozo does.
    Sum,
}

/// Compares the source with the parts of a chain, without reading all of them.
///
/// # Errors
/// When the source cannot be read.
pub(crate) fn compare(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    source: &Source,
    parts: &[Part],
    check: QuickCheck,
) -> Result<Comparing, Error> {
    let Some(last) = parts.iter().rfind(|part| !part.is_empty()) else {
        return Ok(Comparing::ended(Compared::Different, parts));
    };
    match readable_parts(ctx, repository, parts) {
        Ok(readable) => Quick { ctx, repository, source, parts, readable, last, check }.compare(),
        Err(error) => Ok(Comparing::damaged(error, parts)),
    }
}

/// The parts of which any place can be read: all but the compressed ones that are not blocks.
///
/// # Errors
/// When a file has not the length that its line promises.
fn readable_parts(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    parts: &[Part],
) -> Result<Vec<Part>, Error> {
    let mut readable = Vec::new();
    for part in parts {
        match check_quick_len(ctx, repository, part)? {
            QuickLen::Exact(_) => readable.push(*part),
            QuickLen::Gzip(_) => {}
        }
    }
    Ok(readable)
}

struct Quick<'a> {
    ctx: &'a Context<'a>,
    repository: &'a Repository<'a>,
    source: &'a Source,
    parts: &'a [Part],
    /// Those of which any place can be read.
    readable: Vec<Part>,
    /// The last part that is not empty.
    last: &'a Part,
    check: QuickCheck,
}

impl Quick<'_> {
    fn compare(&self) -> Result<Comparing, Error> {
        let Quick { source, parts, .. } = self;
        if source.len < self.last.end_pos {
            return Ok(Comparing::ended(Compared::Shorter, parts));
        }
        match self.compare_content()? {
            Content::Equal => Comparing::equal(source, parts.to_vec()),
            Content::Different => Ok(Comparing::ended(Compared::Different, parts)),
            Content::Damaged(error) => Ok(Comparing::damaged(error, parts)),
        }
    }

    fn compare_content(&self) -> Result<Content, Error> {
        let mut magic = [0; 4];
        self.source.read_exact(0, &mut magic)?;
        match self.magic_of_full() {
            Ok(of_full) if of_full == magic => {}
            Ok(_) => return Ok(Content::Different),
            // Not another database: a backup that cannot be read.
            Err(error) => return Ok(Content::Damaged(error)),
        }
        if self.is_summed() && !self.last_sum_agrees()? || !self.begin_at_boundaries()? {
            return Ok(Content::Different);
        }
        match self.check {
            QuickCheck::Sum => Ok(Content::Equal),
            QuickCheck::Places => self.compare_places(),
        }
    }

    /// Whether the last part is read and summed whole.
    fn is_summed(&self) -> bool {
        self.check == QuickCheck::Sum || self.last.len() <= SUMMED_LEN || !self.readable.contains(self.last)
    }

    /// The sum of the last part against the same bytes of the source.
    fn last_sum_agrees(&self) -> Result<bool, Error> {
        let Quick { ctx, source, .. } = self;
        let Part { start_pos, end_pos, sum, .. } = *self.last;
        ctx.tell(&Event::Began { phase: Phase::Comparing, total_len: Some(self.last.len()) });
        let (_, source_sum) = pump(source.pieces(ctx, start_pos, end_pos), |piece| {
            ctx.tell(&Event::Advanced(piece.len() as u64));
            Ok(())
        })?;
        ctx.tell(&Event::Ended);
        let path = &self.repository.path_of(self.last.name);
        ctx.tell(&Event::ComparedLast { path, start_pos, end_pos, sum, source_sum });
        Ok(source_sum == sum)
    }

    /// Whether a transaction of the source ends where each part begins, as far as its length tells, which stands at
    /// both of its ends. Behind an increment of no bytes Python's repozo compares nothing, and may have gone on with
    /// another database: of that, hardly any transaction ends there.
    fn begin_at_boundaries(&self) -> Result<bool, Error> {
        for part in self.parts.iter().filter(|part| part.start_pos > Magic::LEN && !part.is_empty()) {
            if self.transaction_before(part.start_pos)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn transaction_before(&self, pos: u64) -> Result<Option<filestorage::TransactionHeader>, Error> {
        transaction_before(self.source.bytes(), pos).map_err(|error| self.source.error(error))
    }

    /// The first bytes of the chain. A conversion for Python 3 writes them anew, in place.
    fn magic_of_full(&self) -> Result<[u8; 4], Error> {
        let mut magic = [0; 4];
        if let Some(full) = self.parts.first() {
            PartStream::open(self.ctx.fs, self.repository, full.name)?.read_full(&mut magic)?;
        }
        Ok(magic)
    }

    /// Places of the source against the same ones of the backups, byte by byte.
    fn compare_places(&self) -> Result<Content, Error> {
        let Quick { ctx, source, parts, .. } = self;
        let end_pos = self.last.end_pos;
        let last_pos = self.transaction_before(end_pos)?.map_or(Magic::LEN, |last| last.pos);
        let reader = ChainReader::new(ctx.fs, self.repository, parts);
        let (mut ours, mut theirs) = (vec![0; sample::BLOCK_LEN], vec![0; sample::BLOCK_LEN]);
        let (mut looked_len, mut differs) = (0, None);
        let places = sample::places(end_pos, last_pos, self.seed());
        for piece in places.iter().flat_map(|place| self.readable_pieces(*place)) {
            ctx.interrupt.check()?;
            let (ours, theirs) = (&mut ours[..piece.buf_len()], &mut theirs[..piece.buf_len()]);
            source.read_exact(piece.pos, ours)?;
            if let Err(error) = read_backups(&reader, piece.pos, theirs) {
                return Ok(Content::Damaged(error));
            }
            looked_len += piece.len;
            if ours != theirs {
                differs = Some(piece.pos);
                break;
            }
        }
        if differs.is_some() || !self.is_summed() {
            let (path, sum) = (&self.repository.path_of(self.last.name), self.last.sum);
            ctx.tell(&Event::ComparedPlaces { path, sum, looked_len, end_pos, differs_pos: differs });
        }
        differs.map_or(Ok(Content::Equal), |pos| self.whose_fault(pos))
    }

    /// What of a place can be read from the backups without decompressing all that stands before it.
    fn readable_pieces(&self, place: Place) -> Vec<Place> {
        self.readable.iter().filter_map(|part| place.within(part.start_pos, part.end_pos)).collect()
    }

    /// Two files differ at `pos`: if the source's bytes of that part have the sum that was noted when it was backed
    /// up, the backup is damaged; else the source is another one.
    fn whose_fault(&self, pos: u64) -> Result<Content, Error> {
        let Quick { ctx, repository, source, parts, .. } = self;
        let Some(part) = parts.iter().find(|part| part.start_pos <= pos && pos < part.end_pos) else {
            return Ok(Content::Different);
        };
        let (_, source_sum) = pump(source.pieces(ctx, part.start_pos, part.end_pos), |_| Ok(()))?;
        if source_sum != part.sum {
            return Ok(Content::Different);
        }
        let path = repository.path_of(part.name);
        match PartStream::open(ctx.fs, repository, part.name).and_then(|stream| stream.sum(ctx)) {
            Err(error @ Error::Interrupted { .. }) => Err(error),
            Err(error) => Ok(Content::Damaged(error)),
            Ok((_, found)) => Ok(Content::Damaged(Error::Checksum {
                path,
                found,
                expected: part.sum,
                gzip: part.name.gzip,
            })),
        }
    }

    /// Another one each time, so that after some runs every place was looked at.
    fn seed(&self) -> u64 {
        let now = self.ctx.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_secs() ^ u64::from(now.subsec_nanos()) << 32 ^ self.last.end_pos
    }
}

/// What the content says.
enum Content {
    Equal,
    Different,
    Damaged(Error),
}

fn read_backups(reader: &ChainReader<'_>, pos: u64, buf: &mut [u8]) -> Result<(), Error> {
    let mut done_len = 0;
    while done_len < buf.len() {
        match reader.read(pos + done_len as u64, &mut buf[done_len..])? {
            // The lengths were looked at: a file that became shorter since is found by the sum.
            0 => return Ok(()),
            read_len => done_len += read_len,
        }
    }
    Ok(())
}

use crate::content::{Content, own_position};
use crate::copy::{buffer_for, pump};
use crate::part::PartStream;
use crate::selection::{Piece, Selection, Trust};
use crate::sum::Summing;
use crate::{Context, Error, Event, Fault, Phase, Repository, Sum};
use filestorage::{Boundary, Index};
use std::path::PathBuf;

/// The pieces of a state on their way into one file.
pub(crate) struct Joining<'a> {
    pub(crate) ctx: &'a Context<'a>,
    pub(crate) repository: &'a Repository<'a>,
    pub(crate) selection: &'a Selection,
    /// Check size and sum of every piece.
    pub(crate) with_verify: bool,
    /// Make the sum of all bytes that the verbose line shows.
    pub(crate) tell_sum: bool,
    /// Where the state ends, if not with the last piece; within that.
    pub(crate) cut_pos: Option<u64>,
    /// Where the first piece begins, if it is not the first of the state.
    pub(crate) behind: Option<Boundary>,
}

/// What was joined.
pub(crate) struct Joined {
    /// How long the database is with it.
    pub(crate) len: u64,
    /// The index of what was joined alone, when it was sound.
    pub(crate) index: Option<Index>,
    /// Why it is no sound FileStorage, if it is not.
    pub(crate) unsound: Option<String>,
}

/// Of bytes that stand at `pos` those before the cut.
fn head(bytes: &[u8], cut_pos: Option<u64>, pos: u64) -> &[u8] {
    let rest_len = cut_pos.map_or(u64::MAX, |cut_pos| cut_pos.saturating_sub(pos));
    &bytes[..usize::try_from(rest_len).unwrap_or(usize::MAX).min(bytes.len())]
}

impl Joining<'_> {
    /// Joins the pieces, checking each against what is known of it.
    pub(crate) fn join(&self, append: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<Joined, Error> {
        let total_len = self.selection.total_len();
        self.ctx.tell(&Event::Began { phase: Phase::Recovering, total_len });
        let start_pos = self.behind.map_or(0, |boundary| boundary.pos());
        let wanted_pos = self.cut_pos.or(total_len.map(|len| start_pos + len));
        let mut content = match self.behind {
            Some(boundary) => Content::behind(boundary, wanted_pos.unwrap_or(u64::MAX)),
            None => Content::new(wanted_pos),
        };
        let mut all = self.tell_sum.then(Summing::default);
        let mut end_pos = start_pos;
        for piece in &self.selection.pieces {
            let start_pos = end_pos;
            end_pos += self.join_piece(piece, &mut |bytes| {
                if piece.len.is_none() {
                    self.check_junction(piece, start_pos, content.seen_len(), bytes)?;
                }
                // What stands behind the cut is summed and not joined.
                let bytes = head(bytes, self.cut_pos, content.seen_len());
                content.see(bytes);
                if let Some(all) = &mut all {
                    all.add(bytes);
                }
                append(bytes)
            })?;
        }
        self.ctx.tell(&Event::Ended);
        let len = content.seen_len();
        self.ctx.tell(&Event::Recovered { len, sum: all.map(Summing::finish) });
        let (has_magic, is_doubtful) = (content.has_magic(), content.is_doubtful());
        let (index, unsound) = content.judge(len);
        if let Some(reason) = &unsound {
            self.check_unlisted(has_magic, reason)?;
        }
        if (unsound.is_some() || is_doubtful) && !self.with_verify {
            self.check_sums()?;
        }
        Ok(Joined { len, index, unsound })
    }

    /// Files that no list vouches for have to vouch for themselves. Only where there never was a list, and
    /// nothing like a database, it is somebody's own use of the format.
    fn check_unlisted(&self, has_magic: bool, reason: &str) -> Result<(), Error> {
        let selection = self.selection;
        if selection.trust == Trust::Listed || selection.trust == Trust::NoListAtAll && !has_magic {
            return Ok(());
        }
        let (path, dat) =
            (self.repository.path_of(selection.full), self.repository.dat_path(selection.full.stamp));
        Err(Error::UnlistedUnsound { path, dat, reason: reason.to_owned() })
    }

    /// What is not sound, or strange, was perhaps never otherwise: but if a sum is wrong, it is these backups that
    /// are damaged.
    fn check_sums(&self) -> Result<(), Error> {
        for piece in self.selection.pieces.iter().filter(|piece| piece.sum.is_some()) {
            let stream = PartStream::open(self.ctx.fs, self.repository, piece.name)?;
            let (len, sum) = stream.sum_within(self.ctx, piece.len.unwrap_or(u64::MAX))?;
            self.check_piece(piece, self.repository.path_of(piece.name), len, Some(sum))?;
        }
        Ok(())
    }

    /// Without a line, the first record of an incremental tells where it belongs; what is no transaction tells
    /// nothing and is joined.
    fn check_junction(&self, piece: &Piece, start_pos: u64, pos: u64, bytes: &[u8]) -> Result<(), Error> {
        let expected_pos = start_pos;
        let at_start = pos == start_pos && !piece.name.is_full();
        let Some(own_pos) = own_position(bytes).filter(|own_pos| at_start && *own_pos != expected_pos) else {
            return Ok(());
        };
        let (name, dat) = (piece.name, self.repository.dat_path(self.selection.full.stamp));
        let fault = if own_pos > expected_pos {
            Fault::Hole { name, expected_pos, start_pos: own_pos }
        } else {
            Fault::Overlap { name, expected_pos, start_pos: own_pos }
        };
        Err(Error::Chain { dat, fault })
    }

    fn join_piece(
        &self,
        piece: &Piece,
        append: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let (ctx, path) = (self.ctx, self.repository.path_of(piece.name));
        let mut stream = PartStream::open(ctx.fs, self.repository, piece.name)?;
        let mut len = 0;
        let expected_len = piece.len.unwrap_or(u64::MAX);
        let mut next = |buf: &mut [u8]| {
            ctx.interrupt.check()?;
            let read_len = stream.read_full(buf)?;
            len += read_len as u64;
            // A file that holds more than was promised is stopped before the disk is full of it.
            if len > expected_len {
                return Err(Error::size(path.clone(), piece.name, len, expected_len));
            }
            Ok(read_len)
        };
        let mut each = |bytes: &[u8]| {
            ctx.tell(&Event::Advanced(bytes.len() as u64));
            append(bytes)
        };
        let sum = if self.with_verify {
            Some(pump(next, each)?.1)
        } else {
            let mut buf = buffer_for(expected_len);
            loop {
                match next(&mut buf)? {
                    0 => break None,
                    read_len => each(&buf[..read_len])?,
                }
            }
        };
        self.check_piece(piece, path, len, sum)?;
        Ok(len)
    }

    fn check_piece(&self, piece: &Piece, path: PathBuf, len: u64, sum: Option<Sum>) -> Result<(), Error> {
        if let Some(expected_len) = piece.len
            && len != expected_len
        {
            return Err(Error::size(path, piece.name, len, expected_len));
        }
        match (sum, piece.sum) {
            (Some(found), Some(expected)) if found != expected => {
                Err(Error::Checksum { path, found, expected, gzip: piece.name.gzip })
            }
            (Some(sum), _) if self.with_verify => {
                self.ctx.tell(&Event::RecoveredChunk { path: &path, len, sum });
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

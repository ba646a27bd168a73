//! Recovering a database. The target is at every moment the old database or the complete new one:
//!
//! | step | a crash leaves | healed by |
//! |---|---|---|
//! | draft of the database, synced | the old database, a draft | the next recovery removes drafts |
//! | draft of the index, synced | the same | the same |
//! | the old index removed, directory synced | the old database without its index, which ZODB makes anew | |
//! | the database under its name (**the commit point**) | the new database without an index | |
//! | the index under its name | the new database with its index | |

use crate::content::{Content, check_index, own_position};
use crate::copy::{buffer_for, pump};
use crate::part::{PartStream, QuickLen};
use crate::place::Place;
use crate::reconcile::wait_for_a_line;
use crate::repository::Survey;
use crate::selection::{Piece, Selection, Trust, select};
use crate::sum::Summing;
use crate::{Context, Error, Event, Fault, Limit, Notice, Phase, Repository, Stamp, Sum};
use filestorage::Index;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use vfs::publish::{self, Draft, Finished, parent_dir};
use vfs::{Access, Grant, Lock, LockKind, Op};

/// What a recovery is asked to do.
#[derive(Debug, Clone)]
pub struct RecoverRequest {
    /// The repository, as it was given.
    pub repository: PathBuf,
    /// The state of which moment, as it was given; the newest without it.
    pub date: Option<String>,
    /// Check size and sum of every file, and the index.
    pub with_verify: bool,
    /// Make the sum of all bytes that the verbose line shows.
    pub tell_sum: bool,
}

/// Where the database goes.
pub enum Target<'a> {
    /// Into a stream, without an index.
    Stream(&'a mut dyn Write),
    /// Into a file, which may be a live database's name; the index beside it.
    File(&'a Path),
}

/// Recovers the database as it was backed up at or before the limit.
///
/// # Errors
/// Whatever kept it from being complete. A target file is then as it was before; what went into a stream is
/// not the database.
pub fn recover(ctx: &Context<'_>, request: &RecoverRequest, target: Target<'_>) -> Result<(), Error> {
    let repository = Repository::open(ctx.fs, &request.repository)?;
    let mut survey = repository.survey()?;
    let limit = survey.limit(request.date.as_deref())?;
    // A backup that is being made is no reason to refuse those before it.
    if request.with_verify && wait_for_a_line(ctx, &repository, &survey) {
        survey = repository.survey()?;
    }
    // Only what is looked at under the lock is sure to stay: `-k` of another run may just have begun.
    let held = survey.chain_at(&limit).map(|chain| chain.full);
    let _reading = held.and_then(|full| hold(ctx, &repository.path_of(full)));
    let survey = repository.survey()?;
    tell_files(ctx, &repository, &survey, &limit);
    let selection = select(ctx, &repository, &survey, &limit, request.with_verify)?;
    check_lengths(ctx, &repository, &selection)?;
    tell_overtaken(ctx, &repository, &survey, &limit);
    let run = Run { ctx, request, repository: &repository, selection: &selection };
    match target {
        Target::Stream(output) => run.to_stream(output),
        Target::File(path) => run.to_file(path),
    }
}

fn tell_files(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey, limit: &Limit) {
    survey.tell_files(ctx, repository, limit);
    let left_out: Vec<Stamp> = survey
        .chains
        .iter()
        .flat_map(|chain| &chain.files)
        .map(|name| name.stamp)
        .filter(|stamp| limit.names_but_excludes(*stamp))
        .collect();
    if let (Limit::Date(date), Some(last)) = (limit, left_out.iter().max()) {
        ctx.notice(Notice::LeftOutByDate { date: date.clone(), count: left_out.len(), last: *last });
    }
}

/// Where the clock went back, the latest stamp may not be that of the backup that was made last.
fn tell_overtaken(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey, limit: &Limit) {
    let Some(chain) = survey.chain_at(limit) else { return };
    if let Some(later) = survey.overtaking(chain, limit) {
        let (full, later) = (repository.path_of(chain.full), repository.path_of(later));
        ctx.notice(Notice::Overtaken { full, later });
    }
}

/// Keeps `-k` of another run from deleting the chain while it is read.
pub(crate) fn hold(ctx: &Context<'_>, path: &Path) -> Option<Box<dyn Lock>> {
    // Where the file cannot be locked or is being deleted, reading it tells.
    ctx.fs.try_lock(path, LockKind::Shared).ok().flatten()
}

/// All files are there and have the lengths that their lines promise, as far as that can be seen without
/// reading them, before the first byte is written.
fn check_lengths(ctx: &Context<'_>, repository: &Repository<'_>, selection: &Selection) -> Result<(), Error> {
    for piece in &selection.pieces {
        let path = repository.path_of(piece.name);
        let quick = QuickLen::of(ctx.fs, &path, piece.name)?;
        if let (QuickLen::Exact(found_len), Some(expected_len)) = (quick, piece.len)
            && found_len != expected_len
        {
            return Err(Error::size(path, piece.name, found_len, expected_len));
        }
    }
    Ok(())
}

struct Run<'a> {
    ctx: &'a Context<'a>,
    request: &'a RecoverRequest,
    repository: &'a Repository<'a>,
    selection: &'a Selection,
}

/// What was joined.
struct Joined {
    len: u64,
    /// The index of what was joined, when it was sound.
    index: Option<Index>,
    /// Why it is no sound FileStorage, if it is not.
    unsound: Option<String>,
}

impl Run<'_> {
    fn to_stream(&self, output: &mut dyn Write) -> Result<(), Error> {
        self.ctx.tell(&Event::RecoveringToStdout);
        let joined = self.join(&mut |bytes| output.write_all(bytes).map_err(Error::Output))?;
        output.flush().map_err(Error::Output)?;
        self.tell_unsound(&joined, None);
        Ok(())
    }

    fn to_file(&self, path: &Path) -> Result<(), Error> {
        let place = Place::find(self.ctx, Some(self.repository), path)?;
        let locks = place.lock(self.ctx)?;
        self.check_space(&place)?;
        self.ctx.tell(&Event::Recovering(path));
        place.sweep(self.ctx, &locks)?;
        let mut draft = Draft::create(self.ctx.fs, place.file())?;
        let joined = self.join(&mut |bytes| Ok(draft.append(bytes)?))?;
        self.tell_unsound(&joined, Some(path));
        self.give_access(&place, &mut draft)?;
        let data = draft.finish()?;
        let index = self.draft_index(&place, &joined)?;
        self.swap(&place, data, index)
    }

    /// Joins the pieces, checking each against what is known of it.
    fn join(&self, append: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<Joined, Error> {
        let total_len = self.selection.total_len();
        self.ctx.tell(&Event::Began { phase: Phase::Recovering, total_len });
        let mut content = Content::new(total_len);
        let mut all = self.request.tell_sum.then(Summing::default);
        let mut len = 0;
        for piece in &self.selection.pieces {
            let start_pos = len;
            len += self.join_piece(piece, &mut |bytes| {
                if piece.len.is_none() {
                    self.check_junction(piece, start_pos, content.seen_len(), bytes)?;
                }
                content.see(bytes);
                if let Some(all) = &mut all {
                    all.add(bytes);
                }
                append(bytes)
            })?;
        }
        self.ctx.tell(&Event::Ended);
        self.ctx.tell(&Event::Recovered { len, sum: all.map(Summing::finish) });
        let (has_magic, is_doubtful) = (content.has_magic(), content.is_doubtful());
        let (index, unsound) = content.judge(len);
        if let Some(reason) = &unsound {
            self.check_unlisted(has_magic, reason)?;
        }
        if (unsound.is_some() || is_doubtful) && !self.request.with_verify {
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
        let sum = if self.request.with_verify {
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
            (Some(sum), _) if self.request.with_verify => {
                self.ctx.tell(&Event::RecoveredChunk { path: &path, len, sum });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn tell_unsound(&self, joined: &Joined, path: Option<&Path>) {
        if let Some(reason) = &joined.unsound {
            let path = path.map(Path::to_owned);
            self.ctx.notice(Notice::NotAFileStorage { path, reason: reason.clone() });
        }
    }

    /// Both databases are there until the swap.
    fn check_space(&self, place: &Place) -> Result<(), Error> {
        let Some(data_len) = self.selection.total_len() else { return Ok(()) };
        let index_len = self.ctx.fs.meta(&self.index_source()).map_or(0, |meta| meta.len);
        let needed_len = data_len.saturating_add(index_len);
        let dir = parent_dir(place.file());
        let free_len = self.ctx.fs.free_len(dir).map_err(vfs::Error::at(Op::FreeSpace, dir))?;
        if needed_len > free_len {
            return Err(Error::NoSpace { dir: dir.to_owned(), needed_len, free_len });
        }
        Ok(())
    }

    fn index_source(&self) -> PathBuf {
        let last = self.selection.pieces.last().map_or(self.selection.full, |piece| piece.name);
        self.repository.index_path(last.stamp)
    }

    /// The mode and owner of the file that is replaced; without one the mode of the backup, and for root the
    /// owner of the directory, who will have to open it.
    fn access(&self, place: &Place) -> Result<Access, Error> {
        if let Some(access) = place.replaced {
            return Ok(access);
        }
        let path = self.repository.path_of(self.selection.full);
        let backup = self.ctx.fs.meta(&path).map_err(vfs::Error::at(Op::Stat, &path))?.access;
        let dir = parent_dir(place.file());
        let owner = self.ctx.fs.meta(dir).map_err(vfs::Error::at(Op::Stat, dir))?.access;
        Ok(Access { mode: backup.mode & 0o666, ..owner })
    }

    fn give_access(&self, place: &Place, draft: &mut Draft<'_>) -> Result<(), Error> {
        let Access { mode, uid, gid } = self.access(place)?;
        if !draft.set_access(Grant { mode, gid, uid: Some(uid) })? && place.replaced.is_some() {
            self.ctx.notice(Notice::AccessNotKept(place.file().to_owned()));
        }
        Ok(())
    }

    /// A synced draft of the index, if the repository has one that belongs to what was joined.
    fn draft_index(&self, place: &Place, joined: &Joined) -> Result<Option<Finished<'_>>, Error> {
        let from = self.index_source();
        if self.ctx.fs.meta(&from).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            self.ctx.tell(&Event::NoIndex(&from));
            return Ok(None);
        }
        if let Err(reason) = check_index(self.ctx, &from, joined.len, joined.index.as_ref()) {
            self.ctx.notice(Notice::IndexNotRestored { path: from, reason });
            return Ok(None);
        }
        self.ctx.tell(&Event::RestoringIndex { from: &from, to: &place.index });
        let mut draft = Draft::create(self.ctx.fs, &place.index)?;
        let input = self.ctx.fs.open(&from).map_err(vfs::Error::at(Op::Open, &from))?;
        let index_len = input.len().map_err(vfs::Error::at(Op::Stat, &from))?;
        let (mut buf, mut pos) = (buffer_for(index_len), 0);
        loop {
            self.ctx.interrupt.check()?;
            match input.read_full_at(pos, &mut buf).map_err(vfs::Error::at(Op::Read, &from))? {
                0 => break,
                read_len => {
                    draft.append(&buf[..read_len])?;
                    pos += read_len as u64;
                }
            }
        }
        self.give_access(place, &mut draft)?;
        Ok(Some(draft.finish()?))
    }

    /// From here on an interruption would leave neither the old state nor the new one: there is none.
    fn swap(&self, place: &Place, data: Finished<'_>, index: Option<Finished<'_>>) -> Result<(), Error> {
        self.ctx.interrupt.check()?;
        if place.replaced.is_some() {
            self.ctx.tell(&Event::ReplacingOld(place.given()));
        }
        for stale in place.indexes() {
            if publish::remove(self.ctx.fs, &stale)? {
                let synced = publish::sync_dir(self.ctx.fs, parent_dir(&stale))?;
                self.ctx.note_sync(synced, parent_dir(&stale));
            }
        }
        let synced = data.publish_over()?;
        self.ctx.note_sync(synced, parent_dir(place.file()));
        if let Some(index) = index {
            let synced = index.publish_over()?;
            self.ctx.note_sync(synced, parent_dir(&place.index));
        }
        Ok(())
    }
}

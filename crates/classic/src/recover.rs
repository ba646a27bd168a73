//! Recovering a database. The target is at every moment the old database or the complete new one:
//!
//! | step | a crash leaves | healed by |
//! |---|---|---|
//! | draft of the database, synced | the old database, a draft | the next recovery removes drafts |
//! | draft of the index, synced | the same | the same |
//! | the old index removed, directory synced | the old database without its index, which ZODB makes anew | |
//! | the database under its name (**the commit point**) | the new database without an index | |
//! | the index under its name | the new database with its index | |

use crate::blobs::BlobsRestore;
use crate::content::check_index;
use crate::copy::buffer_for;
use crate::joining::{Joined, Joining};
use crate::part::QuickLen;
use crate::reconcile::wait_for_a_line;
use crate::replacing::Replacing;
use crate::repository::Survey;
use crate::selection::{Selection, Trust, select};
use crate::update::{Update, Updated, Wish, update};
use crate::{BlobsRequest, BlobsRestored, Context, Error, Event, Limit, Notice, Repository, Stamp};
use filestorage::Tid;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use vfs::publish::Finished;
use vfs::{Lock, LockKind, Op};

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
    /// Whether a database that is there is brought to that state in its place, and how.
    pub update: Option<Update>,
    /// Where its blobs go, if they are to be recovered; with a file alone.
    pub blobs: Option<BlobsRequest>,
}

/// Where the database goes.
pub enum Target<'a> {
    /// Into a stream, without an index.
    Stream(&'a mut dyn Write),
    /// Into a file, which may be a live database's name; the index beside it.
    File(&'a Path),
}

/// Recovers the database as it was backed up at or before the limit; what became of the blobs, if there were to be any.
///
/// # Errors
/// Whatever kept it from being complete. A target file is then as it was before; what went into a stream is
/// not the database.
pub fn recover(
    ctx: &Context<'_>,
    request: &RecoverRequest,
    target: Target<'_>,
) -> Result<Option<BlobsRestored>, Error> {
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
        Target::Stream(output) => run.to_stream(output).map(|()| None),
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
pub(crate) fn tell_overtaken(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey, limit: &Limit) {
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
pub(crate) fn check_lengths(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    selection: &Selection,
) -> Result<(), Error> {
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

impl Run<'_> {
    fn to_stream(&self, output: &mut dyn Write) -> Result<(), Error> {
        self.ctx.tell(&Event::RecoveringToStdout);
        let joined = self.join(&mut |bytes| output.write_all(bytes).map_err(Error::Output))?;
        output.flush().map_err(Error::Output)?;
        self.tell_unsound(&joined, None);
        Ok(())
    }

    fn to_file(&self, path: &Path) -> Result<Option<BlobsRestored>, Error> {
        let mut replacing = Replacing::begin(self.ctx, self.repository, self.selection, path)?;
        let blobs = self.blobs(&replacing)?;
        match self.update(&mut replacing)? {
            Some(Updated::Done(_)) => return Ok(blobs),
            Some(Updated::Impossible(why)) => {
                self.ctx.notice(Notice::WrittenAsAWhole { path: path.to_owned(), why });
            }
            None => {}
        }
        if let Some(data_len) = self.selection.total_len() {
            let index_len = self.ctx.fs.meta(&self.index_source()).map_or(0, |meta| meta.len);
            replacing.check_space(data_len.saturating_add(index_len))?;
        }
        let mut draft = replacing.draft_data()?;
        let joined = self.join(&mut |bytes| Ok(draft.append(bytes)?))?;
        self.tell_unsound(&joined, Some(path));
        let data = replacing.finish(draft)?;
        let index = self.draft_index(&replacing, &joined)?;
        replacing.swap(data, index)?;
        Ok(blobs)
    }

    fn blobs(&self, replacing: &Replacing<'_>) -> Result<Option<BlobsRestored>, Error> {
        let Some(request) = &self.request.blobs else { return Ok(None) };
        // All transactions of the last file are part of the state.
        let (parts, last) = (self.selection.parts(), Some(Tid::new(u64::MAX)));
        let mut blobs = BlobsRestore::of(self.ctx, self.repository, &parts, last, request)?;
        if let (Some(data_len), None) = (self.selection.total_len(), self.request.update) {
            replacing.check_space(data_len)?;
        }
        blobs.check(replacing.place.replaced.is_some())?;
        blobs.restore().map(Some)
    }

    /// Brings the database that is there to the state, if that was asked for. What no list vouches for is written as a
    /// whole.
    fn update(&self, replacing: &mut Replacing<'_>) -> Result<Option<Updated>, Error> {
        let (selection, repository) = (self.selection, self.repository);
        let is_listed =
            selection.trust == Trust::Listed && selection.pieces.iter().all(|piece| piece.sum.is_some());
        let Some(how) = self.request.update.filter(|_| replacing.place.replaced.is_some() && is_listed)
        else {
            return Ok(None);
        };
        let parts = selection.parts();
        let end_pos = parts.last().map_or(0, |part| part.end_pos);
        update(self.ctx, repository, replacing, &Wish { parts: &parts, end_pos }, how).map(Some)
    }

    fn join(&self, append: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<Joined, Error> {
        let Run { ctx, request, repository, selection } = self;
        let (with_verify, tell_sum) = (request.with_verify, request.tell_sum);
        Joining { ctx, repository, selection, with_verify, tell_sum, cut_pos: None, behind: None }
            .join(append)
    }

    fn tell_unsound(&self, joined: &Joined, path: Option<&Path>) {
        if let Some(reason) = &joined.unsound {
            let path = path.map(Path::to_owned);
            self.ctx.notice(Notice::NotAFileStorage { path, reason: reason.clone() });
        }
    }

    fn index_source(&self) -> PathBuf {
        let last = self.selection.pieces.last().map_or(self.selection.full, |piece| piece.name);
        self.repository.index_path(last.stamp)
    }

    /// A synced draft of the index, if the repository has one that belongs to what was joined.
    fn draft_index<'r>(
        &self,
        replacing: &Replacing<'r>,
        joined: &Joined,
    ) -> Result<Option<Finished<'r>>, Error> {
        let from = self.index_source();
        if self.ctx.fs.meta(&from).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            self.ctx.tell(&Event::NoIndex(&from));
            return Ok(None);
        }
        if let Err(reason) = check_index(self.ctx, &from, joined.len, joined.index.as_ref()) {
            self.ctx.notice(Notice::IndexNotRestored { path: from, reason });
            return Ok(None);
        }
        self.ctx.tell(&Event::RestoringIndex { from: &from, to: &replacing.place.index });
        let mut draft = replacing.draft_index()?;
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
        replacing.finish(draft).map(Some)
    }
}

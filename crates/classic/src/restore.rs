//! Restoring the state behind any transaction. The target changes as in a recovery, see `recover.rs`; nothing is
//! replaced before all was read, and found to be what was backed up, and a sound database.

use crate::blobs::BlobsRestore;
use crate::indexes::draft_whole;
use crate::joining::Joining;
use crate::place::Place;
use crate::reconcile::wait_for_a_line;
use crate::recover::{check_lengths, hold};
use crate::replacing::Replacing;
use crate::selection::{Piece, Selection, Trust};
use crate::timeline::{Found, Wanted, find};
use crate::update::{Change, Update, Updated, Wish, plan_update, update};
use crate::{
    BackupName, BlobsRequest, BlobsRestored, ChainReader, Context, Error, Event, Notice, Part, Repository,
    blobs,
};
use filestorage::{Index, Metadata, TransactionHeader};
use std::path::{Path, PathBuf};
use vfs::Lock;

/// What a restore is asked to do.
#[derive(Debug, Clone)]
pub struct RestoreRequest {
    /// The repository, as it was given.
    pub repository: PathBuf,
    /// Which state.
    pub wanted: Wanted,
    /// Also if a pack took something from it.
    pub even_packed: bool,
    /// Whether a database that is there is brought to that state in its place, and how.
    pub update: Option<Update>,
    /// Where its blobs go, if they are to be restored.
    pub blobs: Option<BlobsRequest>,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// From what, and up to where.
    pub plan: RestorePlan,
    /// What became of the file.
    pub change: Change,
    /// What became of the blobs, if there were to be any.
    pub blobs: Option<BlobsRestored>,
}

/// What a restore does, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestorePlan {
    /// The files that are read, in their order.
    pub files: Vec<BackupName>,
    /// Bytes of the database that they hold.
    pub read_len: u64,
    /// Bytes of the database that is restored.
    pub data_len: u64,
    /// Its last transaction, with its texts.
    pub last: Option<(TransactionHeader, Metadata)>,
    /// The transaction behind it, if the backups that are read have more.
    pub next: Option<TransactionHeader>,
    /// Whether a pack took something from the state before it was backed up.
    pub is_packed: bool,
}

/// What [`restore`] would do.
///
/// # Errors
/// As those of [`restore`], as far as they are seen without reading all.
pub fn plan_restore(ctx: &Context<'_>, request: &RestoreRequest) -> Result<RestorePlan, Error> {
    let repository = Repository::open(ctx.fs, &request.repository)?;
    let chosen = Chosen::choose(ctx, &repository, request.wanted)?;
    blobs_of(ctx, &repository, request, &chosen.found)?;
    plan(ctx, &repository, request, &chosen.found)
}

/// What [`restore`] would do to the file `target`; nothing is locked or written.
///
/// # Errors
/// As those of [`restore`], as far as they are seen without reading all.
pub fn plan_change(ctx: &Context<'_>, request: &RestoreRequest, target: &Path) -> Result<Change, Error> {
    let repository = Repository::open(ctx.fs, &request.repository)?;
    let Chosen { found, lock: _reading } = Chosen::choose(ctx, &repository, request.wanted)?;
    let place = Place::find(ctx, Some(&repository), target)?;
    match request.update.filter(|_| place.replaced.is_some()) {
        Some(update) => plan_update(ctx, &repository, &place, &wish(&found), update),
        None => Ok(Change::Written),
    }
}

/// Restores a state into the file `target`, with its index, behind its blobs.
///
/// # Errors
/// [`Error::NotCovered`], [`Error::NoTransaction`], [`Error::PackedAway`]; whatever kept the database from being
/// complete and sound. The target is then as it was before.
pub fn restore(ctx: &Context<'_>, request: &RestoreRequest, target: &Path) -> Result<Restored, Error> {
    let repository = Repository::open(ctx.fs, &request.repository)?;
    let Chosen { found, lock: _reading } = Chosen::choose(ctx, &repository, request.wanted)?;
    let plan = plan(ctx, &repository, request, &found)?;
    let mut replacing = Replacing::begin(ctx, &repository, &selection(&found), target)?;
    let mut blobs = blobs_of(ctx, &repository, request, &found)?;
    // What is seen to be impossible is refused before the blobs are written, which come first.
    check_lengths(ctx, &repository, &selection(&found))?;
    if request.update.is_none() {
        replacing.check_space(needed_len(&found))?;
    }
    let mut restored = None;
    if let Some(blobs) = &mut blobs {
        blobs.check(replacing.place.replaced.is_some())?;
        restored = Some(blobs.restore()?);
    }
    let change = put_in_place(ctx, &repository, request, &found, &mut replacing)?;
    if let (Some(blobs), Some(restored)) = (&blobs, &mut restored) {
        restored.extra_count = blobs.set_extra_aside()?;
    }
    Ok(Restored { plan, change, blobs: restored })
}

/// The blobs of what was found, if they are wanted.
fn blobs_of<'a>(
    ctx: &'a Context<'a>,
    repository: &'a Repository<'a>,
    request: &'a RestoreRequest,
    found: &Found,
) -> Result<Option<BlobsRestore<'a>>, Error> {
    let request = request.blobs.as_ref();
    let of = |request| BlobsRestore::of(ctx, repository, &found.parts, found.last_tid(), request);
    request.map(of).transpose()
}

fn put_in_place(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    request: &RestoreRequest,
    found: &Found,
    replacing: &mut Replacing<'_>,
) -> Result<Change, Error> {
    let mut change = Change::Written;
    if let Some(how) = request.update.filter(|_| replacing.place.replaced.is_some()) {
        match update(ctx, repository, replacing, &wish(found), how)? {
            Updated::Done(change) => return Ok(change),
            Updated::Impossible(why) => change = Change::Replaced(why),
        }
    }
    replacing.check_space(needed_len(found))?;
    let mut draft = replacing.draft_data()?;
    let index = join(ctx, repository, found, &mut |bytes| Ok(draft.append(bytes)?))?;
    let data = replacing.finish(draft)?;
    let index = draft_index(ctx, replacing, &index, found.end_pos)?;
    replacing.swap(data, Some(index))?;
    Ok(change)
}

/// Does all of a restore but the writing: every file that the state needs is read and verified, and what they hold is a
/// sound database.
///
/// # Errors
/// As those of [`restore`].
pub fn verify_state(ctx: &Context<'_>, request: &RestoreRequest) -> Result<RestorePlan, Error> {
    let repository = Repository::open(ctx.fs, &request.repository)?;
    let Chosen { found, lock: _reading } = Chosen::choose(ctx, &repository, request.wanted)?;
    let plan = plan(ctx, &repository, request, &found)?;
    join(ctx, &repository, &found, &mut |_| Ok(()))?;
    let mut problems = Vec::new();
    let chains = [found.parts.clone()].into_iter();
    blobs::verify(ctx, &repository, chains, found.last_tid(), false, &mut |error| problems.push(error))?;
    problems.into_iter().next().map_or(Ok(plan), Err)
}

/// Joins what was found, checked all along; its index.
fn join(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    found: &Found,
    append: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
) -> Result<Index, Error> {
    let selection = selection(found);
    let cut_pos = Some(found.end_pos);
    let joining = Joining {
        ctx,
        repository,
        selection: &selection,
        with_verify: true,
        tell_sum: false,
        cut_pos,
        behind: None,
    };
    let joined = joining.join(append)?;
    match joined.unsound {
        Some(reason) => Err(Error::Unsound { full: repository.path_of(found.full()), reason }),
        None => Ok(joined.index.unwrap_or_default()),
    }
}

fn selection(found: &Found) -> Selection {
    let pieces = found.parts.iter().map(Piece::of_part).collect();
    Selection { full: found.full(), pieces, trust: Trust::Listed }
}

fn wish(found: &Found) -> Wish<'_> {
    Wish { parts: &found.parts, end_pos: found.end_pos }
}

/// The database, and an index, which is seldom longer than a tenth of it.
fn needed_len(found: &Found) -> u64 {
    found.end_pos + found.end_pos / 10
}

fn plan(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    request: &RestoreRequest,
    found: &Found,
) -> Result<RestorePlan, Error> {
    let full = repository.path_of(found.full());
    if let (true, false, Some(last)) = (found.is_packed(), request.even_packed, found.last) {
        return Err(Error::PackedAway { tid: last.tid, full });
    }
    let reader = ChainReader::new(ctx.fs, repository, &found.parts);
    let last = found.last.map(|last| Ok((last, last.read_metadata(&reader)?))).transpose();
    Ok(RestorePlan {
        files: found.parts.iter().map(|part| part.name).collect(),
        read_len: found.parts.iter().map(Part::len).sum(),
        data_len: found.end_pos,
        last: last.map_err(|error| Error::of_read(error, &full))?,
        next: found.next,
        is_packed: found.is_packed(),
    })
}

fn draft_index<'a>(
    ctx: &Context<'_>,
    replacing: &Replacing<'a>,
    index: &Index,
    end_pos: u64,
) -> Result<vfs::publish::Finished<'a>, Error> {
    let path = &replacing.place.index;
    index.check().map_err(|error| Error::Backups { path: path.clone(), error })?;
    ctx.tell(&Event::WritingIndex);
    replacing.finish(draft_whole(replacing.draft_index()?, path, index, end_pos)?)
}

/// A state, and what keeps `-k` of another run from deleting its files.
pub(crate) struct Chosen {
    pub(crate) found: Found,
    pub(crate) lock: Option<Box<dyn Lock>>,
}

impl Chosen {
    /// Finds the state that is wanted, under a lock: only what is looked at then is sure to stay.
    ///
    /// # Errors
    /// Those of [`find`], and what the system says.
    pub(crate) fn choose(
        ctx: &Context<'_>,
        repository: &Repository<'_>,
        wanted: Wanted,
    ) -> Result<Chosen, Error> {
        let mut held: Option<(BackupName, Option<Box<dyn Lock>>)> = None;
        loop {
            ctx.interrupt.check()?;
            let mut survey = repository.survey()?;
            // A backup that is being made is no reason to refuse those before it.
            if wanted == Wanted::Newest && wait_for_a_line(ctx, repository, &survey) {
                survey = repository.survey()?;
            }
            let found = find(ctx, repository, &survey, wanted)?;
            let full = found.full();
            match held {
                Some((name, lock)) if name == full => {
                    for (path, reason) in found.passed_over.clone() {
                        ctx.notice(Notice::PassedOver { path, reason });
                    }
                    return Ok(Chosen { found, lock });
                }
                _ => held = Some((full, hold(ctx, &repository.path_of(full)))),
            }
        }
    }
}

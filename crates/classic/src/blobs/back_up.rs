//! Copying the blobs that the backups of the newest chain name and that the repository does not have yet.

use super::copied::Copied;
use super::copying::{Copying, Outcome};
use super::dir::BlobDir;
use super::gather::{RecordKind, gather};
use super::known::{KnownLines, Wanted};
use super::list::{Entry, Head, ListWriter, read_ends};
use super::spot::Held;
use super::store::Store;
use super::{BlobCounts, Revision};
use crate::source::Source;
use crate::{Context, Error, Event, Limit, Notice, Part, Phase, Repository};
use filestorage::{Boundary, Magic};
use rayon::prelude::*;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use vfs::publish::Batch;
use vfs::{Grant, Op};

/// So many are copied before the bar moves.
const CHUNK_COUNT: usize = 512;
/// So many missing ones are told by name.
const TOLD_COUNT: usize = 20;

/// What blobs are to be backed up, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobsSource {
    /// The blob directory.
    pub dir: PathBuf,
    /// Small ones are put together in a few files, instead of one each.
    pub together: bool,
}

/// What became of the blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobsBackedUp {
    /// Blobs that were copied.
    pub copied_count: u64,
    /// Their bytes.
    pub copied_len: u64,
    /// Blobs that the newest chain names.
    pub count: u64,
    /// Their bytes, as far as they are there.
    pub len: u64,
    /// Those whose file was not there.
    pub missing_count: u64,
    /// Those that were copied though the repository has another one under the same oid and tid.
    pub differing_count: u64,
    /// So many bytes of transactions are damaged: which blobs they name is not known.
    pub unread_len: u64,
}

impl BlobsBackedUp {
    /// Whether every blob of the newest chain is known, is there and is the only one of its oid and tid.
    pub fn is_complete(&self) -> bool {
        self.missing_count == 0 && self.differing_count == 0 && self.unread_len == 0
    }
}

/// Makes the lists of blobs that the newest chain lacks, and copies what they name; tries
/// again for what was missing before. The caller holds the lock of the repository, and the chain is a beginning of `source`.
///
/// # Errors
/// Whatever kept it; the lists that were published stand.
pub(crate) fn back_up(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    source: &Source,
    request: &BlobsSource,
    is_locked: bool,
) -> Result<BlobsBackedUp, Error> {
    let survey = repository.survey()?;
    let Some(chain) = survey.chain_at(&Limit::Newest) else { return Ok(BlobsBackedUp::default()) };
    let blob_dir = BlobDir::open(ctx, &request.dir)?;
    let dirs = [blob_dir.clone()].into_iter().chain(blob_dir.old(ctx)?).collect();
    let lists: Vec<PathBuf> = survey
        .chains
        .iter()
        .flat_map(|chain| &chain.files)
        .map(|name| repository.blobs_path(name.stamp))
        .collect();
    let mut run = BackUp {
        ctx,
        repository,
        source,
        request,
        store: Store::of(repository),
        dirs,
        known: KnownLines::of(ctx.fs, lists),
        done: BlobsBackedUp::default(),
        told: Told::default(),
        is_locked,
    };
    let tiling = chain.tile();
    if let Some(fault) = tiling.fault {
        let dat = repository.dat_path(chain.stamp());
        return Err(Error::BlobsNotBackedUp { dat, reason: fault.to_string() });
    }
    for part in tiling.parts {
        ctx.interrupt.check()?;
        run.part(&part)?;
    }
    run.told.end(ctx, &request.dir);
    Ok(run.done)
}

/// Removes the drafts that a run that died left. The caller holds the lock of the repository.
///
/// # Errors
/// The system's.
pub(crate) fn sweep(ctx: &Context<'_>, repository: &Repository<'_>) -> Result<(), Error> {
    Ok(Batch::empty(ctx.fs, &Store::of(repository).drafts_dir())?)
}

struct BackUp<'a> {
    ctx: &'a Context<'a>,
    repository: &'a Repository<'a>,
    source: &'a Source,
    request: &'a BlobsSource,
    store: Store,
    /// The blob directory, and where a pack put what it removed.
    dirs: Vec<BlobDir>,
    /// What the lists say that there are, of all chains.
    known: KnownLines<'a>,
    done: BlobsBackedUp,
    told: Told,
    /// Whether no other run can be at the repository.
    is_locked: bool,
}

/// The blobs of a backup.
struct Named {
    wanted: Vec<Wanted>,
    /// So many bytes of its transactions could not be looked through.
    unread_len: u64,
}

impl<'a> BackUp<'a> {
    /// Makes the list of one backup, if there is none that is sound, or one with missing blobs.
    fn part(&mut self, part: &Part) -> Result<(), Error> {
        let path = self.repository.blobs_path(part.name.stamp);
        let named = match self.named_by_list(part, &path) {
            Ok(None) => return Ok(()),
            Ok(Some(named)) => named,
            Err(Error::File(error)) if error.is_not_found() => self.named_by_records(part)?,
            Err(error @ Error::BlobList { .. }) => {
                self.ctx.notice(Notice::BlobListAnew(error.to_string()));
                self.named_by_records(part)?
            }
            Err(error) => return Err(error),
        };
        self.write_list(part, &path, &named)
    }

    /// What the list of a backup names, if a blob that was missing is there by now; `None` if the list may stay.
    fn named_by_list(&mut self, part: &Part, path: &Path) -> Result<Option<Named>, Error> {
        let (head, counts) = read_ends(self.ctx.fs, path)?;
        head.expect_of(part, path)?;
        if counts.missing_count > 0 {
            let wanted = self.known.all_of(path)?;
            let is_there =
                |revision| self.dirs.iter().any(|dir| self.ctx.fs.meta(&dir.file(revision)).is_ok());
            let missing = wanted.iter().filter(|wanted| wanted.line.is_none()).map(|wanted| wanted.revision);
            let (found, missing): (Vec<_>, Vec<_>) = missing.partition(|revision| is_there(*revision));
            if !found.is_empty() {
                return Ok(Some(Named { wanted, unread_len: head.unread_len }));
            }
            missing.into_iter().for_each(|revision| self.tell_missing(revision));
        }
        self.count(part, counts, head.unread_len);
        Ok(None)
    }

    /// What the transactions of a backup name, and what other lists say of it.
    fn named_by_records(&mut self, part: &Part) -> Result<Named, Error> {
        let bytes = self.source.bytes();
        let start = match part.start_pos.max(Magic::LEN) {
            Magic::LEN => Boundary::start(bytes).map(Some),
            pos => Boundary::at(bytes, pos),
        };
        let start = start.map_err(|error| self.source.error(error))?;
        let start = start.ok_or_else(|| self.source.changed("a transaction in its middle is another one"))?;
        let mut wanted = Vec::new();
        let is_there = |revision| self.dirs.iter().any(|dir| self.ctx.fs.meta(&dir.file(revision)).is_ok());
        let each = |revision, kind| {
            // What is encrypted is a blob where it has a file.
            if kind == RecordKind::Blob || is_there(revision) {
                wanted.push(Wanted { revision, line: None });
            }
        };
        let unread_len = gather(self.ctx, &self.source.path, bytes, start, part.end_pos, each)?;
        wanted.sort_unstable_by_key(|wanted| wanted.revision);
        // A transaction can have two records of one object.
        wanted.dedup_by_key(|wanted| wanted.revision);
        if part.name.is_full() {
            // A full names what older chains named; what the increments of one chain name is new each time.
            self.known.find(self.ctx, &mut wanted)?;
        }
        Ok(Named { wanted, unread_len })
    }

    /// Copies what is to be copied, and publishes the list when all of it is durable.
    fn write_list(
        &mut self,
        part: &Part,
        path: &Path,
        Named { wanted, unread_len }: &Named,
    ) -> Result<(), Error> {
        let (layout, unread_len) = (self.dirs[0].layout(), *unread_len);
        let head = Head { start_pos: part.start_pos, end_pos: part.end_pos, layout, unread_len };
        let mut list = ListWriter::new(self.source.draft(self.ctx, path)?, head);
        let copied = if wanted.is_empty() {
            Copied::default()
        } else {
            self.ctx.tell(&Event::Began { phase: Phase::CopyingBlobs, total_len: None });
            let copied = self.copy(part, wanted, &mut list)?;
            self.ctx.tell(&Event::Ended);
            copied
        };
        let (draft, counts) = list.end()?;
        let synced = draft.publish_over()?;
        self.ctx.note_sync(synced, self.repository.dir());
        self.count(part, counts, unread_len);
        self.done.copied_count += copied.count;
        self.done.copied_len += copied.len;
        self.done.differing_count += copied.differing.len() as u64;
        copied.missing.into_iter().for_each(|revision| self.tell_missing(revision));
        for (revisions, tell) in [
            (copied.differing, Notice::BlobDiffers as fn(PathBuf) -> Notice),
            (copied.found, Notice::BlobOfNoList),
        ] {
            let paths = revisions.into_iter().map(|revision| self.store.path(revision));
            paths.for_each(|path| self.told.tell(self.ctx, tell(path)));
        }
        Ok(())
    }

    /// Writes the lines of a list, and copies those blobs that the repository does not have; all of them are durable then.
    fn copy(&mut self, part: &Part, wanted: &[Wanted], list: &mut ListWriter<'_>) -> Result<Copied, Error> {
        let new_count = wanted.iter().filter(|wanted| wanted.line.is_none()).count();
        let mut batch = self.begin(new_count)?;
        let copying = Copying {
            fs: self.ctx.fs,
            interrupt: self.ctx.interrupt,
            dirs: &self.dirs,
            store: &self.store,
            batch: &batch,
            gid: self.source.access.gid,
            together: self.request.together,
        };
        let (mut copied, mut containers) = (Copied::default(), copying.containers(part.name.stamp));
        for wanted in wanted.chunks(CHUNK_COUNT) {
            self.ctx.interrupt.check()?;
            let old_len = copied.len;
            let known: Result<Vec<Option<Held>>, Error> = wanted
                .iter()
                .map(|wanted| wanted.line.map_or(Ok(None), |line| self.known.at(line)))
                .collect();
            let each = wanted.par_iter().zip(known?);
            let outcomes: Result<Vec<Outcome>, Error> =
                each.map(|(wanted, known)| copying.take(wanted.revision, known)).collect();
            for (Wanted { revision, .. }, outcome) in wanted.iter().zip(outcomes?) {
                let held = copied.add(*revision, outcome, &mut containers)?;
                list.push(&Entry { revision: *revision, held })?;
            }
            self.ctx.tell(&Event::Advanced(copied.len - old_len));
        }
        let containers = containers.end()?;
        let revisions = wanted.iter().map(|wanted| wanted.revision);
        copied.publish(revisions, &containers, &self.store, &mut batch)?;
        self.ctx.note_sync(batch.end()?, self.store.dir());
        Ok(copied)
    }

    /// A batch of so many blobs.
    fn begin(&self, count: usize) -> Result<Batch<'a>, Error> {
        let (fs, dir) = (self.ctx.fs, self.repository.dir());
        // Who may read the repository may read what is in it, as far as each blob itself says.
        let access = fs.meta(dir).map_err(vfs::Error::at(Op::Stat, dir))?.access;
        let dirs = Grant { mode: access.mode & 0o777, gid: access.gid, uid: None };
        match fs.make_dir(self.store.dir(), dirs) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(vfs::Error::new(Op::MakeDir, self.store.dir(), error).into()),
        }
        // Also one that is there: a run that died may have made it.
        self.ctx.note_sync(vfs::publish::sync_dir(fs, dir)?, dir);
        // Where nobody can be kept out nobody else may take a draft of ours for one of a dead run.
        let unlocked = || format!("{}-{:x}", Store::DRAFTS, fs.unique());
        let drafts = if self.is_locked { Store::DRAFTS.to_owned() } else { unlocked() };
        Ok(Batch::begin(fs, self.store.dir(), &drafts, dirs, count)?)
    }

    fn count(&mut self, part: &Part, counts: BlobCounts, unread_len: u64) {
        self.done.count += counts.count;
        self.done.len += counts.len;
        self.done.missing_count += counts.missing_count;
        self.done.unread_len += unread_len;
        if unread_len > 0 {
            self.ctx
                .notice(Notice::BlobsNotKnown { path: self.repository.path_of(part.name), len: unread_len });
        }
    }

    fn tell_missing(&mut self, revision: Revision) {
        self.told.tell(self.ctx, Notice::BlobMissing(self.dirs[0].file(revision)));
    }
}

/// So many notices of single blobs are told; of the others their number.
#[derive(Default)]
struct Told {
    count: usize,
}

impl Told {
    fn tell(&mut self, ctx: &Context<'_>, notice: Notice) {
        self.count += 1;
        if self.count <= TOLD_COUNT {
            ctx.notice(notice);
        }
    }

    fn end(&self, ctx: &Context<'_>, dir: &Path) {
        if let Some(count) = self.count.checked_sub(TOLD_COUNT).filter(|count| *count > 0) {
            ctx.notice(Notice::MoreBlobsMissing { dir: dir.to_owned(), count });
        }
    }
}

//! The blobs of a state, into a blob directory as ZODB makes one. They come before the database: a restore that was cut off
//! leaves blobs without a database, which nobody starts by accident.

use super::bytes::Bytes;
use super::content::Content;
use super::dir::{BlobDir, is_absent};
use super::list::{Entry, ListReader};
use super::spot::Held;
use super::store::Store;
use super::target::{lock, open_target};
use super::{BlobCounts, Revision};
use crate::{BackupName, Context, Error, Event, Interrupt, Notice, Part, Phase, Repository};
use filestorage::{BlobLayout, Tid};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use vfs::publish::{Batch, parent_dir};
use vfs::{Access, Fs, Grant, Lock, Op};

/// So many are copied before the bar moves.
const CHUNK_COUNT: usize = 512;
/// So many blobs, or so many bytes, get their names together: all that is written on the disk waits for each such step.
const SECTION_COUNT: usize = 1 << 14;
const SECTION_LEN: u64 = 1 << 30;
/// Drafts lie here, below the blob directory; ZODB looks at nothing that begins with a dot.
const DRAFTS: &str = ".repozo-new";

/// Where the blobs of a state are to go.
#[derive(Debug, Clone)]
pub struct BlobsRequest {
    /// The blob directory.
    pub dir: PathBuf,
    /// Complete it, if it is there.
    pub update: bool,
    /// What is there counts by its length, not by its content.
    pub quick: bool,
    /// What belongs to no blob of the state is put aside, when the database is there.
    pub prune_extra: bool,
}

/// What became of the blobs of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobsRestored {
    /// Blobs of the state, those that are missing not counted.
    pub count: u64,
    /// Their bytes.
    pub len: u64,
    /// Those that were written; the others were there.
    pub written_count: u64,
    /// Blobs whose file was not there when they were to be backed up.
    pub missing_count: u64,
    /// So many bytes of the transactions that were backed up are damaged: which blobs they name is not known.
    pub unread_len: u64,
    /// Files that belong to no blob of the state, and were put aside.
    pub extra_count: u64,
}

impl BlobsRestored {
    /// Whether every blob of the state is known and is there.
    pub fn is_complete(&self) -> bool {
        self.missing_count == 0 && self.unread_len == 0
    }
}

/// The blobs of a state, looked at before anything is written.
pub(crate) struct BlobsRestore<'a> {
    pub(super) ctx: &'a Context<'a>,
    repository: &'a Repository<'a>,
    pub(super) request: &'a BlobsRequest,
    /// The last transaction of the state.
    pub(super) last: Tid,
    /// The lists of its backups; each was read to its end.
    pub(super) lists: Vec<PathBuf>,
    layout: BlobLayout,
    /// Backups with damaged transactions, and how many bytes those are.
    unread: Vec<(BackupName, u64)>,
    /// What the state has.
    pub(crate) counts: BlobCounts,
    /// Keeps other restores out of the directory.
    lock: Option<Box<dyn Lock>>,
}

impl<'a> BlobsRestore<'a> {
    /// Those of the state that `parts` have up to the transaction `last`.
    ///
    /// # Errors
    /// [`Error::NoBlobs`], damaged lists, the system's.
    pub(crate) fn of(
        ctx: &'a Context<'a>,
        repository: &'a Repository<'a>,
        parts: &[Part],
        last: Option<Tid>,
        request: &'a BlobsRequest,
    ) -> Result<BlobsRestore<'a>, Error> {
        let last = last.unwrap_or_default();
        let (mut lists, mut layout, mut unread) = (Vec::new(), None, Vec::new());
        let mut counts = BlobCounts::default();
        for part in parts {
            let path = repository.blobs_path(part.name.stamp);
            let list = ListReader::find(ctx.fs, &path)?;
            let mut list = list.ok_or_else(|| Error::NoBlobs { path: repository.path_of(part.name) })?;
            list.expect_of(part)?;
            layout.get_or_insert(list.head().layout);
            unread.extend(Some(list.head().unread_len).filter(|len| *len > 0).map(|len| (part.name, len)));
            while let Some(entry) = list.next()? {
                if entry.revision.tid <= last {
                    counts.add(&entry);
                }
            }
            lists.push(path);
        }
        let layout = layout.unwrap_or(BlobLayout::Bushy);
        Ok(BlobsRestore { ctx, repository, request, last, lists, layout, unread, counts, lock: None })
    }

    /// Whether it can be done, as far as that is known before what is there was looked at. `is_replaced` says whether there is
    /// a database that the state replaces.
    ///
    /// # Errors
    /// [`Error::ExtraOfWhat`], [`Error::NoSpace`], the system's.
    pub(crate) fn check(&self, is_replaced: bool) -> Result<(), Error> {
        // The lock of the database is what tells that no server needs the blobs.
        if self.request.prune_extra && !is_replaced {
            return Err(Error::ExtraOfWhat { dir: self.request.dir.clone() });
        }
        if self.request.update {
            return Ok(());
        }
        let dir = parent_dir(&self.request.dir);
        let free_len = self.ctx.fs.free_len(dir).map_err(vfs::Error::at(Op::FreeSpace, dir))?;
        if self.counts.len > free_len {
            return Err(Error::NoSpace { dir: dir.to_owned(), needed_len: self.counts.len, free_len });
        }
        Ok(())
    }

    /// Restores them; all are durable then.
    ///
    /// # Errors
    /// [`Error::BlobDirNotEmpty`], [`Error::TargetLocked`], damaged lists and blobs, the system's.
    pub(crate) fn restore(&mut self) -> Result<BlobsRestored, Error> {
        let (ctx, request) = (self.ctx, self.request);
        let dir = open_target(ctx, request, self.layout)?;
        // Also of one that is there: whoever made it may have been killed just then.
        let parent = parent_dir(dir.path());
        ctx.note_sync(vfs::publish::sync_dir(ctx.fs, parent)?, parent);
        let access = ctx.fs.meta(dir.path()).map_err(vfs::Error::at(Op::Stat, dir.path()))?.access;
        self.lock = lock(ctx, dir.path())?;
        let dirs = Grant { mode: 0o777, gid: access.gid, uid: Some(access.uid) };
        // What is there was written by ZODB, which syncs nothing: with an update all is synced at once.
        let count = usize::try_from(self.counts.count).unwrap_or(usize::MAX);
        let count = if request.update { usize::MAX } else { count };
        let batch = Batch::begin(ctx.fs, dir.path(), DRAFTS, self.lock.is_some(), dirs, count)?;
        let store = Store::of(self.repository);
        let done = BlobsRestored::default();
        let mut run = Restoring {
            ctx,
            request,
            dir,
            access,
            store,
            batch,
            last: self.last,
            done,
            nameless: Vec::new(),
            nameless_len: 0,
        };
        ctx.tell(&Event::Began { phase: Phase::CopyingBlobs, total_len: Some(self.counts.len) });
        for list in &self.lists {
            run.list(ListReader::open(ctx.fs, list)?)?;
        }
        run.publish()?;
        ctx.tell(&Event::Ended);
        let Restoring { batch, dir, mut done, .. } = run;
        for (name, len) in &self.unread {
            done.unread_len += len;
            ctx.notice(Notice::BlobsNotKnown { path: self.repository.path_of(name), len: *len });
        }
        ctx.note_sync(batch.end()?, dir.path());
        Ok(done)
    }
}

struct Restoring<'a> {
    ctx: &'a Context<'a>,
    request: &'a BlobsRequest,
    dir: BlobDir,
    access: Access,
    store: Store,
    batch: Batch<'a>,
    last: Tid,
    done: BlobsRestored,
    /// Those whose drafts are there.
    nameless: Vec<Revision>,
    nameless_len: u64,
}

impl Restoring<'_> {
    fn list(&mut self, mut list: ListReader) -> Result<(), Error> {
        let (last, mut waiting) = (self.last, Vec::new());
        loop {
            let entry = list.next()?;
            let is_end = entry.is_none();
            // Later transactions of the last file are no part of the state.
            for Entry { revision, held } in entry.into_iter().filter(|entry| entry.revision.tid <= last) {
                match held {
                    Some(held) => waiting.push((revision, held)),
                    None => {
                        self.done.missing_count += 1;
                        self.ctx.notice(Notice::BlobNotBackedUp(self.dir.file(revision)));
                    }
                }
            }
            if is_end || waiting.len() == CHUNK_COUNT {
                self.chunk(&std::mem::take(&mut waiting))?;
            }
            if is_end {
                return Ok(());
            }
        }
    }

    fn chunk(&mut self, wanted: &[(Revision, Held)]) -> Result<(), Error> {
        self.ctx.interrupt.check()?;
        let copying = Copying {
            fs: self.ctx.fs,
            interrupt: self.ctx.interrupt,
            quick: self.request.quick,
            access: self.access,
            dir: &self.dir,
            store: &self.store,
            batch: &self.batch,
        };
        let written: Result<Vec<bool>, Error> =
            wanted.par_iter().map(|(revision, held)| copying.copy(*revision, *held)).collect();
        for ((revision, Held { content, .. }), is_written) in wanted.iter().zip(written?) {
            self.ctx.tell(&Event::Advanced(content.len));
            self.done.len += content.len;
            if is_written {
                self.nameless.push(*revision);
                self.nameless_len += content.len;
            }
        }
        self.done.count += wanted.len() as u64;
        if self.nameless.len() >= SECTION_COUNT || self.nameless_len >= SECTION_LEN {
            self.publish()?;
        }
        Ok(())
    }

    /// Gives what was copied its names.
    fn publish(&mut self) -> Result<(), Error> {
        let nameless = std::mem::take(&mut self.nameless);
        self.nameless_len = 0;
        if nameless.is_empty() {
            return Ok(());
        }
        self.batch.sync(nameless.iter().map(|revision| Store::name(*revision)))?;
        for revision in &nameless {
            self.batch.publish(&Store::name(*revision), &self.dir.file(*revision))?;
        }
        self.done.written_count += nameless.len() as u64;
        Ok(())
    }
}

/// What a thread needs to copy.
struct Copying<'a> {
    fs: &'a dyn Fs,
    interrupt: &'a Interrupt,
    quick: bool,
    access: Access,
    dir: &'a BlobDir,
    store: &'a Store,
    batch: &'a Batch<'a>,
}

impl Copying<'_> {
    /// Copies a blob into a draft, unless it is there; whether it did.
    fn copy(&self, revision: Revision, held: Held) -> Result<bool, Error> {
        if self.is_there(&self.dir.file(revision), held.content)? {
            return Ok(false);
        }
        let stored = self.store.open(self.fs, revision, held)?;
        let mut draft = self.batch.create(&Store::name(revision))?;
        let found = stored.bytes().read(self.interrupt, &mut |piece| Ok(draft.append(piece)?))?;
        stored.expect(revision, held, found)?;
        let Access { uid, gid, .. } = self.access;
        draft.set_access(Grant { mode: stored.mode & 0o444, gid, uid: Some(uid) })?;
        draft.finish()?;
        Ok(true)
    }

    fn is_there(&self, path: &Path, wanted: Content) -> Result<bool, Error> {
        if self.quick {
            return match self.fs.meta(path) {
                Ok(meta) => Ok(meta.len == wanted.len),
                Err(error) if is_absent(&error) => Ok(false),
                Err(error) => Err(vfs::Error::new(Op::Stat, path, error).into()),
            };
        }
        let file = match self.fs.open(path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(false),
            Err(error) => return Err(vfs::Error::new(Op::Open, path, error).into()),
        };
        let len = file.len().map_err(vfs::Error::at(Op::Stat, path))?;
        if len != wanted.len {
            return Ok(false);
        }
        Ok(Bytes::all(path, &*file).read(self.interrupt, &mut |_| Ok(()))? == wanted)
    }
}

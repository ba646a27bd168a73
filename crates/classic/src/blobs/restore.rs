//! The blobs of a state, into a blob directory as ZODB makes one. They come before the database: a restore that was cut off
//! leaves blobs without a database, which nobody starts by accident.

use super::Revision;
use super::bytes::Bytes;
use super::content::Content;
use super::dir::{BlobDir, is_absent};
use super::list::{Entry, ListReader};
use super::spot::Held;
use super::store::Store;
use crate::{Context, Error, Event, Interrupt, Notice, Part, Phase, Repository};
use filestorage::{BlobLayout, Tid};
use rayon::prelude::*;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use vfs::publish::{Batch, Draft, parent_dir};
use vfs::{Access, Fs, Grant, Op};

const CHUNK_COUNT: usize = 512;
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
    /// Files that belong to no blob of the state, and were put aside.
    pub extra_count: u64,
}

/// Restores the blobs of the state that `parts` have up to the transaction `last`.
///
/// # Errors
/// [`Error::NoBlobs`], [`Error::BlobDirNotEmpty`], damaged lists and blobs, the system's.
pub(crate) fn restore(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    parts: &[Part],
    last: Option<Tid>,
    request: &BlobsRequest,
) -> Result<BlobsRestored, Error> {
    let lists = open_lists(ctx, repository, parts)?;
    let dir = open_target(ctx, request, lists.first().map(|(list, _)| list.head().layout))?;
    // As many as there may be; a few are synced one by one.
    let count = usize::try_from(lists.iter().map(|(_, count)| count).sum::<u64>()).unwrap_or(usize::MAX);
    let access = ctx.fs.meta(dir.path()).map_err(vfs::Error::at(Op::Stat, dir.path()))?.access;
    let dirs = Grant { mode: 0o777, gid: access.gid, uid: Some(access.uid) };
    let batch = Batch::begin(ctx.fs, &dir.path().join(DRAFTS), dirs, count)?;
    let mut run = Restoring {
        ctx,
        request,
        dir,
        access,
        store: Store::of(repository),
        batch,
        last,
        done: BlobsRestored::default(),
    };
    ctx.tell(&Event::Began { phase: Phase::CopyingBlobs, total_len: None });
    for (list, _) in lists {
        run.list(list)?;
    }
    ctx.tell(&Event::Ended);
    let Restoring { batch, dir, done, .. } = run;
    ctx.note_sync(batch.end()?, dir.path());
    Ok(done)
}

/// The lists of all backups of a state, in their order, and how many lines each has.
pub(super) fn open_lists(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    parts: &[Part],
) -> Result<Vec<(ListReader, u64)>, Error> {
    let open = |part: &Part| {
        let path = repository.blobs_path(part.name.stamp);
        let list = ListReader::find(ctx.fs, &path)?;
        let list = list.ok_or_else(|| Error::NoBlobs { path: repository.path_of(part.name) })?;
        if (list.head().start_pos, list.head().end_pos) != (part.start_pos, part.end_pos) {
            return Err(Error::BlobList { path, reason: "it is one of other transactions than its backup" });
        }
        let counts = ListReader::open(ctx.fs, &path)?.counts()?;
        Ok((list, counts.count))
    };
    parts.iter().map(open).collect()
}

/// The blob directory: the one that is there, or a new one of the layout that was backed up.
fn open_target(
    ctx: &Context<'_>,
    request: &BlobsRequest,
    layout: Option<BlobLayout>,
) -> Result<BlobDir, Error> {
    let (dir, fs) = (&request.dir, ctx.fs);
    match fs.list(dir) {
        Ok(names) if is_begun(&names) => {
            if !request.update {
                return Err(Error::BlobDirNotEmpty { dir: dir.clone() });
            }
            return BlobDir::open(ctx, dir);
        }
        // Drafts of the marker, which a restore that died left.
        Ok(_) => drop(vfs::publish::sweep(fs, dir, &|name| name == BlobLayout::MARKER)?),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let access = fs.meta(parent_dir(dir)).map_err(vfs::Error::at(Op::Stat, parent_dir(dir)))?.access;
            let grant = Grant { mode: 0o777, gid: access.gid, uid: Some(access.uid) };
            fs.make_dir(dir, grant).map_err(vfs::Error::at(Op::MakeDir, dir))?;
        }
        Err(error) => return Err(vfs::Error::new(Op::List, dir, error).into()),
    }
    let layout = layout.unwrap_or(BlobLayout::Bushy);
    let access = fs.meta(dir).map_err(vfs::Error::at(Op::Stat, dir))?.access;
    // Without its marker a directory is taken for one of another layout.
    let mut draft = Draft::create(fs, &dir.join(BlobLayout::MARKER))?;
    draft.append(layout.marker().as_bytes())?;
    draft.set_access(Grant { mode: access.mode & 0o666, gid: access.gid, uid: Some(access.uid) })?;
    ctx.note_sync(draft.publish_over()?, dir);
    ctx.note_sync(vfs::publish::sync_dir(fs, parent_dir(dir))?, parent_dir(dir));
    Ok(BlobDir::with_layout(dir, layout))
}

/// Whether there is more than a restore leaves that died before it wrote the marker.
fn is_begun(names: &[OsString]) -> bool {
    let is_draft = |name: &OsString| {
        name == DRAFTS || vfs::publish::draft_target(name).is_some_and(|target| target == BlobLayout::MARKER)
    };
    !names.iter().all(is_draft)
}

struct Restoring<'a> {
    ctx: &'a Context<'a>,
    request: &'a BlobsRequest,
    dir: BlobDir,
    access: Access,
    store: Store,
    batch: Batch<'a>,
    last: Option<Tid>,
    done: BlobsRestored,
}

impl Restoring<'_> {
    fn list(&mut self, mut list: ListReader) -> Result<(), Error> {
        let last = self.last.unwrap_or_default();
        let mut waiting = Vec::new();
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
        let written = written?;
        let names = wanted.iter().zip(&written).filter(|(_, written)| **written);
        let names: Vec<Revision> = names.map(|((revision, _), _)| *revision).collect();
        self.batch.sync(names.iter().map(|revision| Store::name(*revision)))?;
        for revision in &names {
            self.batch.publish(&Store::name(*revision), &self.dir.file(*revision))?;
        }
        for (_, Held { content, .. }) in wanted {
            self.ctx.tell(&Event::Advanced(content.len));
            self.done.len += content.len;
        }
        self.done.count += wanted.len() as u64;
        self.done.written_count += names.len() as u64;
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
        let file = match self.fs.open(path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(false),
            Err(error) => return Err(vfs::Error::new(Op::Open, path, error).into()),
        };
        let len = file.len().map_err(vfs::Error::at(Op::Stat, path))?;
        if len != wanted.len || self.quick {
            return Ok(len == wanted.len);
        }
        Ok(Bytes::all(path, &*file).read(self.interrupt, &mut |_| Ok(()))? == wanted)
    }
}

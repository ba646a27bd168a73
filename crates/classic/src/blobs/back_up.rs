//! Copying the blobs that the backups of the newest chain name and that the repository does not have yet.

use super::content::Content;
use super::dir::{BlobDir, is_absent};
use super::gather::revisions_in;
use super::list::{Entry, Head, ListReader, ListWriter, read_ends};
use super::store::Store;
use super::{BlobCounts, Revision};
use crate::source::Source;
use crate::{Context, Error, Event, Interrupt, Limit, Notice, Part, Phase, Repository};
use filestorage::{Boundary, Magic};
use rayon::prelude::*;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use vfs::publish::Batch;
use vfs::{Fs, Grant, Op};

/// So many are copied before the bar moves.
const CHUNK_COUNT: usize = 512;
/// So many missing ones are told by name.
const TOLD_COUNT: usize = 20;

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
}

/// Makes the lists of blobs that the newest chain lacks, and copies what they name from the blob directory `dir`; tries
/// again for what was missing before. The caller holds the lock of the repository, and the chain is a beginning of `source`.
///
/// # Errors
/// Whatever kept it; the lists that were published stand.
pub(crate) fn back_up(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    source: &Source,
    dir: &Path,
) -> Result<BlobsBackedUp, Error> {
    let survey = repository.survey()?;
    let Some(chain) = survey.chain_at(&Limit::Newest) else { return Ok(BlobsBackedUp::default()) };
    let blob_dir = BlobDir::open(ctx, dir)?;
    let old_dir = blob_dir.beside(".old");
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
        store: Store::of(repository),
        dirs: [blob_dir, old_dir],
        lists,
        done: BlobsBackedUp::default(),
        told_count: 0,
    };
    for part in chain.tile().parts {
        ctx.interrupt.check()?;
        run.part(&part)?;
    }
    run.tell_missing();
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
    store: Store,
    /// The blob directory, and where a pack put what it removed.
    dirs: [BlobDir; 2],
    /// The lists that there may be, of all chains.
    lists: Vec<PathBuf>,
    done: BlobsBackedUp,
    told_count: usize,
}

/// A blob of which a line is to be written.
struct Wanted {
    revision: Revision,
    /// What a list says of it.
    known: Option<Content>,
}

impl<'a> BackUp<'a> {
    /// Makes the list of one backup, if there is none that is sound, or one with missing blobs.
    fn part(&mut self, part: &Part) -> Result<(), Error> {
        let path = self.repository.blobs_path(part.name.stamp);
        let range = (part.start_pos, part.end_pos);
        let wanted = match read_ends(self.ctx.fs, &path) {
            Ok((head, counts)) if (head.start_pos, head.end_pos) == range && counts.missing_count == 0 => {
                self.count(counts);
                return Ok(());
            }
            Ok((head, counts)) if (head.start_pos, head.end_pos) == range => match self.tried_again(&path)? {
                Some(wanted) => wanted,
                None => {
                    self.count(counts);
                    return Ok(());
                }
            },
            Ok(_) => self.all_of(part)?,
            Err(Error::File(error)) if error.is_not_found() => self.all_of(part)?,
            Err(error @ Error::BlobList { .. }) => {
                self.ctx.notice(Notice::BlobListAnew(error.to_string()));
                self.all_of(part)?
            }
            Err(error) => return Err(error),
        };
        self.write_list(part, &path, &wanted)
    }

    /// What a list with missing blobs names, if one of them is there by now.
    fn tried_again(&mut self, path: &Path) -> Result<Option<Vec<Wanted>>, Error> {
        let mut list = ListReader::open(self.ctx.fs, path)?;
        let (mut wanted, mut is_found) = (Vec::new(), false);
        while let Some(Entry { revision, content }) = list.next()? {
            if content.is_none() {
                let is_there = self.dirs.iter().any(|dir| self.ctx.fs.meta(&dir.file(revision)).is_ok());
                is_found |= is_there;
                if !is_there {
                    self.tell(revision);
                }
            }
            wanted.push(Wanted { revision, known: content });
        }
        Ok(is_found.then_some(wanted))
    }

    /// What the transactions of a backup name, and what other lists say of it.
    fn all_of(&mut self, part: &Part) -> Result<Vec<Wanted>, Error> {
        let bytes = self.source.bytes();
        let start = match part.start_pos.max(Magic::LEN) {
            Magic::LEN => Boundary::start(bytes).map(Some),
            pos => Boundary::at(bytes, pos),
        };
        let start = start.map_err(|error| self.source.error(error))?;
        let start = start.ok_or_else(|| self.source.changed("a transaction in its middle is another one"))?;
        let revisions = revisions_in(self.ctx, &self.source.path, bytes, start, part.end_pos)?;
        let mut wanted: Vec<Wanted> =
            revisions.into_iter().map(|revision| Wanted { revision, known: None }).collect();
        if part.name.is_full() {
            self.find_known(&mut wanted)?;
        }
        Ok(wanted)
    }

    /// A full names what older chains named; what the increments of one chain name is new each time.
    fn find_known(&self, wanted: &mut [Wanted]) -> Result<(), Error> {
        for path in &self.lists {
            self.ctx.interrupt.check()?;
            // A list that is damaged says nothing that is believed; verify tells of it.
            let Ok(known) = self.known_of(path, wanted) else { continue };
            for (at, content) in known {
                wanted[at].known = Some(content);
            }
        }
        Ok(())
    }

    fn known_of(&self, path: &Path, wanted: &[Wanted]) -> Result<Vec<(usize, Content)>, Error> {
        let mut list = ListReader::open(self.ctx.fs, path)?;
        let mut known = Vec::new();
        while let Some(Entry { revision, content }) = list.next()? {
            let at = wanted.binary_search_by_key(&revision, |wanted| wanted.revision);
            known.extend(at.ok().zip(content));
        }
        Ok(known)
    }

    /// Copies what is to be copied, and publishes the list when all of it is durable.
    fn write_list(&mut self, part: &Part, path: &Path, wanted: &[Wanted]) -> Result<(), Error> {
        let layout = self.dirs[0].layout();
        let head = Head { start_pos: part.start_pos, end_pos: part.end_pos, layout };
        let mut list = ListWriter::new(self.source.draft(self.ctx, path)?, head);
        let is_there = |wanted: &Wanted| self.is_stored(wanted);
        let stored: Vec<bool> = wanted.par_iter().map(is_there).collect();
        let copy_count = stored.iter().filter(|stored| !**stored).count();
        let mut batch = self.begin(copy_count)?;
        let (mut copied, mut copied_len, mut missing) = (Vec::new(), 0, Vec::new());
        self.ctx.tell(&Event::Began { phase: Phase::CopyingBlobs, total_len: None });
        for (wanted, stored) in wanted.chunks(CHUNK_COUNT).zip(stored.chunks(CHUNK_COUNT)) {
            self.ctx.interrupt.check()?;
            let chunk = Copying {
                fs: self.ctx.fs,
                interrupt: self.ctx.interrupt,
                dirs: &self.dirs,
                batch: batch.as_ref(),
                gid: self.source.access.gid,
            };
            let each = wanted.par_iter().zip(stored);
            let entries: Result<Vec<Entry>, Error> =
                each.map(|(wanted, stored)| chunk.entry(wanted, *stored)).collect();
            let entries = entries?;
            for (entry, stored) in entries.iter().zip(stored) {
                list.push(entry)?;
                match entry.content {
                    Some(content) if !stored => {
                        self.ctx.tell(&Event::Advanced(content.len));
                        copied_len += content.len;
                        copied.push(entry.revision);
                    }
                    Some(_) => {}
                    None => missing.push(entry.revision),
                }
            }
        }
        self.ctx.tell(&Event::Ended);
        if let Some(batch) = batch.take() {
            self.publish(batch, &copied)?;
        }
        let (draft, counts) = list.end()?;
        let synced = draft.publish_over()?;
        self.ctx.note_sync(synced, self.repository.dir());
        self.count(counts);
        self.done.copied_count += copied.len() as u64;
        self.done.copied_len += copied_len;
        missing.into_iter().for_each(|revision| self.tell(revision));
        Ok(())
    }

    /// Whether the repository has a blob as a list says.
    fn is_stored(&self, wanted: &Wanted) -> bool {
        let len = || self.ctx.fs.meta(&self.store.path(wanted.revision)).ok().map(|meta| meta.len);
        wanted.known.is_some_and(|content| len() == Some(content.len))
    }

    /// A batch of so many blobs; none for nothing.
    fn begin(&self, count: usize) -> Result<Option<Batch<'a>>, Error> {
        if count == 0 {
            return Ok(None);
        }
        let (fs, dir) = (self.ctx.fs, self.repository.dir());
        // Who may read the repository may read what is in it, as far as each blob itself says.
        let access = fs.meta(dir).map_err(vfs::Error::at(Op::Stat, dir))?.access;
        let dirs = Grant { mode: access.mode & 0o777, gid: access.gid, uid: None };
        match fs.make_dir(self.store.dir(), dirs) {
            Ok(()) => self.ctx.note_sync(vfs::publish::sync_dir(fs, dir)?, dir),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(vfs::Error::new(Op::MakeDir, self.store.dir(), error).into()),
        }
        Ok(Some(Batch::begin(fs, &self.store.drafts_dir(), dirs, count)?))
    }

    fn publish(&self, mut batch: Batch<'_>, copied: &[Revision]) -> Result<(), Error> {
        batch.sync(copied.iter().map(|revision| Store::name(*revision)))?;
        for revision in copied {
            batch.publish(&Store::name(*revision), &self.store.path(*revision))?;
        }
        self.ctx.note_sync(batch.end()?, self.store.dir());
        Ok(())
    }

    fn count(&mut self, counts: BlobCounts) {
        self.done.count += counts.count;
        self.done.len += counts.len;
        self.done.missing_count += counts.missing_count;
    }

    fn tell(&mut self, revision: Revision) {
        self.told_count += 1;
        if self.told_count <= TOLD_COUNT {
            self.ctx.notice(Notice::BlobMissing(self.dirs[0].file(revision)));
        }
    }

    fn tell_missing(&self) {
        if let Some(count) = self.told_count.checked_sub(TOLD_COUNT).filter(|count| *count > 0) {
            self.ctx.notice(Notice::MoreBlobsMissing { dir: self.dirs[0].path().to_owned(), count });
        }
    }
}

/// What a thread needs to copy.
struct Copying<'a> {
    fs: &'a dyn Fs,
    interrupt: &'a Interrupt,
    dirs: &'a [BlobDir; 2],
    batch: Option<&'a Batch<'a>>,
    gid: u32,
}

impl Copying<'_> {
    /// The line of a blob, which is copied unless it is stored.
    fn entry(&self, wanted: &Wanted, stored: bool) -> Result<Entry, Error> {
        let revision = wanted.revision;
        if stored {
            return Ok(Entry { revision, content: wanted.known });
        }
        for dir in self.dirs {
            if let Some(content) = self.copy(&dir.file(revision), &Store::name(revision))? {
                return Ok(Entry { revision, content: Some(content) });
            }
        }
        Ok(Entry { revision, content: None })
    }

    /// Copies a file into a draft; `None` if it is not there.
    fn copy(&self, from: &Path, name: &str) -> Result<Option<Content>, Error> {
        let Some(batch) = self.batch else { return Ok(None) };
        let file = match self.fs.open(from) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(vfs::Error::new(Op::Open, from, error).into()),
        };
        let mode = file.meta().map_err(vfs::Error::at(Op::Stat, from))?.access.mode;
        let mut draft = batch.create(name)?;
        let content = Content::of(self.interrupt, from, &*file, &mut |bytes| Ok(draft.append(bytes)?))?;
        draft.set_access(Grant { mode: 0o400 | mode & 0o444, gid: self.gid, uid: None })?;
        draft.finish()?;
        Ok(Some(content))
    }
}

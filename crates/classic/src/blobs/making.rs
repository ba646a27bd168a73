//! A list of blobs is made: what it names is taken from what is known of it, or copied, and is durable before the list is.

use super::copied::Copied;
use super::copying::{Copying, Outcome, Trust};
use super::dir::BlobDir;
use super::gather::{RecordKind, gather};
use super::known::{KnownLines, Wanted};
use super::list::{Entry, Head, ListWriter};
use super::spot::Held;
use super::store::Store;
use super::{BlobCounts, Revision};
use crate::repository::Survey;
use crate::source::draft_like;
use crate::{Context, Error, Event, Part, Phase, Repository};
use filestorage::{BlobLayout, Boundary, Magic};
use rayon::prelude::*;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use vfs::publish::Batch;
use vfs::{Access, Grant, Op, ReadAt};

/// So many are copied before the bar moves.
const CHUNK_COUNT: usize = 512;

/// Where the transactions are that name blobs.
pub(super) struct Origin<'a> {
    pub(super) path: &'a Path,
    pub(super) bytes: &'a dyn ReadAt,
    /// Who may read them may read the lists, too.
    pub(super) access: Access,
}

/// What is needed to make lists.
pub(super) struct Making<'a> {
    pub(super) ctx: &'a Context<'a>,
    pub(super) repository: &'a Repository<'a>,
    pub(super) origin: Origin<'a>,
    pub(super) store: Store,
    /// Where blobs are looked for, in this order.
    pub(super) dirs: Vec<BlobDir>,
    /// How a blob directory of this database is laid out.
    pub(super) layout: BlobLayout,
    /// What the lists say that there are, of all chains.
    pub(super) known: KnownLines<'a>,
    /// What makes sure that the repository has a blob.
    pub(super) trust: Trust,
    /// Small ones are put together.
    pub(super) together: bool,
    /// Whether no other run can be at the repository.
    pub(super) is_locked: bool,
}

/// The blobs of a backup.
pub(super) struct Named {
    pub(super) wanted: Vec<Wanted>,
    /// So many bytes of its transactions could not be looked through.
    pub(super) unread_len: u64,
}

/// The lists that there may be.
pub(super) fn lists_of(repository: &Repository<'_>, survey: &Survey) -> Vec<PathBuf> {
    let names = survey.chains.iter().flat_map(|chain| &chain.files);
    names.map(|name| repository.blobs_path(name.stamp)).collect()
}

impl<'a> Making<'a> {
    /// Whether a blob has a file in one of the directories.
    pub(super) fn is_there(&self, revision: Revision) -> bool {
        self.dirs.iter().any(|dir| self.ctx.fs.meta(&dir.file(revision)).is_ok())
    }

    /// What the transactions of a backup name, and what the lists of all chains say of it, if it is to be looked up there.
    pub(super) fn named_by_records(&self, part: &Part, looks_up: bool) -> Result<Named, Error> {
        let Origin { path, bytes, .. } = self.origin;
        let start = match part.start_pos.max(Magic::LEN) {
            Magic::LEN => Boundary::start(bytes).map(Some),
            pos => Boundary::at(bytes, pos),
        };
        let start = start.map_err(|error| Error::of_source(error, path))?;
        let what = "a transaction in its middle is another one";
        let start = start.ok_or_else(|| Error::SourceChanged { path: path.to_owned(), what })?;
        let mut wanted = Vec::new();
        let each = |revision, kind| {
            // What is encrypted is a blob where it has a file.
            if kind == RecordKind::Blob || self.is_there(revision) {
                wanted.push(Wanted { revision, line: None });
            }
        };
        let unread_len = gather(self.ctx, path, bytes, start, part.end_pos, each)?;
        wanted.sort_unstable_by_key(|wanted| wanted.revision);
        // A transaction can have two records of one object.
        wanted.dedup_by_key(|wanted| wanted.revision);
        if looks_up {
            self.known.find(self.ctx, &mut wanted)?;
        }
        Ok(Named { wanted, unread_len })
    }

    /// Makes the list of a backup, copies what the repository lacks of it, and publishes it when all of it is durable; what
    /// became of the blobs. A list that is not new is published only if something was copied.
    pub(super) fn make(
        &mut self,
        part: &Part,
        Named { wanted, unread_len }: &Named,
        is_new: bool,
    ) -> Result<(Copied, BlobCounts), Error> {
        let path = self.repository.blobs_path(part.name.stamp);
        let head = Head {
            start_pos: part.start_pos,
            end_pos: part.end_pos,
            layout: self.layout,
            unread_len: *unread_len,
        };
        let mut list = ListWriter::new(draft_like(self.ctx, &path, self.origin.access)?, head);
        let mut copied = Copied::default();
        if !wanted.is_empty() {
            self.ctx.tell(&Event::Began { phase: Phase::CopyingBlobs, total_len: None });
            copied = self.copy(part, wanted, &mut list)?;
            self.ctx.tell(&Event::Ended);
        }
        let (draft, counts) = list.end()?;
        if is_new || copied.count > 0 {
            let synced = draft.publish_over()?;
            self.ctx.note_sync(synced, self.repository.dir());
        }
        Ok((copied, counts))
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
            gid: self.origin.access.gid,
            together: self.together,
            trust: self.trust,
        };
        let (mut copied, mut containers) = (Copied::default(), copying.containers(part.name.stamp));
        for wanted in wanted.chunks(CHUNK_COUNT) {
            self.ctx.interrupt.check()?;
            let old_len = copied.len;
            let known: Result<Vec<Option<Held>>, Error> =
                wanted.iter().map(|wanted| self.known.held(wanted)).collect();
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
        Ok(Batch::begin(fs, self.store.dir(), Store::DRAFTS, self.is_locked, dirs, count)?)
    }
}

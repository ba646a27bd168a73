//! A list of blobs is made: what it names is taken from what is known of it, or copied, and is durable before the list is.

use super::container::Containers;
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
use crate::{Chain, ChainReader, Context, Error, Event, Part, Phase, Repository};
use filestorage::{BlobLayout, Boundary, Magic};
use rayon::prelude::*;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use vfs::publish::Batch;
use vfs::{Access, Grant, Op, ReadAt};

/// So many are copied before the bar moves.
const CHUNK_COUNT: usize = 512;

/// Where the transactions are that name blobs.
pub(super) struct Origin<'a> {
    pub(super) path: PathBuf,
    pub(super) bytes: &'a dyn ReadAt,
    /// Who may read them may read the lists, too.
    pub(super) access: Access,
}

/// What all lists of a run are made with.
#[derive(Clone)]
pub(super) struct Ground<'a> {
    pub(super) ctx: &'a Context<'a>,
    pub(super) repository: &'a Repository<'a>,
    /// Where blobs are looked for, in this order.
    pub(super) dirs: Vec<BlobDir>,
    /// How a blob directory of this database is laid out.
    pub(super) layout: BlobLayout,
    /// What makes sure that the repository has a blob.
    pub(super) trust: Trust,
    /// Small ones are put together.
    pub(super) together: bool,
    /// Whether no other run can be at the repository.
    pub(super) is_locked: bool,
    /// When so many bytes were copied they get their names, and are there for a next run if this one dies.
    pub(super) section_len: u64,
}

/// What is needed to make the lists of a chain.
pub(super) struct Making<'a> {
    pub(super) ground: Ground<'a>,
    origin: Origin<'a>,
    pub(super) store: Store,
    /// What the lists say that there are, of all chains.
    pub(super) known: KnownLines<'a>,
    /// Whether files may share their blocks, as far as was seen.
    shares: AtomicBool,
}

/// The blobs of a backup.
pub(super) struct Named {
    pub(super) wanted: Vec<Wanted>,
    /// So many bytes of its transactions could not be looked through.
    pub(super) unread_len: u64,
    /// Whether they are those of its own list: what has a line there stays what it was.
    pub(super) is_listed: bool,
}

/// Whether there was no room.
fn is_full(error: &Error) -> bool {
    let Error::File(error) = error else { return false };
    matches!(error.source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// The lists that there may be.
fn lists_of(repository: &Repository<'_>, survey: &Survey) -> Vec<PathBuf> {
    let names = survey.chains.iter().flat_map(|chain| &chain.files);
    names.map(|name| repository.blobs_path(name.stamp)).collect()
}

impl<'a> Making<'a> {
    /// For a chain that is a beginning of `origin`.
    pub(super) fn of(ground: Ground<'a>, origin: Origin<'a>, survey: &Survey) -> Making<'a> {
        let store = Store::of(ground.repository);
        let known = KnownLines::of(ground.ctx.fs, lists_of(ground.repository, survey));
        Making { ground, origin, store, known, shares: AtomicBool::new(true) }
    }

    /// For a chain whose transactions `reader` has.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn of_chain(
        ground: Ground<'a>,
        chain: &Chain,
        reader: &'a ChainReader<'a>,
        survey: &Survey,
    ) -> Result<Making<'a>, Error> {
        let full = ground.repository.path_of(chain.full);
        let access = ground.ctx.fs.meta(&full).map_err(vfs::Error::at(Op::Stat, &full))?.access;
        Ok(Making::of(ground, Origin { path: full, bytes: reader, access }, survey))
    }

    /// Whether a blob has a file in one of the directories.
    pub(super) fn is_there(&self, revision: Revision) -> bool {
        self.ground.dirs.iter().any(|dir| self.ground.ctx.fs.meta(&dir.file(revision)).is_ok())
    }

    /// What the transactions of a backup whose list is lost name, and what all lists and containers say of it.
    pub(super) fn named_anew(&mut self, part: &Part) -> Result<Named, Error> {
        let mut named = self.named_by_records(part, true)?;
        if named.wanted.iter().any(|wanted| wanted.line.is_none()) {
            self.known.find_in_containers(self.ground.ctx, &self.store, &mut named.wanted)?;
        }
        Ok(named)
    }

    /// What the transactions of a backup name, and what the lists of all chains say of it, if it is to be looked up there.
    pub(super) fn named_by_records(&self, part: &Part, looks_up: bool) -> Result<Named, Error> {
        let Origin { path, bytes, .. } = &self.origin;
        let start = match part.start_pos.max(Magic::LEN) {
            Magic::LEN => Boundary::start(*bytes).map(Some),
            pos => Boundary::at(*bytes, pos),
        };
        let start = start.map_err(|error| Error::of_source(error, path))?;
        let what = "a transaction in its middle is another one";
        let start = start.ok_or_else(|| Error::SourceChanged { path: path.clone(), what })?;
        let mut wanted = Vec::new();
        let each = |revision, kind| {
            // What is encrypted is a blob where it has a file.
            if kind == RecordKind::Blob || self.is_there(revision) {
                wanted.push(Wanted { revision, line: None });
            }
        };
        let unread_len = gather(self.ground.ctx, path, *bytes, start, part.end_pos, each)?;
        wanted.sort_unstable_by_key(|wanted| wanted.revision);
        // A transaction can have two records of one object.
        wanted.dedup_by_key(|wanted| wanted.revision);
        if looks_up {
            self.known.find(self.ground.ctx, &mut wanted)?;
        }
        Ok(Named { wanted, unread_len, is_listed: false })
    }

    /// Makes the list of a backup, copies what the repository lacks of it, and publishes it when all of it is durable; what
    /// became of the blobs. A list that is not new is published only if something was copied or found.
    pub(super) fn make(
        &mut self,
        part: &Part,
        named @ Named { wanted, unread_len, .. }: &Named,
        is_new: bool,
    ) -> Result<(Copied, BlobCounts), Error> {
        let path = self.ground.repository.blobs_path(part.name.stamp);
        let head = Head {
            start_pos: part.start_pos,
            end_pos: part.end_pos,
            layout: self.ground.layout,
            unread_len: *unread_len,
        };
        let mut list = ListWriter::new(draft_like(self.ground.ctx, &path, self.origin.access)?, head);
        let mut copied = Copied::default();
        if !wanted.is_empty() {
            self.ground.ctx.tell(&Event::Began { phase: Phase::CopyingBlobs, total_len: None });
            copied = self.copy(part, named, &mut list)?;
            self.ground.ctx.tell(&Event::Ended);
        }
        let ended = list.end().and_then(|(draft, counts)| Ok((draft.finish()?, counts)));
        let (draft, counts) = ended.inspect_err(|error| self.give_room(error, &copied, wanted))?;
        if is_new || copied.count > 0 || !copied.found.is_empty() {
            let synced = draft.publish_over()?;
            self.ground.ctx.note_sync(synced, self.ground.repository.dir());
        }
        Ok((copied, counts))
    }

    /// Writes the lines of a list, and copies those blobs that the repository does not have; all of them are durable then.
    fn copy(&mut self, part: &Part, named: &Named, list: &mut ListWriter<'_>) -> Result<Copied, Error> {
        let mut copied = Copied::default();
        match self.copy_all(part, named, list, &mut copied) {
            Ok(()) => Ok(copied),
            Err(error) => {
                self.give_room(&error, &copied, &named.wanted);
                Err(error)
            }
        }
    }

    /// Takes away what was copied in vain, if there was no room for the rest or for the list.
    fn give_room(&self, error: &Error, copied: &Copied, wanted: &[Wanted]) {
        // Another run may have named what it found there.
        if is_full(error) && self.ground.is_locked {
            copied.withdraw(self.ground.ctx.fs, wanted, &self.store);
        }
    }

    fn copy_all(
        &mut self,
        part: &Part,
        Named { wanted, is_listed, .. }: &Named,
        list: &mut ListWriter<'_>,
        copied: &mut Copied,
    ) -> Result<(), Error> {
        let new_count = wanted.iter().filter(|wanted| wanted.line.is_none()).count();
        let (mut batch, gid) = (self.begin(new_count)?, self.origin.access.gid);
        let mut containers = Containers::new(self.ground.ctx.fs, &self.store, part.name.stamp, gid);
        for lines in wanted.chunks(CHUNK_COUNT) {
            self.ground.ctx.interrupt.check()?;
            let old_len = copied.len;
            let known: Result<Vec<Option<Held>>, Error> =
                lines.iter().map(|wanted| self.known.held(wanted)).collect();
            let copying = Copying {
                fs: self.ground.ctx.fs,
                interrupt: self.ground.ctx.interrupt,
                dirs: &self.ground.dirs,
                store: &self.store,
                batch: &batch,
                gid,
                together: self.ground.together,
                trust: self.ground.trust,
                is_listed: *is_listed,
                shares: &self.shares,
            };
            let each = lines.par_iter().zip(known?);
            let outcomes: Result<Vec<Outcome>, Error> =
                each.map(|(wanted, known)| copying.take(wanted.revision, known)).collect();
            for (Wanted { revision, .. }, outcome) in lines.iter().zip(outcomes?) {
                let held = copied.add(*revision, outcome, &mut containers, &batch)?;
                list.push(&Entry { revision: *revision, held })?;
                if copied.is_section(self.ground.section_len) {
                    copied.publish(wanted, &[], &self.store, &mut batch)?;
                }
            }
            self.ground.ctx.tell(&Event::Advanced(copied.len - old_len));
        }
        copied.publish(wanted, &containers.end()?, &self.store, &mut batch)?;
        self.ground.ctx.note_sync(batch.end()?, self.store.dir());
        Ok(())
    }

    /// A batch of so many blobs.
    fn begin(&self, count: usize) -> Result<Batch<'a>, Error> {
        let (fs, dir) = (self.ground.ctx.fs, self.ground.repository.dir());
        // Who may read the repository may read what is in it, as far as each blob itself says.
        let access = fs.meta(dir).map_err(vfs::Error::at(Op::Stat, dir))?.access;
        let dirs = Grant { mode: access.mode & 0o777, gid: access.gid, uid: None };
        match fs.make_dir(self.store.dir(), dirs) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(vfs::Error::new(Op::MakeDir, self.store.dir(), error).into()),
        }
        // Also one that is there: a run that died may have made it.
        self.ground.ctx.note_sync(vfs::publish::sync_dir(fs, dir)?, dir);
        Ok(Batch::begin(fs, self.store.dir(), Store::DRAFTS, self.ground.is_locked, dirs, count)?)
    }
}

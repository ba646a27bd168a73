use super::Revision;
use super::bytes::Bytes;
use super::container::{Containers, SMALL_LEN, Small};
use super::content::Content;
use super::dir::{BlobDir, is_absent};
use super::spot::{Held, Spot};
use super::store::{Store, Stored};
use crate::{Error, Interrupt, Stamp};
use std::path::Path;
use vfs::publish::Batch;
use vfs::{Fs, Grant, Op, ReadFile};

/// What makes sure that the repository has a blob as a list says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Its length.
    Length,
    /// All of it is read. What is wrong is replaced by its like alone.
    Hash,
}

/// What a thread needs to copy blobs into drafts.
pub(super) struct Copying<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) interrupt: &'a Interrupt,
    /// Where the blob may be, in the order in which it is looked for.
    pub(super) dirs: &'a [BlobDir],
    pub(super) store: &'a Store,
    pub(super) batch: &'a Batch<'a>,
    pub(super) gid: u32,
    /// Small ones are put together.
    pub(super) together: bool,
    pub(super) trust: Trust,
}

/// What became of one blob.
pub(super) enum Taken {
    /// The repository has it.
    Had(Held),
    /// The repository has it, though no list says so, and the blob directory does not.
    Found(Held),
    /// It is in a draft of its own, under the name of its revision.
    Copied(Held),
    /// It was read, to be put together with others.
    Read(Small),
    /// It is in none of the directories.
    Missing,
}

/// A blob, and whether the repository has another one under its oid and tid.
pub(super) struct Outcome {
    pub(super) taken: Taken,
    pub(super) differs: bool,
    /// What the repository has is damaged, and there is no other.
    pub(super) is_lost: bool,
}

impl Outcome {
    fn of(taken: Taken) -> Outcome {
        Outcome { taken, differs: false, is_lost: false }
    }
}

impl Copying<'_> {
    /// Copies a blob, unless the repository has it as a list says. A blob never changes: one of another length than before is
    /// copied all the same, and takes the place of no other.
    ///
    /// # Errors
    /// An interruption, the system's.
    pub(super) fn take(&self, revision: Revision, known: Option<Held>) -> Result<Outcome, Error> {
        if let (Some(held), Trust::Hash) = (known, self.trust) {
            return self.take_read(revision, held);
        }
        let had = known.filter(|held| self.store.has(self.fs, revision, *held));
        for dir in self.dirs {
            let from = dir.file(revision);
            // What the repository has is not opened.
            if let Some(held) = had
                && self.fs.meta(&from).is_ok_and(|meta| meta.len == held.content.len)
            {
                return Ok(Outcome::of(Taken::Had(held)));
            }
            match self.fs.open(&from) {
                Ok(file) => return self.copy(&from, &*file, revision, known, had.is_some()),
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(vfs::Error::new(Op::Open, &from, error).into()),
            }
        }
        // Where the server has lost it, what the repository has is all there is.
        let taken = match (had, known) {
            (Some(held), _) => Taken::Had(held),
            (None, None) => self.stored(revision)?.map_or(Taken::Missing, Taken::Found),
            (None, Some(_)) => Taken::Missing,
        };
        Ok(Outcome::of(taken))
    }

    /// [`Copying::take`] of a blob that is read.
    fn take_read(&self, revision: Revision, held: Held) -> Result<Outcome, Error> {
        let read = |stored: &Stored| stored.bytes().read(self.interrupt, &mut |_| Ok(()));
        let found = self.store.open(self.fs, revision, held).and_then(|stored| read(&stored));
        match found {
            Ok(content) if content == held.content => return Ok(Outcome::of(Taken::Had(held))),
            Err(error @ Error::Interrupted { .. }) => return Err(error),
            _ => {}
        }
        for dir in self.dirs {
            let from = dir.file(revision);
            // One that cannot be read heals nothing, and neither does another one.
            let Ok(file) = self.fs.open(&from) else { continue };
            if Bytes::all(&from, &*file).read(self.interrupt, &mut |_| Ok(()))? != held.content {
                continue;
            }
            let mode = file.meta().map_err(vfs::Error::at(Op::Stat, &from))?.access.mode & 0o444;
            let content = self.draft(&Bytes::all(&from, &*file), mode, revision)?;
            // A container is not written into; the file of its own takes no other's place.
            let is_taken = self.stored(revision)?.is_some_and(|stored| stored.content != content);
            let spot = match held.spot {
                Spot::Within(..) if is_taken => Spot::ByHash,
                Spot::Within(..) => Spot::Alone,
                spot => spot,
            };
            return Ok(Outcome::of(Taken::Copied(Held { content, spot })));
        }
        Ok(Outcome { is_lost: true, ..Outcome::of(Taken::Had(held)) })
    }

    fn draft(&self, source: &Bytes<'_>, mode: u32, revision: Revision) -> Result<Content, Error> {
        let mut draft = self.batch.create(&Store::name(revision))?;
        let content = source.read(self.interrupt, &mut |piece| Ok(draft.append(piece)?))?;
        draft.set_access(Grant { mode: 0o400 | mode, gid: self.gid, uid: None })?;
        draft.finish()?;
        Ok(content)
    }

    fn copy(
        &self,
        from: &Path,
        file: &dyn ReadFile,
        revision: Revision,
        known: Option<Held>,
        differs: bool,
    ) -> Result<Outcome, Error> {
        let meta = file.meta().map_err(vfs::Error::at(Op::Stat, from))?;
        let (mode, source) = (meta.access.mode & 0o444, Bytes::all(from, file));
        // A file of its own that was lost comes back where the lists look for it.
        let is_own = known.is_some_and(|held| held.spot == Spot::Alone) && !differs;
        if self.together && !is_own && meta.len < SMALL_LEN {
            let mut bytes = Vec::new();
            let content = source.read(self.interrupt, &mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?;
            return Ok(Outcome { differs, ..Outcome::of(Taken::Read(Small { content, bytes, mode })) });
        }
        let content = self.draft(&source, mode, revision)?;
        let is_as_listed = is_own && known.is_some_and(|held| held.content == content);
        let stored = if is_as_listed { None } else { self.stored(revision)? };
        // What is there may be all that is left of a state: it is replaced by its like alone.
        let is_other = stored.is_some_and(|stored| stored.content != content);
        let spot = if is_other { Spot::ByHash } else { Spot::Alone };
        let taken = Taken::Copied(Held { content, spot });
        Ok(Outcome { differs: differs || is_other, ..Outcome::of(taken) })
    }

    /// What stands in the repository under the name of a blob, whatever lists say.
    fn stored(&self, revision: Revision) -> Result<Option<Held>, Error> {
        let path = self.store.path(revision);
        let file = match self.fs.open(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(vfs::Error::new(Op::Open, &path, error).into()),
        };
        let content = Bytes::all(&path, &*file).read(self.interrupt, &mut |_| Ok(()))?;
        Ok(Some(Held { content, spot: Spot::Alone }))
    }

    /// Where small blobs of one list are put together.
    pub(super) fn containers(&self, stamp: Stamp) -> Containers<'_> {
        Containers::new(self.fs, self.store, self.batch, stamp, self.gid)
    }
}

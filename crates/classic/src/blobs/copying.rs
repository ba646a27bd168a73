use super::Revision;
use super::bytes::Bytes;
use super::container::{SMALL_LEN, Small};
use super::content::Content;
use super::dir::{BlobDir, is_absent};
use super::spot::{Held, Spot};
use super::store::{Store, Stored};
use crate::{Error, Interrupt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use vfs::publish::{Batch, BatchFile};
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
    /// What is known of a blob stands in the list that is made anew.
    pub(super) is_listed: bool,
    /// Whether files may share their blocks, as far as was seen.
    pub(super) shares: &'a AtomicBool,
}

/// What became of one blob.
pub(super) enum Taken {
    /// The repository has it.
    Had(Held),
    /// The repository has it as the blob directory does, though no list says so: a run that died copied it.
    Kept(Held),
    /// The repository has it, though no list says so, and the blob directory does not.
    Found(Held),
    /// It is in a draft of its own, under the name of its revision.
    Copied(Held),
    /// It was read, to be put together with others.
    Read(Small),
    /// It is in none of the directories; or what is there cannot be read.
    Missing(Option<vfs::Error>),
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
        // A list is made anew, or lacks what was missing.
        if self.trust == Trust::Hash
            && let Ok(Some(held)) = self.stored(revision)
        {
            let differs = self.is_another_elsewhere(revision, held.content)?;
            return Ok(Outcome { differs, ..Outcome::of(Taken::Found(held)) });
        }
        // What is in the blob directory now may be another one: the backup was made before.
        if let (Some(held), true) = (known, self.is_listed) {
            return Ok(Outcome::of(Taken::Had(held)));
        }
        let had = known.filter(|held| self.store.has(self.fs, revision, *held));
        let mut unreadable = None;
        for dir in self.dirs {
            let from = dir.file(revision);
            // What the repository has is not opened.
            if let Some(held) = had
                && self.fs.meta(&from).is_ok_and(|meta| meta.len == held.content.len)
            {
                return Ok(Outcome::of(Taken::Had(held)));
            }
            let copied = match self.fs.open_no_link(&from) {
                Ok(file) => self.copy(&from, &*file, revision, known, had.is_some()),
                Err(error) if is_absent(&error) => continue,
                Err(error) => Err(vfs::Error::new(Op::Open, &from, error).into()),
            };
            match copied {
                // All others are backed up all the same.
                Err(Error::File(error)) if error.path == from => unreadable = Some(error),
                copied => return copied,
            }
        }
        // Where the server has lost it, what the repository has is all there is.
        let taken = match (had, known) {
            (Some(held), _) => Taken::Had(held),
            (None, None) => match self.stored(revision) {
                Ok(Some(stored)) => Taken::Found(stored),
                Ok(None) => self.stored_by_hash(revision)?.map_or(Taken::Missing(unreadable), Taken::Found),
                Err(Error::File(error)) => Taken::Missing(Some(error)),
                Err(error) => return Err(error),
            },
            (None, Some(_)) => Taken::Missing(unreadable),
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
            let Ok(file) = self.fs.open_no_link(&from) else { continue };
            match Bytes::all(&from, &*file).read(self.interrupt, &mut |_| Ok(())) {
                Ok(content) if content == held.content => {}
                Err(error @ Error::Interrupted { .. }) => return Err(error),
                _ => continue,
            }
            let mode = file.meta().map_err(vfs::Error::at(Op::Stat, &from))?.access.mode & 0o444;
            let content = self.draft(&from, &*file, mode, revision)?;
            // A container is not written into; the file of its own takes no other's place.
            let is_taken = self.has_other(revision, content)?;
            let spot = match held.spot {
                Spot::Within(..) if is_taken => Spot::ByHash,
                Spot::Within(..) => Spot::Alone,
                spot => spot,
            };
            return Ok(Outcome::of(Taken::Copied(Held { content, spot })));
        }
        Ok(Outcome { is_lost: true, ..Outcome::of(Taken::Had(held)) })
    }

    /// Whether the first directory that has a blob that can be read has another one than this.
    fn is_another_elsewhere(&self, revision: Revision, content: Content) -> Result<bool, Error> {
        for dir in self.dirs {
            let from = dir.file(revision);
            let Ok(file) = self.fs.open_no_link(&from) else { continue };
            match Bytes::all(&from, &*file).read(self.interrupt, &mut |_| Ok(())) {
                Ok(found) => return Ok(found != content),
                Err(error @ Error::Interrupted { .. }) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(false)
    }

    /// Copies a blob into a draft; what that holds then.
    fn draft(
        &self,
        from: &Path,
        file: &dyn ReadFile,
        mode: u32,
        revision: Revision,
    ) -> Result<Content, Error> {
        let mut draft = self.batch.create(&Store::name(revision))?;
        let content = match self.fill(&mut draft, from, file) {
            Ok(content) => content,
            Err(error) => {
                self.batch.discard(draft)?;
                return Err(error);
            }
        };
        draft.set_access(Grant { mode: 0o400 | mode, gid: self.gid, uid: None })?;
        draft.finish()?;
        Ok(content)
    }

    fn fill(&self, draft: &mut BatchFile, from: &Path, file: &dyn ReadFile) -> Result<Content, Error> {
        if !self.share(draft, file)? {
            return Bytes::all(from, file).read(self.interrupt, &mut |piece| Ok(draft.append(piece)?));
        }
        // The source may have been written to since, the draft was not.
        let path = draft.path();
        let file = self.fs.open(path).map_err(vfs::Error::at(Op::Open, path))?;
        let content = Bytes::all(path, &*file).read(self.interrupt, &mut |_| Ok(()));
        // The sectors are those of the source.
        content.map_err(|error| match error {
            Error::File(vfs::Error { op: Op::Read, source, .. }) => {
                vfs::Error::new(Op::Read, from, source).into()
            }
            error => error,
        })
    }

    /// Whether the draft has the content of a file by sharing its blocks. One that cannot tells of all of them.
    fn share(&self, draft: &mut BatchFile, file: &dyn ReadFile) -> Result<bool, Error> {
        if !self.shares.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let shares = draft.share(file)?;
        self.shares.fetch_and(shares, Ordering::Relaxed);
        Ok(shares)
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
        let mode = meta.access.mode & 0o444;
        // A file of its own that was lost comes back where the lists look for it.
        let is_own = known.is_some_and(|held| held.spot == Spot::Alone) && !differs;
        // Where the repository has lost its own one, another one is another one all the same.
        let is_another = |content: Content| known.is_some_and(|held| held.content != content);
        if !is_own && let Some(held) = self.kept(from, file, revision, meta.len)? {
            let differs = differs || is_another(held.content);
            return Ok(Outcome { differs, ..Outcome::of(Taken::Kept(held)) });
        }
        if self.together && !is_own && meta.len < SMALL_LEN {
            let mut bytes = Vec::new();
            let content = Bytes::all(from, file).read(self.interrupt, &mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?;
            let differs = differs || is_another(content);
            return Ok(Outcome { differs, ..Outcome::of(Taken::Read(Small { content, bytes, mode })) });
        }
        let content = self.draft(from, file, mode, revision)?;
        let is_as_listed = is_own && !is_another(content);
        // What is there may be all that is left of a state: it is replaced by its like alone. Nor does another one get the name
        // under which lists look for what was lost.
        let is_other = is_another(content) || !is_as_listed && self.has_other(revision, content)?;
        let spot = if is_other { Spot::ByHash } else { Spot::Alone };
        let taken = Taken::Copied(Held { content, spot });
        Ok(Outcome { differs: differs || is_other, ..Outcome::of(taken) })
    }

    /// What stands in the repository under the name of a blob, if it is that blob byte for byte.
    fn kept(
        &self,
        from: &Path,
        file: &dyn ReadFile,
        revision: Revision,
        len: u64,
    ) -> Result<Option<Held>, Error> {
        let path = self.store.path(revision);
        match self.fs.meta(&path) {
            Ok(meta) if meta.len == len => {}
            Ok(_) => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(vfs::Error::new(Op::Stat, &path, error).into()),
        }
        let held = match self.stored(revision) {
            Ok(Some(held)) => held,
            Ok(None) | Err(Error::File(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let content = Bytes::all(from, file).read(self.interrupt, &mut |_| Ok(()))?;
        Ok(Some(held).filter(|held| held.content == content))
    }

    /// Whether something else stands in the repository under the name of a blob. What cannot be read may be anything.
    fn has_other(&self, revision: Revision, content: Content) -> Result<bool, Error> {
        match self.stored(revision) {
            Ok(stored) => Ok(stored.is_some_and(|stored| stored.content != content)),
            Err(Error::File(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// What stands in the repository under the name of a blob with its hash behind it, whatever lists say.
    fn stored_by_hash(&self, revision: Revision) -> Result<Option<Held>, Error> {
        for (path, short) in self.store.paths_by_hash(self.fs, revision) {
            let Ok(file) = self.fs.open(&path) else { continue };
            match Bytes::all(&path, &*file).read(self.interrupt, &mut |_| Ok(())) {
                Ok(content) if content.hash.short_number() == short => {
                    return Ok(Some(Held { content, spot: Spot::ByHash }));
                }
                Err(error @ Error::Interrupted { .. }) => return Err(error),
                _ => {}
            }
        }
        Ok(None)
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
}

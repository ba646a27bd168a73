use super::Revision;
use super::bytes::Bytes;
use super::container::{Containers, SMALL_LEN, Small};
use super::content::Content;
use super::dir::{BlobDir, is_absent};
use super::known::Wanted;
use super::spot::{Container, Held, Spot};
use super::store::Store;
use crate::{Error, Interrupt, Stamp};
use std::path::Path;
use vfs::publish::Batch;
use vfs::{Fs, Grant, Op, ReadFile};

/// What a thread needs to copy blobs into drafts.
pub(super) struct Copying<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) interrupt: &'a Interrupt,
    /// Where the blob may be, in the order in which it is looked for.
    pub(super) dirs: &'a [BlobDir; 2],
    pub(super) store: &'a Store,
    pub(super) batch: &'a Batch<'a>,
    pub(super) gid: u32,
    /// Small ones are put together.
    pub(super) together: bool,
}

/// What became of one blob.
pub(super) enum Taken {
    /// The repository has it.
    Had(Held),
    /// It is in a draft of its own.
    Copied(Content),
    /// It was read, to be put together with others.
    Read(Small),
    /// It is in none of the directories.
    Missing,
}

impl Copying<'_> {
    /// Copies a blob, unless the repository has it as a list says.
    ///
    /// # Errors
    /// An interruption, the system's.
    pub(super) fn take(&self, revision: Revision, known: Option<Held>) -> Result<Taken, Error> {
        if let Some(held) = known.filter(|held| self.store.has(self.fs, revision, *held)) {
            return Ok(Taken::Had(held));
        }
        // A file of its own that was lost comes back where the lists look for it.
        let alone = !self.together || known.is_some_and(|held| held.spot == Spot::Alone);
        for dir in self.dirs {
            let from = dir.file(revision);
            match self.fs.open(&from) {
                Ok(file) => return self.copy(&from, &*file, revision, alone),
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(vfs::Error::new(Op::Open, &from, error).into()),
            }
        }
        Ok(Taken::Missing)
    }

    fn copy(
        &self,
        from: &Path,
        file: &dyn ReadFile,
        revision: Revision,
        alone: bool,
    ) -> Result<Taken, Error> {
        let meta = file.meta().map_err(vfs::Error::at(Op::Stat, from))?;
        let (mode, source) = (meta.access.mode & 0o444, Bytes::all(from, file));
        if !alone && meta.len < SMALL_LEN {
            let mut bytes = Vec::new();
            let content = source.read(self.interrupt, &mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?;
            return Ok(Taken::Read(Small { content, bytes, mode }));
        }
        let mut draft = self.batch.create(&Store::name(revision))?;
        let content = source.read(self.interrupt, &mut |piece| Ok(draft.append(piece)?))?;
        draft.set_access(Grant { mode: 0o400 | mode, gid: self.gid, uid: None })?;
        draft.finish()?;
        Ok(Taken::Copied(content))
    }

    /// Where small blobs of one list are put together.
    pub(super) fn containers(&self, stamp: Stamp) -> Containers<'_> {
        Containers::new(self.fs, self.store, self.batch, stamp, self.gid)
    }
}

/// What was copied for one list, and is durable when its batch has ended.
#[derive(Default)]
pub(super) struct Copied {
    pub(super) count: u64,
    pub(super) len: u64,
    /// For each line whether it got a new file of its own.
    alone: Vec<bool>,
    pub(super) missing: Vec<Revision>,
}

impl Copied {
    /// Adds the next line; where the blob is, if it is.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn add(
        &mut self,
        revision: Revision,
        taken: Taken,
        containers: &mut Containers<'_>,
    ) -> Result<Option<Held>, Error> {
        self.alone.push(matches!(taken, Taken::Copied(_)));
        let held = match taken {
            Taken::Had(held) => return Ok(Some(held)),
            Taken::Missing => {
                self.missing.push(revision);
                return Ok(None);
            }
            Taken::Copied(content) => Held { content, spot: Spot::Alone },
            Taken::Read(small) => Held { content: small.content, spot: containers.push(revision, &small)? },
        };
        self.count += 1;
        self.len += held.content.len;
        Ok(Some(held))
    }

    /// Gives all that was copied its names, when it is on the disk.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn publish(
        &self,
        wanted: &[Wanted],
        containers: &[Container],
        store: &Store,
        batch: &mut Batch<'_>,
    ) -> Result<(), Error> {
        let alone =
            || wanted.iter().zip(&self.alone).filter(|(_, alone)| **alone).map(|(wanted, _)| wanted.revision);
        let names = alone().map(Store::name);
        batch.sync(names.chain(containers.iter().map(Container::to_string)))?;
        for revision in alone() {
            batch.publish(&Store::name(revision), &store.path(revision))?;
        }
        for container in containers {
            batch.publish(&container.to_string(), &store.container_path(*container))?;
        }
        Ok(())
    }
}

//! `blobs/small/STAMP-N`: small blobs that were backed up together, in a few files instead of one each.
//!
//! ```text
//! repozo-blob-container 1
//! 0000000000000123 03f47fbf56666666 5 <64 hex digits>
//! hello0000000000000124 03f47fbf56666666 ...
//! ```
//!
//! Each blob stands behind a line that says what it is. Lists say where its bytes begin, so nothing is looked for; the lines
//! are for the day when no list is left.

use super::Revision;
use super::content::Content;
use super::dir::is_absent;
use super::spot::{Container, Spot};
use super::store::Store;
use crate::{Error, Stamp};
use std::fmt::Write as _;
use vfs::publish::{Batch, BatchFile};
use vfs::{Fs, Grant, Op};

/// Shorter blobs are put together.
pub(super) const SMALL_LEN: u64 = 1 << 16;
/// A container that has so much gets no more.
const LEN_LIMIT: u64 = 1 << 30;
pub(super) const HEAD: &str = "repozo-blob-container 1\n";
/// So much is written at once.
const WRITE_LEN: usize = 1 << 16;

/// A small blob that was read.
pub(super) struct Small {
    pub(super) content: Content,
    pub(super) bytes: Vec<u8>,
    /// The permission bits of its file.
    pub(super) mode: u32,
}

/// The containers of one list, as drafts of a batch.
pub(super) struct Containers<'a> {
    fs: &'a dyn Fs,
    store: &'a Store,
    stamp: Stamp,
    gid: u32,
    filling: Option<Filling>,
    full: Vec<Container>,
}

struct Filling {
    container: Container,
    draft: BatchFile,
    /// What is written next.
    waiting: Vec<u8>,
    len: u64,
    /// Who may read all of the blobs in it.
    mode: u32,
}

impl<'a> Containers<'a> {
    pub(super) fn new(fs: &'a dyn Fs, store: &'a Store, stamp: Stamp, gid: u32) -> Containers<'a> {
        Containers { fs, store, stamp, gid, filling: None, full: Vec::new() }
    }

    /// Puts a blob behind the others; where it will be.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn push(
        &mut self,
        batch: &Batch<'_>,
        revision: Revision,
        small: &Small,
    ) -> Result<Spot, Error> {
        let mut filling = match self.filling.take() {
            Some(filling) => filling,
            None => self.begin(batch)?,
        };
        let spot = filling.push(revision, small)?;
        if filling.len >= LEN_LIMIT {
            self.full.push(filling.end(self.gid)?);
        } else {
            self.filling = Some(filling);
        }
        Ok(spot)
    }

    /// Closes them all; which there are.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn end(mut self) -> Result<Vec<Container>, Error> {
        if let Some(filling) = self.filling.take() {
            self.full.push(filling.end(self.gid)?);
        }
        Ok(self.full)
    }

    /// One with a number that none has yet.
    fn begin(&self, batch: &Batch<'_>) -> Result<Filling, Error> {
        let mut container = Container { stamp: self.stamp, number: 1 };
        while self.is_taken(container)? {
            container.number += 1;
        }
        let draft = batch.create(&container.to_string())?;
        let waiting = HEAD.as_bytes().to_vec();
        Ok(Filling { container, draft, waiting, len: HEAD.len() as u64, mode: 0o444 })
    }

    fn is_taken(&self, container: Container) -> Result<bool, Error> {
        let path = self.store.container_path(container);
        match self.fs.meta(&path) {
            Ok(_) => Ok(true),
            Err(error) if is_absent(&error) => Ok(self.full.contains(&container)),
            Err(error) => Err(vfs::Error::new(Op::Stat, &path, error).into()),
        }
    }
}

impl Filling {
    fn push(&mut self, revision: Revision, small: &Small) -> Result<Spot, Error> {
        let Content { len, hash } = small.content;
        let mut line = String::new();
        let (oid, tid) = (revision.oid.number(), revision.tid.number());
        let _ = writeln!(line, "{oid:016x} {tid:016x} {len} {hash}");
        self.waiting.extend_from_slice(line.as_bytes());
        let pos = self.len + line.len() as u64;
        self.waiting.extend_from_slice(&small.bytes);
        self.len = pos + len;
        self.mode &= small.mode;
        if self.waiting.len() >= WRITE_LEN {
            self.write()?;
        }
        Ok(Spot::Within(self.container, pos))
    }

    fn write(&mut self) -> Result<(), Error> {
        self.draft.append(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }

    fn end(mut self, gid: u32) -> Result<Container, Error> {
        self.write()?;
        self.draft.set_access(Grant { mode: 0o400 | self.mode, gid, uid: None })?;
        self.draft.finish()?;
        Ok(self.container)
    }
}

use super::Revision;
use super::bytes::Bytes;
use super::content::Content;
use super::spot::{Container, Held, Spot};
use crate::name::Companion;
use crate::place::with_suffix;
use crate::{Error, Repository, Stamp};
use filestorage::{Oid, Tid};
use std::ops::Range;
use std::path::PathBuf;
use vfs::{Fs, Op, ReadFile};

/// How many directories the blobs are spread over, at most.
const DIRS_COUNT: u64 = 0x1000;

/// Where the blobs of a repository lie: `blobs/0a1/000000000000a1ff-03f47fbf56666666`, and small ones that were put
/// together in `blobs/small/2026-11-29-04-15-00-1`.
///
/// 256 objects that follow each other share a directory, so that a run touches few of them; of a million blobs each of the
/// 4096 directories has some 250.
pub(super) struct Store {
    dir: PathBuf,
}

/// A blob of the repository, opened.
pub(super) struct Stored {
    pub(super) path: PathBuf,
    file: Box<dyn ReadFile>,
    range: Range<u64>,
    /// The permission bits of its file.
    pub(super) mode: u32,
}

impl Store {
    pub(super) const DIR: &str = "blobs";
    /// Drafts of a run lie here.
    pub(super) const DRAFTS: &str = "new";
    const CONTAINERS: &str = "small";

    pub(super) fn of(repository: &Repository<'_>) -> Store {
        Store { dir: repository.dir().join(Store::DIR) }
    }

    pub(super) fn dir(&self) -> &PathBuf {
        &self.dir
    }

    pub(super) fn drafts_dir(&self) -> PathBuf {
        self.dir.join(Store::DRAFTS)
    }

    pub(super) fn containers_dir(&self) -> PathBuf {
        self.dir.join(Store::CONTAINERS)
    }

    /// The name of a blob in its directory.
    pub(super) fn name(revision: Revision) -> String {
        format!("{:016x}-{:016x}", revision.oid.number(), revision.tid.number())
    }

    /// The file of a blob that has one of its own.
    pub(super) fn path(&self, revision: Revision) -> PathBuf {
        self.dir.join(Store::dir_name(revision.oid)).join(Store::name(revision))
    }

    pub(super) fn container_path(&self, container: Container) -> PathBuf {
        self.containers_dir().join(container.to_string())
    }

    /// The file that a blob is in.
    pub(super) fn path_of(&self, revision: Revision, held: Held) -> PathBuf {
        let path = self.path(revision);
        match held.spot {
            Spot::Alone => path,
            Spot::ByHash => with_suffix(&path, &format!("-{}", held.content.hash.short())),
            Spot::Within(container, _) => self.container_path(container),
        }
    }

    /// The files of a blob that have its hash in their names, and the beginning of that.
    pub(super) fn paths_by_hash(&self, fs: &dyn Fs, revision: Revision) -> Vec<(PathBuf, u64)> {
        let dir_name = Store::dir_name(revision.oid);
        let dir = self.dir.join(&dir_name);
        let names = fs.list(&dir).unwrap_or_default();
        let parsed = names.iter().filter_map(|name| Some((name, Store::parse(&dir_name, name.to_str()?)?)));
        let its = parsed.filter(|(_, (found, _))| *found == revision);
        its.filter_map(|(name, (_, hash))| Some((dir.join(name), hash?))).collect()
    }

    /// Whether the repository has a blob as a list says, as far as lengths tell.
    pub(super) fn has(&self, fs: &dyn Fs, revision: Revision, held: Held) -> bool {
        let Ok(meta) = fs.meta(&self.path_of(revision, held)) else { return false };
        match held.spot {
            Spot::Alone | Spot::ByHash => meta.len == held.content.len,
            Spot::Within(_, pos) => {
                pos.checked_add(held.content.len).is_some_and(|end_pos| end_pos <= meta.len)
            }
        }
    }

    /// Opens a blob; its length is what a list says.
    ///
    /// # Errors
    /// [`Error::Blob`], the system's.
    pub(super) fn open(&self, fs: &dyn Fs, revision: Revision, held: Held) -> Result<Stored, Error> {
        let path = self.path_of(revision, held);
        let file = fs.open(&path).map_err(vfs::Error::at(Op::Open, &path))?;
        let mode = file.meta().map_err(vfs::Error::at(Op::Stat, &path))?.access.mode;
        let range = match held.spot {
            Spot::Alone | Spot::ByHash => 0..u64::MAX,
            Spot::Within(_, pos) => pos..pos.saturating_add(held.content.len),
        };
        let stored = Stored { path, file, range, mode };
        let len = stored.bytes().len()?;
        if len != held.content.len {
            return Err(stored.wrong(
                revision,
                held.spot,
                &format!("{len} bytes instead of {}", held.content.len),
            ));
        }
        Ok(stored)
    }

    fn dir_name(oid: Oid) -> String {
        format!("{:03x}", (oid.number() >> 8) % DIRS_COUNT)
    }

    /// Whether a directory of this name is one of blobs.
    pub(super) fn is_dir_name(name: &str) -> bool {
        name.len() == 3 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// The blob that has this name in a directory of this name, and the beginning of its hash if that stands in it.
    pub(super) fn parse(dir: &str, name: &str) -> Option<(Revision, Option<u64>)> {
        let mut numbers = name.split('-').map(|digits| u64::from_str_radix(digits, 16).ok());
        let (oid, tid, hash) = (numbers.next()??, numbers.next()??, numbers.next());
        let revision = Revision { oid: Oid::new(oid), tid: Tid::new(tid) };
        let hash = match hash {
            Some(hash) => Some(hash?),
            None => None,
        };
        let suffix = hash.map_or_else(String::new, |hash| format!("-{hash:016x}"));
        let is_ours = Store::name(revision) + &suffix == name && Store::dir_name(revision.oid) == dir;
        is_ours.then_some((revision, hash))
    }
}

impl Stored {
    pub(super) fn bytes(&self) -> Bytes<'_> {
        Bytes { path: &self.path, file: &*self.file, range: self.range.clone() }
    }

    /// Whether what was read is what a list says.
    ///
    /// # Errors
    /// [`Error::Blob`].
    pub(super) fn expect(&self, revision: Revision, held: Held, found: Content) -> Result<(), Error> {
        let Content { len, hash } = held.content;
        if found.len != len {
            return Err(self.wrong(revision, held.spot, &format!("{} bytes instead of {len}", found.len)));
        }
        if found.hash != hash {
            return Err(self.wrong(
                revision,
                held.spot,
                &format!("the hash {} instead of {hash}", found.hash),
            ));
        }
        Ok(())
    }

    fn wrong(&self, revision: Revision, spot: Spot, has: &str) -> Error {
        let reason = match spot {
            Spot::Alone | Spot::ByHash => format!("it has {has}"),
            Spot::Within(_, pos) => format!("the blob {} at {pos} has {has}", Store::name(revision)),
        };
        Error::Blob { path: self.path.clone(), reason }
    }
}

impl Repository<'_> {
    /// The list of the blobs of a backup.
    pub(crate) fn blobs_path(&self, stamp: Stamp) -> PathBuf {
        self.path_of(Companion::Blobs(stamp))
    }
}

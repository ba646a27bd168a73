use super::Revision;
use crate::name::Companion;
use crate::{Repository, Stamp};
use filestorage::{Oid, Tid};
use std::path::PathBuf;

/// How many directories the blobs are spread over, at most.
const DIRS_COUNT: u64 = 0x1000;

/// Where the blobs of a repository lie: `blobs/0a1/000000000000a1ff-03f47fbf56666666`.
///
/// 256 objects that follow each other share a directory, so that a run touches few of them; of a million blobs each of the
/// 4096 directories has some 250.
pub(super) struct Store {
    dir: PathBuf,
}

impl Store {
    pub(super) const DIR: &str = "blobs";
    /// Drafts of a run lie here.
    const DRAFTS: &str = "new";

    pub(super) fn of(repository: &Repository<'_>) -> Store {
        Store { dir: repository.dir().join(Store::DIR) }
    }

    pub(super) fn dir(&self) -> &PathBuf {
        &self.dir
    }

    pub(super) fn drafts_dir(&self) -> PathBuf {
        self.dir.join(Store::DRAFTS)
    }

    /// The name of a blob in its directory.
    pub(super) fn name(revision: Revision) -> String {
        format!("{:016x}-{:016x}", revision.oid.number(), revision.tid.number())
    }

    pub(super) fn path(&self, revision: Revision) -> PathBuf {
        self.dir.join(Store::dir_name(revision.oid)).join(Store::name(revision))
    }

    fn dir_name(oid: Oid) -> String {
        format!("{:03x}", (oid.number() >> 8) % DIRS_COUNT)
    }

    /// Whether a directory of this name is one of blobs.
    pub(super) fn is_dir_name(name: &str) -> bool {
        name.len() == 3 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// The blob that has this name in a directory of this name.
    pub(super) fn parse(dir: &str, name: &str) -> Option<Revision> {
        let (oid, tid) = name.split_once('-')?;
        let number = |digits: &str| u64::from_str_radix(digits, 16).ok();
        let revision = Revision { oid: Oid::new(number(oid)?), tid: Tid::new(number(tid)?) };
        (Store::name(revision) == name && Store::dir_name(revision.oid) == dir).then_some(revision)
    }
}

impl Repository<'_> {
    /// The list of the blobs of a backup.
    pub(crate) fn blobs_path(&self, stamp: Stamp) -> PathBuf {
        self.path_of(Companion::Blobs(stamp))
    }
}

//! Many new files that are made durable together, which is many times faster than one after the other.
//!
//! | after | on the disk | healed by |
//! |---|---|---|
//! | the directory of drafts made, files written there | drafts, any content | [`Batch::begin`] of the next run empties it |
//! | all of them synced | the same, complete | the same |
//! | renames to their names | each has its draft's name or the final one, complete | the same; a name that nothing speaks of does no harm |
//! | sync of the directories | the final names; perhaps the directory of drafts, too | [`Batch::begin`], or [`Batch::empty`] where nothing is to be written |
//!
//! Whoever speaks of a file does so only behind the last step.

use super::dirs::Dirs;
use super::{Synced, parent_dir, remove};
use crate::{Error, Fs, Grant, NewFile, Op, ReadFile};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Files that are written, and get their names together. Dropped before its end it removes the drafts: they may be what
/// fills the disk.
pub struct Batch<'fs> {
    fs: &'fs dyn Fs,
    /// The directory of the drafts, on the file system of all targets.
    drafts_dir: PathBuf,
    /// The directories that get names.
    dirs: Dirs<'fs>,
    /// Whether each file is synced by itself: a few are not worth flushing what everybody else wrote.
    syncs_each: bool,
    /// Whether there may be drafts.
    pending: bool,
}

/// A draft of a batch.
pub struct BatchFile {
    file: Box<dyn NewFile>,
    path: PathBuf,
    syncs: bool,
}

impl<'fs> Batch<'fs> {
    /// Up to so many files are synced one by one.
    const FEW_COUNT: usize = 16;

    /// Begins one of about `count` files below `base`, with a directory of drafts there, which is emptied: a run that died may
    /// have left it. What is made gets the mode and owner of `dirs`.
    ///
    /// `is_locked` says that the caller holds the lock that every writer of such drafts holds. Where nobody can be kept out the
    /// directory gets a name of its own, so that nobody else takes what is in it for that of a dead run.
    ///
    /// # Errors
    /// The system's.
    pub fn begin(
        fs: &'fs dyn Fs,
        base: &Path,
        drafts: &str,
        is_locked: bool,
        dirs: Grant,
        count: usize,
    ) -> Result<Batch<'fs>, Error> {
        let drafts_dir = base.join(match is_locked {
            true => drafts.to_owned(),
            false => format!("{drafts}-{:x}", fs.unique()),
        });
        match fs.make_dir(&drafts_dir, dirs) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Batch::remove_drafts(fs, &drafts_dir)?,
            Err(error) => return Err(Error::new(Op::MakeDir, &drafts_dir, error)),
        }
        let syncs_each = count <= Self::FEW_COUNT;
        Ok(Batch { fs, drafts_dir, dirs: Dirs::below(fs, base, dirs), syncs_each, pending: true })
    }

    /// Removes a directory of drafts that a run that died left, with what is in it, if it is there.
    ///
    /// The caller holds the lock that every writer of such drafts holds.
    ///
    /// # Errors
    /// The system's.
    pub fn empty(fs: &dyn Fs, drafts_dir: &Path) -> Result<(), Error> {
        match Batch::remove_drafts(fs, drafts_dir) {
            Err(error) if error.is_not_found() => Ok(()),
            removed => {
                removed?;
                fs.remove_dir(drafts_dir).map_err(Error::at(Op::Remove, drafts_dir))
            }
        }
    }

    fn remove_drafts(fs: &dyn Fs, drafts_dir: &Path) -> Result<(), Error> {
        // What a link leads to is not ours to empty.
        if fs.link_target(drafts_dir).map_err(Error::at(Op::Stat, drafts_dir))?.is_some() {
            return Err(Error::new(Op::List, drafts_dir, ErrorKind::NotADirectory.into()));
        }
        let names = fs.list(drafts_dir).map_err(Error::at(Op::List, drafts_dir))?;
        names.iter().try_for_each(|name| remove(fs, &drafts_dir.join(name)).map(|_| ()))
    }

    /// A new draft of this name, mode 0600.
    ///
    /// # Errors
    /// The system's.
    pub fn create(&self, name: &str) -> Result<BatchFile, Error> {
        let path = self.drafts_dir.join(name);
        let file = self.fs.create(&path).map_err(Error::at(Op::Create, &path))?;
        Ok(BatchFile { file, path, syncs: self.syncs_each })
    }

    /// Removes a draft that is not to get a name.
    ///
    /// # Errors
    /// The system's.
    pub fn discard(&self, draft: BatchFile) -> Result<(), Error> {
        let BatchFile { file, path, .. } = draft;
        file.close().map_err(Error::at(Op::Close, &path))?;
        remove(self.fs, &path).map(|_| ())
    }

    /// Makes the content of these drafts durable, which are finished.
    ///
    /// # Errors
    /// The system's.
    pub fn sync<'n>(&mut self, names: impl Iterator<Item = String> + 'n) -> Result<(), Error> {
        if self.syncs_each {
            return Ok(());
        }
        if self.sync_all()? {
            self.dirs.need_no_sync();
            return Ok(());
        }
        for name in names {
            let path = self.drafts_dir.join(name);
            let mut file = self.fs.open_to_change(&path).map_err(Error::at(Op::OpenToChange, &path))?;
            file.sync().map_err(Error::at(Op::Sync, &path))?;
            file.close().map_err(Error::at(Op::Close, &path))?;
        }
        Ok(())
    }

    /// Gives a draft whose content is durable its name; what had that is replaced. Its directory is made if it is not
    /// there, and those above it.
    ///
    /// # Errors
    /// The system's.
    pub fn publish(&mut self, name: &str, target: &Path) -> Result<(), Error> {
        let draft = self.drafts_dir.join(name);
        self.dirs.make(parent_dir(target))?;
        self.fs.rename_over(&draft, target).map_err(Error::at(Op::Rename, target))
    }

    /// The same, of a name that nothing may have yet.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` where it is taken.
    pub fn publish_new(&mut self, name: &str, target: &Path) -> Result<(), Error> {
        let draft = self.drafts_dir.join(name);
        self.dirs.make(parent_dir(target))?;
        self.fs.rename_new(&draft, target).map_err(Error::at(Op::Rename, target))
    }

    /// Makes the name of a file that is there already durable with the others.
    ///
    /// # Errors
    /// The system's.
    pub fn keep(&mut self, target: &Path) -> Result<(), Error> {
        self.dirs.make(parent_dir(target))
    }

    /// Makes the names durable, and removes the directory of drafts.
    ///
    /// # Errors
    /// The system's.
    pub fn end(mut self) -> Result<Synced, Error> {
        let synced = if self.syncs_each || !self.sync_all()? { self.dirs.sync()? } else { Synced::Yes };
        self.pending = false;
        self.fs.remove_dir(&self.drafts_dir).map_err(Error::at(Op::Remove, &self.drafts_dir))?;
        Ok(synced)
    }

    /// Whether the system could.
    fn sync_all(&self) -> Result<bool, Error> {
        match self.fs.sync_all(&self.drafts_dir) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(false),
            Err(error) => Err(Error::new(Op::SyncAll, &self.drafts_dir, error)),
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if self.pending {
            // What fails here leaves drafts that the next run removes.
            let _ = Batch::empty(self.fs, &self.drafts_dir);
        }
    }
}

impl BatchFile {
    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// The system's.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.append(bytes).map_err(Error::at(Op::Write, &self.path))
    }

    /// Takes the content of another file into this one, which is empty, with the blocks it stands in; whether the file system
    /// can.
    ///
    /// # Errors
    /// The system's.
    pub fn share(&mut self, other: &dyn ReadFile) -> Result<bool, Error> {
        self.file.share(other).map_err(Error::at(Op::Write, &self.path))
    }

    /// Where it is until it has its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets mode and owner as far as this user may; whether all of it could be had.
    ///
    /// # Errors
    /// When the mode cannot be set.
    pub fn set_access(&mut self, grant: Grant) -> Result<bool, Error> {
        self.file.set_access(grant).map_err(Error::at(Op::SetAccess, &self.path))
    }

    /// Closes it; it is durable when [`Batch::sync`] has ended.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> Result<(), Error> {
        if self.syncs {
            self.file.sync().map_err(Error::at(Op::Sync, &self.path))?;
        }
        self.file.close().map_err(Error::at(Op::Close, &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Image, SimFs};
    use std::collections::BTreeMap;
    use std::time::SystemTime;

    fn begin(fs: &SimFs, count: usize) -> Batch<'_> {
        let dirs = Grant { mode: 0o755, gid: 0, uid: None };
        Batch::begin(fs, Path::new("/"), "drafts", true, dirs, count).unwrap()
    }

    fn fill(fs: &SimFs, count: usize) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut batch = begin(fs, count);
        let names = || (0..count).map(|number| format!("n{number}"));
        for name in names() {
            let mut file = batch.create(&name).unwrap();
            file.append(name.repeat(500).as_bytes()).unwrap();
            file.finish().unwrap();
        }
        batch.sync(names()).unwrap();
        let target = |name: &str| PathBuf::from(format!("/a/{}/{name}", name.len()));
        names().for_each(|name| batch.publish(&name, &target(&name)).unwrap());
        assert_eq!(batch.end().unwrap(), Synced::Yes);
        names().map(|name| (target(&name), name.repeat(500).into_bytes())).collect()
    }

    /// Few files are synced one by one, many together.
    #[test]
    fn all_files_last_when_a_batch_has_ended_and_no_name_leads_to_less_than_a_whole_file_before() {
        for count in [1, 3, 40] {
            let fs = SimFs::on(Image::default());
            let files = fill(&fs, count);
            for operations in 0..=fs.operation_count() {
                for image in fs.wreck(operations).outcomes(20, operations as u64) {
                    for (path, content) in &files {
                        let found = image.content(path);
                        let is_whole = found == Some(content.as_slice());
                        assert!(is_whole || found.is_none() && operations < fs.operation_count(), "{path:?}");
                    }
                }
            }
        }
    }

    /// A run died when it had made directories and synced nothing: for the next one they are there, and could go with a power
    /// cut.
    #[test]
    fn directories_that_a_dead_run_made_are_made_durable_by_the_next_one() {
        let fs = SimFs::on(Image::default());
        let dirs = Grant { mode: 0o755, gid: 0, uid: None };
        fs.make_dir(Path::new("/a"), dirs).unwrap();
        fs.make_dir(Path::new("/a/2"), dirs).unwrap();
        let files = fill(&fs, 1);
        for image in fs.wreck(fs.operation_count()).outcomes(20, 1) {
            for (path, content) in &files {
                assert_eq!(image.content(path), Some(content.as_slice()), "{path:?}");
            }
        }
    }

    /// Somebody put a link to what is dear to him in the place of the drafts.
    #[test]
    fn what_a_link_leads_to_is_not_emptied() {
        let mut image = Image::default();
        image.make_dir(Path::new("/dear")).unwrap();
        image.put(Path::new("/dear/letter"), b"from her", SystemTime::UNIX_EPOCH).unwrap();
        image.make_link(Path::new("/drafts"), Path::new("dear")).unwrap();
        let fs = SimFs::on(image);
        let dirs = Grant { mode: 0o755, gid: 0, uid: None };
        let begun = Batch::begin(&fs, Path::new("/"), "drafts", true, dirs, 1);
        assert_eq!(begun.err().unwrap().path, Path::new("/drafts"));
        assert_eq!(fs.image().names(Path::new("/dear")), ["letter"]);
    }

    /// A disk that is full of drafts has to be usable again.
    #[test]
    fn a_batch_that_is_given_up_leaves_no_drafts() {
        let fs = SimFs::on(Image::default());
        let batch = begin(&fs, 1);
        batch.create("n0").unwrap().append(b"half").unwrap();
        drop(batch);
        assert!(fs.image().names(Path::new("/")).is_empty());
    }

    #[test]
    fn what_a_dead_run_left_is_removed_by_the_next_one() {
        let fs = SimFs::on(Image::default());
        let batch = begin(&fs, 1);
        batch.create("n0").unwrap().append(b"half").unwrap();
        std::mem::forget(batch);
        let files = fill(&fs, 2);
        assert_eq!(fs.image().names(Path::new("/")), ["a"]);
        for (path, content) in files {
            assert_eq!(fs.image().content(&path), Some(content.as_slice()));
        }
    }
}

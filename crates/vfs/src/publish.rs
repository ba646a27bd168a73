//! The one door to the disk. What is changed in its place goes by [`InPlace`], many files at once by [`Batch`]; all else so:
//!
//! A file is written under a draft name, flushed, closed, and only then put under its final name; then the
//! directory is flushed. What a crash leaves, step by step:
//!
//! | after | on the disk | healed by |
//! |---|---|---|
//! | create, write | perhaps a draft `NAME.<16 hex digits>.part`, any content | [`sweep`] of the next run |
//! | sync, close | the same, complete | [`sweep`] |
//! | rename | the draft's name or the final one, complete in both cases | nothing to heal, or [`sweep`] |
//! | sync of the directory | the final name, complete | |
//!
//! A failed sync or close is never repeated: the system may have dropped the pages and would report success.
//! The draft is removed and the run fails.

mod aside;
mod batch;
mod dirs;
mod in_place;

pub use aside::set_aside;
pub use batch::{Batch, BatchFile};
pub use in_place::{Grown, Growth, InPlace, Veil};

use crate::{Error, Fs, Grant, NewFile, Op};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const DRAFT_SUFFIX: &str = ".part";
const UNIQUE_LEN: usize = 16;

/// A file that is being written and has no final name yet; dropped, it is removed.
pub struct Draft<'fs> {
    fs: &'fs dyn Fs,
    target: PathBuf,
    path: PathBuf,
    /// `None` once closed.
    file: Option<Box<dyn NewFile>>,
    /// Whether the draft's name is still there to be removed.
    pending: bool,
}

impl<'fs> Draft<'fs> {
    /// A new, empty draft in the directory of `target`, mode 0600.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(fs: &'fs dyn Fs, target: &Path) -> Result<Draft<'fs>, Error> {
        loop {
            let path = draft_path(target, fs.unique());
            match fs.create(&path) {
                Ok(file) => {
                    let target = target.to_owned();
                    return Ok(Draft { fs, target, path, file: Some(file), pending: true });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::new(Op::Create, &path, error)),
            }
        }
    }

    /// The draft's own name, while it has one.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// The system's, with the draft's name: a full disk shows here.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let path = &self.path;
        open_file(&mut self.file).append(bytes).map_err(Error::at(Op::Write, path))
    }

    /// Sets mode and owner as far as this user may; whether all of it could be had.
    ///
    /// # Errors
    /// When the mode cannot be set.
    pub fn set_access(&mut self, grant: Grant) -> Result<bool, Error> {
        let path = &self.path;
        open_file(&mut self.file).set_access(grant).map_err(Error::at(Op::SetAccess, path))
    }

    /// Makes the bytes durable, still under the draft's name.
    ///
    /// A caller that has something to do between the last byte and the name (a restore removes the index
    /// that belongs to the old database) calls this first; the `publish` functions call it by themselves.
    ///
    /// # Errors
    /// When sync or close fail; the draft is then lost.
    pub fn finish(mut self) -> Result<Finished<'fs>, Error> {
        if let Some(mut file) = self.file.take() {
            file.sync().map_err(Error::at(Op::Sync, &self.path))?;
            file.close().map_err(Error::at(Op::Close, &self.path))?;
        }
        Ok(Finished(self))
    }

    /// Makes the file durable under its final name, which nothing may have yet.
    ///
    /// # Errors
    /// When any step fails; `AlreadyExists` when the name is taken. The draft is then removed.
    pub fn publish_new(self) -> Result<Synced, Error> {
        self.finish()?.publish_new()
    }

    /// Makes the file durable under its final name; what had that name is replaced in one step.
    ///
    /// # Errors
    /// When any step fails; what had the name is then as before, unless only the last step, the sync of
    /// the directory, failed: then the name may lead to either file after a power cut.
    pub fn publish_over(self) -> Result<Synced, Error> {
        self.finish()?.publish_over()
    }
}

fn open_file<'a>(file: &'a mut Option<Box<dyn NewFile>>) -> &'a mut (dyn NewFile + 'static) {
    #[expect(clippy::expect_used, reason = "only `finish` takes the file, and it consumes the draft")]
    file.as_deref_mut().expect("a draft is open until it is finished")
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if self.pending {
            // An error here leaves a draft that the next run sweeps; the reason for giving up matters more.
            self.file = None;
            let _ = self.fs.remove(&self.path);
        }
    }
}

impl io::Write for Draft<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        open_file(&mut self.file).append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A draft whose bytes are durable; holding it is the proof. Dropped, it is removed.
pub struct Finished<'fs>(Draft<'fs>);

impl Finished<'_> {
    /// The draft's own name.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// See [`Draft::publish_new`].
    ///
    /// # Errors
    /// The same.
    pub fn publish_new(mut self) -> Result<Synced, Error> {
        let Draft { fs, path, target, pending, .. } = &mut self.0;
        fs.rename_new(path, target).map_err(Error::at(Op::Rename, target))?;
        *pending = false;
        sync_dir(*fs, parent_dir(target))
    }

    /// See [`Draft::publish_over`].
    ///
    /// # Errors
    /// The same.
    pub fn publish_over(mut self) -> Result<Synced, Error> {
        let Draft { fs, path, target, pending, .. } = &mut self.0;
        fs.rename_over(path, target).map_err(Error::at(Op::Rename, target))?;
        *pending = false;
        sync_dir(*fs, parent_dir(target))
    }
}

/// How far a finished operation is on the disk.
#[must_use = "a directory that cannot be synced is told to the user"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// Content and name are on the disk.
    Yes,
    /// The content is, but this file system cannot sync a directory (some network and FUSE file systems).
    NotTheDirectory,
}

impl Synced {
    /// How far both are.
    pub fn and(self, other: Synced) -> Synced {
        if self == Synced::Yes { other } else { self }
    }
}

/// Makes the names in `dir` durable.
///
/// # Errors
/// When the file system can sync a directory and says that it failed.
pub fn sync_dir(fs: &dyn Fs, dir: &Path) -> Result<Synced, Error> {
    match fs.sync_dir(dir) {
        Ok(()) => Ok(Synced::Yes),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Synced::NotTheDirectory),
        Err(error) => Err(Error::new(Op::SyncDir, dir, error)),
    }
}

/// Gives a durable file another name, which nothing may have yet, and makes that durable.
///
/// # Errors
/// When the rename or the sync of the directory fail.
pub fn rename_new(fs: &dyn Fs, from: &Path, to: &Path) -> Result<Synced, Error> {
    fs.rename_new(from, to).map_err(Error::at(Op::Rename, to))?;
    sync_dir(fs, parent_dir(to))
}

/// Removes a file that may be gone already; whether it was there. The caller syncs the directory.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn remove(fs: &dyn Fs, path: &Path) -> Result<bool, Error> {
    match fs.remove(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::new(Op::Remove, path, error)),
    }
}

/// The final name that the draft `name` was meant to get; `None` if it is not a draft's name.
pub fn draft_target(name: &OsStr) -> Option<&OsStr> {
    let stem = name.as_bytes().strip_suffix(DRAFT_SUFFIX.as_bytes())?;
    let (target, unique) = stem.split_at_checked(stem.len().checked_sub(UNIQUE_LEN + 1)?)?;
    let is_unique = |digits: &[u8]| digits.iter().all(|d| d.is_ascii_digit() || (b'a'..=b'f').contains(d));
    match unique {
        [b'.', digits @ ..] if is_unique(digits) && !target.is_empty() => Some(OsStr::from_bytes(target)),
        _ => None,
    }
}

/// Removes the drafts that dead runs left in `dir`, those for which `is_ours` says yes of the final name.
///
/// The caller holds the lock that every writer of such drafts holds, so whatever is there is dead. Each name
/// that was removed is returned, or why it could not be: a draft that stays harms nobody.
///
/// # Errors
/// When the directory cannot be listed or synced.
pub fn sweep(
    fs: &dyn Fs,
    dir: &Path,
    is_ours: &dyn Fn(&OsStr) -> bool,
) -> Result<Vec<Result<OsString, Error>>, Error> {
    let names = fs.list(dir).map_err(Error::at(Op::List, dir))?;
    let drafts = names.into_iter().filter(|name| draft_target(name).is_some_and(is_ours));
    let swept: Vec<_> = drafts.map(|name| remove(fs, &dir.join(&name)).map(|_| name)).collect();
    if !swept.is_empty() {
        let _: Synced = sync_dir(fs, dir)?;
    }
    Ok(swept)
}

/// The directory that holds `path`, `.` for a bare name.
pub fn parent_dir(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    }
}

fn draft_path(target: &Path, unique: u64) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{unique:016x}{DRAFT_SUFFIX}"));
    parent_dir(target).join(name)
}

#[cfg(test)]
mod tests;

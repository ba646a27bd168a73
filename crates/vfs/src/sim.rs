//! A disk in memory that remembers what is not on it yet (feature `sim`).
//!
//! Every change is noted. After a run, [`SimFs::wreck`] tells for each of its operations what a power cut behind
//! it would leave: what was synced lasts, of the rest any subset may have survived, in any order, writes torn at
//! the edges of blocks and sizes grown with zeros. So one run is enough for all its cuts.
//!
//! It is harsher than the file systems that are in use: a name may last whose file has no bytes, a file may keep
//! its old and its new name, a later write may last and an earlier one not. Only what `fsync` of the file or of
//! the directory promises is relied upon.

mod image;
mod operation;
#[cfg(test)]
mod tests;
mod wreck;

pub use image::Image;
pub use wreck::Wreck;

use crate::{Access, Fs, Grant, Lock, LockKind, Meta, NewFile, OldFile, ReadAt, ReadFile, Written};
use image::{File, Ino};
use nix::errno::Errno;
use operation::{Operation, Survival};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// A simulated disk with the programs that run on it. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimFs(Arc<Mutex<Disk>>);

#[derive(Debug)]
struct Disk {
    /// What lasts since before the first operation.
    start: Image,
    /// What programs see.
    now: Image,
    operations: Vec<Operation>,
    locks: BTreeMap<Ino, Held>,
    unique: u64,
    time: SystemTime,
}

#[derive(Debug, Clone, Copy)]
enum Held {
    Exclusive,
    Shared(usize),
}

impl SimFs {
    /// A disk that was just mounted: all that is in `image` lasts.
    pub fn on(image: Image) -> SimFs {
        let time = SystemTime::UNIX_EPOCH;
        SimFs(Arc::new(Mutex::new(Disk {
            start: image.clone(),
            now: image,
            operations: Vec::new(),
            locks: BTreeMap::new(),
            unique: 0,
            time,
        })))
    }

    /// Sets the time that files get when they are written.
    pub fn set_time(&self, time: SystemTime) {
        self.disk().time = time;
    }

    /// What programs see now.
    pub fn image(&self) -> Image {
        self.disk().now.clone()
    }

    /// How many operations there were.
    pub fn operation_count(&self) -> usize {
        self.disk().operations.len()
    }

    /// What a power cut leaves behind so many operations.
    pub fn wreck(&self, operation_count: usize) -> Wreck {
        let disk = self.disk();
        Wreck::new(&disk.start, &disk.operations[..operation_count])
    }

    /// Puts a file there, or other bytes into the one that is there, as somebody does whose writes last at once.
    ///
    /// # Errors
    /// `NotFound` without its directory.
    pub fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk();
        let place = disk.now.place(path, true)?;
        let ino = place.found.unwrap_or_else(|| disk.now.new_ino());
        let modified = disk.time;
        disk.apply(Operation::Put { dir: place.dir, name: place.name, ino, bytes: bytes.into(), modified });
        Ok(())
    }

    /// Opens a file as programs do that write in place: cut to nothing or at its end, made if it is not there.
    ///
    /// # Errors
    /// As for opening.
    pub fn write_in_place(&self, path: &Path, truncate: bool) -> io::Result<Box<dyn NewFile>> {
        let place = self.disk().now.place(path, true)?;
        let Some(ino) = place.found else { return self.create(path) };
        if truncate {
            self.disk().cut(ino, 0)?;
        }
        Ok(Box::new(SimWritten { fs: self.clone(), ino }))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        let mut disk = self.disk();
        let (from, to) = (disk.now.place(from, false)?, disk.now.place(to, false)?);
        let ino = from.found.ok_or(Errno::ENOENT)?;
        if to.found.is_some() && !replace {
            return Err(Errno::EEXIST.into());
        }
        if to.found.is_some_and(|found| disk.now.names_of(found).is_ok()) {
            return Err(Errno::EISDIR.into());
        }
        if from.dir == to.dir {
            disk.apply(Operation::Rename { dir: from.dir, from: from.name, to: to.name, ino });
        } else {
            // Each directory may last without the other.
            disk.apply(Operation::Create { dir: to.dir, name: to.name, ino });
            disk.apply(Operation::Remove { dir: from.dir, name: from.name });
        }
        Ok(())
    }
}

impl Disk {
    fn apply(&mut self, operation: Operation) {
        operation.apply(&mut self.now, Survival::Whole);
        self.operations.push(operation);
    }

    fn write(&mut self, ino: Ino, pos: usize, bytes: &[u8]) {
        let modified = self.time;
        self.apply(Operation::Write { ino, pos, bytes: bytes.into(), modified });
    }

    fn cut(&mut self, ino: Ino, len: usize) -> io::Result<()> {
        let from_len = self.file(ino)?.bytes.as_slice().len();
        self.apply(Operation::Cut { ino, from_len, len: len.min(from_len) });
        Ok(())
    }

    fn file(&self, ino: Ino) -> io::Result<&File> {
        self.now.file(ino).ok_or_else(|| Errno::EISDIR.into())
    }
}

impl Fs for SimFs {
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        let disk = self.disk();
        let ino = disk.now.find(path)?;
        if disk.file(ino)?.denied {
            return Err(Errno::EACCES.into());
        }
        Ok(Box::new(SimReadFile { fs: self.clone(), ino }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let mut disk = self.disk();
        let place = disk.now.place(path, false)?;
        if place.found.is_some() {
            return Err(Errno::EEXIST.into());
        }
        let ino = disk.now.new_ino();
        disk.apply(Operation::Create { dir: place.dir, name: place.name, ino });
        Ok(Box::new(SimWritten { fs: self.clone(), ino }))
    }

    fn open_to_change(&self, path: &Path) -> io::Result<Box<dyn OldFile>> {
        let disk = self.disk();
        let ino = disk.now.find(path)?;
        if disk.file(ino)?.denied {
            return Err(Errno::EACCES.into());
        }
        Ok(Box::new(SimWritten { fs: self.clone(), ino }))
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        let disk = self.disk();
        Ok(disk.now.meta(disk.now.find(path)?))
    }

    fn link_target(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let disk = self.disk();
        let found = match disk.now.place(path, false) {
            Ok(place) => place.found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(found.and_then(|ino| disk.now.link_target(ino)).map(Path::to_owned))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        let disk = self.disk();
        Ok(disk.now.names_of(disk.now.find(dir)?)?.keys().cloned().collect())
    }

    fn make_dir(&self, path: &Path, _grant: Grant) -> io::Result<()> {
        let mut disk = self.disk();
        let place = disk.now.place(path, false)?;
        if place.found.is_some() {
            return Err(Errno::EEXIST.into());
        }
        let ino = disk.now.new_ino();
        disk.apply(Operation::MakeDir { dir: place.dir, name: place.name, ino });
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let place = disk.now.place(path, false)?;
        let ino = place.found.ok_or(Errno::ENOENT)?;
        if !disk.now.names_of(ino)?.is_empty() {
            return Err(Errno::ENOTEMPTY.into());
        }
        disk.apply(Operation::Remove { dir: place.dir, name: place.name });
        Ok(())
    }

    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename(from, to, true)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename(from, to, false)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let place = disk.now.place(path, false)?;
        let ino = place.found.ok_or(Errno::ENOENT)?;
        if disk.now.names_of(ino).is_ok() {
            return Err(Errno::EISDIR.into());
        }
        disk.apply(Operation::Remove { dir: place.dir, name: place.name });
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let ino = disk.now.find(dir)?;
        disk.now.names_of(ino)?;
        disk.apply(Operation::SyncDir { dir: ino });
        Ok(())
    }

    fn sync_all(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.now.names_of(disk.now.find(dir)?)?;
        disk.apply(Operation::SyncAll);
        Ok(())
    }

    fn try_lock(&self, path: &Path, kind: LockKind) -> io::Result<Option<Box<dyn Lock>>> {
        let mut disk = self.disk();
        let ino = disk.now.find(path)?;
        if disk.now.file(ino).is_some_and(|file| file.denied) {
            return Err(Errno::EACCES.into());
        }
        let held = match (disk.locks.get(&ino), kind) {
            (None, LockKind::Exclusive) => Held::Exclusive,
            (None, LockKind::Shared) => Held::Shared(1),
            (Some(Held::Shared(count)), LockKind::Shared) => Held::Shared(count + 1),
            _ => return Ok(None),
        };
        disk.locks.insert(ino, held);
        Ok(Some(Box::new(SimLock { fs: self.clone(), ino })))
    }

    fn free_len(&self, _dir: &Path) -> io::Result<u64> {
        Ok(1 << 40)
    }

    fn unique(&self) -> u64 {
        let mut disk = self.disk();
        disk.unique += 1;
        disk.unique
    }
}

struct SimReadFile {
    fs: SimFs,
    ino: Ino,
}

impl ReadAt for SimReadFile {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.fs.disk().file(self.ino)?.bytes.read_at(pos, buf)
    }

    fn len(&self) -> io::Result<u64> {
        ReadAt::len(&*self.fs.disk().file(self.ino)?.bytes)
    }
}

impl ReadFile for SimReadFile {
    fn meta(&self) -> io::Result<Meta> {
        Ok(self.fs.disk().now.meta(self.ino))
    }
}

struct SimWritten {
    fs: SimFs,
    ino: Ino,
}

impl NewFile for SimWritten {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.fs.disk();
        let pos = disk.file(self.ino)?.bytes.as_slice().len();
        disk.write(self.ino, pos, bytes);
        Ok(())
    }

    fn set_access(&mut self, grant: Grant) -> io::Result<bool> {
        let mut disk = self.fs.disk();
        let uid = grant.uid.unwrap_or(disk.file(self.ino)?.access.uid);
        let access = Access { mode: grant.mode, uid, gid: grant.gid };
        disk.apply(Operation::SetAccess { ino: self.ino, access });
        Ok(true)
    }
}

impl OldFile for SimWritten {
    fn write_at(&mut self, pos: u64, bytes: &[u8]) -> io::Result<()> {
        let pos = usize::try_from(pos).map_err(io::Error::other)?;
        self.fs.disk().write(self.ino, pos, bytes);
        Ok(())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.fs.disk().cut(self.ino, len)
    }
}

impl Written for SimWritten {
    fn sync(&mut self) -> io::Result<()> {
        self.fs.disk().apply(Operation::Sync { ino: self.ino });
        Ok(())
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

struct SimLock {
    fs: SimFs,
    ino: Ino,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut disk = self.fs.disk();
        let _: Option<Held> = match disk.locks.get(&self.ino).copied() {
            Some(Held::Shared(count)) if count > 1 => disk.locks.insert(self.ino, Held::Shared(count - 1)),
            _ => disk.locks.remove(&self.ino),
        };
    }
}

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;
use vfs::{Access, FileKind, Fs, Grant, Lock, LockKind, Meta, NewFile, ReadAt, ReadFile};

/// A file system in memory with a few directories and no links, fast enough for a fuzzer.
///
/// Nothing fails here that should not, and nothing is lost: crashes are another file system's.
#[derive(Clone, Default)]
pub struct Shelf(Arc<Inner>);

#[derive(Default)]
struct Inner {
    files: Mutex<BTreeMap<PathBuf, Entry>>,
    next_id: AtomicU64,
}

#[derive(Clone)]
struct Entry {
    id: u64,
    mode: u32,
    /// `None` for a directory.
    bytes: Option<Arc<Vec<u8>>>,
    /// Readers of a lock; more than any number for a writer.
    locks: Arc<Mutex<u32>>,
}

const WRITER: u32 = u32::MAX;

impl Entry {
    fn meta(&self) -> Meta {
        let kind = if self.bytes.is_some() { FileKind::File } else { FileKind::Dir };
        Meta {
            len: self.bytes.as_ref().map_or(0, |bytes| bytes.as_slice().len() as u64),
            kind,
            access: Access { mode: self.mode, uid: 0, gid: 0 },
            id: (1, self.id),
            modified: SystemTime::UNIX_EPOCH,
        }
    }
}

impl Shelf {
    /// An empty one.
    pub fn new() -> Shelf {
        Shelf::default()
    }

    /// Makes a directory.
    pub fn put_dir(&self, path: impl Into<PathBuf>) {
        self.insert(path.into(), None);
    }

    /// Puts a file there, in the place of what was.
    pub fn put(&self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) {
        self.insert(path.into(), Some(Arc::new(bytes.into())));
    }

    /// What is in a file, if it is there.
    pub fn content(&self, path: impl AsRef<Path>) -> Option<Arc<Vec<u8>>> {
        self.files().get(path.as_ref())?.bytes.clone()
    }

    fn insert(&self, path: PathBuf, bytes: Option<Arc<Vec<u8>>>) {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        self.files().insert(path, Entry { id, mode: 0o600, bytes, locks: Arc::default() });
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Entry>> {
        self.0.files.lock().unwrap()
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        self.files().get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change(&self, path: &Path, change: impl FnOnce(&mut Entry)) -> io::Result<()> {
        self.files().get_mut(path).map(change).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Fs for Shelf {
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        let entry = self.entry(path)?;
        let bytes = entry.bytes.clone().ok_or(io::ErrorKind::IsADirectory)?;
        Ok(Box::new(Opened { bytes, meta: entry.meta() }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        if self.entry(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.put(path, Vec::new());
        Ok(Box::new(Written { shelf: self.clone(), path: path.to_owned() }))
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        Ok(self.entry(path)?.meta())
    }

    fn link_target(&self, _path: &Path) -> io::Result<Option<PathBuf>> {
        Ok(None)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.entry(dir)?;
        let files = self.files();
        let inside = files.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| path.file_name()).map(ToOwned::to_owned).collect())
    }

    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.files();
        let entry = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), entry);
        Ok(())
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.entry(from)?;
        if self.entry(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.rename_over(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files().remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.entry(dir).map(drop)
    }

    fn try_lock(&self, path: &Path, kind: LockKind) -> io::Result<Option<Box<dyn Lock>>> {
        let locks = self.entry(path)?.locks;
        let mut count = locks.lock().unwrap();
        match (kind, *count) {
            (LockKind::Exclusive, 0) => *count = WRITER,
            (LockKind::Shared, readers) if readers != WRITER => *count += 1,
            _ => return Ok(None),
        }
        drop(count);
        Ok(Some(Box::new(Held(locks))))
    }

    fn free_len(&self, _dir: &Path) -> io::Result<u64> {
        Ok(1 << 20)
    }

    fn unique(&self) -> u64 {
        self.0.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

struct Held(Arc<Mutex<u32>>);

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        let mut count = self.0.lock().unwrap();
        *count = if *count == WRITER { 0 } else { *count - 1 };
    }
}

struct Opened {
    bytes: Arc<Vec<u8>>,
    meta: Meta,
}

impl ReadAt for Opened {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.bytes.read_at(pos, buf)
    }

    fn len(&self) -> io::Result<u64> {
        ReadAt::len(&*self.bytes)
    }
}

impl ReadFile for Opened {
    fn meta(&self) -> io::Result<Meta> {
        Ok(self.meta)
    }
}

struct Written {
    shelf: Shelf,
    path: PathBuf,
}

impl NewFile for Written {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.shelf.change(&self.path, |entry| {
            if let Some(old) = &mut entry.bytes {
                Arc::make_mut(old).extend_from_slice(bytes);
            }
        })
    }

    fn set_access(&mut self, grant: Grant) -> io::Result<bool> {
        self.shelf.change(&self.path, |entry| entry.mode = grant.mode)?;
        Ok(true)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_contract_of_fs() {
        let shelf = Shelf::new();
        shelf.put_dir("/dir");
        vfs::contract::check(&shelf, Path::new("/dir"));
    }
}

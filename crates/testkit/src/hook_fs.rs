use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use vfs::{Fs, Grant, Lock, LockKind, Meta, NewFile, OldFile, OsFs, ReadAt, ReadFile, Written};

/// One call on the file system, before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The name of the operation, as in [`Fs`] and [`NewFile`] or [`OldFile`].
    pub op: &'static str,
    /// What it is about: for a rename the new name.
    pub path: PathBuf,
}

impl Call {
    /// Whether the call changes the disk, or makes a change last.
    pub fn writes(&self) -> bool {
        matches!(
            self.op,
            "create"
                | "append"
                | "share"
                | "write_at"
                | "cut"
                | "set_access"
                | "sync"
                | "close"
                | "rename_over"
                | "rename_new"
                | "remove"
                | "sync_dir"
                | "make_dir"
                | "remove_dir"
                | "sync_all"
        )
    }
}

type Hook = dyn FnMut(&Call) -> io::Result<()> + Send;

/// A file system, the real one if nothing else is said, with somebody who is asked before every call, and may
/// change the disk then, or fail it.
#[derive(Clone)]
pub struct HookFs {
    inner: Arc<dyn Fs>,
    hook: Arc<Mutex<Box<Hook>>>,
    free_len: Option<u64>,
    shares: bool,
}

impl HookFs {
    /// A file system on which `hook` is asked before every call.
    pub fn new(hook: impl FnMut(&Call) -> io::Result<()> + Send + 'static) -> HookFs {
        let hook: Box<Hook> = Box::new(hook);
        HookFs { inner: Arc::new(OsFs), hook: Arc::new(Mutex::new(hook)), free_len: None, shares: false }
    }

    /// One that notes every call, and the notes.
    pub fn noting() -> (HookFs, Arc<Mutex<Vec<Call>>>) {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&calls);
        let fs = HookFs::new(move |call| {
            notes.lock().unwrap().push(call.clone());
            Ok(())
        });
        (fs, calls)
    }

    /// The same, on another file system.
    pub fn over(self, inner: impl Fs + 'static) -> HookFs {
        HookFs { inner: Arc::new(inner), ..self }
    }

    /// The same, with so many bytes free.
    pub fn with_free_len(self, free_len: u64) -> HookFs {
        HookFs { free_len: Some(free_len), ..self }
    }

    /// The same, on which files share their blocks, as far as anybody can tell.
    pub fn sharing(self) -> HookFs {
        HookFs { shares: true, ..self }
    }

    fn ask(&self, op: &'static str, path: &Path) -> io::Result<()> {
        (self.hook.lock().unwrap())(&Call { op, path: path.to_owned() })
    }
}

impl Fs for HookFs {
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        self.ask("open", path)?;
        Ok(Box::new(HookReadFile { file: self.inner.open(path)?, fs: self.clone(), path: path.to_owned() }))
    }

    fn open_no_link(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        self.ask("open", path)?;
        let file = self.inner.open_no_link(path)?;
        Ok(Box::new(HookReadFile { file, fs: self.clone(), path: path.to_owned() }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        self.ask("create", path)?;
        Ok(Box::new(HookWritten { file: self.inner.create(path)?, fs: self.clone(), path: path.to_owned() }))
    }

    fn open_to_change(&self, path: &Path) -> io::Result<Box<dyn OldFile>> {
        self.ask("open_to_change", path)?;
        let file = self.inner.open_to_change(path)?;
        Ok(Box::new(HookWritten { file, fs: self.clone(), path: path.to_owned() }))
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        self.ask("meta", path)?;
        self.inner.meta(path)
    }

    fn link_target(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        self.ask("link_target", path)?;
        self.inner.link_target(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.ask("list", dir)?;
        self.inner.list(dir)
    }

    fn make_dir(&self, path: &Path, grant: Grant) -> io::Result<()> {
        self.ask("make_dir", path)?;
        self.inner.make_dir(path, grant)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.ask("remove_dir", path)?;
        self.inner.remove_dir(path)
    }

    fn sync_all(&self, dir: &Path) -> io::Result<()> {
        self.ask("sync_all", dir)?;
        self.inner.sync_all(dir)
    }

    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask("rename_over", to)?;
        self.inner.rename_over(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask("rename_new", to)?;
        self.inner.rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.ask("remove", path)?;
        self.inner.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.ask("sync_dir", dir)?;
        self.inner.sync_dir(dir)
    }

    fn try_lock(&self, path: &Path, kind: LockKind) -> io::Result<Option<Box<dyn Lock>>> {
        self.ask("try_lock", path)?;
        self.inner.try_lock(path, kind)
    }

    fn free_len(&self, dir: &Path) -> io::Result<u64> {
        self.ask("free_len", dir)?;
        self.free_len.map_or_else(|| self.inner.free_len(dir), Ok)
    }

    fn unique(&self) -> u64 {
        self.inner.unique()
    }
}

struct HookReadFile {
    file: Box<dyn ReadFile>,
    fs: HookFs,
    path: PathBuf,
}

impl ReadAt for HookReadFile {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.fs.ask("read_at", &self.path)?;
        self.file.read_at(pos, buf)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

impl ReadFile for HookReadFile {
    fn meta(&self) -> io::Result<Meta> {
        self.file.meta()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.descriptor()
    }
}

struct HookWritten<F: ?Sized> {
    file: Box<F>,
    fs: HookFs,
    path: PathBuf,
}

impl NewFile for HookWritten<dyn NewFile> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.fs.ask("append", &self.path)?;
        self.file.append(bytes)
    }

    fn share(&mut self, other: &dyn ReadFile) -> io::Result<bool> {
        self.fs.ask("share", &self.path)?;
        if !self.fs.shares {
            return self.file.share(other);
        }
        // Whoever shares blocks reads nothing: what cannot be read is no hindrance, and the hook is not asked.
        let mut bytes = Vec::new();
        if let Some(descriptor) = other.descriptor() {
            File::from(descriptor.try_clone_to_owned()?).read_to_end(&mut bytes)?;
        }
        self.file.append(&bytes)?;
        Ok(true)
    }

    fn set_access(&mut self, grant: Grant) -> io::Result<bool> {
        self.fs.ask("set_access", &self.path)?;
        self.file.set_access(grant)
    }
}

impl OldFile for HookWritten<dyn OldFile> {
    fn write_at(&mut self, pos: u64, bytes: &[u8]) -> io::Result<()> {
        self.fs.ask("write_at", &self.path)?;
        self.file.write_at(pos, bytes)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.fs.ask("cut", &self.path)?;
        self.file.cut(len)
    }
}

impl<F: Written + ?Sized> Written for HookWritten<F> {
    fn sync(&mut self) -> io::Result<()> {
        self.fs.ask("sync", &self.path)?;
        self.file.sync()
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        self.fs.ask("close", &self.path)?;
        self.file.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_contract_of_fs_when_nobody_interferes() {
        let dir = tempfile::tempdir().unwrap();
        let (fs, calls) = HookFs::noting();
        vfs::contract::check(&fs, dir.path());
        assert!(calls.lock().unwrap().iter().any(Call::writes));
    }
}

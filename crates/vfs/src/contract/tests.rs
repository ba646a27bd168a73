//! The suite is believed when it passes: so it must fail on each of these.

use super::*;
use crate::sim::{Image, SimFs};
use crate::{Lock, Meta, NewFile, OldFile, ReadAt, ReadFile, Written};
use std::ffi::OsString;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// What a file system does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    CreateReplaces,
    OpenFollowsTheName,
    RenameOverRefuses,
    RenameNewReplaces,
    RemoveDoesNothing,
    ListIsEmpty,
    LockIsAlwaysGiven,
    SharedLockExcludes,
    LockNeverEnds,
    NoFreeSpace,
    NothingIsUnique,
    DirectoryCannotBeSynced,
    OpenToChangeEmpties,
    CutDoesNothing,
    RemoveDirDoesNothing,
}

struct Flawed(SimFs, Option<Flaw>);

impl Flawed {
    fn has(&self, flaw: Flaw) -> bool {
        self.1 == Some(flaw)
    }
}

struct ByName(SimFs, PathBuf);

impl ReadAt for ByName {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.0.open(&self.1)?.read_at(pos, buf)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.open(&self.1)?.len()
    }
}

impl ReadFile for ByName {
    fn meta(&self) -> io::Result<Meta> {
        self.0.meta(&self.1)
    }
}

struct NeverCut(Box<dyn OldFile>);

impl OldFile for NeverCut {
    fn write_at(&mut self, pos: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(pos, bytes)
    }

    fn cut(&mut self, _len: u64) -> io::Result<()> {
        Ok(())
    }
}

impl Written for NeverCut {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        self.0.close()
    }
}

struct NoLock;

impl Lock for NoLock {}

impl Fs for Flawed {
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        let file = self.0.open(path)?;
        let by_name = || Box::new(ByName(self.0.clone(), path.to_owned()));
        Ok(if self.has(Flaw::OpenFollowsTheName) { by_name() } else { file })
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        if self.has(Flaw::CreateReplaces) {
            let _ = self.0.remove(path);
        }
        self.0.create(path)
    }

    fn open_to_change(&self, path: &Path) -> io::Result<Box<dyn OldFile>> {
        let file = self.0.open_to_change(path)?;
        if self.has(Flaw::OpenToChangeEmpties) {
            self.0.write_in_place(path, true)?;
        }
        Ok(if self.has(Flaw::CutDoesNothing) { Box::new(NeverCut(file)) } else { file })
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        self.0.meta(path)
    }

    fn link_target(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        self.0.link_target(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        let names = self.0.list(dir)?;
        Ok(if self.has(Flaw::ListIsEmpty) { Vec::new() } else { names })
    }

    fn make_dir(&self, path: &Path, grant: Grant) -> io::Result<()> {
        self.0.make_dir(path, grant)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        if self.has(Flaw::RemoveDirDoesNothing) { Ok(()) } else { self.0.remove_dir(path) }
    }

    fn sync_all(&self, dir: &Path) -> io::Result<()> {
        self.0.sync_all(dir)
    }

    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.has(Flaw::RenameOverRefuses) {
            self.0.rename_new(from, to)
        } else {
            self.0.rename_over(from, to)
        }
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.has(Flaw::RenameNewReplaces) {
            self.0.rename_over(from, to)
        } else {
            self.0.rename_new(from, to)
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if self.has(Flaw::RemoveDoesNothing) { self.0.meta(path).map(|_| ()) } else { self.0.remove(path) }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let cannot = self.has(Flaw::DirectoryCannotBeSynced);
        self.0.sync_dir(dir).and(if cannot { Err(ErrorKind::Unsupported.into()) } else { Ok(()) })
    }

    fn try_lock(&self, path: &Path, kind: LockKind) -> io::Result<Option<Box<dyn Lock>>> {
        let kind = if self.has(Flaw::SharedLockExcludes) { LockKind::Exclusive } else { kind };
        let lock = self.0.try_lock(path, kind)?;
        match self.1 {
            Some(Flaw::LockIsAlwaysGiven) => Ok(Some(Box::new(NoLock))),
            Some(Flaw::LockNeverEnds) => Ok(lock.map(|lock| {
                std::mem::forget(lock);
                Box::new(NoLock) as Box<dyn Lock>
            })),
            _ => Ok(lock),
        }
    }

    fn free_len(&self, dir: &Path) -> io::Result<u64> {
        let free_len = self.0.free_len(dir)?;
        Ok(if self.has(Flaw::NoFreeSpace) { 0 } else { free_len })
    }

    fn unique(&self) -> u64 {
        if self.has(Flaw::NothingIsUnique) { 7 } else { self.0.unique() }
    }
}

fn passes(flaw: Option<Flaw>) -> bool {
    let mut image = Image::default();
    image.make_dir(Path::new("/d")).unwrap();
    let fs = Flawed(SimFs::on(image), flaw);
    catch_unwind(AssertUnwindSafe(|| check(&fs, Path::new("/d")))).is_ok()
}

#[test]
fn the_suite_fails_on_whatever_breaks_the_contract_and_on_nothing_else() {
    assert!(passes(None));
    for flaw in [
        Flaw::CreateReplaces,
        Flaw::OpenFollowsTheName,
        Flaw::RenameOverRefuses,
        Flaw::RenameNewReplaces,
        Flaw::RemoveDoesNothing,
        Flaw::ListIsEmpty,
        Flaw::LockIsAlwaysGiven,
        Flaw::SharedLockExcludes,
        Flaw::LockNeverEnds,
        Flaw::NoFreeSpace,
        Flaw::NothingIsUnique,
        Flaw::DirectoryCannotBeSynced,
        Flaw::OpenToChangeEmpties,
        Flaw::CutDoesNothing,
        Flaw::RemoveDirDoesNothing,
    ] {
        assert!(!passes(Some(flaw)), "{flaw:?}");
    }
}

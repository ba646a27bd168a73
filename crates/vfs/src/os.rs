//! The real file system, and the only module of the project that touches it.
#![expect(clippy::disallowed_methods, reason = "this is the module that the bans point to")]

mod written;

use crate::fs::is_a_link;
use crate::{Access, FileKind, Fs, Grant, Lock, LockKind, Meta, NewFile, OldFile, ReadAt, ReadFile};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use written::OsWritten;

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFs;

struct OsReadFile(File);

impl ReadAt for OsReadFile {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        again(|| self.0.read_at(buf, pos))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(again(|| self.0.metadata())?.len())
    }
}

impl ReadFile for OsReadFile {
    fn meta(&self) -> io::Result<Meta> {
        meta_of(&again(|| self.0.metadata())?)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

/// The open file description that carries the lock.
struct OsLock(File);

impl Lock for OsLock {}

impl Drop for OsLock {
    fn drop(&mut self) {
        // Closing alone is not enough in a program of several threads: a child that another one is just
        // starting has the description, and with it the lock, until it runs its own program.
        let _ = self.0.unlock();
    }
}

impl Fs for OsFs {
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        Ok(Box::new(OsReadFile(regular(open_to_read(path)?)?)))
    }

    fn open_no_link(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
        let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
        let opened = opened.map_err(|error| match is_errno(&error, &[Errno::ELOOP]) {
            true => is_a_link(),
            false => error,
        });
        Ok(Box::new(OsReadFile(regular(opened?)?)))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Box::new(OsWritten::new(file)))
    }

    fn open_to_change(&self, path: &Path) -> io::Result<Box<dyn OldFile>> {
        // Not for reading and writing both: that would succeed for a pipe, too.
        let file = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
        Ok(Box::new(OsWritten::new(regular(file)?)))
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        meta_of(&again(|| std::fs::metadata(path))?)
    }

    fn link_target(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        match again(|| std::fs::read_link(path)) {
            Ok(target) => Ok(Some(target)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        again(|| list(dir))
    }

    fn make_dir(&self, path: &Path, grant: Grant) -> io::Result<()> {
        std::fs::DirBuilder::new().mode(grant.mode).create(path)?;
        if let Some(uid) = grant.uid.filter(|_| nix::unistd::geteuid().is_root()) {
            std::os::unix::fs::chown(path, Some(uid), Some(grant.gid))?;
        }
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        match rename_noreplace(from, to) {
            Err(error) if is_unsupported(&error) => link_and_unlink(from, to),
            result => result,
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        match File::open(dir)?.sync_all() {
            Err(error) if is_unsupported(&error) => Err(io::ErrorKind::Unsupported.into()),
            result => result,
        }
    }

    fn sync_all(&self, dir: &Path) -> io::Result<()> {
        sync_all(dir)
    }

    fn try_lock(&self, path: &Path, kind: LockKind) -> io::Result<Option<Box<dyn Lock>>> {
        let file = open_to_read(path)?;
        let lock = || match kind {
            LockKind::Exclusive => file.try_lock(),
            LockKind::Shared => file.try_lock_shared(),
        };
        let locked = loop {
            match lock() {
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                locked => break locked,
            }
        };
        match locked {
            Ok(()) => Ok(Some(Box::new(OsLock(file)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            // A network file system may turn flock into a byte-range lock, which a directory cannot have.
            Err(TryLockError::Error(error))
                if is_unsupported(&error) || is_errno(&error, &[Errno::EBADF, Errno::ENOLCK]) =>
            {
                Err(io::ErrorKind::Unsupported.into())
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn free_len(&self, dir: &Path) -> io::Result<u64> {
        let stat = again(|| Ok(nix::sys::statvfs::statvfs(dir)?))?;
        Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
    }

    fn unique(&self) -> u64 {
        fastrand::u64(..)
    }
}

/// Linux says since 5.8 whether writing failed.
#[cfg(target_os = "linux")]
fn sync_all(dir: &Path) -> io::Result<()> {
    match nix::unistd::syncfs(File::open(dir)?) {
        Err(Errno::ENOSYS | Errno::EINVAL) => Err(io::ErrorKind::Unsupported.into()),
        result => result.map_err(io::Error::from),
    }
}

#[cfg(not(target_os = "linux"))]
fn sync_all(_dir: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A hard link does not replace either; a crash between the two calls leaves two names of one complete file,
/// and the draft's name is swept by the next run.
fn link_and_unlink(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::hard_link(from, to) {
        // Neither way (exFAT, some network file systems): look, then rename. The lock keeps our own runs out.
        Err(error) if is_unsupported(&error) || is_errno(&error, &[Errno::EPERM, Errno::EMLINK]) => {
            return match again(|| std::fs::symlink_metadata(to)) {
                Ok(_) => Err(Errno::EEXIST.into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => std::fs::rename(from, to),
                // Who cannot look does not know what would be replaced.
                Err(error) => Err(error),
            };
        }
        result => result?,
    }
    std::fs::remove_file(from).inspect_err(|_| {
        // Both or nothing: the caller is told that the name was not given.
        let _ = std::fs::remove_file(to);
    })
}

/// Makes a call again that a signal interrupted, one that changes nothing. Those of std that may wait do so by
/// themselves; where a signal that is no reason to stop interrupts the others, it must not show either.
fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// With the library's `Dir`, because std's panics where closing a directory fails. All was read by then.
fn list(dir: &Path) -> io::Result<Vec<OsString>> {
    let dir = Dir::open(dir, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let names = dir.into_iter().map(|entry| Ok(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned()));
    names.filter(|name| !matches!(name, Ok(name) if name == "." || name == "..")).collect()
}

/// Without waiting for the other end of a pipe that somebody gave the name of a file.
fn open_to_read(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

fn regular(file: File) -> io::Result<File> {
    let kind = again(|| file.metadata())?.file_type();
    if kind.is_dir() {
        return Err(Errno::EISDIR.into());
    }
    if !kind.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

#[cfg(target_os = "linux")]
fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE).map_err(io::Error::from)
}

#[cfg(not(target_os = "linux"))]
fn rename_noreplace(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(Errno::ENOSYS.into())
}

fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
        || is_errno(error, &[Errno::EINVAL, Errno::ENOSYS, Errno::ENOTSUP, Errno::EOPNOTSUPP])
}

fn is_errno(error: &io::Error, errnos: &[Errno]) -> bool {
    error.raw_os_error().is_some_and(|raw| errnos.iter().any(|errno| *errno as i32 == raw))
}

fn meta_of(metadata: &Metadata) -> io::Result<Meta> {
    let kind = if metadata.is_file() {
        FileKind::File
    } else if metadata.is_dir() {
        FileKind::Dir
    } else {
        FileKind::Other
    };
    Ok(Meta {
        len: metadata.len(),
        kind,
        access: Access { mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid() },
        id: (metadata.dev(), metadata.ino()),
        name_count: metadata.nlink(),
        modified: metadata.modified()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    /// File systems without `renameat2` or hard links are rare; the ways round them are the same everywhere.
    #[test]
    fn a_link_and_unlink_neither_replaces_nor_leaves_two_names() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        std::fs::write(&from, "new").unwrap();
        std::fs::write(&to, "old").unwrap();
        assert_eq!(link_and_unlink(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&to).unwrap(), b"old");
        std::fs::remove_file(&to).unwrap();
        link_and_unlink(&from, &to).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"new");
        assert!(!from.exists());
    }

    #[test]
    fn keeps_the_contract_of_fs() {
        let dir = tempfile::tempdir().unwrap();
        crate::contract::check(&OsFs, dir.path());
    }

    #[test]
    fn where_there_are_no_hard_links_a_file_is_looked_for_and_then_renamed() {
        // A directory stands for a file on a file system without hard links: it cannot have one either.
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        std::fs::create_dir(&from).unwrap();
        std::fs::create_dir(&to).unwrap();
        assert_eq!(link_and_unlink(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(from.exists());
        std::fs::remove_dir(&to).unwrap();
        link_and_unlink(&from, &to).unwrap();
        assert!(to.exists() && !from.exists());
        assert_eq!(link_and_unlink(&from, &to).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_pipe_is_no_file_and_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(OsFs.open(&pipe).err().unwrap().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(OsFs.meta(&pipe).unwrap().kind, FileKind::Other);
    }

    #[test]
    fn links_are_followed_and_their_targets_shown_as_they_are_stored() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        std::fs::write(&file, "abc").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert_eq!(OsFs.link_target(&link).unwrap(), Some("file".into()));
        assert_eq!(OsFs.open(&link).unwrap().meta().unwrap().id, OsFs.meta(&file).unwrap().id);
    }

    /// Root may give a file to any group; everybody else only to their own.
    #[test]
    fn a_group_that_cannot_be_had_gets_no_right() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut file = OsFs.create(&path).unwrap();
        let before = OsFs.meta(&path).unwrap().access;
        let stranger = before.gid + 54_321;
        let granted = file.set_access(Grant { mode: 0o664, gid: stranger, uid: None }).unwrap();
        let after = OsFs.meta(&path).unwrap().access;
        let is_root = nix::unistd::geteuid().is_root();
        assert_eq!(granted, is_root, "root may, nobody else");
        if granted {
            assert_eq!(after, Access { mode: 0o664, gid: stranger, ..before });
        } else {
            assert_eq!(after, Access { mode: 0o604, ..before });
        }
        // The owner, likewise; the file's own is always to be had.
        let own = Grant { mode: 0o600, gid: after.gid, uid: Some(before.uid) };
        assert!(file.set_access(own).unwrap());
        let granted = file.set_access(Grant { uid: Some(before.uid + 54_321), ..own }).unwrap();
        let uid = OsFs.meta(&path).unwrap().access.uid;
        assert_eq!(uid, if granted { before.uid + 54_321 } else { before.uid });
        assert_eq!(granted, is_root);
    }

    /// Else a machine whose tests are run by root never sees what all others do.
    #[test]
    fn a_group_that_cannot_be_had_gets_no_right_also_where_root_runs_the_tests() {
        use std::os::unix::process::CommandExt;
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let everybody = Permissions::from_mode(0o777);
        std::fs::set_permissions(dir.path(), everybody).unwrap();
        let tests = dir.path().join("tests");
        std::fs::copy(std::env::current_exe().unwrap(), &tests).unwrap();
        let ran = std::process::Command::new(&tests)
            .args(["--exact", "os::tests::a_group_that_cannot_be_had_gets_no_right"])
            .env("TMPDIR", dir.path())
            .current_dir(dir.path())
            .uid(65_534)
            .gid(65_534)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    }

    #[test]
    fn errors_that_mean_that_a_file_system_cannot_do_it_are_told_apart_from_failures() {
        for errno in [Errno::EINVAL, Errno::ENOSYS, Errno::ENOTSUP, Errno::EOPNOTSUPP] {
            assert!(is_unsupported(&errno.into()), "{errno}");
        }
        assert!(is_unsupported(&io::ErrorKind::Unsupported.into()));
        for errno in [Errno::EIO, Errno::ENOSPC, Errno::EEXIST, Errno::ENOENT, Errno::EPERM] {
            assert!(!is_unsupported(&errno.into()), "{errno}");
        }
    }

    /// The directories of /proc are such that cannot be synced.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_directory_that_cannot_be_synced_is_told() {
        let error = OsFs.sync_dir(Path::new("/proc")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        let synced = crate::publish::sync_dir(&OsFs, Path::new("/proc")).unwrap();
        assert_eq!(synced, crate::publish::Synced::NotTheDirectory);
    }

    #[test]
    fn free_space_is_counted_in_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let free_len = OsFs.free_len(dir.path()).unwrap();
        let stat = nix::sys::statvfs::statvfs(dir.path()).unwrap();
        assert!(free_len > stat.blocks_available(), "more than its number of blocks");
        assert!(free_len <= stat.blocks().saturating_mul(stat.fragment_size()));
    }
}

use super::again;
use crate::{Grant, NewFile, OldFile, ReadFile, Written};
use nix::errno::Errno;
use std::fs::{File, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};

/// An open file, and how much of what is written to it the disk was told to begin with.
pub(super) struct OsWritten {
    file: File,
    /// Where the next byte goes.
    pos: u64,
    started_pos: u64,
}

impl OsWritten {
    /// So much may wait in memory before the disk is put to work.
    const START_LEN: u64 = 8 << 20;
    /// With larger writes the page cache takes larger pieces of memory, which a virtual machine may have to fetch from
    /// its host first: then 256 KiB were two and 1 MiB up to five times slower.
    const WRITE_LEN: usize = 1 << 16;

    pub(super) fn new(file: File) -> OsWritten {
        OsWritten { file, pos: 0, started_pos: 0 }
    }

    fn put(&mut self, bytes: &[u8], write: impl Fn(&File, &[u8], u64) -> io::Result<()>) -> io::Result<()> {
        for piece in bytes.chunks(Self::WRITE_LEN) {
            write(&self.file, piece, self.pos)?;
            self.pos += piece.len() as u64;
        }
        self.start_writing();
        Ok(())
    }

    /// Lets the disk begin with what was written, while more is on its way: the sync at the end, which waits
    /// for all of it, is shorter by that. Only a hint; what it does or not shows nowhere but in the time.
    fn start_writing(&mut self) {
        let waiting_len = self.pos - self.started_pos;
        if waiting_len >= Self::START_LEN {
            start_writing(&self.file, self.started_pos, waiting_len);
            self.started_pos = self.pos;
        }
    }
}

impl Written for OsWritten {
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        // Dropping a `File` hides what close says; a network file system may speak up only then.
        match nix::unistd::close(self.file) {
            // The descriptor is gone all the same, and what was written was synced before: nothing is lost.
            Err(Errno::EINTR) => Ok(()),
            result => result.map_err(io::Error::from),
        }
    }
}

impl NewFile for OsWritten {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes, |mut file, piece, _| file.write_all(piece))
    }

    fn share(&mut self, other: &dyn ReadFile) -> io::Result<bool> {
        if other.descriptor().is_some_and(|other| share(&self.file, other)) {
            self.file.seek(SeekFrom::End(0))?;
            return Ok(true);
        }
        // It can fail in its middle.
        if again(|| self.file.metadata())?.len() > 0 {
            again(|| self.file.set_len(0))?;
        }
        Ok(false)
    }

    fn set_access(&mut self, grant: Grant) -> io::Result<bool> {
        let mut mode = grant.mode;
        let mut granted = true;
        let now = again(|| self.file.metadata())?;
        let give = |uid, gid| again(|| std::os::unix::fs::fchown(&self.file, uid, gid)).is_ok();
        // The order matters: chown clears set-id bits, and the group must be right before it may read.
        if now.gid() != grant.gid && !give(None, Some(grant.gid)) {
            mode &= !0o070;
            granted = false;
        }
        if let Some(uid) = grant.uid.filter(|uid| *uid != now.uid()) {
            let root = nix::unistd::geteuid().is_root();
            granted &= root && give(Some(uid), None);
        }
        self.file.set_permissions(Permissions::from_mode(mode))?;
        Ok(granted)
    }
}

impl OldFile for OsWritten {
    fn write_at(&mut self, pos: u64, bytes: &[u8]) -> io::Result<()> {
        if pos != self.pos {
            (self.pos, self.started_pos) = (pos, pos);
        }
        self.put(bytes, File::write_all_at)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        again(|| self.file.set_len(len))
    }
}

/// Whether the file has the content of another one now. Why not does not matter: the copy that is made instead meets whatever
/// is wrong with either of them.
#[cfg(target_os = "linux")]
fn share(file: &File, other: BorrowedFd<'_>) -> bool {
    rustix::fs::ioctl_ficlone(file, other).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn share(_file: &File, _other: BorrowedFd<'_>) -> bool {
    false
}

/// On Linux the advice that pages are not needed starts writing the dirty ones, and drops only clean ones.
#[cfg(target_os = "linux")]
fn start_writing(file: &File, pos: u64, len: u64) {
    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
    if let (Ok(pos), Ok(len)) = (pos.try_into(), len.try_into()) {
        let _ = posix_fadvise(file, pos, len, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
}

#[cfg(not(target_os = "linux"))]
fn start_writing(_file: &File, _pos: u64, _len: u64) {}

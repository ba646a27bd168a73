use crate::ReadAt;
use std::ffi::OsString;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A pipe, socket or device.
    Other,
}

/// What is said of a link where none may be.
pub(crate) fn is_a_link() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "a link")
}

/// Mode and owner of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The permission bits, 0 to 0o7777.
    pub mode: u32,
    /// The owner's user id.
    pub uid: u32,
    /// The owning group's id.
    pub gid: u32,
}

/// Mode and owner to give to a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The permission bits, 0 to 0o7777.
    pub mode: u32,
    /// The group; where it cannot be had, the group's permissions are left out.
    pub gid: u32,
    /// The owner, looked at only where this user is root; `None` keeps the user that creates the file.
    pub uid: Option<u32>,
}

impl Grant {
    /// What a file with this access has, without bits that no data needs.
    pub fn like(access: Access) -> Grant {
        Grant { mode: access.mode & 0o666, gid: access.gid, uid: Some(access.uid) }
    }
}

/// What the system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Length in bytes.
    pub len: u64,
    /// File, directory or other.
    pub kind: FileKind,
    /// Mode and owner.
    pub access: Access,
    /// Device and inode: equal for two names of one file. Not an identity over time, inodes are used again.
    pub id: (u64, u64),
    /// How many names the file has, links that are files of their own not counted.
    pub name_count: u64,
    /// Time of the last change of the content.
    pub modified: SystemTime,
}

/// A file opened for reading. It stays the same file when its name is given to another one.
pub trait ReadFile: ReadAt {
    /// Length, kind, mode, owner, identity.
    ///
    /// # Errors
    /// Whatever the system says.
    fn meta(&self) -> io::Result<Meta>;

    /// The descriptor, of a file that the system knows.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A file that is open for writing.
pub trait Written: Send {
    /// Flushes content and metadata to the disk. A failure is final: the system may have dropped the
    /// pages, and a second call would lie.
    ///
    /// # Errors
    /// Whatever the system says.
    fn sync(&mut self) -> io::Result<()>;

    /// Closes the file; a network file system may report a lost write only here.
    ///
    /// # Errors
    /// Whatever the system says.
    fn close(self: Box<Self>) -> io::Result<()>;
}

/// A new file that is being written, front to back.
pub trait NewFile: Written {
    /// Writes all of `bytes` at the end.
    ///
    /// # Errors
    /// Whatever the system says; how much was written is then unknown.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Takes the content of another file into this one, which is empty: both share the blocks until one of them is written
    /// to. Whether the file system can do that for these two; if it cannot, this one is empty still.
    ///
    /// # Errors
    /// Whatever the system says where it began and did not end; how much is there is then unknown.
    fn share(&mut self, other: &dyn ReadFile) -> io::Result<bool> {
        let _ = other;
        Ok(false)
    }

    /// Sets owner and mode as far as this user may; whether all of it could be had.
    ///
    /// # Errors
    /// When the mode cannot be set.
    fn set_access(&mut self, grant: Grant) -> io::Result<bool>;
}

/// A file with a name that is changed in its place.
pub trait OldFile: Written {
    /// Writes all of `bytes` from `pos` on, which is no farther than the file's end.
    ///
    /// # Errors
    /// Whatever the system says; how much was written is then unknown.
    fn write_at(&mut self, pos: u64, bytes: &[u8]) -> io::Result<()>;

    /// Takes away all that stands from `len` on.
    ///
    /// # Errors
    /// Whatever the system says.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

/// Alone, or together with other readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKind {
    /// Nobody else, reader or writer.
    Exclusive,
    /// Any number of readers, no writer.
    Shared,
}

/// A held lock: it ends when the value is dropped, and with the process.
pub trait Lock: Send + Sync {}

/// The few operations on files and directories that a backup needs.
///
/// The contract of every implementation is the suite in `contract.rs` (feature `contract`).
pub trait Fs: Send + Sync {
    /// Opens a regular file for reading, never for writing; links are followed.
    ///
    /// # Errors
    /// Whatever the system says; `IsADirectory` for a directory, `InvalidInput` for what is no regular file.
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>>;

    /// The same, of what is no link itself: who may write to a directory may not make others read what a link leads to.
    ///
    /// # Errors
    /// Those of [`Fs::open`], and `InvalidInput` for a link.
    fn open_no_link(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        match self.link_target(path)? {
            None => self.open(path),
            Some(_) => Err(is_a_link()),
        }
    }

    /// Creates a file that must not exist yet, mode 0600.
    ///
    /// # Errors
    /// `AlreadyExists`, and whatever the system says.
    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>>;

    /// Opens a regular file for changes in its place; links are followed.
    ///
    /// # Errors
    /// As those of [`Fs::open`].
    fn open_to_change(&self, path: &Path) -> io::Result<Box<dyn OldFile>>;

    /// What the path names; links are followed.
    ///
    /// # Errors
    /// `NotFound`, and whatever the system says.
    fn meta(&self, path: &Path) -> io::Result<Meta>;

    /// The target of the symbolic link `path`, as stored, relative or not; `None` if it is no link or not there.
    ///
    /// # Errors
    /// Whatever the system says.
    fn link_target(&self, path: &Path) -> io::Result<Option<PathBuf>>;

    /// The names in a directory, in no order, without `.` and `..`.
    ///
    /// # Errors
    /// Whatever the system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>>;

    /// Makes a directory with this mode, as far as the umask allows, and for root with this owner and group.
    ///
    /// # Errors
    /// `AlreadyExists`, and whatever the system says.
    fn make_dir(&self, path: &Path, grant: Grant) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `DirectoryNotEmpty`, `NotFound`, and whatever the system says.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Renames a file, which may move it to another directory; what had the new name is replaced in one step.
    ///
    /// # Errors
    /// Whatever the system says.
    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Renames a file to a name that nothing has yet.
    ///
    /// # Errors
    /// `AlreadyExists`, then both files are as before; and whatever the system says.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound`, and whatever the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// `Unsupported` where the file system cannot do it; else whatever the system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes all that was written to the file system of `dir` durable, contents and names, by whomever.
    ///
    /// # Errors
    /// `Unsupported` where the system cannot do it, or does not say whether it failed; else whatever it says.
    fn sync_all(&self, dir: &Path) -> io::Result<()>;

    /// Locks an existing file or directory without waiting; `None` when somebody else holds it.
    ///
    /// # Errors
    /// `Unsupported` where the file system cannot lock; else whatever the system says.
    fn try_lock(&self, path: &Path, kind: LockKind) -> io::Result<Option<Box<dyn Lock>>>;

    /// The bytes that this user may still write to the file system of `dir`.
    ///
    /// # Errors
    /// Whatever the system says.
    fn free_len(&self, dir: &Path) -> io::Result<u64>;

    /// A number that no other draft of this moment has.
    fn unique(&self) -> u64;
}

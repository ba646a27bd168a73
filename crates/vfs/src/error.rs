use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What was attempted when a file-system call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Op {
    /// Opening a file for reading.
    Open,
    /// Opening a file for changes in its place.
    OpenToChange,
    /// Creating a draft.
    Create,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Taking away the end of a file.
    Cut,
    /// Flushing a file to the disk.
    Sync,
    /// Closing a written file.
    Close,
    /// Flushing a directory to the disk.
    SyncDir,
    /// Giving a file its final name.
    Rename,
    /// Removing a file.
    Remove,
    /// Making a directory.
    MakeDir,
    /// Flushing a file system to the disk.
    SyncAll,
    /// Listing a directory.
    List,
    /// Asking for size, kind, mode or owner.
    Stat,
    /// Setting mode or owner.
    SetAccess,
    /// Locking.
    Lock,
    /// Asking for free space.
    FreeSpace,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Op::Open => "open",
            Op::OpenToChange => "open for writing",
            Op::Create => "create",
            Op::Read => "read",
            Op::Write => "write",
            Op::Cut => "cut off the end of",
            Op::Sync => "sync",
            Op::Close => "close",
            Op::SyncDir => "sync directory",
            Op::Rename => "rename to",
            Op::Remove => "remove",
            Op::MakeDir => "make directory",
            Op::SyncAll => "sync the file system of",
            Op::List => "list",
            Op::Stat => "stat",
            Op::SetAccess => "set mode or owner of",
            Op::Lock => "lock",
            Op::FreeSpace => "ask for free space of",
        })
    }
}

/// A file-system call that failed: what, where, and what the system said.
#[derive(Debug, thiserror::Error)]
#[error("{op} {}: {source}", path.display())]
pub struct Error {
    /// What was attempted.
    pub op: Op,
    /// On which file or directory.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl Error {
    /// An error of `op` on `path`.
    pub fn new(op: Op, path: &Path, source: io::Error) -> Error {
        Error { op, path: path.to_owned(), source }
    }

    /// A closure for `map_err` that adds operation and path.
    pub fn at(op: Op, path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::new(op, path, source)
    }

    /// Whether the file or directory is not there.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_what_was_done_where_and_what_the_system_said() {
        let error = Error::at(Op::Create, Path::new("/a/b"))(io::ErrorKind::NotFound.into());
        assert_eq!(error.to_string(), format!("create /a/b: {}", error.source));
        assert!(error.is_not_found());
        assert!(
            !Error::new(Op::List, Path::new("/a"), io::ErrorKind::PermissionDenied.into()).is_not_found()
        );
        // Read with the path behind it, as in a message.
        for (op, words) in [(Op::Rename, "rename to"), (Op::SyncDir, "sync directory"), (Op::Lock, "lock")] {
            assert_eq!(op.to_string(), words);
        }
    }
}

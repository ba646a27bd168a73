use super::{Synced, parent_dir, sync_dir};
use crate::{Error, Fs, Grant, Op};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The directories that get names.
pub(super) struct Dirs<'fs> {
    fs: &'fs dyn Fs,
    /// Mode and owner of those that are made.
    grant: Grant,
    touched: BTreeSet<PathBuf>,
}

impl<'fs> Dirs<'fs> {
    pub(super) fn new(fs: &'fs dyn Fs, grant: Grant) -> Dirs<'fs> {
        Dirs { fs, grant, touched: BTreeSet::new() }
    }

    /// Makes a directory if it is not there, and those above it; it is going to get a name.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn make(&mut self, dir: &Path) -> Result<(), Error> {
        if !self.touched.contains(dir) {
            self.make_all(dir)?;
            self.touched.insert(dir.to_owned());
        }
        Ok(())
    }

    fn make_all(&mut self, dir: &Path) -> Result<(), Error> {
        match self.fs.make_dir(dir, self.grant) {
            Ok(()) => {
                self.touched.insert(parent_dir(dir).to_owned());
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound && dir.parent().is_some() => {
                self.make_all(parent_dir(dir))?;
                self.make_all(dir)
            }
            Err(error) => Err(Error::new(Op::MakeDir, dir, error)),
        }
    }

    /// Makes the names in all of them durable.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn sync(&self) -> Result<Synced, Error> {
        self.touched.iter().try_fold(Synced::Yes, |synced, dir| Ok(synced.and(sync_dir(self.fs, dir)?)))
    }
}

use super::{Synced, parent_dir, sync_dir};
use crate::{Error, Fs, Grant, Op};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The directories below one that get names.
pub(super) struct Dirs<'fs> {
    fs: &'fs dyn Fs,
    /// The directory that all of them are in, which is there.
    base: PathBuf,
    /// Mode and owner of those that are made.
    grant: Grant,
    /// The one that got a name last, with all above it: names that come in order need no more.
    last: PathBuf,
    /// Those that are to be synced, unless all is synced at once.
    touched: Option<BTreeSet<PathBuf>>,
}

impl<'fs> Dirs<'fs> {
    pub(super) fn below(fs: &'fs dyn Fs, base: &Path, grant: Grant) -> Dirs<'fs> {
        let touched = Some(BTreeSet::new());
        Dirs { fs, base: base.to_owned(), grant, last: PathBuf::new(), touched }
    }

    /// All is going to be synced at once: nothing is held of each directory.
    pub(super) fn need_no_sync(&mut self) {
        self.touched = None;
    }

    /// Makes a directory if it is not there, and those above it; it is going to get a name.
    ///
    /// One that is there may have been made by a run that died before it synced anything: it counts as made.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn make(&mut self, dir: &Path) -> Result<(), Error> {
        if !self.last.starts_with(dir) {
            self.make_all(dir)?;
            dir.clone_into(&mut self.last);
        }
        Ok(())
    }

    fn make_all(&mut self, dir: &Path) -> Result<(), Error> {
        if dir != self.base && dir.parent().is_some() && !self.last.starts_with(dir) {
            self.make_all(parent_dir(dir))?;
            match self.fs.make_dir(dir, self.grant) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::new(Op::MakeDir, dir, error)),
            }
        }
        if let Some(touched) = &mut self.touched {
            touched.insert(dir.to_owned());
        }
        Ok(())
    }

    /// Makes the names in all of them durable, unless all is synced at once.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn sync(&self) -> Result<Synced, Error> {
        let touched = self.touched.iter().flatten();
        touched.into_iter().try_fold(Synced::Yes, |synced, dir| Ok(synced.and(sync_dir(self.fs, dir)?)))
    }
}

use crate::update::GrowthNote;
use crate::{Context, Error, Event, Notice, Repository, reconcile};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use vfs::publish::{self, parent_dir};
use vfs::{Access, FileKind, Grant, Lock, LockKind, Op};

/// Where a database goes, links followed.
pub(crate) struct Place {
    /// As it was given, and every name that the links lead through; the last is the file that is written.
    names: Vec<PathBuf>,
    /// The index that ZODB will look for, beside the name that was given.
    pub(crate) index: PathBuf,
    /// Mode and owner of the file that is there.
    pub(crate) replaced: Option<Access>,
}

impl Place {
    /// `repository` is the one that is recovered from, of which no file may be written over.
    pub(crate) fn find(
        ctx: &Context<'_>,
        repository: Option<&Repository<'_>>,
        given: &Path,
    ) -> Result<Place, Error> {
        let names = follow_links(ctx, given)?;
        let file = names.last().cloned().unwrap_or_default();
        let replaced = match ctx.fs.meta(&file) {
            Ok(meta) if meta.kind == FileKind::File => Some(meta.access),
            Ok(_) => return Err(Error::TargetNotAFile { path: given.to_owned() }),
            Err(error) if error.kind() == ErrorKind::NotFound && !given.as_os_str().is_empty() => None,
            Err(error) => return Err(vfs::Error::new(Op::Stat, &file, error).into()),
        };
        let is_repository = |dir: &Path| {
            let id = |path: &Path| ctx.fs.meta(path).map(|meta| meta.id).ok();
            repository.is_some_and(|repository| id(dir).is_some() && id(dir) == id(repository.dir()))
        };
        let written = names.iter().map(|name| with_suffix(name, ".index")).chain([file.clone()]);
        let mut of_repository = written.filter(|path| path.file_name().is_some_and(reconcile::is_ours));
        if of_repository.any(|path| is_repository(parent_dir(&path))) {
            return Err(Error::TargetInRepository { path: given.to_owned() });
        }
        Ok(Place { names, index: with_suffix(given, ".index"), replaced })
    }

    /// The file that is written: a link is written through and stays.
    pub(crate) fn file(&self) -> &Path {
        self.names.last().map_or(Path::new(""), PathBuf::as_path)
    }

    /// As it was given.
    pub(crate) fn given(&self) -> &Path {
        self.names.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// Every index that would be taken for that of the new database, by whichever name it is opened.
    pub(crate) fn indexes(&self) -> Vec<PathBuf> {
        self.names.iter().map(|name| with_suffix(name, ".index")).collect()
    }

    /// No server may have the database open, now or while it is replaced; no other recovery may be at it.
    pub(crate) fn lock(&self, ctx: &Context<'_>) -> Result<PlaceLocks, Error> {
        let dir = parent_dir(self.file());
        let lock = match ctx.fs.try_lock(dir, LockKind::Exclusive) {
            Ok(Some(lock)) => Some(lock),
            Ok(None) => return Err(Error::TargetLocked { dir: dir.to_owned() }),
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                ctx.tell(&Event::NotLocked(dir));
                None
            }
            Err(error) => return Err(vfs::Error::new(Op::Lock, dir, error).into()),
        };
        let names = self.names.iter().map(|name| with_suffix(name, ".lock"));
        let servers: Result<Vec<_>, Error> = names.map(|name| self.lock_server(ctx, name)).collect();
        Ok(PlaceLocks { dir: lock, servers: servers? })
    }

    /// Keeps servers out that have no lock file yet, of whatever name of the file, until the locks are dropped: files that are
    /// changed in their place must not be opened meanwhile. The lock files stay, as those of servers do.
    ///
    /// # Errors
    /// [`Error::TargetInUse`], the system's.
    pub(crate) fn lock_out(&self, ctx: &Context<'_>, locks: &mut PlaceLocks) -> Result<(), Error> {
        for (name, held) in self.names.iter().zip(&mut locks.servers) {
            if held.is_some() {
                continue;
            }
            let path = with_suffix(name, ".lock");
            match ctx.fs.create(&path) {
                Ok(mut file) => {
                    // Whoever may write the database has to be able to lock it.
                    if let Some(access) = self.replaced {
                        file.set_access(Grant::like(access)).map_err(vfs::Error::at(Op::SetAccess, &path))?;
                    }
                    file.close().map_err(vfs::Error::at(Op::Close, &path))?;
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(vfs::Error::new(Op::Create, &path, error).into()),
            }
            *held = self.lock_server(ctx, path)?;
        }
        Ok(())
    }

    /// The lock that ZODB holds while it has the database open for writing.
    fn lock_server(&self, ctx: &Context<'_>, lock: PathBuf) -> Result<Option<Box<dyn Lock>>, Error> {
        match ctx.fs.try_lock(&lock, LockKind::Exclusive) {
            Ok(Some(held)) => Ok(Some(held)),
            Ok(None) => Err(Error::TargetInUse { path: self.given().to_owned(), lock }),
            // No lock file, no server; a file system that cannot lock cannot tell.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) => Ok(None),
            Err(error) => Err(vfs::Error::new(Op::Lock, &lock, error).into()),
        }
    }

    /// Removes what recoveries that died left: beside the file, and where a link was given, beside the link too.
    /// Where the directory of the file is locked, whoever wrote to either of these names is dead; where it cannot be,
    /// nobody knows, and they stay.
    pub(crate) fn sweep(&self, ctx: &Context<'_>, locks: &PlaceLocks) -> Result<(), Error> {
        if locks.dir.is_none() {
            return Ok(());
        }
        let note = with_suffix(self.file(), GrowthNote::SUFFIX);
        let names = [self.file().file_name(), self.index.file_name(), note.file_name()];
        let mut dirs = vec![parent_dir(self.file()), parent_dir(&self.index)];
        dirs.dedup();
        for dir in dirs {
            for swept in publish::sweep(ctx.fs, dir, &|name| names.contains(&Some(name)))? {
                ctx.notice(
                    swept.map_or_else(|error| Notice::Unsettled(error.to_string()), Notice::RemovedDraft),
                );
            }
        }
        Ok(())
    }
}

/// What is held while a database is replaced.
pub(crate) struct PlaceLocks {
    /// `None` where the file system cannot lock a directory.
    dir: Option<Box<dyn Lock>>,
    /// One for each name; `None` where there is no lock file, or none can be locked.
    servers: Vec<Option<Box<dyn Lock>>>,
}

/// A path and every one that its links lead through; the last is no link, there or not.
pub(crate) fn follow_links(ctx: &Context<'_>, given: &Path) -> Result<Vec<PathBuf>, Error> {
    const LINKS_LIMIT: usize = 40;
    let mut names = vec![given.to_owned()];
    while let Some(path) = names.last().filter(|_| names.len() <= LINKS_LIMIT) {
        match ctx.fs.link_target(path).map_err(vfs::Error::at(Op::Open, path))? {
            Some(target) => names.push(parent_dir(path).join(target)),
            None => return Ok(names),
        }
    }
    Err(Error::TargetNotAFile { path: given.to_owned() })
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

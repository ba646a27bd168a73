//! The last steps of a recovery, the same for every kind of it: what replaces a database, and how.

use crate::indexes::open_stream;
use crate::place::{Place, PlaceLocks};
use crate::selection::Selection;
use crate::update::GrowthNote;
use crate::{Context, Error, Event, Notice, Repository};
use pickle::index::IndexReader;
use std::path::Path;
use vfs::publish::{self, Draft, Finished, parent_dir};
use vfs::{Access, Grant, Op};

/// A database that a state of the backups is to replace, or the free name where it goes.
pub(crate) struct Replacing<'a> {
    ctx: &'a Context<'a>,
    pub(crate) place: Place,
    /// Mode and owner of the new files.
    access: Access,
    locks: PlaceLocks,
}

impl<'a> Replacing<'a> {
    /// Takes the place: no server has the database open and no other recovery is at it.
    ///
    /// # Errors
    /// [`Error::TargetInUse`] and its like, the system's.
    pub(crate) fn begin(
        ctx: &'a Context<'a>,
        repository: &Repository<'_>,
        selection: &Selection,
        path: &Path,
    ) -> Result<Replacing<'a>, Error> {
        let place = Place::find(ctx, Some(repository), path)?;
        let locks = place.lock(ctx)?;
        let access = access(ctx, repository, selection, &place)?;
        ctx.tell(&Event::Recovering(path));
        place.sweep(ctx, &locks)?;
        Ok(Replacing { ctx, place, access, locks })
    }

    /// Keeps servers out, also those that would open the database for the first time: it changes in its place.
    ///
    /// # Errors
    /// [`Error::TargetInUse`], the system's.
    pub(crate) fn lock_out(&mut self) -> Result<(), Error> {
        self.place.lock_out(self.ctx, &mut self.locks)
    }

    /// So many bytes are free.
    ///
    /// # Errors
    /// [`Error::NoSpace`], the system's.
    pub(crate) fn check_space(&self, needed_len: u64) -> Result<(), Error> {
        let dir = parent_dir(self.place.file());
        let free_len = self.ctx.fs.free_len(dir).map_err(vfs::Error::at(Op::FreeSpace, dir))?;
        if needed_len > free_len {
            return Err(Error::NoSpace { dir: dir.to_owned(), needed_len, free_len });
        }
        Ok(())
    }

    /// An empty draft of the database.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn draft_data(&self) -> Result<Draft<'a>, Error> {
        Ok(Draft::create(self.ctx.fs, self.place.file())?)
    }

    /// An empty draft of its index.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn draft_index(&self) -> Result<Draft<'a>, Error> {
        Ok(Draft::create(self.ctx.fs, &self.place.index)?)
    }

    /// Gives a draft mode and owner.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn give_access(&self, draft: &mut Draft<'_>) -> Result<(), Error> {
        let Access { mode, uid, gid } = self.access;
        if !draft.set_access(Grant { mode, gid, uid: Some(uid) })? && self.place.replaced.is_some() {
            self.ctx.notice(Notice::AccessNotKept(self.place.file().to_owned()));
        }
        Ok(())
    }

    /// Gives a draft mode and owner, and makes it durable.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn finish<'d>(&self, mut draft: Draft<'d>) -> Result<Finished<'d>, Error> {
        self.give_access(&mut draft)?;
        Ok(draft.finish()?)
    }

    /// Removes every index that would be taken for one of the new database, durably.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn remove_indexes(&self) -> Result<(), Error> {
        self.place.indexes().iter().try_for_each(|path| self.remove_index(path))
    }

    /// Removes every index beside the database, unless it is one of its first `end_pos` bytes or fewer: ZODB would read on
    /// behind what another one says.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn remove_later_indexes(&self, end_pos: u64) -> Result<(), Error> {
        let is_earlier = |path: &Path| {
            let reader = open_stream(self.ctx.fs, path).ok().and_then(|input| IndexReader::open(input).ok());
            reader.is_some_and(|reader| reader.end_pos() <= end_pos)
        };
        self.place
            .indexes()
            .iter()
            .filter(|path| !is_earlier(path))
            .try_for_each(|path| self.remove_index(path))
    }

    fn remove_index(&self, path: &Path) -> Result<(), Error> {
        if publish::remove(self.ctx.fs, path)? {
            let synced = publish::sync_dir(self.ctx.fs, parent_dir(path))?;
            self.ctx.note_sync(synced, parent_dir(path));
        }
        Ok(())
    }

    /// Puts the index under its name.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn publish_index(&self, index: Finished<'_>) -> Result<(), Error> {
        let synced = index.publish_over()?;
        self.ctx.note_sync(synced, parent_dir(&self.place.index));
        Ok(())
    }

    /// Puts both under their names, the index last.
    ///
    /// From here on an interruption would leave neither the old state nor the new one: there is none.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn swap(&self, data: Finished<'_>, index: Option<Finished<'_>>) -> Result<(), Error> {
        let place = &self.place;
        self.ctx.interrupt.check()?;
        if place.replaced.is_some() {
            self.ctx.tell(&Event::ReplacingOld(place.given()));
        }
        self.remove_indexes()?;
        let synced = data.publish_over()?;
        self.ctx.note_sync(synced, parent_dir(place.file()));
        if let Some(index) = index {
            self.publish_index(index)?;
        }
        // It was one of the database that was here.
        GrowthNote::beside(place.file()).remove(self.ctx)
    }
}

/// The mode and owner of the file that is replaced; without one the mode of the backup, and for root the
/// owner of the directory, who will have to open it.
fn access(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    selection: &Selection,
    place: &Place,
) -> Result<Access, Error> {
    if let Some(access) = place.replaced {
        return Ok(access);
    }
    let path = repository.path_of(selection.full);
    let backup = ctx.fs.meta(&path).map_err(vfs::Error::at(Op::Stat, &path))?.access;
    let dir = parent_dir(place.file());
    let owner = ctx.fs.meta(dir).map_err(vfs::Error::at(Op::Stat, dir))?.access;
    Ok(Access { mode: backup.mode & 0o666, ..owner })
}

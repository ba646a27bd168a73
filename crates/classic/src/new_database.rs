//! A database that is made where none is:
//!
//! | step | a crash leaves | healed by |
//! |---|---|---|
//! | draft, synced | a draft | the next run for that name, or a recovery to it, removes it |
//! | the database under its name (**the commit point**) | the database | |

use crate::place::{Place, PlaceLocks};
use crate::{Context, Error};
use std::path::Path;
use vfs::publish::{Draft, parent_dir};
use vfs::{Access, Grant};

/// A database on its way to a name that nothing has.
pub struct NewDatabase<'a> {
    ctx: Context<'a>,
    place: Place,
    draft: Draft<'a>,
    _locks: PlaceLocks,
}

impl<'a> NewDatabase<'a> {
    /// An empty draft, for those who may read and write a database with the access `like`.
    ///
    /// # Errors
    /// [`Error::TargetExists`], and the system's.
    pub fn create(ctx: &Context<'a>, path: &Path, like: Access) -> Result<NewDatabase<'a>, Error> {
        let place = Place::find(ctx, None, path)?;
        if place.replaced.is_some() {
            return Err(Error::TargetExists { path: path.to_owned() });
        }
        let locks = place.lock(ctx)?;
        place.sweep(ctx, &locks)?;
        let mut draft = Draft::create(ctx.fs, place.file())?;
        draft.set_access(Grant::like(like))?;
        Ok(NewDatabase { ctx: *ctx, place, draft, _locks: locks })
    }

    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// The system's, a full disk among them, and an interruption.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.ctx.interrupt.check()?;
        Ok(self.draft.append(bytes)?)
    }

    /// Gives it its name; it is durable then.
    ///
    /// # Errors
    /// The system's; the name is then not taken.
    pub fn publish(self) -> Result<(), Error> {
        let synced = self.draft.publish_new()?;
        self.ctx.note_sync(synced, parent_dir(self.place.file()));
        Ok(())
    }
}

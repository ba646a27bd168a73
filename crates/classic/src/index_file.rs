//! The index beside a database, made anew:
//!
//! | step | a crash leaves | healed by |
//! |---|---|---|
//! | draft of the index, synced | the old index or none, a draft | the next run, or a recovery, removes drafts |
//! | the index under its name (**the commit point**) | the new index | |

use crate::indexes::draft_whole;
use crate::place::Place;
use crate::{Context, Error};
use filestorage::Index;
use std::path::{Path, PathBuf};
use vfs::Grant;
use vfs::publish::{Draft, parent_dir};

/// Writes `Data.fs.index` beside the database at `file`, whose committed end is `end_pos`; its path.
///
/// It gets the owner and mode of the database, as its server will write it anew.
///
/// # Errors
/// [`Error::TargetInUse`] while a server has the database open, since it would write its own over it; the system's.
pub fn write_index(ctx: &Context<'_>, file: &Path, index: &Index, end_pos: u64) -> Result<PathBuf, Error> {
    let place = Place::find(ctx, None, file)?;
    let locks = place.lock(ctx)?;
    place.sweep(ctx, &locks)?;
    let mut draft = Draft::create(ctx.fs, &place.index)?;
    if let Some(access) = place.replaced {
        draft.set_access(Grant::like(access))?;
    }
    let draft = draft_whole(draft, &place.index, index, end_pos)?;
    ctx.interrupt.check()?;
    let synced = draft.finish()?.publish_over()?;
    ctx.note_sync(synced, parent_dir(&place.index));
    Ok(place.index)
}

//! A page about a database or about backups, which others read:
//!
//! | step | a crash leaves | healed by |
//! |---|---|---|
//! | draft, synced | the old page or none, a draft | the next run for that name removes drafts |
//! | the page under its name (**the commit point**) | the new page | |

use crate::{Context, Error};
use std::path::Path;
use vfs::publish::{Draft, parent_dir, sweep};
use vfs::{Grant, LockKind};

/// Puts `bytes` at `path`, over what is there, for those who could read that; a new one is for its owner alone.
///
/// # Errors
/// The system's; what had the name is then as before.
pub fn write_report(ctx: &Context<'_>, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let dir = parent_dir(path);
    // Held to the end, so drafts of this name are those of dead runs; where it is not to be had, they stay.
    let lock = ctx.fs.try_lock(dir, LockKind::Exclusive).ok().flatten();
    if lock.is_some() {
        sweep(ctx.fs, dir, &|name| Some(name) == path.file_name())?;
    }
    let mut draft = Draft::create(ctx.fs, path)?;
    if let Ok(old) = ctx.fs.meta(path) {
        let access = old.access;
        draft.set_access(Grant { mode: access.mode & 0o666, gid: access.gid, uid: Some(access.uid) })?;
    }
    draft.append(bytes)?;
    ctx.interrupt.check()?;
    let synced = draft.finish()?.publish_over()?;
    ctx.note_sync(synced, dir);
    Ok(())
}

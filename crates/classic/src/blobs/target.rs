//! The blob directory that a restore writes into.

use super::dir::BlobDir;
use super::restore::BlobsRequest;
use crate::{Context, Error, Event};
use filestorage::BlobLayout;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use vfs::publish::{Draft, parent_dir};
use vfs::{Grant, Lock, LockKind, Op};

/// Keeps other restores out of a directory; `None` where that cannot be done.
pub(super) fn lock(ctx: &Context<'_>, dir: &Path) -> Result<Option<Box<dyn Lock>>, Error> {
    match ctx.fs.try_lock(dir, LockKind::Exclusive) {
        Ok(Some(lock)) => Ok(Some(lock)),
        Ok(None) => Err(Error::TargetLocked { dir: dir.to_owned() }),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            ctx.tell(&Event::NotLocked(dir));
            Ok(None)
        }
        Err(error) => Err(vfs::Error::new(Op::Lock, dir, error).into()),
    }
}

/// The blob directory: the one that is there, or a new one of the layout that was backed up.
pub(super) fn open_target(
    ctx: &Context<'_>,
    request: &BlobsRequest,
    layout: BlobLayout,
) -> Result<BlobDir, Error> {
    let (dir, fs) = (&request.dir, ctx.fs);
    match fs.list(dir) {
        // As ZODB sees it nothing is there; drafts of the marker were left by a restore that died.
        Ok(names) if names.iter().all(|name| name.as_bytes().starts_with(b".")) => {
            drop(vfs::publish::sweep(fs, dir, &|name| name == BlobLayout::MARKER)?);
            if names.iter().any(|name| name == BlobLayout::MARKER) {
                return BlobDir::open(ctx, dir);
            }
        }
        Ok(_) if !request.update => return Err(Error::BlobDirNotEmpty { dir: dir.clone() }),
        Ok(_) => {
            // A power cut may have left the marker both of its names.
            drop(vfs::publish::sweep(fs, dir, &|name| name == BlobLayout::MARKER)?);
            return BlobDir::open(ctx, dir);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let access = fs.meta(parent_dir(dir)).map_err(vfs::Error::at(Op::Stat, parent_dir(dir)))?.access;
            let grant = Grant { mode: 0o777, gid: access.gid, uid: Some(access.uid) };
            fs.make_dir(dir, grant).map_err(vfs::Error::at(Op::MakeDir, dir))?;
        }
        Err(error) => return Err(vfs::Error::new(Op::List, dir, error).into()),
    }
    let access = fs.meta(dir).map_err(vfs::Error::at(Op::Stat, dir))?.access;
    // Without its marker a directory is taken for one of another layout.
    let mut draft = Draft::create(fs, &dir.join(BlobLayout::MARKER))?;
    draft.append(layout.marker().as_bytes())?;
    draft.set_access(Grant { mode: access.mode & 0o666, gid: access.gid, uid: Some(access.uid) })?;
    ctx.note_sync(draft.publish_over()?, dir);
    Ok(BlobDir::with_layout(dir, layout))
}

//! A page about a database or about backups, which others read:
//!
//! | step | a crash leaves | healed by |
//! |---|---|---|
//! | draft, synced | the old page or none, a draft | the next run for that name removes drafts |
//! | the page under its name (**the commit point**) | the new page | |

use crate::place::follow_links;
use crate::{Context, Error};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use vfs::publish::{Draft, parent_dir, sweep};
use vfs::{Access, FileKind, Grant, LockKind, Op};

/// What verbs remember of a repository, beside its backups; nothing is lost with it.
pub const NOTES_NAME: &str = ".repozo-notes.json";

/// Where a page goes.
pub struct ReportFile {
    /// Links followed: they stay.
    path: PathBuf,
    /// Mode and owner of the page that is there.
    replaced: Option<Access>,
}

impl ReportFile {
    /// The page at `path`, or one that will be there. Each page begins with `mark`, so that nothing else is overwritten.
    ///
    /// # Errors
    /// [`Error::NotAReport`] where something else has the name, [`Error::NotADirectory`], and the system's.
    pub fn find(ctx: &Context<'_>, given: &Path, mark: &[u8]) -> Result<ReportFile, Error> {
        let path = follow_links(ctx, given)?.pop().unwrap_or_default();
        let dir = parent_dir(&path);
        if ctx.fs.meta(dir).map_err(vfs::Error::at(Op::Stat, dir))?.kind != FileKind::Dir {
            return Err(Error::NotADirectory { dir: dir.to_owned() });
        }
        let file = match ctx.fs.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(ReportFile { path, replaced: None });
            }
            Err(error) => return Err(vfs::Error::new(Op::Open, &path, error).into()),
        };
        let mut head = vec![0; mark.len()];
        let head_len = file.read_full_at(0, &mut head).map_err(vfs::Error::at(Op::Read, &path))?;
        if head[..head_len] != *mark {
            return Err(Error::NotAReport { path });
        }
        let meta = file.meta().map_err(vfs::Error::at(Op::Stat, &path))?;
        Ok(ReportFile { path, replaced: Some(meta.access) })
    }

    /// Puts `bytes` there, for those who could read what was there; a new page is for its owner alone.
    ///
    /// # Errors
    /// The system's; what had the name is then as before.
    pub fn write(&self, ctx: &Context<'_>, bytes: &[u8]) -> Result<(), Error> {
        let dir = parent_dir(&self.path);
        // Held to the end, so drafts of this name are those of dead runs; where it is not to be had, they stay.
        let lock = ctx.fs.try_lock(dir, LockKind::Exclusive).ok().flatten();
        if lock.is_some() {
            sweep(ctx.fs, dir, &|name| Some(name) == self.path.file_name())?;
        }
        self.write_unlocked(ctx, bytes)
    }

    /// The same in a repository, whose lock would stop a backup that begins just then; the next backup removes drafts.
    ///
    /// # Errors
    /// As those of [`ReportFile::write`].
    pub fn write_unlocked(&self, ctx: &Context<'_>, bytes: &[u8]) -> Result<(), Error> {
        let mut draft = Draft::create(ctx.fs, &self.path)?;
        if let Some(access) = self.replaced {
            draft.set_access(Grant::like(access))?;
        }
        draft.append(bytes)?;
        ctx.interrupt.check()?;
        let synced = draft.finish()?.publish_over()?;
        ctx.note_sync(synced, parent_dir(&self.path));
        Ok(())
    }
}

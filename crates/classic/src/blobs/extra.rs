//! What is in a blob directory that belongs to no blob of a state: blobs of later transactions, orphans of aborted ones.

use super::Revision;
use super::dir::BlobDir;
use super::list::ListReader;
use super::restore::BlobsRestore;
use crate::{Context, Error, Notice};
use std::io::ErrorKind;
use std::path::PathBuf;
use vfs::publish::set_aside;
use vfs::{Grant, Op};

/// Where it is put, below the blob directory; ZODB looks at nothing that begins with a dot.
const ASIDE: &str = ".repozo-extra";

impl BlobsRestore<'_> {
    /// Puts aside what the state does not have; how many files those were. Comes behind the database: until that is there,
    /// the old one may need them.
    ///
    /// Memory: 16 bytes for each blob of the state, and for each that is in the directory.
    ///
    /// # Errors
    /// Those of the lists, the system's; some files may have been put aside.
    pub(crate) fn set_extra_aside(&self) -> Result<u64, Error> {
        if !self.request.prune_extra {
            return Ok(0);
        }
        let (ctx, dir) = (self.ctx, BlobDir::open(self.ctx, &self.request.dir)?);
        let mut named = Vec::new();
        for list in &self.lists {
            let mut list = ListReader::open(ctx.fs, list)?;
            while let Some(entry) = list.next()? {
                named.push(entry.revision);
            }
        }
        named.retain(|revision| revision.tid <= self.last);
        named.sort_unstable();
        let found = dir.revisions(ctx)?.into_iter().map(|(oid, tid)| Revision { oid, tid });
        let extra: Vec<Revision> = found.filter(|revision| named.binary_search(revision).is_err()).collect();
        if extra.is_empty() {
            return Ok(0);
        }
        let access = ctx.fs.meta(dir.path()).map_err(vfs::Error::at(Op::Stat, dir.path()))?.access;
        let dirs = Grant { mode: access.mode & 0o777, gid: access.gid, uid: Some(access.uid) };
        let aside = new_dir(ctx, &dir, dirs)?;
        let to = dir.at(&aside);
        let moves = extra.iter().map(|revision| (dir.file(*revision), to.file(*revision)));
        ctx.note_sync(set_aside(ctx.fs, moves, dir.path(), dirs)?, dir.path());
        let count = extra.len() as u64;
        ctx.notice(Notice::BlobsPutAside { dir: aside, count });
        Ok(count)
    }
}

/// A new directory, since what was put aside before is nobody's to replace.
fn new_dir(ctx: &Context<'_>, dir: &BlobDir, dirs: Grant) -> Result<PathBuf, Error> {
    let names = (1_u32..).map(|number| match number {
        1 => ASIDE.to_owned(),
        number => format!("{ASIDE}-{number}"),
    });
    for name in names {
        let aside = dir.path().join(name);
        match ctx.fs.make_dir(&aside, dirs) {
            Ok(()) => return Ok(aside),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(vfs::Error::new(Op::MakeDir, &aside, error).into()),
        }
    }
    unreachable!("there are more numbers than directories")
}

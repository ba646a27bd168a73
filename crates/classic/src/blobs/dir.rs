//! The files of blobs, as they lie in a blob directory.

use super::Revision;
use crate::place::{follow_links, with_suffix};
use crate::{Context, Error};
use filestorage::{BlobLayout, Oid, Tid};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use vfs::Op;

/// Behind the name of a blob directory: what the last pack removed.
const OLD: &str = ".old";
/// A marker is a word.
const MARKER_LEN_LIMIT: usize = 64;

/// A blob directory of a database.
#[derive(Debug, Clone)]
pub struct BlobDir {
    dir: PathBuf,
    layout: BlobLayout,
}

impl BlobDir {
    /// The one at `dir`, in the layout that its marker says or, without one, that its names say, as in ZODB.
    ///
    /// # Errors
    /// When it cannot be read, and [`Error::BlobLayout`] where it is none of a server.
    pub fn open(ctx: &Context<'_>, dir: &Path) -> Result<BlobDir, Error> {
        let path = dir.join(BlobLayout::MARKER);
        let layout = match ctx.fs.open(&path) {
            Ok(file) => {
                let mut marker = [0; MARKER_LEN_LIMIT];
                let len = file.read_full_at(0, &mut marker).map_err(vfs::Error::at(Op::Read, &path))?;
                let marker = String::from_utf8_lossy(&marker[..len]).into_owned();
                BlobLayout::of_marker(&marker).ok_or(Error::BlobLayout { path, marker })?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // The names of a large directory are many: they are looked at where there is no marker alone.
                let names = ctx.fs.list(dir).map_err(vfs::Error::at(Op::List, dir))?;
                BlobLayout::without_marker(names.iter().map(|name| name.as_bytes()))
            }
            Err(error) => return Err(vfs::Error::new(Op::Open, &path, error).into()),
        };
        Ok(BlobDir { dir: dir.to_owned(), layout })
    }

    /// The file of one revision.
    pub fn file(&self, Revision { oid, tid }: Revision) -> PathBuf {
        self.dir.join(self.layout.dir_of(oid)).join(BlobLayout::file_of(tid))
    }

    /// As it was given.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// How it is laid out.
    pub fn layout(&self) -> BlobLayout {
        self.layout
    }

    /// One with this layout, there or not.
    pub(super) fn with_layout(dir: &Path, layout: BlobLayout) -> BlobDir {
        BlobDir { dir: dir.to_owned(), layout }
    }

    /// Another one of the same layout.
    pub(super) fn at(&self, dir: &Path) -> BlobDir {
        BlobDir::with_layout(dir, self.layout)
    }

    /// The directory, and where a pack puts what it removes, there or not: beside it, by whichever name the server has it.
    ///
    /// # Errors
    /// When a link cannot be read.
    pub(super) fn with_old(&self, ctx: &Context<'_>) -> Result<Vec<BlobDir>, Error> {
        // Without the slash that its name may end with.
        let dir: PathBuf = self.dir.components().collect();
        let names = follow_links(ctx, &dir)?;
        let named = names.iter().filter(|name| name.file_name().is_some());
        let old = named.map(|name| self.at(&with_suffix(name, OLD)));
        Ok([self.clone()].into_iter().chain(old).collect())
    }

    /// The revisions of which there is a file, in order. What a pack removes meanwhile may be among them or not.
    ///
    /// # Errors
    /// When a directory cannot be read, and an interruption.
    pub fn revisions(&self, ctx: &Context<'_>) -> Result<Vec<(Oid, Tid)>, Error> {
        let mut found = Vec::new();
        let mut waiting = vec![(String::new(), 0)];
        while let Some((below, depth)) = waiting.pop() {
            ctx.interrupt.check()?;
            let oid = (depth == self.layout.depth()).then(|| self.layout.oid_of(&below)).flatten();
            for name in self.names(ctx, &below)? {
                match oid {
                    Some(oid) => found.extend(BlobLayout::tid_of(&name).map(|tid| (oid, tid))),
                    // Whatever does not lead to a blob is no directory of an object, or of a part of its oid.
                    None if depth < self.layout.depth() && name.starts_with("0x") => {
                        let below = if depth == 0 { name } else { format!("{below}/{name}") };
                        waiting.push((below, depth + 1));
                    }
                    None => {}
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The names in a directory; none where it is not there any more, or is a file.
    fn names(&self, ctx: &Context<'_>, below: &str) -> Result<Vec<String>, Error> {
        let dir = self.dir.join(below);
        match ctx.fs.list(&dir) {
            Ok(names) => Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect()),
            Err(error) if is_absent(&error) && !below.is_empty() => Ok(Vec::new()),
            Err(error) => Err(vfs::Error::new(Op::List, &dir, error).into()),
        }
    }
}

/// Whether there is no such file, or a file where a directory of it would be.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

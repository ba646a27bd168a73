//! What lists say of the blobs that a new one is to name. Of each only the place of its line is held: 32 bytes a blob, its
//! revision included, however long a line is.

use super::Revision;
use super::bytes::Bytes;
use super::collect::names_in;
use super::container::HEAD;
use super::list::{Entry, LINE_LEN_LIMIT, ListReader, parse_entry};
use super::spot::{Container, Held, Spot};
use super::store::Store;
use crate::{Context, Error};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use vfs::{Fs, Op, ReadFile};

/// A blob of which a line is to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) revision: Revision,
    /// Where a sound list says what it is.
    pub(super) line: Option<Line>,
}

// A full may name millions.
const _: () = assert!(size_of::<Wanted>() == 32);

/// A line of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pos: NonZeroU64,
    /// Which of the lists.
    list: u32,
}

/// Lists whose lines are looked up.
pub(super) struct KnownLines<'a> {
    fs: &'a dyn Fs,
    paths: Vec<PathBuf>,
    /// Containers, which say of each blob what it is; counted on behind the lists.
    containers: Vec<(Container, PathBuf)>,
    /// The one that was read last: mostly the next line is in it, too.
    open: Option<(u32, Box<dyn ReadFile>)>,
}

impl<'a> KnownLines<'a> {
    /// Those of these lists; the caller holds the lock of the repository, so that they stay what they are.
    pub(super) fn of(fs: &'a dyn Fs, paths: Vec<PathBuf>) -> KnownLines<'a> {
        KnownLines { fs, paths, containers: Vec::new(), open: None }
    }

    /// Notes for each of `wanted`, which are in the order of lists, what any of the lists says of it.
    ///
    /// # Errors
    /// An interruption. A list that is damaged says nothing that is believed; verify tells of it.
    pub(super) fn find(&self, ctx: &Context<'_>, wanted: &mut [Wanted]) -> Result<(), Error> {
        for (list, path) in (0_u32..).zip(&self.paths) {
            ctx.interrupt.check()?;
            let Ok(reader) = ListReader::open(self.fs, path) else { continue };
            if find_in(reader, list, wanted).is_err() {
                let lines = wanted.iter_mut().map(|wanted| &mut wanted.line);
                lines.filter(|line| line.is_some_and(|line| line.list == list)).for_each(|line| *line = None);
            }
        }
        Ok(())
    }

    /// Notes for each of `wanted` of which no list says anything what containers say: those that were in a list that is lost.
    ///
    /// # Errors
    /// An interruption; where they cannot be listed. What a container says is believed where its bytes are that.
    pub(super) fn find_in_containers(
        &mut self,
        ctx: &Context<'_>,
        store: &Store,
        wanted: &mut [Wanted],
    ) -> Result<(), Error> {
        if self.containers.is_empty() {
            let names = names_in(ctx, &store.containers_dir())?;
            let containers = names.iter().filter_map(|name| name.parse().ok());
            self.containers =
                containers.map(|container| (container, store.container_path(container))).collect();
        }
        for (list, (_, path)) in (0_u32..).skip(self.paths.len()).zip(&self.containers) {
            ctx.interrupt.check()?;
            let Ok(file) = self.fs.open(path) else { continue };
            let mut pos = HEAD.len() as u64;
            while let Ok(Some((Entry { revision, held: Some(held) }, line_len))) = line_at(&*file, path, pos)
            {
                let start_pos = pos.saturating_add(line_len);
                let end_pos = start_pos.saturating_add(held.content.len);
                let at = wanted.binary_search_by_key(&revision, |wanted| wanted.revision).ok();
                let at = at.filter(|at| wanted[*at].line.is_none());
                if let (Some(at), Some(pos)) = (at, NonZeroU64::new(pos)) {
                    let bytes = Bytes { path, file: &*file, range: start_pos..end_pos };
                    match bytes.read(ctx.interrupt, &mut |_| Ok(())) {
                        Ok(found) if found == held.content => wanted[at].line = Some(Line { pos, list }),
                        Err(error @ Error::Interrupted { .. }) => return Err(error),
                        _ => {}
                    }
                }
                pos = end_pos;
            }
        }
        Ok(())
    }

    /// All that one of the lists names, and the lines of what was there.
    ///
    /// # Errors
    /// [`Error::BlobList`], the system's.
    pub(super) fn all_of(&self, path: &Path) -> Result<Vec<Wanted>, Error> {
        let list = (0_u32..).zip(&self.paths).find(|(_, known)| *known == path).map(|(list, _)| list);
        let mut reader = ListReader::open(self.fs, path)?;
        let mut wanted = Vec::new();
        loop {
            let pos = NonZeroU64::new(reader.pos());
            let Some(Entry { revision, held }) = reader.next()? else { return Ok(wanted) };
            let line = held.and(list).zip(pos).map(|(list, pos)| Line { pos, list });
            wanted.push(Wanted { revision, line });
        }
    }

    /// What the line of a blob says of it, if there is one.
    ///
    /// # Errors
    /// [`Error::BlobList`], the system's.
    pub(super) fn held(&mut self, wanted: &Wanted) -> Result<Option<Held>, Error> {
        let Some(Line { pos, list }) = wanted.line else { return Ok(None) };
        let behind = (list as usize).checked_sub(self.paths.len()).map(|at| &self.containers[at]);
        let path = behind.map_or_else(|| &self.paths[list as usize], |(_, path)| path);
        let file = match self.open.take() {
            Some((open, file)) if open == list => file,
            _ => self.fs.open(path).map_err(vfs::Error::at(Op::Open, path))?,
        };
        let line = line_at(&*file, path, pos.get())?;
        self.open = Some((list, file));
        let line = line.filter(|(entry, _)| entry.revision == wanted.revision);
        let reason = "a line is another one than it was";
        let (Entry { held, .. }, line_len) =
            line.ok_or_else(|| Error::BlobList { path: path.clone(), reason })?;
        // In a container a blob stands behind its line.
        let within = behind.map(|(container, _)| Spot::Within(*container, pos.get() + line_len));
        Ok(held.map(|held| Held { spot: within.unwrap_or(held.spot), ..held }))
    }
}

/// The line that begins at `pos`, if it is one, and how long it is.
fn line_at(file: &dyn ReadFile, path: &Path, pos: u64) -> Result<Option<(Entry, u64)>, Error> {
    let mut bytes = [0; LINE_LEN_LIMIT];
    let len = file.read_full_at(pos, &mut bytes).map_err(vfs::Error::at(Op::Read, path))?;
    let line = bytes[..len].split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    let entry = std::str::from_utf8(line).ok().and_then(parse_entry);
    Ok(entry.map(|entry| (entry, line.len() as u64)))
}

fn find_in(mut list: ListReader, number: u32, wanted: &mut [Wanted]) -> Result<(), Error> {
    loop {
        let pos = NonZeroU64::new(list.pos());
        let Some(Entry { revision, held }) = list.next()? else { return Ok(()) };
        let at = wanted.binary_search_by_key(&revision, |wanted| wanted.revision);
        if let (Ok(at), Some(pos), Some(_)) = (at, pos, held) {
            wanted[at].line = Some(Line { pos, list: number });
        }
    }
}

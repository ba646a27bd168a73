use crate::args::modern::Source;
use crate::args::moment::{Moment, Now};
use classic::{Context, Error, Event, Phase, Repository, Stamp, State, Wanted};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use vfs::{Op, ReadAt, ReadFile};

/// A database, or a state of backups as one.
pub(super) enum Opened<'a> {
    File(Box<dyn ReadFile>, PathBuf),
    State(State<'a>, PathBuf),
}

/// The repository that is looked into, if it is one.
///
/// # Errors
/// When it is not there.
pub(super) fn repository<'a>(ctx: &Context<'a>, source: &Source) -> Result<Option<Repository<'a>>, Error> {
    source.repository.as_ref().map(|dir| Repository::open(ctx.fs, dir)).transpose()
}

/// The state that a moment means: that of the backup with this name, if it is one.
pub(crate) fn wanted(moment: &Moment, now: &Now) -> Wanted {
    Stamp::parse(moment.text().as_bytes()).map_or_else(|| Wanted::Moment(moment.tid(now)), Wanted::Backup)
}

impl<'a> Opened<'a> {
    /// Opens the source; `repository` is the one that it names.
    ///
    /// # Errors
    /// When it cannot be opened, or has no such state.
    pub(super) fn open(
        ctx: &Context<'a>,
        now: &Now,
        source: &Source,
        repository: Option<&'a Repository<'a>>,
    ) -> Result<Opened<'a>, Error> {
        if let Some(repository) = repository {
            let wanted = source.at.as_ref().map_or(Wanted::Newest, |moment| wanted(moment, now));
            let state = State::open(ctx, repository, wanted)?;
            return Ok(Opened::State(state, repository.dir().to_owned()));
        }
        // One of both is there, as the arguments' definition says.
        let path = source.file.clone().unwrap_or_default();
        let file = ctx.fs.open(&path).map_err(vfs::Error::at(Op::Open, &path))?;
        Ok(Opened::File(file, path))
    }

    /// What it is in messages.
    pub(super) fn path(&self) -> &Path {
        match self {
            Opened::File(_, path) | Opened::State(_, path) => path,
        }
    }
}

impl ReadAt for Opened<'_> {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Opened::File(file, _) => file.read_at(pos, buf),
            Opened::State(state, _) => state.read_at(pos, buf),
        }
    }

    fn len(&self) -> io::Result<u64> {
        match self {
            Opened::File(file, _) => file.len(),
            Opened::State(state, _) => state.len(),
        }
    }
}

/// A source that shows how far it was read, and stops when a signal comes.
pub(super) struct Watched<'a> {
    ctx: &'a Context<'a>,
    source: &'a dyn ReadAt,
    /// Behind the last byte that was read.
    seen_pos: AtomicU64,
}

impl<'a> Watched<'a> {
    pub(super) fn new(ctx: &'a Context<'a>, source: &'a dyn ReadAt) -> Watched<'a> {
        let total_len = source.len().ok();
        ctx.observer.event(&Event::Began { phase: Phase::LookingInside, total_len });
        Watched { ctx, source, seen_pos: AtomicU64::new(0) }
    }

    /// A second pass begins at the beginning; what is read far back, for a moment, does not count.
    fn show(&self, pos: u64, read_len: usize) {
        let end_pos = pos + read_len as u64;
        let seen_pos = self.seen_pos.fetch_max(end_pos, Ordering::Relaxed);
        if end_pos > seen_pos {
            self.ctx.observer.event(&Event::Advanced(end_pos - seen_pos));
        }
    }
}

impl ReadAt for Watched<'_> {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        // A failed read ends whoever reads; the caller sees why.
        self.ctx.interrupt.check().map_err(io::Error::other)?;
        let read_len = self.source.read_at(pos, buf)?;
        self.show(pos, read_len);
        Ok(read_len)
    }

    fn len(&self) -> io::Result<u64> {
        self.source.len()
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.ctx.observer.event(&Event::Ended);
    }
}

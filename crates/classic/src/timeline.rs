//! Which state of a database is wanted, and which chain has it: the state behind any transaction, not only that of a
//! backup.
//!
//! Nothing found here is a proof. Whoever joins the files walks along all of them, and the cut has to be a place between
//! two transactions there.

use crate::repository::Survey;
use crate::selection::select;
use crate::{BackupName, Chain, ChainReader, Context, Error, Fault, Limit, Part, Repository, Stamp};
use filestorage::{Boundary, Damage, DamageKind, Magic, Status, Tid, TransactionHeader, transaction_before};
use std::path::PathBuf;
use vfs::{Head, ReadAt};

/// Below this it is not worth halving any more.
const HOPS_LEN: u64 = 1 << 20;

/// Which state of a database is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The newest.
    Newest,
    /// That of a moment: with its last transaction at or before this tid.
    Moment(Tid),
    /// That behind a transaction, which has to be there.
    Transaction(Tid),
    /// That of the backup with this stamp; if there is none, that of its moment.
    Backup(Stamp),
}

/// A state of a database, and where it ends in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The files that are needed, from the full on, of which there is at least one; the last one may have more than is needed.
    pub(crate) parts: Vec<Part>,
    /// Where the state ends: behind a transaction, within the last part or at its end.
    pub(crate) end_pos: u64,
    /// Its last transaction; `None` if it has none.
    pub(crate) last: Option<TransactionHeader>,
    /// The transaction behind it, if the chain has more.
    pub(crate) next: Option<TransactionHeader>,
    /// Chains that could not be looked into as far as they should, and why.
    pub(crate) passed_over: Vec<(PathBuf, String)>,
}

impl Found {
    /// The tid of its last transaction.
    pub(crate) fn last_tid(&self) -> Option<Tid> {
        self.last.map(|last| last.tid)
    }

    /// The full of its chain.
    pub(crate) fn full(&self) -> BackupName {
        self.parts[0].name
    }

    /// Whether the database was packed up to a later moment before it was backed up: what was replaced or removed
    /// before that is not in the chain, and objects that were there at the wanted moment may be missing.
    ///
    /// A pack marks every transaction that it goes through and leaves.
    pub(crate) fn is_packed(&self) -> bool {
        self.next.is_some_and(|next| next.status == Status::Packed)
    }
}

/// Finds the state that is wanted: in the oldest chain that reaches it, since packs have removed least from that.
///
/// A chain reaches a transaction that it has; and a moment up to that of its last backup, which would have had what was
/// committed until then.
///
/// # Errors
/// [`Error::NotCovered`], [`Error::NoTransaction`], [`Error::PutBack`], [`Error::NoFiles`]; those of a recovery `-w` where
/// the newest state is wanted; where no other chain has it, what is wrong with one that may; the system's.
pub(crate) fn find(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    survey: &Survey,
    wanted: Wanted,
) -> Result<Found, Error> {
    if survey.chains.is_empty() {
        return Err(Error::NoFiles { before: None, covered: None });
    }
    let tid = match wanted {
        Wanted::Newest => return newest(ctx, repository, survey),
        Wanted::Moment(tid) | Wanted::Transaction(tid) => tid,
        Wanted::Backup(stamp) => match of_backup(ctx, repository, survey, stamp)? {
            Some(line) => return line.whole(),
            None => stamp.tid().unwrap_or_default(),
        },
    };
    let is_exact = matches!(wanted, Wanted::Transaction(_));
    let mut search = Search::new(ctx, repository, tid, is_exact);
    for chain in likely_first(survey, tid) {
        ctx.interrupt.check()?;
        if let Err(error) = search.look(chain) {
            if matches!(error, Error::Interrupted { .. }) {
                return Err(error);
            }
            // Another chain may have it; nothing is taken for what it is not.
            search.failed.push((chain.full, error));
        }
        if search.cut.is_some() {
            break;
        }
    }
    search.end()
}

/// The search for the state of a moment, or behind a transaction.
struct Search<'a> {
    ctx: &'a Context<'a>,
    repository: &'a Repository<'a>,
    tid: Tid,
    /// Whether the very transaction is wanted.
    is_exact: bool,
    /// The state as a chain has it that goes on behind it.
    cut: Option<Found>,
    /// All of a chain, of which a backup was made behind the moment.
    whole: Option<Found>,
    /// A state that a pack took something from.
    packed: Option<Found>,
    /// The last transaction before the moment of chains that do not reach it, and the chain.
    short: Option<(Tid, BackupName)>,
    /// Chains that cannot be used as far as they should.
    failed: Vec<(BackupName, Error)>,
    nearest: Nearest,
    /// When the last backup was made.
    made: Option<Stamp>,
}

impl<'a> Search<'a> {
    fn new(ctx: &'a Context<'a>, repository: &'a Repository<'a>, tid: Tid, is_exact: bool) -> Search<'a> {
        Search {
            ctx,
            repository,
            tid,
            is_exact,
            cut: None,
            whole: None,
            packed: None,
            short: None,
            failed: Vec::new(),
            nearest: Nearest::default(),
            made: None,
        }
    }

    /// What one chain has of it.
    fn look(&mut self, chain: &Chain) -> Result<(), Error> {
        let tiling = chain.tile();
        let fault = tiling.fault.or_else(|| tiling.unlisted.first().map(|name| Fault::Unlisted(*name)));
        let broken = fault.map(|fault| Error::Chain { dat: self.repository.dat_path(chain.stamp()), fault });
        let Some(stamp) = tiling.parts.last().map(|part| part.name.stamp) else {
            return broken.map_or(Ok(()), Err);
        };
        let line = Line {
            reader: ChainReader::new(self.ctx.fs, self.repository, &tiling.parts),
            parts: tiling.parts,
        };
        self.made = self.made.max(Some(stamp));
        let (tid, ends) = (self.tid, line.ends()?);
        if let Some((first, last)) = &ends {
            self.nearest.see(first.tid, tid);
            self.nearest.see(last.tid, tid);
        }
        let is_made_behind = stamp.tid().is_some_and(|made| tid <= made);
        match ends {
            Some((first, _)) if tid < first.tid => {}
            Some((_, last)) if tid <= last.tid => self.take_cut(line.cut_behind(tid)?),
            // What stands behind a fault may be what is wanted.
            _ if broken.is_some() => return broken.map_or(Ok(()), Err),
            _ if is_made_behind && !self.is_exact => self.take_whole(line.whole()?),
            Some((_, last)) => self.short = self.short.max(Some((last.tid, chain.full))),
            None => {}
        }
        Ok(())
    }

    fn take_cut(&mut self, found: Found) {
        found.last.iter().chain(&found.next).for_each(|header| self.nearest.see(header.tid, self.tid));
        if self.is_exact && found.last_tid() != Some(self.tid) {
            return;
        }
        let place = if found.is_packed() { &mut self.packed } else { &mut self.cut };
        place.get_or_insert(found);
    }

    fn take_whole(&mut self, found: Found) {
        if self.whole.as_ref().is_none_or(|whole| whole.last_tid() < found.last_tid()) {
            self.whole = Some(found);
        }
    }

    /// What was found, if it is sure.
    fn end(mut self) -> Result<Found, Error> {
        // A backup behind the moment knew of no later transaction, unless the clock of its machine was ahead.
        let is_later = |cut: &Found, whole: &Found| whole.last_tid() < cut.last_tid();
        let found = match (self.cut.take(), self.whole.take()) {
            (Some(cut), Some(whole)) if is_later(&cut, &whole) => Some(cut),
            (_, Some(whole)) => Some(whole),
            (cut, None) => cut.or(self.packed.take()),
        };
        let Some(found) = found else { return Err(self.not_found()) };
        if let Some((last_tid, full)) = self.short.filter(|(short, _)| Some(*short) > found.last_tid())
            && !self.is_exact
            && !found.is_packed()
        {
            let (wanted, full) = (self.tid, self.repository.path_of(full));
            return Err(Error::PutBack { wanted, last_tid, full, found: found.last_tid() });
        }
        let passed_over =
            self.failed.into_iter().map(|(full, error)| (self.repository.path_of(full), error.to_string()));
        Ok(Found { passed_over: passed_over.collect(), ..found })
    }

    fn not_found(self) -> Error {
        if let Some((_, error)) = self.failed.into_iter().next() {
            return error;
        }
        let Nearest { before, after, first, last } = self.nearest;
        if self.is_exact {
            return Error::NoTransaction { tid: self.tid, before, after };
        }
        Error::NotCovered { wanted: self.tid, first, last, made: self.made, before, after }
    }
}

/// The transactions that are known, next to one that is looked for.
#[derive(Default)]
struct Nearest {
    before: Option<Tid>,
    after: Option<Tid>,
    first: Option<Tid>,
    last: Option<Tid>,
}

impl Nearest {
    fn see(&mut self, seen: Tid, wanted: Tid) {
        self.first = self.first.into_iter().chain([seen]).min();
        self.last = self.last.max(Some(seen));
        if seen < wanted {
            self.before = self.before.max(Some(seen));
        } else if seen > wanted {
            self.after = self.after.into_iter().chain([seen]).min();
        }
    }
}

/// Chains from the oldest on; those whose names say that they were done long before the tid come behind the others,
/// since to look at the end of a compressed file may take long. Clocks may differ, but not by so much.
fn likely_first(survey: &Survey, tid: Tid) -> impl Iterator<Item = &Chain> {
    const PATIENCE_SECONDS: f64 = 2.0 * 86_400.0;
    let is_likely = move |chain: &&Chain| {
        let last = chain.files.last().and_then(|name| name.stamp.tid());
        last.is_none_or(|last| last.unix_seconds() + PATIENCE_SECONDS >= tid.unix_seconds())
    };
    let chains = survey.chains.iter();
    chains.clone().filter(is_likely).chain(chains.filter(move |chain| !is_likely(chain)))
}

/// What `-R` would take, where each file has to be in the list.
fn newest(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey) -> Result<Found, Error> {
    let parts = select(ctx, repository, survey, &Limit::Newest, true)?.parts();
    crate::recover::tell_overtaken(ctx, repository, survey, &Limit::Newest);
    Line { reader: ChainReader::new(ctx.fs, repository, &parts), parts }.whole()
}

/// The files of a chain up to the one with this stamp, the last one of several; `None` if there is no such file.
fn of_backup<'a>(
    ctx: &Context<'a>,
    repository: &'a Repository<'a>,
    survey: &Survey,
    stamp: Stamp,
) -> Result<Option<Line<'a>>, Error> {
    // Also one that a list names and that is gone.
    let has_it = |chain: &&Chain| {
        let listed = chain.lines().iter().filter_map(crate::DatLine::name);
        chain.files.iter().copied().chain(listed).any(|name| name.stamp == stamp)
    };
    let mut unusable = survey.strays.iter().find(|name| name.stamp == stamp).copied();
    for chain in survey.chains.iter().filter(has_it) {
        let mut parts = chain.tile().parts;
        if let Some(at) = parts.iter().rposition(|part| part.name.stamp == stamp) {
            parts.truncate(at + 1);
            return Ok(Some(Line { reader: ChainReader::new(ctx.fs, repository, &parts), parts }));
        }
        if let Some(fault) = chain.tile().fault {
            return Err(Error::Chain { dat: repository.dat_path(chain.stamp()), fault });
        }
        unusable = unusable.or(chain.files.iter().find(|name| name.stamp == stamp).copied());
    }
    match unusable {
        Some(name) => Err(Error::NoFull { path: repository.path_of(name) }),
        None => Ok(None),
    }
}

/// A chain as one database, as far as its files fit together.
struct Line<'a> {
    reader: ChainReader<'a>,
    parts: Vec<Part>,
}

impl Line<'_> {
    fn end_pos(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.end_pos)
    }

    /// The first and the last transaction, if there is any.
    fn ends(&self) -> Result<Option<(TransactionHeader, TransactionHeader)>, Error> {
        let start_pos = self.read(|reader| Boundary::start(reader))?.pos();
        let Some(first) = self.transaction_at(start_pos)? else { return Ok(None) };
        let pos = self.end_pos();
        let kind = DamageKind::Unfinished { limit_pos: pos };
        let torn = || self.error(Damage { transaction_pos: pos, pos, kind }.into());
        let last = self.read(|reader| transaction_before(reader, pos))?.ok_or_else(torn)?;
        Ok(Some((first, last)))
    }

    fn whole(self) -> Result<Found, Error> {
        let end_pos = self.end_pos();
        let last = self.read(|reader| transaction_before(reader, end_pos))?;
        Ok(Found { parts: self.parts, end_pos, last, next: None, passed_over: Vec::new() })
    }

    /// The state behind the last transaction at or before `tid`.
    fn cut_behind(&self, tid: Tid) -> Result<Found, Error> {
        let at = self.part_with(tid)?;
        let (mut pos, mut last) = (self.parts[at].start_pos.max(Magic::LEN), None);
        if self.reader.seeks(at)? {
            pos = self.narrow(pos, self.parts[at].end_pos, tid)?;
        }
        let mut next = self.transaction_at(pos)?;
        while let Some(header) = next.filter(|header| header.tid <= tid) {
            pos = header.end_pos();
            last = Some(header);
            next = self.transaction_at(pos)?;
        }
        if last.is_none() {
            last = self.read(|reader| transaction_before(reader, pos))?;
        }
        // What ends with a part needs no byte of the next one.
        let parts_count = self.parts.partition_point(|part| part.start_pos < pos);
        let parts = self.parts[..parts_count].to_vec();
        Ok(Found { parts, end_pos: pos, last, next, passed_over: Vec::new() })
    }

    /// The last part whose first transaction is at or before `tid`, by halving.
    fn part_with(&self, tid: Tid) -> Result<usize, Error> {
        let (mut low, mut high) = (0, self.parts.len());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match self.transaction_at(self.parts[middle].start_pos)? {
                Some(header) if header.tid <= tid => low = middle,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// A place between two transactions at or before the end of the state, not far from it, by halving what is between
    /// `low` and `high`.
    fn narrow(&self, mut low: u64, mut high: u64, tid: Tid) -> Result<u64, Error> {
        while high - low > HOPS_LEN {
            let middle = low + (high - low) / 2;
            let head = Head::new(&self.reader, high);
            let found = self.read(|_| Ok(Boundary::behind(&head, middle, None)?))?;
            match found.map(|found| found.pos()) {
                Some(pos) if self.transaction_at(pos)?.is_some_and(|header| header.tid <= tid) => low = pos,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The header of the transaction at `pos`; `None` at the end.
    fn transaction_at(&self, pos: u64) -> Result<Option<TransactionHeader>, Error> {
        let end_pos = self.end_pos();
        if pos >= end_pos {
            return Ok(None);
        }
        let mut bytes = [0; TransactionHeader::FIXED_LEN];
        let read_len = self.read(|reader| Ok(reader.read_full_at(pos, &mut bytes)?))?;
        let header = TransactionHeader::decode(pos, &bytes);
        let is_whole = read_len == bytes.len() && header.header_len() <= header.len;
        if !is_whole || header.end_pos() > end_pos {
            let kind = DamageKind::Unfinished { limit_pos: end_pos };
            return Err(self.error(Damage { transaction_pos: pos, pos, kind }.into()));
        }
        Ok(Some(header))
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&ChainReader<'_>) -> Result<T, filestorage::Error>,
    ) -> Result<T, Error> {
        read(&self.reader).map_err(|error| self.error(error))
    }

    /// Of several files, the error of the system names the one.
    fn error(&self, error: filestorage::Error) -> Error {
        let path = self.reader.path();
        match error {
            filestorage::Error::Io(error) => Error::of_read(error, &path),
            error => Error::Backups { path, error },
        }
    }
}

//! Which state of a database is wanted, and which chain has it: the state behind any transaction, not only that of a
//! backup.
//!
//! Nothing found here is a proof. Whoever joins the files walks along all of them, and the cut has to be a place between
//! two transactions there.

use crate::repository::Survey;
use crate::selection::select;
use crate::{BackupName, Chain, ChainReader, Context, Error, Limit, Notice, Part, Repository, Stamp};
use filestorage::{Boundary, Damage, DamageKind, Magic, Status, Tid, TransactionHeader, transaction_before};
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
}

impl Found {
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
/// # Errors
/// [`Error::NotCovered`], [`Error::NoTransaction`], [`Error::NoFiles`]; those of a recovery `-w` where the newest state
/// is wanted; the system's.
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
        Wanted::Backup(stamp) => match of_backup(ctx, repository, survey, stamp) {
            Some(line) => return line.whole(),
            None => stamp.tid().unwrap_or_default(),
        },
    };
    let mut nearest = Nearest::default();
    let (mut packed, mut failed) = (None, Vec::new());
    for chain in likely_first(survey, tid) {
        ctx.interrupt.check()?;
        match find_in(ctx, repository, chain, wanted, tid, &mut nearest) {
            Ok(Some(found)) if !found.is_packed() => {
                tell_passed_over(ctx, repository, failed);
                return Ok(found);
            }
            Ok(found) => packed = packed.or(found),
            Err(error @ Error::Interrupted { .. }) => return Err(error),
            // Another chain may have it; nothing is taken for what it is not.
            Err(error) => failed.push((chain.full, error)),
        }
    }
    if let Some(found) = packed {
        tell_passed_over(ctx, repository, failed);
        return Ok(found);
    }
    if let Some((_, error)) = failed.into_iter().next() {
        return Err(error);
    }
    match wanted {
        Wanted::Transaction(_) => {
            Err(Error::NoTransaction { tid, before: nearest.before, after: nearest.after })
        }
        _ => behind_the_last(ctx, repository, survey, tid, &nearest),
    }
}

fn tell_passed_over(ctx: &Context<'_>, repository: &Repository<'_>, failed: Vec<(BackupName, Error)>) {
    for (full, error) in failed {
        let (path, reason) = (repository.path_of(full), error.to_string());
        ctx.notice(Notice::PassedOver { path, reason });
    }
}

/// The state in one chain, if it reaches it.
fn find_in(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    chain: &Chain,
    wanted: Wanted,
    tid: Tid,
    nearest: &mut Nearest,
) -> Result<Option<Found>, Error> {
    let Some(line) = Line::of(ctx, repository, chain) else { return Ok(None) };
    let Some((first, last)) = line.ends()? else { return Ok(None) };
    nearest.see(first.tid, tid);
    nearest.see(last.tid, tid);
    if tid < first.tid || last.tid < tid {
        return Ok(None);
    }
    let found = line.cut_behind(tid)?;
    found.last.iter().chain(&found.next).for_each(|header| nearest.see(header.tid, tid));
    let is_there = found.last.is_some_and(|last| last.tid == tid);
    Ok(Some(found).filter(|_| is_there || !matches!(wanted, Wanted::Transaction(_))))
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
    Line { reader: ChainReader::new(ctx.fs, repository, &parts), parts }.whole()
}

/// The files of a chain up to the one with this stamp.
fn of_backup<'a>(
    ctx: &Context<'a>,
    repository: &'a Repository<'a>,
    survey: &Survey,
    stamp: Stamp,
) -> Option<Line<'a>> {
    survey.chains.iter().find_map(|chain| {
        let mut parts = chain.tile().parts;
        let at = parts.iter().position(|part| part.name.stamp == stamp)?;
        parts.truncate(at + 1);
        Some(Line { reader: ChainReader::new(ctx.fs, repository, &parts), parts })
    })
}

/// The newest state, where no transaction is known behind the wanted moment: only if a backup was made behind it,
/// which would have it.
fn behind_the_last(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    survey: &Survey,
    tid: Tid,
    nearest: &Nearest,
) -> Result<Found, Error> {
    let mut latest: Option<(Stamp, Line<'_>)> = None;
    for chain in &survey.chains {
        let Some(line) = Line::of(ctx, repository, chain) else { continue };
        let Some(stamp) = line.parts.last().map(|part| part.name.stamp) else { continue };
        if latest.as_ref().is_none_or(|(latest, _)| *latest <= stamp) {
            latest = Some((stamp, line));
        }
    }
    let made = latest.as_ref().map(|(stamp, _)| *stamp);
    let not_covered = Error::NotCovered { wanted: tid, first: nearest.first, last: nearest.last, made };
    let Some((stamp, line)) = latest else { return Err(not_covered) };
    let is_covered = stamp.tid().is_some_and(|made| tid <= made);
    match line.ends()? {
        Some((first, last)) if is_covered && first.tid <= tid && last.tid < tid => line.whole(),
        // A database that was empty when it was backed up.
        None if is_covered => line.whole(),
        _ => Err(not_covered),
    }
}

/// A chain as one database, as far as its files fit together.
struct Line<'a> {
    reader: ChainReader<'a>,
    parts: Vec<Part>,
}

impl<'a> Line<'a> {
    /// `None` if not even its full can be used.
    fn of(ctx: &Context<'a>, repository: &'a Repository<'a>, chain: &Chain) -> Option<Line<'a>> {
        let parts = chain.tile().parts;
        parts.first()?;
        Some(Line { reader: ChainReader::new(ctx.fs, repository, &parts), parts })
    }

    fn end_pos(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.end_pos)
    }

    /// The first and the last transaction, if there is any.
    fn ends(&self) -> Result<Option<(TransactionHeader, TransactionHeader)>, Error> {
        let start_pos = self.read(|reader| Boundary::start(reader))?.pos();
        let Some(first) = self.transaction_at(start_pos)? else { return Ok(None) };
        let last = self.read(|reader| transaction_before(reader, self.end_pos()))?;
        Ok(last.map(|last| (first, last)))
    }

    fn whole(self) -> Result<Found, Error> {
        let end_pos = self.end_pos();
        let last = self.read(|reader| transaction_before(reader, end_pos))?;
        Ok(Found { parts: self.parts, end_pos, last, next: None })
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
        Ok(Found { parts: self.parts[..parts_count].to_vec(), end_pos: pos, last, next })
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
        read: impl FnOnce(&ChainReader<'a>) -> Result<T, filestorage::Error>,
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

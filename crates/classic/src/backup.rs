//! Making a backup. The files of one are published in this order:
//!
//! | step | a crash leaves | healed by |
//! |---|---|---|
//! | drafts of the index, the data, the list, each synced; with `-k` the data read again | drafts | the next run removes them |
//! | data file under its name | a data file without a line, complete | the next run adopts it |
//! | index under its name | the same, with an index | the same |
//! | list under its name (**the commit point**) | the backup | |
//!
//! Only after the last sync of the directory the backup is acknowledged, and only then `-k` deletes.

use crate::compare::{self, Comparing};
use crate::copy::pump;
use crate::indexes::{self, Problems};
use crate::name::Companion;
use crate::output::Output;
use crate::part::PartStream;
use crate::plan::{self, ChainFacts, Compared, Comparison, Decision, FullReason};
use crate::prune::NewFull;
use crate::reconcile::{line_of, reconcile, write_dat};
use crate::repository::Survey;
use crate::source::Source;
use crate::{
    BackupKind, BackupName, Chain, Context, Dat, DatLine, DatState, Error, Event, Fault, Limit, Notice, Part,
    Phase, QuickCheck, Repository, Stamp, Sum, prune, quick,
};
use filestorage::{Boundary, Extent, Index, Nothing, StreamWalker, UnfinishedKind, Visitor, Walker};
use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;
use vfs::publish::{Draft, Finished};
use vfs::{Grant, Op};

/// How long to wait for a clock that stands within the second of the newest backup, or a little before it.
const CLOCK_PATIENCE: Duration = Duration::from_secs(2);

/// What a backup run is asked to do.
#[derive(Debug, Clone, Default)]
pub struct BackupRequest {
    /// The repository, as it was given.
    pub repository: PathBuf,
    /// The database.
    pub file: PathBuf,
    /// Make a full in any case.
    pub full: bool,
    /// Compare not every byte with the source, but so.
    pub quick: Option<QuickCheck>,
    /// Compress.
    pub gzip: bool,
    /// Delete older backups after a full.
    pub kill_old: bool,
    /// Delete them also if they are of another database.
    pub force: bool,
    /// How long to wait for another run to end.
    pub wait: Duration,
    /// Make the sums that the verbose lines of a whole comparison show.
    pub tell_sums: bool,
}

/// What a backup run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupOutcome {
    /// All was backed up already; nothing was written.
    Nothing,
    /// A backup was made and is on the disk.
    Made(Part),
}

/// Makes a backup, if there is anything to back up.
///
/// # Errors
/// Whatever kept it from being made; the repository is then as it was, or what is left is healed by the
/// next run.
pub fn backup(ctx: &Context<'_>, request: &BackupRequest) -> Result<BackupOutcome, Error> {
    let repository = Repository::open(ctx.fs, &request.repository)?;
    let lock = repository.lock(ctx, request.wait)?;
    let survey = reconcile(ctx, &repository, lock.as_deref())?;
    survey.tell_files(ctx, &repository, &Limit::Newest);
    let source = Source::open(ctx, &request.file)?;
    Run { ctx, request, repository: &repository, survey: &survey, source: &source }.run()
}

struct Run<'a> {
    ctx: &'a Context<'a>,
    request: &'a BackupRequest,
    repository: &'a Repository<'a>,
    survey: &'a Survey,
    source: &'a Source,
}

/// The place of a new backup.
struct New {
    name: BackupName,
    start_pos: u64,
    extent: Extent,
    /// Where the walk along the copied bytes begins.
    walker: Walker,
}

impl New {
    /// All of the source.
    fn full(name: BackupName, extent: Extent) -> New {
        New { name, start_pos: 0, extent, walker: Walker::new(filestorage::Magic::LEN, None, extent.end_pos) }
    }
}

/// The bytes of a new backup, in a draft.
struct Copied<'fs> {
    output: Output<'fs>,
    sum: Sum,
    /// The walk along them.
    walk: StreamWalker,
}

/// What a copy does behind a transaction that is not sound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IfUnsound {
    /// It is of use whatever it is: the index led past that place.
    GoOn,
    /// It is of no use.
    Stop,
}

impl Run<'_> {
    fn run(&self) -> Result<BackupOutcome, Error> {
        let facts = self.chain_facts();
        match plan::begin(self.request.full, self.request.quick.is_some(), &facts) {
            Err(reason) => self.full(reason),
            Ok(comparison) => self.after_comparison(comparison),
        }
    }

    fn chain(&self) -> Option<&Chain> {
        self.survey.chain_at(&Limit::Newest)
    }

    fn chain_facts(&self) -> ChainFacts {
        let Some(chain) = self.chain() else {
            return if self.survey.strays.is_empty() { ChainFacts::NoFiles } else { ChainFacts::NoFull };
        };
        let tiling = chain.tile();
        match (tiling.fault, tiling.unlisted.first()) {
            _ if chain.has_no_lines() => ChainFacts::NoLines,
            (Some(fault), _) => ChainFacts::Faulty(fault),
            (None, Some(name)) => ChainFacts::Faulty(Fault::Unlisted(*name)),
            (None, None) => match self.survey.overtaking(chain, &Limit::Newest) {
                Some(later) => ChainFacts::Faulty(Fault::Overtaken(later)),
                None => ChainFacts::Sound,
            },
        }
    }

    fn after_comparison(&self, comparison: Comparison) -> Result<BackupOutcome, Error> {
        let Some(chain) = self.chain() else { return self.full(FullReason::NoFiles) };
        let comparing = self.compare(chain, comparison)?;
        if let Some(error) = &comparing.damage {
            self.ctx.notice(Notice::DamagedBackup(error.to_string()));
        }
        let boundary = match plan::build_on(&comparing.compared) {
            Ok(boundary) => boundary,
            Err(reason) => return self.full(reason),
        };
        let lines = self.lines_to_build_on(chain, comparison, &comparing)?;
        let mut problems = Problems::default();
        let (newer, extent) = indexes::behind(self.source, boundary, &mut problems)?;
        let decision = plan::go_on(boundary, extent.end_pos);
        self.ctx.tell(&Event::Planned(&decision));
        self.tell_tail(&extent);
        match decision {
            Decision::Incremental { start_pos } => {
                self.tell_problems(&problems);
                self.incremental(chain, lines, &comparing.parts, boundary, &newer, start_pos, extent)
            }
            _ => Ok(BackupOutcome::Nothing),
        }
    }

    fn compare(&self, chain: &Chain, comparison: Comparison) -> Result<Comparing, Error> {
        let Run { ctx, repository, source, .. } = self;
        let parts = chain.tile().parts;
        let listed_len = parts.last().map_or(0, |part| part.end_pos);
        let comparing = match comparison {
            Comparison::Quick => {
                let check = self.request.quick.unwrap_or_default();
                return quick::compare(ctx, repository, source, &parts, check);
            }
            Comparison::Listed => compare::compare_listed(ctx, repository, source, &parts)?,
            Comparison::ByName => compare::compare_by_name(ctx, repository, source, &chain.files)?,
        };
        if self.request.tell_sums {
            let equal = matches!(comparing.compared, Compared::Equal(_));
            compare::tell_sums(ctx, repository, source, &chain.files, listed_len, equal)?;
        }
        Ok(comparing)
    }

    /// The lines of the chain that is built upon: those of its list, or, where the list was of no use or wrong and
    /// the comparison proved the files, new ones, which are written now.
    fn lines_to_build_on(
        &self,
        chain: &Chain,
        comparison: Comparison,
        comparing: &Comparing,
    ) -> Result<Vec<DatLine>, Error> {
        if comparison != Comparison::ByName && !comparing.list_is_wrong {
            return Ok(chain.lines().to_vec());
        }
        let lines: Vec<DatLine> = comparing.parts.iter().map(|part| line_of(self.repository, part)).collect();
        write_dat(self.ctx, self.repository, chain.full, &lines)?;
        self.ctx.notice(Notice::RewroteDat(self.repository.dat_path(chain.stamp())));
        Ok(lines)
    }

    fn full(&self, reason: FullReason) -> Result<BackupOutcome, Error> {
        if let (FullReason::Unsound(fault), Some(chain)) = (&reason, self.chain()) {
            let dat = self.repository.dat_path(chain.stamp());
            self.ctx.notice(Notice::NotBuiltUpon { dat, fault: fault.clone() });
        }
        self.ctx.tell(&Event::Planned(&Decision::Full(reason)));
        let name = self.new_name(BackupKind::Full)?;
        let (part, extent, damaged) = match self.full_in_one_pass(name)? {
            Some(made) => made,
            None => {
                let mut problems = Problems::default();
                let (index, extent) = indexes::of_source(self.ctx, self.source, &mut problems)?;
                self.full_of(name, &index, extent, &problems)?
            }
        };
        if self.request.kill_old && !damaged {
            self.kill_old(&part, extent)?;
        }
        Ok(BackupOutcome::Made(part))
    }

    /// A full of which the end and the index are known.
    fn full_of(
        &self,
        name: BackupName,
        index: &Index,
        extent: Extent,
        problems: &Problems,
    ) -> Result<(Part, Extent, bool), Error> {
        self.tell_tail(&extent);
        self.tell_problems(problems);
        let new = New::full(name, extent);
        self.ctx.tell(&Event::WritingIndex);
        let index = self.whole_index(&new, index)?;
        self.tell_if_older(&extent);
        let copied = self.copy(&new, &mut Nothing, IfUnsound::GoOn)?;
        let damaged = self.check_copied(&new, &copied.walk)?;
        Ok((self.settle(&new, copied, index, name.stamp, Vec::new())?, extent, damaged))
    }

    /// A full that is scanned while it is copied; `None` if it turns out that not every byte of the source belongs to
    /// sound transactions: then its index or a scan has to say where they end. What was copied is gone then.
    fn full_in_one_pass(&self, name: BackupName) -> Result<Option<(Part, Extent, bool)>, Error> {
        let Some(extent) = indexes::likely_extent(self.source)? else { return Ok(None) };
        let (mut index, mut problems) = (Index::new(), Problems::default());
        let new = New::full(name, extent);
        self.ctx.tell(&Event::WritingIndex);
        let noting = &mut indexes::Noting { index: &mut index, problems: &mut problems };
        let copied = self.copy(&new, noting, IfUnsound::Stop)?;
        if copied.walk.finish() != Ok(extent.last) || index.check().is_err() {
            return Ok(None);
        }
        self.source.check_last(extent.last)?;
        self.tell_problems(&problems);
        self.tell_if_older(&extent);
        let index = self.whole_index(&new, &index)?;
        Ok(Some((self.settle(&new, copied, index, name.stamp, Vec::new())?, extent, false)))
    }

    /// A draft of the index that a scan of the whole source gave.
    fn whole_index(&self, new: &New, index: &Index) -> Result<Draft<'_>, Error> {
        let path = self.repository.index_path(new.name.stamp);
        indexes::draft_whole(self.draft(&path)?, &path, index, new.extent.end_pos)
    }

    /// A database that ends before its backups do was cut, or restored from one of them.
    fn tell_if_older(&self, extent: &Extent) {
        let latest = self.chain().and_then(|chain| prune::latest_tid(self.ctx, self.repository, chain));
        if let Some(backup_tid) = latest.filter(|latest| extent.last_tid().is_none_or(|tid| tid < *latest)) {
            let (path, source_tid) = (self.source.path.clone(), extent.last_tid());
            self.ctx.notice(Notice::SourceOlder { path, source_tid, backup_tid });
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what the comparison and the scan found out, each used once"
    )]
    fn incremental(
        &self,
        chain: &Chain,
        lines: Vec<DatLine>,
        parts: &[Part],
        boundary: Boundary,
        newer: &Index,
        start_pos: u64,
        extent: Extent,
    ) -> Result<BackupOutcome, Error> {
        let name = self.new_name(BackupKind::Incremental)?;
        self.ctx.tell(&Event::WritingIndex);
        let index = self.incremental_index(name, parts, boundary, newer, extent.end_pos)?;
        let walker = Walker::new(start_pos, boundary.last_tid(), extent.end_pos);
        let new = New { name, start_pos, extent, walker };
        let copied = self.copy(&new, &mut Nothing, IfUnsound::GoOn)?;
        self.check_copied(&new, &copied.walk)?;
        Ok(BackupOutcome::Made(self.settle(&new, copied, index, chain.stamp(), lines)?))
    }

    /// From the index of the last backup that is not empty, or else from the source.
    fn incremental_index(
        &self,
        name: BackupName,
        parts: &[Part],
        boundary: Boundary,
        newer: &Index,
        end_pos: u64,
    ) -> Result<Draft<'_>, Error> {
        let path = self.repository.index_path(name.stamp);
        for part in parts.iter().rev().take_while(|part| part.end_pos == boundary.pos()) {
            let (previous, data) = (part.name.stamp, self.source.bytes());
            let draft = self.draft(&path)?;
            let merged = indexes::draft_merged(
                self.ctx,
                self.repository,
                previous,
                data,
                boundary,
                newer,
                end_pos,
                draft,
            )?;
            if let Some(draft) = merged {
                return Ok(draft);
            }
        }
        let (index, extent) = indexes::of_source(self.ctx, self.source, &mut Problems::default())?;
        if extent.end_pos == end_pos {
            return indexes::draft_whole(self.draft(&path)?, &path, &index, end_pos);
        }
        // A transaction was finished meanwhile; the backup ends before it, and so must its index.
        let index = self.index_up_to(end_pos)?;
        indexes::draft_whole(self.draft(&path)?, &path, &index, end_pos)
    }

    fn index_up_to(&self, end_pos: u64) -> Result<Index, Error> {
        let mut index = Index::new();
        let head = vfs::Head::new(self.source.bytes(), end_pos);
        let scan =
            Boundary::start(&head).and_then(|start| filestorage::committed_end(&head, start, &mut index));
        scan.map_err(|error| self.source.error(error))?;
        Ok(index)
    }

    /// Publishes what was copied, with its index and its line.
    fn settle(
        &self,
        new: &New,
        copied: Copied<'_>,
        index: Draft<'_>,
        chain: Stamp,
        mut lines: Vec<DatLine>,
    ) -> Result<Part, Error> {
        let Copied { output, sum, .. } = copied;
        let data = output.finish()?;
        let part = Part { name: new.name, start_pos: new.start_pos, end_pos: new.extent.end_pos, sum };
        if new.name.is_full() && self.request.kill_old {
            self.read_again(&data, &part)?;
        }
        let known = if new.name.is_full() { self.chain().map(Chain::lines) } else { Some(lines.as_slice()) };
        let known = known.map(<[DatLine]>::to_vec);
        lines.push(line_of(self.repository, &part));
        let mut dat = self.draft(&self.repository.dat_path(chain))?;
        dat.append(&Dat::render(&lines))?;
        let (index, dat) = (index.finish()?, dat.finish()?);
        self.ctx.interrupt.check()?;
        self.check_repository(known)?;
        self.publish(data, index, dat, new)?;
        Ok(part)
    }

    /// Nothing but renames and syncs of the directory: the commit point is the list's.
    fn publish(
        &self,
        data: Finished<'_>,
        index: Finished<'_>,
        dat: Finished<'_>,
        new: &New,
    ) -> Result<(), Error> {
        let dir = self.repository.dir();
        // If a rename fails, what this run gave a name is taken back: no list has it. A failed sync of the
        // directory is not a failed rename: the list may be there, and with it the backup.
        self.ctx.note_sync(data.publish_new()?, dir);
        let indexed = index.publish_new();
        let take_back = |error: vfs::Error, companions: &[String]| {
            for name in companions.iter().filter(|_| error.op == Op::Rename) {
                let _: Result<bool, _> = vfs::publish::remove(self.ctx.fs, &self.repository.path_of(name));
            }
            Error::from(error)
        };
        let (data_name, index_name) = (new.name.to_string(), Companion::Index(new.name.stamp).to_string());
        self.ctx.note_sync(indexed.map_err(|error| take_back(error, std::slice::from_ref(&data_name)))?, dir);
        let listed = if new.name.is_full() { dat.publish_new() } else { dat.publish_over() };
        let synced = listed.map_err(|error| take_back(error, &[data_name, index_name]))?;
        self.ctx.note_sync(synced, dir);
        Ok(())
    }

    /// Python's repozo takes no lock: what it wrote meanwhile must not be overwritten, nor built beside.
    /// Nor must it write: of the same second, it would put its file over ours.
    /// `known` is what the list of the newest chain has to have.
    fn check_repository(&self, known: Option<Vec<DatLine>>) -> Result<(), Error> {
        if let Some(path) = self.repository.python_draft(self.ctx) {
            return Err(Error::PythonRunning { path });
        }
        let now = self.repository.survey()?;
        let files =
            |survey: &Survey| survey.chains.iter().flat_map(|chain| chain.files.clone()).collect::<Vec<_>>();
        let lines = now.chain_at(&Limit::Newest).map(|chain| chain.lines().to_vec());
        if files(&now) == files(self.survey) && lines == known && now.strays == self.survey.strays {
            return Ok(());
        }
        if let Some(Chain { full, dat: DatState::Unreadable(reason), .. }) = now.chain_at(&Limit::Newest) {
            let (dat, reason) = (self.repository.dat_path(full.stamp), reason.clone());
            return Err(Error::ListUnreadable { dat, reason });
        }
        Err(Error::RepositoryChanged { dir: self.repository.dir().to_owned() })
    }

    /// Copies the bytes of the new backup from the source, walking along.
    fn copy(&self, new: &New, visitor: &mut dyn Visitor, if_unsound: IfUnsound) -> Result<Copied<'_>, Error> {
        let (ctx, source) = (self.ctx, self.source);
        let (path, end_pos) = (self.repository.path_of(new.name), new.extent.end_pos);
        let len = end_pos - new.start_pos;
        ctx.tell(&Event::WritingBackup { name: new.name, len, path: &path });
        let mut output = Output::new(self.draft(&path)?, self.request.gzip);
        let mut walk = StreamWalker::new(new.walker.clone(), new.start_pos);
        let is_over = Cell::new(false);
        ctx.tell(&Event::Began { phase: Phase::BackingUp, total_len: Some(len) });
        let mut pieces = source.pieces(ctx, new.start_pos, end_pos);
        let next = |piece: &mut [u8]| if is_over.get() { Ok(0) } else { pieces(piece) };
        let (_, sum) = pump(next, |piece| {
            walk.feed(piece, visitor);
            is_over.set(if_unsound == IfUnsound::Stop && walk.has_stopped());
            output.append(piece)?;
            ctx.tell(&Event::Advanced(piece.len() as u64));
            Ok(())
        })?;
        ctx.tell(&Event::Ended);
        Ok(Copied { output, sum, walk })
    }

    /// What was copied must be what was scanned: sound transactions up to the end, the last one the same.
    /// Whether it is damaged, and was so before.
    fn check_copied(&self, new: &New, walk: &StreamWalker) -> Result<bool, Error> {
        self.source.check_last(new.extent.last)?;
        match walk.finish() {
            Ok(last) if last.is_none() || last == new.extent.last => Ok(false),
            Ok(_) => Err(self.source.changed("its last transaction is another one")),
            // The index led past the damage; if it was there before, the copy is as true as it can be.
            Err(damage) => match indexes::damage_before(self.source, new.extent.end_pos)? {
                Some(same) if same.transaction_pos == damage.transaction_pos => {
                    self.ctx.notice(Notice::SourceDamage { path: self.source.path.clone(), damage });
                    Ok(true)
                }
                _ => Err(self.source.changed("a transaction in its middle is another one")),
            },
        }
    }

    /// What was written must read as it was written, before older backups may go for it.
    fn read_again(&self, data: &Finished<'_>, part: &Part) -> Result<(), Error> {
        let ctx = self.ctx;
        ctx.tell(&Event::Began { phase: Phase::ReadingAgain, total_len: Some(part.len()) });
        let mut stream = PartStream::open_path(ctx.fs, data.path().to_owned(), part.name.gzip)?;
        let (len, sum) = pump(stream.pieces(ctx, u64::MAX), |piece| {
            ctx.tell(&Event::Advanced(piece.len() as u64));
            Ok(())
        })?;
        ctx.tell(&Event::Ended);
        if (len, sum) == (part.len(), part.sum) {
            return Ok(());
        }
        Err(Error::ReadsDifferently { path: self.repository.path_of(part.name) })
    }

    fn kill_old(&self, part: &Part, extent: Extent) -> Result<(), Error> {
        let first =
            prune::first_transaction(self.source.bytes()).map_err(|error| self.source.error(error))?;
        let first = first.filter(|first| first.end_pos() <= part.end_pos);
        let new = NewFull { part: *part, first, last: extent.last };
        prune::remove_older(self.ctx, self.repository, self.survey, &new, self.request.force)
    }

    /// A draft that those may read who may read the database.
    fn draft(&self, path: &std::path::Path) -> Result<Draft<'_>, Error> {
        let access = self.source.access;
        let mut draft = Draft::create(self.ctx.fs, path)?;
        draft.set_access(Grant { mode: 0o600 | access.mode & 0o444, gid: access.gid, uid: None })?;
        Ok(draft)
    }

    /// The name of a new backup: of this second, and later than every name in the repository.
    fn new_name(&self, kind: BackupKind) -> Result<BackupName, Error> {
        let ctx = self.ctx;
        let now = ctx.clock.now();
        let stamp = Stamp::at(now).ok_or(Error::ClockImpossible { now })?;
        let stamp = match self.survey.newest {
            Some(newest) if stamp <= newest => {
                let behind = || Error::ClockBehind { now: Some(stamp), newest };
                let passes_in = newest.passes_in(now).filter(|passes_in| *passes_in <= CLOCK_PATIENCE);
                ctx.clock.wait(passes_in.ok_or_else(behind)?);
                let later = Stamp::at(ctx.clock.now()).filter(|later| *later > newest);
                later.ok_or_else(behind)?
            }
            _ => stamp,
        };
        Ok(BackupName { stamp, kind, gzip: self.request.gzip })
    }

    fn tell_tail(&self, extent: &Extent) {
        if let Some(tail) = extent.tail.filter(|tail| tail.kind == UnfinishedKind::NeverWritten) {
            let path = self.source.path.clone();
            self.ctx.notice(Notice::TornTail { path, end_pos: extent.end_pos, tail });
        }
    }

    fn tell_problems(&self, problems: &Problems) {
        if let Some(problem) = problems.first {
            let (path, count) = (self.source.path.clone(), problems.count);
            self.ctx.notice(Notice::SourceProblem { path, problem, count });
        }
    }
}

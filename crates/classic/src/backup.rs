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

mod copying;
mod full;
mod incremental;
mod publishing;

use crate::compare::{self, Comparing};
use crate::indexes::{self, Growth, Problems};
use crate::plan::{self, ChainFacts, Compared, Comparison, Decision, FullReason};
use crate::reconcile::{line_of, reconcile, write_dat};
use crate::repository::Survey;
use crate::source::Source;
use crate::{
    BackupKind, BackupName, BlobsBackedUp, BlobsSource, Chain, Context, DatLine, Error, Event, Fault, Limit,
    Notice, Part, QuickCheck, Repository, Stamp, blobs, quick,
};
use filestorage::{Extent, UnfinishedKind};
use incremental::Increment;
use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

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
    /// The blobs, if they are backed up too.
    pub blobs: Option<BlobsSource>,
}

/// What a backup run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupOutcome {
    /// All was backed up already; nothing was written.
    Nothing,
    /// A backup was made and is on the disk.
    Made(Part),
}

/// What a backup run did in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackedUp {
    /// With the database.
    pub outcome: BackupOutcome,
    /// With the blobs, if they were to be backed up.
    pub blobs: Option<BlobsBackedUp>,
}

/// Makes a backup, if there is anything to back up; of the blobs too, if there are to be any.
///
/// # Errors
/// Whatever kept it from being made; the repository is then as it was, or what is left is healed by the
/// next run.
pub fn backup(ctx: &Context<'_>, request: &BackupRequest) -> Result<BackedUp, Error> {
    let repository = Repository::open(ctx.fs, &request.repository)?;
    let lock = repository.lock(ctx, request.wait)?;
    let survey = reconcile(ctx, &repository, lock.as_deref())?;
    if request.blobs.is_some() && lock.is_some() {
        // Before anything is written: they may be what fills the disk.
        blobs::sweep(ctx, &repository)?;
    }
    survey.tell_files(ctx, &repository, &Limit::Newest);
    let source = Source::open(ctx, &request.file)?;
    let blobs = Cell::new(None);
    let run = Run {
        ctx,
        request,
        repository: &repository,
        survey: &survey,
        source: &source,
        blobs: &blobs,
        is_locked: lock.is_some(),
    };
    let outcome = run.run()?;
    if outcome == BackupOutcome::Nothing {
        // What is there may be of a run that was killed before it made its last names durable.
        ctx.note_sync(vfs::publish::sync_dir(ctx.fs, repository.dir())?, repository.dir());
    }
    run.back_up_blobs()?;
    if request.kill_old && request.blobs.is_some() && lock.is_some() {
        // What older backups alone needed goes with them.
        blobs::collect_or_tell(ctx, &repository)?;
    }
    Ok(BackedUp { outcome, blobs: blobs.get() })
}

struct Run<'a> {
    ctx: &'a Context<'a>,
    request: &'a BackupRequest,
    repository: &'a Repository<'a>,
    survey: &'a Survey,
    source: &'a Source,
    /// What became of the blobs, once they were backed up.
    blobs: &'a Cell<Option<BlobsBackedUp>>,
    /// Whether no other run can be at the repository.
    is_locked: bool,
}

impl Run<'_> {
    /// Backs up the blobs that the backups name, if they are to be and were not yet.
    fn back_up_blobs(&self) -> Result<(), Error> {
        if let (Some(blobs), None) = (&self.request.blobs, self.blobs.get()) {
            let done = blobs::back_up(self.ctx, self.repository, self.source, blobs, self.is_locked)?;
            self.blobs.set(Some(done));
        }
        Ok(())
    }

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
            Decision::Incremental { .. } => {
                self.tell_problems(&problems);
                let growth = Growth { data: self.source.bytes(), boundary, newer, extent };
                self.incremental(Increment { chain, lines, parts: &comparing.parts, growth })
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

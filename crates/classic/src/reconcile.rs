//! Before anything is planned: heals what a crash, or a run of Python's repozo, left half done.
//!
//! | found | done |
//! |---|---|
//! | drafts of dead runs, Python's `tmp.tmp` when it is a day old | removed |
//! | an index that no data file and no line speaks of | removed |
//! | a removal that had begun | finished; undone if the backup that it was for is not there |
//! | a full without a list and without incrementals, sound by itself | listed ("adopted") |
//! | a full without a list between the files of another chain, or that is one which a list misses | renamed `NAME.unlisted` |
//! | behind the end of a chain, a data file without a line that continues it | the same |
//! | any other data file without a line, where the list fits together | renamed `NAME.unlisted` |
//! | an incremental before every full | renamed `NAME.unlisted` |
//! | a chain whose list does not fit together | left as it is; `plan` does not build on it |
//!
//! Every step is one rename or removal, so a crash between two of them leaves less of the same to do. Nothing is
//! deleted but drafts, indexes of nothing and what was being deleted, and everything is told.

use crate::NOTES_NAME;
use crate::copy::PIECE_LEN;
use crate::name::{Companion, UNLISTED};
use crate::part::PartStream;
use crate::reader::ChainReader;
use crate::repository::Survey;
use crate::selection::misnamed;
use crate::{BackupName, Chain, Context, Dat, DatLine, Error, Fault, Notice, Part, Repository, Stamp, prune};
use filestorage::{Boundary, Problem, StreamWalker, Visitor, Walker};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vfs::publish::{self, Draft};
use vfs::{Grant, Lock, Op};

/// A data file this young without a line may be one of a running backup, just before it writes the line.
const YOUNG: Duration = Duration::from_secs(3);
/// Python writes its draft all the time: a run that did not touch it for so long is dead, not slow.
const PYTHON_DEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a file of this name belongs to a repository.
pub(crate) fn is_ours(name: &OsStr) -> bool {
    BackupName::parse(name).is_some() || Companion::parse(name).is_some() || name == NOTES_NAME
}

/// Heals the repository and says what is in it then. Without a lock (there are file systems that have none)
/// drafts may be those of a run that lives, and stay.
///
/// # Errors
/// When the directory cannot be listed or a step fails.
pub(crate) fn reconcile(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    lock: Option<&dyn Lock>,
) -> Result<Survey, Error> {
    if lock.is_some() {
        for swept in publish::sweep(ctx.fs, repository.dir(), &is_ours)? {
            ctx.notice(swept.map_or_else(|error| Notice::Unsettled(error.to_string()), Notice::RemovedDraft));
        }
    }
    let mut survey = repository.survey()?;
    let settled = settle_removals(ctx, repository, &survey)?;
    if wait_for_a_line(ctx, repository, &survey) || settled {
        survey = repository.survey()?;
    }
    if !(survey.strays.is_empty() && survey.chains.iter().all(is_settled)) {
        survey = settle_all(ctx, repository, &survey)?;
    }
    if lock.is_some() {
        go_on(ctx, sweep_after_python(ctx, repository, &survey))?;
    }
    Ok(survey)
}

/// Settles every data file that no line names; what is in the repository then. What cannot be settled is told, and
/// stops no backup: nothing unlisted is built upon.
fn settle_all(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey) -> Result<Survey, Error> {
    for chain in &survey.chains {
        go_on(ctx, settle(ctx, repository, survey, chain))?;
    }
    for name in &survey.strays {
        go_on(ctx, set_aside(ctx, repository, &repository.path_of(name)))?;
    }
    repository.survey()
}

/// Removes what belongs to data that is not there: a run of Python's that died leaves an index, which it writes first,
/// and its draft.
fn sweep_after_python(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey) -> Result<(), Error> {
    let lines = survey.chains.iter().flat_map(Chain::lines).filter_map(DatLine::name);
    let listed: BTreeSet<Stamp> = lines.map(|name| name.stamp).collect();
    // Where a line speaks of the data file, it may come back, from wherever it is.
    let lone = survey.lone_indexes.iter().filter(|stamp| !listed.contains(stamp));
    let dead = lone.map(|stamp| (repository.index_path(*stamp), YOUNG));
    // Tags are given to what is there; a removal that was cut short may leave them.
    let lone = survey.lone_tags.iter().filter(|stamp| !listed.contains(stamp));
    let dead = dead.chain(lone.map(|stamp| (repository.tags_path(*stamp), Duration::ZERO)));
    // What was set aside may be put back.
    let is_needed = |stamp: &Stamp| listed.contains(stamp) || survey.set_aside.contains(stamp);
    let lone = survey.lone_blobs.iter().filter(|stamp| !is_needed(stamp));
    let dead = dead.chain(lone.map(|stamp| (repository.blobs_path(*stamp), Duration::ZERO)));
    let mut removed = false;
    for (path, least_age) in dead.chain([(repository.python_draft_path(), PYTHON_DEAD)]) {
        if ctx.age(&path).is_some_and(|age| age >= least_age) && publish::remove(ctx.fs, &path)? {
            ctx.notice(Notice::RemovedDraft(path.file_name().unwrap_or_default().to_owned()));
            removed = true;
        }
    }
    if removed {
        let synced = publish::sync_dir(ctx.fs, repository.dir())?;
        ctx.note_sync(synced, repository.dir());
    }
    Ok(())
}

/// Goes on with the removals that had begun, or undoes them; whether there was any.
fn settle_removals(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey) -> Result<bool, Error> {
    for chain in &survey.removing {
        match prune::finish_removal(ctx, repository, chain) {
            Ok(()) => ctx.notice(Notice::FinishedRemoval(chain.stamp())),
            error => go_on(ctx, error)?,
        }
    }
    for stamp in &survey.reprieved {
        let is_left = survey.chains.iter().any(|chain| chain.stamp() == *stamp && !chain.files.is_empty());
        go_on(
            ctx,
            if is_left {
                undo_removal(ctx, repository, *stamp)
            } else {
                drop_marker(ctx, repository, *stamp)
            },
        )?;
    }
    for stamp in &survey.stale_markers {
        go_on(ctx, drop_marker(ctx, repository, *stamp))?;
    }
    Ok(!(survey.removing.is_empty() && survey.reprieved.is_empty() && survey.stale_markers.is_empty()))
}

fn undo_removal(ctx: &Context<'_>, repository: &Repository<'_>, stamp: Stamp) -> Result<(), Error> {
    let marker = repository.path_of(Companion::Removed(stamp));
    let synced = publish::rename_new(ctx.fs, &marker, &repository.dat_path(stamp))?;
    ctx.note_sync(synced, repository.dir());
    ctx.notice(Notice::RemovalUndone(stamp));
    Ok(())
}

fn drop_marker(ctx: &Context<'_>, repository: &Repository<'_>, stamp: Stamp) -> Result<(), Error> {
    publish::remove(ctx.fs, &repository.path_of(Companion::Removed(stamp)))?;
    Ok(())
}

/// A step that failed is told and left to the next run; only an interruption ends this one.
fn go_on(ctx: &Context<'_>, step: Result<(), Error>) -> Result<(), Error> {
    match step {
        Err(error @ Error::Interrupted { .. }) => Err(error),
        Err(error) => {
            ctx.notice(Notice::Unsettled(error.to_string()));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Lets a moment pass when the newest data file has no line yet but is only just there, as a backup that is being
/// made has it; whether it did.
pub(crate) fn wait_for_a_line(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey) -> bool {
    let newest = survey.chains.last().and_then(|chain| chain.tile().unlisted.last().copied());
    let age = newest.and_then(|name| ctx.age(&repository.path_of(name)));
    let wait = age.and_then(|age| YOUNG.checked_sub(age)).filter(|wait| !wait.is_zero());
    wait.inspect(|wait| ctx.clock.wait(*wait)).is_some()
}

/// The lines of a list whose last one was cut short, when there is a full to write it anew for.
fn torn_lines(chain: &Chain) -> Option<&[DatLine]> {
    (chain.is_torn() && chain.has_full()).then(|| chain.lines()).filter(|lines| !lines.is_empty())
}

/// Whether every data file of a chain has its line, and every line its end.
fn is_settled(chain: &Chain) -> bool {
    torn_lines(chain).is_none() && chain.tile().unlisted.is_empty()
}

/// Settles the data files of a chain that no line names.
fn settle(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    survey: &Survey,
    chain: &Chain,
) -> Result<(), Error> {
    if chain.has_no_lines()
        && chain.files == [chain.full]
        && (stands_inside(survey, chain) || misnamed(ctx, repository, survey, chain.full)?.is_some())
    {
        return set_aside(ctx, repository, &repository.path_of(chain.full));
    }
    let tiling = chain.tile();
    if let Some(lines) = torn_lines(chain) {
        ctx.notice(Notice::TornLine(repository.dat_path(chain.stamp())));
        write_dat(ctx, repository, chain.full, lines)?;
    }
    let mut parts = tiling.parts;
    match tiling.fault {
        // A run that died just before it wrote the first list. With incrementals behind it, the list was lost
        // otherwise, and what else it held is not known.
        Some(Fault::NoLines) if chain.files == [chain.full] => {}
        Some(_) => return Ok(()),
        None if tiling.unlisted.is_empty() => return Ok(()),
        None => {}
    }
    for name in tiling.unlisted {
        match prove_place(ctx, repository, &parts, name)? {
            Some(part) => {
                parts.push(part);
                adopt(ctx, repository, chain, &parts)?;
                ctx.notice(Notice::Adopted(repository.path_of(name)));
            }
            None if name == chain.full => return Ok(()),
            None => set_aside(ctx, repository, &repository.path_of(name))?,
        }
    }
    Ok(())
}

/// Whether a full stands between the files of another chain, as their list has them: nobody ever made a full there,
/// and who goes by names alone would take what follows for its own.
fn stands_inside(survey: &Survey, chain: &Chain) -> bool {
    let before = survey.chains.iter().filter(|other| other.stamp() < chain.stamp() && other.has_own_list());
    let mut listed = before.flat_map(|other| {
        other.lines().iter().filter_map(DatLine::name).filter(|name| other.files.contains(name))
    });
    listed.any(|name| name.stamp >= chain.stamp())
}

/// Lists the parts that the list of the chain does not have yet.
fn adopt(ctx: &Context<'_>, repository: &Repository<'_>, chain: &Chain, parts: &[Part]) -> Result<(), Error> {
    let mut lines = chain.lines().to_vec();
    let known: Vec<BackupName> = lines.iter().filter_map(DatLine::name).collect();
    let missing = parts.iter().filter(|part| !known.contains(&part.name));
    lines.extend(missing.map(|part| line_of(repository, part)));
    write_dat(ctx, repository, chain.full, &lines)
}

/// The line that lists a part.
pub(crate) fn line_of(repository: &Repository<'_>, part: &Part) -> DatLine {
    DatLine::new(repository.dir(), part.name, part.start_pos, part.end_pos, part.sum)
}

/// Writes the list of the chain of `full` anew, whole, readable by whoever may read the full.
///
/// # Errors
/// What the system says.
pub(crate) fn write_dat(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    full: BackupName,
    lines: &[DatLine],
) -> Result<(), Error> {
    let path = repository.dat_path(full.stamp);
    let full_path = repository.path_of(full);
    let access = ctx.fs.meta(&full_path).map_err(vfs::Error::at(Op::Stat, &full_path))?.access;
    let mut draft = Draft::create(ctx.fs, &path)?;
    draft.set_access(Grant { mode: access.mode, gid: access.gid, uid: None })?;
    draft.append(&Dat::render(lines))?;
    let synced = draft.publish_over()?;
    ctx.note_sync(synced, repository.dir());
    Ok(())
}

/// The place of a data file that no line names, if its content proves it: behind `parts`, where it stands by
/// name, its records name the very positions that they have there. A full proves itself the same way.
///
/// An empty incremental (Python writes such) continues anything.
///
/// # Errors
/// An interruption, and what the system says: a file that cannot be read now may prove its place later. One that
/// is no sound gzip proves nothing.
pub(crate) fn prove_place(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    parts: &[Part],
    name: BackupName,
) -> Result<Option<Part>, Error> {
    match try_prove_place(ctx, repository, parts, name) {
        Err(Error::Gzip { .. }) => Ok(None),
        result => result,
    }
}

fn try_prove_place(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    parts: &[Part],
    name: BackupName,
) -> Result<Option<Part>, Error> {
    let in_order = match parts.last() {
        None => name.is_full(),
        Some(last) => last.name < name && !name.is_full(),
    };
    if !in_order {
        return Ok(None);
    }
    let start_pos = parts.last().map_or(0, |last| last.end_pos);
    let path = repository.path_of(name);
    let (len, sum) = PartStream::open(ctx.fs, repository, name)?.sum(ctx)?;
    let part = Part { name, start_pos, end_pos: start_pos + len, sum };
    if len == 0 && !name.is_full() {
        return Ok(Some(part));
    }
    // A full begins with the magic, an incremental where a transaction before it ends.
    let boundary = if name.is_full() {
        seen(Boundary::start(&ChainReader::new(ctx.fs, repository, &[part])), &path)?
    } else {
        seen(Boundary::at(&ChainReader::new(ctx.fs, repository, parts), start_pos), &path)?.flatten()
    };
    let Some(boundary) = boundary else { return Ok(None) };
    let walker = Walker::new(boundary.pos(), boundary.last_tid(), part.end_pos);
    let (mut evidence, mut walk) = (Evidence::default(), StreamWalker::new(walker, start_pos));
    let mut stream = PartStream::open(ctx.fs, repository, name)?;
    let mut piece = vec![0; PIECE_LEN];
    while !walk.has_stopped() {
        ctx.interrupt.check()?;
        match stream.read_full(&mut piece)? {
            0 => break,
            read_len => walk.feed(&piece[..read_len], &mut evidence),
        }
    }
    let proven = walk.finish().is_ok() && evidence.record_count > 0 && evidence.problem_count == 0;
    Ok(proven.then_some(part))
}

/// What was found, unless the bytes are no database; what the system says is an error.
fn seen<T>(found: Result<T, filestorage::Error>, path: &Path) -> Result<Option<T>, Error> {
    match found {
        Err(filestorage::Error::Io(error)) => {
            let told = error.downcast().unwrap_or_else(|error| vfs::Error::new(Op::Read, path, error));
            Err(told.into())
        }
        found => Ok(found.ok()),
    }
}

/// Records name positions; transactions without any prove nothing.
#[derive(Default)]
struct Evidence {
    record_count: u64,
    problem_count: u64,
}

impl Visitor for Evidence {
    fn record(&mut self, _header: &filestorage::RecordHeader, _data: filestorage::RecordData) {
        self.record_count += 1;
    }

    fn problem(&mut self, _problem: Problem) {
        self.problem_count += 1;
    }
}

/// Gives a file that belongs to no chain a name that no tool takes for one of a repository.
///
/// # Errors
/// What the system says.
pub(crate) fn set_aside(ctx: &Context<'_>, repository: &Repository<'_>, path: &Path) -> Result<(), Error> {
    let to = free_name(ctx, path);
    let synced = publish::rename_new(ctx.fs, path, &to)?;
    ctx.note_sync(synced, repository.dir());
    ctx.notice(Notice::SetAside { path: path.to_owned(), to });
    Ok(())
}

/// A name for what is set aside, which nothing has.
pub(crate) fn free_name(ctx: &Context<'_>, path: &Path) -> PathBuf {
    let named = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let first = named(UNLISTED);
    if ctx.fs.meta(&first).is_ok() { named(&format!(".{:016x}{UNLISTED}", ctx.fs.unique())) } else { first }
}

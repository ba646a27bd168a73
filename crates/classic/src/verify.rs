//! Verification: every chain, every file; all problems are collected, none stops it.

mod reading;

use crate::compare::check_len;
use crate::content::{Content, check_index, check_index_end};
use crate::inventory::chain_entry;
use crate::part::PartStream;
use crate::reconcile::wait_for_a_line;
use crate::recover::hold;
use crate::repository::Survey;
use crate::{
    BackupName, Chain, Context, Error, Event, Fault, Limit, Part, Phase, Repository, VerifyProblem, blobs,
};
use reading::Reading;
use std::path::{Path, PathBuf};
use vfs::Op;

/// What a verification is asked to do.
#[derive(Debug, Clone)]
pub struct VerifyRequest {
    /// The repository, as it was given.
    pub repository: PathBuf,
    /// Look at sizes only.
    pub quick: bool,
    /// The database has blobs: it is a problem if the newest chain was made without, or if some were not there then.
    pub has_blobs: bool,
}

/// Verifies the whole repository. The observer is told every problem as it is met.
///
/// # Errors
/// [`Error::NoFiles`]; [`Error::Problems`] when there was any; what the system says of the directory.
pub fn verify(ctx: &Context<'_>, request: &VerifyRequest) -> Result<(), Error> {
    let repository = Repository::open(ctx.fs, &request.repository)?;
    let mut survey = repository.survey()?;
    // A backup that is being made is no problem.
    if wait_for_a_line(ctx, &repository, &survey) {
        survey = repository.survey()?;
    }
    survey.tell_files(ctx, &repository, &Limit::Newest);
    if survey.chains.is_empty() && survey.strays.is_empty() && survey.lone_dats.is_empty() {
        return Err(Error::NoFiles { before: None, covered: None });
    }
    let mut run = Run { ctx, request, repository: &repository, problem_count: 0 };
    run.verify_all(&survey)?;
    match run.problem_count {
        0 => Ok(()),
        count => Err(Error::Problems { dir: repository.dir().to_owned(), count }),
    }
}

/// Verifies the sums of single files, each with the full of its chain, in this order, as long as `goes_on` says of the next
/// one that it is to be read. The observer is told every problem as it is met; how many there were.
///
/// # Errors
/// An interruption; where the repository is not there.
pub fn verify_files(
    ctx: &Context<'_>,
    dir: &Path,
    files: &[(BackupName, Part)],
    goes_on: &mut dyn FnMut(&Part) -> bool,
) -> Result<u64, Error> {
    let repository = Repository::open(ctx.fs, dir)?;
    let request = VerifyRequest { repository: dir.to_owned(), quick: false, has_blobs: false };
    let mut run = Run { ctx, request: &request, repository: &repository, problem_count: 0 };
    ctx.tell(&Event::Began { phase: Phase::Verifying, total_len: None });
    for (full, part) in files {
        if !goes_on(part) {
            break;
        }
        let _reading = hold(ctx, &repository.path_of(full));
        let path = repository.path_of(part.name);
        ctx.tell(&Event::Verifying(&path));
        match run.sum_of(part) {
            Ok(()) => ctx.tell(&Event::Verified { name: part.name, sum: part.sum, transaction_count: None }),
            Err(error @ Error::Interrupted { .. }) => return Err(error),
            // Of a chain that was deleted meanwhile nothing is missing.
            Err(_) if ctx.fs.meta(&repository.dat_path(full.stamp)).is_err() => {}
            Err(error) => run.part_problem(part, error),
        }
        blobs::verify(ctx, &repository, [vec![*part]].into_iter(), None, false, &mut |error| {
            run.problem(&VerifyProblem::File(error))
        })?;
    }
    ctx.tell(&Event::Ended);
    Ok(run.problem_count)
}

struct Run<'a> {
    ctx: &'a Context<'a>,
    request: &'a VerifyRequest,
    repository: &'a Repository<'a>,
    problem_count: u64,
}

impl Run<'_> {
    fn problem(&mut self, problem: &VerifyProblem) {
        self.problem_count += 1;
        self.ctx.tell(&Event::Problem(problem));
    }

    fn verify_all(&mut self, survey: &Survey) -> Result<(), Error> {
        let lens = survey.chains.iter().map(|chain| chain.tile().end_pos());
        let total_len = lens.fold(0, u64::saturating_add);
        let total_len = (!self.request.quick).then_some(total_len);
        self.ctx.tell(&Event::Began { phase: Phase::Verifying, total_len });
        for name in &survey.strays {
            self.problem(&VerifyProblem::NoFull(self.repository.path_of(name)));
        }
        for stamp in &survey.lone_dats {
            self.problem(&VerifyProblem::LoneDat(self.repository.dat_path(*stamp)));
        }
        for chain in &survey.chains {
            self.ctx.interrupt.check()?;
            self.verify_chain(chain)?;
        }
        let quick = self.request.quick;
        let (ctx, repository) = (self.ctx, self.repository);
        let chains = survey.chains.iter().map(|chain| chain.tile().parts);
        blobs::verify(ctx, repository, chains, None, quick, &mut |error| {
            self.problem(&VerifyProblem::File(error))
        })?;
        if let Some(newest) = survey.chains.last().filter(|_| self.request.has_blobs) {
            self.expect_blobs(newest)?;
        }
        self.ctx.tell(&Event::Ended);
        Ok(())
    }

    /// Each backup of a chain has its blobs, all that it names.
    fn expect_blobs(&mut self, chain: &Chain) -> Result<(), Error> {
        for backup in chain_entry(self.ctx, self.repository, chain)?.backups {
            let path = self.repository.path_of(backup.part.name);
            match backup.blobs.map(|blobs| blobs.missing_count) {
                Some(0) => {}
                Some(count) => self.problem(&VerifyProblem::BlobsMissing { path, count }),
                // What is wrong with a list was told.
                None if backup.problem.is_none() => self.problem(&VerifyProblem::NoBlobs(path)),
                None => {}
            }
        }
        Ok(())
    }

    fn verify_chain(&mut self, chain: &Chain) -> Result<(), Error> {
        let dat = self.repository.dat_path(chain.stamp());
        if chain.has_no_lines() {
            let missing = matches!(chain.dat, crate::DatState::Missing);
            self.problem(&if missing { missing_dat(dat) } else { VerifyProblem::EmptyDat(dat) });
            return Ok(());
        }
        let _reading = hold(self.ctx, &self.repository.path_of(chain.full));
        let tiling = chain.tile();
        if let Some(fault) = &tiling.fault
            && !matches!(fault, Fault::Missing(_))
        {
            self.problem(&VerifyProblem::Chain { dat: dat.clone(), fault: fault.clone() });
        }
        if chain.is_torn() {
            self.problem(&VerifyProblem::TornLine(dat.clone()));
        }
        for name in &tiling.unlisted {
            let path = self.repository.path_of(name);
            self.problem(&VerifyProblem::Unlisted { path, dat: dat.clone() });
        }
        // Every line is looked at, those behind a fault too; only what fits together is joined.
        if self.request.quick {
            return self.verify_sizes(chain);
        }
        let joined_count = tiling.parts.len();
        let content = std::thread::scope(|scope| {
            let mut reading = Reading::new(self, scope, joined_count, tiling.end_pos());
            for (at, part) in lines_as_parts(chain).enumerate() {
                reading.read(at, &part)?;
            }
            Ok::<_, Error>(reading.finish())
        })?;
        if let (Some(content), Some(last)) = (content, tiling.parts.last()) {
            self.verify_structure(last, content);
        }
        Ok(())
    }

    fn verify_sizes(&mut self, chain: &Chain) -> Result<(), Error> {
        for part in lines_as_parts(chain) {
            self.ctx.interrupt.check()?;
            self.ctx.tell(&Event::Verifying(&self.repository.path_of(part.name)));
            match check_len(self.ctx, self.repository, &part) {
                Ok(()) => {}
                Err(error @ Error::Interrupted { .. }) => return Err(error),
                Err(error) => self.part_problem(&part, error),
            }
            let index = self.check_index(&part, None);
            self.tell_index(&part, index);
        }
        Ok(())
    }

    /// Whether a file has the length and the sum that its line says.
    fn sum_of(&self, part: &Part) -> Result<(), Error> {
        let path = self.repository.path_of(part.name);
        let stream = PartStream::open(self.ctx.fs, self.repository, part.name)?;
        let (found_len, found) = stream.sum_within(self.ctx, part.len())?;
        if found_len != part.len() {
            return Err(Error::size(path, part.name, found_len, part.len()));
        }
        if found != part.sum {
            return Err(Error::Checksum { path, found, expected: part.sum, gzip: part.name.gzip });
        }
        self.ctx.tell(&Event::Advanced(found_len));
        Ok(())
    }

    fn part_problem(&mut self, part: &Part, error: Error) {
        let path = self.repository.path_of(part.name);
        self.problem(&match error {
            Error::File(error) if error.is_not_found() => VerifyProblem::Missing(path),
            error => VerifyProblem::File(error),
        });
    }

    /// An index must end where its data ends and, when the data went by, have what the data has. A missing
    /// one is no problem: ZODB makes a new one.
    fn check_index(&self, part: &Part, content: Option<&Content>) -> Result<(), String> {
        let path = self.repository.index_path(part.name.stamp);
        if self.ctx.fs.meta(&path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(());
        }
        if self.request.quick {
            return check_index_end(self.ctx, &path, part.end_pos).map(drop);
        }
        let truth = content.filter(|content| content.has_magic()).map(Content::index);
        check_index(self.ctx, &path, part.end_pos, truth)
    }

    fn tell_index(&mut self, part: &Part, checked: Result<(), String>) {
        if let Err(reason) = checked {
            let path = self.repository.index_path(part.name.stamp);
            self.problem(&VerifyProblem::Index { path, reason });
        }
    }

    /// The sums say that the files are what was written; this, that what was written is a database. Bytes
    /// that do not even begin like one are somebody's own use of the format.
    fn verify_structure(&mut self, last: &Part, content: Content) {
        if !content.has_magic() {
            return;
        }
        if let (_, Some(reason)) = content.judge(last.end_pos) {
            self.problem(&VerifyProblem::Structure { path: self.repository.path_of(last.name), reason });
        }
    }
}

/// All lines that name a data file, in their order, doubled ones once.
fn lines_as_parts(chain: &Chain) -> impl Iterator<Item = Part> + '_ {
    let lines = chain.lines();
    lines.iter().enumerate().filter(|(at, line)| *at == 0 || lines[at - 1] != **line).filter_map(
        |(_, line)| {
            Some(Part { name: line.name()?, start_pos: line.start_pos, end_pos: line.end_pos, sum: line.sum })
        },
    )
}

/// What the system says of a list that is not there.
fn missing_dat(dat: PathBuf) -> VerifyProblem {
    let error = std::io::Error::from_raw_os_error(ENOENT);
    VerifyProblem::File(vfs::Error::new(Op::Open, &dat, error).into())
}

/// "No such file or directory", the same number on every Unix.
const ENOENT: i32 = 2;

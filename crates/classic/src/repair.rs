//! Repairing a repository whose lists and files do not fit together: a list that is missing or damaged is made from what
//! the files prove of themselves, and what cannot be used gets a name that no tool takes for a backup. Nothing is deleted.
//!
//! | step, a chain at a time | a crash leaves | healed by |
//! |---|---|---|
//! | a copy of the old list, as `STAMP.dat.unlisted`, synced | the chain as it was, and the copy | |
//! | the new list under its name (**the commit point**) | files that no list names | the next backup, or repair, sets them aside |
//! | what cannot be used renamed to `NAME.unlisted` | fewer of them | the same |
//!
//! A chain of which nothing can be used: its files are renamed first, the list last.

use crate::content::own_position_of;
use crate::reconcile::{free_name, line_of, prove_place, reconcile, set_aside, write_dat};
use crate::repository::Survey;
use crate::{
    BackupName, Chain, ChainReader, Context, DatLine, DatState, Error, Notice, Part, Repository, Stamp,
};
use filestorage::{Tid, transaction_before};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use vfs::publish::{self, Draft};
use vfs::{Grant, Op};

/// What is to become of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainRepair {
    /// Its full backup.
    pub full: BackupName,
    /// What is wrong with it, if anything is.
    pub problem: Option<String>,
    /// The files that can be used, from the full on.
    pub usable: Vec<Part>,
    /// The last transaction that they hold.
    pub last_tid: Option<Tid>,
    /// Files that get another name.
    pub set_aside: Vec<BackupName>,
    /// Whether it gets a new list.
    pub writes_list: bool,
}

/// What is to become of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepairPlan {
    /// Its chains, oldest first.
    pub chains: Vec<ChainRepair>,
    /// Increments before every full, which get another name.
    pub strays: Vec<BackupName>,
    /// Lists of nothing, which get another name.
    pub lone_lists: Vec<Stamp>,
}

impl RepairPlan {
    /// Whether there is anything to be done.
    pub fn is_needed(&self) -> bool {
        let is_wrong = |chain: &ChainRepair| chain.problem.is_some();
        self.chains.iter().any(is_wrong) || !self.strays.is_empty() || !self.lone_lists.is_empty()
    }
}

/// What [`repair`] would do; nothing is changed. Chains with a problem are read through.
///
/// # Errors
/// The system's, and an interruption.
pub fn plan_repair(ctx: &Context<'_>, dir: &Path) -> Result<RepairPlan, Error> {
    let repository = Repository::open(ctx.fs, dir)?;
    plan(ctx, &repository, &repository.survey()?)
}

/// Repairs the repository in `dir`; what was done.
///
/// # Errors
/// [`Error::RepositoryLocked`], the system's, and an interruption; what was done until then is done.
pub fn repair(ctx: &Context<'_>, dir: &Path, wait: Duration) -> Result<RepairPlan, Error> {
    let repository = Repository::open(ctx.fs, dir)?;
    let lock = repository.lock(ctx, wait)?;
    let survey = reconcile(ctx, &repository, lock.as_deref())?;
    let plan = plan(ctx, &repository, &survey)?;
    for (chain, found) in survey.chains.iter().zip(&plan.chains) {
        ctx.interrupt.check()?;
        if found.writes_list {
            keep_list(ctx, &repository, chain)?;
            let lines: Vec<DatLine> = found.usable.iter().map(|part| line_of(&repository, part)).collect();
            write_dat(ctx, &repository, chain.full, &lines)?;
            ctx.notice(Notice::RewroteDat(repository.dat_path(chain.stamp())));
        }
        for name in &found.set_aside {
            set_aside(ctx, &repository, &repository.path_of(name))?;
        }
        if found.problem.is_some() && found.usable.is_empty() && !matches!(chain.dat, DatState::Missing) {
            set_aside(ctx, &repository, &repository.dat_path(chain.stamp()))?;
        }
    }
    for name in &plan.strays {
        set_aside(ctx, &repository, &repository.path_of(name))?;
    }
    for stamp in &plan.lone_lists {
        set_aside(ctx, &repository, &repository.dat_path(*stamp))?;
    }
    Ok(plan)
}

fn plan(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey) -> Result<RepairPlan, Error> {
    let chains = survey.chains.iter().map(|chain| plan_chain(ctx, repository, chain));
    Ok(RepairPlan {
        chains: chains.collect::<Result<_, _>>()?,
        strays: survey.strays.clone(),
        lone_lists: survey.lone_dats.clone(),
    })
}

fn plan_chain(ctx: &Context<'_>, repository: &Repository<'_>, chain: &Chain) -> Result<ChainRepair, Error> {
    let tiling = chain.tile();
    let unlisted = tiling.unlisted.first().map(|name| format!("no line names {name}"));
    let torn = chain.is_torn().then(|| "its last line is cut short".to_owned());
    let problem = tiling.fault.as_ref().map(ToString::to_string).or(unlisted).or(torn);
    let usable = match problem {
        None => tiling.parts,
        Some(_) => Laying::new(ctx, repository, chain)?.lay()?,
    };
    let is_used = |name: &BackupName| usable.iter().any(|part| part.name == *name);
    let set_aside = match problem {
        None => Vec::new(),
        Some(_) => chain.files.iter().filter(|name| !is_used(name)).copied().collect(),
    };
    let reader = ChainReader::new(ctx.fs, repository, &usable);
    let end_pos = usable.last().map_or(0, |part| part.end_pos);
    let last_tid = transaction_before(&reader, end_pos).ok().flatten().map(|last| last.tid);
    let writes_list = problem.is_some() && !usable.is_empty();
    Ok(ChainRepair { full: chain.full, problem, usable, last_tid, set_aside, writes_list })
}

/// Laying the files of a chain end to end by what they hold.
struct Laying<'a> {
    ctx: &'a Context<'a>,
    repository: &'a Repository<'a>,
    full: Option<BackupName>,
    /// Increments by the position where each one says that it stands.
    at: BTreeMap<u64, Vec<BackupName>>,
    /// What is left of the list.
    lines: BTreeMap<BackupName, DatLine>,
}

impl<'a> Laying<'a> {
    fn new(
        ctx: &'a Context<'a>,
        repository: &'a Repository<'a>,
        chain: &'a Chain,
    ) -> Result<Laying<'a>, Error> {
        let lines = chain.lines().iter().filter_map(|line| Some((line.name()?, line.clone()))).collect();
        let full = chain.has_full().then_some(chain.full);
        let mut laying = Laying { ctx, repository, full, at: BTreeMap::new(), lines };
        for name in chain.files.iter().filter(|name| !name.is_full()) {
            ctx.interrupt.check()?;
            if let Some(pos) = own_position_of(ctx, repository, *name) {
                laying.at.entry(pos).or_default().push(*name);
            }
        }
        Ok(laying)
    }

    /// The files that lead farthest, each behind the one before it.
    fn lay(&self) -> Result<Vec<Part>, Error> {
        let Some(full) = self.full else { return Ok(Vec::new()) };
        match self.prove(&[], full)? {
            Some(part) => self.go_on(vec![part]),
            None => Ok(Vec::new()),
        }
    }

    fn go_on(&self, mut parts: Vec<Part>) -> Result<Vec<Part>, Error> {
        loop {
            let end_pos = parts.last().map_or(0, |part| part.end_pos);
            let mut next = Vec::new();
            for name in self.at.get(&end_pos).into_iter().flatten() {
                next.extend(self.prove(&parts, *name)?.filter(|part| !part.is_empty()));
            }
            match next.as_slice() {
                [] => return Ok(parts),
                [part] => parts.push(*part),
                several => return self.farthest(&parts, several),
            }
        }
    }

    /// Where two programs were at work at once, both went on from one place.
    fn farthest(&self, parts: &[Part], several: &[Part]) -> Result<Vec<Part>, Error> {
        let mut best = Vec::new();
        for part in several {
            let laid = self.go_on([parts, &[*part]].concat())?;
            let end_pos = |parts: &[Part]| parts.last().map_or(0, |part| part.end_pos);
            if end_pos(&laid) > end_pos(&best) {
                best = laid;
            }
        }
        Ok(best)
    }

    /// The part that a file is behind others: its records say so, and what is left of the list does not say that it held
    /// something else.
    fn prove(&self, parts: &[Part], name: BackupName) -> Result<Option<Part>, Error> {
        let proven = match prove_place(self.ctx, self.repository, parts, name) {
            Err(error @ Error::Interrupted { .. }) => return Err(error),
            // What cannot be read cannot be used; it may be another time, so that it is only set aside.
            proven => proven.unwrap_or_default(),
        };
        let is_other = |part: &Part| self.lines.get(&name).is_some_and(|line| line.sum != part.sum);
        Ok(proven.filter(|part| !is_other(part)))
    }
}

/// Keeps what a list says, before a new one takes its name.
fn keep_list(ctx: &Context<'_>, repository: &Repository<'_>, chain: &Chain) -> Result<(), Error> {
    let path = repository.dat_path(chain.stamp());
    let file = match ctx.fs.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(vfs::Error::new(Op::Open, &path, error).into()),
    };
    let mut draft = Draft::create(ctx.fs, &free_name(ctx, &path))?;
    draft.set_access(Grant::like(file.meta().map_err(vfs::Error::at(Op::Stat, &path))?.access))?;
    let (mut pos, mut piece) = (0, vec![0; 1 << 16]);
    loop {
        ctx.interrupt.check()?;
        let read_len = file.read_full_at(pos, &mut piece).map_err(vfs::Error::at(Op::Read, &path))?;
        if read_len == 0 {
            break;
        }
        draft.append(&piece[..read_len])?;
        pos += read_len as u64;
    }
    let synced: publish::Synced = draft.publish_new()?;
    ctx.note_sync(synced, repository.dir());
    Ok(())
}

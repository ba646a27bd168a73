//! Removing backups that a policy does not keep: whole chains, oldest first, as `-k` does (see `prune.rs`), and the ends of
//! chains:
//!
//! | step | a crash leaves | healed by |
//! |---|---|---|
//! | the list without the lines of the end, under its name (**the commit point**) | files that no line names, complete | the next backup adopts those that continue the chain, and sets others aside |
//! | each of them, newest first, its index and its tags | fewer of them | the same |

use crate::blobs::collect_or_tell;
use crate::inventory::chain_entry;
use crate::prune::{
    NewFull, first_transaction, lock_to_remove, reason_to_keep, remove_chain, remove_data_file,
};
use crate::reconcile::{line_of, reconcile, write_dat};
use crate::repository::Survey;
use crate::retention::{BackupFacts, ChainFacts, Policy, Reason, decide};
use crate::{
    BackupEntry, BackupName, BlobsForgotten, Chain, ChainEntry, ChainReader, Context, Error, Notice, Part,
    Repository,
};
use filestorage::transaction_before;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use vfs::publish;

/// What becomes of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// The full of its chain.
    pub chain: BackupName,
    /// The backup.
    pub backup: BackupEntry,
    /// Why it is kept; nothing if it is removed.
    pub reasons: BTreeSet<Reason>,
}

/// What a policy makes of the repository in `dir`, oldest first; nothing is changed. Files that are `wrong` are known to be
/// damaged.
///
/// # Errors
/// [`Error::NothingToKeep`]; [`Error::Tags`] where tags cannot be read; the system's.
pub fn plan_forget(
    ctx: &Context<'_>,
    dir: &Path,
    policy: &Policy,
    wrong: &BTreeSet<BackupName>,
) -> Result<Vec<Fate>, Error> {
    let repository = Repository::open(ctx.fs, dir)?;
    let survey = repository.survey()?;
    Ok(plan(ctx, &repository, &survey, policy, wrong)?.into_iter().flatten().collect())
}

/// Removes what a policy does not keep, and the blobs that no backup names then; what became of each backup.
///
/// # Errors
/// As those of [`plan_forget`]; [`Error::RepositoryLocked`]. What was removed until an error came is removed.
pub fn forget(
    ctx: &Context<'_>,
    dir: &Path,
    policy: &Policy,
    wrong: &BTreeSet<BackupName>,
    wait: Duration,
) -> Result<(Vec<Fate>, BlobsForgotten), Error> {
    let repository = Repository::open(ctx.fs, dir)?;
    let lock = repository.lock(ctx, wait)?;
    let survey = reconcile(ctx, &repository, lock.as_deref())?;
    let mut plan = plan(ctx, &repository, &survey, policy, wrong)?;
    for (chain, fates) in survey.chains.iter().zip(&mut plan) {
        ctx.interrupt.check()?;
        if !remove_from(ctx, &repository, chain, fates)? {
            for fate in fates.iter_mut().filter(|fate| fate.reasons.is_empty()) {
                fate.reasons.insert(Reason::InUse);
            }
        }
    }
    // Behind all else: what no list names any more is of no backup.
    let blobs = match lock {
        Some(_) => collect_or_tell(ctx, &repository)?,
        None => {
            // A backup that is being made has no list yet.
            ctx.notice(Notice::BlobsKept(format!("{} cannot be locked", dir.display())));
            BlobsForgotten::default()
        }
    };
    Ok((plan.into_iter().flatten().collect(), blobs))
}

/// Removes what is to go of a chain; not if somebody reads it, or holds a file of it that cannot be used.
fn remove_from(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    chain: &Chain,
    fates: &[Fate],
) -> Result<bool, Error> {
    match fates.iter().filter(|fate| !fate.reasons.is_empty()).count() {
        // Of a chain of which nothing can be used nothing is known, either.
        kept_count if kept_count == fates.len() => Ok(true),
        0 => remove_chain(ctx, repository, chain),
        kept_count => remove_end(ctx, repository, chain, fates, kept_count),
    }
}

fn plan(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    survey: &Survey,
    policy: &Policy,
    wrong: &BTreeSet<BackupName>,
) -> Result<Vec<Vec<Fate>>, Error> {
    if policy.is_empty() {
        return Err(Error::NothingToKeep);
    }
    if survey.chains.is_empty() {
        return Err(Error::NoFiles { before: None, covered: None });
    }
    let mut entries: Vec<ChainEntry> =
        survey.chains.iter().map(|chain| chain_entry(ctx, repository, chain)).collect::<Result<_, _>>()?;
    let backups = entries.iter_mut().flat_map(|entry| &mut entry.backups);
    for backup in backups.filter(|backup| wrong.contains(&backup.part.name)) {
        backup.problem.get_or_insert(format!("{} was found to be damaged", backup.part.name));
    }
    let latest = entries.iter().filter_map(ChainEntry::last_tid).max();
    let latest_at = entries.iter().rposition(|entry| entry.last_tid() == latest);
    let mut facts = Vec::new();
    for (at, (entry, chain)) in entries.iter().zip(&survey.chains).enumerate() {
        facts.push(facts_of(repository, policy, chain, entry, latest_at == Some(at))?);
    }
    let mut reasons = decide(policy, &facts, ctx.clock.now());
    keep_other_databases(ctx, repository, survey, &entries, &mut reasons);
    let fates = entries.into_iter().zip(reasons).map(|(entry, reasons)| {
        let fate = |(backup, reasons)| Fate { chain: entry.full, backup, reasons };
        entry.backups.into_iter().zip(reasons).map(fate).collect()
    });
    Ok(fates.collect())
}

fn facts_of(
    repository: &Repository<'_>,
    policy: &Policy,
    chain: &Chain,
    entry: &ChainEntry,
    is_latest: bool,
) -> Result<ChainFacts, Error> {
    let (mut backups, mut is_usable) = (Vec::new(), true);
    for backup in &entry.backups {
        is_usable &= backup.problem.is_none();
        let stamp = backup.part.name.stamp;
        let tags = repository.tags(stamp)?;
        backups.push(BackupFacts { stamp, is_held: tags.is_held(), tags: tags.words(), is_usable });
    }
    // What cannot be used may be held, too: it stays with all that there is of its chain.
    for name in chain.files.iter().filter(|name| entry.unusable.contains(name)) {
        let tags = repository.tags(name.stamp)?;
        if let Some(last) = backups.last_mut() {
            last.is_held |= tags.is_held() || !policy.tags.is_disjoint(&tags.words());
        }
    }
    Ok(ChainFacts { backups, is_sound: !entry.has_problem(), is_latest })
}

/// Keeps chains of which no transaction shows that the newest sound chain is one of the same database, as `-k` does: the
/// database may have been replaced by an empty one.
fn keep_other_databases(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    survey: &Survey,
    entries: &[ChainEntry],
    reasons: &mut [Vec<BTreeSet<Reason>>],
) {
    let Some(standing) = entries.iter().rfind(|entry| !entry.has_problem() && !entry.backups.is_empty())
    else {
        return;
    };
    let parts: Vec<Part> = standing.backups.iter().map(|backup| backup.part).collect();
    let reader = ChainReader::new(ctx.fs, repository, &parts);
    let new = NewFull {
        part: parts[0],
        first: first_transaction(&reader).ok().flatten().filter(|first| first.end_pos() <= parts[0].end_pos),
        last: transaction_before(&reader, standing.data_len()).ok().flatten(),
    };
    let mut kept_one = false;
    // The newest one of another database stands in for those before it.
    for (chain, kept) in survey.chains.iter().zip(reasons).rev() {
        let goes = !kept.is_empty() && kept.iter().all(BTreeSet::is_empty);
        if !goes || kept_one || reason_to_keep(ctx, repository, chain, &new).is_none() {
            continue;
        }
        kept_one = true;
        let last_at = kept.len() - 1;
        for (at, reasons) in kept.iter_mut().enumerate() {
            reasons.insert(if at == last_at { Reason::OtherDatabase } else { Reason::BuiltUpon });
        }
    }
}

/// Removes the backups of a chain behind the first `kept_count`.
fn remove_end(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    chain: &Chain,
    fates: &[Fate],
    kept_count: usize,
) -> Result<bool, Error> {
    let Some(_lock) = lock_to_remove(ctx, repository.path_of(chain.full))? else { return Ok(false) };
    let (kept, removed) = fates.split_at(kept_count);
    let lines: Vec<_> = kept.iter().map(|fate| line_of(repository, &fate.backup.part)).collect();
    write_dat(ctx, repository, chain.full, &lines)?;
    for fate in removed.iter().rev() {
        remove_data_file(ctx, repository, fate.backup.part.name)?;
    }
    let synced = publish::sync_dir(ctx.fs, repository.dir())?;
    ctx.note_sync(synced, repository.dir());
    Ok(true)
}

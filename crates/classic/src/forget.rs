//! Removing backups that a policy does not keep: whole chains, oldest first, as `-k` does (see `prune.rs`), and the ends of
//! chains:
//!
//! | step | a crash leaves | healed by |
//! |---|---|---|
//! | the list without the lines of the end, under its name (**the commit point**) | files that no line names, complete | the next backup adopts those that continue the chain, and sets others aside |
//! | each of them, newest first, its index and its tags | fewer of them | the same |

use crate::inventory::chain_entry;
use crate::prune::{remove_chain, remove_data_file};
use crate::reconcile::{line_of, reconcile, write_dat};
use crate::repository::Survey;
use crate::retention::{BackupFacts, ChainFacts, Policy, Reason, decide};
use crate::{BackupEntry, BackupName, Chain, ChainEntry, Context, Error, Notice, Part, Repository};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use vfs::LockKind;
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

/// What a policy makes of the repository in `dir`, oldest first; nothing is changed.
///
/// # Errors
/// [`Error::NothingToKeep`]; [`Error::Tags`] where tags cannot be read; the system's.
pub fn plan_forget(ctx: &Context<'_>, dir: &Path, policy: &Policy) -> Result<Vec<Fate>, Error> {
    let repository = Repository::open(ctx.fs, dir)?;
    let survey = repository.survey()?;
    Ok(plan(ctx, &repository, &survey, policy)?.into_iter().flatten().collect())
}

/// Removes what a policy does not keep; what became of each backup.
///
/// # Errors
/// As those of [`plan_forget`]; [`Error::RepositoryLocked`]. What was removed until an error came is removed.
pub fn forget(ctx: &Context<'_>, dir: &Path, policy: &Policy, wait: Duration) -> Result<Vec<Fate>, Error> {
    let repository = Repository::open(ctx.fs, dir)?;
    let lock = repository.lock(ctx, wait)?;
    let survey = reconcile(ctx, &repository, lock.as_deref())?;
    let mut plan = plan(ctx, &repository, &survey, policy)?;
    for (chain, fates) in survey.chains.iter().zip(&mut plan) {
        ctx.interrupt.check()?;
        if !remove_from(ctx, &repository, chain, fates)? {
            for fate in fates.iter_mut().filter(|fate| fate.reasons.is_empty()) {
                fate.reasons.insert(Reason::InUse);
            }
        }
    }
    Ok(plan.into_iter().flatten().collect())
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
) -> Result<Vec<Vec<Fate>>, Error> {
    if policy.is_empty() {
        return Err(Error::NothingToKeep);
    }
    if survey.chains.is_empty() {
        return Err(Error::NoFiles { before: None, covered: None });
    }
    let entries: Vec<ChainEntry> =
        survey.chains.iter().map(|chain| chain_entry(ctx, repository, chain)).collect::<Result<_, _>>()?;
    let latest = entries.iter().filter_map(ChainEntry::last_tid).max();
    let facts = |entry: &ChainEntry| {
        let backups = entry.backups.iter().map(|backup| {
            let stamp = backup.part.name.stamp;
            let tags = repository.tags(stamp)?;
            Ok(BackupFacts { stamp, is_held: tags.is_held(), tags: tags.words() })
        });
        Ok(ChainFacts {
            backups: backups.collect::<Result<_, Error>>()?,
            is_sound: !entry.has_problem(),
            is_latest: entry.last_tid() == latest,
        })
    };
    let facts: Vec<ChainFacts> = entries.iter().map(facts).collect::<Result<_, Error>>()?;
    let reasons = decide(policy, &facts, ctx.clock.now());
    let fates = entries.into_iter().zip(reasons).map(|(entry, reasons)| {
        let fate = |(backup, reasons)| Fate { chain: entry.full, backup, reasons };
        entry.backups.into_iter().zip(reasons).map(fate).collect()
    });
    Ok(fates.collect())
}

/// Removes the backups of a chain behind the first `kept_count`.
fn remove_end(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    chain: &Chain,
    fates: &[Fate],
    kept_count: usize,
) -> Result<bool, Error> {
    let full_path = repository.path_of(chain.full);
    // Who restores from the chain holds a shared lock on its full.
    let _lock = match ctx.fs.try_lock(&full_path, LockKind::Exclusive) {
        Ok(Some(lock)) => Some(lock),
        Ok(None) => {
            ctx.notice(Notice::KeptInUse(full_path));
            return Ok(false);
        }
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => None,
        Err(error) => return Err(vfs::Error::new(vfs::Op::Lock, &full_path, error).into()),
    };
    let (kept, removed) = fates.split_at(kept_count);
    let part = |fate: &Fate| -> Part { fate.backup.part };
    let lines: Vec<_> = kept.iter().map(|fate| line_of(repository, &part(fate))).collect();
    write_dat(ctx, repository, chain.full, &lines)?;
    for fate in removed.iter().rev() {
        remove_data_file(ctx, repository, part(fate).name)?;
    }
    let synced = publish::sync_dir(ctx.fs, repository.dir())?;
    ctx.note_sync(synced, repository.dir());
    Ok(true)
}

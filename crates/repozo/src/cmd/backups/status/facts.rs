use super::super::notes::Notes;
use super::super::timeline::moments;
use crate::args::moment::Now;
use crate::ui::figures::length_of_time;
use classic::{ChainEntry, Inventory, Lag, Stamp};
use filestorage::Tid;
use jiff::Timestamp;
use std::time::{Duration, SystemTime};

/// What is told of a repository.
pub(super) struct Facts {
    pub(super) last_stamp: Option<Stamp>,
    pub(super) last_tid: Option<Tid>,
    /// What the live database has besides, if that was asked for.
    pub(super) lag: Option<Lag>,
    /// How long what would be lost has been there, see [`age`].
    pub(super) age: Duration,
    pub(super) max_age: Option<Duration>,
    pub(super) chain_count: u64,
    pub(super) backup_count: u64,
    pub(super) stored_len: u64,
    /// The last verification that read all.
    pub(super) verified: Option<Timestamp>,
    pub(super) unverified_count: u64,
    /// The last drill.
    pub(super) drilled: Option<Timestamp>,
    pub(super) problems: Vec<String>,
    /// When backups were made, and which of them are fulls.
    pub(super) moments: Vec<(Stamp, bool)>,
}

/// The chain that the newest state is in.
pub(super) fn newest(found: &Inventory) -> Option<&ChainEntry> {
    found.chains.iter().filter(|chain| !chain.backups.is_empty()).max_by_key(|chain| chain.last_stamp())
}

impl Facts {
    pub(super) fn of(
        found: Inventory,
        notes: &Notes,
        lag: Option<Lag>,
        max_age: Option<Duration>,
        now: &Now,
    ) -> Facts {
        let newest = newest(&found);
        let (last_stamp, last_tid) =
            (newest.map(ChainEntry::last_stamp), newest.and_then(ChainEntry::last_tid));
        let backups = || found.chains.iter().flat_map(|chain| &chain.backups);
        let age = age(last_stamp, last_tid, lag.as_ref(), notes.backup, now);
        let mut facts = Facts {
            last_stamp,
            last_tid,
            lag,
            age,
            max_age,
            chain_count: found.chains.len() as u64,
            backup_count: backups().count() as u64,
            stored_len: found.chains.iter().map(ChainEntry::stored_len).sum(),
            verified: notes.verify.as_ref().map(|run| run.time),
            unverified_count: backups().filter(|backup| notes.verified(&backup.part).is_none()).count()
                as u64,
            drilled: notes.drill.as_ref().map(|run| run.time),
            problems: problems(&found, notes),
            moments: moments(&found),
        };
        if last_stamp.is_none() {
            facts.problems.push("there is no backup".to_owned());
        } else if max_age.is_some_and(|limit| age > limit) {
            let what = if facts.lag.is_some() { "what is not backed up" } else { "the newest backup" };
            facts.problems.push(format!("{what} is {} old", length_of_time(age)));
        }
        facts
    }
}

/// How long there has been something that would be lost. With the live database at hand: the age of the first transaction
/// that is not backed up, or nothing. Without: the time since the newest backup, or since a backup found nothing to do, or
/// since the last transaction that is backed up, whichever is later.
fn age(
    last_stamp: Option<Stamp>,
    last_tid: Option<Tid>,
    lag: Option<&Lag>,
    ended: Option<Timestamp>,
    now: &Now,
) -> Duration {
    let of_tid = |tid: Tid| {
        Duration::try_from_secs_f64(tid.unix_seconds()).ok().map(|since| SystemTime::UNIX_EPOCH + since)
    };
    let since = match lag {
        Some(lag) => lag.first.map(of_tid),
        None => {
            let known =
                [last_stamp.and_then(|stamp| stamp.time()), last_tid.and_then(of_tid), ended.map(Into::into)];
            Some(known.into_iter().flatten().max())
        }
    };
    since.flatten().map_or(Duration::ZERO, |since| now.time.duration_since(since).unwrap_or_default())
}

fn problems(found: &Inventory, notes: &Notes) -> Vec<String> {
    let mut problems = Vec::new();
    for chain in &found.chains {
        problems.extend(chain.fault.as_ref().map(|fault| format!("{}.dat: {fault}", chain.full.stamp)));
        problems.extend(chain.unusable.iter().map(|name| format!("{name} cannot be used")));
        problems.extend(chain.backups.iter().filter_map(|backup| backup.problem.clone()));
    }
    problems.extend(found.strays.iter().map(|name| format!("{name}: its full backup is missing")));
    if let Some(run) = notes.verify.as_ref().filter(|run| run.problem_count > 0) {
        problems.push(format!("the last verification found {}: repozo verify tells them", run.problem_count));
    }
    if notes.drill.as_ref().is_some_and(|run| run.problem_count > 0) {
        problems.push("the last drill failed: repozo drill tells why".to_owned());
    }
    problems
}

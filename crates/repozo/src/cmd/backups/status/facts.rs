use super::super::notes::Notes;
use super::super::problems;
use super::super::timeline::moments;
use crate::args::moment::Now;
use crate::ui::figures::length_of_time;
use classic::{BlobCounts, ChainEntry, Inventory, Lag, Stamp};
use filestorage::Tid;
use jiff::Timestamp;
use std::time::{Duration, SystemTime};

/// Clocks of servers may be ahead of ours.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(86_400);

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
    /// The blobs of the newest chain, if it has any.
    pub(super) blobs: Option<BlobCounts>,
    /// The last verification that read all.
    pub(super) verified: Option<Timestamp>,
    pub(super) unverified_count: u64,
    /// The last drill.
    pub(super) drilled: Option<Timestamp>,
    pub(super) problems: Vec<String>,
    /// When backups were made, and which of them are fulls.
    pub(super) moments: Vec<(Stamp, bool)>,
}

impl Facts {
    /// The age, if anything is known of it.
    pub(super) fn known_age(&self) -> Option<Duration> {
        (self.age != Duration::MAX).then_some(self.age)
    }

    pub(super) fn of(
        found: Inventory,
        notes: &Notes,
        lag: Option<Lag>,
        max_age: Option<Duration>,
        has_blobs: bool,
        now: &Now,
    ) -> Facts {
        let newest = found.newest();
        let (last_stamp, last_tid) =
            (newest.map(ChainEntry::last_stamp), newest.and_then(ChainEntry::last_tid));
        let age = age(last_stamp, last_tid, lag.as_ref(), notes.backup, now);
        let mut facts = Facts {
            last_stamp,
            last_tid,
            lag,
            age,
            max_age,
            chain_count: found.chains.len() as u64,
            backup_count: found.backups().count() as u64,
            stored_len: found.chains.iter().map(ChainEntry::stored_len).sum(),
            blobs: newest.and_then(ChainEntry::blobs),
            verified: notes.verify.as_ref().map(|run| run.time),
            unverified_count: found.backups().filter(|backup| notes.verified(&backup.part).is_none()).count()
                as u64,
            drilled: notes.drill.as_ref().map(|run| run.time),
            problems: problems(&found, notes, now),
            moments: moments(&found),
        };
        facts.problems.extend(problems::of_blobs(&found, has_blobs));
        let times = [last_stamp.and_then(|stamp| stamp.time()), last_tid.and_then(time_of)];
        if times.into_iter().flatten().any(|time| time > latest_possible(now)) {
            facts.problems.push("the newest backup is of the future: a clock was wrong".to_owned());
        }
        if last_stamp.is_none() {
            facts.problems.push("there is no backup".to_owned());
        } else if max_age.is_some_and(|limit| age > limit) {
            let what = if facts.lag.is_some() { "what is not backed up" } else { "the newest backup" };
            facts.problems.push(format!("{what} is {}", age_text(age)));
        }
        facts
    }
}

/// How long there has been something that would be lost. With the live database at hand: the age of the first transaction
/// that is not backed up, or nothing. Without, and where that transaction is of the future: the time since the newest backup,
/// or since a backup found nothing to do, or since the last transaction that is backed up, whichever is later; of the future
/// none of them counts.
fn age(
    last_stamp: Option<Stamp>,
    last_tid: Option<Tid>,
    lag: Option<&Lag>,
    ended: Option<Timestamp>,
    now: &Now,
) -> Duration {
    let is_possible = |time: &SystemTime| *time <= latest_possible(now);
    let first = lag.and_then(|lag| lag.first);
    if lag.is_some() && first.is_none() {
        return Duration::ZERO;
    }
    let since = first.and_then(time_of).filter(is_possible).or_else(|| {
        let known =
            [last_stamp.and_then(|stamp| stamp.time()), last_tid.and_then(time_of), ended.map(Into::into)];
        known.into_iter().flatten().filter(is_possible).max()
    });
    // Where everything is of the future nothing is known.
    since.map_or(Duration::MAX, |since| now.time.duration_since(since).unwrap_or_default())
}

fn time_of(tid: Tid) -> Option<SystemTime> {
    let since = Duration::try_from_secs_f64(tid.unix_seconds()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}

fn problems(found: &Inventory, notes: &Notes, now: &Now) -> Vec<String> {
    let mut problems = [problems::seen(found), problems::remembered(found, notes, now)].concat();
    if let Some(run) = notes.verify.as_ref().filter(|run| run.problem_count > 0) {
        problems.push(format!("the last verification found {}: repozo verify tells them", run.problem_count));
    }
    if notes.drill.as_ref().is_some_and(|run| run.problem_count > 0) {
        problems.push("the last drill failed: repozo drill tells why".to_owned());
    }
    problems
}

/// What is dated behind this is of a clock that is wrong, and says nothing about age.
fn latest_possible(now: &Now) -> SystemTime {
    now.time + CLOCK_TOLERANCE
}

/// An age in words.
pub(super) fn age_text(age: Duration) -> String {
    match age {
        Duration::MAX => "of an age that nobody knows".to_owned(),
        age => format!("{} old", length_of_time(age)),
    }
}

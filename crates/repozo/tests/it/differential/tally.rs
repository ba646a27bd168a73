//! What was compared, and how often the programs differed with which excuse.

use super::mess::Mess;
use std::collections::BTreeMap;
use std::fmt;

/// Why ours may differ from Python's repozo. Each is a row of `docs/COMPAT.md`, by its number there, and is only
/// accepted where ours did exactly what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Excuse {
    /// 1: the second of the newest backup has not passed. Ours does what Python does a second later.
    WaitsForTheNextSecond,
    /// 2: behind an increment of no bytes `-Q` of Python compares nothing. Ours does what Python does without `-Q`.
    ComparesBehindAnEmptyIncrement,
    /// 3, 31: an unfinished tail. Ours does what Python does when the tail is cut off.
    LeavesTheTailOut,
    /// 14: there is no index to restore. Python leaves the old one beside the new database, ours removes it.
    RemovesTheOldIndex,
    /// (Below the rows.) A run of Python failed and left its temporary file. Ours does not touch it.
    LeavesTheTemporaryFileOfPython,
    /// 18: what is no date. Ours refuses it.
    RefusesWhatIsNoDate,
    /// 20: backups of the future. Ours makes no backup, where Python would make one at the time of the newest.
    RefusesWhileTheClockIsBehind,
    /// 20: ours does what Python does when the clock has caught up.
    SeesBackupsOfTheFuture,
    /// 24: an index of another database, which ends ZODB in a traceback. Ours does what Python does without it.
    PassesOverAForeignIndex,
    /// 29: `-k` met backups with later transactions, or none in common. Ours makes the backup that Python makes
    /// without `-k`, keeps those, says so, and deletes what else Python deletes.
    KeepsBackupsOfAnotherHistory,
    /// 1, 2, 19, 20, 22, 23: Python left a mess. What ours does is held against the truth alone.
    BackUpInto(Mess),
    RecoverFrom(Mess),
    Verify(Mess),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) sequence_count: u64,
    pub(crate) step_count: u64,
    pub(crate) backup_count: u64,
    pub(crate) recovery_count: u64,
    pub(crate) verification_count: u64,
    /// Restores by ours alone, of acknowledged states, compared with the truth.
    pub(crate) truth_count: u64,
    /// States that Python acknowledged and spoilt itself, and that ours refuses to restore.
    pub(crate) lost_of_python_count: u64,
    /// States that ours acknowledged, and Python spoilt.
    pub(crate) lost_of_ours_count: u64,
    pub(crate) excuses: BTreeMap<Excuse, u64>,
}

impl Tally {
    pub(crate) fn excuse(&mut self, excuse: Excuse) {
        *self.excuses.entry(excuse).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Tally) {
        self.sequence_count += other.sequence_count;
        self.step_count += other.step_count;
        self.backup_count += other.backup_count;
        self.recovery_count += other.recovery_count;
        self.verification_count += other.verification_count;
        self.truth_count += other.truth_count;
        self.lost_of_python_count += other.lost_of_python_count;
        self.lost_of_ours_count += other.lost_of_ours_count;
        for (excuse, count) in &other.excuses {
            *self.excuses.entry(*excuse).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, what) in [
            (self.sequence_count, "sequences"),
            (self.step_count, "steps"),
            (self.backup_count, "backups compared"),
            (self.recovery_count, "recoveries compared"),
            (self.verification_count, "verifications compared"),
            (self.truth_count, "restores compared with the truth"),
            (self.lost_of_python_count, "backups of Python that it spoilt, refused by ours"),
            (self.lost_of_ours_count, "backups of ours that Python spoilt, refused by ours"),
        ] {
            writeln!(f, "{count:>10} {what}")?;
        }
        for (excuse, count) in &self.excuses {
            writeln!(f, "{count:>10} times {excuse:?}")?;
        }
        Ok(())
    }
}

//! Where the programs differ in a backup: what Python does when it is asked a little otherwise is what ours did.

use super::backing_up::seconds_of;
use super::ledger::{Snapshot, TEMPORARY, data_names, is_full, newest_name};
use super::tally::Excuse;
use super::world::{Held, Outcome, World, ends_in_check_of_index, hold};
use crate::interop::cell::Program;
use crate::interop::deciding::Files;
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

/// A change of what Python is asked, that makes it do what ours does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    /// At this time.
    At(u64),
    /// With the unfinished tail cut off.
    WithoutTail,
    /// Without `-Q`.
    Thorough,
    /// Without the index beside the database, if with it Python ends in a traceback of ZODB.
    WithoutIndex,
    /// But for the temporary file of a run before that failed: a later run of Python uses it up.
    KeepingTemporary,
}

impl World<'_> {
    /// Finds out that ours did what `docs/COMPAT.md` says.
    pub(crate) fn excuse_backup(
        &mut self,
        flags: &str,
        before: &Files,
        snapshot: &Arc<Snapshot>,
        now_seconds: u64,
        ours: &Outcome,
    ) -> Held {
        let is_behind = ours.ran.status == 1 && ours.ran.stderr.contains("the clock shows");
        let is_kept = ours.ran.status == 1 && ours.ran.stderr.contains("was not deleted");
        let mut possible = Vec::new();
        let newest_seconds = newest_name(before).map_or(0, seconds_of);
        if newest_seconds >= now_seconds {
            let is_waited = ours.ended_seconds > now_seconds;
            possible.push(Otherwise::At(if is_waited { ours.ended_seconds } else { newest_seconds + 1 }));
        }
        if self.has_tail() {
            possible.push(Otherwise::WithoutTail);
        }
        if flags.contains('Q') && ends_with_empty_line(before) {
            possible.push(Otherwise::Thorough);
        }
        if self.index_path().exists() {
            possible.push(Otherwise::WithoutIndex);
        }
        if before.0.contains_key(TEMPORARY) {
            possible.push(Otherwise::KeepingTemporary);
        }
        let mut reasons = Vec::new();
        for changes in subsets(&possible) {
            let result = if is_behind {
                self.hold_refused_for_a_reason(flags, &changes, before, now_seconds, newest_seconds, ours)
            } else if is_kept {
                self.hold_kept_for_a_reason(flags, &changes, before, snapshot, now_seconds, ours)
            } else {
                let python = self.outcome_otherwise(flags, &changes, before, now_seconds);
                python.difference(ours).map_or(Ok(()), Err)
            };
            match result {
                Ok(()) => {
                    self.count_excuses(&changes, is_behind, is_kept, now_seconds, ours);
                    return Ok(());
                }
                Err(reason) => reasons.push(format!("{changes:?}: {reason}")),
            }
        }
        Err(reasons.join("; "))
    }

    fn count_excuses(
        &mut self,
        changes: &[Otherwise],
        is_behind: bool,
        is_kept: bool,
        now_seconds: u64,
        ours: &Outcome,
    ) {
        let excuses = changes.iter().map(|change| match change {
            Otherwise::At(_) if is_behind => Excuse::RefusesWhileTheClockIsBehind,
            Otherwise::At(_) if ours.ended_seconds > now_seconds => Excuse::WaitsForTheNextSecond,
            Otherwise::At(_) => Excuse::SeesBackupsOfTheFuture,
            Otherwise::WithoutTail => Excuse::LeavesTheTailOut,
            Otherwise::Thorough => Excuse::ComparesBehindAnEmptyIncrement,
            Otherwise::WithoutIndex => Excuse::PassesOverAForeignIndex,
            Otherwise::KeepingTemporary => Excuse::LeavesTheTemporaryFileOfPython,
        });
        excuses
            .chain(is_kept.then_some(Excuse::KeepsBackupsOfAnotherHistory))
            .for_each(|excuse| self.tally.excuse(excuse));
    }

    /// What Python does, if it is asked otherwise.
    fn outcome_otherwise(
        &mut self,
        flags: &str,
        changes: &[Otherwise],
        before: &Files,
        now_seconds: u64,
    ) -> Outcome {
        let (mut flags, mut at_seconds) = (flags.to_owned(), now_seconds);
        let (data, index) = (self.data(), fs::read(self.index_path()).ok());
        for change in changes {
            match change {
                Otherwise::At(seconds) => at_seconds = *seconds,
                Otherwise::WithoutTail => {
                    fs::write(self.site.source(), &data[..self.committed_len]).unwrap();
                }
                Otherwise::Thorough => flags = flags.replace('Q', ""),
                Otherwise::WithoutIndex | Otherwise::KeepingTemporary => {}
            }
        }
        let mut outcome = self.outcome(Program::Python, &flags, before, at_seconds);
        if changes.contains(&Otherwise::WithoutIndex) && ends_in_check_of_index(&outcome.ran.stderr) {
            fs::remove_file(self.index_path()).unwrap();
            outcome = self.outcome(Program::Python, &flags, before, at_seconds);
            fs::write(self.index_path(), index.unwrap()).unwrap();
        }
        fs::write(self.site.source(), data).unwrap();
        if changes.contains(&Otherwise::KeepingTemporary) {
            outcome.files.0.insert(TEMPORARY.to_owned(), before.0[TEMPORARY].clone());
        }
        outcome
    }

    /// The clock is more than two seconds from where a new backup is the newest, there is something to back up,
    /// and nothing was touched.
    fn hold_refused_for_a_reason(
        &mut self,
        flags: &str,
        changes: &[Otherwise],
        before: &Files,
        now_seconds: u64,
        newest_seconds: u64,
        ours: &Outcome,
    ) -> Held {
        hold(newest_seconds >= now_seconds + 2, || "the clock is right, or nearly".to_owned())?;
        hold(ours.files == *before, || "refused, and changed files".to_owned())?;
        hold(changes.iter().any(|change| matches!(change, Otherwise::At(_))), || "too early".to_owned())?;
        let python = self.outcome_otherwise(flags, changes, before, now_seconds);
        hold(python.ran.status == 0 && python.files != *before, || "nothing was to be done".to_owned())
    }

    /// Ours is between what Python does without `-k` and with it, and what it kept holds later transactions, or
    /// none that the new backup has.
    fn hold_kept_for_a_reason(
        &mut self,
        flags: &str,
        changes: &[Otherwise],
        before: &Files,
        snapshot: &Arc<Snapshot>,
        now_seconds: u64,
        ours: &Outcome,
    ) -> Held {
        let deleting = self.outcome_otherwise(flags, changes, before, now_seconds);
        let keeping = self.outcome_otherwise(&flags.replace('k', ""), changes, before, now_seconds);
        hold(deleting.ran.status == 0 && keeping.ran.status == 0, || "Python fails".to_owned())?;
        let new = data_names(&ours.files).max().unwrap();
        hold(is_full(new) && !before.0.contains_key(new), || "no new full".to_owned())?;
        let mut expected = deleting.files.clone();
        for full in data_names(before).filter(|name| is_full(name)) {
            if self.is_of_another_history(full, before, snapshot) {
                expected.0.extend(files_of_chain(full, before));
            }
        }
        let names = |files: &Files| files.0.keys().cloned().collect::<Vec<_>>();
        hold(names(&expected) == names(&ours.files), || {
            format!("files {:?}, expected {:?}", names(&ours.files), names(&expected))
        })?;
        let differs = |(name, bytes): &(&String, &Vec<u8>)| {
            !name.ends_with("fsz") && expected.0.get(*name) != Some(bytes)
        };
        hold(ours.files.0.iter().find(differs).is_none(), || "bytes differ".to_owned())
    }

    fn is_of_another_history(&self, full: &str, before: &Files, snapshot: &Snapshot) -> bool {
        let known = snapshot.tids();
        let members = files_of_chain(full, before);
        let tids: BTreeSet<u64> = members
            .keys()
            .filter_map(|name| self.ledger.made.get(name))
            .flat_map(|snapshot| snapshot.tids())
            .collect();
        tids.last() > known.last() || tids.is_disjoint(&known)
    }
}

/// The files of a chain in a repository without a mess: from its full up to the next one.
fn files_of_chain(full: &str, files: &Files) -> std::collections::BTreeMap<String, Vec<u8>> {
    let next = data_names(files).find(|name| is_full(name) && name.as_str() > full);
    let belongs = |name: &str| name[..19] >= full[..19] && next.is_none_or(|next| name[..19] < next[..19]);
    files
        .0
        .iter()
        .filter(|(name, _)| belongs(name))
        .map(|(name, bytes)| (name.clone(), bytes.clone()))
        .collect()
}

/// Whether the newest list ends with an increment of no bytes, which only Python writes.
pub(crate) fn ends_with_empty_line(files: &Files) -> bool {
    let newest = files.0.iter().rfind(|(name, _)| name.ends_with(".dat"));
    let last = newest.and_then(|(_, bytes)| std::str::from_utf8(bytes).unwrap().lines().next_back());
    last.is_some_and(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[1] == fields[2]
    })
}

/// All subsets, the smallest first.
fn subsets(all: &[Otherwise]) -> Vec<Vec<Otherwise>> {
    let mut subsets: Vec<Vec<Otherwise>> = (0..1_usize << all.len())
        .map(|chosen| {
            all.iter()
                .enumerate()
                .filter(|(at, _)| chosen >> at & 1 == 1)
                .map(|(_, change)| *change)
                .collect()
        })
        .collect();
    subsets.sort_by_key(Vec::len);
    subsets
}

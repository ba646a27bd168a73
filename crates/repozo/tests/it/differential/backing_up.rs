//! The same backup by both programs.

use super::excusing::ends_with_empty_line;
use super::ledger::{Ledger, Snapshot, data_names, newest_data, newest_name, newest_stamp};
use super::mess::{Mess, messes_of};
use super::tally::Excuse;
use super::world::{Held, Outcome, World, hold, hold_manners, shown};
use crate::common::args;
use crate::interop::cell::Program;
use crate::interop::deciding::Files;

impl World<'_> {
    pub(crate) fn back_up(&mut self, flags: &str, kept: Program) -> Held {
        self.tally.backup_count += 1;
        let (now, now_seconds) = (self.now(), self.site.clock.seconds());
        let (before, snapshot) = (self.repository(), self.take_snapshot());
        let messes = messes_of(&before, &self.ledger);
        let python = self.outcome(Program::Python, flags, &before, now_seconds);
        let ours = self.outcome(Program::Ours, flags, &before, now_seconds);
        hold_manners(&ours.ran)?;
        let difference = python.difference(&ours);
        if let Some(difference) = &difference {
            if messes.is_empty() {
                self.excuse_backup(flags, &before, &snapshot, now_seconds, &ours).map_err(|why| {
                    format!(
                        "Python's and ours: {difference}, and there is no excuse ({why})\nPython said {}\nours said {}",
                        python.ran.stderr, ours.ran.stderr
                    )
                })?;
            } else {
                self.hold_status_in_a_mess(flags, &before, now_seconds, &ours)?;
                messes.iter().for_each(|mess| self.tally.excuse(Excuse::BackUpInto(*mess)));
            }
        }
        ours.files.put(&self.site.repository());
        let mut after_ours = self.ledger.clone();
        let is_made = ours.ran.status == 0 || ours.ran.stderr.contains("the backup was made, but ");
        after_ours.note(&before, &ours.files, &snapshot, is_made, &now, Program::Ours);
        // `-Q` reads the last part alone. The others may be another database's, if its transactions end where they do.
        let is_unseen = flags.contains('Q') && messes.contains(&Mess::Mixed);
        let is_unseen = is_unseen && snapshot.has_boundaries(newest_starts(&before));
        self.hold_truth(&mut after_ours, &ours.files, is_unseen)?;
        if kept == Program::Ours {
            self.ledger = after_ours;
            self.set_clock(ours.ended_seconds);
            return Ok(());
        }
        self.set_clock(now_seconds);
        python.files.put(&self.site.repository());
        let mut after_python = self.ledger.clone();
        let is_made = python.ran.status == 0 && !self.is_lost_at_once(&before, &python, &snapshot);
        after_python.note(&before, &python.files, &snapshot, is_made, &now, Program::Python);
        let may_be_lost = !messes_of(&python.files, &after_python).is_empty();
        self.hold_truth(&mut after_python, &python.files, may_be_lost)?;
        self.ledger = after_python;
        Ok(())
    }

    /// Whether Python acknowledged what it has not: of two fulls in one second `-k` keeps the one whose name is the
    /// longer; and of an increment that has the second of its full nothing is seen; and
    /// behind an increment of no bytes another one follows, whatever the database is.
    fn is_lost_at_once(&mut self, before: &Files, python: &Outcome, snapshot: &Snapshot) -> bool {
        let is_new = data_names(&python.files).any(|name| !before.0.contains_key(name));
        let is_empty = is_new && ends_with_empty_line(&python.files);
        let newest = newest_data(if is_empty { before } else { &python.files });
        let holds =
            newest.and_then(|name| self.ledger.made.get(name)).is_some_and(|made| **made == *snapshot);
        let is_lost = (!is_new || is_empty) && !holds;
        self.tally.lost_of_python_count += u64::from(is_lost);
        is_lost
    }

    /// Every acknowledged state restores, with every byte checked. Where Python was at work it may be lost: then
    /// ours must refuse, or say that it is no FileStorage.
    fn hold_truth(&mut self, ledger: &mut Ledger, files: &Files, may_be_lost: bool) -> Held {
        let newest = newest_stamp(files).unwrap_or_default().to_owned();
        for at in 0..ledger.acknowledged.len() {
            let date = ledger.acknowledged[at].date.clone();
            let truth = ledger.truth(Some(&date)).unwrap();
            if truth.is_lost || ledger.acknowledged[at].is_lost {
                continue;
            }
            let snapshot = truth.snapshot.clone();
            let args = args!["-Rwr", self.site.repository(), "-D", &date].to_vec();
            let ran = self.site.run(Program::Ours, &args);
            self.tally.truth_count += 1;
            let is_true = ran.status == 0 && ran.stdout == snapshot.bytes;
            if !is_true {
                let is_refused = ran.status == 1 || ran.stderr.contains("is not a sound FileStorage");
                hold(may_be_lost && is_refused, || {
                    format!(
                        "-Rw -D {date} does not give the bytes of its moment (newest {newest}): {}",
                        shown(&ran)
                    )
                })?;
                ledger.acknowledged[at].is_lost = true;
                match ledger.acknowledged[at].by {
                    Program::Python => self.tally.lost_of_python_count += 1,
                    Program::Ours => self.tally.lost_of_ours_count += 1,
                }
            }
        }
        // Whoever wrote an index, it is the one that ZODB makes of the data, or somebody's mess.
        for (name, snapshot) in ledger.made.iter().filter(|_| !may_be_lost) {
            let index = files.0.get(&format!("{}.index", &name[..19]));
            let is_true = index.is_none_or(|index| *index == snapshot.index);
            let is_shared = ledger.made.keys().filter(|other| other[..19] == name[..19]).count() > 1;
            hold(is_true || is_shared, || format!("the index of {name} is not that of its data"))?;
        }
        Ok(())
    }

    /// Ours may refuse to work behind a clock that is wrong, and to delete; else it makes a backup.
    fn hold_status_in_a_mess(
        &mut self,
        flags: &str,
        before: &Files,
        now_seconds: u64,
        ours: &Outcome,
    ) -> Held {
        let said = |text: &str| ours.ran.stderr.contains(text);
        let is_behind = seconds_of(newest_name(before).unwrap()) >= now_seconds + 2;
        let may_refuse =
            is_behind && said("the clock shows") || flags.contains('k') && said("was not deleted");
        hold(ours.ran.status == 0 || may_refuse, || format!("no backup into a mess: {}", ours.ran.stderr))
    }
}

/// The seconds since 1970 of a stamp.
pub(crate) fn seconds_of(stamp: &str) -> u64 {
    let time = classic::Stamp::parse(stamp.as_bytes()).and_then(|stamp| stamp.time()).unwrap();
    time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// Where the parts of the newest list start.
fn newest_starts(files: &Files) -> Vec<usize> {
    let newest = files.0.iter().rfind(|(name, _)| name.ends_with(".dat"));
    let lines = newest.map(|(_, bytes)| std::str::from_utf8(bytes).unwrap().lines());
    lines.into_iter().flatten().map(|line| line.split_whitespace().nth(1).unwrap().parse().unwrap()).collect()
}

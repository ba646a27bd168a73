//! The same recovery, and the same verification, by both programs.

use super::backing_up::seconds_of;
use super::ledger::newest_stamp;
use super::mess::{Mess, messes_of};
use super::step::Date;
use super::tally::Excuse;
use super::world::{Held, World, hold, hold_manners, shown};
use crate::common::args;
use crate::interop::cell::Program;
use crate::interop::deciding::Files;
use std::ffi::OsString;
use testkit::Ran;

/// A recovery, and what is in the target's directory then.
struct Recovered {
    ran: Ran,
    target: Files,
}

impl World<'_> {
    /// The value of `-D`.
    pub(crate) fn date(&self, date: &Date) -> Option<String> {
        let mut stamps: Vec<String> = self.ledger.acknowledged.iter().map(|one| one.date.clone()).collect();
        stamps.sort();
        stamps.dedup();
        let stamp =
            |which: usize| stamps.get(which % stamps.len().max(1)).cloned().unwrap_or_else(|| self.now());
        match date {
            Date::Newest => None,
            Date::Of { which, shift_seconds } => {
                let seconds = seconds_of(&stamp(*which)).saturating_add_signed(*shift_seconds);
                let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
                Some(classic::Stamp::at(time).unwrap().to_string())
            }
            Date::Short { which, len } => Some(stamp(*which)[..*len].to_owned()),
            Date::Misspelt { which, at, to } => {
                let mut text: Vec<char> = stamp(*which).chars().collect();
                text[*at] = *to;
                Some(text.into_iter().collect())
            }
            Date::Text(text) => Some((*text).to_owned()),
        }
    }

    pub(crate) fn recover(
        &mut self,
        date: Option<&str>,
        with_verify: bool,
        to_file: bool,
        target_is_there: bool,
    ) -> Held {
        self.tally.recovery_count += 1;
        let before = self.repository();
        let mut args =
            args![format!("-R{}r", if with_verify { "w" } else { "" }), self.site.repository()].to_vec();
        args.extend(date.into_iter().flat_map(|date| args!["-D", date]));
        if to_file {
            args.extend(args!["-o", self.site.target()]);
        }
        let at = format!("{args:?}");
        let old = if target_is_there { old_target() } else { Files::default() };
        let python = self.recovered(Program::Python, &args, &old);
        let ours = self.recovered(Program::Ours, &args, &old);
        let told = || {
            format!(
                "{at}\nPython: {}{}\nours: {}{}",
                python.ran.status, python.ran.stderr, ours.ran.status, ours.ran.stderr
            )
        };
        hold_manners(&ours.ran)?;
        hold(self.repository() == before, || format!("{at}: who reads changes nothing"))?;
        hold(ours.ran.status == 0 || ours.target == old, || {
            format!("failed, and the target changed: {}", told())
        })?;
        let date = date.filter(|date| !date.is_empty());
        if let Some(date) = date.filter(|date| !is_date(date)) {
            let is_refused = ours.ran.status == 1 && ours.ran.stderr.contains("is not a date");
            hold(is_refused, || format!("{date:?} is no date, and was not refused: {}", told()))?;
            if python.ran.status == 0 {
                self.tally.excuse(Excuse::RefusesWhatIsNoDate);
            }
            return Ok(());
        }
        let messes = messes_of(&before, &self.ledger);
        let truth = self.ledger.truth(date).map(|truth| (truth.snapshot.clone(), truth.is_lost));
        if ours.ran.status == 0 {
            let is_said =
                messes.contains(&Mess::Mixed) && ours.ran.stderr.contains("is not a sound FileStorage");
            let (bytes, index) = if to_file {
                (ours.target.0.get("Data.fs"), ours.target.0.get("Data.fs.index"))
            } else {
                (Some(&ours.ran.stdout), None)
            };
            let is_true = truth.as_ref().is_some_and(|(truth, _)| Some(&truth.bytes) == bytes);
            hold(is_true || is_said, || {
                format!("exit status 0 with other bytes than its moment had: {}", told())
            })?;
            let is_index = index.is_none_or(|index| truth.is_some_and(|(truth, _)| truth.index == *index));
            hold(is_index || is_said, || format!("an index that is not of the data: {}", told()))?;
        } else if let Some((_, is_lost)) = truth {
            hold(is_lost || !messes.is_empty(), || format!("acknowledged, and not restored: {}", told()))?;
        }
        if same_recovery(&python, &ours) {
            return Ok(());
        }
        if leaves_the_old_index(&python, &ours, &old) {
            self.tally.excuse(Excuse::RemovesTheOldIndex);
            return Ok(());
        }
        if let Some(newest) =
            newest_stamp(&before).filter(|newest| date.is_none() && *newest > self.now().as_str())
        {
            let now_seconds = self.site.clock.seconds();
            self.set_clock(seconds_of(newest));
            let later = self.recovered(Program::Python, &args, &old);
            self.set_clock(now_seconds);
            let is_index_left = leaves_the_old_index(&later, &ours, &old);
            if is_index_left {
                self.tally.excuse(Excuse::RemovesTheOldIndex);
            }
            if is_index_left || same_recovery(&later, &ours) {
                self.tally.excuse(Excuse::SeesBackupsOfTheFuture);
                return Ok(());
            }
        }
        hold(!messes.is_empty(), || format!("the recoveries differ, and there is no excuse: {}", told()))?;
        messes.iter().for_each(|mess| self.tally.excuse(Excuse::RecoverFrom(*mess)));
        Ok(())
    }

    fn recovered(&mut self, program: Program, args: &[OsString], old: &Files) -> Recovered {
        let dir = self.site.target_dir();
        old.put(&dir);
        let ran = self.site.run(program, args);
        let target = Files::of(&dir);
        Files::default().put(&dir);
        Recovered { ran, target }
    }

    pub(crate) fn verify(&mut self, quick: bool) -> Held {
        self.tally.verification_count += 1;
        let before = self.repository();
        let args = args![if quick { "-VQr" } else { "-Vr" }, self.site.repository()];
        let python = self.site.run(Program::Python, &args);
        let ours = self.site.run(Program::Ours, &args);
        let told = || {
            format!(
                "{args:?}\nPython: {}{}\nours: {}{}",
                python.status, python.stderr, ours.status, ours.stderr
            )
        };
        hold_manners(&ours)?;
        hold(self.repository() == before, || "who verifies changes nothing".to_owned())?;
        let messes = messes_of(&before, &self.ledger);
        if messes.is_empty() {
            let is_empty = newest_stamp(&before).is_none();
            hold((ours.status == 0) != is_empty, || format!("a wrong verdict on what is sound: {}", told()))?;
        } else {
            self.hold_verdict_on_a_mess(quick, &ours)?;
        }
        if python.status == ours.status {
            return Ok(());
        }
        if newest_stamp(&before).is_some_and(|newest| *newest > *self.now()) && messes.is_empty() {
            self.tally.excuse(Excuse::SeesBackupsOfTheFuture);
            return Ok(());
        }
        hold(!messes.is_empty(), || format!("the verdicts differ, and there is no excuse: {}", told()))?;
        messes.iter().for_each(|mess| self.tally.excuse(Excuse::Verify(*mess)));
        Ok(())
    }

    /// What does not restore to what was acknowledged is no sound repository.
    fn hold_verdict_on_a_mess(&mut self, quick: bool, verified: &Ran) -> Held {
        let dates: Vec<_> = self.ledger.acknowledged.iter().map(|one| one.date.clone()).collect();
        for date in dates {
            let args = args!["-Rwr", self.site.repository(), "-D", &date];
            let ran = self.site.run(Program::Ours, &args);
            let truth = &self.ledger.truth(Some(&date)).unwrap().snapshot.bytes;
            let is_true = ran.status == 0 && ran.stdout == *truth;
            // Sizes do not tell of which database bytes are.
            let is_invisible = quick && ran.status == 0;
            hold(is_true || is_invisible || verified.status == 1, || {
                format!("verify is content, but -Rw -D {date} gives {}", shown(&ran))
            })?;
        }
        Ok(())
    }
}

fn same_recovery(python: &Recovered, ours: &Recovered) -> bool {
    let same_status = python.ran.status == ours.ran.status;
    // What is left where it failed is Python's affair.
    same_status
        && (ours.ran.status != 0 || python.ran.stdout == ours.ran.stdout && python.target == ours.target)
}

/// Whether the programs differ in nothing but that Python left the old index where it was.
fn leaves_the_old_index(python: &Recovered, ours: &Recovered, old: &Files) -> bool {
    let name = "Data.fs.index";
    let mut without = python.target.clone();
    let left = without.0.remove(name);
    let statuses = (python.ran.status, ours.ran.status);
    statuses == (0, 0) && left.is_some() && left.as_ref() == old.0.get(name) && without == ours.target
}

fn old_target() -> Files {
    let files = [("Data.fs", "the old database"), ("Data.fs.index", "the old index")];
    Files(files.into_iter().map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect())
}

/// Whether a text has one of the forms that Python's help names, and is a possible date; a leap second is one.
fn is_date(text: &str) -> bool {
    let fields: Vec<&str> = text.split('-').collect();
    let widths = [4, 2, 2, 2, 2, 2];
    let is_form = (3..=6).contains(&fields.len())
        && fields
            .iter()
            .zip(widths)
            .all(|(field, width)| field.len() == width && field.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_form {
        return false;
    }
    let numbers: Vec<u32> = fields.iter().map(|field| field.parse().unwrap()).collect();
    let [year, month, day] = [numbers[0], numbers[1], numbers[2]];
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let is_day = (1..=12).contains(&month) && (1..=days).contains(&day);
    is_day && numbers[3..].iter().zip([24, 60, 61]).all(|(number, limit)| *number < limit)
}

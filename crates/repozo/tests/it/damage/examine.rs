//! One damaged repository, and everything that can be asked of it.

use super::facts::Facts;
use super::harm::Harm;
use super::world::{FILE, TARGET, TARGET_INDEX, World, is_data, site, stamp};
use crate::judge::truth;
use crate::judge::{Site, State};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;
use testkit::{Ran, TestClock};
use vfs::sim::{Image, SimFs};

/// More lines than this, and one a file, nobody reads.
const LINE_LIMIT: usize = 4;

/// What came of one case.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    pub(super) is_harmless: bool,
    pub(super) found: bool,
    pub(super) found_quick: bool,
    pub(super) refused: bool,
    pub(super) right: bool,
    /// Why something that is wrong was allowed.
    pub(super) exceptions: Vec<&'static str>,
    pub(super) violations: Vec<String>,
}

/// How a recovery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Restored {
    Right,
    Refused,
    /// Other bytes, as the documents say.
    Excused,
}

/// Without and with -w.
type Both = [Restored; 2];

pub(super) struct Case<'a> {
    world: &'a World,
    harm: &'a Harm,
    image: Image,
    facts: Facts,
    seen: Seen,
    /// What is refused then may be gone, and need not be named.
    is_behind_a_backup: bool,
    /// Whether older states may be all that is left.
    is_behind_a_removal: bool,
}

impl<'a> Case<'a> {
    pub(super) fn examine(world: &'a World, harm: &'a Harm) -> Seen {
        let image = harm.applied_to(&world.image);
        let fs = SimFs::on(image.clone());
        let facts = Facts::of(world, &fs);
        let mut case = Case {
            world,
            harm,
            image,
            facts,
            seen: Seen::default(),
            is_behind_a_backup: false,
            is_behind_a_removal: false,
        };
        case.seen.is_harmless = case.facts.wrong.is_empty();
        let clock = world.clock();
        fs.set_time(classic::Clock::now(&clock));
        let here = site(&fs, &clock);
        case.verify(&here);
        let before = case.recover(&here);
        case.ensure(fs.operation_count() == 0, || "looking changes the disk".to_owned());
        for flags in ["", "Q", "Fk"] {
            for source in [&world.grown, &*world.newest().bytes] {
                case.back_up(flags, source, &before);
            }
        }
        case.seen
    }

    fn violation(&mut self, words: String) {
        self.seen.violations.push(words);
    }

    fn ensure(&mut self, holds: bool, words: impl FnOnce() -> String) {
        if !holds {
            self.violation(words());
        }
    }

    /// Runs it; a panic is told.
    fn run(&mut self, what: &str, run: impl FnOnce() -> Ran) -> Ran {
        let ran = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
            self.violation(format!("{what}: a panic"));
            Ran { status: 101, stdout: Vec::new(), stderr: String::new() }
        });
        let line_count = ran.stderr.lines().count();
        let file_count = if what.starts_with("-R") { 0 } else { self.world.files.len() };
        self.ensure(line_count <= LINE_LIMIT + file_count, || {
            format!("{what}: {line_count} lines:\n{}", ran.stderr)
        });
        if ran.status != 0 {
            let is_named = self.is_behind_a_backup || self.names_the_damage(&ran.stderr);
            self.ensure(ran.status == 1 && is_named, || {
                format!("{what}: status {}, and names nothing that was touched: {}", ran.status, ran.stderr)
            });
        }
        ran
    }

    /// Whether a message names a file that was touched; for a list also one that it lists, for a full its list.
    /// What keeps a chain from being deleted is told by the chain's name.
    fn names_the_damage(&self, text: &str) -> bool {
        let is_of_chain = text.contains("the clock shows")
            || text.contains("was not deleted")
            || self.world.states.iter().any(|state| self.is_lost_twice(&state.date));
        // Of two damages the one that is met first is told, by whatever a line calls its file.
        if self.harm.damage == "pair" && (text.contains("/backups/") || text.contains("bytes are needed")) {
            return true;
        }
        self.harm.names().into_iter().any(|name| {
            let mut listed = self.world.data_of_chain(name);
            let is_list = name.ends_with(".dat") || is_of_chain;
            text.contains(name)
                || is_of_chain && text.contains(stamp(name))
                || name.contains(".fs") && text.contains(&format!("{}.dat", stamp(name)))
                || is_list && listed.any(|name| text.contains(name.as_str()))
        })
    }

    fn verify(&mut self, here: &Site<'_>) {
        let ran = self.run("-V", || here.verify());
        self.seen.found = ran.status != 0;
        self.check_verdict("-V", &ran, !self.facts.wrong.is_empty());
        let ran = self.run("-VQ", || here.verify_quick());
        self.seen.found_quick = ran.status != 0;
        self.check_verdict("-VQ", &ran, !self.facts.wrong_in_size.is_empty());
    }

    fn check_verdict(&mut self, what: &str, ran: &Ran, must_find: bool) {
        let (status, is_harmless) = (ran.status, self.seen.is_harmless);
        self.ensure(status != 0 || !must_find, || format!("{what} finds nothing"));
        self.ensure(!is_harmless || status == 0 && ran.stderr.is_empty(), || {
            format!("nothing is wrong, {what} says: {}", ran.stderr)
        });
    }

    /// What a date must give: nobody can know of states behind what looks like an earlier repository.
    fn expected(&self, at: usize) -> &'a State {
        &self.world.states[at.min(self.facts.newest_at)]
    }

    fn recover(&mut self, here: &Site<'_>) -> Vec<Both> {
        let newest = [&[][..], &["-w"]].map(|flags| self.recover_newest(here, flags));
        self.seen.right = newest[0] == Restored::Right;
        self.seen.refused = newest[0] == Restored::Refused;
        let all = self.recover_all(here);
        for (at, both) in all.iter().enumerate() {
            let is_whole = self.is_untouched(at);
            self.ensure(!is_whole || *both == [Restored::Right; 2], || {
                format!("{} is whole and does not restore: {both:?}", self.world.states[at].date)
            });
        }
        if self.touches_index() {
            self.recover_to_file(here);
        }
        all
    }

    fn touches_index(&self) -> bool {
        self.harm.names().iter().any(|name| name.ends_with(".index"))
    }

    fn recover_newest(&mut self, here: &Site<'_>, flags: &[&str]) -> Restored {
        let what = format!("-R {}", flags.join(" "));
        let ran = self.run(&what, || here.recover(flags));
        self.judge(&what, &ran, self.expected(usize::MAX))
    }

    fn recover_all(&mut self, here: &Site<'_>) -> Vec<Both> {
        (0..self.world.states.len())
            .map(|at| [false, true].map(|checked| self.recover_at(here, at, checked)))
            .collect()
    }

    fn recover_at(&mut self, here: &Site<'_>, at: usize, checked: bool) -> Restored {
        let date = self.world.states[at].date.as_str();
        let flags = if checked { &["-w", "-D", date][..] } else { &["-D", date] };
        let what = format!("-R {}", flags.join(" "));
        let ran = self.run(&what, || here.recover(flags));
        self.judge(&what, &ran, self.expected(at))
    }

    /// The database and its index as files: the index is the right one, or none.
    fn recover_to_file(&mut self, here: &Site<'_>) {
        let fs = SimFs::on(self.image.clone());
        let there = Site { fs: &fs, ..*here };
        let ran = self.run("-R -o", || there.recover_to(Path::new(TARGET)));
        if ran.status != 0 {
            return;
        }
        let data = truth::read(&fs, Path::new(TARGET)).unwrap_or_default();
        let ran = Ran { stdout: data, ..ran };
        if self.judge("-R -o", &ran, self.expected(usize::MAX)) != Restored::Right {
            return;
        }
        let index = truth::read(&fs, Path::new(TARGET_INDEX));
        let right = truth::index_entries(&truth::true_index(&ran.stdout));
        self.ensure(index.is_none_or(|index| truth::index_entries(&index) == right), || {
            "-R -o: a wrong index is restored".to_owned()
        });
    }

    /// Whether nothing that a state needs was touched.
    fn is_untouched(&self, at: usize) -> bool {
        let date = self.world.states[at].date.as_str();
        let list = self.world.list_of(date);
        let is_needed = |name: &str| is_data(name) && self.world.list_of(name) == list && stamp(name) <= date;
        !self.facts.wrong.contains(list) && !self.facts.wrong.iter().any(|name| is_needed(name))
    }

    fn judge(&mut self, what: &str, ran: &Ran, expected: &State) -> Restored {
        if ran.status != 0 {
            return Restored::Refused;
        }
        if ran.stdout == *expected.bytes {
            return Restored::Right;
        }
        let excuse = self.excuse(&ran.stdout, expected, what.contains("-w"));
        if let Some(excuse) = excuse {
            self.seen.exceptions.push(excuse);
            return Restored::Excused;
        }
        let older = self.world.states.iter().position(|state| *state.bytes == ran.stdout);
        if self.is_behind_a_removal {
            let before = self.world.states.iter().filter(|state| state.date < expected.date);
            let is_state = |state: &State| {
                *state.bytes == ran.stdout || self.excuse(&ran.stdout, state, false).is_some()
            };
            if before.into_iter().any(is_state) {
                return Restored::Refused;
            }
        }
        self.violation(format!(
            "{what}: status 0 and wrong bytes: {} instead of {}, {}; {}",
            ran.stdout.len(),
            expected.bytes.len(),
            older.map_or_else(
                || "no state".to_owned(),
                |at| format!("the state of {}", self.world.states[at].date)
            ),
            ran.stderr
        ));
        Restored::Excused
    }

    /// Why wrong bytes are what docs/COMPAT.md says, without -w.
    fn excuse(&self, found: &[u8], expected: &State, checked: bool) -> Option<&'static str> {
        let is_changed_in_place =
            self.facts.wrong.iter().any(|name| is_data(name) && !self.facts.wrong_in_size.contains(name));
        if !checked && is_changed_in_place && found.len() == expected.bytes.len() {
            let changed = (0..found.len()).filter(|at| found[*at] != expected.bytes[*at]);
            let fields: BTreeSet<&str> = changed.map(|at| truth::field_at(&expected.bytes, at)).collect();
            if fields.iter().all(|field| ["data", "oid", "previous position", "texts"].contains(field)) {
                return Some("-R: a byte of data, oid, previous position or texts changed");
            }
        }
        let is_lost = self.world.states.iter().any(|state| self.is_lost_twice(&state.date));
        is_lost.then_some("-R: a list is damaged, and a file that it lists")
    }

    /// Whether the list of the chain of a date is damaged and a file that it lists too: what both have lost,
    /// nobody can miss.
    fn is_lost_twice(&self, date: &str) -> bool {
        let list = self.world.list_of(date);
        let is_lost = |name: &String| is_data(name) && self.world.list_of(name) == list;
        self.facts.wrong.contains(list) && self.facts.wrong.iter().any(is_lost)
    }

    /// A backup, and what is left behind it.
    fn back_up(&mut self, flags: &str, source: &[u8], before: &[Both]) {
        let grew = if source.len() == self.world.grown.len() { ", grown" } else { "" };
        let what = format!("-B{flags}{grew}");
        let (fs, clock) = (SimFs::on(self.image.clone()), self.world.clock());
        fs.set_time(classic::Clock::now(&clock));
        fs.put(Path::new(FILE), source).unwrap();
        let here = site(&fs, &clock);
        let ran = self.run(&what, || here.backup(flags));
        let newest = self.run(&format!("{what}, then -R -w"), || here.recover(&["-w"]));
        let is_sound = newest.status == 0 && newest.stdout == source;
        if ran.status == 0 && !is_sound {
            self.built_on_damage(flags, &what, &here, &fs, &clock, &newest);
        }
        if ran.status != 0 {
            let is_allowed = ran.stderr.contains("the clock shows") || flags.contains('k') && is_sound;
            self.ensure(is_allowed, || format!("{what} cannot be made: {}", ran.stderr));
        }
        let may_delete = flags.contains('k') && is_sound;
        let seen_before = self.seen.violations.len();
        self.is_behind_a_backup = true;
        self.is_behind_a_removal = may_delete;
        let mut all_restore = true;
        for (at, before) in before.iter().enumerate() {
            let checked = self.recover_at(&here, at, true);
            let plain = self.recover_at(&here, at, false);
            all_restore &= checked == Restored::Right || self.is_lost_twice(&self.world.states[at].date);
            for (flag, before, after) in [("", before[0], plain), (" -w", before[1], checked)] {
                let is_lost = before == Restored::Right && after != Restored::Right && !may_delete;
                let date = &self.world.states[at].date;
                self.ensure(!is_lost, || format!("then -R{flag} -D {date}: restored before, {after:?}"));
            }
        }
        (self.is_behind_a_backup, self.is_behind_a_removal) = (false, false);
        for violation in &mut self.seen.violations[seen_before..] {
            violation.insert_str(0, &format!("{what}, "));
        }
        let ran = self.run(&format!("-V behind {what}"), || here.verify());
        let is_harmless = self.seen.is_harmless;
        self.ensure(!is_harmless || ran.status == 0, || {
            format!("nothing was wrong, {what}, then -V says: {}", ran.stderr)
        });
        self.ensure(ran.status != 0 || all_restore || may_delete, || {
            format!("{what}, then -V finds nothing, and not every state restores")
        });
    }

    /// Whether a quick look at the newest chain sees nothing wrong: all files have their sizes, going by gzip's own
    /// word for compressed ones. A list that lost lines is healed first.
    fn looks_right(&self) -> bool {
        let list = self.world.list_of(&self.world.newest().date);
        let is_of_chain = |name: &&String| is_data(name) && self.world.list_of(name) == list;
        let mut at_a_glance = self.facts.wrong_at_a_glance.iter().filter(is_of_chain);
        let is_rotten = self.facts.wrong.iter().any(|name| is_of_chain(&name));
        !at_a_glance.any(|name| self.world.files.contains(name))
            && (is_rotten || !self.facts.wrong_at_a_glance.contains(list))
    }

    /// A backup on top of damage: only quick, only where no size changed, and only until somebody looks.
    fn built_on_damage(
        &mut self,
        flags: &str,
        what: &str,
        here: &Site<'_>,
        fs: &SimFs,
        clock: &TestClock,
        newest: &Ran,
    ) {
        let is_excused = flags == "Q" && self.looks_right();
        self.ensure(is_excused, || {
            format!(
                "{what}: status 0, then -R -w: status {}, {} bytes: {}",
                newest.status,
                newest.stdout.len(),
                newest.stderr
            )
        });
        if !is_excused {
            return;
        }
        self.seen.exceptions.push("-BQ: went on behind what changed without its size");
        let ran = self.run(&format!("{what}, then -V"), || here.verify());
        self.ensure(ran.status == 1, || format!("{what} built on damage and -V finds nothing"));
        let image = fs.image();
        let again = SimFs::on(image);
        let clock = TestClock::at(clock.seconds());
        clock.pass(Duration::from_secs(60));
        again.set_time(classic::Clock::now(&clock));
        again.put(Path::new(FILE), &self.world.grown_again).unwrap();
        let there = site(&again, &clock);
        let ran = self.run(&format!("{what}, then -B"), || there.backup(""));
        let newest = self.run(&format!("{what}, -B, then -R -w"), || there.recover(&["-w"]));
        self.ensure(ran.status == 0 && newest.status == 0 && newest.stdout == self.world.grown_again, || {
            format!("{what}, then -B builds on it too: {}{}", ran.stderr, newest.stderr)
        });
    }
}

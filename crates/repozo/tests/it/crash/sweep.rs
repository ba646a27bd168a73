//! A story is told once; then it is cut behind every operation of its act, and each disk that the cut may leave
//! is looked at. So is, for some of them, each disk that a second cut leaves, during the run that heals the first.

use super::blobs::{BLOBS, TARGET_BLOBS};
use super::story::{Act, Deed, FILE, LINK, Story, TARGET, Target, World, index_of, site};
use crate::judge::{Known, Site, State, Violation, blobs, ensure, truth};
use filestorage::BlobLayout;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use testkit::{Ran, TestClock};
use vfs::sim::{Image, SimFs};

/// The next run is made when what Python left is old enough to be taken away.
const NEXT_RUN_SECONDS: u64 = 25 * 60 * 60;

/// How much is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depth {
    /// Disks a cut, and a second cut.
    pub(super) outcome_limit: usize,
    pub(super) second_outcome_limit: usize,
    /// Every which disk is cut a second time.
    pub(super) second_stride: u64,
    /// Behind every which operation it is cut, besides the last.
    pub(super) cut_stride: usize,
}

impl Depth {
    /// Many blobs make many operations, much like each other, and blobs are restored from each disk.
    fn of(self, story: &Story) -> Depth {
        if !story.has_blobs {
            return self;
        }
        let (part, cut_stride) = if story.is_long { (4, 4) } else { (6, 1) };
        let second_stride = self.second_stride * if story.is_long { 24 } else { 12 };
        Depth { outcome_limit: self.outcome_limit / part, second_stride, cut_stride, ..self }
    }
}

/// What was seen of one story.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) states: Mutex<HashSet<(u64, u64)>>,
    pub(super) violations: Mutex<Vec<String>>,
}

impl Tally {
    /// Whether a disk was not looked at before, under the same circumstances.
    fn is_new(&self, image: &Image, circumstances: u64) -> bool {
        self.states.lock().unwrap().insert((image.digest(), circumstances))
    }

    fn note(&self, place: impl FnOnce() -> String, violation: &Violation) {
        self.violations.lock().unwrap().push(format!("{}: {violation}", place()));
    }

    pub(super) fn state_count(&self) -> usize {
        self.states.lock().unwrap().len()
    }
}

/// A story that was told to its end.
pub(super) struct Told {
    /// The disk before the act, and the time of it.
    pub(super) before: Image,
    pub(super) seconds: u64,
    pub(super) act: Act,
    fs: SimFs,
    began_count: usize,
    end_count: usize,
    next_seconds: u64,
    /// The database at the run behind the first cut, and behind the second.
    grown: State,
    grown_again: State,
    /// How its blob directory is laid out, if it has one.
    layout: Option<BlobLayout>,
}

/// Tells a story, with the chances that `seed` gives.
pub(super) fn tell(story: &Story, seed: u64) -> Told {
    let mut world = World::new(seed, story.has_blobs);
    (story.begin)(&mut world);
    let (before, began_count, seconds) =
        (world.fs.image(), world.fs.operation_count(), world.clock.seconds());
    let act = world.act(story.deed);
    let fs = SimFs::clone(&world.fs);
    let end_count = fs.operation_count();
    world.pass(NEXT_RUN_SECONDS);
    let next_seconds = world.clock.seconds();
    world.grow();
    let grown = world.state();
    world.pass(60);
    world.grow();
    let grown_again = world.state();
    let layout = world.blobs.map(|blobs| blobs.layout);
    Told { before, seconds, act, fs, began_count, end_count, next_seconds, grown, grown_again, layout }
}

/// Tells a story and cuts it everywhere; how many operations its act has.
pub(super) fn sweep(story: &Story, seed: u64, depth: Depth, once: &Tally, twice: &Tally) -> usize {
    let told = tell(story, seed);
    let (began_count, end_count) = (told.began_count, told.end_count);
    let depth = depth.of(story);
    let first = began_count + usize::try_from(seed).unwrap() % depth.cut_stride;
    for cut in (first..end_count).step_by(depth.cut_stride).chain([end_count]) {
        let wreck = told.fs.wreck(cut);
        let power_cut = wreck.outcomes(depth.outcome_limit, seed ^ cut as u64);
        let images = std::iter::once((true, wreck.after_a_kill()))
            .chain(power_cut.into_iter().map(|image| (false, image)));
        for (number, (killed, image)) in images.enumerate() {
            let ended = cut == end_count;
            let known = told.known(ended, killed);
            if !once.is_new(&image, u64::from(ended) << 1 | u64::from(known.lossy)) {
                continue;
            }
            let place = || format!("{}, seed {seed}, cut {cut} of {end_count}, disk {number}", story.name);
            let due = if ended { Due::DATABASE_AND_INDEX } else { Due::NOTHING };
            match told.examine(&image, &known, due) {
                Ok(examined) if image.digest() % depth.second_stride == 0 => {
                    told.cut_again(&examined, depth, twice, &place);
                }
                Ok(_) => {}
                Err(violation) => once.note(place, &violation),
            }
        }
    }
    end_count - began_count
}

/// What has to be at a recovery's target by now.
#[derive(Clone, Copy)]
pub(super) struct Due {
    pub(super) database: bool,
    pub(super) index: bool,
}

impl Due {
    const DATABASE_AND_INDEX: Due = Due { database: true, index: true };
    const NOTHING: Due = Due { database: false, index: false };
}

/// What a look at a disk showed: what is known of it since, and the run that healed it.
pub(super) struct Examined {
    known: Known,
    /// What is known since that run was acknowledged.
    behind: Known,
    flags: &'static str,
    fs: SimFs,
    began_count: usize,
    digest: u64,
}

impl Told {
    fn clock(&self) -> TestClock {
        TestClock::at(self.next_seconds)
    }

    pub(super) fn has_blobs(&self) -> bool {
        self.layout.is_some()
    }

    /// The places of the story on a disk.
    fn site<'a>(&self, fs: &'a SimFs, clock: &'a TestClock) -> Site<'a> {
        site(fs, clock, self.has_blobs())
    }

    fn put(&self, fs: &SimFs, state: &State) {
        if let Some(layout) = self.layout {
            let put = |path: &Path, bytes: &[u8]| fs.put(path, bytes);
            blobs::put_blobs(fs, Path::new(BLOBS), &state.bytes, layout, &put);
        }
        fs.put(Path::new(FILE), &state.bytes).unwrap();
    }

    /// States restore with their blobs, to another disk that begins as this one.
    fn blobs_restore(&self, fs: &SimFs, known: &Known, clock: &TestClock) -> Result<(), Violation> {
        if self.layout.is_none() {
            return Ok(());
        }
        let mut image = fs.image();
        let pick = image.digest();
        image.make_dir(Path::new("/scratch")).unwrap();
        let fs = SimFs::on(image);
        blobs::some_restore(&self.site(&fs, clock), known, Path::new("/scratch"), pick >> 16)
    }

    /// What is known behind a run that was acknowledged, of its blobs too: not that of the story, another one.
    pub(super) fn acknowledge(&self, fs: &SimFs, clock: &TestClock, mut known: Known) -> Known {
        if self.has_blobs() {
            known.blobs = self.act.during.blobs.clone();
            blobs::acknowledge(&self.site(fs, clock), &mut known);
        }
        known
    }

    /// Does once more what the act did.
    pub(super) fn run_again(&self, fs: &SimFs, deed: Deed, clock: &TestClock) -> Ran {
        let site = self.site(fs, clock);
        match (&self.act.target, deed) {
            (Some(target), _) => target.fill_again(&site),
            (None, Deed::Forget) => site.forget().0,
            (None, Deed::Backup(flags)) => site.backup(flags),
            _ => unreachable!("only our own program is killed"),
        }
    }

    /// What the act filled.
    pub(super) fn target(&self) -> Option<&Target> {
        self.act.target.as_ref()
    }

    /// What is known of a disk; if the program was `killed`, the machine went on, and nothing was lost.
    pub(super) fn known(&self, ended: bool, killed: bool) -> Known {
        let known = if ended { &self.act.after } else { &self.act.during };
        Known { lossy: known.by_python && !killed, ..known.clone() }
    }

    /// Looks at a disk as it is, and as the next run leaves it.
    pub(super) fn examine(&self, image: &Image, known: &Known, due: Due) -> Result<Examined, Violation> {
        let (fs, clock) = (SimFs::on(image.clone()), self.clock());
        fs.set_time(classic::Clock::now(&clock));
        let site = self.site(&fs, &clock);
        site.verdict(known)?;
        let newest = site.newest(known)?;
        site.all_restore(known)?;
        self.blobs_restore(&fs, known, &clock)?;
        ensure(fs.operation_count() == 0, 'a', || "looking changed the disk".to_owned())?;
        if let Some(target) = &self.act.target {
            self.check_target(&fs, due)?;
            let ran = target.fill_again(&site);
            ensure(ran.status == 0, 'f', || format!("the target cannot be filled again: {}", ran.stderr))?;
            self.check_target(&fs, Due::DATABASE_AND_INDEX)?;
            self.check_litter(&fs, target)?;
        }
        // What can be had once can be had from then on.
        let known = since(known, newest.as_ref());
        self.put(&fs, &self.grown);
        let began_count = fs.operation_count();
        let digest = image.digest();
        let flags = ["Q", "", "Qz", "F", "Fk"][usize::try_from(digest >> 32).unwrap() % 5];
        let behind = site.next_run(&known, flags, &self.grown)?;
        self.blobs_restore(&fs, &behind, &clock)?;
        Ok(Examined { known, behind, flags, fs, began_count, digest })
    }

    fn check_litter(&self, fs: &SimFs, target: &Target) -> Result<(), Violation> {
        let names = ["/restored", "/linked"].map(|dir| fs.image().names(Path::new(dir))).concat();
        let has_blobs = self.layout.is_some();
        let is_known = |name: &&String| match name.as_str() {
            "Data.fs" | "Data.fs.index" => true,
            "Data.fs.lock" => has_blobs || target.is_in_place(),
            other => has_blobs && other == "blobs",
        };
        let litter = names.iter().filter(|name| !is_known(name));
        ensure(litter.count() == 0, 'e', || format!("{names:?}"))?;
        let litter = blobs::litter(fs, Path::new(TARGET_BLOBS));
        ensure(litter.is_empty(), 'e', || format!("{litter:?}"))
    }

    /// Cuts the run that healed the first cut.
    fn cut_again(&self, first: &Examined, depth: Depth, tally: &Tally, place: &dyn Fn() -> String) {
        let end_count = first.fs.operation_count();
        for cut in first.began_count..=end_count {
            let wreck = first.fs.wreck(cut);
            for (number, image) in wreck.outcomes(depth.second_outcome_limit, cut as u64).iter().enumerate() {
                let ended = cut == end_count;
                // The same disk may be known to hold more or less.
                let circumstances = first.digest << 1 | u64::from(ended);
                if !tally.is_new(image, circumstances) {
                    continue;
                }
                if let Err(violation) = self.examine_again(image, first, ended) {
                    tally.note(
                        || format!("{}; then cut {cut} of {end_count}, disk {number}", place()),
                        &violation,
                    );
                }
            }
        }
    }

    fn examine_again(&self, image: &Image, first: &Examined, ended: bool) -> Result<(), Violation> {
        let Examined { known, behind, flags, .. } = first;
        let known = if ended { behind.clone() } else { known.during(flags, &self.grown) };
        let (fs, clock) = (SimFs::on(image.clone()), self.clock());
        clock.pass(Duration::from_secs(60));
        fs.set_time(classic::Clock::now(&clock));
        let site = self.site(&fs, &clock);
        site.verdict(&known)?;
        let newest = site.newest(&known)?;
        site.all_restore(&known)?;
        self.blobs_restore(&fs, &known, &clock)?;
        let known = since(&known, newest.as_ref());
        self.put(&fs, &self.grown_again);
        let flags = ["Q", ""][usize::from(image.digest() & 1 == 1)];
        let behind = site.next_run(&known, flags, &self.grown_again)?;
        self.blobs_restore(&fs, &behind, &clock)
    }

    /// The target is the old database or the complete new one; an index beside any of its names is its own.
    fn check_target(&self, fs: &SimFs, due: Due) -> Result<(), Violation> {
        let Some(target) = &self.act.target else { return Ok(()) };
        let mut data = truth::read(fs, Path::new(TARGET));
        if target.is_in_place() && !due.database {
            data = data.map(|data| truth::visible(&data).to_vec());
        }
        let is_new = data.as_ref() == Some(&target.new.0);
        let is_old = data.as_ref() == target.old.as_ref().map(|old| &old.0);
        ensure(is_new || is_old && !due.database, 'f', || {
            "the target is neither the old nor the new database".to_owned()
        })?;
        if self.layout.is_some() {
            let (dir, data) = (Path::new(TARGET_BLOBS), data.unwrap_or_else(|| b"FS30".to_vec()));
            blobs::check_dir(fs, dir, &data, &target.new.0, &std::collections::BTreeSet::new())?;
        }
        let old_index = target.old.as_ref().map(|old| &old.1);
        let own = if is_new { Some(&target.new.1) } else { old_index };
        // An index of the beginning is one of the whole: ZODB reads on behind it.
        let has_grown = target.old.as_ref().is_some_and(|old| target.new.0.starts_with(&old.0));
        let of_beginning = old_index.filter(|_| target.is_in_place() && has_grown && !due.index);
        for name in [TARGET, LINK] {
            let index = truth::read(fs, &index_of(name));
            let is_own = index.as_ref() == own || index.as_ref() == of_beginning;
            ensure(index.is_none() || is_own, 'f', || format!("the index of {name} is not its own"))?;
            ensure(index.is_some() || !due.index || name != target.given, 'f', || {
                format!("{name} has no index")
            })?;
        }
        Ok(())
    }
}

/// What is known once `newest` was restored: it may not be lost any more.
pub(crate) fn since(known: &Known, newest: Option<&State>) -> Known {
    let mut known = known.clone();
    if let Some(state) = known.in_flight.take_if(|state| newest.is_some_and(|newest| newest == state)) {
        known.acknowledged.push(state);
    }
    known
}

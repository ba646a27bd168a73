//! What is done on the simulated disk: something to begin with, and the act whose every operation is cut.

use super::blobs::{self, Blobs};
use super::python;
use crate::judge::blobs::{KnownBlobs, put_blobs};
use crate::judge::truth::{true_index, visible};
use crate::judge::{Known, Site, State};
use filestorage::{BlobLayout, Tid};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use testkit::{Database, Ran, TestClock};
use vfs::Fs;
use vfs::sim::{Image, SimFs};

pub(super) const REPOSITORY: &str = "/backups";
pub(super) const FILE: &str = "/srv/Data.fs";
/// Where a recovery goes; the second is a link to the first.
pub(super) const TARGET: &str = "/restored/Data.fs";
pub(super) const LINK: &str = "/linked/Data.fs";
/// 2023-11-14-22-13-20.
const START: u64 = 1_700_000_000;

/// A database, a repository, and the disk that they are on.
pub(super) struct World {
    pub(super) fs: SimFs,
    pub(super) clock: TestClock,
    pub(super) database: Database,
    pub(super) random: fastrand::Rng,
    /// The backups so far.
    pub(super) states: Vec<State>,
    /// The blobs of the database, if it has any.
    pub(super) blobs: Option<Blobs>,
}

/// What was done, and what is known of the repository when it is cut, and behind it.
pub(super) struct Act {
    pub(super) during: Known,
    pub(super) after: Known,
    pub(super) target: Option<Target>,
}

/// The target of a recovery: what was there, and what is to be there.
pub(super) struct Target {
    /// By which of its names it was recovered.
    pub(super) given: &'static str,
    /// What filled it.
    pub(super) by: Filling,
    pub(super) old: Option<(Vec<u8>, Vec<u8>)>,
    pub(super) new: (Vec<u8>, Vec<u8>),
}

/// How a target is filled.
#[derive(Clone, Copy)]
pub(super) enum Filling {
    /// By a recovery of the newest state.
    Recovery,
    /// By a restore of the state behind a transaction.
    Restore(Tid),
    /// In its place.
    Update {
        /// The last transaction.
        tid: Tid,
        /// Whether only places are compared.
        quick: bool,
    },
}

impl Target {
    /// Does what fills it.
    pub(super) fn fill(&self, site: &Site<'_>) -> Ran {
        self.fill_by(site, self.by)
    }

    /// Does it once more: a blob directory that was begun is completed only if that is asked for.
    pub(super) fn fill_again(&self, site: &Site<'_>) -> Ran {
        match self.by {
            Filling::Restore(tid) if site.blobs.is_some() => {
                self.fill_by(site, Filling::Update { tid, quick: false })
            }
            by => self.fill_by(site, by),
        }
    }

    fn fill_by(&self, site: &Site<'_>, by: Filling) -> Ran {
        let given = Path::new(self.given);
        match by {
            Filling::Recovery => site.recover_to(given),
            Filling::Restore(tid) => site.restore_to(given, tid),
            Filling::Update { tid, quick } => site.update_to(given, tid, quick),
        }
    }

    /// Whether the file that is there changes in its place: what ZODB makes of it counts then.
    pub(super) fn is_in_place(&self) -> bool {
        matches!(self.by, Filling::Update { .. })
    }
}

/// What is done before, and the act that is cut.
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) begin: fn(&mut World),
    pub(super) deed: Deed,
    /// Whether the database has blobs, which are backed up and restored with it.
    pub(super) has_blobs: bool,
    /// Whether its act has so many operations that fewer disks are looked at behind each.
    pub(super) is_long: bool,
}

/// A run of a program.
#[derive(Clone, Copy)]
pub(super) enum Deed {
    /// `-B` with these flags.
    Backup(&'static str),
    /// `-R` to this target.
    Recover(&'static str),
    /// `restore` of any transaction to this target.
    Restore(&'static str),
    /// `restore --update` of any transaction in the place of this target.
    Update(&'static str),
    /// `forget` of all but the last backup, and those that are held.
    Forget,
    /// Python's repozo.
    Python(fn(&mut World) -> Act),
}

const fn story(name: &'static str, begin: fn(&mut World), deed: Deed) -> Story {
    Story { name, begin, deed, has_blobs: false, is_long: false }
}

/// All of databases without blobs.
const STORIES: [Story; 23] = [
    story("first full", |_| {}, Deed::Backup("")),
    story("first full -z", |_| {}, Deed::Backup("z")),
    story("incremental -Q", World::chain_and_growth, Deed::Backup("Q")),
    story("incremental", World::chain_and_growth, Deed::Backup("")),
    story("incremental -Qz", World::chain_and_growth, Deed::Backup("Qz")),
    story("incremental -z", World::chain_and_growth, Deed::Backup("z")),
    story("nothing to do", World::chain, Deed::Backup("")),
    story("full after a pack, -Q", World::chain_and_pack, Deed::Backup("Q")),
    story("full -F -k over several chains", World::several_chains, Deed::Backup("Fk")),
    story("full -F -z -k over several chains", World::several_chains, Deed::Backup("Fzk")),
    story("recover to a new target", World::chain, Deed::Recover(TARGET)),
    story("recover over a database with its index", World::chain_and_target, Deed::Recover(TARGET)),
    story("recover through a link", World::chain_and_linked_target, Deed::Recover(LINK)),
    story("restore a transaction over a database", World::chain_and_target, Deed::Restore(TARGET)),
    story("update a database that lacks something", World::chain_and_earlier_target, Deed::Update(TARGET)),
    story("update a database that has too much", World::chain_and_later_target, Deed::Update(LINK)),
    story("forget chains and the ends of others", World::several_chains_and_a_hold, Deed::Forget),
    story("Python's first full", |_| {}, Deed::Python(|world| python::full(world, false, false))),
    story(
        "Python's full -z behind a chain",
        World::chain_and_growth,
        Deed::Python(|world| python::full(world, true, false)),
    ),
    story(
        "Python's full -k over several chains",
        World::several_chains,
        Deed::Python(|world| python::full(world, false, true)),
    ),
    story(
        "Python's incremental",
        World::chain_and_growth,
        Deed::Python(|world| python::incremental(world, false)),
    ),
    story(
        "Python's incremental -z",
        World::chain_and_growth,
        Deed::Python(|world| python::incremental(world, true)),
    ),
    story(
        "Python's incremental behind Python's full",
        python::chain_and_growth,
        Deed::Python(|world| python::incremental(world, false)),
    ),
];

/// All of them.
pub(super) fn stories() -> impl Iterator<Item = &'static Story> {
    STORIES.iter().chain(&blobs::STORIES)
}

impl World {
    pub(super) fn new(seed: u64, has_blobs: bool) -> World {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut image = Image::default();
        for dir in [REPOSITORY, "/srv", "/restored", "/linked"] {
            image.make_dir(Path::new(dir)).unwrap();
        }
        image.make_link(Path::new(LINK), Path::new("../restored/Data.fs")).unwrap();
        let mut database = Database::with_transactions(random.u64(2..16));
        if random.bool() {
            database.commit(&[(random.u64(0..9), random.usize(1..9000))]);
        }
        let layout = if seed.is_multiple_of(2) { BlobLayout::Bushy } else { BlobLayout::Lawn };
        let blobs = Blobs { layout, known: KnownBlobs::default(), are_backed_up: true };
        let mut world = World {
            fs: SimFs::on(image),
            clock: TestClock::at(START),
            database,
            random,
            states: Vec::new(),
            blobs: has_blobs.then_some(blobs),
        };
        if has_blobs {
            world.commit_blobs(3);
        }
        world.put_database();
        world.pass(0);
        world
    }

    pub(super) fn site(&self) -> Site<'_> {
        site(&self.fs, &self.clock, self.blobs.as_ref().is_some_and(|blobs| blobs.are_backed_up))
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.pass(Duration::from_secs(seconds));
        self.fs.set_time(classic::Clock::now(&self.clock));
    }

    pub(super) fn put_database(&self) {
        if let Some(blobs) = &self.blobs {
            let put = |path: &Path, bytes: &[u8]| self.fs.put(path, bytes);
            put_blobs(&self.fs, Path::new(blobs::BLOBS), self.database.bytes(), blobs.layout, &put);
        }
        self.fs.put(Path::new(FILE), self.database.bytes()).unwrap();
    }

    pub(super) fn grow(&mut self) {
        let random = &mut self.random;
        let records: Vec<_> =
            (0..random.u64(1..4)).map(|_| (random.u64(0..400), random.usize(1..900))).collect();
        self.database.commit(&records);
        if self.blobs.is_some() {
            let count = self.random.u64(0..3);
            self.commit_blobs(count);
        }
        self.put_database();
    }

    /// The state of now, as a backup of now has it.
    pub(super) fn state(&self) -> State {
        let date = classic::Stamp::at(classic::Clock::now(&self.clock)).unwrap().to_string();
        State { date, bytes: Arc::new(self.database.bytes().to_vec()) }
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.random.usize(..all.len())]
    }

    pub(super) fn act(&mut self, deed: Deed) -> Act {
        match deed {
            Deed::Backup(flags) => self.backup(flags),
            Deed::Recover(given) => self.recover(given),
            Deed::Restore(given) => self.restore(given),
            Deed::Update(given) => self.update(given),
            Deed::Forget => self.forget(),
            Deed::Python(act) => act(self),
        }
    }

    /// Backs up, as an act or to begin with.
    pub(super) fn backup(&mut self, flags: &str) -> Act {
        let known = self.known();
        let state = self.state();
        let is_new = self.states.last().is_none_or(|last| last.bytes != state.bytes);
        self.site().backup(flags).expect_success();
        if !is_new && !flags.contains('F') {
            return Act { during: known.clone(), after: self.with_blobs(known), target: None };
        }
        let after = self.with_blobs(known.behind(flags, &state));
        let during = known.during(flags, &state);
        self.states.push(state);
        Act { during, after, target: None }
    }

    /// A full and some incrementals, and a minute behind them.
    pub(super) fn chain(&mut self) {
        let flags = self.one_of(&["F", "Fz"]);
        self.backup(flags);
        for _ in 0..self.random.u8(0..4) {
            self.pass(60);
            self.grow();
            let flags = self.one_of(&["Q", "Qz", "", "z"]);
            self.backup(flags);
        }
        self.pass(60);
    }

    pub(super) fn chain_and_growth(&mut self) {
        self.chain();
        self.grow();
    }

    fn chain_and_pack(&mut self) {
        self.chain();
        self.database.pack(1);
        self.grow();
    }

    fn several_chains(&mut self) {
        for _ in 0..self.random.u8(2..4) {
            self.chain();
            self.grow();
        }
    }

    /// Any one of the backups is held, so that the end of its chain may go.
    pub(super) fn several_chains_and_a_hold(&mut self) {
        self.several_chains();
        let held = self.random.usize(..self.states.len());
        let date = self.states[held].date.clone();
        self.site().hold(&date).expect_success();
    }

    fn forget(&mut self) -> Act {
        let before = self.states.clone();
        let (ran, kept) = self.site().forget();
        ran.expect_success();
        let (acknowledged, deletable) = before.into_iter().partition(|state| kept.contains(&state.date));
        let known = Known { acknowledged, deletable, forgets: true, ..self.known() };
        Act { during: known.clone(), after: known, target: None }
    }

    fn chain_and_target(&mut self) {
        self.chain();
        let old = Database::of_another_history(self.random.u64(1..9));
        self.fs.put(Path::new(TARGET), old.bytes()).unwrap();
        self.fs.put(&index_of(TARGET), &true_index(old.bytes())).unwrap();
    }

    /// The database was opened by both of its names, so both have an index.
    fn chain_and_linked_target(&mut self) {
        self.chain_and_target();
        let index = crate::judge::truth::read(&self.fs, &index_of(TARGET)).unwrap();
        self.fs.put(&index_of(LINK), &index).unwrap();
    }

    fn recover(&mut self, given: &'static str) -> Act {
        let old = self.target();
        self.site().recover_to(Path::new(given)).expect_success();
        let new = self.states.last().unwrap().bytes.to_vec();
        self.replacing(given, Filling::Recovery, old, new)
    }

    /// Any transaction: those that the backups ended with, and all between.
    fn restore(&mut self, given: &'static str) -> Act {
        let old = self.target();
        let number = self.random.usize(1..=self.database.count());
        let tid = self.database.tid(number);
        self.site().restore_to(Path::new(given), tid).expect_success();
        let new = self.database.up_to(number).to_vec();
        self.replacing(given, Filling::Restore(tid), old, new)
    }

    /// A chain, and a target that has so many of its transactions, perhaps with the beginning of another one.
    fn chain_and_target_of(&mut self, count: usize) {
        let bytes = self.database.up_to(count).to_vec();
        let mut file = bytes.clone();
        if self.random.bool() {
            let next = self.database.up_to(count + 1).get(bytes.len()..).unwrap_or(b"half").to_vec();
            file.extend_from_slice(&next[..self.random.usize(..=next.len().min(40))]);
            if let Some(status) = file.get_mut(bytes.len() + 16) {
                *status = b'c';
            }
        }
        self.fs.put(Path::new(TARGET), &file).unwrap();
        self.fs.put(&index_of(TARGET), &true_index(&bytes)).unwrap();
    }

    fn chain_and_earlier_target(&mut self) {
        self.chain_and_growth();
        self.backup("Q");
        let count = self.random.usize(1..self.database.count());
        self.chain_and_target_of(count);
    }

    fn chain_and_later_target(&mut self) {
        self.chain_and_growth();
        self.backup("Q");
        self.chain_and_target_of(self.database.count() - 1);
    }

    /// To the end of the backups, or, of a target that is nearly there, to somewhere before.
    fn update(&mut self, given: &'static str) -> Act {
        let old = self.target().map(|(data, index)| (visible(&data).to_vec(), index));
        let (count, quick) = (self.database.count(), self.random.bool());
        let is_later = old.as_ref().is_some_and(|old| old.0.len() == self.database.up_to(count - 1).len());
        let number = if is_later { self.random.usize(1..count) } else { count };
        let tid = self.database.tid(number);
        let ran = self.site().update_to(Path::new(given), tid, quick).expect_success();
        let told = String::from_utf8(ran.stdout).unwrap();
        assert!(!told.contains("as a whole"), "{told}");
        let new = self.database.up_to(number).to_vec();
        self.replacing(given, Filling::Update { tid, quick }, old, new)
    }

    /// What is at the target, and its index.
    fn target(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let content = |path: &Path| crate::judge::truth::read(&self.fs, path);
        content(Path::new(TARGET)).zip(content(&index_of(TARGET)))
    }

    fn replacing(
        &self,
        given: &'static str,
        by: Filling,
        old: Option<(Vec<u8>, Vec<u8>)>,
        new: Vec<u8>,
    ) -> Act {
        let index = true_index(&new);
        let known = self.known();
        Act {
            during: known.clone(),
            after: known,
            target: Some(Target { given, by, old, new: (new, index) }),
        }
    }
}

/// Where ZODB looks for the index of a database.
pub(super) fn index_of(name: &str) -> PathBuf {
    format!("{name}.index").into()
}

/// The places of a world on another disk.
pub(super) fn site<'a>(fs: &'a dyn Fs, clock: &'a TestClock, has_blobs: bool) -> Site<'a> {
    let blobs = has_blobs.then_some(Path::new(blobs::BLOBS));
    Site { fs, clock, repository: Path::new(REPOSITORY), file: Path::new(FILE), blobs }
}

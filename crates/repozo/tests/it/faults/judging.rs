//! What must be true behind a run that met a fault.

use super::scenario::{Places, Prepared, Scenario, Verb, contents};
use crate::common::dir_in_memory;
use crate::judge::truth::{self, true_index};
use crate::judge::{Known, Site, State, Violation, blobs, ensure};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use testkit::TestClock;
use vfs::OsFs;

/// How the next run is made, a minute later.
const NEXT_RUN: Duration = Duration::from_secs(60);

/// What is known of how a run ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// Whether it said, with status 0, that all was done.
    pub(super) acknowledged: bool,
    /// Whether it could tidy up: it was not killed, and removing was not what failed.
    pub(super) tidies: bool,
}

/// Everything that must hold, then the next run.
pub(super) fn judge(
    scenario: &Scenario,
    prepared: &Prepared,
    places: &Places,
    end: End,
) -> Result<(), Violation> {
    let known = judge_as_it_is(scenario, prepared, places, end)?;
    judge_next_run(scenario, prepared, places, &known)
}

/// A clock a minute behind the binary's.
fn later() -> TestClock {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let clock = TestClock::at(now.as_secs());
    clock.pass(NEXT_RUN);
    clock
}

fn state_of_now(clock: &TestClock, bytes: &Arc<Vec<u8>>) -> State {
    let date = classic::Stamp::at(classic::Clock::now(clock)).unwrap().to_string();
    State { date, bytes: Arc::clone(bytes) }
}

fn known(scenario: &Scenario, prepared: &Prepared, end: End, clock: &TestClock) -> Known {
    // Any moment from the backup on is a date that gives it.
    let new = prepared.new.as_ref().map(|bytes| state_of_now(clock, bytes));
    let (before, going) = (prepared.states.clone(), prepared.going.clone());
    let mut known = if scenario.kills_old() {
        Known { deletable: [going, before].concat(), in_flight: new, ..Known::default() }
    } else {
        Known { acknowledged: before, deletable: going, in_flight: new, ..Known::default() }
    };
    known.forgets = scenario.verb == Verb::Forget;
    if scenario.has_blobs {
        let with_all = |state: &State| (state.date.clone(), blobs::Extent::All);
        known.blobs.of = prepared.states.iter().map(with_all).collect();
    }
    if end.acknowledged {
        known.acknowledged.extend(known.in_flight.take());
    }
    known
}

/// The places of a run, for the program in this process.
fn at<T>(scenario: &Scenario, places: &Places, clock: &TestClock, look: impl FnOnce(&Site<'_>) -> T) -> T {
    let (repository, file, blobs) = (places.repository(), places.file(), places.blobs());
    let blobs = scenario.has_blobs.then_some(blobs.as_path());
    look(&Site { fs: &OsFs, clock, repository: &repository, file: &file, blobs })
}

/// The newest state and one other come with their blobs.
fn check_blobs(site: &Site<'_>, known: &Known, pick: u64) -> Result<(), Violation> {
    if site.blobs.is_none() {
        return Ok(());
    }
    // Where there is room: the disk of the run may be full.
    let scratch = dir_in_memory();
    blobs::some_restore(site, known, scratch.path(), pick)
}

/// Judges the repository and the target as the run left them, and writes nothing; what is known
/// of the repository since.
pub(super) fn judge_as_it_is(
    scenario: &Scenario,
    prepared: &Prepared,
    places: &Places,
    end: End,
) -> Result<Known, Violation> {
    let known = known_as_it_is(scenario, prepared, places, end)?;
    if !scenario.writes() {
        let is_same = contents(&places.repository()) == prepared.repository();
        ensure(is_same, 'a', || "a run that only reads changed the repository".to_owned())?;
    } else if end.tidies {
        let litter = truth::litter(&OsFs, &places.repository(), false);
        let of_before = |name: &String| {
            let is_old = prepared.repository().iter().any(|(old, _)| old == name);
            // A removal that had begun is gone on with by the next run.
            is_old && name.ends_with(".part")
                || name.ends_with(".removed") && (is_old || scenario.kills_old() || scenario.verb == Verb::Forget)
                // What goes behind its data file goes with the next run.
                || is_old && scenario.verb == Verb::Forget
        };
        let litter: Vec<_> = litter.iter().filter(|name| !of_before(name)).collect();
        ensure(litter.is_empty(), 'e', || format!("the run failed and left {litter:?}"))?;
    }
    match scenario.verb {
        Verb::RecoverToFile => check_target(scenario, prepared, places, end.acknowledged)?,
        Verb::RecoverToStdout if end.acknowledged => {
            let newest = prepared.states.last().map(|state| state.bytes.as_slice());
            let printed = std::fs::read(places.stdout()).unwrap();
            ensure(newest == Some(&printed), 'b', || "standard output is not the newest state".to_owned())?;
        }
        _ => {}
    }
    Ok(known)
}

fn known_as_it_is(
    scenario: &Scenario,
    prepared: &Prepared,
    places: &Places,
    end: End,
) -> Result<Known, Violation> {
    let clock = later();
    at(scenario, places, &clock, |site| known_at(scenario, prepared, end, site))
}

fn known_at(scenario: &Scenario, prepared: &Prepared, end: End, site: &Site<'_>) -> Result<Known, Violation> {
    let mut known = known(scenario, prepared, end, site.clock);
    if scenario.has_blobs && scenario.verb == Verb::Backup && end.acknowledged {
        blobs::acknowledge(site, &mut known);
    }
    check_blobs(site, &known, 1)?;
    site.verdict(&known)?;
    let newest = site.newest(&known)?;
    site.all_restore(&known)?;
    let is_new = |newest: &State| Some(&newest.bytes) == prepared.new.as_ref();
    if scenario.kills_old() && !end.acknowledged && !newest.as_ref().is_some_and(is_new) {
        // Without the new full nothing may go.
        site.all_restore(&Known { acknowledged: prepared.states.clone(), ..known.clone() })?;
    }
    Ok(crate::crash::since(&known, newest.as_ref()))
}

/// The run that comes after: it succeeds, and all is well behind it.
fn judge_next_run(
    scenario: &Scenario,
    prepared: &Prepared,
    places: &Places,
    known: &Known,
) -> Result<(), Violation> {
    let clock = later();
    at(scenario, places, &clock, |site| judge_next_run_at(scenario, prepared, places, known, site))
}

fn judge_next_run_at(
    scenario: &Scenario,
    prepared: &Prepared,
    places: &Places,
    known: &Known,
    site: &Site<'_>,
) -> Result<(), Violation> {
    if scenario.verb == Verb::RecoverToFile {
        let target = places.target();
        // A blob directory that was begun is completed only if that is asked for.
        let ran = match prepared.states.last().filter(|_| scenario.has_blobs) {
            Some(state) => site.update_to(&target, last_tid(state), false),
            None => site.recover_to(&target),
        };
        ensure(ran.status == 0, 'f', || format!("the next recovery fails: {}", ran.stderr))?;
        check_target(scenario, prepared, places, true)?;
        let mut names = testkit::names(&places.dir.join("restored"));
        // Servers are kept out by it, and leave one, too.
        let is_updated = scenario.is_in_place() || scenario.has_blobs;
        names.retain(|name| !(is_updated && name == "Data.fs.lock" || scenario.has_blobs && name == "blobs"));
        let litter = blobs::litter(&OsFs, &places.target_blobs());
        ensure(litter.is_empty(), 'e', || format!("{litter:?}"))?;
        ensure(names == ["Data.fs", "Data.fs.index"], 'e', || format!("{names:?}"))?;
    }
    std::fs::write(site.file, &prepared.grown).unwrap();
    // A later second than that of what was judged.
    site.clock.pass(Duration::from_secs(1));
    let grown = state_of_now(site.clock, &Arc::new(prepared.grown.clone()));
    let behind = site.next_run(known, "Q", &grown)?;
    check_blobs(site, &behind, 2)
}

fn last_tid(state: &State) -> filestorage::Tid {
    let database = testkit::Database::of_bytes(&state.bytes);
    database.tid(database.count())
}

/// The target is the old database or the complete new one; an index beside it is its own.
fn check_target(
    scenario: &Scenario,
    prepared: &Prepared,
    places: &Places,
    acknowledged: bool,
) -> Result<(), Violation> {
    let (mut data, index) = (std::fs::read(places.target()).ok(), std::fs::read(places.target_index()).ok());
    if scenario.is_in_place() && !acknowledged {
        data = data.map(|data| truth::visible(&data).to_vec());
    }
    let new = prepared.states.last().unwrap();
    let old = prepared.old_target.as_ref();
    let is_new = data.as_ref() == Some(&*new.bytes);
    let is_old = data.as_ref() == old.map(|old| &old.0);
    ensure(is_new || is_old && !acknowledged, 'f', || {
        "the target is neither the old nor the new database".to_owned()
    })?;
    if scenario.has_blobs {
        let data = data.unwrap_or_else(|| b"FS30".to_vec());
        blobs::check_dir(
            &OsFs,
            &places.target_blobs(),
            &data,
            &new.bytes,
            &std::collections::BTreeSet::new(),
        )?;
    }
    let own = if is_new { Some(true_index(&new.bytes)) } else { old.map(|old| old.1.clone()) };
    // An index of the beginning is one of the whole: ZODB reads on behind it.
    let of_beginning =
        old.filter(|old| scenario.is_in_place() && !acknowledged && new.bytes.starts_with(&old.0));
    let is_own = index == own || of_beginning.is_some_and(|old| index.as_ref() == Some(&old.1));
    // Without an index ZODB makes one.
    ensure(index.is_none() || is_own, 'f', || "the index beside the target is not its own".to_owned())
}

//! A run is killed, on a machine that goes on; the next one, for the same, finds all that was done, some of it under its name
//! and not on the disk yet, and ends well. Then the power goes: what the second run said counts.

use super::failing::{Failure, failing, run};
use super::one_by_one;
use super::story::{Deed, Story, stories};
use super::sweep::{Due, Told, tell};
use crate::common::setting;
use crate::judge::{Known, State, Violation, ensure};
use std::sync::atomic::Ordering;
use std::time::Duration;
use testkit::TestClock;
use vfs::sim::SimFs;

/// Disks that are looked at behind the second run: that which has only what is sure to last.
const OUTCOME_LIMIT: usize = 1;

/// What is known behind the second run.
fn known(told: &Told, fs: &SimFs, clock: &TestClock) -> Known {
    let mut known = told.known(false, true);
    if let Some(State { bytes, .. }) = known.in_flight.take() {
        // Made by the first run or by the second, it is the state of any later moment.
        let date = classic::Stamp::at(classic::Clock::now(clock)).unwrap().to_string();
        known.acknowledged.push(State { date, bytes });
    }
    told.acknowledge(fs, clock, known)
}

/// Kills the n-th call, and goes on; how many disks were looked at, or `None` if there is no such call. `seen` says how many
/// operations there were when a run was killed before.
fn kill(told: &Told, deed: Deed, at: usize, seen: &mut Option<usize>) -> Result<Option<usize>, Violation> {
    let (fs, clock) = (SimFs::on(told.before.clone()), TestClock::at(told.seconds));
    fs.set_time(classic::Clock::now(&clock));
    let (hook, count) = failing(&fs, at, Failure::Death);
    run(&hook, told, deed, &clock);
    if count.load(Ordering::Relaxed) < at {
        return Ok(None);
    }
    if seen.replace(fs.operation_count()) == Some(fs.operation_count()) {
        return Ok(Some(0));
    }
    clock.pass(Duration::from_secs(60));
    fs.set_time(classic::Clock::now(&clock));
    let ran = told.run_again(&fs, deed, &clock);
    ensure(ran.status == 0, 'd', || format!("the second run ends with {}: {}", ran.status, ran.stderr))?;
    let known = known(told, &fs, &clock);
    let images = fs.wreck(fs.operation_count()).outcomes(OUTCOME_LIMIT, at as u64);
    for image in &images {
        told.examine(image, &known, Due { database: true, index: false })?;
    }
    Ok(Some(images.len()))
}

/// How many disks were looked at, and what was wrong.
fn kill_everywhere(story: &Story) -> (usize, Vec<String>) {
    let told = tell(story, 0);
    let (mut disk_count, mut violations, mut seen) = (0, Vec::new(), None);
    // What is done for each of many blobs is done over and over.
    let stride = if story.is_long { 5 } else { 1 };
    for at in (1..).step_by(stride) {
        match kill(&told, story.deed, at, &mut seen) {
            Ok(Some(count)) => disk_count += count,
            Ok(None) => break,
            Err(violation) => violations.push(format!("{}, call {at}: {violation}", story.name)),
        }
    }
    (disk_count, violations)
}

#[test]
fn what_a_run_says_that_goes_on_with_a_killed_one_survives_a_power_cut() {
    let only: Option<String> = setting("REPOZO_CRASH_ONLY");
    let ours = stories().filter(|story| !matches!(story.deed, Deed::Python(_)));
    let chosen: Vec<_> = ours.filter(|story| only.as_ref().is_none_or(|only| only == story.name)).collect();
    let seen: Vec<_> = one_by_one(|| chosen.into_iter().map(kill_everywhere).collect());
    let disk_count: usize = seen.iter().map(|(count, _)| count).sum();
    let violations: Vec<&String> = seen.iter().flat_map(|(_, violations)| violations).collect();
    assert!(violations.is_empty(), "{} of {disk_count}: {violations:#?}", violations.len());
    assert!(disk_count > 500 || only.is_some(), "{disk_count}");
}

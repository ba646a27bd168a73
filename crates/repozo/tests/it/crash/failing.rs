//! Every call of an act on the file system fails once, or is where the program dies: whatever comes of it, what was
//! acknowledged restores, an error is not silent, and the next run converges; also if the power goes behind it.

use super::one_by_one;
use super::story::{Deed, Story, site, stories};
use super::sweep::{Due, Told, tell};
use crate::common::setting;
use crate::judge::{Violation, ensure};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::{Call, HookFs, Ran, TestClock};
use vfs::Fs;
use vfs::sim::SimFs;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// How a call fails.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failure {
    /// It alone.
    Once(i32),
    /// It and every one behind it, so that nothing is tidied up either.
    Death,
}

/// Fails the n-th call on `fs`; how many there were.
pub(super) fn failing(fs: &SimFs, at: usize, failure: Failure) -> (HookFs, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let hook = HookFs::new(move |_: &Call| {
        let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
        match failure {
            Failure::Once(errno) if number == at => Err(std::io::Error::from_raw_os_error(errno)),
            Failure::Death if number >= at => Err(std::io::Error::from_raw_os_error(EIO)),
            _ => Ok(()),
        }
    });
    (hook.over(fs.clone()), count)
}

pub(super) fn run(fs: &dyn Fs, told: &Told, deed: Deed, clock: &TestClock) -> Ran {
    let site = site(fs, clock, told.has_blobs());
    match (deed, told.target()) {
        (Deed::Backup(flags), _) => site.backup(flags),
        (Deed::Forget, _) => site.forget().0,
        (_, Some(target)) => target.fill(&site),
        _ => unreachable!("only our own program is asked to bear it"),
    }
}

/// What is left when the n-th call fails; how many disks were looked at, or `None` if there is no such call.
fn fail(told: &Told, deed: Deed, at: usize, failure: Failure) -> Result<Option<usize>, Violation> {
    let outcome_limit = if told.has_blobs() { 1 } else { 4 };
    let (fs, clock) = (SimFs::on(told.before.clone()), TestClock::at(told.seconds));
    fs.set_time(classic::Clock::now(&clock));
    let (hook, count) = failing(&fs, at, failure);
    let ran = run(&hook, told, deed, &clock);
    if count.load(Ordering::Relaxed) < at {
        ran.expect_success();
        return Ok(None);
    }
    let ended = ran.status == 0;
    let line_count = ran.stderr.lines().count();
    ensure((1..=4).contains(&line_count) || ended && line_count == 0, 'c', || {
        format!("status {}, and it says: {}", ran.status, ran.stderr)
    })?;
    let mut known = told.known(ended, true);
    if ended {
        // It may have made a full of its own, for what could not be read.
        known = told.acknowledge(&fs, &clock, known);
    }
    // An index that cannot be read is not restored, and that is said: ZODB makes it anew.
    let due = Due { database: ended, index: ended && !ran.stderr.contains(".index") };
    let mut images = fs.wreck(fs.operation_count()).outcomes(outcome_limit, at as u64);
    images.push(fs.image());
    for image in &images {
        told.examine(image, &known, due)?;
    }
    Ok(Some(images.len()))
}

/// How many disks were looked at.
fn fail_everywhere(story: &Story) -> usize {
    let told = tell(story, 0);
    let mut disk_count = 0;
    // What is done for each of many blobs is done over and over, and all are restored each time; a prime meets each step.
    let stride = match (story.has_blobs, story.is_long) {
        (true, true) => 47,
        (true, false) => 5,
        _ => 1,
    };
    for failure in [Failure::Once(EIO), Failure::Once(ENOSPC), Failure::Death] {
        for at in (1..).step_by(stride) {
            match fail(&told, story.deed, at, failure) {
                Ok(Some(count)) => disk_count += count,
                Ok(None) => break,
                Err(violation) => panic!("{}, call {at}, {failure:?}: {violation}", story.name),
            }
        }
    }
    disk_count
}

#[test]
fn every_call_fails_once_and_is_once_where_the_program_dies() {
    let only: Option<String> = setting("REPOZO_CRASH_ONLY");
    let ours = stories().filter(|story| !matches!(story.deed, Deed::Python(_)));
    let chosen = ours.filter(|story| only.as_ref().is_none_or(|only| only == story.name));
    let disk_count: usize = one_by_one(|| chosen.map(fail_everywhere).sum());
    assert!(disk_count > 2000 || only.is_some(), "{disk_count}");
}

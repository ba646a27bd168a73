//! Every call of an act on the file system fails once, or is where the program dies: whatever comes of it, what was
//! acknowledged restores, an error is not silent, and the next run converges; also if the power goes behind it.

use super::story::{Deed, STORIES, site};
use super::sweep::{Due, Told, tell};
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
enum Failure {
    /// It alone.
    Once(i32),
    /// It and every one behind it, so that nothing is tidied up either.
    Death,
}

/// Fails the n-th call on `fs`; how many there were.
fn failing(fs: &SimFs, at: usize, failure: Failure) -> (HookFs, Arc<AtomicUsize>) {
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

fn run(fs: &dyn Fs, told: &Told, deed: Deed, clock: &TestClock) -> Ran {
    match (deed, told.target()) {
        (Deed::Backup(flags), _) => site(fs, clock).backup(flags),
        (Deed::Forget, _) => site(fs, clock).forget().0,
        (_, Some(target)) => target.fill(&site(fs, clock)),
        _ => unreachable!("only our own program is asked to bear it"),
    }
}

/// What is left when the n-th call fails; how many disks were looked at, or `None` if there is no such call.
fn fail(told: &Told, deed: Deed, at: usize, failure: Failure) -> Result<Option<usize>, Violation> {
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
    ensure((1..=3).contains(&line_count) || ended && line_count == 0, 'c', || {
        format!("status {}, and it says: {}", ran.status, ran.stderr)
    })?;
    let known = told.known(ended, true);
    // An index that cannot be read is not restored, and that is said: ZODB makes it anew.
    let due = Due { database: ended, index: ended && !ran.stderr.contains(".index") };
    let mut images = fs.wreck(fs.operation_count()).outcomes(4, at as u64);
    images.push(fs.image());
    for image in &images {
        told.examine(image, &known, due)?;
    }
    Ok(Some(images.len()))
}

#[test]
fn every_call_fails_once_and_is_once_where_the_program_dies() {
    let mut disk_count = 0;
    for story in STORIES.iter().filter(|story| !matches!(story.deed, Deed::Python(_))) {
        let told = tell(story, 0);
        for failure in [Failure::Once(EIO), Failure::Once(ENOSPC), Failure::Death] {
            for at in 1.. {
                match fail(&told, story.deed, at, failure) {
                    Ok(Some(count)) => disk_count += count,
                    Ok(None) => break,
                    Err(violation) => panic!("{}, call {at}, {failure:?}: {violation}", story.name),
                }
            }
        }
    }
    assert!(disk_count > 2000, "{disk_count}");
}

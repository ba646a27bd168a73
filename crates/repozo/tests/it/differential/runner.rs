//! Runs sequences on all processors, and shows one that fails as short as it can be made.

use super::step::Step;
use super::tally::Tally;
use super::world::{Held, World};
use crate::common::setting;
use crate::interop::site::Site;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// No more than so many failures are shown.
const SHOWN_FAILURES: usize = 3;

/// The first seed and the number of sequences, if the environment names them.
pub(crate) fn seeds() -> Option<(u64, u64)> {
    match (setting("REPOZO_DIFF_SEED"), setting("REPOZO_DIFF_COUNT")) {
        (None, None) => None,
        (seed, count) => Some((seed.unwrap_or(0), count.unwrap_or(1))),
    }
}

/// Runs the sequences of `count` seeds; panics with what failed.
#[expect(clippy::print_stdout, reason = "the table is what a long run is made for")]
pub(crate) fn run(first_seed: u64, count: u64) -> Tally {
    let next = AtomicU64::new(first_seed);
    let (all, failures) = (Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut site = Site::new();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first_seed + count || failures.lock().unwrap().len() >= SHOWN_FAILURES {
                        break;
                    }
                    match sequence(&mut site, &Step::sequence(seed)) {
                        Ok(tally) => all.lock().unwrap().add(&tally),
                        Err(_) => {
                            let failure = shortest_failure(&mut site, seed);
                            failures.lock().unwrap().push(failure);
                        }
                    }
                }
            });
        }
    });
    let (tally, failures) = (all.into_inner().unwrap(), failures.into_inner().unwrap());
    println!("{tally}");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    tally
}

/// What was compared, or the steps that were taken and what failed.
fn sequence(site: &mut Site, steps: &[Step]) -> Result<Tally, String> {
    let mut taken = String::new();
    let result = catch_unwind(AssertUnwindSafe(|| take_all(site, steps, &mut taken)));
    match result {
        Ok(Ok(tally)) => Ok(tally),
        Ok(Err(failure)) => Err(format!("{taken}{failure}")),
        Err(panic) => {
            // The oracle's process may be out of step.
            *site = Site::new();
            let text = panic.downcast_ref::<String>().map_or("a panic", String::as_str);
            Err(format!("{taken}{text}"))
        }
    }
}

fn take_all(site: &mut Site, steps: &[Step], taken: &mut String) -> Result<Tally, String> {
    let mut world = World::new(site);
    for step in steps {
        writeln!(taken, "  {}  {step}", world.now()).unwrap();
        world.take(step).map_err(|why| format!("{why}\n{}", world.shown()))?;
    }
    writeln!(taken, "  {}  at the end", world.now()).unwrap();
    at_the_end(&mut world).map_err(|why| format!("{why}\n{}", world.shown()))?;
    world.tally.sequence_count = 1;
    Ok(world.tally)
}

/// Every acknowledged state is read by both programs.
fn at_the_end(world: &mut World<'_>) -> Held {
    let dates: Vec<String> = world.ledger.acknowledged.iter().map(|one| one.date.clone()).collect();
    for (at, date) in dates.iter().enumerate() {
        world.recover(Some(date), at % 2 == 0, at % 3 == 0, at % 4 == 0)?;
    }
    world.recover(None, true, true, true)?;
    world.verify(false)?;
    world.verify(true)
}

/// The failure of a seed, after every step was left out without which it fails as well.
fn shortest_failure(site: &mut Site, seed: u64) -> String {
    let mut steps = Step::sequence(seed);
    let Err(mut failure) = sequence(site, &steps) else {
        return format!("seed {seed} failed once, and then not again");
    };
    let whole = steps.len();
    let mut at = 0;
    while at < steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(at);
        match sequence(site, &fewer) {
            Err(shorter) => (steps, failure) = (fewer, shorter),
            Ok(_) => at += 1,
        }
    }
    let len = steps.len();
    format!(
        "seed {seed} fails; {len} of its {whole} steps are enough:\n{failure}\nreplay: make differential SEED={seed} COUNT=1"
    )
}

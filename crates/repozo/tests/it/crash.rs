//! Power cuts, on a simulated disk: behind every operation of every kind of run, with whatever may have survived
//! of what was not synced. `vfs::sim` says how harsh the disk is, `judge` what must hold. `make crash` and
//! `make crash-deep` set the variables:
//!
//! | variable | meaning |
//! |---|---|
//! | `REPOZO_CRASH_STATES` | go on until so many distinct states were looked at |
//! | `REPOZO_CRASH_SEED` | begin with this seed |
//! | `REPOZO_CRASH_ONLY` | only the story of this name |

mod blobs;
mod failing;
mod killed;
mod python;
mod story;
mod sweep;

use crate::common::setting;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use story::{Story, stories};
pub(crate) use sweep::since;
use sweep::{Depth, Tally, sweep};

/// Fewer would show too little.
const LEAST_STATE_COUNT: usize = 20_000;
const THREAD_COUNT: usize = 2;

#[test]
fn a_power_cut_anywhere_costs_nothing_that_was_acknowledged() {
    let state_count = setting("REPOZO_CRASH_STATES").unwrap_or(LEAST_STATE_COUNT);
    let seed: u64 = setting("REPOZO_CRASH_SEED").unwrap_or(0);
    let only: Option<String> = setting("REPOZO_CRASH_ONLY");
    let stories: Vec<&Story> =
        stories().filter(|story| only.as_ref().is_none_or(|only| only == story.name)).collect();
    let rows = tell_all(&stories, seed, state_count);
    println!("{}", table(&rows));
    let violations: Vec<String> = rows.iter().flat_map(Row::violations).collect();
    // One of each kind says more than many of one.
    let mut kinds = std::collections::BTreeSet::new();
    let kind =
        |text: &str| text.replace(|c: char| c.is_ascii_digit(), "").split(": ").skip(1).collect::<String>();
    for violation in violations.iter().filter(|violation| kinds.insert(kind(violation))).take(20) {
        println!("{violation}");
    }
    let replay = "replay one with: make crash SEED=seed STATES=1 ONLY='story'";
    assert!(violations.is_empty(), "{} violations; {replay}", violations.len());
}

/// One story, with all its seeds: cut once, and cut again while that is healed.
struct Row<'a> {
    story: &'a Story,
    operation_count: Mutex<(usize, usize)>,
    once: Tally,
    twice: Tally,
}

impl Row<'_> {
    fn state_count(&self) -> usize {
        self.once.state_count() + self.twice.state_count()
    }

    fn violations(&self) -> Vec<String> {
        let both = [&self.once, &self.twice].map(|tally| tally.violations.lock().unwrap().clone());
        both.concat()
    }
}

/// Tells all stories with one seed after the other until enough was seen.
fn tell_all<'a>(stories: &[&'a Story], first_seed: u64, state_count: usize) -> Vec<Row<'a>> {
    let rows: Vec<Row> = stories
        .iter()
        .map(|story| Row {
            story,
            operation_count: Mutex::new((usize::MAX, 0)),
            once: Tally::default(),
            twice: Tally::default(),
        })
        .collect();
    let depth = Depth { outcome_limit: 24, second_outcome_limit: 4, second_stride: 16, cut_stride: 1 };
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREAD_COUNT {
            scope.spawn(|| {
                one_by_one(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let seen_count: usize = rows.iter().map(Row::state_count).sum();
                        if seen_count >= state_count && number >= rows.len() as u64 {
                            break;
                        }
                        let row = &rows[usize::try_from(number).unwrap() % rows.len()];
                        let seed = first_seed + number / rows.len() as u64;
                        let operation_count = sweep(row.story, seed, depth, &row.once, &row.twice);
                        let mut counts = row.operation_count.lock().unwrap();
                        *counts = (counts.0.min(operation_count), counts.1.max(operation_count));
                    }
                });
            });
        }
    });
    rows
}

/// Does what is else done by several threads in the same order each time, so that a seed tells the same story again.
fn one_by_one<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(work)
}

fn table(rows: &[Row<'_>]) -> String {
    let mut lines = vec![
        "| scenario | operations | distinct states, cut once | cut again while healing | violations |"
            .to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    let mut sums = [0; 3];
    for row in rows {
        let (least, most) = *row.operation_count.lock().unwrap();
        let operations = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let counts = [row.once.state_count(), row.twice.state_count(), row.violations().len()];
        let [once, twice, violations] = counts;
        lines.push(format!("| {} | {operations} | {once} | {twice} | {violations} |", row.story.name));
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    let [once, twice, violations] = sums;
    lines.push(format!("| all | | {once} | {twice} | {violations} |"));
    lines.join("\n")
}

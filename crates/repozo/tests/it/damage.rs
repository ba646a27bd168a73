//! The damage matrix: everything that can happen to a file of a repository, and everything that can then be asked.
//! `damage::harm` says what is done, `damage::examine` what must hold.
//!
//! `make damage` sets `REPOZO_DAMAGE`: then every byte is changed in every way, and more pairs are tried.

mod examine;
mod facts;
mod harm;
mod world;

use crate::common::setting;
use examine::{Case, Seen};
use harm::{Depth, Harm};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use world::World;

const THREAD_COUNT: usize = 2;

#[test]
fn whatever_is_damaged_is_found_never_restored_wrong_and_never_built_upon() {
    let (depth, pair_count) = if is_long() { (Depth::Long, 5_000) } else { (Depth::Short, 500) };
    let worlds = World::all();
    let mut cases: Vec<(&World, Harm)> = Vec::new();
    for (seed, world) in (1..).zip(&worlds) {
        let singles = harm::all(world, depth);
        let pairs = harm::pairs(&singles, pair_count, seed);
        cases.extend(singles.into_iter().chain(pairs).map(|harm| (world, harm)));
    }
    let seen = examine_all(&cases);
    println!("{}", table(&cases, &seen));
    let violations = violations(&cases, &seen);
    for violation in violations.iter().take(50) {
        println!("{violation}");
    }
    assert!(violations.is_empty(), "{} kinds of violations", violations.len());
}

/// Examines all cases, on both cores.
fn examine_all(cases: &[(&World, Harm)]) -> Vec<Seen> {
    let next = AtomicUsize::new(0);
    let seen = Mutex::new(vec![Seen::default(); cases.len()]);
    std::thread::scope(|scope| {
        for _ in 0..THREAD_COUNT {
            scope.spawn(|| {
                while let at = next.fetch_add(1, Ordering::Relaxed)
                    && let Some((world, harm)) = cases.get(at)
                {
                    let one = Case::examine(world, harm);
                    seen.lock().unwrap()[at] = one;
                }
            });
        }
    });
    seen.into_inner().unwrap()
}

/// One violation of each kind, and how many there are of it: that says more than many of one.
fn violations(cases: &[(&World, Harm)], seen: &[Seen]) -> Vec<String> {
    let mut kinds: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for ((world, harm), seen) in cases.iter().zip(seen) {
        for violation in &seen.violations {
            let words: String = violation.chars().filter(|c| !c.is_ascii_digit()).take(50).collect();
            let kind = format!("{words} {} {}", harm.kind, harm.damage);
            let one = kinds.entry(kind).or_insert_with(|| {
                let place = format!("{}: {}, {}, {}", world.name, harm.file, harm.damage, harm.what);
                (0, format!("{place}: {violation}"))
            });
            one.0 += 1;
        }
    }
    kinds.into_values().map(|(count, example)| format!("{count} times: {example}")).collect()
}

const COLUMNS: [&str; 10] = [
    "file",
    "damage",
    "cases",
    "of them harmless",
    "found by -V",
    "found by -VQ",
    "refused by -R",
    "restored right by -R",
    "with a documented exception",
    "violations",
];

fn table(cases: &[(&World, Harm)], seen: &[Seen]) -> String {
    let mut rows: BTreeMap<(&str, &str), [usize; 8]> = BTreeMap::new();
    let mut exceptions: BTreeMap<&str, usize> = BTreeMap::new();
    for ((_, harm), seen) in cases.iter().zip(seen) {
        let counts = [
            true,
            seen.is_harmless,
            seen.found,
            seen.found_quick,
            seen.refused,
            seen.right,
            !seen.exceptions.is_empty(),
            !seen.violations.is_empty(),
        ];
        for key in [(harm.kind.as_str(), harm.damage), ("~ all", "all")] {
            let row = rows.entry(key).or_default();
            row.iter_mut().zip(counts).for_each(|(sum, count)| *sum += usize::from(count));
        }
        for exception in &seen.exceptions {
            *exceptions.entry(exception).or_default() += 1;
        }
    }
    let mut lines = vec![format!("| {} |", COLUMNS.join(" | ")), "|---".repeat(COLUMNS.len()) + "|"];
    for ((kind, damage), counts) in &rows {
        let kind = kind.trim_start_matches("~ ");
        lines.push(format!("| {kind} | {damage} | {} |", counts.map(|count| count.to_string()).join(" | ")));
    }
    lines.extend(exceptions.iter().map(|(exception, count)| format!("{count} times {exception}")));
    lines.join("\n")
}

fn is_long() -> bool {
    setting::<String>("REPOZO_DAMAGE").is_some_and(|text| text == "long")
}

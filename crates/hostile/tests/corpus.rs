//! Every target on the committed corpus, on seeds made of `tests/data`, and on mutations of both; the same
//! ones each time. `make fuzz` goes on from there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests speak by panicking, and read the corpus"
)]

use hostile::{Mutator, TARGETS, Target, seeds};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// No input of a few kilobytes takes longer, on any machine.
const PATIENCE: Duration = Duration::from_secs(10);

fn corpus_dir(target: &Target) -> PathBuf {
    testkit::root().join("fuzz/corpus").join(target.name)
}

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let dir = corpus_dir(target);
    let mut paths: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Runs the target on one input; what it panics with is told with the way to do it again.
fn try_input(target: &Target, input: &[u8]) {
    let begin = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let too_slow = begin.elapsed() > PATIENCE;
    if result.is_ok() && !too_slow {
        return;
    }
    let path = std::env::temp_dir().join(format!("hostile-{}-{}", target.name, std::process::id()));
    std::fs::write(&path, input).unwrap();
    let what = if too_slow { "took too long" } else { "panicked" };
    let replay = format!("cargo run -p hostile --example replay {} {}", target.name, path.display());
    panic!("{} {what}; replay with: {replay}", target.name);
}

fn try_all(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = seeds(name);
    assert!(!seeds.is_empty());
    let inputs = [corpus(target), seeds].concat();
    inputs.iter().for_each(|input| try_input(target, input));
    let mut mutator = Mutator::new(0x7a6f_6462, 8000);
    for _ in 0..target.mutation_count {
        try_input(target, &mutator.next(&inputs));
    }
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            try_all(stringify!($name));
        })*

        #[test]
        fn every_target_is_tried_here_and_has_a_fuzzer() {
            let tried = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|target| target.name), tried);
            for name in tried {
                let path = testkit::root().join(format!("fuzz/targets/{name}.rs"));
                assert!(std::fs::read_to_string(path).unwrap().contains(&format!("{name:?}")), "{name}");
            }
        }
    };
}

targets!(
    arguments,
    dat,
    dates,
    gzip,
    index,
    inside,
    names,
    pickles,
    records,
    repository,
    stream,
    transactions
);

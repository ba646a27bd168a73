//! What may happen, and how a seed chooses.

use crate::interop::cell::Program;
use fastrand::Rng;
use std::fmt;

/// One thing that happens to a database, its repository or the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// `index` is what becomes of the index beside the database: "fresh", "keep" (as beside a running server)
    /// or "none".
    Commit {
        objects: u64,
        size: u64,
        pool: u64,
        index: &'static str,
    },
    Undo,
    AbortAfterVote,
    /// A transaction that is voted, and stays so.
    Vote {
        size: u64,
    },
    /// An unfinished tail that was written behind ZODB's back.
    Tail {
        kind: &'static str,
    },
    /// The voted tail gets its final status.
    Finish,
    Pack,
    RemoveIndex,
    /// The index beside the database is that of an earlier backup.
    OldIndex {
        which: usize,
    },
    /// The index beside the database is that of another one, and leads into the middle of a record.
    MisleadingIndex,
    /// Half of the index beside the database is gone.
    CutIndex,
    /// Somebody removes an index from the repository.
    RemoveIndexOfBackup {
        which: usize,
    },
    /// The database is again what it was at an earlier backup.
    RollBack {
        which: usize,
    },
    Pass {
        seconds: u64,
    },
    GoBack {
        seconds: u64,
    },
    /// Both programs make the same backup; the repository of `kept` goes on.
    BackUp {
        flags: String,
        kept: Program,
    },
    Recover {
        date: Date,
        with_verify: bool,
        to_file: bool,
        target_is_there: bool,
    },
    Verify {
        quick: bool,
    },
}

/// The value of `-D`, once it is known which backups there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Date {
    /// No `-D`.
    Newest,
    /// The stamp of a backup, or so many seconds beside it.
    Of {
        which: usize,
        shift_seconds: i64,
    },
    /// The first bytes of the stamp of a backup.
    Short {
        which: usize,
        len: usize,
    },
    /// The stamp of a backup with a digit of it changed.
    Misspelt {
        which: usize,
        at: usize,
        to: char,
    },
    Text(&'static str),
}

/// The shortest and the longest dates, and texts that are none.
const TEXTS: [&str; 24] = [
    "",
    "0000-01-01",
    "0001-01-01-00-00-00",
    "1970-01-01-00-00",
    "2000-02-29",
    "9999-12-31",
    "9999-12-31-23-59-59",
    "2023",
    "2023-11",
    "2023-11-",
    "2023-11-1",
    "2023-11-14-",
    "2023-11-14-2",
    "2023-11-14-24",
    "2023-11-31",
    "2023-13-01",
    "2023-02-29-10-10-10",
    "2023-11-14T22:13:20",
    "2023-11-14 22:13:20",
    "2023-11-14-22-13-20Z",
    "2023-11-14-22-60-00",
    "20231114",
    "yesterday",
    "9999-99-99-99-99-99",
];

/// How many steps a sequence has at least and at most.
const STEP_COUNTS: std::ops::Range<usize> = 8..36;

impl Step {
    /// The sequence of a seed: the same at any time and on any machine.
    pub(crate) fn sequence(seed: u64) -> Vec<Step> {
        let mut rng = Rng::with_seed(seed);
        let count = rng.usize(STEP_COUNTS);
        // A third of the sequences has a clock that nobody sets back and a database that nobody restores: there
        // the two programs hardly differ, and long repositories grow.
        let is_calm = rng.u8(..3) == 0;
        let mut steps = Vec::new();
        while steps.len() < count {
            if rng.u8(..50) == 0 {
                steps.extend(Step::rare(&mut rng, is_calm));
                continue;
            }
            let step = Step::any(&mut rng);
            if is_calm && matches!(step, Step::GoBack { .. } | Step::RollBack { .. }) {
                continue;
            }
            if matches!(step, Step::BackUp { .. }) && (is_calm || rng.u8(..10) < 8) {
                steps.push(Step::Pass { seconds: 1 + rng.u64(..90) });
            }
            steps.push(step);
        }
        steps
    }

    /// What chance alone seldom brings together.
    fn rare(rng: &mut Rng, is_calm: bool) -> Vec<Step> {
        let kept = one(rng, &Program::ALL);
        let commit = |size| Step::Commit { objects: 3, size, pool: 6, index: "keep" };
        let back_up = |flags: &str, kept| Step::BackUp { flags: flags.to_owned(), kept };
        let pass = Step::Pass { seconds: 60 };
        match rng.u8(..if is_calm { 1 } else { 2 }) {
            // An increment of no bytes, and then another database that is longer.
            0 => vec![
                Step::Vote { size: 100 },
                pass.clone(),
                back_up("Q", Program::Python),
                commit(700),
                Step::Pack,
                commit(9000),
                pass,
                back_up("Q", kept),
            ],
            // A full among the increments of an older chain.
            _ => vec![
                pass.clone(),
                back_up("F", kept),
                pass.clone(),
                commit(100),
                back_up("Q", Program::Ours),
                Step::GoBack { seconds: 30 },
                back_up("F", Program::Python),
                pass,
            ],
        }
    }

    fn any(rng: &mut Rng) -> Step {
        let which = rng.usize(..40);
        match rng.u8(..100) {
            0..=21 => Step::Commit {
                objects: rng.u64(..5),
                size: 1 + rng.u64(..900),
                pool: one(rng, &[1, 6, 20, 500]),
                index: one(rng, &["fresh", "fresh", "keep", "none"]),
            },
            22..=24 => Step::Commit { objects: 1, size: 20_000 + rng.u64(..60_000), pool: 6, index: "keep" },
            25..=28 => Step::Undo,
            29 => Step::AbortAfterVote,
            30..=33 => Step::Vote { size: 1 + rng.u64(..2000) },
            34..=36 => Step::Tail { kind: one(rng, &["voted", "cut", "zeros", "garbage", "header"]) },
            37..=38 => Step::Finish,
            39..=43 => Step::Pack,
            44 => Step::RemoveIndex,
            45..=46 => Step::OldIndex { which },
            47 => Step::MisleadingIndex,
            48 if rng.bool() => Step::CutIndex,
            48 => Step::RemoveIndexOfBackup { which },
            49 => Step::RollBack { which },
            50..=55 => Step::Pass { seconds: seconds(rng) },
            56..=57 => Step::GoBack { seconds: seconds(rng) },
            58..=85 => Step::BackUp { flags: flags(rng), kept: one(rng, &Program::ALL) },
            86..=95 => Step::Recover {
                date: Date::any(rng, which),
                with_verify: rng.bool(),
                to_file: rng.bool(),
                target_is_there: rng.bool(),
            },
            _ => Step::Verify { quick: rng.bool() },
        }
    }
}

fn one<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())]
}

fn seconds(rng: &mut Rng) -> u64 {
    match rng.u8(..4) {
        0 | 1 => rng.u64(..4),
        2 => rng.u64(..4000),
        _ => rng.u64(..800_000),
    }
}

fn flags(rng: &mut Rng) -> String {
    let percents = [('F', 12), ('Q', 50), ('z', 35), ('k', 18), ('v', 30)];
    percents.into_iter().filter(|(_, percent)| rng.u8(..100) < *percent).map(|(flag, _)| flag).collect()
}

impl Date {
    fn any(rng: &mut Rng, which: usize) -> Date {
        match rng.u8(..10) {
            0..=2 => Date::Newest,
            3..=5 => Date::Of { which, shift_seconds: i64::from(rng.u8(..3)) - 1 },
            6 => Date::Short { which, len: one(rng, &[10, 13, 16]) },
            7 => Date::Misspelt { which, at: rng.usize(..19), to: one(rng, &['6', '9', '-', ':', 'x', ' ']) },
            _ => Date::Text(one(rng, &TEXTS)),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Commit { objects, size, pool, index } => {
                write!(f, "commit {objects} objects of {size} bytes, of {pool}; index {index}")
            }
            Step::Vote { size } => write!(f, "vote {size} bytes, and leave them"),
            Step::Tail { kind } => write!(f, "tail: {kind}"),
            Step::Pass { seconds } => write!(f, "{seconds} seconds pass"),
            Step::GoBack { seconds } => write!(f, "the clock goes back {seconds} seconds"),
            Step::BackUp { flags, kept } => write!(f, "-B{flags}, and {kept:?} is gone on with"),
            Step::Recover { date, with_verify, to_file, target_is_there } => {
                let (verify, to) = (if *with_verify { "w" } else { "" }, if *to_file { " -o" } else { "" });
                let over = if *to_file && *target_is_there { ", over a database" } else { "" };
                write!(f, "-R{verify}{to} {date:?}{over}")
            }
            Step::Verify { quick } => write!(f, "-V{}", if *quick { "Q" } else { "" }),
            other => write!(f, "{other:?}"),
        }
    }
}

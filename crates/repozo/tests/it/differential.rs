//! Ours against Python's repozo, along random sequences of what happens to a database and its backups.
//!
//! Each backup is made by both programs from one state of the repository, and compared: exit status, names, lists,
//! bytes, indexes. Where they differ, the difference must be one of [`tally::Excuse`], and each of these says what
//! ours has to have done instead: mostly, what Python does when it is asked a little otherwise (a second later,
//! with the tail cut off, without `-Q`). Then the repository of one of them goes on, so all are mixed. Beside them
//! runs a ledger of the truth: the committed bytes at each acknowledged backup, and what is restored is held
//! against these.
//!
//! `make differential SEED=17 COUNT=1` replays the sequence of seed 17.

mod backing_up;
mod excusing;
mod ledger;
mod mess;
mod reading;
mod runner;
mod step;
mod tally;
mod world;

use tally::{Excuse, Tally};

/// How many sequences every run of the tests takes.
const COUNT: u64 = 240;

#[test]
fn random_sequences_give_what_pythons_repozo_gives_or_what_compat_says() {
    let (first_seed, count) = runner::seeds().unwrap_or((0, COUNT));
    let tally = runner::run(first_seed, count);
    if (first_seed, count) == (0, COUNT) {
        assert_all_is_exercised(&tally);
    }
}

/// An excuse that is never needed is one that could hide something: it had better go.
fn assert_all_is_exercised(tally: &Tally) {
    for excuse in [
        Excuse::WaitsForTheNextSecond,
        Excuse::ComparesBehindAnEmptyIncrement,
        Excuse::LeavesTheTailOut,
        Excuse::RemovesTheOldIndex,
        Excuse::RefusesWhatIsNoDate,
        Excuse::RefusesWhileTheClockIsBehind,
        Excuse::SeesBackupsOfTheFuture,
        Excuse::PassesOverAForeignIndex,
        Excuse::KeepsBackupsOfAnotherHistory,
    ] {
        assert!(tally.excuses.contains_key(&excuse), "{excuse:?} was never met:\n{tally}");
    }
}

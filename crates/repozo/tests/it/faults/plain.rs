//! What the sweep found, each once more by its name.

use super::scenario::{Places, Prepared, SCENARIOS, Scenario};
use super::strace::{Call, Ended, Watched, is_usable};
use super::sweep::run;
use crate::common::dir_in_memory;
use testkit::Oracle;

fn scenario(name: &str) -> &'static Scenario {
    SCENARIOS.iter().find(|scenario| scenario.name == name).unwrap()
}

/// Runs a scenario, with the last call of a kind tampered with; nothing where that cannot be had.
fn with_fault(name: &str, kind: &str, fault: &str, look: impl FnOnce(&Ended, &Places, &Prepared)) {
    with_fault_of(name, kind, fault, |calls| calls.last(), look);
}

/// The same of the first call of that kind.
fn with_first_fault(name: &str, kind: &str, fault: &str, look: impl FnOnce(&Ended, &Places, &Prepared)) {
    with_fault_of(name, kind, fault, |calls| calls.first(), look);
}

fn with_fault_of(
    name: &str,
    kind: &str,
    fault: &str,
    choose: fn(&[Call]) -> Option<&Call>,
    look: impl FnOnce(&Ended, &Places, &Prepared),
) {
    if !is_usable(&format!("{fault} of {kind}")) {
        return;
    }
    let scenario = scenario(name);
    let prepared = Prepared::new(scenario, 0);
    let mut calls = run(scenario, &prepared, None, |_, _| {}).calls;
    calls.retain(|call| call.kind() == kind);
    let call = choose(&calls).unwrap_or_else(|| panic!("no {kind}"));
    let injection = format!("{}:{fault}:when={}", call.syscall, call.number);
    run(scenario, &prepared, Some(injection), |ended, places| {
        assert!(ended.same(call).is_some_and(|hit| hit.line.contains("INJECTED")), "{kind} was not hit");
        look(ended, places, &prepared);
    });
}

#[track_caller]
fn assert_ended(ended: &Ended, status: i32, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(status), "{}", ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "{word:?} is not in {:?}", ended.stderr);
    }
    assert!(!words.is_empty() || ended.stderr.is_empty(), "{}", ended.stderr);
}

/// std's iterator over a directory panics when the directory cannot be closed, with status 101.
#[test]
fn a_directory_that_cannot_be_closed_is_no_panic() {
    with_fault("verify", "close(read-only) repository", "error=EIO", |ended, _, _| {
        assert_ended(ended, 0, &[])
    });
}

/// std makes some calls again when a signal interrupts them, and not these.
#[test]
fn a_signal_that_is_no_reason_to_stop_does_not_show() {
    for kind in [
        "statx(path) repository",
        "statx Data.fs",
        "getdents64 repository",
        "flock repository",
        "pread64 Data.fs",
        "close repository/STAMP.fs.HEX.part",
    ] {
        with_fault("first full", kind, "error=EINTR", |ended, _, _| assert_ended(ended, 0, &[]));
    }
}

/// It said "writing failed behind byte 88", and kept for itself that the disk was full.
#[test]
fn an_index_that_cannot_be_written_is_told_in_the_words_of_the_system() {
    let kind = "write repository/STAMP.index.HEX.part";
    let words = ["[Errno 28] No space left on device: ", ".index", "make room and run it again"];
    with_fault("first full", kind, "error=ENOSPC", |ended, _, _| assert_ended(ended, 1, &words));
}

/// The write failed, the index was made another way, and the status was 0.
#[test]
fn a_failed_write_of_a_merged_index_is_not_passed_over() {
    let kind = "write repository/STAMP.index.HEX.part";
    let words = ["[Errno 5] Input/output error: ", ".index"];
    with_fault("incremental -Q", kind, "error=EIO", |ended, _, _| assert_ended(ended, 1, &words));
}

/// The list could not be read when it was looked at for the last time; the blame was put on Python's repozo.
#[test]
fn a_list_that_cannot_be_read_any_more_is_not_blamed_on_another_program() {
    with_fault("incremental", "pread64 repository/STAMP.dat", "error=EIO", |ended, _, _| {
        assert_ended(ended, 1, &[".dat: cannot be read any more (Input/output error", "nothing was written"]);
        assert!(!ended.stderr.contains("another program"), "{}", ended.stderr);
    });
}

/// Its first bytes could not be read: a full was made as if it were of another database, without a word.
#[test]
fn a_full_that_cannot_be_read_by_a_quick_run_is_told() {
    let words = ["warning: ", "2023-11-14-22-13-20.fs: Input/output error", "it is not built upon"];
    with_fault("incremental -Q", "pread64 repository/STAMP.fs", "error=EIO", |ended, _, _| {
        assert_ended(ended, 0, &words);
    });
}

/// Where there is neither a rename without replacing nor a link, a look that failed counted as "nothing is there",
/// and the rename went ahead.
#[test]
fn who_cannot_look_whether_a_name_is_taken_does_not_replace() {
    let kind = "statx(path) repository/STAMP.dat";
    with_fault("first full without renameat2 and links", kind, "error=EIO", |ended, places, _| {
        assert_ended(ended, 1, &["[Errno 5] Input/output error: ", ".dat"]);
        assert!(testkit::names(&places.repository()).is_empty(), "all is taken back");
    });
}

/// A data file that a dead run left without its line could not be listed, because the disk failed just then. The
/// incremental behind it began where it begins, and Python's repozo, which joins by name, restored both.
#[test]
fn behind_a_data_file_that_could_not_be_settled_a_full_is_made() {
    for (kind, warning) in [
        ("rename repository/STAMP.dat.HEX.part repository/STAMP.dat", "cannot be settled"),
        ("openat(create) repository/STAMP.dat.HEX.part", "cannot be settled"),
    ] {
        let healing = "incremental that heals";
        with_first_fault(healing, kind, "error=EIO", |ended, places, prepared| {
            assert_ended(
                ended,
                0,
                &[warning, "no line names 2023-11-14-22-16-20.deltafs; it is not built upon"],
            );
            let restored =
                Oracle::start().repozo(&crate::common::args!["-R", "-r", places.repository()], 1_900_000_000);
            assert_eq!(restored.status, 0, "{}", restored.stderr);
            assert!(restored.stdout == **prepared.new.as_ref().unwrap(), "Python restores another state");
        });
    }
}

/// That the disk is told to begin early is a hint.
#[test]
fn a_hint_that_fails_does_not_matter() {
    if !is_usable("a hint that fails does not matter") {
        return;
    }
    let scenario = scenario("first full");
    let dir = dir_in_memory();
    let places = Prepared::new(scenario, 0).copy(&dir.path().join("site"));
    // Eight megabytes wait before the disk is told.
    let mut database = testkit::Database::new();
    database.commit(&[(0, 9 << 20)]);
    std::fs::write(places.file(), database.bytes()).unwrap();
    let (args, trace) = (places.args(scenario), dir.path().join("trace"));
    let watched = Watched { dir: &places.dir, trace: &trace, args: &args, stdout: None };
    let ended = watched.run(&["fadvise64:error=EIO".to_owned()]);
    assert_ended(&ended, 0, &[]);
    assert!(ended.calls.iter().any(|call| call.syscall == "fadvise64"), "it was not told");
    let clock = testkit::TestClock::at(1_900_000_000);
    let ran = crate::common::ours(&clock, &crate::common::args!["-R", "-r", places.repository()]);
    assert!(ran.expect_success().stdout == database.bytes());
}

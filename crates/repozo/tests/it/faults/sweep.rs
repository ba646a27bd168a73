//! Every system call of every scenario on the files of the test fails once, with each error, and is once where
//! SIGKILL or SIGTERM strikes.

use super::judging::{End, judge};
use super::scenario::{Places, Prepared, SCENARIOS, Scenario, Verb};
use super::strace::{Call, Ended, Watched, is_usable};
use super::tolerated;
use crate::common::dir_in_memory;
use crate::common::setting;
use crate::judge::{Violation, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const THREAD_COUNT: usize = 2;
const ALWAYS: [&str; 2] = ["error=EIO", "signal=KILL"];
const OTHERS: [&str; 5] = ["error=ENOSPC", "error=EDQUOT", "error=EACCES", "error=EINTR", "signal=TERM"];
/// One in so many of the others is looked at where not all are asked for.
const SAMPLE_STRIDE: u64 = 16;
/// Fewer would mean that the calls are not found any more.
const LEAST_RUN_COUNT: usize = 1500;

/// What the kernel can return EINTR for on these files. A signal that is no reason to stop must not show.
///
/// `close` has let go of the descriptor when it says EINTR, and what was written is synced by then: there is
/// nothing to do again. A rename, link or removal knows no EINTR on a disk (rename(2)); on a file system that
/// answers it all the same it is not known whether it happened, so it is an error like others.
const RETRIED: &[&str] = &[
    "open",
    "openat",
    "read",
    "pread64",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "close",
    "flock",
    "getdents64",
    "stat",
    "statx",
    "newfstatat",
    "fstat",
    "statfs",
    "fchmod",
    "readlink",
    "readlinkat",
];

/// One run: a scenario, the call that is tampered with, and how.
#[derive(Clone, Copy)]
struct Job<'a> {
    row: &'a Row<'a>,
    call: &'a Call,
    fault: &'static str,
}

/// A scenario, and what was seen of it.
struct Row<'a> {
    scenario: &'a Scenario,
    prepared: Prepared,
    calls: Vec<Call>,
    /// What it prints when nothing fails, without the directory.
    words: String,
    run_counts: Mutex<BTreeMap<&'static str, usize>>,
    tolerated: Mutex<BTreeSet<(String, &'static str)>>,
    violations: Mutex<Vec<String>>,
}

#[test]
fn every_system_call_of_the_binary_fails_once_and_is_once_where_it_is_killed() {
    if !is_usable("every system call of the binary fails once") {
        return;
    }
    let only: Option<String> = setting("REPOZO_FAULTS_ONLY");
    let chosen = SCENARIOS.iter().filter(|scenario| only.as_ref().is_none_or(|only| only == scenario.name));
    let rows: Vec<Row> = chosen.map(Row::new).collect();
    let jobs = jobs(&rows);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREAD_COUNT {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    job.run();
                }
            });
        }
    });
    println!("{}", table(&rows));
    let violations: Vec<String> =
        rows.iter().flat_map(|row| row.violations.lock().unwrap().clone()).collect();
    for violation in &violations {
        println!("{violation}");
    }
    assert!(violations.is_empty(), "{} violations", violations.len());
    assert!(only.is_some() || jobs.len() > LEAST_RUN_COUNT, "{} runs", jobs.len());
}

impl Row<'_> {
    /// Runs the scenario once undisturbed.
    fn new(scenario: &Scenario) -> Row<'_> {
        let prepared = Prepared::new(scenario, 0);
        let ended = run(scenario, &prepared, None, |ended, places| {
            assert!(ended.status.success(), "{}: {}", scenario.name, ended.stderr);
            judge(scenario, &prepared, places, End { acknowledged: true, tidies: true }).unwrap();
        });
        let words = ended.stderr.replace(&ended.dir, "");
        let calls = ended.calls;
        assert!(calls.len() > 10, "{}: only {} calls are seen", scenario.name, calls.len());
        Row {
            scenario,
            prepared,
            calls,
            words,
            run_counts: Mutex::default(),
            tolerated: Mutex::default(),
            violations: Mutex::default(),
        }
    }
}

/// Runs a scenario in a directory of its own, and looks at what it leaves.
pub(super) fn run(
    scenario: &Scenario,
    prepared: &Prepared,
    injection: Option<String>,
    look: impl FnOnce(&Ended, &Places),
) -> Ended {
    in_new_dir(scenario, prepared, |watched, places| {
        let injections: Vec<String> =
            scenario.always.iter().map(|text| (*text).to_owned()).chain(injection).collect();
        let ended = watched.run(&injections);
        look(&ended, places);
        ended
    })
}

/// A program to be watched in a directory of its own, which is gone when `run` has ended.
pub(super) fn in_new_dir(
    scenario: &Scenario,
    prepared: &Prepared,
    run: impl FnOnce(&Watched<'_>, &Places) -> Ended,
) -> Ended {
    let dir = dir_in_memory();
    let places = prepared.copy(&dir.path().join("site"));
    let (args, stdout, trace) = (places.args(scenario), places.stdout(), dir.path().join("trace"));
    let prints = scenario.verb == Verb::RecoverToStdout;
    let watched =
        Watched { dir: &places.dir, trace: &trace, args: &args, stdout: prints.then_some(stdout.as_path()) };
    run(&watched, &places)
}

fn jobs<'a>(rows: &'a [Row<'a>]) -> Vec<Job<'a>> {
    let all = setting::<String>("REPOZO_STRACE_ALL").is_some();
    let mut random = fastrand::Rng::with_seed(setting("REPOZO_FAULTS_SEED").unwrap_or(0));
    let mut jobs = Vec::new();
    for row in rows {
        let mut kinds = BTreeSet::new();
        for call in &row.calls {
            // What fails every time fails once as well.
            if row.scenario.always.iter().any(|always| always.contains(call.syscall.as_str())) {
                continue;
            }
            // The others are made without blobs, too, where each of them fails; and those of blobs are much alike.
            let is_new = call.kind().contains("blobs") && kinds.insert(call.kind());
            if row.scenario.has_blobs && !is_new && !all && random.u64(..SAMPLE_STRIDE) > 0 {
                continue;
            }
            let others = OTHERS.into_iter().filter(|_| all || random.u64(..SAMPLE_STRIDE) == 0);
            jobs.extend(ALWAYS.into_iter().chain(others).map(|fault| Job { row, call, fault }));
        }
    }
    jobs
}

impl Job<'_> {
    fn run(&self) {
        let Job { row, call, fault } = self;
        let injection = format!("{}:{fault}:when={}", call.syscall, call.number);
        let place = format!("{}, {injection}, {}", row.scenario.name, call.kind());
        run(row.scenario, &row.prepared, Some(injection), |ended, places| {
            let hit = ended.same(call);
            let is_hit = hit.is_some_and(|hit| hit.kind() == call.kind());
            assert!(is_hit, "{place}: this run makes other calls: {hit:?}, {}", ended.stderr);
            if let Err(violation) = self.check(ended, places) {
                row.violations.lock().unwrap().push(format!("{place}: {violation}: {}", ended.stderr));
            }
        });
        *row.run_counts.lock().unwrap().entry(fault).or_default() += 1;
    }

    fn check(&self, ended: &Ended, places: &Places) -> Result<(), Violation> {
        let acknowledged = ended.status.success();
        let killed = self.fault == "signal=KILL";
        if killed {
            ensure(ended.status.signal() == Some(9), '!', || {
                format!("killed, and it ended {}", ended.status)
            })?;
        } else {
            self.check_words(ended, places)?;
        }
        let removes = self.call.syscall.starts_with("unlink") || self.call.syscall == "rmdir";
        let tidies = !killed && !removes;
        judge(self.row.scenario, &self.row.prepared, places, End { acknowledged, tidies })
    }

    /// Status and message tell the truth.
    fn check_words(&self, ended: &Ended, places: &Places) -> Result<(), Violation> {
        let Job { row, call, fault } = self;
        let (status, stderr) = (ended.status.code(), ended.stderr.as_str());
        for word in ["panicked", "RUST_BACKTRACE"] {
            ensure(!stderr.contains(word), '!', || "a panic".to_owned())?;
        }
        if *fault == "signal=TERM" {
            let stopped = status == Some(143) && stderr.contains("interrupted by signal 15");
            return ensure(stopped || status == Some(0), '!', || format!("SIGTERM, and it ended {status:?}"));
        }
        if *fault == "error=EINTR" && RETRIED.contains(&call.syscall.as_str()) {
            let is_same = stderr.replace(places.dir.to_str().unwrap(), "") == row.words;
            return ensure(status == Some(0) && is_same, '!', || format!("EINTR shows, status {status:?}"));
        }
        // Of a draft, the name that it is to get will do.
        let names = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap_or_default();
            let name = vfs::publish::draft_target(name).unwrap_or(name);
            stderr.contains(&*name.to_string_lossy())
        };
        let is_named = self.paths(ended).iter().any(names)
            || stderr.contains("standard output") && call.paths.iter().any(|path| path.ends_with("stdout"));
        if status == Some(0) {
            let Some(tolerated) = tolerated::row(row.scenario, call) else {
                return ensure(false, '!', || format!("{fault} and status 0"));
            };
            row.tolerated.lock().unwrap().insert((call.kind(), tolerated.reason));
            return ensure(!tolerated.warns || is_named, '!', || "no warning names the file".to_owned());
        }
        // A blob that cannot be read counts as missing, and as another one where the repository has it; all others are backed up.
        let is_of_blob =
            |path: &std::path::PathBuf| ["blobs", "repository/blobs"].iter().any(|dir| path.starts_with(dir));
        let is_missing = status == Some(3) && call.paths.iter().any(is_of_blob);
        ensure(is_missing || row.scenario.is_failure(status), '!', || {
            format!("{fault} and status {status:?}")
        })?;
        ensure(is_named, '!', || "the message does not name the file".to_owned())
    }

    /// What the call of this run was about.
    fn paths(&self, ended: &Ended) -> Vec<std::path::PathBuf> {
        ended.same(self.call).map_or_else(Vec::new, |call| call.paths.clone())
    }
}

fn table(rows: &[Row<'_>]) -> String {
    let faults: Vec<&str> = ALWAYS.into_iter().chain(OTHERS).collect();
    let mut lines = vec![
        format!("| scenario | calls | {} | violations |", faults.join(" | ")),
        "|---".repeat(faults.len() + 3) + "|",
    ];
    let mut sums = vec![0; faults.len() + 2];
    for row in rows {
        let counts = row.run_counts.lock().unwrap();
        let of_fault = |fault: &&str| counts.get(*fault).copied().unwrap_or(0);
        let mut cells = vec![row.calls.len()];
        cells.extend(faults.iter().map(of_fault));
        cells.push(row.violations.lock().unwrap().len());
        sums.iter_mut().zip(&cells).for_each(|(sum, cell)| *sum += cell);
        lines.push(line(row.scenario.name, &cells));
    }
    lines.push(line("all", &sums));
    let calls = rows.iter().flat_map(|row| &row.calls);
    let mut by_syscall = BTreeMap::<&str, usize>::new();
    calls.for_each(|call| *by_syscall.entry(&call.syscall).or_default() += 1);
    lines.push(format!("\ncalls by name: {by_syscall:?}\n\nstatus 0 all the same:"));
    let tolerated: BTreeSet<_> = rows.iter().flat_map(|row| row.tolerated.lock().unwrap().clone()).collect();
    lines.extend(tolerated.iter().map(|(kind, reason)| format!("{kind}: {reason}")));
    lines.join("\n")
}

fn line(name: &str, cells: &[usize]) -> String {
    let cells: Vec<String> = cells.iter().map(usize::to_string).collect();
    format!("| {name} | {} |", cells.join(" | "))
}

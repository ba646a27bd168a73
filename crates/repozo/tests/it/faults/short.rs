//! Reads and writes that do less than they were asked for, and then go on. All of them must come to the same as if
//! nothing had happened.
//!
//! A short read is what `strace` says it was, with the true bytes in the program's memory. A short write is a real
//! one: the program is stopped before it, its files may grow to the middle of that write only (RLIMIT_FSIZE), it is
//! stopped behind it, and the limit is gone.

use super::judging::{End, judge};
use super::scenario::{Prepared, SCENARIOS, Scenario};
use super::strace::{Call, Ended, Watched, is_usable};
use super::sweep::in_new_dir;
use crate::common::dir_in_memory;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Longer pokes say no more.
const POKE_LEN_LIMIT: usize = 300;

#[test]
fn short_reads_are_gone_on_with() {
    if !is_usable("short reads are gone on with") {
        return;
    }
    let mut read_count = 0;
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.always.is_empty()) {
        let site = Watching::new(scenario);
        for call in site.undisturbed.calls.iter().filter(|call| call.syscall == "pread64") {
            let Some(bytes) = site.bytes_read(call).filter(|bytes| bytes.len() > 1) else { continue };
            for len in [1, (bytes.len() / 2).min(POKE_LEN_LIMIT)] {
                let hex: String = bytes[..len].iter().map(|byte| format!("{byte:02x}")).collect();
                let injection = format!("pread64:retval={len}:poke_exit=@arg2={hex}:when={}", call.number);
                site.run(call, len, |watched| watched.run(&[injection]));
                read_count += 1;
            }
        }
    }
    assert!(read_count > 100, "only {read_count} short reads");
}

#[test]
fn short_writes_are_gone_on_with() {
    if !is_usable("short writes are gone on with") {
        return;
    }
    let mut write_count = 0;
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.always.is_empty()) {
        let site = Watching::new(scenario);
        for (at, call) in site.undisturbed.calls.iter().enumerate() {
            let writes = ["write", "pwrite64"].contains(&call.syscall.as_str());
            let Some(len) = result(call).filter(|len| writes && *len > 1) else { continue };
            let before = &site.undisturbed.calls[at - 1];
            site.run(call, len / 2, |watched| run_with_a_short_write(watched, before, call, len / 2));
            write_count += 1;
        }
    }
    assert!(write_count > 25, "only {write_count} short writes");
}

/// What a call returned.
fn result(call: &Call) -> Option<usize> {
    call.line.rsplit(" = ").next()?.split(' ').next()?.parse().ok()
}

/// A scenario, and its run when nothing happens.
struct Watching<'a> {
    scenario: &'a Scenario,
    prepared: Prepared,
    undisturbed: Ended,
}

impl Watching<'_> {
    fn new(scenario: &Scenario) -> Watching<'_> {
        let prepared = Prepared::new(scenario, 0);
        let undisturbed = in_new_dir(scenario, &prepared, |watched, _| watched.run(&[]));
        Watching { scenario, prepared, undisturbed }
    }

    /// What a read gave, if it was of a file of before.
    fn bytes_read(&self, call: &Call) -> Option<Vec<u8>> {
        let dir = dir_in_memory();
        let places = self.prepared.copy(&dir.path().join("site"));
        let all = std::fs::read(places.dir.join(&call.paths[0])).ok()?;
        let (args, _) = call.line.rsplit_once(") = ")?;
        let pos: usize = args.rsplit(", ").next()?.parse().ok()?;
        Some(all.get(pos..pos + result(call)?)?.to_vec())
    }

    /// Runs with that call cut to `len`; nothing else may be different.
    fn run(&self, call: &Call, len: usize, run: impl FnOnce(&Watched<'_>) -> Ended) {
        let place = format!("{}, {} {}, {len} bytes", self.scenario.name, call.number, call.kind());
        in_new_dir(self.scenario, &self.prepared, |watched, places| {
            let ended = run(watched);
            let same = ended.same(call).unwrap_or_else(|| panic!("{place}: the call is not there"));
            assert_eq!(result(same), Some(len), "{place}: it was not short: {}", same.line);
            assert!(ended.status.success(), "{place}: {}", ended.stderr);
            let words = |ended: &Ended| ended.stderr.replace(&ended.dir, "");
            assert_eq!(words(&ended), words(&self.undisturbed), "{place}");
            judge(self.scenario, &self.prepared, places, End { acknowledged: true, tidies: true })
                .unwrap_or_else(|violation| panic!("{place}: {violation}"));
            ended
        });
    }
}

/// A signal that is injected into a call strikes behind it, unless it kills: so the program is stopped behind the
/// call before, and behind the write.
fn run_with_a_short_write(watched: &Watched<'_>, before: &Call, call: &Call, len: usize) -> Ended {
    let stop = |call: &Call| format!("{}:signal=STOP:when={}", call.syscall, call.number);
    let injections = if before.syscall == call.syscall {
        vec![format!("{}:signal=STOP:when={}..{}", call.syscall, before.number, call.number)]
    } else {
        vec![stop(before), stop(call)]
    };
    let mut child = watched.command(&injections).spawn().unwrap();
    let tracee = wait_for_stop(watched.trace, 1, &mut child);
    let file = std::fs::read_link(format!("/proc/{tracee}/fd/{}", descriptor(call))).unwrap();
    let pos = std::fs::metadata(&file).unwrap().len();
    tell(&format!("prlimit --pid {tracee} --fsize={}: && kill -CONT {tracee}", pos + len as u64));
    wait_for_stop(watched.trace, 2, &mut child);
    tell(&format!("prlimit --pid {tracee} --fsize=unlimited: && kill -CONT {tracee}"));
    let output = child.wait_with_output().unwrap();
    watched.ended(output.status, &output.stderr)
}

/// The number in `write(5</path>, ...`.
fn descriptor(call: &Call) -> &str {
    call.line.split(['(', '<']).nth(1).unwrap()
}

fn tell(line: &str) {
    assert!(Command::new("sh").arg("-c").arg(line).status().unwrap().success(), "{line}");
}

/// Waits until the first thread was stopped so many times; its number.
fn wait_for_stop(trace: &Path, stop_count: usize, child: &mut Child) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let text = std::fs::read_to_string(trace).unwrap_or_default();
        let thread = text.split(' ').next().unwrap_or_default();
        let stops =
            text.lines().filter(|line| line.starts_with(thread) && line.contains("stopped by SIGSTOP"));
        if stops.count() == stop_count {
            return thread.to_owned();
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was stopped: {text}");
        assert!(Instant::now() < deadline, "it is not stopped: {text}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

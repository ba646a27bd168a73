//! Runs that are stopped by a signal; the real binary.

use super::{Site, send, wait_until, write_sparse_database};
use crate::common::binary;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use testkit::{Database, names};

const SIGNALS: [(&str, i32); 3] = [("INT", 130), ("TERM", 143), ("HUP", 129)];

/// So much that a run is still at it when a signal comes, however late.
const LONG: u64 = 1 << 29;

/// Starts the binary on a line.
fn start(site: &Site, line: &str) -> Child {
    let mut command = binary();
    command.args(site.args(line)).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The run ends with the signal's status and one line that names it.
#[track_caller]
fn assert_stopped(child: Child, status: i32) {
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    // The long database is another one than what is backed up.
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.contains("was it cut, or restored?")).collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    assert!(stderr.contains(&format!("interrupted by signal {}", status - 128)), "{stderr}");
}

/// Whether it ended by itself, which the status then shows.
fn has_ended(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_some()
}

fn has_draft(dir: &std::path::Path) -> bool {
    names(dir).iter().any(|name| name.ends_with(".part"))
}

#[test]
fn a_signal_stops_a_backup_and_the_repository_is_as_before() {
    for options in ["-F", "-F -z", "-z -k -F"] {
        let mut site = Site::of_the_past();
        site.back_up("");
        site.grow();
        site.back_up("-z");
        let before = site.names();
        write_sparse_database(&site.path("Data.fs"), LONG);
        for (signal, status) in SIGNALS {
            let mut child = start(&site, &format!("-B {options} -r REPO -f SOURCE"));
            wait_until("a draft of the data", || {
                names(&site.repo()).iter().any(|name| name.ends_with(".part") && name.contains(".fs"))
                    || has_ended(&mut child)
            });
            send(signal, &child);
            assert_stopped(child, status);
            assert_eq!(site.names(), before, "{options} {signal}");
        }
    }
}

#[test]
fn a_signal_stops_a_comparison() {
    let site = Site::new();
    let sum = "00000000000000000000000000000000";
    let full = site.backup("2020-02-02-02-02-02.fs");
    write_sparse_database(&full, LONG);
    write_sparse_database(&site.path("Data.fs"), LONG);
    let len = std::fs::metadata(&full).unwrap().len();
    let dat = format!("{} 0 {len} {sum}\n", full.display());
    std::fs::write(site.backup("2020-02-02-02-02-02.dat"), dat).unwrap();
    let before = site.names();
    for (line, words) in [("-B -v -r REPO -f SOURCE", "needed to recover"), ("-V -v -r REPO", "Verifying")] {
        for (signal, status) in SIGNALS {
            let mut child = start(&site, line);
            let mut said = String::new();
            let stderr = child.stderr.as_mut().unwrap();
            while !said.contains(words) {
                let mut byte = [0];
                stderr.read_exact(&mut byte).unwrap();
                said.push(char::from(byte[0]));
            }
            send(signal, &child);
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(site.names(), before);
        }
    }
}

/// A repository whose recovery takes long: the sum is wrong, which would be found at the end only.
fn long_repository() -> Site {
    let site = Site::new();
    let full = site.backup("2020-02-02-02-02-02.fs");
    write_sparse_database(&full, LONG);
    let len = std::fs::metadata(&full).unwrap().len();
    let line = format!("{} 0 {len} 00000000000000000000000000000000\n", full.display());
    std::fs::write(site.backup("2020-02-02-02-02-02.dat"), line).unwrap();
    site
}

#[test]
fn a_signal_stops_a_recovery_and_the_old_database_is_as_before() {
    let site = long_repository();
    std::fs::write(site.target(), "the old database").unwrap();
    std::fs::write(site.path("Restored.fs.index"), "its index").unwrap();
    let before = names(site.dir.path());
    for (signal, status) in SIGNALS {
        let mut child = start(&site, "-R -w -r REPO -o TARGET");
        wait_until("a draft of the database", || has_draft(site.dir.path()) || has_ended(&mut child));
        send(signal, &child);
        assert_stopped(child, status);
        assert_eq!(names(site.dir.path()), before);
        assert_eq!(std::fs::read(site.target()).unwrap(), b"the old database");
        assert_eq!(std::fs::read(site.path("Restored.fs.index")).unwrap(), b"its index");
    }
}

#[test]
fn a_signal_stops_a_recovery_to_stdout() {
    let site = long_repository();
    for (signal, status) in SIGNALS {
        let mut child = start(&site, "-R -r REPO");
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 4]).unwrap();
        send(signal, &child);
        let len = std::io::copy(&mut stdout, &mut std::io::sink()).unwrap();
        assert!(len < LONG, "all of it was written");
        assert_stopped(child, status);
    }
}

/// Nobody reads what it writes, so it cannot see the first signal.
#[test]
fn a_second_signal_ends_a_run_that_is_stuck() {
    let site = long_repository();
    let mut child = start(&site, "-R -r REPO");
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 4]).unwrap();
    let mut status = None;
    wait_until("the end of the run", || {
        send("INT", &child);
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.and_then(|status| status.signal()), Some(2));
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next_and_that_is_said() {
    let site = Site::of_the_past();
    write_sparse_database(&site.path("Data.fs"), LONG);
    let mut child = start(&site, "-B -F -z -r REPO -f SOURCE");
    wait_until("a draft", || has_draft(&site.repo()) || has_ended(&mut child));
    child.kill().unwrap();
    child.wait().unwrap();
    let drafts: Vec<String> = site.names().into_iter().filter(|name| name.ends_with(".part")).collect();
    assert!(!drafts.is_empty());
    std::fs::write(site.path("Data.fs"), Database::with_transactions(20).bytes()).unwrap();
    let ran = site.ours("-B -r REPO -f SOURCE");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    for draft in drafts {
        assert!(ran.stderr.contains(&format!("warning: removed {draft}")), "{}", ran.stderr);
    }
    assert!(!has_draft(&site.repo()));
}

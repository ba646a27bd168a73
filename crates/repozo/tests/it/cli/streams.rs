//! Standard output and standard error that are closed, full or a terminal; the real binary.

use super::{Site, assert_fails_with_a_line, assert_succeeds_in_silence, write_sparse_database};
use crate::common::{binary, content};
use std::io::Read;
use std::process::{Command, Output, Stdio};
use testkit::{Ran, python};

fn ran(output: Output) -> Ran {
    let status = u8::try_from(output.status.code().unwrap()).unwrap();
    Ran { status, stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap() }
}

/// Runs the binary with a redirection of the shell.
fn run_redirected(site: &Site, redirection: &str, line: &str) -> Ran {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("exec \"$0\" \"$@\" {redirection}")).arg(env!("CARGO_BIN_EXE_repozo"));
    ran(shell.args(site.args(line)).output().unwrap())
}

#[test]
fn a_reader_that_goes_away_ends_a_recovery_with_one_line() {
    // More than fits into a pipe, so that the program is still writing.
    for size in [200_000, 5_000_000] {
        let mut site = Site::new();
        site.database.commit(&[(9, size)]);
        site.write_source();
        site.back_up("");
        let mut command = binary();
        command.args(site.args("-R -r REPO")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0; 100]).unwrap();
        let ran = ran(child.wait_with_output().unwrap());
        assert_fails_with_a_line(&ran, &["[Errno 32] Broken pipe: 'standard output'"]);
    }
}

#[test]
fn a_full_disk_behind_stdout_ends_a_recovery_with_one_line() {
    let site = Site::with_backups("", 0);
    let ran = run_redirected(&site, ">/dev/full", "-R -r REPO");
    assert_fails_with_a_line(&ran, &["[Errno 28] No space left on device: 'standard output'"]);
}

#[test]
fn without_stderr_work_is_done_and_failure_still_has_its_status() {
    let mut site = Site::with_backups("", 1);
    for redirection in ["2>&-", "2>/dev/full"] {
        site.grow();
        assert_succeeds_in_silence(&run_redirected(&site, redirection, "-R -v -r REPO -o TARGET"));
        assert_succeeds_in_silence(&run_redirected(&site, redirection, "-V -v -r REPO"));
        for line in ["-R -v -r REPO -D never", "-V -r nowhere", "--nope"] {
            assert_eq!(run_redirected(&site, redirection, line).status, 1, "{line}");
        }
    }
    assert_eq!(content(&site.target()), site.ours("-R -r REPO").stdout);
}

#[test]
fn help_and_version_do_not_mind_where_they_go() {
    let site = Site::new();
    for redirection in [">&-", ">/dev/full", ">&- 2>&-", "<&-"] {
        for line in ["-h", "--version"] {
            assert_succeeds_in_silence(&Ran {
                stdout: Vec::new(),
                ..run_redirected(&site, redirection, line)
            });
        }
    }
}

const LONG_LINES: [(&str, &str); 3] = [
    ("-B -z -r REPO -f SOURCE", "backing up"),
    ("-V -r REPO", "verifying"),
    ("-R -r REPO -o TARGET", "recovering"),
];

/// A database that takes long enough to show a bar.
fn long_site() -> Site {
    let site = Site::new();
    write_sparse_database(&site.path("Data.fs"), 300 << 20);
    site
}

#[test]
fn a_terminal_shows_a_bar_with_the_phase_and_is_clean_at_the_end() {
    const SPAWN: &str = "import os, pty, sys\n\
        status = pty.spawn(sys.argv[1:])\n\
        sys.exit(os.waitstatus_to_exitcode(status))";
    let site = long_site();
    for (line, phase) in LONG_LINES {
        let mut command = Command::new(python());
        command.arg("-c").arg(SPAWN).env("TERM", "xterm");
        command.arg("sh").arg("-c").arg("stty cols 80 rows 24; exec \"$0\" \"$@\"");
        command.arg(env!("CARGO_BIN_EXE_repozo")).args(site.args(line));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let screen = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{line}: {screen}");
        assert!(screen.contains(phase), "{line}: {screen:?}");
        // A bar that is wider than the terminal takes two lines, and the cursor goes up.
        assert!(!screen.contains("\u{1b}[1A"), "{line}: {screen:?}");
        // The last thing that was done to the bar is to erase it.
        assert!(screen.ends_with("\u{1b}[2K"), "{line}: {screen:?}");
    }
}

#[test]
fn a_pipe_never_sees_a_bar() {
    let site = long_site();
    for (line, _) in LONG_LINES {
        let ran = ran(binary().args(site.args(line)).output().unwrap());
        assert_succeeds_in_silence(&ran);
    }
}

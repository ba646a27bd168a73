//! A run that stands still at one of its system calls, while something else happens.

use super::traced;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use testkit::Ran;

/// A run that stands still.
pub(super) struct Stopped {
    strace: Option<Child>,
    lines: BufReader<ChildStdout>,
    pid: String,
}

/// What became of a run that was to be stopped.
pub(super) enum Started {
    Stopped(Stopped),
    /// It does not make that many calls.
    Ended,
}

/// Starts a program, which stops behind its `nth` call of this name; of those on `path` only, if one is given.
pub(super) fn start(program: &[OsString], call: &str, nth: usize, path: Option<&std::path::Path>) -> Started {
    let mut strace = traced::command();
    // What it sees goes to its standard output, line by line.
    strace.args(["-f", "-qq", "-o", "|cat"]);
    strace.args(["-e", &format!("trace={call}"), "-e", &format!("inject={call}:signal=STOP:when={nth}")]);
    if let Some(path) = path {
        strace.arg("-P").arg(path);
    }
    let mut strace = strace.args(program).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(strace.stdout.take().unwrap());
    let mut stopped = Stopped { strace: Some(strace), lines, pid: String::new() };
    if stopped.stands() { Started::Stopped(stopped) } else { Started::Ended }
}

/// Our binary with these words.
pub(super) fn ours(words: &[OsString]) -> Vec<OsString> {
    [&[env!("CARGO_BIN_EXE_repozo").into()], words].concat()
}

impl Stopped {
    /// Waits until it stands still; false when it ended before.
    fn stands(&mut self) -> bool {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            line.split(' ').next().unwrap().clone_into(&mut self.pid);
            if line.contains("--- stopped by SIGSTOP ---") {
                return true;
            }
            line.clear();
        }
        self.strace.take().unwrap().wait().unwrap();
        false
    }

    /// Lets it go on, to its end.
    pub(super) fn go_on(mut self) -> Ran {
        self.signal("CONT");
        let mut rest = Vec::new();
        self.lines.read_to_end(&mut rest).unwrap();
        super::ran(self.strace.take().unwrap().wait_with_output().unwrap())
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(&self.pid).status();
        assert!(status.is_ok_and(|status| status.success()), "{} cannot be signalled", self.pid);
    }
}

impl Drop for Stopped {
    /// Nothing stays behind of a test that failed.
    fn drop(&mut self) {
        if let Some(strace) = &mut self.strace {
            let _ = Command::new("kill").args(["-KILL", &self.pid]).status();
            let _ = strace.wait();
        }
    }
}

//! One process of `tests/oracle/live.py`, or of another script that is told what to do and says what it did.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

/// The process, and the thread that hears what it says. It ends with this value, whatever happens.
pub(crate) struct Role {
    child: Child,
    requests: Option<ChildStdin>,
    hearing: Option<JoinHandle<()>>,
}

impl Role {
    pub(crate) fn start(
        script: &str,
        args: &[OsString],
        stderr: File,
        mut hear: impl FnMut(&str) + Send + 'static,
    ) -> Role {
        let mut child = Command::new(testkit::python())
            .arg(testkit::root().join("tests/oracle").join(script))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let requests = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let hearing = std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                hear(&line);
            }
        });
        Role { child, requests, hearing: Some(hearing) }
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.requests.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Tells it to end, without waiting.
    pub(crate) fn dismiss(&mut self) {
        self.requests = None;
    }

    /// Waits for its end; all that it said was heard then. Whether it ended in order.
    pub(crate) fn wait(&mut self) -> bool {
        self.dismiss();
        let status = self.child.wait().unwrap();
        self.hearing.take().is_none_or(|hearing| hearing.join().is_ok()) && status.success()
    }

    /// Ends it with SIGABRT: it may say then where its threads are.
    pub(crate) fn abort(&mut self) {
        self.dismiss();
        if !self.is_running() {
            return;
        }
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGABRT);
        let _ = self.child.wait();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.requests = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

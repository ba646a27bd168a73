//! Commands of the user's, run in a shell in a process group of their own.

use crate::cmd::failure::Failure;
use classic::{Context, Interrupt};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use wait_timeout::ChildExt;

/// How long a signal to this program may wait until it is seen.
const POLL: Duration = Duration::from_millis(200);
/// How long a command may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);

/// A command and what it is told in its environment.
pub(super) struct Hook<'a> {
    pub(super) name: &'static str,
    pub(super) command: &'a str,
    pub(super) timeout: Duration,
    pub(super) facts: Vec<(&'static str, OsString)>,
}

impl Hook<'_> {
    /// Runs it to its end. What it prints goes to standard error.
    ///
    /// # Errors
    /// Where it cannot be run, fails, or takes too long; an interruption, which ends it.
    pub(super) fn run(&self, ctx: &Context<'_>) -> Result<(), Failure> {
        let failed = |what: String| Failure::Command(format!("{} \"{}\" {what}", self.name, self.command));
        let mut child = self.start().map_err(|error| failed(format!("cannot be run: {error}")))?;
        let ended = wait(&mut child, ctx.interrupt, self.timeout);
        match ended.map_err(|error| failed(format!("cannot be waited for: {error}")))? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(failed(format!("failed: {status}"))),
            None => {
                stop(&mut child);
                ctx.interrupt.check()?;
                Err(failed(format!("was stopped: it took longer than {} seconds", self.timeout.as_secs())))
            }
        }
    }

    fn start(&self) -> io::Result<Child> {
        Command::new("/bin/sh")
            .args(["-c", self.command])
            .envs(self.facts.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stdout(io::stderr())
            .process_group(0)
            .spawn()
    }
}

/// How it ended; `None` if it did not in time, or this program is to end.
fn wait(child: &mut Child, interrupt: &Interrupt, timeout: Duration) -> io::Result<Option<ExitStatus>> {
    let mut passed = Duration::ZERO;
    while passed < timeout && interrupt.check().is_ok() {
        let step = POLL.min(timeout - passed);
        if let Some(status) = child.wait_timeout(step)? {
            return Ok(Some(status));
        }
        passed += step;
    }
    child.try_wait()
}

/// Asks it and all that it started to end, and then makes them.
fn stop(child: &mut Child) {
    let Ok(group) = i32::try_from(child.id()).map(Pid::from_raw) else { return };
    // Who has ended cannot be asked; that is what was wanted.
    let _ = killpg(group, Signal::SIGTERM);
    if !matches!(child.wait_timeout(GRACE), Ok(Some(_))) {
        let _ = killpg(group, Signal::SIGKILL);
        let _ = child.wait();
    }
}

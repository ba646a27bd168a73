//! Commands of the user's, run in a process group of their own.

use crate::cmd::failure::Failure;
use classic::{Context, Interrupt};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use wait_timeout::ChildExt;

/// How long a signal to this program may wait until it is seen.
const POLL: Duration = Duration::from_millis(200);
/// How long a command may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);

/// A command and how long it may take.
pub(super) struct Hook {
    /// What it is in messages.
    shown: String,
    command: Command,
    timeout: Duration,
}

impl Hook {
    /// A line for the shell, which the option `name` gave, with facts in its environment.
    pub(super) fn of_shell(
        name: &str,
        line: &str,
        facts: Vec<(&'static str, OsString)>,
        timeout: Duration,
    ) -> Hook {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]).envs(facts);
        Hook { shown: format!("{name} \"{line}\""), command, timeout }
    }

    /// A program with its arguments.
    pub(super) fn of_program(program: &Path, args: &[&OsStr], timeout: Duration) -> Hook {
        let mut command = Command::new(program);
        command.args(args);
        Hook { shown: program.display().to_string(), command, timeout }
    }

    /// Runs it to its end. What it prints goes to standard error.
    ///
    /// # Errors
    /// Where it cannot be run, fails, or takes too long; an interruption, which ends it.
    pub(super) fn run(mut self, ctx: &Context<'_>) -> Result<(), Failure> {
        let shown = self.shown;
        let failed = |what: String| Failure::Command(format!("{shown} {what}"));
        let started = self.command.stdin(Stdio::null()).stdout(io::stderr()).process_group(0).spawn();
        let mut child = started.map_err(|error| failed(format!("cannot be run: {error}")))?;
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

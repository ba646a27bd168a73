//! The program `repozo` without its process: arguments in, exit status out, everything else a parameter.

pub mod args;
mod ask;
mod clock;
mod cmd;
pub mod config;
mod report;
mod signals;
mod ui;

pub use ask::ask_terminal;
pub use clock::SystemClock;
pub use signals::catch_signals;

use args::classic::{Action, ArgumentError, Invocation};
use args::modern::Surroundings;
use classic::{Clock, Interrupt};
use config::Config;
use jiff::tz::TimeZone;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use vfs::Fs;

/// Asks a question; whether the answer is yes.
pub type Ask<'a> = &'a dyn Fn(&str) -> bool;

/// Where a run happens.
pub struct Session<'a> {
    /// The disk.
    pub fs: &'a dyn Fs,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Whether somebody asked to stop.
    pub interrupt: &'a Interrupt,
    /// Whether standard error is a terminal, which may show a bar.
    pub is_terminal: bool,
    /// Asks the user a question, where there is one; whether the answer is yes.
    pub ask: Option<Ask<'a>>,
    /// The time zone of whoever reads what is told.
    pub zone: TimeZone,
    /// What `REPOZO_REPOSITORY` says.
    pub repository: Option<PathBuf>,
    /// Where the configuration may be; a later one goes before an earlier one.
    pub config_paths: Vec<PathBuf>,
}

/// Runs one invocation; its exit status.
///
/// | status | meaning |
/// |---|---|
/// | 0 | done, or nothing to do |
/// | 1 | failed; of the old face also a usage error, as of Python's repozo |
/// | 2 | of a verb: a usage error |
/// | 3 | of a verb that looks for problems: it found some |
/// | 4 | of a verb: refused, and nothing was changed |
/// | 10 | of a verb: there is no repository, or no backup in it |
/// | 11 | of a verb: another program works there, or has the database open |
/// | 128 + N | stopped by signal N |
pub fn run(
    program: &OsStr,
    args: &[OsString],
    session: &Session<'_>,
    stdout: &mut dyn Write,
    stderr: &mut (dyn Write + Send),
) -> u8 {
    if args::modern::has_verb(args) {
        return run_verb(args, session, stdout, stderr);
    }
    match args::classic::parse(args) {
        Ok(Invocation { action: Action::Help, .. }) => {
            print(stdout, &args::help::text(program));
            0
        }
        Ok(Invocation { action: Action::Version, .. }) => {
            print(stdout, concat!("repozo ", env!("CARGO_PKG_VERSION"), "\n"));
            0
        }
        Ok(invocation) => cmd::execute(&invocation, session, stdout, stderr),
        Err(ArgumentError { message, .. }) => {
            print(stderr, &format!("{}\n{message}\n", args::help::text(program)));
            1
        }
    }
}

fn run_verb(
    args: &[OsString],
    session: &Session<'_>,
    stdout: &mut dyn Write,
    stderr: &mut (dyn Write + Send),
) -> u8 {
    let profile = |name: &str, named: Option<&Path>| {
        Config::read(session.fs, &session.config_paths, named)?.profile(name).cloned()
    };
    let surroundings = Surroundings { repository: session.repository.as_deref(), profile: &profile };
    match args::modern::parse(args, &surroundings) {
        Ok(modern) => cmd::execute_verb(&modern, session, stdout, stderr),
        Err(told) if told.use_stderr() => {
            print(stderr, &told.render().to_string());
            2
        }
        Err(help) => {
            print(stdout, &help.render().to_string());
            0
        }
    }
}

/// Help and errors have nowhere to go when their stream is closed.
fn print(output: &mut dyn Write, text: &str) {
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

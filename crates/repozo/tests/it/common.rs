//! Our program in process, with a clock that stands still, and as the real binary.

use classic::{Clock, Interrupt};
use repozo::{Ask, Session, run};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use testkit::{Call, HookFs, Ran, TestClock};

/// Runs our program in this process at the clock's time.
pub(crate) fn ours<S: AsRef<OsStr>>(clock: &TestClock, args: &[S]) -> Ran {
    ours_with(&vfs::OsFs, clock, args)
}

/// The same where a user answers questions.
pub(crate) fn ours_asking<S: AsRef<OsStr>>(clock: &TestClock, args: &[S], ask: Ask<'_>) -> Ran {
    run_in_process(&vfs::OsFs, clock, args, Some(ask), &Interrupt::default())
}

/// The same on a given file system.
pub(crate) fn ours_with<S: AsRef<OsStr>>(fs: &dyn vfs::Fs, clock: &dyn Clock, args: &[S]) -> Ran {
    run_in_process(fs, clock, args, None, &Interrupt::default())
}

/// A disk on which something is done just before call `number`; and how many calls were made on it.
pub(crate) fn at_call(
    number: usize,
    mut act: impl FnMut() -> std::io::Result<()> + Send + 'static,
) -> (HookFs, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let fs =
        HookFs::new(move |_| if counted.fetch_add(1, Ordering::Relaxed) == number { act() } else { Ok(()) });
    (fs, made)
}

/// SIGTERM comes just before call `number`; how the run ended, and how many calls it made.
pub(crate) fn ours_stopped(clock: &TestClock, args: &[OsString], number: usize) -> (Ran, usize) {
    let interrupt = Interrupt::default();
    let signal = interrupt.signal();
    let (fs, made) = at_call(number, move || {
        signal.store(15, Ordering::Relaxed);
        Ok(())
    });
    let ran = run_in_process(&fs, clock, args, None, &interrupt);
    (ran, made.load(Ordering::Relaxed))
}

fn run_in_process<S: AsRef<OsStr>>(
    fs: &dyn vfs::Fs,
    clock: &dyn Clock,
    args: &[S],
    ask: Option<Ask<'_>>,
    interrupt: &Interrupt,
) -> Ran {
    let args: Vec<OsString> = args.iter().map(|arg| arg.as_ref().to_owned()).collect();
    let zone = jiff::tz::TimeZone::UTC;
    let session = Session {
        fs,
        clock,
        interrupt,
        is_terminal: false,
        ask,
        zone,
        repository: None,
        config_paths: Vec::new(),
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let status = run("repozo".as_ref(), &args, &session, &mut stdout, &mut stderr);
    Ran { status, stdout, stderr: String::from_utf8(stderr).unwrap() }
}

/// The real binary, which has the real clock.
pub(crate) fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_repozo"))
}

/// Runs the real binary to its end.
pub(crate) fn run_binary<S: AsRef<OsStr>>(args: &[S]) -> Ran {
    let output = binary().args(args).output().unwrap();
    Ran {
        status: u8::try_from(output.status.code().unwrap()).unwrap(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// How much a test does, if `make` says so: a variable of the environment that is set and not empty.
pub(crate) fn setting<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} cannot be read")))
}

/// A file system on which everything fails from the `at`th change on; whether there was such a change.
pub(crate) fn dying(at: usize) -> (HookFs, Arc<AtomicBool>) {
    let died = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&died);
    let mut count = 0;
    let fs = HookFs::new(move |call: &Call| {
        count += usize::from(call.writes());
        if count < at {
            return Ok(());
        }
        told.store(true, Ordering::Relaxed);
        Err(std::io::Error::from_raw_os_error(5))
    });
    (fs, died)
}

/// Arguments from words and paths.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { [$(std::ffi::OsString::from($arg)),*] };
}

/// The bytes of a file.
#[track_caller]
pub(crate) fn content(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) use args;

/// A place for the files of a test: in memory where that can be had, which makes syncs quick.
pub(crate) fn dir_in_memory() -> tempfile::TempDir {
    let in_memory = tempfile::Builder::new().tempdir_in("/dev/shm");
    in_memory.unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

//! `repozo`: backups of ZODB FileStorage databases. All there is to see is in the library.

use classic::Interrupt;
use repozo::{Session, SystemClock, ask_terminal, catch_signals, run};
use std::io::{IsTerminal, stderr, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

#[expect(clippy::disallowed_methods, reason = "argv and the environment are read here and nowhere else")]
fn main() -> ExitCode {
    stay_in_one_thread();
    let interrupt = Interrupt::default();
    catch_signals(&interrupt);
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    let is_asked = stdin().is_terminal() && stderr().is_terminal();
    let session = Session {
        fs: &vfs::OsFs,
        clock: &SystemClock,
        interrupt: &interrupt,
        is_terminal: stderr().is_terminal(),
        ask: is_asked.then_some(&ask_terminal),
        zone: jiff::tz::TimeZone::system(),
        repository: std::env::var_os("REPOZO_REPOSITORY").filter(|dir| !dir.is_empty()).map(Into::into),
        config_paths: config_paths(),
    };
    ExitCode::from(run(&program, &args.collect::<Vec<_>>(), &session, &mut stdout().lock(), &mut stderr()))
}

/// Where one thread is asked for, that is the first one: another would do the same, later.
fn stay_in_one_thread() {
    if std::env::var_os("RAYON_NUM_THREADS").is_some_and(|count| count == "1") {
        // It fails where threads are at work already, which is not here.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global();
    }
}

/// `/etc/repozo.toml`, and that of the user.
fn config_paths() -> Vec<PathBuf> {
    let dir = |name: &str| std::env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let of_user = dir("XDG_CONFIG_HOME").or_else(|| dir("HOME").map(|home| home.join(".config")));
    let of_user = of_user.map(|dir| dir.join("repozo.toml"));
    std::iter::once(PathBuf::from("/etc/repozo.toml")).chain(of_user).collect()
}

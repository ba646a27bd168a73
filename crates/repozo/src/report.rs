//! The one place where an error becomes a line of text and an exit status.

use classic::{Error, VerifyProblem};
use std::error::Error as _;
use std::io;
use std::path::Path;

/// What was asked for could not be done.
const FAILED: u8 = 1;
/// Problems were found.
pub(crate) const FOUND: u8 = 3;
/// Refused, and nothing was changed.
pub(crate) const REFUSED: u8 = 4;
/// There is no repository, or nothing in it.
pub(crate) const NO_REPOSITORY: u8 = 10;
/// Somebody else is at work there.
pub(crate) const LOCKED: u8 = 11;

/// The line that is printed of an error: what, where, what now.
///
/// Errors of the system begin as Python prints them, `[Errno 2] No such file or directory: 'PATH'`, for the
/// scripts that look for it.
pub(crate) fn text(error: &Error) -> String {
    match error {
        Error::File(error) | Error::NoRepository(error) => {
            system_text(&error.path, &error.source, error.op.to_string())
        }
        Error::Output(source) if source.raw_os_error().is_some() => output_text(source),
        // What the system says when a file is listed like a directory; the number is the same on every Unix.
        Error::NotADirectory { dir } => format!("[Errno 20] Not a directory: {}", quoted(dir)),
        error => one_line(&error.to_string()),
    }
}

/// The line that is printed when standard output fails.
pub(crate) fn output_text(source: &io::Error) -> String {
    system_text(Path::new("standard output"), source, "write".to_owned())
}

/// The line that is printed of a problem that verification found.
pub(crate) fn problem_text(problem: &VerifyProblem) -> String {
    match problem {
        VerifyProblem::File(error) => text(error),
        problem => one_line(&problem.to_string()),
    }
}

/// The exit status, see [`run`](crate::run).
pub(crate) fn exit_status(error: &Error) -> u8 {
    match error {
        Error::Interrupted { signal } => u8::try_from(128 + signal).unwrap_or(FAILED),
        _ => FAILED,
    }
}

/// The exit status of a verb, see [`run`](crate::run).
pub(crate) fn verb_status(error: &Error) -> u8 {
    match error {
        Error::NoRepository(error) if !error.is_not_found() => FAILED,
        Error::NoRepository(_) | Error::NotADirectory { .. } | Error::NoFiles { .. } => NO_REPOSITORY,
        Error::RepositoryLocked { .. }
        | Error::PythonRunning { .. }
        | Error::TargetLocked { .. }
        | Error::TargetInUse { .. } => LOCKED,
        Error::NotCovered { .. }
        | Error::NoTransaction { .. }
        | Error::PutBack { .. }
        | Error::PackedAway { .. }
        | Error::TargetInRepository { .. }
        | Error::TargetExists { .. }
        | Error::TargetNotAFile { .. }
        | Error::TargetAhead { .. }
        | Error::BlobDirNotEmpty { .. }
        | Error::ExtraOfWhat { .. }
        | Error::NoBlobs { .. }
        | Error::NotAReport { .. }
        | Error::NoSpace { .. }
        | Error::NothingToKeep
        | Error::NoSuchBackup { .. }
        | Error::BadTag { .. }
        | Error::ClockBehind { .. } => REFUSED,
        Error::Problems { .. } => FOUND,
        error => exit_status(error),
    }
}

/// The exit status of a run that did what it was to do, unless blobs are not there.
pub(crate) fn status_of_blobs(is_complete: Option<bool>) -> u8 {
    if is_complete.unwrap_or(true) { 0 } else { FOUND }
}

/// Whether an error of a verification says that backups are not what they should be, and not that they cannot be had.
pub(crate) fn is_finding(error: &Error) -> bool {
    verb_status(error) == FAILED
}

/// Names in messages may hold anything; a message stays one line.
pub(crate) fn one_line(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

fn system_text(path: &Path, source: &io::Error, op: String) -> String {
    let shown = quoted(path);
    let Some(number) = source.raw_os_error() else {
        let reason = source.source().map_or_else(|| source.to_string(), ToString::to_string);
        return one_line(&format!("cannot {op} {shown}: {reason}"));
    };
    let full = source.to_string();
    let words = full.strip_suffix(&format!(" (os error {number})")).unwrap_or(&full);
    let advice = advice(source.kind()).map_or_else(String::new, |advice| format!(" ({op}): {advice}"));
    format!("[Errno {number}] {words}: {shown}{advice}")
}

/// A path as Python shows one, on one line.
fn quoted(path: &Path) -> String {
    let text = one_line(&path.to_string_lossy());
    if text.contains('\'') && !text.contains('"') { format!("\"{text}\"") } else { format!("'{text}'") }
}

fn advice(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("what was there before is unharmed; make room and run it again")
        }
        io::ErrorKind::ReadOnlyFilesystem => Some("the file system is mounted read-only"),
        io::ErrorKind::PermissionDenied => Some("run it as a user who may"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn system_error(path: &str, number: i32) -> String {
        let source = io::Error::from_raw_os_error(number);
        text(&vfs::Error { op: vfs::Op::Open, path: PathBuf::from(path), source }.into())
    }

    #[test]
    fn errors_of_the_system_read_as_in_python() {
        assert_eq!(system_error("/no/Data.fs", 2), "[Errno 2] No such file or directory: '/no/Data.fs'");
        assert_eq!(system_error("it's", 2), "[Errno 2] No such file or directory: \"it's\"");
        assert!(system_error("x", 28).starts_with("[Errno 28] No space left on device: 'x' (open): "));
    }

    #[test]
    fn a_message_is_one_line_whatever_the_names() {
        assert_eq!(
            system_error("a\nb\u{1b}[2J", 2),
            "[Errno 2] No such file or directory: 'a\\nb\\u{1b}[2J'"
        );
        let error = Error::NotADirectory { dir: PathBuf::from("a\nb") };
        assert_eq!(text(&error), "[Errno 20] Not a directory: 'a\\nb'");
        let error = Error::TargetNotAFile { path: PathBuf::from("a\nb") };
        assert_eq!(text(&error), "a\\nb is not a regular file; choose another --output");
    }

    #[test]
    fn a_signal_is_told_by_128_and_its_number() {
        assert_eq!(exit_status(&Error::Interrupted { signal: 15 }), 143);
        assert_eq!(exit_status(&Error::NotADirectory { dir: PathBuf::new() }), 1);
    }
}

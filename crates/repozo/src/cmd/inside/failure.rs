use crate::report;
use classic::Error;
use std::io;
use std::path::PathBuf;
use vfs::Op;

/// Why a verb did not do what it was asked to.
pub(super) enum Failure {
    /// What also other runs meet: files, repositories, signals.
    Common(Error),
    /// What is looked into is no database.
    NoDatabase { path: PathBuf, error: filestorage::Error },
    /// What was asked for is not there, and nothing but that could be told on standard output.
    Absent(String),
    /// What was found cannot be written.
    Output(io::Error),
}

impl Failure {
    /// Of a look into what is at `path`.
    pub(super) fn of(error: inspect::Error, path: PathBuf) -> Failure {
        match error {
            inspect::Error::Source(filestorage::Error::Io(error)) => Failure::of_read(error, path),
            inspect::Error::Source(error) => Failure::NoDatabase { path, error },
            inspect::Error::Output(error) => Failure::Output(error),
            error => Failure::Output(io::Error::other(error)),
        }
    }

    /// Of several files, the error names the one.
    fn of_read(error: io::Error, path: PathBuf) -> Failure {
        let told = error.downcast::<Error>().or_else(|error| error.downcast::<vfs::Error>().map(Error::from));
        Failure::Common(told.unwrap_or_else(|error| vfs::Error::new(Op::Read, &path, error).into()))
    }

    /// The line that is printed of it.
    pub(super) fn text(&self) -> String {
        match self {
            Failure::Common(error) => report::text(error),
            Failure::NoDatabase { path, error } => report::one_line(&format!("{}: {error}", path.display())),
            Failure::Absent(text) => text.clone(),
            Failure::Output(error) => report::output_text(error),
        }
    }

    /// The exit status.
    pub(super) fn status(&self) -> u8 {
        match self {
            Failure::Common(error) => report::exit_status(error),
            // Who reads on does not want more, as `head`.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Failure::Absent(_) => super::FOUND,
            _ => 1,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Common(error)
    }
}

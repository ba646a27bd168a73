use crate::report;
use classic::Error;
use std::io;
use std::path::PathBuf;

/// Why a verb did not do what it was asked to.
pub(crate) enum Failure {
    /// What also other runs meet: files, repositories, signals.
    Common(Error),
    /// What is looked into is no database.
    NoDatabase { path: PathBuf, error: filestorage::Error },
    /// What was asked for is not there, and nothing but that could be told on standard output.
    Absent(String),
    /// A command that was to be run did not do what it should.
    Command(String),
    /// What was found cannot be written.
    Output(io::Error),
}

impl Failure {
    /// Of a look into what is at `path`.
    pub(crate) fn of(error: inspect::Error, path: PathBuf) -> Failure {
        match error {
            inspect::Error::Source(filestorage::Error::Io(error)) => {
                Failure::Common(Error::of_read(error, &path))
            }
            inspect::Error::Source(error) => Failure::NoDatabase { path, error },
            inspect::Error::Output(error) => Failure::Output(error),
            error => Failure::Output(io::Error::other(error)),
        }
    }

    /// The line that is printed of it.
    pub(crate) fn text(&self) -> String {
        match self {
            Failure::Common(error) => report::text(error),
            Failure::NoDatabase { path, error } => report::one_line(&format!("{}: {error}", path.display())),
            Failure::Absent(text) | Failure::Command(text) => report::one_line(text),
            Failure::Output(error) => report::output_text(error),
        }
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Failure::Common(error) => report::verb_status(error),
            // Who reads on does not want more, as `head`.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Failure::Absent(_) => report::FOUND,
            _ => 1,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Common(error)
    }
}

use std::io;

/// Why looking could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What is looked at is no database, or cannot be read.
    #[error(transparent)]
    Source(#[from] filestorage::Error),
    /// What was found cannot be told.
    #[error("{0}")]
    Output(#[source] io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Source(filestorage::Error::Io(error))
    }
}

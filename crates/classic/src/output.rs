use crate::Error;
use crate::gzip::GzipWriter;
use vfs::publish::{Draft, Finished};

/// Where the bytes of a data file go: a draft, through a compressor or not.
pub(crate) enum Output<'fs> {
    Plain(Draft<'fs>),
    Gzip(Box<GzipWriter<'fs>>),
}

impl<'fs> Output<'fs> {
    pub(crate) fn new(draft: Draft<'fs>, gzip: bool) -> Output<'fs> {
        if gzip { Output::Gzip(Box::new(GzipWriter::new(draft))) } else { Output::Plain(draft) }
    }

    /// Appends uncompressed bytes.
    ///
    /// # Errors
    /// The system's, with the draft's name.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Output::Plain(draft) => Ok(draft.append(bytes)?),
            Output::Gzip(writer) => Ok(writer.append(bytes)?),
        }
    }

    /// Makes the file durable under its draft's name; the last block is written before anything is synced.
    ///
    /// # Errors
    /// The system's, with the draft's name.
    pub(crate) fn finish(self) -> Result<Finished<'fs>, Error> {
        match self {
            Output::Plain(draft) => Ok(draft.finish()?),
            Output::Gzip(writer) => Ok(writer.finish()?.finish()?),
        }
    }
}

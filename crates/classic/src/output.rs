use crate::{Error, gzip};
use flate2::write::GzEncoder;
use std::io::Write;
use vfs::Op;
use vfs::publish::{Draft, Finished};

/// Where the bytes of a data file go: a draft, through a compressor or not.
pub(crate) enum Output<'fs> {
    Plain(Draft<'fs>),
    Gzip(Box<GzEncoder<Draft<'fs>>>),
}

impl<'fs> Output<'fs> {
    pub(crate) fn new(draft: Draft<'fs>, gzip: bool) -> Output<'fs> {
        if gzip { Output::Gzip(Box::new(gzip::compressor(draft))) } else { Output::Plain(draft) }
    }

    /// Appends uncompressed bytes.
    ///
    /// # Errors
    /// The system's, with the draft's name.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Output::Plain(draft) => Ok(draft.append(bytes)?),
            Output::Gzip(encoder) => encoder.write_all(bytes).map_err(|error| write_error(encoder, error)),
        }
    }

    /// Makes the file durable under its draft's name; the trailer is written before anything is synced.
    ///
    /// # Errors
    /// The system's, with the draft's name.
    pub(crate) fn finish(self) -> Result<Finished<'fs>, Error> {
        match self {
            Output::Plain(draft) => Ok(draft.finish()?),
            Output::Gzip(mut encoder) => {
                encoder.try_finish().map_err(|error| write_error(&encoder, error))?;
                let path = encoder.get_ref().path().to_owned();
                let draft = encoder.finish().map_err(vfs::Error::at(Op::Write, &path))?;
                Ok(draft.finish()?)
            }
        }
    }
}

fn write_error(encoder: &GzEncoder<Draft<'_>>, error: std::io::Error) -> Error {
    vfs::Error::new(Op::Write, encoder.get_ref().path(), error).into()
}

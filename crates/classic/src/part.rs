use crate::copy::pump;
use crate::gzip::{GzipReader, data_len, trailer_len};
use crate::{BackupName, Context, Error, Repository, Sum};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use vfs::{Fs, Op, ReadAt, Sequential};

/// The uncompressed bytes of one data file, front to back.
pub(crate) struct PartStream {
    path: PathBuf,
    input: Input,
}

enum Input {
    Plain(Sequential),
    Gzip(Box<GzipReader<Sequential>>),
}

impl PartStream {
    /// Opens the data file `name`.
    ///
    /// # Errors
    /// The system's, with the path.
    pub(crate) fn open(
        fs: &dyn Fs,
        repository: &Repository<'_>,
        name: BackupName,
    ) -> Result<PartStream, Error> {
        PartStream::open_path(fs, repository.path_of(name), name.gzip)
    }

    /// Opens a file that is or will be a data file.
    ///
    /// # Errors
    /// The system's, with the path.
    pub(crate) fn open_path(fs: &dyn Fs, path: PathBuf, gzip: bool) -> Result<PartStream, Error> {
        let file = fs.open(&path).map_err(vfs::Error::at(Op::Open, &path))?;
        let plain = Sequential::new(file);
        let input = if gzip { Input::Gzip(Box::new(GzipReader::new(plain))) } else { Input::Plain(plain) };
        Ok(PartStream { path, input })
    }

    /// Fills `buf` as far as there are bytes; fewer than its length only at the end.
    ///
    /// # Errors
    /// [`Error::Gzip`] for what cannot be decompressed, else the system's.
    pub(crate) fn read_full(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let mut done_len = 0;
        while done_len < buf.len() {
            let read = match &mut self.input {
                Input::Plain(plain) => plain.read(&mut buf[done_len..]),
                Input::Gzip(gzip) => gzip.read(&mut buf[done_len..]),
            };
            match read {
                Ok(0) => break,
                Ok(read_len) => done_len += read_len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(error)),
            }
        }
        Ok(done_len)
    }

    /// Reads all that is left; how many bytes it was, and their sum.
    ///
    /// # Errors
    /// An interruption, and those of [`PartStream::read_full`].
    pub(crate) fn sum(self, ctx: &Context<'_>) -> Result<(u64, Sum), Error> {
        self.sum_within(ctx, u64::MAX)
    }

    /// The same, but of what turns out longer than `len_limit` no more than a piece behind the limit is read: a
    /// few bytes of gzip can hold more than anybody wants to wait for.
    ///
    /// # Errors
    /// Those of [`PartStream::sum`].
    pub(crate) fn sum_within(mut self, ctx: &Context<'_>, len_limit: u64) -> Result<(u64, Sum), Error> {
        pump(self.pieces(ctx, len_limit), |_| Ok(()))
    }

    /// What is left, piece by piece, for [`pump`]; no more than a piece behind `len_limit`.
    pub(crate) fn pieces<'s>(
        &'s mut self,
        ctx: &'s Context<'_>,
        len_limit: u64,
    ) -> impl FnMut(&mut [u8]) -> Result<usize, Error> + 's {
        let mut seen_len = 0;
        move |piece| {
            ctx.interrupt.check()?;
            if seen_len > len_limit {
                return Ok(0);
            }
            let read_len = self.read_full(piece)?;
            seen_len += read_len as u64;
            Ok(read_len)
        }
    }

    fn error(&self, error: io::Error) -> Error {
        // Errors of the system have a number; those of the decompressor have none.
        match (&self.input, error.raw_os_error()) {
            (Input::Gzip(_), None) => Error::Gzip { path: self.path.clone(), reason: gzip_reason(&error) },
            _ => vfs::Error::new(Op::Read, &self.path, error).into(),
        }
    }
}

fn gzip_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut short".to_owned(),
        _ => error.to_string(),
    }
}

/// What is known of the length of a data file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuickLen {
    /// Exactly so many bytes: of a plain file, or of one of blocks by the word of each.
    Exact(u64),
    /// So many modulo 2^32, if it is one sound gzip member.
    Gzip(Option<u32>),
}

impl QuickLen {
    /// Looks at the file's length, and for gzip at the headers of its blocks, or at its last four bytes.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn of(fs: &dyn Fs, path: &Path, name: BackupName) -> Result<QuickLen, Error> {
        let at_path = |op| vfs::Error::at(op, path);
        let file = fs.open(path).map_err(at_path(Op::Open))?;
        if !name.gzip {
            return Ok(QuickLen::Exact(file.len().map_err(at_path(Op::Stat))?));
        }
        let file: &dyn ReadAt = &*file;
        match data_len(file).map_err(at_path(Op::Read))? {
            Some(len) => Ok(QuickLen::Exact(len)),
            None => Ok(QuickLen::Gzip(trailer_len(file).map_err(at_path(Op::Read))?)),
        }
    }

    /// Whether the file can hold `len` uncompressed bytes, as far as that can be seen.
    pub(crate) fn agrees_with(self, len: u64) -> bool {
        match self {
            QuickLen::Exact(exact_len) => exact_len == len,
            QuickLen::Gzip(trailer) => trailer.map(u64::from) == Some(len & 0xffff_ffff),
        }
    }
}

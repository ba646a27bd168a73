use crate::gzip::BlockFile;
use crate::part::PartStream;
use crate::{Error, Part, Repository};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use vfs::{Fs, Op, ReadAt, ReadFile};

/// A chain of backups as one database: positions are those of the database, nothing is restored.
///
/// Plain files are read where asked, and compressed ones of blocks nearly so: the block is decompressed. Another
/// compressed one is decompressed from its first byte up to the place asked for, and on from there while reads go
/// forward.
pub struct ChainReader<'a> {
    fs: &'a dyn Fs,
    repository: &'a Repository<'a>,
    parts: Vec<Part>,
    open: Mutex<Option<OpenPart>>,
}

struct OpenPart {
    at: usize,
    path: PathBuf,
    bytes: OpenBytes,
}

enum OpenBytes {
    Plain(Box<dyn ReadFile>),
    Blocks(Box<BlockFile>),
    /// The stream and how many bytes of it were read.
    Gzip(Box<PartStream>, u64),
}

impl<'a> ChainReader<'a> {
    /// A reader of parts that tile the database, see [`Chain::tile`](crate::Chain::tile).
    pub fn new(fs: &'a dyn Fs, repository: &'a Repository<'a>, parts: &[Part]) -> ChainReader<'a> {
        ChainReader { fs, repository, parts: parts.to_vec(), open: Mutex::new(None) }
    }

    /// What is read, in messages: the full backup.
    pub(crate) fn path(&self) -> PathBuf {
        self.parts.first().map_or_else(PathBuf::new, |part| self.repository.path_of(part.name))
    }

    /// Whether a place within a part can be read without all that stands before it.
    ///
    /// # Errors
    /// Those of the part's file, with its name.
    pub(crate) fn seeks(&self, at: usize) -> Result<bool, Error> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_none_or(|open| open.at != at) {
            *open = Some(self.open_part(at)?);
        }
        Ok(open.as_ref().is_some_and(|open| !matches!(open.bytes, OpenBytes::Gzip(..))))
    }

    /// The part that holds `pos`, and its place among the parts.
    fn part_at(&self, pos: u64) -> Option<(usize, &Part)> {
        let at = self.parts.partition_point(|part| part.end_pos <= pos);
        self.parts.get(at).map(|part| (at, part))
    }

    /// Reads from `pos` on into `buf`, not beyond the end of the part that holds it; 0 at the end.
    ///
    /// # Errors
    /// Those of the part's file, with its name.
    pub(crate) fn read(&self, pos: u64, buf: &mut [u8]) -> Result<usize, Error> {
        let Some((at, part)) = self.part_at(pos) else { return Ok(0) };
        let inner_pos = pos - part.start_pos;
        let rest_len = usize::try_from(part.end_pos - pos).unwrap_or(buf.len());
        let want_len = buf.len().min(rest_len);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !open.as_ref().is_some_and(|open| open.reaches(at, inner_pos)) {
            *open = Some(self.open_part(at)?);
        }
        let Some(part) = open.as_mut() else { return Ok(0) };
        part.read(self.fs, inner_pos, &mut buf[..want_len])
    }

    fn open_part(&self, at: usize) -> Result<OpenPart, Error> {
        let name = self.parts[at].name;
        let path = self.repository.path_of(name);
        let open = || self.fs.open(&path).map_err(vfs::Error::at(Op::Open, &path));
        let bytes = if name.gzip {
            match BlockFile::open(open()?).map_err(vfs::Error::at(Op::Read, &path))? {
                Some(blocks) => OpenBytes::Blocks(Box::new(blocks)),
                None => OpenBytes::stream(self.fs, &path)?,
            }
        } else {
            OpenBytes::Plain(open()?)
        };
        Ok(OpenPart { at, path, bytes })
    }
}

impl OpenBytes {
    fn stream(fs: &dyn Fs, path: &Path) -> Result<OpenBytes, Error> {
        Ok(OpenBytes::Gzip(Box::new(PartStream::open_path(fs, path.to_owned(), true)?), 0))
    }
}

impl OpenPart {
    /// Whether the bytes from `inner_pos` on can be read without starting again.
    fn reaches(&self, at: usize, inner_pos: u64) -> bool {
        self.at == at && !matches!(&self.bytes, OpenBytes::Gzip(_, read_len) if *read_len > inner_pos)
    }

    fn read(&mut self, fs: &dyn Fs, inner_pos: u64, buf: &mut [u8]) -> Result<usize, Error> {
        // Of several files, the error has to name the one.
        let failed = vfs::Error::at(Op::Read, &self.path);
        match &mut self.bytes {
            OpenBytes::Plain(file) => Ok(file.read_at(inner_pos, buf).map_err(failed)?),
            OpenBytes::Blocks(blocks) => match blocks.read(inner_pos, buf).map_err(failed)? {
                Some(read_len) => Ok(read_len),
                // Whatever it is, it is read as a recovery reads it.
                None => {
                    self.bytes = OpenBytes::stream(fs, &self.path)?;
                    self.read(fs, inner_pos, buf)
                }
            },
            OpenBytes::Gzip(stream, done_len) => read_forward(stream, done_len, inner_pos, buf),
        }
    }
}

/// Reads from `inner_pos` on, which is not before `done_len`, how far the stream is.
fn read_forward(
    stream: &mut PartStream,
    done_len: &mut u64,
    inner_pos: u64,
    buf: &mut [u8],
) -> Result<usize, Error> {
    let mut passed = vec![0; 1 << 16];
    while *done_len < inner_pos {
        let want_len = usize::try_from(inner_pos - *done_len).unwrap_or(passed.len()).min(passed.len());
        match stream.read_full(&mut passed[..want_len])? {
            0 => return Ok(0),
            read_len => *done_len += read_len as u64,
        }
    }
    let read_len = stream.read_full(buf)?;
    *done_len += read_len as u64;
    Ok(read_len)
}

impl ReadAt for ChainReader<'_> {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        // Who unwraps it looks for the error of the file.
        self.read(pos, buf).map_err(|error| match error {
            Error::File(error) => io::Error::other(error),
            error => io::Error::other(error),
        })
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.parts.last().map_or(0, |part| part.end_pos))
    }
}

//! `STAMP.blobs`: the blobs that the transactions of one backup name, a line each, ordered by oid and tid.
//!
//! ```text
//! repozo-blobs 1 4 123456 bushy
//! 0000000000000123 03f47fbf56666666 20480 <64 digits>
//! 0000000000000124 03f47fbf56666666 missing
//! 0000000000000125 03f47fbf56666666 5 <64 digits> 2026-11-29-04-15-00-1 127
//! end 3 20485 1 <64 digits>
//! ```
//!
//! In the first line: the version, from where to where in the database, and the layout of the blob directory; then `unread` and how
//! many bytes of damaged transactions could not be looked through, if there are any. A line has the
//! length and the BLAKE3 hash, and the container and the position in it of a blob that has no file of its own; or it says that
//! the file was not there. The last line counts the lines, their bytes and the missing ones, and has the hash of all
//! that stands before it.

use super::content::{BlobHash, Content};
use super::spot::{Held, Spot};
use super::{BlobCounts, Revision};
use crate::{Error, Part};
use filestorage::{BlobLayout, Oid, Tid};
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use vfs::publish::Draft;
use vfs::{Fs, Op, Sequential};

const MARK: &str = "repozo-blobs 1";
/// Behind the hash of a blob whose file has it in its name.
const BY_HASH: &str = "by-hash";
/// In the first line, where transactions could not be read.
const UNREAD: &str = "unread";
/// No line is longer.
pub(super) const LINE_LEN_LIMIT: usize = 256;
/// The last line is not longer.
const END_LEN_LIMIT: u64 = 160;

/// Where in a database the transactions are, and how the blob directory was laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) start_pos: u64,
    pub(super) end_pos: u64,
    pub(super) layout: BlobLayout,
    /// So many bytes of the transactions are damaged: which blobs they name is not known.
    pub(super) unread_len: u64,
}

impl Head {
    /// Whether the list at `path` is that of this backup.
    ///
    /// # Errors
    /// [`Error::BlobList`].
    pub(super) fn expect_of(&self, part: &Part, path: &Path) -> Result<(), Error> {
        let reason = "it is one of other transactions than its backup";
        let is_its = (self.start_pos, self.end_pos) == (part.start_pos, part.end_pos);
        if is_its { Ok(()) } else { Err(Error::BlobList { path: path.to_owned(), reason }) }
    }
}

/// A line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) revision: Revision,
    /// `None` if its file was not there.
    pub(super) held: Option<Held>,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Revision { oid, tid } = self.revision;
        write!(f, "{:016x} {:016x} ", oid.number(), tid.number())?;
        let Some(Held { content: Content { len, hash }, spot }) = self.held else {
            return f.write_str("missing");
        };
        match spot {
            Spot::Alone => write!(f, "{len} {hash}"),
            Spot::ByHash => write!(f, "{len} {hash} {BY_HASH}"),
            Spot::Within(container, pos) => write!(f, "{len} {hash} {container} {pos}"),
        }
    }
}

impl BlobCounts {
    pub(super) fn add(&mut self, entry: &Entry) {
        self.count += 1;
        match entry.held {
            Some(held) => self.len = self.len.saturating_add(held.content.len),
            None => self.missing_count += 1,
        }
    }
}

/// A list that is read, front to back. Nothing in it is sure before its end was read.
pub(super) struct ListReader {
    path: PathBuf,
    input: BufReader<Sequential>,
    head: Head,
    hasher: blake3::Hasher,
    counts: BlobCounts,
    last: Option<Revision>,
    /// Where the next line begins.
    pos: u64,
}

impl ListReader {
    /// Opens a list and reads its first line.
    ///
    /// # Errors
    /// [`Error::BlobList`], the system's.
    pub(super) fn open(fs: &dyn Fs, path: &Path) -> Result<ListReader, Error> {
        let file = fs.open(path).map_err(vfs::Error::at(Op::Open, path))?;
        let mut list = ListReader {
            path: path.to_owned(),
            input: BufReader::with_capacity(1 << 16, Sequential::new(file)),
            head: Head { start_pos: 0, end_pos: 0, layout: BlobLayout::Bushy, unread_len: 0 },
            hasher: blake3::Hasher::new(),
            counts: BlobCounts::default(),
            last: None,
            pos: 0,
        };
        let line = list.line()?;
        list.hasher.update(line.as_bytes());
        list.head = parse_head(&line).ok_or_else(|| list.wrong("its first line is no such line"))?;
        Ok(list)
    }

    /// The same; `None` where there is no list.
    ///
    /// # Errors
    /// Those of [`ListReader::open`].
    pub(super) fn find(fs: &dyn Fs, path: &Path) -> Result<Option<ListReader>, Error> {
        match ListReader::open(fs, path) {
            Err(Error::File(error)) if error.is_not_found() => Ok(None),
            list => list.map(Some),
        }
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Whether it is the list of this backup.
    ///
    /// # Errors
    /// [`Error::BlobList`].
    pub(super) fn expect_of(&self, part: &Part) -> Result<(), Error> {
        self.head.expect_of(part, &self.path)
    }

    /// Where the line begins that comes next; behind the first one, never 0.
    pub(super) fn pos(&self) -> u64 {
        self.pos
    }

    /// The next line; `None` behind the last one, when all that was read is sure.
    ///
    /// # Errors
    /// [`Error::BlobList`], the system's.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Error> {
        let line = self.line()?;
        if line.starts_with("end ") {
            return self.end(&line).map(|()| None);
        }
        self.hasher.update(line.as_bytes());
        let entry = parse_entry(&line).ok_or_else(|| self.wrong("a line is no such line"))?;
        if self.last.replace(entry.revision).is_some_and(|last| last >= entry.revision) {
            return Err(self.wrong("its lines are not in order"));
        }
        self.counts.add(&entry);
        Ok(Some(entry))
    }

    /// Reads all that is left; what the list has in all.
    ///
    /// # Errors
    /// Those of [`ListReader::next`].
    pub(super) fn counts(mut self) -> Result<BlobCounts, Error> {
        while self.next()?.is_some() {}
        Ok(self.counts)
    }

    fn end(&mut self, line: &str) -> Result<(), Error> {
        let hash = BlobHash::of(&self.hasher);
        if parse_end(line) != Some((self.counts, hash)) {
            return Err(self.wrong("its last line does not agree with the others: it is damaged"));
        }
        let mut more = [0];
        match self.input.read(&mut more) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.wrong("bytes follow its end")),
            Err(error) => Err(vfs::Error::new(Op::Read, &self.path, error).into()),
        }
    }

    fn line(&mut self) -> Result<String, Error> {
        let mut line = Vec::new();
        let read = self.input.by_ref().take(LINE_LEN_LIMIT as u64).read_until(b'\n', &mut line);
        self.pos += read.map_err(vfs::Error::at(Op::Read, &self.path))? as u64;
        match String::from_utf8(line) {
            Ok(line) if line.ends_with('\n') => Ok(line),
            _ => Err(self.wrong("it is cut short, or a line is no such line")),
        }
    }

    fn wrong(&self, reason: &'static str) -> Error {
        Error::BlobList { path: self.path.clone(), reason }
    }
}

/// What a list says of itself in its first line and its last, without reading it.
///
/// # Errors
/// [`Error::BlobList`], the system's.
pub(super) fn read_ends(fs: &dyn Fs, path: &Path) -> Result<(Head, BlobCounts), Error> {
    let head = ListReader::open(fs, path)?.head;
    let file = fs.open(path).map_err(vfs::Error::at(Op::Open, path))?;
    let len = file.len().map_err(vfs::Error::at(Op::Stat, path))?;
    let mut end = vec![0; usize::try_from(END_LEN_LIMIT.min(len)).unwrap_or(0)];
    file.read_exact_at(len - end.len() as u64, &mut end).map_err(vfs::Error::at(Op::Read, path))?;
    let text = String::from_utf8_lossy(&end);
    let last = text.trim_end_matches('\n').rsplit('\n').next().filter(|_| text.ends_with('\n'));
    let counts = last.and_then(|last| parse_end(&format!("{last}\n"))).map(|(counts, _)| counts);
    let wrong = || Error::BlobList { path: path.to_owned(), reason: "its last line is no such line" };
    Ok((head, counts.ok_or_else(wrong)?))
}

/// A list that is written.
pub(super) struct ListWriter<'fs> {
    draft: Draft<'fs>,
    hasher: blake3::Hasher,
    counts: BlobCounts,
    text: String,
}

impl<'fs> ListWriter<'fs> {
    /// So much is written at once.
    const WRITE_LEN: usize = 1 << 16;

    pub(super) fn new(draft: Draft<'fs>, head: Head) -> ListWriter<'fs> {
        let layout = head.layout.marker();
        let unread = match head.unread_len {
            0 => String::new(),
            len => format!(" {UNREAD} {len}"),
        };
        let text = format!("{MARK} {} {} {layout}{unread}\n", head.start_pos, head.end_pos);
        ListWriter { draft, hasher: blake3::Hasher::new(), counts: BlobCounts::default(), text }
    }

    /// Appends a line, which comes behind the one before in the order of lists.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn push(&mut self, entry: &Entry) -> Result<(), Error> {
        use std::fmt::Write as _;
        let _ = writeln!(self.text, "{entry}");
        self.counts.add(entry);
        if self.text.len() >= Self::WRITE_LEN { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), Error> {
        self.hasher.update(self.text.as_bytes());
        self.draft.append(self.text.as_bytes())?;
        self.text.clear();
        Ok(())
    }

    /// The complete draft, and what it has in all.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn end(mut self) -> Result<(Draft<'fs>, BlobCounts), Error> {
        self.write()?;
        let BlobCounts { count, len, missing_count } = self.counts;
        let end = format!("end {count} {len} {missing_count} {}\n", BlobHash::of(&self.hasher));
        self.draft.append(end.as_bytes())?;
        Ok((self.draft, self.counts))
    }
}

fn parse_head(line: &str) -> Option<Head> {
    let rest = line.strip_suffix('\n')?.strip_prefix(MARK)?.strip_prefix(' ')?;
    let words: Vec<&str> = rest.split(' ').collect();
    let (start_pos, end_pos, layout, unread_len) = match words[..] {
        [start_pos, end_pos, layout] => (start_pos, end_pos, layout, 0),
        [start_pos, end_pos, layout, UNREAD, len] => (start_pos, end_pos, layout, number(len)?),
        _ => return None,
    };
    let layout = BlobLayout::of_marker(layout).filter(|found| found.marker() == layout)?;
    Some(Head { start_pos: number(start_pos)?, end_pos: number(end_pos)?, layout, unread_len })
}

pub(super) fn parse_entry(line: &str) -> Option<Entry> {
    let (oid, rest) = line.strip_suffix('\n')?.split_once(' ')?;
    let (tid, rest) = rest.split_once(' ')?;
    let revision = revision(oid, tid)?;
    if rest == "missing" {
        return Some(Entry { revision, held: None });
    }
    let words: Vec<&str> = rest.split(' ').collect();
    let (len, hash, spot) = match words[..] {
        [len, hash] => (len, hash, Spot::Alone),
        [len, hash, BY_HASH] => (len, hash, Spot::ByHash),
        [len, hash, container, pos] => (len, hash, Spot::Within(container.parse().ok()?, number(pos)?)),
        _ => return None,
    };
    let content = Content { len: number(len)?, hash: BlobHash::parse(hash)? };
    Some(Entry { revision, held: Some(Held { content, spot }) })
}

fn parse_end(line: &str) -> Option<(BlobCounts, BlobHash)> {
    let words: Vec<&str> = line.strip_suffix('\n')?.split(' ').collect();
    let ["end", count, len, missing_count, hash] = words[..] else { return None };
    let counts =
        BlobCounts { count: number(count)?, len: number(len)?, missing_count: number(missing_count)? };
    Some((counts, BlobHash::parse(hash)?))
}

/// As it is written here: without a sign, blanks or leading zeros.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

fn revision(oid: &str, tid: &str) -> Option<Revision> {
    let digits = |text: &str| {
        let is_ours = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        u64::from_str_radix(text, 16).ok().filter(|_| is_ours)
    };
    Some(Revision { oid: Oid::new(digits(oid)?), tid: Tid::new(digits(tid)?) })
}

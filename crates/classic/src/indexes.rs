//! The `.index` file of a backup: the database's index as of its end.

use crate::source::Source;
use crate::{Context, Error, Part, Repository};
use filestorage::{
    Boundary, Damage, Extent, Index, IndexError, Nothing, Problem, Visitor, committed_end, current_records,
    load_index, merge_index,
};
use pickle::index::IndexReader;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;
use vfs::publish::Draft;
use vfs::{Fs, Op, ReadAt, Sequential};

/// An index file as a stream.
pub(crate) fn open_stream(fs: &dyn Fs, path: &Path) -> io::Result<BufReader<Sequential>> {
    Ok(BufReader::with_capacity(1 << 16, Sequential::new(fs.open(path)?)))
}

/// What a scan of the source found, besides its end.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) first: Option<Problem>,
    pub(crate) count: u64,
}

impl Visitor for Problems {
    fn problem(&mut self, problem: Problem) {
        self.first.get_or_insert(problem);
        self.count += 1;
    }
}

/// An index and the problems, filled by one walk.
pub(crate) struct Noting<'a> {
    pub(crate) index: &'a mut Index,
    pub(crate) problems: &'a mut Problems,
}

impl Visitor for Noting<'_> {
    fn record(&mut self, header: &filestorage::RecordHeader, data: filestorage::RecordData) {
        self.index.record(header, data);
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.problem(problem);
    }
}

/// The index of the whole source and its committed end: from its own index file if that is sound, else by a
/// scan from the start.
///
/// # Errors
/// Damage, and what the system says.
pub(crate) fn of_source(
    ctx: &Context<'_>,
    source: &Source,
    problems: &mut Problems,
) -> Result<(Index, Extent), Error> {
    // An index that cannot be used is no news: a running server leaves an old one, a pack a foreign one.
    if let Ok(input) = open_stream(ctx.fs, &source.index_path())
        && let Ok(found) = load_index(input, source.bytes(), problems)
    {
        return Ok(found);
    }
    *problems = Problems::default();
    let mut index = Index::new();
    let start = Boundary::start(source.bytes()).map_err(|error| source.error(error))?;
    let extent = scan(source, start, &mut index, problems)?;
    Ok((index, extent))
}

/// Where the source would end, if every byte of it belonged to sound transactions: a transaction ends with its last
/// byte, by its length at both ends. Only a walk from the start proves it.
///
/// # Errors
/// A wrong magic, and what the system says.
pub(crate) fn likely_extent(source: &Source) -> Result<Option<Extent>, Error> {
    Boundary::start(source.bytes()).map_err(|error| source.error(error))?;
    let last =
        filestorage::transaction_before(source.bytes(), source.len).map_err(|error| source.error(error))?;
    Ok(last.map(|last| Extent { end_pos: source.len, last: Some(last), tail: None }))
}

/// The objects that changed behind a boundary, and the committed end.
///
/// # Errors
/// Damage, and what the system says.
pub(crate) fn behind(
    source: &Source,
    boundary: Boundary,
    problems: &mut Problems,
) -> Result<(Index, Extent), Error> {
    let mut index = Index::new();
    let extent = scan(source, boundary, &mut index, problems)?;
    Ok((index, extent))
}

fn scan(
    source: &Source,
    start: Boundary,
    index: &mut Index,
    problems: &mut Problems,
) -> Result<Extent, Error> {
    let extent = committed_end(source.bytes(), start, &mut Noting { index, problems })
        .and_then(|extent| index_fits(index, extent));
    extent.map_err(|error| source.error(error))
}

fn index_fits(index: &Index, extent: Extent) -> Result<Extent, filestorage::Error> {
    index.check().map(|()| extent)
}

/// The damage that a scan from the start meets before `end_pos`, if it meets any.
///
/// # Errors
/// What the system says.
pub(crate) fn damage_before(source: &Source, end_pos: u64) -> Result<Option<Damage>, Error> {
    let start = Boundary::start(source.bytes()).map_err(|error| source.error(error))?;
    match committed_end(source.bytes(), start, &mut Nothing) {
        Ok(_) => Ok(None),
        Err(filestorage::Error::Damage(damage)) => Ok((damage.transaction_pos < end_pos).then_some(damage)),
        Err(error) => Err(source.error(error)),
    }
}

/// Writes a whole index into a draft of `path`, synced.
///
/// # Errors
/// What the system says.
pub(crate) fn draft_whole<'fs>(
    mut draft: Draft<'fs>,
    path: &Path,
    index: &Index,
    end_pos: u64,
) -> Result<Draft<'fs>, Error> {
    let mut output = BufWriter::with_capacity(1 << 18, &mut draft);
    let written = index.save(end_pos, &mut output).map(|_| ());
    finish(written, &mut output, path)?;
    drop(output);
    Ok(draft)
}

/// What is new in a database since a backup.
pub(crate) struct Growth<'a> {
    /// The database.
    pub(crate) data: &'a dyn ReadAt,
    /// Where the backup ends.
    pub(crate) boundary: Boundary,
    /// The objects that changed behind it.
    pub(crate) newer: Index,
    /// The committed end, where the next one ends.
    pub(crate) extent: Extent,
}

/// Writes the index of data that grew into a draft: that of the backup before, at `previous`, and what is new. `None`
/// when the one before is not there or of no use; the draft is then spoilt and gone.
///
/// # Errors
/// What the system says of the writing.
pub(crate) fn draft_merged<'fs>(
    ctx: &Context<'fs>,
    previous: &Path,
    growth: &Growth<'_>,
    mut draft: Draft<'fs>,
) -> Result<Option<Draft<'fs>>, Error> {
    let Growth { data, boundary, newer, extent } = growth;
    let Ok(input) = open_stream(ctx.fs, previous) else { return Ok(None) };
    let Ok(reader) = IndexReader::open(input) else { return Ok(None) };
    if reader.end_pos() != boundary.pos() {
        return Ok(None);
    }
    let Ok(expected) = current_records(*data, *boundary) else { return Ok(None) };
    let path = &draft.path().to_owned();
    let mut output = BufWriter::with_capacity(1 << 18, &mut draft);
    let merged = merge_index(reader, &expected, newer, extent.end_pos, &mut output).map(|_| ());
    match merged.and_then(|()| output.flush().map_err(IndexError::from_output)) {
        Ok(()) => {
            drop(output);
            Ok(Some(draft))
        }
        // A write that failed is never passed over, even if the next one may succeed.
        Err(error) if error.is_of_output() => Err(write_error(error, path)),
        // The one before cannot be read: the caller makes the index anew.
        Err(_) => Ok(None),
    }
}

/// The same, from the first of the parts' indexes that is of use, from the last part on: those behind which nothing
/// came, up to the boundary of the growth.
///
/// # Errors
/// What the system says of the writing.
pub(crate) fn draft_behind<'fs>(
    ctx: &Context<'fs>,
    repository: &Repository<'_>,
    parts: &[Part],
    growth: &Growth<'_>,
    draft: &dyn Fn() -> Result<Draft<'fs>, Error>,
) -> Result<Option<Draft<'fs>>, Error> {
    for part in parts.iter().rev().take_while(|part| part.end_pos == growth.boundary.pos()) {
        let previous = repository.index_path(part.name.stamp);
        if let Some(draft) = draft_merged(ctx, &previous, growth, draft()?)? {
            return Ok(Some(draft));
        }
    }
    Ok(None)
}

fn finish(written: Result<(), IndexError>, output: &mut impl Write, path: &Path) -> Result<(), Error> {
    written
        .and_then(|()| output.flush().map_err(IndexError::from_output))
        .map_err(|error| write_error(error, path))
}

/// What the system says of a write, in its own words.
fn write_error(error: IndexError, path: &Path) -> Error {
    match error {
        IndexError::Pickle(pickle::index::Error::Write { source, .. })
        | IndexError::Source(filestorage::Error::Io(source)) => {
            vfs::Error::new(Op::Write, path, source).into()
        }
        error => Error::Index { path: path.to_owned(), error },
    }
}

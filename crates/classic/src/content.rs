use crate::indexes::open_stream;
use crate::part::PartStream;
use crate::{BackupName, Context, Repository};
use filestorage::{
    Boundary, Index, Magic, Problem, RecordData, RecordHeader, StreamWalker, TransactionHeader, Visitor,
    Walker,
};
use pickle::index::IndexReader;
use std::io::{self, BufReader};
use std::path::Path;
use vfs::Sequential;

/// The position that the first record behind a transaction's header names as its transaction's, if `bytes`
/// begin like an incremental: a header, and a record with the header's tid.
pub(crate) fn own_position(bytes: &[u8]) -> Option<u64> {
    let header = TransactionHeader::decode(0, bytes.get(..TransactionHeader::FIXED_LEN)?.try_into().ok()?);
    let at = usize::try_from(header.header_len()).ok()?;
    let record = bytes.get(at..at.checked_add(RecordHeader::FIXED_LEN)?)?;
    let record = RecordHeader::decode(0, record.try_into().ok()?);
    let is_transaction = header.status.is_final() && header.len > header.header_len();
    (is_transaction && record.tid == header.tid).then_some(record.transaction_pos)
}

/// The position where an incremental says that it stands, by its first record; `None` if it cannot be read, or says nothing.
pub(crate) fn own_position_of(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    name: BackupName,
) -> Option<u64> {
    // Longer than any header of a transaction, its texts included, and a record's.
    let mut head = vec![0; 1 << 18];
    let mut stream = PartStream::open(ctx.fs, repository, name).ok()?;
    let read_len = stream.read_full(&mut head).ok()?;
    own_position(&head[..read_len])
}

/// Whether an index file begins and ends as one of a database of `data_len` bytes; where its buckets begin.
///
/// # Errors
/// Why it does not.
pub(crate) fn check_index_end(
    ctx: &Context<'_>,
    path: &Path,
    data_len: u64,
) -> Result<IndexReader<BufReader<Sequential>>, String> {
    let input = open_stream(ctx.fs, path).map_err(|error| error.to_string())?;
    let reader = IndexReader::open(input).map_err(|error| error.to_string())?;
    if reader.is_stream() && !ends_with_none(ctx, path).map_err(|error| error.to_string())? {
        return Err("it is cut short, or bytes follow its end".to_owned());
    }
    match reader.end_pos() {
        found_len if found_len == data_len => Ok(reader),
        found_len => Err(format!("it is of a database of {found_len} bytes, not of {data_len}")),
    }
}

/// Whether the last pickle of an index is the None that ends it.
fn ends_with_none(ctx: &Context<'_>, path: &Path) -> io::Result<bool> {
    let file = ctx.fs.open(path)?;
    let mut end = [0; 2];
    let Some(pos) = file.len()?.checked_sub(end.len() as u64) else { return Ok(false) };
    file.read_exact_at(pos, &mut end)?;
    Ok(&end == b"N.")
}

/// Whether an index file is one of a database of `data_len` bytes, and nothing else; compared with `truth` where that
/// is known.
///
/// # Errors
/// Why it is not.
pub(crate) fn check_index(
    ctx: &Context<'_>,
    path: &Path,
    data_len: u64,
    truth: Option<&Index>,
) -> Result<(), String> {
    let mut reader = check_index_end(ctx, path, data_len)?;
    let mut entries = truth.map(Index::iter);
    while let Some(bucket) = reader.next_bucket().map_err(|error| error.to_string())? {
        let Some(entries) = &mut entries else { continue };
        for (oid, pos) in bucket.iter() {
            if entries.next() != Some((filestorage::Oid::new(oid), pos)) {
                return Err(format!(
                    "its entry for oid {} is not what the data says",
                    filestorage::Oid::new(oid)
                ));
            }
        }
    }
    if let Some((oid, _)) = entries.and_then(|mut entries| entries.next()) {
        return Err(format!("it has no entry for oid {oid}"));
    }
    // Nobody writes such a file. ZODB does not look behind the end of an index.
    match reader.is_followed().map_err(|error| error.to_string())? {
        true => Err("bytes follow its end".to_owned()),
        false => Ok(()),
    }
}

/// Makes the index, and notes what is strange.
struct Doubting<'a> {
    index: &'a mut Index,
    is_doubtful: &'a mut bool,
    transaction_count: &'a mut u64,
}

impl Visitor for Doubting<'_> {
    fn transaction(&mut self, _header: &TransactionHeader) {
        *self.transaction_count += 1;
    }

    fn record(&mut self, header: &RecordHeader, data: RecordData) {
        self.index.record(header, data);
    }

    fn problem(&mut self, _problem: Problem) {
        *self.is_doubtful = true;
    }
}

/// What passes by on its way to the target: is it a FileStorage?
pub(crate) struct Content {
    head: Vec<u8>,
    seen_len: u64,
    walk: StreamWalker,
    index: Index,
    is_doubtful: bool,
    transaction_count: u64,
}

impl Content {
    /// `total_len` is how much will come, if that is known.
    pub(crate) fn new(total_len: Option<u64>) -> Content {
        let limit_pos = total_len.unwrap_or(u64::MAX);
        let walk = StreamWalker::new(Walker::new(Magic::LEN, None, limit_pos), 0);
        Content {
            head: Vec::new(),
            seen_len: 0,
            walk,
            index: Index::new(),
            is_doubtful: false,
            transaction_count: 0,
        }
    }

    pub(crate) fn see(&mut self, bytes: &[u8]) {
        self.seen_len += bytes.len() as u64;
        let missing_len = 4 - self.head.len();
        self.head.extend_from_slice(&bytes[..missing_len.min(bytes.len())]);
        let Content { index, is_doubtful, transaction_count, .. } = self;
        self.walk.feed(bytes, &mut Doubting { index, is_doubtful, transaction_count });
    }

    /// The same, of what stands behind a boundary of a database up to `end_pos`.
    pub(crate) fn behind(boundary: Boundary, end_pos: u64) -> Content {
        let walker = Walker::new(boundary.pos(), boundary.last_tid(), end_pos);
        let walk = StreamWalker::new(walker, boundary.pos());
        // Whoever has the boundary has seen the magic.
        Content { seen_len: boundary.pos(), head: Magic::Fs30.bytes().to_vec(), walk, ..Content::new(None) }
    }

    /// How far the bytes that came reach.
    pub(crate) fn seen_len(&self) -> u64 {
        self.seen_len
    }

    /// How many transactions began so far.
    pub(crate) fn transaction_count(&self) -> u64 {
        self.transaction_count
    }

    /// Whether what came so far begins like a FileStorage.
    pub(crate) fn has_magic(&self) -> bool {
        self.head.as_slice().try_into().is_ok_and(|head| Magic::decode(head).is_some())
    }

    /// Whether something in what came so far is strange that does not break the structure: it may have been so
    /// when it was backed up, or is damage.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// The index of what came so far.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The index and, if it is no sound FileStorage, why.
    pub(crate) fn judge(self, len: u64) -> (Option<Index>, Option<String>) {
        if !self.has_magic() {
            let found = self.head.escape_ascii();
            return (None, Some(format!("{len} bytes that begin with \"{found}\", not with FS30 or FS21")));
        }
        match self.walk.finish_at(len) {
            Err(damage) => (None, Some(damage.to_string())),
            Ok(_) => (Some(self.index), None),
        }
    }
}

//! What a database has that its backups have not.

use crate::source::Source;
use crate::{Context, Error};
use filestorage::{Boundary, Tid, TransactionHeader, Visitor, committed_end, transaction_before};
use std::path::Path;
use vfs::ReadAt;

/// What a database has behind a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lag {
    /// How many transactions.
    pub transaction_count: u64,
    /// How many bytes they are.
    pub len: u64,
    /// The first of them.
    pub first: Option<Tid>,
    /// Whether the database is not the one that was backed up with something behind it: it was packed, restored or
    /// replaced, and the next backup is a full.
    pub is_rewritten: bool,
}

impl Lag {
    fn add(&mut self, header: &TransactionHeader) {
        self.transaction_count += 1;
        self.len += header.end_pos() - header.pos;
        self.first = Some(self.first.map_or(header.tid, |first| first.min(header.tid)));
    }
}

/// What the database at `path` has behind the transaction `last`, which ended at `end_pos` when it was backed up; all of
/// it where nothing is backed up.
///
/// What is new is read, and all of it only where it was rewritten and ends with an unfinished transaction.
///
/// # Errors
/// Damage, and what the system says.
pub fn lag(ctx: &Context<'_>, path: &Path, last: Option<Tid>, end_pos: u64) -> Result<Lag, Error> {
    let source = Source::open(ctx, path)?;
    let bytes = source.bytes();
    let told = |error: filestorage::Error| match error {
        filestorage::Error::Io(error) => Error::of_read(error, path),
        error => Error::Backups { path: path.to_owned(), error },
    };
    let start = Boundary::start(bytes).map_err(told)?;
    let mut counting = Counting { behind: last, lag: Lag::default() };
    if last.is_none() {
        committed_end(bytes, start, &mut counting).map_err(told)?;
        return Ok(counting.lag);
    }
    if let Some(boundary) =
        Boundary::at(bytes, end_pos).map_err(told)?.filter(|found| found.last_tid() == last)
    {
        committed_end(bytes, boundary, &mut counting).map_err(told)?;
        return Ok(counting.lag);
    }
    counting.lag.is_rewritten = true;
    if !counting.go_backward(bytes, source.len).map_err(told)? {
        counting.lag = Lag { is_rewritten: true, ..Lag::default() };
        committed_end(bytes, start, &mut counting).map_err(told)?;
    }
    Ok(counting.lag)
}

struct Counting {
    behind: Option<Tid>,
    lag: Lag,
}

impl Counting {
    fn counts(&self, header: &TransactionHeader) -> bool {
        self.behind.is_none_or(|behind| header.tid > behind)
    }

    /// Goes backward from `end_pos` to the transaction behind which it counts; whether each one says where it begins.
    fn go_backward(&mut self, bytes: &dyn ReadAt, mut end_pos: u64) -> Result<bool, filestorage::Error> {
        while end_pos > filestorage::Magic::LEN {
            let Some(header) = transaction_before(bytes, end_pos)? else { return Ok(false) };
            if !self.counts(&header) {
                break;
            }
            self.lag.add(&header);
            end_pos = header.pos;
        }
        Ok(true)
    }
}

impl Visitor for Counting {
    fn transaction(&mut self, header: &TransactionHeader) {
        if self.counts(header) {
            self.lag.add(header);
        }
    }
}

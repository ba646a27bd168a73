//! Where the sound transactions of a file end, also while a server is writing to it.
//!
//! A transaction with a final status and a matching trailer never changes again, so whatever was walked
//! over stays. What stops the walk is looked at twice: a live writer may have been caught between two of
//! its writes. Only then it is either the unfinished tail, which is not part of the database, or damage.

use crate::scan::{Scan, Step};
use crate::{Boundary, Error, Tid, TransactionHeader, Visitor};
use vfs::ReadAt;

/// What the walk found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Behind the last sound transaction: the committed end.
    pub end_pos: u64,
    /// The last transaction before the end, also if it was before the start of the walk; `None` in a
    /// database without transactions.
    pub last: Option<TransactionHeader>,
    /// What stands behind the end.
    pub tail: Option<UnfinishedTail>,
}

impl Extent {
    /// The tid of the last transaction.
    pub fn last_tid(&self) -> Option<Tid> {
        self.last.map(|header| header.tid)
    }
}

/// Bytes behind the committed end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnfinishedTail {
    /// What they look like.
    pub kind: UnfinishedKind,
    /// How many they are.
    pub len: u64,
}

/// What the bytes behind the committed end look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnfinishedKind {
    /// Fewer bytes than a header has.
    ShortHeader,
    /// A header whose transaction reaches over the end of the file.
    Cut,
    /// A transaction that is voted and not finished.
    Voted,
    /// Nothing but zero bytes: the file was extended, its data lost in a power cut.
    Zeros,
    /// A finished status, but the rest of the transaction never reached the disk: its trailer, and with it
    /// the end of the file, is zero. The database does not open before it is repaired.
    NeverWritten,
}

/// Walks from `start` to the committed end of `source`, whose length is taken once, now.
///
/// # Errors
/// As those of [`Scan::step`].
pub fn committed_end(
    source: &dyn ReadAt,
    start: Boundary,
    visitor: &mut dyn Visitor,
) -> Result<Extent, Error> {
    let mut scan = Scan::new(source, start)?;
    loop {
        match scan.step()? {
            Step::Transaction(header) => visitor.transaction(&header),
            Step::Record(header, data) => visitor.record(&header, data),
            Step::Problem(problem) => visitor.problem(problem),
            Step::Finished(_) => {}
            Step::End(extent) => return Ok(extent),
        }
    }
}

#[cfg(test)]
mod live_tests;
#[cfg(test)]
mod tests;

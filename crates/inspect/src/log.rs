//! The transactions of a database.

use crate::Error;
use crate::sweep::{LostSpan, Met, Sweep};
use filestorage::{Extent, Metadata, Oid, Step, Tid, TransactionHeader};
use vfs::ReadAt;

/// Which transactions are told.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Not those before this tid.
    pub since: Option<Tid>,
    /// Not those behind this tid.
    pub until: Option<Tid>,
    /// Only those with a record of this object.
    pub oid: Option<Oid>,
    /// Only those of a user whose name has these bytes in it.
    pub user: Option<Vec<u8>>,
}

/// One transaction, or what is lost between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry {
    /// A transaction.
    Transaction {
        /// Its header.
        header: TransactionHeader,
        /// User, description, extension.
        metadata: Metadata,
        /// How many data records it has.
        records_count: u64,
    },
    /// Bytes that cannot be read.
    Lost(LostSpan),
}

/// Hands the transactions that pass the filter to `each`, oldest first; the committed end, if the end can be read.
///
/// # Errors
/// Where nothing looks like a database, where it cannot be read, and those of `each`.
pub fn log(
    source: &dyn ReadAt,
    filter: &LogFilter,
    each: &mut dyn FnMut(LogEntry) -> Result<(), Error>,
) -> Result<Option<Extent>, Error> {
    let mut sweep = Sweep::new(source)?;
    let (mut records_count, mut has_oid) = (0, false);
    loop {
        match sweep.step()? {
            Met::Step(Step::Transaction(_)) => (records_count, has_oid) = (0, false),
            Met::Step(Step::Record(record, _)) => {
                records_count += 1;
                has_oid |= filter.oid == Some(record.oid);
            }
            Met::Step(Step::Finished(header)) => {
                if filter.oid.is_some() && !has_oid || !filter.includes(header.tid) {
                    continue;
                }
                let metadata = metadata(&mut sweep, &header)?;
                if filter.is_of_user(&metadata.user) {
                    each(LogEntry::Transaction { header, metadata, records_count })?;
                }
            }
            Met::Step(Step::Problem(_) | Step::End(_)) => {}
            Met::Lost(lost) => each(LogEntry::Lost(lost))?,
            Met::End(extent) => return Ok(extent),
        }
    }
}

/// User, description and extension of a transaction that the sweep met last.
///
/// # Errors
/// The medium's.
pub(crate) fn metadata(sweep: &mut Sweep<'_>, header: &TransactionHeader) -> Result<Metadata, Error> {
    let fixed_len = TransactionHeader::FIXED_LEN as u64;
    let lens = [header.user_len, header.description_len, header.extension_len].map(usize::from);
    let bytes = sweep.bytes(header.pos + fixed_len, lens.iter().sum())?;
    let (user, rest) = bytes.split_at(lens[0]);
    let (description, extension) = rest.split_at(lens[1]);
    Ok(Metadata { user: user.to_vec(), description: description.to_vec(), extension: extension.to_vec() })
}

impl LogFilter {
    fn includes(&self, tid: Tid) -> bool {
        self.since.is_none_or(|since| since <= tid) && self.until.is_none_or(|until| tid <= until)
    }

    fn is_of_user(&self, user: &[u8]) -> bool {
        let Some(wanted) = &self.user else { return true };
        wanted.is_empty() || user.windows(wanted.len()).any(|part| part == wanted.as_slice())
    }
}

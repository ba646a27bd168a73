//! Every transaction and every data record, one after the other.

use crate::Error;
use crate::data::{Data, DataReader, MetRecord, Unreadable};
use crate::log::metadata;
use crate::sweep::{LostSpan, Met, Sweep};
use filestorage::{Metadata, RecordData, RecordHeader, Step, Tid, TransactionHeader, record_at};
use pickle::record::ClassName;
use vfs::ReadAt;

/// What stands next in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dumped<'d> {
    /// A transaction; its records follow.
    Transaction {
        /// Its header.
        header: TransactionHeader,
        /// User, description, extension.
        metadata: Metadata,
    },
    /// A data record of it.
    Record {
        /// Its header.
        header: RecordHeader,
        /// Its data.
        state: DumpedState<'d>,
        /// The transaction of the record that its back pointer leads to, if it has one.
        back_tid: Option<Tid>,
    },
    /// Bytes that cannot be read.
    Lost(LostSpan),
}

/// What a record makes of its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DumpedState<'d> {
    /// It has a state.
    Here {
        /// Length of the data as it is stored, in bytes.
        len: u64,
        /// Its class, as far as the data tells.
        class: ClassName<'d>,
    },
    /// It does not exist from here on.
    Gone,
    /// It cannot be told, and why.
    Unreadable(String),
}

impl DumpedState<'_> {
    /// The same, holding its bytes itself.
    pub(crate) fn into_owned(self) -> DumpedState<'static> {
        match self {
            DumpedState::Here { len, class } => DumpedState::Here { len, class: class.into_owned() },
            DumpedState::Gone => DumpedState::Gone,
            DumpedState::Unreadable(reason) => DumpedState::Unreadable(reason),
        }
    }
}

/// What a record with this data, as it is stored, makes of its object.
pub(crate) fn state(data: Data<'_>) -> DumpedState<'_> {
    match data {
        Ok(Some(bytes)) => DumpedState::Here { len: bytes.len() as u64, class: ClassName::of_record(bytes) },
        Ok(None) => DumpedState::Gone,
        Err(Unreadable::TooLong { len }) => DumpedState::Here { len, class: ClassName::default() },
        Err(unreadable) => DumpedState::Unreadable(unreadable.to_string()),
    }
}

/// The transaction of the record that a back pointer leads to.
///
/// # Errors
/// The medium's.
pub(crate) fn back_tid(source: &dyn ReadAt, data: RecordData) -> Result<Option<Tid>, Error> {
    match data {
        RecordData::Back(back_pos) => Ok(record_at(source, back_pos)?.map(|target| target.tid)),
        _ => Ok(None),
    }
}

/// Hands everything to `each`, in the order of the file.
///
/// # Errors
/// Where nothing looks like a database, where it cannot be read, and those of `each`.
pub fn dump(source: &dyn ReadAt, each: &mut dyn FnMut(Dumped<'_>) -> Result<(), Error>) -> Result<(), Error> {
    let (mut sweep, mut reader) = (Sweep::new(source)?, DataReader::default());
    loop {
        match sweep.step()? {
            Met::Step(Step::Transaction(header)) => {
                let metadata = metadata(&mut sweep, &header)?;
                each(Dumped::Transaction { header, metadata })?;
            }
            Met::Step(Step::Record(header, data)) => {
                let mut met = MetRecord { source, near: Some(&mut sweep), header, data };
                let state = state(reader.read_stored(&mut met)?);
                let back_tid = back_tid(source, data)?;
                each(Dumped::Record { header, state, back_tid })?;
            }
            Met::Step(_) => {}
            Met::Lost(lost) => each(Dumped::Lost(lost))?,
            Met::End(_) => return Ok(()),
        }
    }
}

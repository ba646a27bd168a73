//! Which objects there are now, and where.

use crate::Error;
use crate::data::MetRecord;
use crate::spans::{Span, look_at_records};
use crate::sweep::{LostSpan, Met, Sweep};
use filestorage::{
    Index, Oid, RecordData, RecordHeader, Resolved, Step, TransactionHeader, data_of, record_at, resolve,
};
use std::collections::BTreeSet;
use vfs::ReadAt;

/// The objects of a database. Memory: about 7 bytes an object.
pub(crate) struct Objects {
    index: Index,
    /// Those of which the last record says that they do not exist.
    gone: BTreeSet<Oid>,
    spans: Vec<Span>,
}

/// What is met besides records while objects are looked for.
pub(crate) enum Beside {
    /// A transaction that is sound.
    Transaction(TransactionHeader),
    Lost(LostSpan),
}

/// Whether an object is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Here,
    /// It was there.
    Gone,
    /// There is no record of it.
    Unknown,
}

impl Objects {
    /// Those of `source`; what is met besides is told.
    ///
    /// # Errors
    /// Where nothing looks like a database, where it cannot be read, and those of `beside`.
    pub(crate) fn of(
        source: &dyn ReadAt,
        beside: &mut dyn FnMut(Beside) -> Result<(), Error>,
    ) -> Result<Objects, Error> {
        let mut objects = Objects { index: Index::new(), gone: BTreeSet::new(), spans: Vec::new() };
        let mut sweep = Sweep::new(source)?;
        loop {
            match sweep.step()? {
                Met::Step(Step::Record(header, data)) => objects.note(source, &header, data)?,
                Met::Step(Step::Finished(header)) => beside(Beside::Transaction(header))?,
                Met::Step(_) => {}
                Met::Lost(span) => beside(Beside::Lost(span))?,
                Met::End(_) => break,
            }
        }
        objects.spans = sweep.into_spans();
        Ok(objects)
    }

    /// Hands every record to `look`, whether it is current with it, and what it made of each span to `each`, in the order
    /// of the file.
    ///
    /// # Errors
    /// The medium's, and those of both.
    pub(crate) fn look_at_records<T: Default + Send>(
        &self,
        source: &dyn ReadAt,
        look: impl Fn(&mut T, &mut MetRecord<'_, '_>) -> Result<(), Error> + Sync,
        each: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        look_at_records(source, &self.spans, look, each)
    }

    /// Hands the current record of every object to `look`, and what it made of each span to `each`, in the order of the
    /// file.
    ///
    /// # Errors
    /// The medium's, and those of both.
    pub(crate) fn look_at_current<T: Default + Send>(
        &self,
        source: &dyn ReadAt,
        look: impl Fn(&mut T, &mut MetRecord<'_, '_>) -> Result<(), Error> + Sync,
        each: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let look_at_one = |found: &mut T, met: &mut MetRecord<'_, '_>| {
            if self.is_current(&met.header) { look(found, met) } else { Ok(()) }
        };
        self.look_at_records(source, look_at_one, each)
    }

    fn note(&mut self, source: &dyn ReadAt, header: &RecordHeader, data: RecordData) -> Result<(), Error> {
        self.index.insert(header.oid, header.pos)?;
        let is_gone = match data {
            RecordData::Here { .. } => false,
            data => resolve(source, header, data)? == Resolved::Gone,
        };
        if is_gone {
            self.gone.insert(header.oid);
        } else if !self.gone.is_empty() {
            self.gone.remove(&header.oid);
        }
        Ok(())
    }

    /// Whether a record is the last one of its object.
    pub(crate) fn is_current(&self, header: &RecordHeader) -> bool {
        self.index.get(header.oid) == Some(header.pos)
    }

    /// Whether an object is there.
    pub(crate) fn presence(&self, oid: Oid) -> Presence {
        match self.index.get(oid) {
            _ if self.gone.contains(&oid) => Presence::Gone,
            Some(_) => Presence::Here,
            None => Presence::Unknown,
        }
    }

    /// The last record of an object, and where its data is.
    ///
    /// # Errors
    /// The medium's.
    pub(crate) fn record(
        &self,
        source: &dyn ReadAt,
        oid: Oid,
    ) -> Result<Option<(RecordHeader, RecordData)>, Error> {
        let Some(pos) = self.index.get(oid) else { return Ok(None) };
        let Some(header) = record_at(source, pos)? else { return Ok(None) };
        let data = data_of(source, &header)?;
        Ok(Some((header, data)))
    }
}

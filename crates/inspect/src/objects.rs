//! Which objects there are now, and where.

use crate::Error;
use crate::sweep::{LostSpan, Met, Sweep};
use filestorage::{Index, Oid, RecordData, RecordHeader, Resolved, Step, data_of, record_at, resolve};
use std::collections::BTreeSet;
use vfs::ReadAt;

/// The objects of a database. Memory: about 7 bytes an object.
pub(crate) struct Objects {
    index: Index,
    /// Those of which the last record says that they do not exist.
    gone: BTreeSet<Oid>,
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
    /// Those of `source`; what is lost is told.
    ///
    /// # Errors
    /// Where nothing looks like a database, where it cannot be read, and those of `lost`.
    pub(crate) fn of(
        source: &dyn ReadAt,
        lost: &mut dyn FnMut(LostSpan) -> Result<(), Error>,
    ) -> Result<Objects, Error> {
        let mut objects = Objects { index: Index::new(), gone: BTreeSet::new() };
        let mut sweep = Sweep::new(source)?;
        loop {
            match sweep.step()? {
                Met::Step(Step::Record(header, data)) => objects.note(source, &header, data)?,
                Met::Step(_) => {}
                Met::Lost(span) => lost(span)?,
                Met::End(_) => return Ok(objects),
            }
        }
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

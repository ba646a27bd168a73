//! A new database of what can be read of a damaged one.

mod moved;

use crate::Error;
use crate::sweep::{LostSpan, Met, Sweep};
use filestorage::{Index, Magic, RecordData, RecordHeader, Status, Step, Tid, TransactionHeader};
use moved::Moved;
use vfs::ReadAt;

const PIECE_LEN: usize = 1 << 18;

/// What is not in the new database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skipped {
    /// Bytes that cannot be read.
    Lost(LostSpan),
    /// A record whose data is in what cannot be read, at `back_pos`.
    Record {
        /// The record.
        header: RecordHeader,
        /// Where its data was.
        back_pos: u64,
    },
    /// A transaction of an old ZODB that was undone, behind what cannot be read: its records did not count.
    Undone(TransactionHeader),
}

/// What is in the new database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SalvageSummary {
    /// Transactions.
    pub transactions_count: u64,
    /// Data records.
    pub records_count: u64,
    /// Its length in bytes.
    pub end_pos: u64,
    /// Bytes of the old one that cannot be read.
    pub lost_len: u64,
    /// Its last transaction.
    pub last_tid: Option<Tid>,
}

/// Hands the bytes of the new database to `write`, in order: every sound transaction of `source` up to `until`, its
/// positions put right. Of a sound database they are the same bytes, up to its committed end.
///
/// Memory: the index, and the records of one transaction.
///
/// # Errors
/// Where nothing looks like a database, where it cannot be read, and those of `write` and `each`.
pub fn salvage(
    source: &dyn ReadAt,
    until: Option<Tid>,
    write: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    each: &mut dyn FnMut(Skipped) -> Result<(), Error>,
) -> Result<SalvageSummary, Error> {
    let mut sweep = Sweep::new(source)?;
    let magic = Magic::read(source).unwrap_or(Magic::Fs30);
    write(&magic.bytes())?;
    let summary = SalvageSummary { end_pos: Magic::LEN, ..SalvageSummary::default() };
    let mut writing = Writing {
        source,
        write,
        each,
        summary,
        moved: Moved::default(),
        index: Index::new(),
        buf: vec![0; PIECE_LEN],
    };
    let mut records = Vec::new();
    loop {
        match sweep.step()? {
            Met::Step(Step::Transaction(header)) => {
                if until.is_some_and(|until| header.tid > until) {
                    return Ok(writing.summary);
                }
                records.clear();
            }
            Met::Step(Step::Record(header, data)) => records.push((header, data)),
            Met::Step(Step::Finished(header)) => writing.transaction(&header, &records)?,
            Met::Step(Step::Problem(_) | Step::End(_)) => {}
            Met::Lost(lost) => {
                writing.summary.lost_len += lost.len();
                (writing.each)(Skipped::Lost(lost))?;
            }
            Met::End(_) => return Ok(writing.summary),
        }
    }
}

struct Writing<'a> {
    source: &'a dyn ReadAt,
    write: &'a mut dyn FnMut(&[u8]) -> Result<(), Error>,
    each: &'a mut dyn FnMut(Skipped) -> Result<(), Error>,
    summary: SalvageSummary,
    moved: Moved,
    /// Where the last record of each object is in the new database.
    index: Index,
    buf: Vec<u8>,
}

impl Writing<'_> {
    fn transaction(
        &mut self,
        header: &TransactionHeader,
        records: &[(RecordHeader, RecordData)],
    ) -> Result<(), Error> {
        let new_pos = self.summary.end_pos;
        if header.status == Status::Undone && new_pos != header.pos {
            return (self.each)(Skipped::Undone(*header));
        }
        // Nothing that stood before it was left out.
        if new_pos == header.pos {
            self.moved.keep(header.pos, header.end_pos(), new_pos);
            return self.as_it_is(header, records);
        }
        let mut kept = Vec::new();
        for (record, data) in records {
            match *data {
                RecordData::Back(back_pos) if self.moved.to(back_pos).is_none() => {
                    (self.each)(Skipped::Record { header: *record, back_pos })?;
                }
                data => kept.push((*record, data)),
            }
        }
        if kept.len() == records.len() {
            self.moved.keep(header.pos, header.end_pos(), new_pos);
        }
        self.anew(header, &kept, kept.len() < records.len())
    }

    /// Byte for byte.
    fn as_it_is(
        &mut self,
        header: &TransactionHeader,
        records: &[(RecordHeader, RecordData)],
    ) -> Result<(), Error> {
        for (record, _) in records {
            self.index.insert(record.oid, record.pos)?;
        }
        self.copy(header.pos, header.end_pos() - header.pos)?;
        self.count(header, records.len());
        Ok(())
    }

    /// With other positions, and fewer records if it `has_gaps`.
    fn anew(
        &mut self,
        header: &TransactionHeader,
        records: &[(RecordHeader, RecordData)],
        has_gaps: bool,
    ) -> Result<(), Error> {
        let new_pos = self.summary.end_pos;
        let records_len: u64 = records.iter().map(|(record, _)| record.end_pos() - record.pos).sum();
        let new_len = (header.header_len() + records_len).to_be_bytes();
        let mut bytes = [0; TransactionHeader::FIXED_LEN];
        self.source.read_exact_at(header.pos, &mut bytes)?;
        bytes[8..16].copy_from_slice(&new_len);
        (self.write)(&bytes)?;
        let metadata_len = header.header_len() - bytes.len() as u64;
        self.summary.end_pos += bytes.len() as u64;
        self.copy(header.pos + bytes.len() as u64, metadata_len)?;
        let mut placed = Vec::with_capacity(records.len());
        for (record, data) in records {
            if has_gaps {
                self.moved.keep(record.pos, record.end_pos(), self.summary.end_pos);
            }
            placed.push((record.oid, self.summary.end_pos));
            self.record(new_pos, record, *data)?;
        }
        // No record of the transaction is the previous one of another.
        for (oid, pos) in placed {
            self.index.insert(oid, pos)?;
        }
        (self.write)(&new_len)?;
        self.summary.end_pos += TransactionHeader::TRAILER_LEN;
        self.count(header, records.len());
        Ok(())
    }

    fn record(&mut self, transaction_pos: u64, record: &RecordHeader, data: RecordData) -> Result<(), Error> {
        let previous_pos = match record.previous_pos {
            0 => 0,
            // What it names may be lost: then the one before that.
            pos => self.moved.to(pos).or_else(|| self.index.get(record.oid)).unwrap_or(0),
        };
        let mut bytes = [0; RecordHeader::FIXED_LEN];
        self.source.read_exact_at(record.pos, &mut bytes)?;
        bytes[16..24].copy_from_slice(&previous_pos.to_be_bytes());
        bytes[24..32].copy_from_slice(&transaction_pos.to_be_bytes());
        (self.write)(&bytes)?;
        self.summary.end_pos += bytes.len() as u64;
        let body_pos = record.pos + bytes.len() as u64;
        if let RecordData::Back(back_pos) = data {
            self.copy(body_pos, record.data_pos() - body_pos)?;
            let back_pos = self.moved.to(back_pos).unwrap_or(0);
            (self.write)(&back_pos.to_be_bytes())?;
            self.summary.end_pos += RecordHeader::BACK_POINTER_LEN as u64;
        } else {
            self.copy(body_pos, record.end_pos() - body_pos)?;
        }
        Ok(())
    }

    fn copy(&mut self, pos: u64, len: u64) -> Result<(), Error> {
        let mut done_len = 0;
        while done_len < len {
            let want_len = usize::try_from(len - done_len).unwrap_or(PIECE_LEN).min(PIECE_LEN);
            self.source.read_exact_at(pos + done_len, &mut self.buf[..want_len])?;
            (self.write)(&self.buf[..want_len])?;
            done_len += want_len as u64;
        }
        self.summary.end_pos += len;
        Ok(())
    }

    fn count(&mut self, header: &TransactionHeader, records_count: usize) {
        self.summary.transactions_count += 1;
        self.summary.records_count += records_count as u64;
        self.summary.last_tid = Some(header.tid);
    }
}

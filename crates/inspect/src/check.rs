//! Every rule of the format, and whether the data of each object can be read.

mod finding;
mod records;

pub use finding::{Finding, FindingKind, Severity};

use crate::Error;
use crate::data::{DataReader, MetRecord, Unreadable};
use crate::spans::{Span, look_at_records};
use crate::sweep::{LostSpan, Met, Sweep};
use filestorage::{Extent, Index, Problem, Step, Tid, TransactionHeader, UnfinishedKind, UnfinishedTail};
use pickle::record::RecordScanner;
use records::Records;
use vfs::ReadAt;

/// What is checked.
#[derive(Debug, Clone, Copy)]
pub struct CheckRequest {
    /// A tid behind this one is from the future.
    pub now: Tid,
    /// Look into the data of every record, not only of those that are current.
    pub deep: bool,
}

/// How much was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckSummary {
    /// Transactions.
    pub transactions_count: u64,
    /// Data records in them.
    pub records_count: u64,
    /// Objects that have a record.
    pub objects_count: u64,
    /// Bytes of which nothing can be read.
    pub lost_len: u64,
    /// What is behind the last transaction; the file ends there.
    pub tail: Option<UnfinishedTail>,
    /// Where the last transaction ends, if no bytes behind it are lost.
    pub end_pos: Option<u64>,
    /// Findings that are problems.
    pub problems_count: u64,
    /// Findings that are worth knowing.
    pub notes_count: u64,
}

/// What a check found out.
#[derive(Debug, Clone)]
pub struct Checked {
    /// How much was checked.
    pub summary: CheckSummary,
    /// The current record of each object.
    pub index: Index,
    /// The committed end; `None` where bytes are lost, be they before it.
    pub extent: Option<Extent>,
}

/// Checks all of `source` and hands what is wrong or strange to `each`, in the order of the file; then what is wrong
/// with the data of the records.
///
/// Memory: the index, about 7 bytes an object; besides the largest record.
///
/// # Errors
/// Where nothing looks like a database, where it cannot be read, and those of `each`.
pub fn check(
    source: &dyn ReadAt,
    request: &CheckRequest,
    each: &mut dyn FnMut(&Finding) -> Result<(), Error>,
) -> Result<Checked, Error> {
    let mut checking = Checking {
        source,
        request,
        telling: Telling { each, summary: CheckSummary::default() },
        records: Records::default(),
        scanner: RecordScanner::default(),
        is_packed: true,
    };
    let (spans, extent) = checking.structure()?;
    checking.data(&spans)?;
    let (mut summary, index) = (checking.telling.summary, checking.records.index);
    summary.objects_count = index.len();
    Ok(Checked { summary, index, extent: extent.filter(|_| summary.lost_len == 0) })
}

/// Hands findings on, and counts them.
struct Telling<'a> {
    each: &'a mut dyn FnMut(&Finding) -> Result<(), Error>,
    summary: CheckSummary,
}

impl Telling<'_> {
    fn tell(&mut self, finding: &Finding) -> Result<(), Error> {
        match finding.kind.severity() {
            Severity::Problem => self.summary.problems_count += 1,
            Severity::Note => self.summary.notes_count += 1,
        }
        (self.each)(finding)
    }
}

struct Checking<'a> {
    source: &'a dyn ReadAt,
    request: &'a CheckRequest,
    telling: Telling<'a>,
    records: Records,
    scanner: RecordScanner,
    /// Whether all transactions up to here are packed ones.
    is_packed: bool,
}

impl Checking<'_> {
    fn structure(&mut self) -> Result<(Vec<Span>, Option<Extent>), Error> {
        let mut sweep = Sweep::new(self.source)?;
        loop {
            match sweep.step()? {
                Met::Step(Step::Transaction(header)) => self.transaction(&mut sweep, &header)?,
                Met::Step(Step::Record(header, data)) => {
                    self.telling.summary.records_count += 1;
                    for kind in self.records.check(self.source, &header, data)? {
                        self.telling.tell(&Finding::of_record(&header, kind))?;
                    }
                }
                Met::Step(Step::Problem(problem)) => self.problem(problem)?,
                Met::Step(Step::Finished(_) | Step::End(_)) => {}
                Met::Lost(lost) => self.lost(lost)?,
                Met::End(extent) => {
                    self.end(extent)?;
                    return Ok((sweep.into_spans(), extent));
                }
            }
        }
    }

    fn transaction(&mut self, sweep: &mut Sweep<'_>, header: &TransactionHeader) -> Result<(), Error> {
        self.telling.summary.transactions_count += 1;
        self.records.begin(header);
        if let Some(kind) = finding::strange_time(header.tid, self.request.now) {
            self.telling.tell(&Finding::of_transaction(header, kind))?;
        }
        match header.status {
            filestorage::Status::Packed if !self.is_packed => {
                self.telling.tell(&Finding::of_transaction(header, FindingKind::PackedBehindOthers))?;
                self.is_packed = true;
            }
            filestorage::Status::Undone => {
                self.telling.tell(&Finding::of_transaction(header, FindingKind::Undone))?;
            }
            filestorage::Status::Packed => {}
            _ => self.is_packed = false,
        }
        if header.extension_len > 0 {
            let len = usize::from(header.extension_len);
            let pos = header.records_pos() - u64::from(header.extension_len);
            let extension = sweep.bytes(pos, len)?;
            if !self.scanner.is_pickle(extension) {
                self.telling.tell(&Finding::of_transaction(header, FindingKind::Extension))?;
            }
        }
        Ok(())
    }

    fn problem(&mut self, problem: Problem) -> Result<(), Error> {
        self.telling.tell(&Finding::of_problem(problem))
    }

    fn lost(&mut self, lost: LostSpan) -> Result<(), Error> {
        self.telling.summary.lost_len += lost.len();
        self.records.lose(lost.pos, lost.end_pos);
        self.telling.tell(&Finding { pos: lost.pos, tid: None, oid: None, kind: FindingKind::Lost(lost) })
    }

    fn end(&mut self, extent: Option<Extent>) -> Result<(), Error> {
        let Some(extent) = extent else { return Ok(()) };
        self.telling.summary.end_pos = Some(extent.end_pos);
        self.telling.summary.tail = extent.tail;
        let Some(tail) = extent.tail else { return Ok(()) };
        let kind = match tail.kind {
            UnfinishedKind::NeverWritten => FindingKind::NeverWritten(tail),
            _ => FindingKind::Tail(tail),
        };
        self.telling.tell(&Finding { pos: extent.end_pos, tid: None, oid: None, kind })
    }

    /// What is in the records: in those that are current, or in all.
    fn data(&mut self, spans: &[Span]) -> Result<(), Error> {
        let (source, deep, index) = (self.source, self.request.deep, &self.records.index);
        look_at_records(
            source,
            spans,
            |looked: &mut Looked, met| {
                let is_current = || index.get(met.header.oid) == Some(met.header.pos);
                if deep || is_current() { looked.look(met) } else { Ok(()) }
            },
            |looked| looked.findings.iter().try_for_each(|finding| self.telling.tell(finding)),
        )
    }
}

/// What was found in the data of one span.
#[derive(Default)]
struct Looked {
    reader: DataReader,
    scanner: RecordScanner,
    findings: Vec<Finding>,
}

impl Looked {
    fn look(&mut self, met: &mut MetRecord<'_, '_>) -> Result<(), Error> {
        let header = met.header;
        let kind = match self.reader.read(met)? {
            // Where it leads astray, that was told where the record was met.
            Ok(None) | Err(Unreadable::Astray(_)) => return Ok(()),
            Err(reason) => FindingKind::Data { reason: reason.to_string() },
            Ok(Some(bytes)) => match self.scanner.scan(bytes, &mut |_| {}) {
                Ok(_) => return Ok(()),
                Err(_) if bytes.iter().all(|byte| *byte == 0) => {
                    FindingKind::ZeroData { len: bytes.len() as u64 }
                }
                Err(error) => FindingKind::Data { reason: format!("its pickles cannot be read: {error}") },
            },
        };
        self.findings.push(Finding::of_record(&header, kind));
        Ok(())
    }
}

#[cfg(test)]
mod tests;

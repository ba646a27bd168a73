//! The structure of a span of transactions, apart from how its bytes are read.
//!
//! A [`Walker`] says which few bytes it wants next and is given them: from windows of a file
//! ([`committed_end`](crate::committed_end)), or from a stream that passes by
//! ([`StreamWalker`](crate::StreamWalker)). So a copy can be checked while it is made.

use crate::{
    Damage, DamageKind, Problem, ProblemKind, RecordData, RecordHeader, Status, Tid, TransactionHeader,
};

/// What is seen on a walk, in the order of the file.
pub trait Visitor {
    /// A transaction begins. Its length is inside of the file, its header complete.
    fn transaction(&mut self, _header: &TransactionHeader) {}

    /// A data record of the transaction seen last. Records of undone transactions are not shown.
    fn record(&mut self, _header: &RecordHeader, _data: RecordData) {}

    /// Something is wrong that does not stop the walk.
    fn problem(&mut self, _problem: Problem) {}
}

/// A visitor that looks at nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Visitor for Nothing {}

/// Why a walk cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Fewer bytes are left than a header takes.
    ShortHeader,
    /// The transaction reaches over the limit.
    Cut(TransactionHeader),
    /// The transaction is voted, not finished.
    Voted(TransactionHeader),
    /// The structure is broken.
    Broken(Damage),
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Between two transactions.
    Boundary,
    /// Before the data record at this position.
    Record(TransactionHeader, u64),
    /// Before the back pointer of this record.
    BackPointer(TransactionHeader, RecordHeader),
    /// Before the trailer.
    Trailer(TransactionHeader),
}

/// A walk along the transactions of a file, from one boundary between two of them.
#[derive(Debug, Clone)]
pub struct Walker {
    /// Between two transactions: the boundary; inside of one: its position.
    pos: u64,
    limit_pos: u64,
    last_tid: Option<Tid>,
    last: Option<TransactionHeader>,
    state: State,
}

impl Walker {
    /// A walk from the boundary `pos`, behind a transaction with the tid `last_tid` if there is one, over
    /// transactions that end at `limit_pos` or before.
    pub fn new(pos: u64, last_tid: Option<Tid>, limit_pos: u64) -> Walker {
        Walker { pos, limit_pos, last_tid, last: None, state: State::Boundary }
    }

    /// The same walk, when `last` is the transaction that ends where it begins.
    pub(crate) fn after(self, last: Option<TransactionHeader>) -> Walker {
        Walker { last, ..self }
    }

    /// The position and number of the bytes that are wanted next. At a boundary the number may be cut by
    /// the limit; it is 0 when the walk stands at the limit. Before a record it is cut where the records end, so
    /// that nothing is wanted that the transaction does not have.
    pub fn wants(&self) -> (u64, usize) {
        match &self.state {
            State::Boundary => {
                let rest_len = self.limit_pos.saturating_sub(self.pos);
                let fixed_len = TransactionHeader::FIXED_LEN;
                (self.pos, usize::try_from(rest_len).unwrap_or(fixed_len).min(fixed_len))
            }
            State::Record(transaction, pos) => {
                let rest_len = transaction.trailer_pos() - pos;
                let fixed_len = RecordHeader::FIXED_LEN;
                (*pos, usize::try_from(rest_len).unwrap_or(fixed_len).min(fixed_len))
            }
            State::BackPointer(_, record) => (record.data_pos(), RecordHeader::BACK_POINTER_LEN),
            State::Trailer(transaction) => (transaction.trailer_pos(), 8),
        }
    }

    /// The boundary at which the walk stands, if it is not inside of a transaction.
    pub fn boundary_pos(&self) -> Option<u64> {
        matches!(self.state, State::Boundary).then_some(self.pos)
    }

    /// Where the transaction begins inside of which the walk stands, or the next one, if there is one.
    pub(crate) fn transaction_pos(&self) -> u64 {
        self.pos
    }

    /// The last transaction that was walked to its end, if any.
    pub fn last(&self) -> Option<TransactionHeader> {
        self.last
    }

    /// The tid of the last transaction before the walk or on it.
    pub fn last_tid(&self) -> Option<Tid> {
        self.last_tid
    }

    /// The limit that the walk was given.
    pub fn limit_pos(&self) -> u64 {
        self.limit_pos
    }

    /// Takes the bytes that were wanted, or fewer when there are not more.
    ///
    /// # Errors
    /// Why the walk cannot go on; it then stays where it is.
    pub(crate) fn accept(&mut self, bytes: &[u8], visitor: &mut dyn Visitor) -> Result<(), Halt> {
        match self.state {
            State::Boundary => self.accept_header(bytes, visitor),
            State::Record(transaction, pos) => self.accept_record(&transaction, pos, bytes, visitor),
            State::BackPointer(transaction, record) => {
                self.accept_back_pointer(&transaction, &record, bytes, visitor)
            }
            State::Trailer(transaction) => self.accept_trailer(&transaction, bytes),
        }
    }

    fn accept_header(&mut self, bytes: &[u8], visitor: &mut dyn Visitor) -> Result<(), Halt> {
        let Ok(bytes) = bytes.try_into() else { return Err(Halt::ShortHeader) };
        let header = TransactionHeader::decode(self.pos, bytes);
        check_header(&header, self.limit_pos)?;
        if let Status::Other(status) = header.status {
            visitor.problem(Problem { pos: header.pos, kind: ProblemKind::Status(status) });
        }
        if let Some(previous) = self.last_tid.filter(|previous| header.tid <= *previous) {
            let kind = ProblemKind::TidOrder { tid: header.tid, previous };
            visitor.problem(Problem { pos: header.pos, kind });
        }
        visitor.transaction(&header);
        self.state = match header.status {
            Status::Undone => State::Trailer(header),
            _ => next_record(header, header.records_pos()),
        };
        Ok(())
    }

    fn accept_record(
        &mut self,
        transaction: &TransactionHeader,
        pos: u64,
        bytes: &[u8],
        visitor: &mut dyn Visitor,
    ) -> Result<(), Halt> {
        let limit_pos = transaction.trailer_pos();
        let too_long = broken(transaction, pos, DamageKind::RecordTooLong { record_pos: pos, limit_pos });
        let Ok(bytes) = bytes.try_into() else { return Err(too_long) };
        let record = RecordHeader::decode(pos, bytes);
        if record.transaction_pos != transaction.pos {
            let found_pos = record.transaction_pos;
            let kind = DamageKind::TransactionPosition { record_pos: pos, found_pos };
            return Err(broken(transaction, pos, kind));
        }
        if record.end_pos() > limit_pos {
            return Err(too_long);
        }
        report_record(transaction, &record, visitor);
        if record.data_len == 0 {
            self.state = State::BackPointer(*transaction, record);
        } else {
            visitor.record(&record, RecordData::Here { pos: record.data_pos(), len: record.data_len });
            self.state = next_record(*transaction, record.end_pos());
        }
        Ok(())
    }

    fn accept_back_pointer(
        &mut self,
        transaction: &TransactionHeader,
        record: &RecordHeader,
        bytes: &[u8],
        visitor: &mut dyn Visitor,
    ) -> Result<(), Halt> {
        let Ok(bytes) = bytes.try_into() else {
            let (record_pos, limit_pos) = (record.pos, transaction.trailer_pos());
            return Err(broken(transaction, record.pos, DamageKind::RecordTooLong { record_pos, limit_pos }));
        };
        let data = match u64::from_be_bytes(bytes) {
            0 => RecordData::Gone,
            back_pos => RecordData::Back(back_pos),
        };
        if let RecordData::Back(back_pos) = data
            && back_pos >= record.pos
        {
            let kind = ProblemKind::BackPointerNotBefore { oid: record.oid, back_pos };
            visitor.problem(Problem { pos: record.pos, kind });
        }
        visitor.record(record, data);
        self.state = next_record(*transaction, record.end_pos());
        Ok(())
    }

    fn accept_trailer(&mut self, transaction: &TransactionHeader, bytes: &[u8]) -> Result<(), Halt> {
        check_trailer(transaction, bytes)?;
        self.pos = transaction.end_pos();
        self.last_tid = Some(transaction.tid);
        self.last = Some(*transaction);
        self.state = State::Boundary;
        Ok(())
    }
}

fn check_header(header: &TransactionHeader, limit_pos: u64) -> Result<(), Halt> {
    if header.end_pos() > limit_pos {
        return Err(Halt::Cut(*header));
    }
    match header.status {
        Status::Voted => return Err(Halt::Voted(*header)),
        Status::Other(status) if status >= 0x80 => {
            return Err(broken(header, header.pos + 16, DamageKind::Status(status)));
        }
        _ => {}
    }
    let (len, header_len) = (header.len, header.header_len());
    if len < header_len {
        return Err(broken(header, header.pos + 8, DamageKind::LengthTooSmall { len, header_len }));
    }
    Ok(())
}

/// Compares the trailer with the header.
pub(crate) fn check_trailer(header: &TransactionHeader, bytes: &[u8]) -> Result<(), Halt> {
    let tail_len = bytes.try_into().map_or(0, u64::from_be_bytes);
    if tail_len == header.len {
        return Ok(());
    }
    Err(broken(header, header.trailer_pos(), DamageKind::Trailer { head_len: header.len, tail_len }))
}

fn report_record(transaction: &TransactionHeader, record: &RecordHeader, visitor: &mut dyn Visitor) {
    let (pos, oid) = (record.pos, record.oid);
    if record.tid != transaction.tid {
        visitor.problem(Problem { pos, kind: ProblemKind::RecordTid { oid, found: record.tid } });
    }
    if record.previous_pos >= pos {
        let kind = ProblemKind::PreviousNotBefore { oid, previous_pos: record.previous_pos };
        visitor.problem(Problem { pos, kind });
    }
}

fn next_record(transaction: TransactionHeader, pos: u64) -> State {
    if pos == transaction.trailer_pos() {
        State::Trailer(transaction)
    } else {
        State::Record(transaction, pos)
    }
}

fn broken(transaction: &TransactionHeader, pos: u64, kind: DamageKind) -> Halt {
    Halt::Broken(Damage { transaction_pos: transaction.pos, pos, kind })
}

use crate::sweep::LostSpan;
use filestorage::{
    Astray, Instead, Oid, Problem, ProblemKind, RecordHeader, Tid, TransactionHeader, UnfinishedKind,
    UnfinishedTail,
};
use std::fmt;

/// Something that is wrong or strange, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Position of the transaction or record.
    pub pos: u64,
    /// The transaction, where it is known.
    pub tid: Option<Tid>,
    /// The object, where it is about one.
    pub oid: Option<Oid>,
    /// What it is.
    pub kind: FindingKind,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The format or the data is broken.
    Problem,
    /// It occurs in sound databases.
    Note,
}

/// What is wrong or strange.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// Bytes that belong to no transaction that can be read.
    Lost(LostSpan),
    /// The walk went on, but this is not as it should be.
    Walk(ProblemKind),
    /// The tid is that of a time to come.
    Future,
    /// The tid is that of no time since 1970, or of a day that is in no calendar.
    NoTime,
    /// A packed transaction behind one that is not: the file was put together from several.
    PackedBehindOthers,
    /// A transaction of an old ZODB that was undone: its records do not exist.
    Undone,
    /// The extension is not one pickle.
    Extension,
    /// A record with the name of a version, which ZODB has not since 3.9.
    Version {
        /// Length of the name.
        len: u16,
    },
    /// The pointer to the previous record of the object leads elsewhere.
    Previous {
        /// Where it leads.
        previous_pos: u64,
        /// Where that record is; 0 if there is none.
        expected_pos: u64,
    },
    /// The transaction has another record of the object before this one.
    Doubled {
        /// Its position.
        first_pos: u64,
    },
    /// The back pointer leads where no data of the object is.
    BackPointer(Astray),
    /// The back pointer leads to where nothing can be read.
    BackIntoLost {
        /// Where it leads.
        back_pos: u64,
    },
    /// No index can point here.
    TooFar,
    /// The data of the object cannot be read.
    Data {
        /// Why.
        reason: String,
    },
    /// The data is nothing but zero bytes: it never reached the disk.
    ZeroData {
        /// How many.
        len: u64,
    },
    /// Bytes behind the last transaction that are no part of the database.
    Tail(UnfinishedTail),
    /// The last transaction was finished, and did not reach the disk: no ZODB opens the file.
    NeverWritten(UnfinishedTail),
}

impl FindingKind {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            FindingKind::PackedBehindOthers
            | FindingKind::Undone
            | FindingKind::Doubled { .. }
            | FindingKind::Tail(_) => Severity::Note,
            _ => Severity::Problem,
        }
    }

    /// A word for programs; it stays the same.
    pub fn word(&self) -> &'static str {
        match self {
            FindingKind::Lost(_) => "lost",
            FindingKind::Walk(ProblemKind::TidOrder { .. }) => "tid-order",
            FindingKind::Walk(ProblemKind::Status(_)) => "status",
            FindingKind::Walk(ProblemKind::RecordTid { .. }) => "record-tid",
            FindingKind::Walk(ProblemKind::PreviousNotBefore { .. }) | FindingKind::Previous { .. } => {
                "previous"
            }
            FindingKind::Walk(ProblemKind::BackPointerNotBefore { .. })
            | FindingKind::BackPointer(_)
            | FindingKind::BackIntoLost { .. } => "back-pointer",
            FindingKind::Walk(_) => "structure",
            FindingKind::Future => "future",
            FindingKind::NoTime => "no-time",
            FindingKind::PackedBehindOthers => "packed-behind-others",
            FindingKind::Undone => "undone",
            FindingKind::Extension => "extension",
            FindingKind::Version { .. } => "version",
            FindingKind::Doubled { .. } => "doubled",
            FindingKind::TooFar => "too-far",
            FindingKind::Data { .. } => "data",
            FindingKind::ZeroData { .. } => "zero-data",
            FindingKind::Tail(_) => "tail",
            FindingKind::NeverWritten(_) => "never-written",
        }
    }
}

impl Finding {
    pub(super) fn of_transaction(header: &TransactionHeader, kind: FindingKind) -> Finding {
        Finding { pos: header.pos, tid: Some(header.tid), oid: None, kind }
    }

    pub(super) fn of_record(header: &RecordHeader, kind: FindingKind) -> Finding {
        Finding { pos: header.pos, tid: Some(header.tid), oid: Some(header.oid), kind }
    }

    pub(super) fn of_problem(problem: Problem) -> Finding {
        let (tid, oid) = match problem.kind {
            ProblemKind::TidOrder { tid, .. } => (Some(tid), None),
            ProblemKind::RecordTid { oid, .. }
            | ProblemKind::PreviousNotBefore { oid, .. }
            | ProblemKind::BackPointerNotBefore { oid, .. } => (None, Some(oid)),
            _ => (None, None),
        };
        Finding { pos: problem.pos, tid, oid, kind: FindingKind::Walk(problem.kind) }
    }
}

/// What is strange about the time in a tid.
pub(super) fn strange_time(tid: Tid, now: Tid) -> Option<FindingKind> {
    let time = tid.calendar();
    // Every month has 31 days in a tid: a day that is in no calendar comes back as another one.
    let is_day = Tid::from_unix_seconds(tid.unix_seconds()).is_some_and(|same| {
        let same = same.calendar();
        (same.month, same.day) == (time.month, time.day) || time.second >= 59.999
    });
    if time.year < 1970 || !is_day {
        return Some(FindingKind::NoTime);
    }
    (tid > now).then_some(FindingKind::Future)
}

impl fmt::Display for Finding {
    /// `@POS: what`, with the tid and the oid where they are known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}: ", self.pos)?;
        // Those name what they are about.
        if matches!(self.kind, FindingKind::Walk(_)) {
            return self.kind.fmt(f);
        }
        if let Some(oid) = self.oid {
            write!(f, "oid {oid}, ")?;
        }
        if let Some(tid) = self.tid {
            write!(f, "tid {tid}, ")?;
        }
        self.kind.fmt(f)
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FindingKind::Lost(lost) => {
                write!(f, "{} bytes up to @{} cannot be read: {}", lost.len(), lost.end_pos, lost.cause)
            }
            FindingKind::Walk(problem) => problem.fmt(f),
            FindingKind::Future => write!(f, "the transaction is from the future"),
            FindingKind::NoTime => write!(f, "the tid is not a time since 1970"),
            FindingKind::PackedBehindOthers => write!(f, "a packed transaction behind one that is not"),
            FindingKind::Undone => write!(f, "a transaction that was undone: its records do not count"),
            FindingKind::Extension => write!(f, "the extension of the transaction is not one pickle"),
            FindingKind::Version { len } => {
                write!(f, "a record with the name of a version, {len} bytes long")
            }
            FindingKind::Previous { previous_pos, expected_pos: 0 } => {
                write!(f, "its previous record is said to be @{previous_pos}, but it has none")
            }
            FindingKind::Previous { previous_pos, expected_pos } => {
                write!(f, "its previous record is said to be @{previous_pos}, and is @{expected_pos}")
            }
            FindingKind::Doubled { first_pos } => {
                write!(f, "its transaction has another record of it @{first_pos}")
            }
            FindingKind::BackPointer(Astray { back_pos, found }) => match found {
                Instead::NotBefore => {
                    write!(f, "a back pointer on its way does not lead back, but to @{back_pos}")
                }
                Instead::NoRecord => {
                    write!(f, "its back pointer leads to @{back_pos}, where no record begins")
                }
                Instead::OtherObject(oid) => {
                    write!(f, "its back pointer leads to @{back_pos}, a record of oid {oid}")
                }
            },
            FindingKind::BackIntoLost { back_pos } => {
                write!(f, "its back pointer leads to @{back_pos}, where nothing can be read")
            }
            FindingKind::TooFar => write!(f, "no index can point behind 2^48"),
            FindingKind::Data { reason } => f.write_str(reason),
            FindingKind::ZeroData { len } => {
                write!(f, "its data is {len} zero bytes: it never reached the disk")
            }
            FindingKind::Tail(UnfinishedTail { kind, len }) => {
                let what = match kind {
                    UnfinishedKind::ShortHeader => "less than a header",
                    UnfinishedKind::Cut => "a transaction that is cut, or being written",
                    UnfinishedKind::Voted => "a transaction that is voted, not finished",
                    UnfinishedKind::Zeros => "nothing but zeros",
                    UnfinishedKind::NeverWritten => "a transaction that did not reach the disk",
                };
                write!(f, "{len} bytes behind the last transaction: {what}")
            }
            FindingKind::NeverWritten(UnfinishedTail { len, .. }) => write!(
                f,
                "the last {len} bytes are a finished transaction of which the end is zeros: it did not reach the disk, \
                 and no ZODB opens the file until they are cut off"
            ),
        }
    }
}

use crate::{Oid, Tid};
use std::fmt;
use std::io;

/// Why a file cannot be read as a FileStorage to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file has no byte.
    #[error("the file is empty (0 bytes), not a FileStorage")]
    Empty,
    /// The file does not begin with a magic that is known.
    #[error("not a FileStorage: it begins with \"{}\", not with FS30 or FS21", found.escape_ascii())]
    Magic {
        /// The first bytes, up to four.
        found: Vec<u8>,
    },
    /// The structure is broken.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The file became shorter than a committed transaction that had been seen in it.
    #[error("the file ends @{end_pos} now, inside of the transaction record @{pos} that was complete before")]
    Shrunk {
        /// Position of the transaction.
        pos: u64,
        /// Where the bytes end now.
        end_pos: u64,
    },
    /// A record stands where `Data.fs.index` cannot point at.
    #[error("data record @{pos}: positions of 2^48 and more do not fit into an index")]
    PositionTooLarge {
        /// Position of the record.
        pos: u64,
    },
    /// The medium failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A place where the structure of a file is broken: what, where, expected and found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("transaction record @{transaction_pos}: {kind}")]
pub struct Damage {
    /// Position of the transaction that cannot be read.
    pub transaction_pos: u64,
    /// Position of the field or record that is wrong.
    pub pos: u64,
    /// What is wrong with it.
    pub kind: DamageKind,
}

/// What is wrong with a transaction that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// The length in the header does not cover the header itself.
    LengthTooSmall {
        /// The length at the head.
        len: u64,
        /// What the header alone takes.
        header_len: u64,
    },
    /// A status byte of 0x80 or more, which no ZODB can read.
    Status(u8),
    /// The length in the trailer differs from that in the header.
    Trailer {
        /// The length at the head.
        head_len: u64,
        /// The length at the tail.
        tail_len: u64,
    },
    /// A data record does not end inside of its transaction.
    RecordTooLong {
        /// Position of the record.
        record_pos: u64,
        /// Where the records of the transaction end.
        limit_pos: u64,
    },
    /// A data record names another transaction as its own.
    TransactionPosition {
        /// Position of the record.
        record_pos: u64,
        /// The position that it names.
        found_pos: u64,
    },
    /// The bytes end inside of the transaction, or it was never finished, where it had to be complete.
    Unfinished {
        /// Where the bytes end.
        limit_pos: u64,
    },
    /// It looks like an unfinished transaction at the end of the file, but a sound one stands behind it.
    SoundBehind {
        /// Position of the next sound transaction.
        next_pos: u64,
        /// Its tid.
        next_tid: Tid,
    },
}

impl fmt::Display for DamageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            DamageKind::LengthTooSmall { len, header_len } => {
                write!(f, "length {len}, but the header alone takes {header_len}")
            }
            DamageKind::Status(status) => write!(f, "status byte {status:#04x}"),
            DamageKind::Trailer { head_len, tail_len } => {
                write!(f, "length {head_len} at head, {tail_len} at tail")
            }
            DamageKind::RecordTooLong { record_pos, limit_pos } => {
                write!(f, "data record @{record_pos}: reaches over the end of the records @{limit_pos}")
            }
            DamageKind::TransactionPosition { record_pos, found_pos } => {
                write!(f, "data record @{record_pos}: says that its transaction is @{found_pos}")
            }
            DamageKind::Unfinished { limit_pos } => write!(f, "not complete, the bytes end @{limit_pos}"),
            DamageKind::SoundBehind { next_pos, next_tid } => {
                write!(f, "unfinished, but the sound transaction {next_tid} follows @{next_pos}")
            }
        }
    }
}

/// Something wrong that does not keep the file from being read: ZODB reads on, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} @{pos}")]
pub struct Problem {
    /// Position of the transaction or record.
    pub pos: u64,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What is wrong, though readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The tid of a transaction is not greater than that of the one before.
    TidOrder {
        /// The tid.
        tid: Tid,
        /// The one before it.
        previous: Tid,
    },
    /// A status byte that is not defined, below 0x80.
    Status(u8),
    /// A data record has another tid than its transaction.
    RecordTid {
        /// The object.
        oid: Oid,
        /// The record's tid.
        found: Tid,
    },
    /// The pointer to the previous record of the object does not point backward.
    PreviousNotBefore {
        /// The object.
        oid: Oid,
        /// Where it points.
        previous_pos: u64,
    },
    /// The back pointer to the data does not point backward.
    BackPointerNotBefore {
        /// The object.
        oid: Oid,
        /// Where it points.
        back_pos: u64,
    },
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ProblemKind::TidOrder { tid, previous } => {
                write!(f, "tid {tid} of a transaction is not greater than {previous} of the one before")
            }
            ProblemKind::Status(status) => write!(f, "unknown transaction status {status:#04x}"),
            ProblemKind::RecordTid { oid, found } => {
                write!(f, "tid {found} in a data record of oid {oid} differs from its transaction's")
            }
            ProblemKind::PreviousNotBefore { oid, previous_pos } => {
                write!(f, "previous record {previous_pos} of oid {oid} is not before its record")
            }
            ProblemKind::BackPointerNotBefore { oid, back_pos } => {
                write!(f, "back pointer {back_pos} of oid {oid} is not before its record")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_says_what_is_wrong_and_where() {
        let (oid, tid) = (Oid::new(0x2a), Tid::new(0x03f4));
        let damage = |kind| Damage { transaction_pos: 463, pos: 471, kind }.to_string();
        let problem = |kind| Problem { pos: 503, kind }.to_string();
        for (message, words) in [
            (damage(DamageKind::Status(0x80)), &["@463", "status", "0x80"][..]),
            (damage(DamageKind::Unfinished { limit_pos: 1385 }), &["@463", "not complete", "@1385"]),
            (
                damage(DamageKind::SoundBehind { next_pos: 561, next_tid: tid }),
                &["@463", "unfinished", "0x00000000000003f4", "@561"],
            ),
            (problem(ProblemKind::Status(b'Z')), &["status 0x5a", "@503"]),
            (
                problem(ProblemKind::TidOrder { tid, previous: Tid::new(0xfff) }),
                &["0x00000000000003f4", "not greater", "0x0000000000000fff", "@503"],
            ),
            (
                problem(ProblemKind::RecordTid { oid, found: tid }),
                &["0x00000000000003f4", "oid 0x000000000000002a", "differs", "@503"],
            ),
            (
                problem(ProblemKind::PreviousNotBefore { oid, previous_pos: 900 }),
                &["previous record 900", "oid 0x000000000000002a", "@503"],
            ),
            (
                problem(ProblemKind::BackPointerNotBefore { oid, back_pos: 900 }),
                &["back pointer 900", "oid 0x000000000000002a", "@503"],
            ),
        ] {
            for word in words {
                assert!(message.contains(word), "{word}: {message}");
            }
        }
    }
}

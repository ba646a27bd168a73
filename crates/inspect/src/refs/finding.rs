use crate::Amount;
use crate::sweep::LostSpan;
use filestorage::{Oid, Tid};

/// What is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefsFinding {
    /// An object refers to others that are not there.
    Dangling(Dangling),
    /// What an object refers to is not known, or not all of it.
    Unreadable {
        /// The object.
        oid: Oid,
        /// Its last transaction.
        tid: Tid,
        /// Its current record.
        pos: u64,
        /// Its class, as far as it is known.
        class: String,
        /// Why.
        reason: String,
    },
    /// Objects in here are not known, so some that are told missing may be there.
    Lost(LostSpan),
    /// A blob without its file.
    MissingBlob(BlobRevision),
    /// The file of a blob of which there is no record, up to the last transaction.
    UnnamedBlob {
        /// The object that its name says.
        oid: Oid,
        /// The transaction that its name says.
        tid: Tid,
        /// Whether bytes are lost, so that there may be a record in them.
        is_lost: bool,
    },
    /// Objects of a class that the root does not lead to.
    Unreachable {
        /// The class, as far as it is known.
        class: String,
        /// How many, and the bytes of their records.
        amount: Amount,
    },
}

impl RefsFinding {
    /// Whether something is wrong; the others occur in sound databases.
    pub fn is_problem(&self) -> bool {
        !matches!(self, RefsFinding::UnnamedBlob { .. } | RefsFinding::Unreachable { .. })
    }
}

/// A record of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobRevision {
    /// The blob.
    pub oid: Oid,
    /// Its transaction.
    pub tid: Tid,
    /// The record.
    pub pos: u64,
    /// Whether it is the last one of the blob.
    pub is_current: bool,
}

/// An object with references that lead nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// The object that refers.
    pub oid: Oid,
    /// Its last transaction.
    pub tid: Tid,
    /// Its current record.
    pub pos: u64,
    /// Its class.
    pub class: String,
    /// What it refers to in vain, in the order of its references.
    pub references: Vec<BadReference>,
}

/// A reference that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadReference {
    /// The object that is not there.
    pub oid: Oid,
    /// Its class, as the reference has it.
    pub class: Option<String>,
    /// Why it is not there.
    pub reason: Reason,
}

/// Why an object is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no record of it.
    Missing,
    /// It was there, and the transaction that made it was undone, or it was deleted.
    Gone,
}

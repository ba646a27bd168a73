//! The data of an object's record: two pickles with one memo, its class and its state, and the references in them.
//!
//! Nothing is loaded, so nothing is held but a stack and a memo of small values, both bounded by the data's length.
//!
//! **Source:** what `ZODB.serialize` of ZODB 6.4 writes and `referencesf` of it finds, in records of all protocols
//! from 0 to 3.

mod class;
mod item;
mod operation;
mod scanner;

pub use class::ClassName;
pub use operation::{Argument, Operation, operations};
pub use scanner::RecordScanner;

/// A persistent reference, as it is met in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference<'d> {
    /// To an object of the same database, which has to exist.
    Strong {
        /// The object.
        oid: [u8; 8],
        /// The class that the reference says the object has; it need not be right.
        class: Option<ClassName<'d>>,
    },
    /// A weak one, or one to another database.
    Other,
}

/// Where the two pickles of a record end, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// End of the class's pickle.
    pub class_end: usize,
    /// End of the state's. Bytes behind it are never looked at, as in Python.
    pub state_end: usize,
}

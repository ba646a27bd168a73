//! The `.index` file of a FileStorage: where the current record of every object is.
//!
//! An index maps oids (8 bytes) to positions in the data file and says up to where, `end_pos`,
//! the data file is covered. Oids that share their first six bytes, the prefix, form a
//! [`Bucket`].
//!
//! | form | written by | read as |
//! | --- | --- | --- |
//! | sequence of pickles: `end_pos`, one bucket each, None | ZODB 3.10 and later, Python 2 and 3 | stream |
//! | one pickle of a dict, index a plain dict | very old ZODB | held |
//! | one pickle of a dict, index an `fsIndex` over a BTree | ZODB up to 3.8 | held |
//! | one pickle of an `OOBucket` used as a dict, index as before | ZODB 3.9 | held |
//! | one pickle of a dict, index an `fsIndex` over a list | ZODB 3.10 and later that met an old form | held |
//!
//! *Stream* needs memory for one bucket at a time (at most 512 KiB of it); *held* needs the whole
//! pickle at once, within [`Limits`](crate::Limits).

mod bucket;
mod error;
mod mapping;
mod reader;
mod shape;
mod tree;
mod writer;

pub use bucket::{Bucket, Entry, Prefix};
pub use error::Error;
pub use reader::IndexReader;
pub use writer::IndexWriter;

/// The least position of a record and the least `end_pos`: the length of the magic of a data file.
///
/// **Source:** index-format.md, sections 4 and 5.
pub const MIN_POS: u64 = 4;

/// One past the largest position that fits the six bytes an index has for it.
///
/// **Source:** index-format.md, section 2.
pub const POSITION_LIMIT: u64 = 1 << 48;

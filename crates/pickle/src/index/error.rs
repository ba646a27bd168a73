//! What can be wrong with an index.

use std::io;

use super::Prefix;
use crate::LoadError;

/// Why an index was not read or not written.
///
/// `pos` is in bytes from the start of the index stream: of the opcode that begins the value at
/// fault. `entry_index` counts the entries of a bucket from 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pickle of the index cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A pickle loads, but is not what an index has in this place.
    #[error("index value at byte {pos} is {found}, expected {expected}")]
    Shape {
        /// Position of the value.
        pos: u64,
        /// What an index has in this place.
        expected: &'static str,
        /// The kind of value found.
        found: &'static str,
    },
    /// A byte string of fixed length has another length.
    #[error("{what} at byte {pos} has {found_len} bytes, expected {expected_len}")]
    StringLen {
        /// Position of the byte string.
        pos: u64,
        /// What the byte string stands for.
        what: &'static str,
        /// The length it must have.
        expected_len: usize,
        /// The length found.
        found_len: usize,
    },
    /// An old index lacks one of its keys.
    #[error("index value at byte {pos} has no key '{key}'")]
    MissingKey {
        /// Position of the mapping.
        pos: u64,
        /// The key.
        key: &'static str,
    },
    /// An `fsIndex` whose state has a version that no ZODB wrote.
    #[error("fsIndex state at byte {pos} has version {found}, expected 0 or 1")]
    StateVersion {
        /// Position of the version.
        pos: u64,
        /// The version found.
        found: i64,
    },
    /// A node of a BTree is reached twice.
    #[error("BTree node at byte {pos} is reached a second time")]
    SharedNode {
        /// Position of the node.
        pos: u64,
    },
    /// An old index unfolds to more than its [`Limits`](crate::Limits).
    #[error("index value at byte {pos} passes the limit of {limit} bytes of buckets")]
    TooLarge {
        /// Position of the first bucket too many.
        pos: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The covered end of the data file is less than the length of its magic, or negative, or
    /// past 2^63.
    #[error("end position {found} at byte {pos} is out of range")]
    EndPos {
        /// Position of the integer.
        pos: u64,
        /// The end position found.
        found: i128,
    },
    /// A bucket without entries.
    #[error("bucket at byte {pos} is empty")]
    BucketEmpty {
        /// Position of the bucket.
        pos: u64,
    },
    /// A bucket that does not consist of 8-byte entries.
    #[error("bucket at byte {pos} has {found_len} bytes, not a multiple of 8")]
    BucketLen {
        /// Position of the bucket.
        pos: u64,
        /// Its length in bytes.
        found_len: usize,
    },
    /// A bucket with more entries than there are suffixes.
    #[error("bucket at byte {pos} has {found_len} bytes, more than 524288")]
    BucketTooLong {
        /// Position of the bucket.
        pos: u64,
        /// Its length in bytes.
        found_len: usize,
    },
    /// The prefixes are not strictly ascending.
    #[error("prefix {found:02x?} at byte {pos} does not come after {previous:02x?}")]
    PrefixOrder {
        /// Position of the bucket or of its prefix.
        pos: u64,
        /// The prefix before.
        previous: Prefix,
        /// The prefix found.
        found: Prefix,
    },
    /// The suffixes of a bucket are not strictly ascending.
    #[error(
        "suffix {found:#06x} of entry {entry_index} in the bucket at byte {pos} is not above {previous:#06x}"
    )]
    SuffixOrder {
        /// Position of the bucket.
        pos: u64,
        /// Number of the entry.
        entry_index: usize,
        /// The suffix before.
        previous: u16,
        /// The suffix found.
        found: u16,
    },
    /// The position of a record lies outside of the covered part of the data file.
    #[error("position {found} of entry {entry_index} in the bucket at byte {pos} is not in 4..{limit}")]
    PositionRange {
        /// Position of the bucket.
        pos: u64,
        /// Number of the entry.
        entry_index: usize,
        /// The position found; of a negative number in an old index, 0.
        found: u64,
        /// One past the last position allowed: `end_pos`, at most 2^48.
        limit: u64,
    },
    /// An old index has an oid twice.
    #[error("mapping at byte {pos} has oid {oid:#018x} twice")]
    DuplicateOid {
        /// Position of the mapping.
        pos: u64,
        /// The oid.
        oid: u64,
    },
    /// The stream ends behind a bucket, without the final None.
    #[error("index ends at byte {pos} without its final None")]
    NoFinalNone {
        /// Length of the stream.
        pos: u64,
    },
    /// The output failed.
    #[error("writing failed behind byte {pos}")]
    Write {
        /// Bytes written before.
        pos: u64,
        /// The error of the output.
        source: io::Error,
    },
}

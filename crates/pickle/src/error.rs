//! What can be wrong with a pickle.

use std::io;

/// Why a pickle was not loaded.
///
/// `pos` is in bytes from the start of the stream: of the opcode at fault, or, for
/// [`LoadError::Read`] and [`LoadError::Truncated`], of the first byte that is missing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The input itself failed.
    #[error("reading failed at byte {pos}")]
    Read {
        /// Position of the first byte that could not be read.
        pos: u64,
        /// The error of the input.
        source: io::Error,
    },
    /// The stream ends inside a pickle.
    #[error("stream ends at byte {pos}, expected {expected}")]
    Truncated {
        /// Length of the stream.
        pos: u64,
        /// What should have followed.
        expected: &'static str,
    },
    /// A pickle protocol from the future, or no pickle at all.
    #[error("pickle protocol {found} at byte {pos}, expected 0 to 3")]
    Protocol {
        /// Position of the opcode.
        pos: u64,
        /// The protocol number found.
        found: u8,
    },
    /// An opcode that no index file contains.
    #[error("opcode 0x{found:02x} at byte {pos} is unknown")]
    Opcode {
        /// Position of the opcode.
        pos: u64,
        /// The byte found.
        found: u8,
    },
    /// An argument that does not have the syntax its opcode asks for.
    #[error("bad argument of the opcode at byte {pos}, expected {expected}")]
    Syntax {
        /// Position of the opcode.
        pos: u64,
        /// What the argument should have been.
        expected: &'static str,
    },
    /// An integer outside the range of `i64`.
    #[error("integer at byte {pos} needs more than 64 bits")]
    IntTooLarge {
        /// Position of the opcode.
        pos: u64,
    },
    /// An opcode wants a value and the stack, down to the last mark, is empty.
    #[error("opcode at byte {pos} finds no value on the stack")]
    StackEmpty {
        /// Position of the opcode.
        pos: u64,
    },
    /// An opcode wants a mark and there is none.
    #[error("opcode at byte {pos} finds no mark on the stack")]
    NoMark {
        /// Position of the opcode.
        pos: u64,
    },
    /// A dict gets a key without a value.
    #[error("opcode at byte {pos} finds {found_count} keys and values, expected an even number")]
    OddItems {
        /// Position of the opcode.
        pos: u64,
        /// Number of values found.
        found_count: usize,
    },
    /// A value that was never put into the memo is asked for.
    #[error("opcode at byte {pos} asks for memo entry {index}, which was not stored")]
    NoMemo {
        /// Position of the opcode.
        pos: u64,
        /// The memo key.
        index: u64,
    },
    /// An opcode is applied to a value of the wrong kind.
    #[error("opcode at byte {pos} finds {found}, expected {expected}")]
    Kind {
        /// Position of the opcode.
        pos: u64,
        /// The kind it works on.
        expected: &'static str,
        /// The kind found.
        found: &'static str,
    },
    /// The pickle is larger than its [`Limits`](crate::Limits).
    #[error("opcode at byte {pos} passes the limit of {limit} {what}")]
    Limit {
        /// Position of the opcode.
        pos: u64,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

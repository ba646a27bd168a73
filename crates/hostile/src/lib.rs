//! For tests only: what a fuzzer and `make test` do with hostile bytes.
//!
//! Every reader of bytes that somebody else may have written is a target here: a function that takes any
//! bytes and panics if the reader does. Beyond that each asserts
//!
//! * that what is held in memory is bounded by what came in, never by what a length field says ([`within`]),
//! * that it agrees with its inverse, with itself on other pieces, or with a second implementation.
//!
//! `fuzz/` runs them under libFuzzer; `tests/corpus.rs` runs them on the committed corpus, on seeds from
//! `tests/data`, and on mutations of both. A loop that does not advance is a timeout in either.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    reason = "tests speak by panicking, and look at the real disk"
)]

mod memory;
mod mutation;
mod seeds;
mod targets;

pub use memory::within;
pub use mutation::Mutator;
pub use seeds::seeds;
pub use targets::{TARGETS, Target};

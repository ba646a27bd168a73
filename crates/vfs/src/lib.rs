//! How bytes reach a disk, and how that fails.
//!
//! A leaf crate with two traits and one door:
//!
//! * [`ReadAt`]: positional reads of a live file, a byte slice, a whole backup chain.
//! * [`Fs`]: the few file and directory operations that publishing needs; [`OsFs`] is the real one,
//!   `sim::SimFs` (feature `sim`) one that loses power.
//! * [`publish`]: the only durable writes of the project. A [`publish::Draft`] gets its final name
//!   after its bytes are on the disk, never before.
//!
//! Every error is an [`Error`]: the operation, the path and what the system said.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod error;
mod fs;
mod os;
pub mod publish;
mod read_at;
#[cfg(any(test, feature = "sim"))]
pub mod sim;

pub use error::{Error, Op};
pub use fs::{Access, FileKind, Fs, Grant, Lock, LockKind, Meta, NewFile, OldFile, ReadFile, Written};
pub use os::OsFs;
pub use read_at::{Head, ReadAt, Sequential, Tail};

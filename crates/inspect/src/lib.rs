//! Looking inside a database: a live `Data.fs`, a restored one, or a chain of backups that nobody restored.
//!
//! Everything works on a [`vfs::ReadAt`], goes on behind damage, and hands what it finds to a closure as it is found.
//! Nothing here prints.
//!
//! * [`check()`]: every rule of the format, and whether the data of each object can be read.
//! * [`refs()`]: whether what objects refer to is there; [`referrers()`] and [`path()`]: who refers to one object.
//! * [`revision()`]: one object at one moment; [`history()`]: what became of it.
//! * [`stats()`]: what it is made of, and what a pack would free.
//! * [`salvage()`]: a new database of what can be read.
//! * [`log()`]: the transactions; [`tail()`]: the last ones; [`dump()`]: with every record.

mod amount;
mod check;
mod classes;
mod data;
mod dump;
mod error;
mod graph;
mod histogram;
mod history;
mod links;
mod log;
mod objects;
mod owners;
mod refs;
mod revision;
mod salvage;
mod spans;
mod stats;
mod sweep;
mod tail;

pub use amount::Amount;
pub use check::{CheckRequest, CheckSummary, Checked, Finding, FindingKind, Severity, check};
pub use dump::{Dumped, DumpedState, dump};
pub use error::Error;
pub use graph::{Object, Path, path, referrers};
pub use histogram::Histogram;
pub use history::{HistoryEntry, history};
pub use log::{LogEntry, LogFilter, log};
pub use owners::{Owners, owners};
pub use refs::{
    BadReference, BlobRevision, Dangling, ListBlobs, Reason, RefsFinding, RefsRequest, RefsSummary, refs,
};
pub use revision::{Revision, revision};
pub use salvage::{SalvageSummary, Skipped, salvage};
pub use stats::{ClassStats, Day, Stats, stats};
pub use sweep::{Cause, LostSpan};
pub use tail::tail;

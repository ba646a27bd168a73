//! The format of ZODB's FileStorage, read exactly.
//!
//! Everything reads through [`vfs::ReadAt`], so one code serves a live `Data.fs`, a byte slice and a backup
//! chain. The crate opens no path and knows neither backups nor terminals. `docs/FORMAT-filestorage.md` has
//! the byte maps that this code transcribes.
//!
//! * [`Tid`], [`Oid`]: the two kinds of eight bytes.
//! * [`TransactionHeader`], [`RecordHeader`]: decoded, checked where they are decoded.
//! * [`Walker`]: the structure of a span of transactions, fed with bytes from wherever they come.
//! * [`committed_end`]: where the sound transactions end, and what stands behind them; [`Scan`]: the same, step by step.
//! * [`BlobLayout`]: the names of the files of blobs.
//! * [`Index`]: oid to position of the current record, as in `Data.fs.index`.

mod blob;
mod boundary;
mod committed_end;
mod error;
mod index;
mod magic;
mod oid;
mod record;
mod resolve;
#[cfg(test)]
mod samples;
mod scan;
mod sound_behind;
mod stream;
mod tid;
mod transaction;
mod walker;
mod window;

pub use blob::BlobLayout;
pub use boundary::{Boundary, transaction_before};
pub use committed_end::{Extent, UnfinishedKind, UnfinishedTail, committed_end};
pub use error::{Damage, DamageKind, Error, Problem, ProblemKind};
pub use index::{Index, IndexError, current_records, load_index, merge_index};
pub use magic::Magic;
pub use oid::Oid;
pub use record::{RecordData, RecordHeader};
pub use resolve::{Astray, Instead, Resolved, data_of, record_at, resolve};
pub use scan::{Scan, Step};
pub use stream::StreamWalker;
pub use tid::{Calendar, Tid};
pub use transaction::{Metadata, Status, TransactionHeader};
pub use walker::{Nothing, Visitor, Walker};

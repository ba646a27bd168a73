//! Blobs in the repository. `docs/FORMAT-classic.md` describes the files.
//!
//! A blob is known by the oid and the tid of its record, and never changes. One copy of each lies in `blobs/`, in a file of
//! its own or, if that is wanted of small ones, with others in a container; and beside every backup that was made with blobs a list, `STAMP.blobs`, of those that its transactions name. A backup with blobs:
//!
//! | step | a crash leaves | healed by |
//! |---|---|---|
//! | the backup of the database, complete | a backup without a list | the next backup with blobs makes its list |
//! | drafts of the blobs in `blobs/new`, all synced | the same, drafts | removed by the next one |
//! | the blobs under their names, the directories synced | the same, blobs that no list names | copied again, or removed by `forget` |
//! | the list under its name (**the commit point**) | the backup with its blobs | |
//!
//! So a list never names a blob that is not durable, and of a backup without a list nobody claims to have its blobs.

mod back_up;
mod bytes;
mod collect;
mod container;
mod content;
mod copied;
mod copying;
mod counts;
mod dir;
mod extra;
mod gather;
mod known;
mod list;
mod making;
mod mend;
mod restore;
mod shown;
mod spot;
mod store;
mod target;
mod verify;

pub use back_up::{BlobsBackedUp, BlobsSource};
pub(crate) use back_up::{back_up, sweep};
pub use collect::BlobsForgotten;
pub(crate) use collect::collect_or_tell;
pub use content::BlobHash;
pub use counts::BlobCounts;
pub(crate) use counts::count_blobs;
pub use dir::BlobDir;
pub use gather::named_blobs;
pub use mend::{BlobsMended, BlobsWrong, blobs_wrong, mend_blobs};
pub(crate) use restore::BlobsRestore;
pub use restore::{BlobsRequest, BlobsRestored};
pub use shown::BlobEntry;
pub(crate) use verify::verify;

use filestorage::{Oid, Tid};

/// One revision of a blob, in the order of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// The object.
    pub oid: Oid,
    /// The transaction of the record that names it.
    pub tid: Tid,
}

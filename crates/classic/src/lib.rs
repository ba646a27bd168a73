//! The repository directory that Python's repozo keeps, and the four things done with it.
//!
//! `docs/FORMAT-classic.md` describes the files. In the order of a backup:
//!
//! 1. [`Repository`] lists and names what is there and sorts it into [`Chain`]s: a full backup and the
//!    incrementals behind it.
//! 2. `reconcile` heals what a crash, or a run of Python's repozo, left half done.
//! 3. [`plan`] decides, from facts alone.
//! 4. [`backup`], [`recover()`], [`verify`] and `prune` do it, every file through [`vfs::publish`].
//!
//! Nothing here prints or reads a clock: [`Context`] carries the [`Observer`], the [`Clock`] and the
//! [`Interrupt`].

mod backup;
mod blobs;
mod chain;
mod clock;
mod compare;
mod content;
mod context;
mod copy;
mod dat;
mod error;
mod event;
mod forget;
mod gzip;
mod in_order;
mod index_file;
mod indexes;
mod inventory;
mod joining;
mod lag;
mod name;
mod new_database;
mod notice;
mod output;
mod part;
mod place;
pub mod plan;
mod prune;
mod quick;
mod reader;
mod reconcile;
mod recover;
mod repair;
mod replacing;
mod report_file;
mod repository;
mod restore;
mod retention;
mod sample;
mod selection;
mod source;
mod stamp;
mod state;
mod sum;
mod tags;
mod timeline;
mod update;
mod verify;

pub use backup::{BackedUp, BackupOutcome, BackupRequest, backup};
pub use blobs::{
    BlobCounts, BlobDir, BlobEntry, BlobHash, BlobsBackedUp, BlobsForgotten, BlobsMended, BlobsRequest,
    BlobsRestored, BlobsSource, BlobsWrong, Revision, blobs_wrong, mend_blobs, named_blobs,
};
pub use chain::{Chain, DatState, Fault, Part, Tiling};
pub use clock::Clock;
pub use context::{Context, Interrupt};
pub use dat::{Dat, DatLine};
pub use error::Error;
pub use event::{Event, Observer, Phase, Silent, VerifyProblem};
pub use forget::{Fate, forget, plan_forget};
pub use index_file::write_index;
pub use inventory::{BackupEntry, ChainEntry, Inventory, inventory};
pub use lag::{Lag, lag};
pub use name::{BackupKind, BackupName};
pub use new_database::NewDatabase;
pub use notice::Notice;
pub use quick::QuickCheck;
pub use reader::ChainReader;
pub use recover::{RecoverRequest, Target, recover};
pub use repair::{ChainRepair, RepairPlan, plan_repair, repair};
pub use report_file::{NOTES_NAME, ReportFile};
pub use repository::Repository;
pub use restore::{RestorePlan, RestoreRequest, Restored, plan_change, plan_restore, restore, verify_state};
pub use retention::{Period, Policy, Reason};
pub use stamp::{Limit, Stamp};
pub use state::{State, chain_states};
pub use sum::Sum;
pub use tags::{Tags, change_tags};
pub use timeline::Wanted;
pub use update::{Change, TargetCheck, Update, WhyReplaced};
pub use verify::{VerifyRequest, verify, verify_files};

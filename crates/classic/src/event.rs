use crate::plan::Decision;
use crate::{BackupName, Fault, Limit, Notice, Stamp, Sum};
use std::path::{Path, PathBuf};

/// Who is told what happens. The libraries never print.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}

/// An observer that looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: &Event<'_>) {}
}

/// A long piece of work, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The source is compared with the backups.
    Comparing,
    /// Bytes of the source are copied.
    BackingUp,
    /// A new full is read once more.
    ReadingAgain,
    /// Backups are joined.
    Recovering,
    /// Backups are verified.
    Verifying,
    /// Blobs are copied, into the repository or from it.
    CopyingBlobs,
    /// A database, or backups as one, is looked into.
    LookingInside,
}

/// What happens, in the order in which it does. A closed set: every consumer handles all of it.
#[derive(Debug)]
pub enum Event<'a> {
    /// The data files up to a limit are looked for.
    LookingForFiles {
        /// Up to when.
        limit: &'a Limit,
        /// Now.
        now: Option<Stamp>,
    },
    /// These are the data files of the state at the limit; none if empty.
    FilesNeeded {
        /// Up to when.
        limit: &'a Limit,
        /// Now.
        now: Option<Stamp>,
        /// Their paths.
        files: &'a [PathBuf],
    },
    /// Quick comparison: the last backup's line, and the sum of the same bytes of the source.
    ComparedLast {
        /// Where its file is now.
        path: &'a Path,
        /// First position.
        start_pos: u64,
        /// Position behind the last.
        end_pos: u64,
        /// The sum in the line.
        sum: Sum,
        /// The sum of the source.
        source_sum: Sum,
    },
    /// Quick comparison: places of the source against the same ones of the backups. Not told where the last backup
    /// was summed and all places are equal.
    ComparedPlaces {
        /// Where the file of the last backup is now.
        path: &'a Path,
        /// The sum in its line.
        sum: Sum,
        /// How many bytes were compared.
        looked_len: u64,
        /// Of how many that are backed up.
        end_pos: u64,
        /// The beginning of the place that is different.
        differs_pos: Option<u64>,
    },
    /// Whole comparison: lengths and sums of the backups, the source, and its part that is backed up.
    ComparedAll {
        /// Of all backups joined.
        repository: (u64, Sum),
        /// Of the whole source.
        current: (u64, Sum),
        /// Of the source's first bytes, as many as are backed up.
        backed_up: (u64, Sum),
    },
    /// What will be done.
    Planned(&'a Decision),
    /// The index of the new backup is made.
    WritingIndex,
    /// The new backup is written.
    WritingBackup {
        /// Its name.
        name: BackupName,
        /// How many bytes of the database it holds.
        len: u64,
        /// Its path.
        path: &'a Path,
    },
    /// An old data file is deleted, with its companions.
    RemovingOld(BackupName),
    /// The database goes to standard output.
    RecoveringToStdout,
    /// The database goes to a file.
    Recovering(&'a Path),
    /// The file that is there is replaced now; until now it was untouched.
    ReplacingOld(&'a Path),
    /// All is recovered.
    Recovered {
        /// How many bytes.
        len: u64,
        /// Their sum, if it was made.
        sum: Option<Sum>,
    },
    /// One data file is recovered and agrees with its line.
    RecoveredChunk {
        /// The file.
        path: &'a Path,
        /// How many bytes.
        len: u64,
        /// Their sum.
        sum: Sum,
    },
    /// The index goes beside the database.
    RestoringIndex {
        /// In the repository.
        from: &'a Path,
        /// Beside the target.
        to: &'a Path,
    },
    /// There is no index to put beside the database.
    NoIndex(&'a Path),
    /// The bytes of a backup were copied, and have so many transactions.
    Copied {
        /// How many.
        transaction_count: u64,
    },
    /// A data file is being verified.
    Verifying(&'a Path),
    /// A data file was read and is what its line says.
    Verified {
        /// Which.
        name: BackupName,
        /// The sum of its bytes.
        sum: Sum,
        /// How many transactions it has, if it was joined to those before it.
        transaction_count: Option<u64>,
    },
    /// Blobs of a backup, or their list, are not what they should be; each problem is told by itself.
    BlobsWrong(BackupName),
    /// Verification found something.
    Problem(&'a VerifyProblem),
    /// Something that the user has to know, and that is no failure.
    Notice(&'a Notice),
    /// This file system cannot make the names in a directory durable.
    DirectoryNotSynced(&'a Path),
    /// This file system cannot lock.
    NotLocked(&'a Path),
    /// A long piece of work begins.
    Began {
        /// Which.
        phase: Phase,
        /// How many bytes, if that is known.
        total_len: Option<u64>,
    },
    /// So many more bytes of it are done.
    Advanced(u64),
    /// It ended.
    Ended,
}

/// What verification finds; each makes the verdict a bad one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyProblem {
    /// A file that a line names is not there.
    #[error("{} is missing", .0.display())]
    Missing(PathBuf),
    /// A file is not what its line says, or cannot be read.
    #[error(transparent)]
    File(#[from] crate::Error),
    /// The lines of a list do not fit together.
    #[error("{}: {fault}", dat.display())]
    Chain {
        /// The list.
        dat: PathBuf,
        /// What is wrong.
        fault: Fault,
    },
    /// There is no list, or nothing in it.
    #[error("{} is empty: what its chain should be is not known", .0.display())]
    EmptyDat(PathBuf),
    /// The last line of a list was cut short.
    #[error("{}: the last line was cut short; the next backup writes the list anew", .0.display())]
    TornLine(PathBuf),
    /// A data file that no line names.
    #[error("{} is not listed in {}: a run that died, or a damaged list; the next backup settles it", path.display(), dat.display())]
    Unlisted {
        /// The file.
        path: PathBuf,
        /// The list that should name it.
        dat: PathBuf,
    },
    /// An incremental without the full that it builds on.
    #[error("{}: the full backup that it builds on is missing", .0.display())]
    NoFull(PathBuf),
    /// A list whose full backup is gone.
    #[error("{}: the full backup that it lists is missing", .0.display())]
    LoneDat(PathBuf),
    /// A backup without its blobs, of a database that has some.
    #[error("{} was made without --blobs; the next backup with it makes up for that", .0.display())]
    NoBlobs(PathBuf),
    /// A backup that names blobs that were not there when it was made.
    #[error("{}: not there when it was made, {count} of its blobs", path.display())]
    BlobsMissing {
        /// The backup.
        path: PathBuf,
        /// How many.
        count: u64,
    },
    /// The joined bytes are no sound FileStorage.
    #[error("{}: {reason}", path.display())]
    Structure {
        /// The last file of the chain that was joined.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An index does not agree with the data.
    #[error("{}: {reason}", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

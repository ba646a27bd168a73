use crate::{Fault, Stamp, WhyReplaced};
use filestorage::{Problem, Tid, UnfinishedTail};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// Something that the user has to know, and that is no failure of this run.
#[derive(Debug)]
pub enum Notice {
    /// Drafts of a run that died were removed.
    RemovedDraft(OsString),
    /// A removal that was interrupted was finished.
    FinishedRemoval(Stamp),
    /// Something that a run before left half done cannot be settled.
    Unsettled(String),
    /// A removal that was interrupted was undone: the backup that it was for is not there.
    RemovalUndone(Stamp),
    /// The source ends at an earlier transaction than the backups: it was cut, or restored.
    SourceOlder {
        /// The database.
        path: PathBuf,
        /// Its last transaction.
        source_tid: Option<Tid>,
        /// The last transaction that is backed up.
        backup_tid: Tid,
    },
    /// A data file without a line was found right and is listed now.
    Adopted(PathBuf),
    /// A data file that belongs to no chain got another name, so that nobody joins it to one.
    SetAside {
        /// Where it was.
        path: PathBuf,
        /// Where it is.
        to: PathBuf,
    },
    /// The newest chain is not built upon.
    NotBuiltUpon {
        /// Its list.
        dat: PathBuf,
        /// Why.
        fault: Fault,
    },
    /// The list of a chain was not what its files are; it is now.
    RewroteDat(PathBuf),
    /// A line that was cut short is not counted.
    TornLine(PathBuf),
    /// A data file of the newest chain is not what its line says.
    DamagedBackup(String),
    /// The database has an unfinished transaction, which the backup leaves out, and cannot be opened.
    TornTail {
        /// The database.
        path: PathBuf,
        /// Where it ends.
        end_pos: u64,
        /// What stands behind the end.
        tail: UnfinishedTail,
    },
    /// Something is wrong in the database, though it can be read.
    SourceProblem {
        /// The database.
        path: PathBuf,
        /// The first problem.
        problem: Problem,
        /// How many there are.
        count: u64,
    },
    /// The structure of the database is broken in its middle; its index still leads to the end.
    SourceDamage {
        /// The database.
        path: PathBuf,
        /// Where.
        damage: filestorage::Damage,
    },
    /// A chain that a restore is reading was not deleted.
    KeptInUse(PathBuf),
    /// A chain was not deleted, since somebody holds a backup of it, or what its tags are cannot be read.
    KeptHeld(PathBuf),
    /// A short date left out backups of the very minute, hour or day that it names.
    LeftOutByDate {
        /// The date.
        date: String,
        /// How many.
        count: usize,
        /// The last of them.
        last: Stamp,
    },
    /// A chain of backups cannot be looked into, and another one is used.
    PassedOver {
        /// Its full.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A chain is looked into, and not all of it can be used.
    NotAll {
        /// Its full.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A state that a pack took something from, before it was backed up, is looked into.
    PackedAway {
        /// Its last transaction.
        tid: Tid,
        /// The full of the chain.
        full: PathBuf,
    },
    /// Without a list nothing but the presence of the files could be checked.
    Unchecked(PathBuf),
    /// A data file without a line continues the chain and is used.
    UsedUnlisted(PathBuf),
    /// A data file without a line does not continue the chain and is left out.
    LeftOutUnlisted(PathBuf),
    /// A data file holds bytes that another holds, too, and what is recovered builds on that one.
    LeftOutOverlap(PathBuf),
    /// The full of another chain stands between the files of what is recovered: the clock was set back.
    Overtaken {
        /// The full of what is recovered.
        full: PathBuf,
        /// The other one.
        later: PathBuf,
    },
    /// What was recovered is not a sound FileStorage.
    NotAFileStorage {
        /// Where it went, `None` for standard output.
        path: Option<PathBuf>,
        /// What is wrong with it.
        reason: String,
    },
    /// An index in the repository does not belong to the data and was not restored.
    IndexNotRestored {
        /// The index.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A target that was to be brought to a state in its place is written as a whole.
    WrittenAsAWhole {
        /// The target.
        path: PathBuf,
        /// Why.
        why: WhyReplaced,
    },
    /// A blob that a transaction names is not there.
    BlobMissing(PathBuf),
    /// A blob that a transaction names cannot be read.
    BlobUnreadable {
        /// The blob.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The same, of so many others.
    MoreBlobsMissing {
        /// The blob directory.
        dir: PathBuf,
        /// How many.
        count: usize,
    },
    /// A blob of a state that is restored was not there when it was to be backed up.
    BlobNotBackedUp(PathBuf),
    /// Blobs that no backup may name were not removed.
    BlobsKept(String),
    /// Blobs that a backup names are in no backup.
    BlobsMissing {
        /// The list.
        path: PathBuf,
        /// How many.
        count: u64,
    },
    /// A list of blobs is damaged and is made anew.
    BlobListAnew(String),
    /// A blob was copied, and the repository has another one under its oid and tid, at this path.
    BlobDiffers(PathBuf),
    /// The repository has a blob, the blob directory another one of the same oid and tid, and no list says which is right.
    BlobStays(PathBuf),
    /// A list of blobs that is damaged or missing cannot be made anew.
    BlobListNotMade {
        /// The list.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A blob that is in no list, and not in the blob directory either, was found at this path of the repository.
    BlobOfNoList(PathBuf),
    /// Transactions of a backup are damaged.
    BlobsNotKnown {
        /// The backup.
        path: PathBuf,
        /// How many bytes of them.
        len: u64,
    },
    /// Files of a blob directory that belong to no blob of a state were put aside.
    BlobsPutAside {
        /// Where they are now.
        dir: PathBuf,
        /// How many.
        count: u64,
    },
    /// Mode or owner of the replaced file could not be kept.
    AccessNotKept(PathBuf),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::RemovedDraft(name) => write!(f, "removed {}, left by a run that died", name.display()),
            Notice::FinishedRemoval(stamp) => {
                write!(f, "finished the interrupted removal of the old backup {stamp}")
            }
            Notice::Unsettled(text) => {
                write!(f, "what a run before left half done cannot be settled: {text}")
            }
            Notice::RemovalUndone(stamp) => {
                write!(
                    f,
                    "the removal of the old backup {stamp} was undone: the one that it was for is not there"
                )
            }
            Notice::SourceOlder { path, source_tid, backup_tid } => {
                let end = source_tid.map_or_else(
                    || "without a transaction".to_owned(),
                    |tid| format!("at {}", tid.calendar()),
                );
                write!(
                    f,
                    "{} ends {end}, but {} is backed up: was it cut, or restored?",
                    path.display(),
                    backup_tid.calendar()
                )
            }
            Notice::Adopted(path) => {
                write!(
                    f,
                    "{} was left unlisted by a run that died; it is right and is listed now",
                    path.display()
                )
            }
            Notice::SetAside { path, to } => write!(
                f,
                "{} belongs to no chain of backups (left by a run that died, or its .dat is damaged); \
                 it was renamed to {}",
                path.display(),
                to.display()
            ),
            Notice::NotBuiltUpon { dat, fault } => {
                write!(f, "{}: {fault}; it is not built upon", dat.display())
            }
            Notice::RewroteDat(path) => {
                write!(
                    f,
                    "{} did not list the files of its chain as they are; it was written anew",
                    path.display()
                )
            }
            Notice::TornLine(path) => {
                write!(f, "{}: the last line is cut short and not counted", path.display())
            }
            Notice::DamagedBackup(text) => write!(f, "{text}; it is not built upon"),
            Notice::TornTail { path, end_pos, tail } => write!(
                f,
                "{}: the last {} bytes, from @{end_pos} on, were never written (a power cut?); everything before \
                 them is backed up, and ZODB will not open the file before they are cut off",
                path.display(),
                tail.len
            ),
            Notice::SourceProblem { path, problem, count } => match count {
                1 => write!(f, "{}: {problem}; it is backed up as it is", path.display()),
                _ => write!(
                    f,
                    "{}: {problem}, the first of {count} problems; it is backed up as it is",
                    path.display()
                ),
            },
            Notice::SourceDamage { path, damage } => write!(
                f,
                "{}: {damage}; the database is damaged there; it is backed up as it is, its index leads to the end, and no older backup is deleted for it",
                path.display()
            ),
            Notice::KeptInUse(path) => write!(f, "{} was not deleted: it is being read", path.display()),
            Notice::KeptHeld(path) => {
                write!(
                    f,
                    "{} and what belongs to it was not deleted: it is held (repozo unhold)",
                    path.display()
                )
            }
            Notice::LeftOutByDate { date, count, last } => write!(
                f,
                "--date {date} means before the first second of {date}: {count} later backup{} up to {last} left out",
                if *count == 1 { "" } else { "s" }
            ),
            Notice::PassedOver { path, reason } => {
                write!(
                    f,
                    "the backups of {} cannot be looked into and are passed over: {reason}",
                    path.display()
                )
            }
            Notice::NotAll { path, reason } => {
                write!(f, "not all backups of {} can be used: {reason}", path.display())
            }
            Notice::PackedAway { tid, full } => write!(
                f,
                "the database was packed to a time behind {} before {} was made: objects of then may be missing",
                tid.calendar(),
                full.display()
            ),
            Notice::Unchecked(dat) => write!(
                f,
                "{} is missing or empty: sizes and checksums could not be checked, nor whether a file is missing",
                dat.display()
            ),
            Notice::UsedUnlisted(path) => {
                write!(f, "{} is not listed, but continues the backups before it: it is used", path.display())
            }
            Notice::LeftOutOverlap(path) => {
                write!(
                    f,
                    "{} holds bytes that another backup holds, too (two programs at once?): left out",
                    path.display()
                )
            }
            Notice::Overtaken { full, later } => write!(
                f,
                "the state of the latest name is recovered, that of {}; but {} stands between its files: the clock was \
                 set back, and what was made last may be there (--date gives it)",
                full.display(),
                later.display()
            ),
            Notice::LeftOutUnlisted(path) => {
                write!(
                    f,
                    "{} is not listed and does not continue the backups before it: left out",
                    path.display()
                )
            }
            Notice::NotAFileStorage { path, reason } => write!(
                f,
                "what was recovered{} is not a sound FileStorage: {reason}",
                path.as_ref().map_or_else(String::new, |path| format!(" to {}", path.display()))
            ),
            Notice::IndexNotRestored { path, reason } => {
                write!(f, "{} was not restored ({reason}); ZODB will make a new index", path.display())
            }
            Notice::WrittenAsAWhole { path, why } => {
                write!(f, "{} is written as a whole: {why}", path.display())
            }
            Notice::BlobMissing(path) => {
                write!(
                    f,
                    "{} is not there, though a transaction names it (removed by a pack?)",
                    path.display()
                )
            }
            Notice::BlobUnreadable { path, reason } => {
                write!(f, "{} cannot be read ({reason}); all other blobs are backed up", path.display())
            }
            Notice::MoreBlobsMissing { dir, count } => {
                write!(f, "{}: {count} more blobs are missing, unreadable or different", dir.display())
            }
            Notice::BlobNotBackedUp(path) => {
                write!(
                    f,
                    "{} is in no backup: it was missing when its transaction was backed up",
                    path.display()
                )
            }
            Notice::BlobsKept(text) => {
                write!(f, "no blob was removed, since it is not known which are needed: {text}")
            }
            Notice::BlobsMissing { path, count } => {
                write!(f, "{}: {count} blobs were not there when they were to be backed up", path.display())
            }
            Notice::BlobDiffers(path) => {
                let path = path.display();
                write!(
                    f,
                    "{path} is another blob than the one that was just copied, of the same object and transaction: both are kept; which is right?"
                )
            }
            Notice::BlobStays(path) => {
                let path = path.display();
                write!(
                    f,
                    "{path} is another blob than the blob directory has: it stays as it is; which is right?"
                )
            }
            Notice::BlobListNotMade { path, reason } => {
                write!(f, "{} cannot be made anew: {reason}", path.display())
            }
            Notice::BlobOfNoList(path) => {
                let path = path.display();
                write!(
                    f,
                    "{path} is in no list, and its file is not in the blob directory any more: it is taken as it is"
                )
            }
            Notice::BlobsNotKnown { path, len } => {
                let path = path.display();
                write!(
                    f,
                    "{path}: {len} bytes of damaged transactions: which blobs they name is not known, and those are in no backup"
                )
            }
            Notice::BlobsPutAside { dir, count } => {
                write!(f, "{count} files that belong to no blob of this state are in {} now", dir.display())
            }
            Notice::BlobListAnew(text) => write!(f, "{text}; it is made anew"),
            Notice::AccessNotKept(path) => {
                write!(f, "{}: mode or owner could not be set as they were", path.display())
            }
        }
    }
}

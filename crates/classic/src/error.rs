use crate::{BackupName, Fault, Stamp};
use filestorage::Tid;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Why an operation could not be done. The text says what, where, and what now, in one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system failed.
    #[error(transparent)]
    File(#[from] vfs::Error),
    /// The repository cannot be opened.
    #[error(transparent)]
    NoRepository(vfs::Error),
    /// The repository is not a directory.
    #[error("{} is not a directory", dir.display())]
    NotADirectory {
        /// The repository.
        dir: PathBuf,
    },
    /// Another run works on the repository.
    #[error("{} is locked: another repozo is writing to it; wait for it to end, or use --wait SECONDS", dir.display())]
    RepositoryLocked {
        /// The repository.
        dir: PathBuf,
    },
    /// What has the name of a page is none.
    #[error("{}: it is not such a page, and is not written over: give another name", path.display())]
    NotAReport {
        /// The file.
        path: PathBuf,
    },
    /// A blob directory of a kind that is none of a server.
    #[error(
        "{} says \"{}\", not bushy or lawn: give the blob directory of the server, not the cache of a client",
        path.display(),
        marker.escape_debug()
    )]
    BlobLayout {
        /// The marker.
        path: PathBuf,
        /// What it says.
        marker: String,
    },
    /// A list of blobs is not what was written.
    #[error("{}: {reason}", path.display())]
    BlobList {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A blob in the repository is not what its list says.
    #[error("{}: {reason}", path.display())]
    Blob {
        /// The blob.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A backup has no list of its blobs.
    #[error("{} was made without --blobs: which blobs it names is not known, and they are not in the repository", path.display())]
    NoBlobs {
        /// The backup.
        path: PathBuf,
    },
    /// Blobs are to be restored where something is.
    #[error("{} is there and not empty: give another --blobs, or --update to complete it", dir.display())]
    BlobDirNotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// A blob is in no backup.
    #[error("the file of the blob {name} was not there when it was to be backed up")]
    BlobMissing {
        /// Its oid and tid.
        name: String,
    },
    /// A backup has no list of its blobs, and others of its chain have one.
    #[error("{} is missing: other backups of its chain have such a list; the next backup with --blobs makes one for the newest chain", path.display())]
    BlobListMissing {
        /// The list.
        path: PathBuf,
    },
    /// Blobs are to be put aside, and nothing shows whose they are.
    #[error("{}: nothing is put aside where there is no database at --output, since a server may need it; restore without --prune-extra first", dir.display())]
    ExtraOfWhat {
        /// The blob directory.
        dir: PathBuf,
    },
    /// The source cannot be read as a FileStorage.
    #[error("{}: {error}; nothing was backed up{}", path.display(), advice(error))]
    Source {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        error: filestorage::Error,
    },
    /// The source changed in a part that cannot change.
    #[error("{} changed while it was read ({what}); nothing was written, run it again", path.display())]
    SourceChanged {
        /// The database.
        path: PathBuf,
        /// What was seen.
        what: &'static str,
    },
    /// The clock shows an earlier time than the newest backup.
    #[error(
        "the clock shows {}, but the repository holds {newest}: a new backup would not be the newest; \
         set the clock right, or move the files of the future out of the repository",
        now.map_or_else(|| "no possible date".to_owned(), |stamp| stamp.to_string())
    )]
    ClockBehind {
        /// The stamp of now.
        now: Option<Stamp>,
        /// The newest stamp in the repository.
        newest: Stamp,
    },
    /// The clock cannot be written as a stamp.
    #[error("the clock shows a time that no backup can be named after: {now:?}")]
    ClockImpossible {
        /// What it shows.
        now: SystemTime,
    },
    /// A file that was just written reads differently.
    #[error("{} was written and reads differently: the disk or the memory is faulty; it was taken back, nothing was deleted", path.display())]
    ReadsDifferently {
        /// The file.
        path: PathBuf,
    },
    /// `-k` was asked to delete a chain that must not go for the new full.
    #[error(
        "the backup was made, but {} was not deleted: {reason}; use --force to delete it all the same",
        path.display()
    )]
    NotDeleted {
        /// The full backup that stays.
        path: PathBuf,
        /// Why it stays.
        reason: &'static str,
    },
    /// Somebody else wrote into the repository while the backup was made.
    #[error("{} changed while the backup was made: another program (Python's repozo?) writes to it; nothing was written, run it again", dir.display())]
    RepositoryChanged {
        /// The repository.
        dir: PathBuf,
    },
    /// The list of the newest chain could be read before, and cannot be when its blobs are to be backed up.
    #[error("{}: {reason}; the blobs of its backups were not backed up, run it again", dat.display())]
    BlobsNotBackedUp {
        /// The list.
        dat: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The list of the newest chain could be read before, and cannot be now.
    #[error("{}: cannot be read any more ({reason}); nothing was written, run it again", dat.display())]
    ListUnreadable {
        /// The list.
        dat: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Python's repozo, which takes no lock, seems to be at work.
    #[error("{} is being written: a Python repozo seems to be running; wait for it to end, or use --wait SECONDS", path.display())]
    PythonRunning {
        /// Its temporary file.
        path: PathBuf,
    },
    /// The target is a file of the repository itself.
    #[error("{} is a file of the repository; choose another --output", path.display())]
    TargetInRepository {
        /// The target.
        path: PathBuf,
    },
    /// There is nothing to recover or verify.
    #[error("No files in repository{}{}", before.as_ref().map_or_else(String::new, |date| format!(" before {date}")), covers(*covered))]
    NoFiles {
        /// The limit, if one was given.
        before: Option<String>,
        /// The stamps that there are, first and last.
        covered: Option<(Stamp, Stamp)>,
    },
    /// The value of `--date` is no date.
    #[error(
        "--date {date} is not a date: use YYYY-MM-DD-hh-mm-ss, or a shorter form down to YYYY-MM-DD, in UTC{}",
        covers(*covered)
    )]
    BadDate {
        /// What was given.
        date: String,
        /// The stamps that there are, first and last.
        covered: Option<(Stamp, Stamp)>,
    },
    /// No backup has the state of a moment.
    #[error("the state of {} is not in the repository{}{}", wanted.calendar(), reach(*first, *last, *made), gap(*before, *after))]
    NotCovered {
        /// The moment.
        wanted: Tid,
        /// The first transaction that there is.
        first: Option<Tid>,
        /// The last one.
        last: Option<Tid>,
        /// When the newest backup was made.
        made: Option<Stamp>,
        /// The last transaction before the moment.
        before: Option<Tid>,
        /// The first one behind it.
        after: Option<Tid>,
    },
    /// Chains that contradict each other.
    #[error(
        "the state of {} is not known: {} ends with {}, but the backups that reach that moment do not have it and go back to \
         {}: the database was put back, or packed, in between; --tid with one of these transactions gives either",
        wanted.calendar(),
        full.display(),
        last_tid,
        found.map_or_else(|| "before the first one".to_owned(), |tid| tid.to_string())
    )]
    PutBack {
        /// The moment.
        wanted: Tid,
        /// The last transaction before it, of a chain that ends there.
        last_tid: Tid,
        /// The full of that.
        full: PathBuf,
        /// The last transaction before it, of the chain that reaches the moment.
        found: Option<Tid>,
    },
    /// No backup has a transaction.
    #[error("transaction {tid} is in no backup{}{}", neighbour("; before it is", *before), neighbour("; behind it is", *after))]
    NoTransaction {
        /// The transaction.
        tid: Tid,
        /// The last one before it.
        before: Option<Tid>,
        /// The first one behind it.
        after: Option<Tid>,
    },
    /// A state that a pack took something from before it was backed up.
    #[error(
        "no backup has the whole state of {}: the database was packed to a later time before {} was made, and objects of \
         then may be missing; nothing was restored, use --even-packed to restore what is left",
        tid.calendar(),
        full.display()
    )]
    PackedAway {
        /// The last transaction of the state.
        tid: Tid,
        /// The chain that has most of it.
        full: PathBuf,
    },
    /// What was joined is no sound database.
    #[error("what {} and the files behind it hold is not sound ({reason}); nothing was restored", full.display())]
    Unsound {
        /// The full backup.
        full: PathBuf,
        /// Why.
        reason: String,
    },
    /// A policy that keeps nothing.
    #[error("nothing would be kept: give --keep-last, --keep-daily or another rule of more than 0")]
    NothingToKeep,
    /// There is no backup with this stamp.
    #[error("there is no backup {stamp}; repozo list shows those that there are")]
    NoSuchBackup {
        /// The stamp.
        stamp: Stamp,
    },
    /// A tag that cannot be one.
    #[error("\"{}\" cannot be a tag: it is up to 64 letters, digits, dots, hyphens and underscores, and not hold", tag.escape_debug())]
    BadTag {
        /// What was given.
        tag: String,
    },
    /// The tags of a backup cannot be read.
    #[error("{}: {reason}: the tags cannot be read, so the backup counts as held; remove the file if it is of no use", path.display())]
    Tags {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The backups cannot be read as a database.
    #[error("{}: {error}", path.display())]
    Backups {
        /// The full backup.
        path: PathBuf,
        /// What is wrong.
        error: filestorage::Error,
    },
    /// Incrementals are there, but not the full that they build on.
    #[error("{}: the full backup that it builds on is not in the repository; nothing was recovered", path.display())]
    NoFull {
        /// The first of them.
        path: PathBuf,
    },
    /// The backups up to the wanted moment do not fit together.
    #[error("{}: {fault}; nothing was recovered, use --date for a state before it", dat.display())]
    Chain {
        /// The list of the chain.
        dat: PathBuf,
        /// What is wrong.
        fault: Fault,
    },
    /// A data file has another length than its line says.
    #[error("{} is {found_len} bytes{}, should be {expected_len} bytes", path.display(), when_uncompressed(*gzip))]
    Size {
        /// The file.
        path: PathBuf,
        /// Its length, uncompressed.
        found_len: u64,
        /// What the line says.
        expected_len: u64,
        /// Whether it is compressed.
        gzip: bool,
    },
    /// A data file has another sum than its line says.
    #[error("{} has checksum {found}{} instead of {expected}", path.display(), when_uncompressed(*gzip))]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Its sum, of the uncompressed bytes.
        found: crate::Sum,
        /// What the line says.
        expected: crate::Sum,
        /// Whether it is compressed.
        gzip: bool,
    },
    /// A compressed file cannot be decompressed.
    #[error("{} is not sound gzip: {reason}", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decompressor said.
        reason: String,
    },
    /// `--with-verify` has nothing to verify a file with.
    #[error("{}: no line of {} says what it should be; recover without --with-verify, or to another --date", path.display(), dat.display())]
    NotListed {
        /// The file.
        path: PathBuf,
        /// The list that should have it.
        dat: PathBuf,
    },
    /// What no list vouches for is no sound database.
    #[error("{} was not recovered: {} is missing or empty, and what the files hold is not sound ({reason})", path.display(), dat.display())]
    UnlistedUnsound {
        /// The full backup.
        path: PathBuf,
        /// The list that should have it.
        dat: PathBuf,
        /// Why.
        reason: String,
    },
    /// A new database is to be made where something is.
    #[error("{} is there already: give another name", path.display())]
    TargetExists {
        /// The name.
        path: PathBuf,
    },
    /// A server holds the database that would be replaced.
    #[error("{} is in use: a server holds {}; stop it first", path.display(), lock.display())]
    TargetInUse {
        /// The database.
        path: PathBuf,
        /// Its lock file.
        lock: PathBuf,
    },
    /// Somebody wrote to the target while it was changed in its place.
    #[error("{} was written to by somebody else meanwhile (a server that opened it by another name?); it was left as it is: check it", path.display())]
    TargetChanged {
        /// The database.
        path: PathBuf,
    },
    /// What would be lost is in no backup.
    #[error(
        "{} has {}, which no backup has: was it put into service? nothing was changed; repozo restore puts a state of \
         the backups there all the same",
        path.display(),
        last.map_or_else(|| "content".to_owned(), |tid| format!("transaction {tid} of {}", tid.calendar()))
    )]
    TargetAhead {
        /// The database.
        path: PathBuf,
        /// Its last transaction, if that is known.
        last: Option<Tid>,
    },
    /// Another recovery writes into the same directory.
    #[error("{} is locked: another repozo is working in it; wait for it to end", dir.display())]
    TargetLocked {
        /// The directory of the target.
        dir: PathBuf,
    },
    /// The target is there and is no regular file.
    #[error("{} is not a regular file; choose another --output", path.display())]
    TargetNotAFile {
        /// The target.
        path: PathBuf,
    },
    /// There is not enough room beside the old database.
    #[error("{}: {needed_len} bytes are needed and {free_len} are free; the database was not changed", dir.display())]
    NoSpace {
        /// The directory of the target.
        dir: PathBuf,
        /// What recovering takes, the old database staying until the end.
        needed_len: u64,
        /// What is free.
        free_len: u64,
    },
    /// Writing to standard output failed.
    #[error("standard output: {0}")]
    Output(#[source] std::io::Error),
    /// An index could not be made.
    #[error("{}: {error}", path.display())]
    Index {
        /// The index file.
        path: PathBuf,
        /// Why.
        error: filestorage::IndexError,
    },
    /// Verification found problems; each was told as it was met.
    #[error("{count} problem{} found in {}", if *count == 1 { "" } else { "s" }, dir.display())]
    Problems {
        /// The repository.
        dir: PathBuf,
        /// How many.
        count: u64,
    },
    /// A signal asked the run to stop.
    #[error("interrupted by signal {signal}; run it again")]
    Interrupted {
        /// Its number.
        signal: usize,
    },
}

impl Error {
    /// What a read that failed says: of several files, it names the one, and else it was `path`.
    pub fn of_read(error: io::Error, path: &Path) -> Error {
        let told = error.downcast::<Error>().or_else(|error| error.downcast::<vfs::Error>().map(Error::from));
        told.unwrap_or_else(|error| vfs::Error::new(vfs::Op::Read, path, error).into())
    }

    /// An error of the format, met in what is at `path`.
    pub(crate) fn of_source(error: filestorage::Error, path: &Path) -> Error {
        match error {
            filestorage::Error::Io(error) => Error::of_read(error, path),
            error => Error::Source { path: path.to_owned(), error },
        }
    }

    pub(crate) fn size(path: PathBuf, name: BackupName, found_len: u64, expected_len: u64) -> Error {
        Error::Size { path, found_len, expected_len, gzip: name.gzip }
    }
}

/// From which transaction to which, and up to when it is known that there was no other.
fn reach(first: Option<Tid>, last: Option<Tid>, made: Option<Stamp>) -> String {
    let (Some(first), Some(last)) = (first, last) else { return "; it has no transaction".to_owned() };
    let made = made.map_or_else(String::new, |made| format!("; the newest backup was made at {made}"));
    format!("; it has {} to {}{made}", first.calendar(), last.calendar())
}

/// Where the moment is between two transactions and no chain reaches from one to the other.
fn gap(before: Option<Tid>, after: Option<Tid>) -> String {
    let Some((before, after)) = before.zip(after) else { return String::new() };
    format!("; nothing reaches from {} to {}", before.calendar(), after.calendar())
}

fn neighbour(words: &str, tid: Option<Tid>) -> String {
    tid.map_or_else(String::new, |tid| format!("{words} {tid} ({})", tid.calendar()))
}

fn covers(covered: Option<(Stamp, Stamp)>) -> String {
    match covered {
        Some((first, last)) => format!("; the repository covers {first} to {last}"),
        None => String::new(),
    }
}

fn when_uncompressed(gzip: bool) -> &'static str {
    if gzip { " (when uncompressed)" } else { "" }
}

fn advice(error: &filestorage::Error) -> &'static str {
    match error {
        filestorage::Error::Damage(_) => {
            "; the database is damaged there: keep a copy of the file, then repair it (ZODB's fsrecover) or restore it"
        }
        filestorage::Error::Empty => {
            "; if it was not empty before, do not start the server on it: restore it"
        }
        _ => "",
    }
}

//! Deleting old backups, after a full that was made and read once more (`-k`).
//!
//! A chain is removed in steps, and is gone with the first:
//!
//! | after | a crash leaves | healed by |
//! |---|---|---|
//! | `.dat` renamed to `.dat.removed`, or an empty one made (**the commit point**) | a chain that nobody sees any more | the next run goes on |
//! | each incremental, newest first, and its index | what remains still restores, to Python too | the same |
//! | the full and its index | the marker alone | the same |
//! | the marker | nothing | |

use crate::name::Companion;
use crate::part::PartStream;
use crate::reader::ChainReader;
use crate::repository::Survey;
use crate::{BackupName, Chain, Context, Error, Event, Notice, Part, Repository};
use filestorage::{Boundary, Magic, Tid, TransactionHeader, Visitor, committed_end, transaction_before};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use vfs::publish::{self, Draft};
use vfs::{Lock, LockKind, Op, ReadAt};

/// A full backup that older ones may have to go for, and the ends of the database in it.
pub(crate) struct NewFull {
    pub(crate) part: Part,
    pub(crate) first: Option<TransactionHeader>,
    pub(crate) last: Option<TransactionHeader>,
}

/// Deletes what is older than the full backup `new`, which was read once more before it got its name.
///
/// # Errors
/// [`Error::NotDeleted`] for the first chain that must not go for `new`, after all others were deleted; what
/// the system says.
pub(crate) fn remove_older(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    survey: &Survey,
    new: &NewFull,
    force: bool,
) -> Result<(), Error> {
    let kept = new.part.name.stamp;
    let mut refused = None;
    for chain in survey.chains.iter().filter(|chain| chain.stamp() < kept) {
        if chain.files.is_empty() {
            // A list of files that are all gone: nothing to lose.
            publish::remove(ctx.fs, &repository.dat_path(chain.stamp()))?;
            continue;
        }
        match reason_to_keep(ctx, repository, chain, new).filter(|_| !force) {
            Some(reason) => drop(refused.get_or_insert((repository.path_of(chain.full), reason))),
            None => {
                remove_chain(ctx, repository, chain)?;
            }
        }
    }
    for name in survey.strays.iter().filter(|name| name.stamp < kept) {
        remove_data_file(ctx, repository, *name)?;
    }
    for stamp in survey.lone_dats.iter().filter(|stamp| **stamp < kept) {
        publish::remove(ctx.fs, &repository.dat_path(*stamp))?;
    }
    for stamp in survey.lone_indexes.iter().filter(|stamp| **stamp < kept) {
        publish::remove(ctx.fs, &repository.index_path(*stamp))?;
    }
    let synced = publish::sync_dir(ctx.fs, repository.dir())?;
    ctx.note_sync(synced, repository.dir());
    refused.map_or(Ok(()), |(path, reason)| Err(Error::NotDeleted { path, reason }))
}

/// Removes a chain, unless somebody reads it, or holds a backup of it: that is told. Whether it was removed.
///
/// # Errors
/// What the system says.
pub(crate) fn remove_chain(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    chain: &Chain,
) -> Result<bool, Error> {
    for name in &chain.files {
        if repository.is_held(name.stamp)? {
            ctx.notice(Notice::KeptHeld(repository.path_of(name)));
            return Ok(false);
        }
    }
    let Some(lock) = lock_to_remove(ctx, repository.path_of(chain.full))? else { return Ok(false) };
    let (dat, marker) =
        (repository.dat_path(chain.stamp()), repository.path_of(Companion::Removed(chain.stamp())));
    match publish::rename_new(ctx.fs, &dat, &marker) {
        Ok(synced) => ctx.note_sync(synced, repository.dir()),
        // Without a list the marker is an empty one: a cut must not leave the full alone, which would be taken for
        // what was asked for of its increments.
        Err(error) if error.is_not_found() => {
            ctx.note_sync(Draft::create(ctx.fs, &marker)?.publish_new()?, repository.dir());
        }
        Err(error) => return Err(error.into()),
    }
    remove_files(ctx, repository, &chain.files)?;
    drop(lock);
    publish::remove(ctx.fs, &marker)?;
    Ok(true)
}

/// The lock of a chain of which something is to go, by its full, where the file system has any and the full is there; `None`
/// if somebody reads it, which is told: who restores from it holds a shared lock.
///
/// # Errors
/// What the system says.
pub(crate) fn lock_to_remove(
    ctx: &Context<'_>,
    full_path: PathBuf,
) -> Result<Option<Option<Box<dyn Lock>>>, Error> {
    match ctx.fs.try_lock(&full_path, LockKind::Exclusive) {
        Ok(Some(lock)) => Ok(Some(Some(lock))),
        Ok(None) => {
            ctx.notice(Notice::KeptInUse(full_path));
            Ok(None)
        }
        // Without a full there is nothing to restore, and nobody who does.
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NotFound) => Ok(Some(None)),
        Err(error) => Err(vfs::Error::new(Op::Lock, &full_path, error).into()),
    }
}

/// Goes on with a removal whose marker was found; `chain` is what is left, with the marker as its list.
///
/// # Errors
/// What the system says.
pub(crate) fn finish_removal(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    chain: &Chain,
) -> Result<(), Error> {
    remove_files(ctx, repository, &chain.files)?;
    // Of a data file that went, the index may still be there.
    for name in chain.lines().iter().filter_map(crate::DatLine::name) {
        publish::remove(ctx.fs, &repository.index_path(name.stamp))?;
    }
    publish::remove(ctx.fs, &repository.path_of(Companion::Removed(chain.stamp())))?;
    let synced = publish::sync_dir(ctx.fs, repository.dir())?;
    ctx.note_sync(synced, repository.dir());
    Ok(())
}

/// Removes data files, newest first, the full last; the directory is synced before the marker may go.
fn remove_files(ctx: &Context<'_>, repository: &Repository<'_>, files: &[BackupName]) -> Result<(), Error> {
    for name in files.iter().rev() {
        ctx.interrupt.check()?;
        remove_data_file(ctx, repository, *name)?;
    }
    let synced = publish::sync_dir(ctx.fs, repository.dir())?;
    ctx.note_sync(synced, repository.dir());
    Ok(())
}

/// Removes a data file, its index and its tags.
///
/// # Errors
/// What the system says.
pub(crate) fn remove_data_file(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    name: BackupName,
) -> Result<(), Error> {
    ctx.tell(&Event::RemovingOld(name));
    publish::remove(ctx.fs, &repository.path_of(name))?;
    publish::remove(ctx.fs, &repository.index_path(name.stamp))?;
    publish::remove(ctx.fs, &repository.tags_path(name.stamp))?;
    publish::remove(ctx.fs, &repository.blobs_path(name.stamp))?;
    Ok(())
}

/// Why a chain must not go for a new full, if there is a reason: no transaction shows that they are of one
/// database, or the chain has later ones.
///
/// A pack may drop the first transactions, so the first ones need not be equal; that the one is found in the
/// other is enough. The last one is the same or later, unless the database was cut or restored.
pub(crate) fn reason_to_keep(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    chain: &Chain,
    new: &NewFull,
) -> Option<&'static str> {
    let parts = readable_parts(ctx, repository, chain);
    let old = ChainReader::new(ctx.fs, repository, &parts);
    let first_tids = first_tids(ctx, repository, chain);
    if latest_tid(ctx, repository, chain).is_some_and(|tid| new.last.is_none_or(|last| last.tid < tid)) {
        return Some("it holds later transactions than the new backup");
    }
    let fresh = ChainReader::new(ctx.fs, repository, &[new.part]);
    let same = match new.first {
        // An empty database is where every one begins.
        _ if first_tids.is_empty() && matches!(first_transaction(&old), Ok(None)) => true,
        None => false,
        Some(new_first) => {
            first_tids.contains(&new_first.tid)
                || holds_any(&fresh, &first_tids)
                || holds_any(&old, &BTreeSet::from([new_first.tid]))
        }
    };
    (!same).then_some("no transaction shows that it is a backup of the same database")
}

/// The parts of a chain as its list has them; where that is of no use, the full alone.
fn readable_parts(ctx: &Context<'_>, repository: &Repository<'_>, chain: &Chain) -> Vec<Part> {
    let parts = chain.tile().parts;
    if !parts.is_empty() {
        return parts;
    }
    let summed = PartStream::open(ctx.fs, repository, chain.full).and_then(|stream| stream.sum(ctx));
    let full = summed.map(|(len, sum)| Part { name: chain.full, start_pos: 0, end_pos: len, sum });
    full.into_iter().collect()
}

/// The latest tid that is seen in a chain without reading it whole: at the end of its parts, and at the ends of
/// every file, listed or not.
pub(crate) fn latest_tid(ctx: &Context<'_>, repository: &Repository<'_>, chain: &Chain) -> Option<Tid> {
    let parts = chain.tile().parts;
    let joined = ChainReader::new(ctx.fs, repository, &parts);
    let end_pos = parts.last().map_or(0, |part| part.end_pos);
    let of_parts = transaction_before(&joined, end_pos).ok().flatten().map(|last| last.tid);
    let unlisted = chain.files.iter().filter(|name| parts.iter().all(|part| part.name != **name));
    let of_files = unlisted.filter_map(|name| last_tid(ctx, repository, *name));
    of_parts.into_iter().chain(of_files).chain(first_tids(ctx, repository, chain)).max()
}

/// The tid of the last transaction of a file that is not compressed. Its position in the database does not
/// matter here; it only must not be before the first one possible.
fn last_tid(ctx: &Context<'_>, repository: &Repository<'_>, name: BackupName) -> Option<Tid> {
    if name.gzip {
        return None;
    }
    let bytes = vfs::Tail::new(ctx.fs.open(&repository.path_of(name)).ok()?, Magic::LEN);
    let end_pos = bytes.len().ok()?;
    transaction_before(&bytes, end_pos).ok().flatten().map(|last| last.tid)
}

/// The tid of the first transaction of every data file of a chain.
fn first_tids(ctx: &Context<'_>, repository: &Repository<'_>, chain: &Chain) -> BTreeSet<Tid> {
    let first_tid = |name: &BackupName| {
        let mut bytes = [0; 12];
        let mut stream = PartStream::open(ctx.fs, repository, *name).ok()?;
        let at = if name.is_full() { 4 } else { 0 };
        let read_len = stream.read_full(&mut bytes[..at + 8]).ok()?;
        let tid: [u8; 8] = bytes[at..read_len.max(at)].try_into().ok()?;
        Some(Tid::from_be_bytes(tid))
    };
    chain.files.iter().filter_map(first_tid).collect()
}

/// The first transaction of a database; `None` if it has none.
///
/// # Errors
/// When it is no FileStorage or cannot be read.
pub(crate) fn first_transaction(data: &dyn ReadAt) -> Result<Option<TransactionHeader>, filestorage::Error> {
    let start = Boundary::start(data)?;
    let mut bytes = [0; TransactionHeader::FIXED_LEN];
    if data.read_full_at(start.pos(), &mut bytes)? < bytes.len() {
        return Ok(None);
    }
    Ok(Some(TransactionHeader::decode(start.pos(), &bytes)))
}

/// Whether a database has a transaction with one of these tids.
fn holds_any(data: &dyn ReadAt, tids: &BTreeSet<Tid>) -> bool {
    struct Looking<'a>(&'a BTreeSet<Tid>, bool);
    impl Visitor for Looking<'_> {
        fn transaction(&mut self, header: &TransactionHeader) {
            self.1 |= self.0.contains(&header.tid);
        }
    }
    // Mostly the first transaction is the one; then nothing has to be walked.
    if first_transaction(data).is_ok_and(|first| first.is_some_and(|first| tids.contains(&first.tid))) {
        return true;
    }
    let mut looking = Looking(tids, false);
    // What was seen before a walk ends at damage was seen all the same.
    let _: Result<_, _> = Boundary::start(data).and_then(|start| committed_end(data, start, &mut looking));
    looking.1
}

//! Deleting old backups, after a full that was made and read once more (`-k`).
//!
//! A chain is removed in steps, and is gone with the first:
//!
//! | after | a crash leaves | healed by |
//! |---|---|---|
//! | `.dat` renamed to `.dat.removed` (**the commit point**) | a chain that nobody sees any more | the next run goes on |
//! | each incremental, newest first, and its index | what remains still restores, to Python too | the same |
//! | the full and its index | the marker alone | the same |
//! | the marker | nothing | |

use crate::name::Companion;
use crate::reader::ChainReader;
use crate::repository::Survey;
use crate::{BackupName, Chain, Context, Error, Event, Notice, Part, Repository, Stamp};
use filestorage::{Boundary, Tid, TransactionHeader, Visitor, committed_end};
use vfs::publish;
use vfs::{LockKind, Op, ReadAt};

/// Deletes what is older than the full backup `new`, which was read once more before it got its name.
///
/// # Errors
/// [`Error::OtherDatabase`] for the first chain that is not known to be of the same database, after all
/// others were deleted; what the system says.
pub(crate) fn remove_older(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    survey: &Survey,
    new: &Part,
    first_of_new: Option<TransactionHeader>,
    force: bool,
) -> Result<(), Error> {
    let kept = new.name.stamp;
    let mut refused = None;
    for chain in survey.chains.iter().filter(|chain| chain.stamp() < kept) {
        if !force && !is_same_database(ctx, repository, chain, new, first_of_new) {
            refused.get_or_insert(repository.path_of(chain.full));
            continue;
        }
        remove_chain(ctx, repository, chain)?;
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
    refused.map_or(Ok(()), |path| Err(Error::OtherDatabase { path }))
}

fn remove_chain(ctx: &Context<'_>, repository: &Repository<'_>, chain: &Chain) -> Result<(), Error> {
    let full_path = repository.path_of(chain.full);
    // Who restores from the chain holds a shared lock on its full.
    let lock = match ctx.fs.try_lock(&full_path, LockKind::Exclusive) {
        Ok(Some(lock)) => Some(lock),
        Ok(None) => {
            ctx.notice(Notice::KeptInUse(full_path));
            return Ok(());
        }
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => None,
        Err(error) => return Err(vfs::Error::new(Op::Lock, &full_path, error).into()),
    };
    let (dat, marker) =
        (repository.dat_path(chain.stamp()), repository.path_of(Companion::Removed(chain.stamp())));
    match publish::rename_new(ctx.fs, &dat, &marker) {
        Ok(synced) => ctx.note_sync(synced, repository.dir()),
        // Without a list there is nothing to commit: newest first, what remains is always a usable chain.
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    remove_files(ctx, repository, &chain.files)?;
    drop(lock);
    publish::remove(ctx.fs, &marker)?;
    Ok(())
}

/// Goes on with a removal whose marker was found.
///
/// # Errors
/// What the system says.
pub(crate) fn finish_removal(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    stamp: Stamp,
) -> Result<(), Error> {
    let marker = repository.path_of(Companion::Removed(stamp));
    // A list that was written since belongs to another chain; its files are not touched.
    if ctx.fs.meta(&repository.dat_path(stamp)).is_err() {
        let names = ctx.fs.list(repository.dir()).map_err(vfs::Error::at(Op::List, repository.dir()))?;
        let mut data: Vec<BackupName> = names.iter().filter_map(|name| BackupName::parse(name)).collect();
        data.sort();
        let next_full = data
            .iter()
            .map(|name| (name.is_full(), name.stamp))
            .find(|(full, other)| *full && *other > stamp);
        let of_chain = |other: Stamp| other >= stamp && next_full.is_none_or(|(_, next)| other < next);
        for name in &names {
            // Of a data file that went, the index may still be there.
            if let Some(Companion::Index(other)) = Companion::parse(name)
                && of_chain(other)
            {
                publish::remove(ctx.fs, &repository.index_path(other))?;
            }
        }
        let files: Vec<BackupName> = data.into_iter().filter(|name| of_chain(name.stamp)).collect();
        remove_files(ctx, repository, &files)?;
    }
    publish::remove(ctx.fs, &marker)?;
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

fn remove_data_file(ctx: &Context<'_>, repository: &Repository<'_>, name: BackupName) -> Result<(), Error> {
    ctx.tell(&Event::RemovingOld(name));
    publish::remove(ctx.fs, &repository.path_of(name))?;
    publish::remove(ctx.fs, &repository.index_path(name.stamp))?;
    Ok(())
}

/// Whether transactions show that a chain and the new full are of one database: the first transaction of one
/// is found in the other. A pack may drop the first ones, so they need not be equal.
fn is_same_database(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    chain: &Chain,
    new: &Part,
    first_of_new: Option<TransactionHeader>,
) -> bool {
    let old_parts = chain.tile().parts;
    let old = ChainReader::new(ctx.fs, repository, &old_parts);
    let new = ChainReader::new(ctx.fs, repository, &[*new]);
    match (first_transaction(&old), first_of_new) {
        (Ok(Some(old_first)), Some(new_first)) => holds(&old, new_first.tid) || holds(&new, old_first.tid),
        // An empty one is where every database begins; two empty ones differ in nothing.
        (Ok(None), _) => true,
        _ => false,
    }
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

/// Whether a database has a transaction with this tid.
fn holds(data: &dyn ReadAt, tid: Tid) -> bool {
    struct Looking(Tid, bool);
    impl Visitor for Looking {
        fn transaction(&mut self, header: &TransactionHeader) {
            self.1 |= header.tid == self.0;
        }
    }
    // Mostly the first transaction is the one; then nothing has to be walked.
    if first_transaction(data).is_ok_and(|first| first.is_some_and(|first| first.tid == tid)) {
        return true;
    }
    let mut looking = Looking(tid, false);
    // What was seen before a walk ends at damage was seen all the same.
    let _: Result<_, _> = Boundary::start(data).and_then(|start| committed_end(data, start, &mut looking));
    looking.1
}

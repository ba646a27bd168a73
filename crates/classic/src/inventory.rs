//! What is in a repository, from its lists and the ends of its files: nothing is read through.

use crate::blobs::count_blobs;
use crate::{BackupName, BlobCounts, Chain, ChainReader, Context, Error, Fault, Part, Repository, Stamp};
use filestorage::{Boundary, Tid, TransactionHeader, transaction_before};
use std::collections::BTreeSet;
use std::path::Path;
use vfs::ReadAt;

/// What is in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// The chains, oldest first.
    pub chains: Vec<ChainEntry>,
    /// Incrementals that stand before every full.
    pub strays: Vec<BackupName>,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEntry {
    /// Its full backup.
    pub full: BackupName,
    /// The backups that fit together, the full first.
    pub backups: Vec<BackupEntry>,
    /// Why no more do, if there is a reason.
    pub fault: Option<Fault>,
    /// Files of the chain that are there and of no use, because of the fault or because no line names them.
    pub unusable: Vec<BackupName>,
}

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupEntry {
    /// Its file, and the bytes of the database that it has.
    pub part: Part,
    /// How long its file is; `None` where it is not there.
    pub stored_len: Option<u64>,
    /// Its first and its last transaction; `None` if it has none.
    pub tids: Option<(Tid, Tid)>,
    /// What is seen to be wrong with it, if anything is.
    pub problem: Option<String>,
    /// Its blobs; `None` if it was made without them, or their list cannot be read.
    pub blobs: Option<BlobCounts>,
}

impl Inventory {
    /// All backups that fit together with those of their chain, chain after chain.
    pub fn backups(&self) -> impl Iterator<Item = &BackupEntry> {
        self.chains.iter().flat_map(|chain| &chain.backups)
    }

    /// The chain of the latest name, of those of which anything can be used.
    pub fn newest(&self) -> Option<&ChainEntry> {
        self.chains.iter().filter(|chain| !chain.backups.is_empty()).max_by_key(|chain| chain.last_stamp())
    }
}

impl ChainEntry {
    /// The last transaction that is known to restore, if all files are what they are said to be.
    pub fn last_tid(&self) -> Option<Tid> {
        self.backups.iter().rev().find_map(|backup| backup.tids).map(|(_, last)| last)
    }

    /// The first transaction.
    pub fn first_tid(&self) -> Option<Tid> {
        self.backups.iter().find_map(|backup| backup.tids).map(|(first, _)| first)
    }

    /// When its last backup that can be used was made.
    pub fn last_stamp(&self) -> Stamp {
        self.backups.last().map_or(self.full.stamp, |backup| backup.part.name.stamp)
    }

    /// Bytes of the database that it has.
    pub fn data_len(&self) -> u64 {
        self.backups.last().map_or(0, |backup| backup.part.end_pos)
    }

    /// The blobs of all its backups; `None` if no backup has any list of them.
    pub fn blobs(&self) -> Option<BlobCounts> {
        let lists = self.backups.iter().filter_map(|backup| backup.blobs);
        lists.reduce(BlobCounts::and)
    }

    /// Bytes of its files.
    pub fn stored_len(&self) -> u64 {
        self.backups.iter().filter_map(|backup| backup.stored_len).sum()
    }

    /// Whether something is seen to be wrong with it.
    pub fn has_problem(&self) -> bool {
        self.fault.is_some()
            || !self.unusable.is_empty()
            || self.backups.iter().any(|backup| backup.problem.is_some())
    }
}

/// Lists the repository in `dir`.
///
/// Memory: a few hundred bytes a backup.
///
/// # Errors
/// Where it cannot be listed, and an interruption. What is wrong with a chain is part of the answer.
pub fn inventory(ctx: &Context<'_>, dir: &Path) -> Result<Inventory, Error> {
    let repository = Repository::open(ctx.fs, dir)?;
    let survey = repository.survey()?;
    let chains = survey.chains.iter().map(|chain| chain_entry(ctx, &repository, chain));
    Ok(Inventory { chains: chains.collect::<Result<_, _>>()?, strays: survey.strays })
}

/// What is seen of a chain.
///
/// # Errors
/// An interruption.
pub(crate) fn chain_entry(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    chain: &Chain,
) -> Result<ChainEntry, Error> {
    let tiling = chain.tile();
    let reader = ChainReader::new(ctx.fs, repository, &tiling.parts);
    let mut backups = Vec::with_capacity(tiling.parts.len());
    for part in &tiling.parts {
        ctx.interrupt.check()?;
        backups.push(backup_entry(ctx, repository, &reader, *part));
    }
    let used: BTreeSet<BackupName> = tiling.parts.iter().map(|part| part.name).collect();
    let unusable = chain.files.iter().copied().filter(|name| !used.contains(name)).collect();
    Ok(ChainEntry { full: chain.full, backups, fault: tiling.fault, unusable })
}

fn backup_entry(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    reader: &ChainReader<'_>,
    part: Part,
) -> BackupEntry {
    let path = repository.path_of(part.name);
    let stored_len = ctx.fs.meta(&path).map(|meta| meta.len);
    let tids = stored_len.as_ref().map_err(ToString::to_string).and_then(|len| {
        if !part.name.gzip && *len != part.len() {
            return Err(Error::size(path, part.name, *len, part.len()).to_string());
        }
        tids_of(reader, &part)
    });
    let blobs = count_blobs(ctx, repository, &part).map_err(|error| error.to_string());
    BackupEntry {
        part,
        stored_len: stored_len.ok(),
        tids: tids.as_ref().ok().copied().flatten(),
        problem: tids.err().or(blobs.as_ref().err().cloned()),
        blobs: blobs.ok().flatten(),
    }
}

/// The first and the last transaction of a backup, by its first and last bytes.
fn tids_of(reader: &ChainReader<'_>, part: &Part) -> Result<Option<(Tid, Tid)>, String> {
    if part.name.is_full() {
        Boundary::start(reader).map_err(|error| format!("{}: {error}", part.name))?;
    }
    let start_pos = part.start_pos.max(filestorage::Magic::LEN);
    if part.end_pos <= start_pos {
        return Ok(None);
    }
    let mut bytes = [0; TransactionHeader::FIXED_LEN];
    reader.read_exact_at(start_pos, &mut bytes).map_err(|error| error.to_string())?;
    let first = TransactionHeader::decode(start_pos, &bytes);
    let last = transaction_before(reader, part.end_pos).map_err(|error| error.to_string())?;
    match last.filter(|last| last.pos >= start_pos) {
        Some(last) => Ok(Some((first.tid, last.tid))),
        None => Err(format!("{} does not end with a transaction", part.name)),
    }
}

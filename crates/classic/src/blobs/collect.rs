//! Which blobs no list names any more.

use super::Revision;
use super::counts::count_blobs;
use super::dir::is_absent;
use super::list::{Entry, ListReader};
use super::spot::{Container, Held, Spot};
use super::store::Store;
use crate::repository::Survey;
use crate::{Chain, Context, Error, Notice, Repository};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use vfs::Op;
use vfs::publish;

/// Blobs that no list names any more, and that were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobsForgotten {
    /// Files: blobs, and containers of small ones.
    pub count: u64,
    /// Their bytes.
    pub len: u64,
}

/// [`collect`]; what keeps it from being done is told, and does no harm. The caller holds the lock of the repository.
///
/// # Errors
/// An interruption; where the repository cannot be listed.
pub(crate) fn collect_or_tell(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
) -> Result<BlobsForgotten, Error> {
    match collect(ctx, repository, &repository.survey()?) {
        Err(error @ Error::Interrupted { .. }) => Err(error),
        Err(error) => {
            ctx.notice(Notice::BlobsKept(error.to_string()));
            Ok(BlobsForgotten::default())
        }
        done => done,
    }
}

/// Removes the blobs that no list of a backup names, and the containers in which there is none that one names. The caller
/// holds the lock of the repository. A list that cannot be read may name anything: nothing is removed.
///
/// Memory: 16 bytes for each line of all lists.
///
/// # Errors
/// Those of the lists, the system's.
fn collect(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey) -> Result<BlobsForgotten, Error> {
    let store = Store::of(repository);
    let mut done = BlobsForgotten::default();
    let dirs = names_in(ctx, store.dir())?;
    if dirs.is_empty() {
        return Ok(done);
    }
    // A run that was killed may have removed lists that would come back when the power goes, and name what is removed now.
    ctx.note_sync(publish::sync_dir(ctx.fs, repository.dir())?, repository.dir());
    let named = Named::by_lists(ctx, repository, survey)?;
    // What is no blob was put there by somebody else.
    for dir in dirs.iter().filter(|dir| Store::is_dir_name(dir)) {
        let is_unnamed = |name: &str| {
            Store::parse(dir, name).is_some_and(|(revision, hash)| match hash {
                None => named.alone.binary_search(&revision).is_err(),
                Some(hash) => !named.by_hash.contains(&(revision, hash)),
            })
        };
        remove_from(ctx, &store.dir().join(dir), &is_unnamed, &mut done)?;
    }
    let is_unnamed =
        |name: &str| name.parse().is_ok_and(|container: Container| !named.containers.contains(&container));
    remove_from(ctx, &store.containers_dir(), &is_unnamed, &mut done)?;
    Ok(done)
}

/// What the lists name.
#[derive(Default)]
struct Named {
    /// Those with a file of their own, in order.
    alone: Vec<Revision>,
    /// Those whose file has their hash in its name.
    by_hash: BTreeSet<(Revision, u64)>,
    containers: BTreeSet<Container>,
}

impl Named {
    fn by_lists(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey) -> Result<Named, Error> {
        for chain in &survey.chains {
            expect_lists_of(ctx, repository, chain)?;
        }
        let chains = survey.chains.iter().chain(&survey.removing);
        let stamps = chains.flat_map(|chain| &chain.files).chain(&survey.strays).map(|name| name.stamp);
        let mut named = Named::default();
        // Where the data is away for a moment, its list still says what it needs.
        for stamp in stamps.chain(survey.lone_blobs.iter().copied()) {
            let path = repository.blobs_path(stamp);
            let Some(mut list) = ListReader::find(ctx.fs, &path)? else { continue };
            while let Some(entry) = list.next()? {
                named.add(entry);
            }
        }
        named.alone.sort_unstable();
        named.alone.dedup();
        Ok(named)
    }

    fn add(&mut self, Entry { revision, held }: Entry) {
        let Some(Held { content, spot }) = held else {
            // One that was missing may have come since.
            return self.alone.push(revision);
        };
        match spot {
            Spot::Alone => self.alone.push(revision),
            Spot::ByHash => drop(self.by_hash.insert((revision, content.hash.short_number()))),
            Spot::Within(container, _) => drop(self.containers.insert(container)),
        }
    }
}

/// Where some backups of a chain have lists and one has none, it may have had one; so it may where it has that of another one.
fn expect_lists_of(ctx: &Context<'_>, repository: &Repository<'_>, chain: &Chain) -> Result<(), Error> {
    for part in chain.tile().parts {
        count_blobs(ctx, repository, &part)?;
    }
    let lists = chain.files.iter().map(|name| repository.blobs_path(name.stamp));
    let (there, away): (Vec<_>, Vec<_>) = lists.partition(|list| ctx.fs.meta(list).is_ok());
    match away.into_iter().next() {
        Some(path) if !there.is_empty() => Err(Error::BlobListMissing { path }),
        _ => Ok(()),
    }
}

fn remove_from(
    ctx: &Context<'_>,
    dir: &Path,
    is_unnamed: &dyn Fn(&str) -> bool,
    done: &mut BlobsForgotten,
) -> Result<(), Error> {
    ctx.interrupt.check()?;
    let mut is_changed = false;
    for name in names_in(ctx, dir)?.iter().filter(|name| is_unnamed(name)) {
        let file: PathBuf = dir.join(name);
        let len = ctx.fs.meta(&file).map_err(vfs::Error::at(Op::Stat, &file))?.len;
        is_changed |= publish::remove(ctx.fs, &file)?;
        done.count += 1;
        done.len += len;
    }
    if is_changed {
        ctx.note_sync(publish::sync_dir(ctx.fs, dir)?, dir);
    }
    Ok(())
}

/// The names in a directory; none where it is not there.
pub(super) fn names_in(ctx: &Context<'_>, dir: &Path) -> Result<Vec<String>, Error> {
    match ctx.fs.list(dir) {
        Ok(names) => Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect()),
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        Err(error) => Err(vfs::Error::new(Op::List, dir, error).into()),
    }
}

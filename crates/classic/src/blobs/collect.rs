//! Which blobs no list names any more.

use super::Revision;
use super::dir::is_absent;
use super::list::ListReader;
use super::spot::{Container, Spot};
use super::store::Store;
use crate::repository::Survey;
use crate::{Context, Error, Repository};
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

/// Removes the blobs that no list of a backup names, and the containers in which there is none that one names. The caller
/// holds the lock of the repository. A list that cannot be read may name anything: nothing is removed.
///
/// Memory: 16 bytes for each line of all lists.
///
/// # Errors
/// Those of the lists, the system's.
pub(crate) fn collect(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    survey: &Survey,
) -> Result<BlobsForgotten, Error> {
    let store = Store::of(repository);
    let mut done = BlobsForgotten::default();
    let dirs = names_in(ctx, store.dir())?;
    if dirs.is_empty() {
        return Ok(done);
    }
    let named = Named::by_lists(ctx, repository, survey)?;
    // What is no blob was put there by somebody else.
    for dir in dirs.iter().filter(|dir| Store::is_dir_name(dir)) {
        let is_unnamed = |name: &str| {
            Store::parse(dir, name).is_some_and(|revision| named.alone.binary_search(&revision).is_err())
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
    containers: BTreeSet<Container>,
}

impl Named {
    fn by_lists(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey) -> Result<Named, Error> {
        let chains = survey.chains.iter().chain(&survey.removing);
        let stamps = chains.flat_map(|chain| &chain.files).chain(&survey.strays).map(|name| name.stamp);
        let mut named = Named::default();
        for stamp in stamps {
            let path = repository.blobs_path(stamp);
            let Some(mut list) = ListReader::find(ctx.fs, &path)? else { continue };
            while let Some(entry) = list.next()? {
                match entry.held.map(|held| held.spot) {
                    Some(Spot::Within(container, _)) => drop(named.containers.insert(container)),
                    // One that was missing may have come since.
                    Some(Spot::Alone) | None => named.alone.push(entry.revision),
                }
            }
        }
        named.alone.sort_unstable();
        named.alone.dedup();
        Ok(named)
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
fn names_in(ctx: &Context<'_>, dir: &Path) -> Result<Vec<String>, Error> {
    match ctx.fs.list(dir) {
        Ok(names) => Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect()),
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        Err(error) => Err(vfs::Error::new(Op::List, dir, error).into()),
    }
}

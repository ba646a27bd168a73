//! Which blobs no list names any more.

use super::Revision;
use super::dir::is_absent;
use super::list::ListReader;
use super::store::Store;
use crate::repository::Survey;
use crate::{Context, Error, Repository};
use std::path::Path;
use vfs::Op;
use vfs::publish;

/// Blobs that no list names any more, and that were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobsForgotten {
    /// Blobs.
    pub count: u64,
    /// Their bytes.
    pub len: u64,
}

/// Removes the blobs that no list of a backup names. The caller holds the lock of the repository. A list that cannot be read may name anything: nothing is removed.
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
    let dirs = names_in(ctx, store.dir())?;
    if dirs.is_empty() {
        return Ok(BlobsForgotten::default());
    }
    let named = named(ctx, repository, survey)?;
    let mut collected = BlobsForgotten::default();
    for dir in dirs.iter().filter(|dir| Store::is_dir_name(dir)) {
        ctx.interrupt.check()?;
        let (path, mut is_changed) = (store.dir().join(dir), false);
        for name in names_in(ctx, &path)? {
            // What is no blob was put there by somebody else.
            let Some(revision) = Store::parse(dir, &name) else { continue };
            if named.binary_search(&revision).is_ok() {
                continue;
            }
            let file = path.join(&name);
            let len = ctx.fs.meta(&file).map_err(vfs::Error::at(Op::Stat, &file))?.len;
            is_changed |= publish::remove(ctx.fs, &file)?;
            collected.count += 1;
            collected.len += len;
        }
        if is_changed {
            ctx.note_sync(publish::sync_dir(ctx.fs, &path)?, &path);
        }
    }
    Ok(collected)
}

/// All that a list names, in order.
fn named(ctx: &Context<'_>, repository: &Repository<'_>, survey: &Survey) -> Result<Vec<Revision>, Error> {
    let chains = survey.chains.iter().chain(&survey.removing);
    let stamps = chains.flat_map(|chain| &chain.files).chain(&survey.strays).map(|name| name.stamp);
    let mut named = Vec::new();
    for stamp in stamps {
        let path = repository.blobs_path(stamp);
        let Some(mut list) = ListReader::find(ctx.fs, &path)? else { continue };
        while let Some(entry) = list.next()? {
            named.push(entry.revision);
        }
    }
    named.sort_unstable();
    named.dedup();
    Ok(named)
}

/// The names in a directory; none where it is not there.
fn names_in(ctx: &Context<'_>, dir: &Path) -> Result<Vec<String>, Error> {
    match ctx.fs.list(dir) {
        Ok(names) => Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect()),
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        Err(error) => Err(vfs::Error::new(Op::List, dir, error).into()),
    }
}

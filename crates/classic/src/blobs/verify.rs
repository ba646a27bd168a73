//! Whether every blob that a list names is there, and what it was.

use super::Revision;
use super::content::Content;
use super::list::{Entry, ListReader};
use super::store::Store;
use crate::repository::Survey;
use crate::{Chain, Context, Error, Event, Notice, Repository, Stamp};
use rayon::prelude::*;
use vfs::Op;

const CHUNK_COUNT: usize = 512;

/// Verifies the blobs of all backups, each revision once; `quick` only their lengths. Every problem is handed to `each`.
///
/// Memory: 64 bytes for each line of all lists.
///
/// # Errors
/// An interruption.
pub(crate) fn verify(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    survey: &Survey,
    quick: bool,
    each: &mut dyn FnMut(Error),
) -> Result<(), Error> {
    let store = Store::of(repository);
    let mut known: Vec<(Revision, Content, Stamp)> = Vec::new();
    for name in survey.chains.iter().flat_map(|chain: &Chain| &chain.files) {
        ctx.interrupt.check()?;
        match entries(ctx, repository, name.stamp) {
            Ok(entries) => {
                let count = entries.iter().filter(|entry| entry.content.is_none()).count() as u64;
                if count > 0 {
                    ctx.notice(Notice::BlobsMissing { path: repository.blobs_path(name.stamp), count });
                }
                let there = entries
                    .into_iter()
                    .filter_map(|entry| Some((entry.revision, entry.content?, name.stamp)));
                known.extend(there);
            }
            Err(error) => each(error),
        }
    }
    known.sort_unstable_by_key(|(revision, content, stamp)| (*revision, *content, *stamp));
    known.dedup_by_key(|(revision, content, _)| (*revision, *content));
    for chunk in known.chunks(CHUNK_COUNT) {
        ctx.interrupt.check()?;
        let found: Vec<Result<(), Error>> = chunk
            .par_iter()
            .map(|(revision, content, _)| check(ctx, &store, *revision, *content, quick))
            .collect();
        for (found, (_, content, stamp)) in found.into_iter().zip(chunk) {
            ctx.tell(&Event::Advanced(content.len));
            match found {
                Err(error @ Error::Interrupted { .. }) => return Err(error),
                // A backup that was removed meanwhile took its blobs with it.
                Err(_) if ctx.fs.meta(&repository.blobs_path(*stamp)).is_err() => {}
                Err(error) => each(error),
                Ok(()) => {}
            }
        }
    }
    Ok(())
}

/// The lines of a list; none where there is no list.
fn entries(ctx: &Context<'_>, repository: &Repository<'_>, stamp: Stamp) -> Result<Vec<Entry>, Error> {
    let path = repository.blobs_path(stamp);
    let Some(mut list) = ListReader::find(ctx.fs, &path)? else { return Ok(Vec::new()) };
    let mut entries = Vec::new();
    while let Some(entry) = list.next()? {
        entries.push(entry);
    }
    Ok(entries)
}

fn check(
    ctx: &Context<'_>,
    store: &Store,
    revision: Revision,
    wanted: Content,
    quick: bool,
) -> Result<(), Error> {
    let path = store.path(revision);
    let file = ctx.fs.open(&path).map_err(vfs::Error::at(Op::Open, &path))?;
    let len = file.len().map_err(vfs::Error::at(Op::Stat, &path))?;
    if len != wanted.len {
        return Err(Error::Blob { path, reason: format!("it has {len} bytes instead of {}", wanted.len) });
    }
    if quick {
        return Ok(());
    }
    Content::of(ctx.interrupt, &path, &*file, &mut |_| Ok(()))?.expect(wanted, &path)
}

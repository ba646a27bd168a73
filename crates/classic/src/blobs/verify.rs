//! Whether every blob that a list names is there, and what it was.

use super::Revision;
use super::list::{Entry, ListReader};
use super::spot::Held;
use super::store::Store;
use crate::{BackupName, Context, Error, Event, Notice, Repository};
use filestorage::Tid;
use rayon::prelude::*;
use std::collections::HashSet;

const CHUNK_COUNT: usize = 512;

/// Verifies the blobs that these backups name up to the transaction `last`, each line once for all lists that have it; `quick`
/// only their lengths. Every problem is handed to `each`.
///
/// Memory: some 32 bytes for each line that differs.
///
/// # Errors
/// An interruption.
pub(crate) fn verify(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    backups: impl Iterator<Item = BackupName>,
    last: Option<Tid>,
    quick: bool,
    each: &mut dyn FnMut(Error),
) -> Result<(), Error> {
    let mut run =
        Verifying { ctx, repository, store: Store::of(repository), last, quick, seen: HashSet::new() };
    for name in backups {
        ctx.interrupt.check()?;
        match run.list(name, each) {
            Err(error @ Error::Interrupted { .. }) => return Err(error),
            Err(error) => each(error),
            Ok(()) => {}
        }
    }
    Ok(())
}

struct Verifying<'a> {
    ctx: &'a Context<'a>,
    repository: &'a Repository<'a>,
    store: Store,
    last: Option<Tid>,
    quick: bool,
    /// The lines that were looked at: a list of a later chain names again what is still there.
    seen: HashSet<u128>,
}

impl Verifying<'_> {
    fn list(&mut self, name: BackupName, each: &mut dyn FnMut(Error)) -> Result<(), Error> {
        let path = self.repository.blobs_path(name.stamp);
        // What a list says is believed when it was read to its end.
        let Some(list) = ListReader::find(self.ctx.fs, &path)? else { return Ok(()) };
        list.counts()?;
        let (mut list, mut missing_count) = (ListReader::open(self.ctx.fs, &path)?, 0);
        let mut waiting = Vec::new();
        loop {
            let entry = list.next()?;
            let is_end = entry.is_none();
            if let Some(entry) = entry.filter(|entry| self.is_wanted(entry)) {
                match entry.held {
                    Some(held) if self.seen.insert(mark_of(&entry)) => waiting.push((entry.revision, held)),
                    Some(_) => {}
                    None => missing_count += 1,
                }
            }
            if is_end || waiting.len() == CHUNK_COUNT {
                self.chunk(name, &waiting, each)?;
                waiting.clear();
            }
            if is_end {
                break;
            }
        }
        if missing_count > 0 {
            self.ctx.notice(Notice::BlobsMissing { path, count: missing_count });
        }
        Ok(())
    }

    fn is_wanted(&self, entry: &Entry) -> bool {
        self.last.is_none_or(|last| entry.revision.tid <= last)
    }

    fn chunk(
        &self,
        name: BackupName,
        wanted: &[(Revision, Held)],
        each: &mut dyn FnMut(Error),
    ) -> Result<(), Error> {
        self.ctx.interrupt.check()?;
        let found: Vec<Result<(), Error>> =
            wanted.par_iter().map(|(revision, held)| self.blob(*revision, *held)).collect();
        for (found, (_, held)) in found.into_iter().zip(wanted) {
            self.ctx.tell(&Event::Advanced(held.content.len));
            match found {
                Err(error @ Error::Interrupted { .. }) => return Err(error),
                // A backup that was removed meanwhile took its blobs with it.
                Err(_) if self.ctx.fs.meta(&self.repository.blobs_path(name.stamp)).is_err() => {}
                Err(error) => each(error),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn blob(&self, revision: Revision, held: Held) -> Result<(), Error> {
        let stored = self.store.open(self.ctx.fs, revision, held)?;
        if self.quick {
            return Ok(());
        }
        let found = stored.bytes().read(self.ctx.interrupt, &mut |_| Ok(()))?;
        stored.expect(revision, held, found)
    }
}

/// A few bytes that no two lines share.
fn mark_of(entry: &Entry) -> u128 {
    let mut mark = [0; 16];
    mark.copy_from_slice(&blake3::hash(entry.to_string().as_bytes()).as_bytes()[..16]);
    u128::from_be_bytes(mark)
}

//! Whether every blob that a list names is there, and what it was.

use super::Revision;
use super::list::{Entry, ListReader};
use super::spot::Held;
use super::store::Store;
use crate::{Context, Error, Event, Notice, Part, Repository};
use filestorage::Tid;
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::Path;

const CHUNK_COUNT: usize = 512;

/// Verifies the blobs that the backups of these chains name up to the transaction `last`, each line once for all lists that
/// have it; `quick` only their lengths. Every problem is handed to `each`; one is a backup without a list where another one of
/// its chain has one.
///
/// Memory: some 32 bytes for each line that differs.
///
/// # Errors
/// An interruption.
pub(crate) fn verify(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    chains: impl Iterator<Item = Vec<Part>>,
    last: Option<Tid>,
    quick: bool,
    each: &mut dyn FnMut(Error),
) -> Result<(), Error> {
    let mut run = Verifying {
        ctx,
        repository,
        store: Store::of(repository),
        last,
        quick,
        seen: HashSet::new(),
        wrong: HashSet::new(),
        is_wrong: false,
    };
    for parts in chains {
        let (mut without, mut has_lists) = (Vec::new(), false);
        for part in &parts {
            ctx.interrupt.check()?;
            run.is_wrong = false;
            match run.list(part, each) {
                Err(error @ Error::Interrupted { .. }) => return Err(error),
                Err(error) => {
                    has_lists |= matches!(error, Error::BlobList { .. });
                    run.is_wrong = true;
                    each(error);
                }
                Ok(true) => has_lists = true,
                Ok(false) => without.push(part.name),
            }
            if run.is_wrong {
                ctx.tell(&Event::BlobsWrong(part.name));
            }
        }
        if has_lists {
            // Of a backup that was removed meanwhile nothing is missing.
            for name in without.into_iter().filter(|name| ctx.fs.meta(&repository.path_of(name)).is_ok()) {
                each(Error::BlobListMissing { path: repository.blobs_path(name.stamp) });
                ctx.tell(&Event::BlobsWrong(name));
            }
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
    /// Those of them that were not what they should be.
    wrong: HashSet<u128>,
    /// Whether something was wrong with the list that is looked at, or with its blobs.
    is_wrong: bool,
}

impl Verifying<'_> {
    /// Whether the backup has a list.
    fn list(&mut self, part: &Part, each: &mut dyn FnMut(Error)) -> Result<bool, Error> {
        let path = self.repository.blobs_path(part.name.stamp);
        // What a list says is believed when it was read to its end.
        let Some(list) = ListReader::find(self.ctx.fs, &path)? else { return Ok(false) };
        list.expect_of(part)?;
        let len = list.head().unread_len;
        if len > 0 {
            self.ctx.notice(Notice::BlobsNotKnown { path: self.repository.path_of(part.name), len });
        }
        list.counts()?;
        let Some(mut list) = ListReader::find(self.ctx.fs, &path)? else { return Ok(false) };
        let (mut waiting, mut missing_count) = (Vec::new(), 0);
        loop {
            let entry = list.next()?;
            let is_end = entry.is_none();
            if let Some(entry) = entry.filter(|entry| self.is_wanted(entry)) {
                let mark = mark_of(&entry);
                match entry.held {
                    Some(held) if self.seen.insert(mark) => waiting.push((entry.revision, held)),
                    // What was told is not told again.
                    Some(_) => self.is_wrong |= self.wrong.contains(&mark),
                    None => missing_count += 1,
                }
            }
            if is_end || waiting.len() == CHUNK_COUNT {
                self.chunk(&path, &waiting, each)?;
                waiting.clear();
            }
            if is_end {
                break;
            }
        }
        if missing_count > 0 {
            self.ctx.notice(Notice::BlobsMissing { path, count: missing_count });
        }
        Ok(true)
    }

    fn is_wanted(&self, entry: &Entry) -> bool {
        self.last.is_none_or(|last| entry.revision.tid <= last)
    }

    fn chunk(
        &mut self,
        list: &Path,
        wanted: &[(Revision, Held)],
        each: &mut dyn FnMut(Error),
    ) -> Result<(), Error> {
        self.ctx.interrupt.check()?;
        let found: Vec<Result<(), Error>> =
            wanted.par_iter().map(|(revision, held)| self.blob(*revision, *held)).collect();
        for (found, (revision, held)) in found.into_iter().zip(wanted) {
            self.ctx.tell(&Event::Advanced(held.content.len));
            let mark = || mark_of(&Entry { revision: *revision, held: Some(*held) });
            match found {
                Err(error @ Error::Interrupted { .. }) => return Err(error),
                // A backup that was removed meanwhile took its blobs with it; where another one needs it, it is told there.
                Err(_) if self.ctx.fs.meta(list).is_err() => {
                    self.seen.remove(&mark());
                }
                Err(error) => {
                    self.is_wrong = true;
                    self.wrong.insert(mark());
                    each(error);
                }
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

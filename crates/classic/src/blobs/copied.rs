use super::Revision;
use super::container::Containers;
use super::copying::{Outcome, Taken};
use super::known::Wanted;
use super::spot::{Container, Held, Spot};
use super::store::Store;
use crate::Error;
use vfs::Fs;
use vfs::publish::{Batch, remove};

/// So many blobs get their names together, at most.
const SECTION_COUNT: usize = 1 << 16;

/// What was copied for one list, and is durable when its batch has ended.
#[derive(Default)]
pub(super) struct Copied {
    pub(super) count: u64,
    pub(super) len: u64,
    /// For each line whether it got a new file of its own.
    alone: Vec<bool>,
    /// So many of the lines have all that they name under its name.
    published_count: usize,
    waiting: Waiting,
    /// Those that are there already, were in no list, and are not in the blob directory.
    pub(super) found: Vec<Revision>,
    /// Those of which the repository has another one.
    pub(super) differing: Vec<Revision>,
    /// Those of which no directory has a file, or one that cannot be read.
    pub(super) missing: Vec<(Revision, Option<vfs::Error>)>,
    /// Those that are damaged, and that no directory has as they were.
    pub(super) lost: Vec<Revision>,
}

/// What is to get its name.
#[derive(Default)]
struct Waiting {
    /// Files of their own.
    count: usize,
    len: u64,
    /// Those whose file has their hash in its name.
    by_hash: Vec<(Revision, Held)>,
    /// Those that have it, perhaps not durably.
    kept: Vec<Revision>,
}

impl Copied {
    /// Adds the next line; where the blob is, if it is.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn add(
        &mut self,
        revision: Revision,
        Outcome { taken, differs, is_lost }: Outcome,
        containers: &mut Containers<'_>,
        batch: &Batch<'_>,
    ) -> Result<Option<Held>, Error> {
        if is_lost {
            self.lost.push(revision);
        }
        if differs {
            self.differing.push(revision);
        }
        self.alone.push(matches!(taken, Taken::Copied(Held { spot: Spot::Alone, .. })));
        let held = match taken {
            Taken::Had(held) => return Ok(Some(held)),
            Taken::Kept(held) => {
                self.waiting.kept.push(revision);
                return Ok(Some(held));
            }
            Taken::Found(held) => {
                self.waiting.kept.push(revision);
                self.found.push(revision);
                return Ok(Some(held));
            }
            Taken::Missing(unreadable) => {
                self.missing.push((revision, unreadable));
                return Ok(None);
            }
            Taken::Copied(held) => {
                self.waiting.add(revision, held);
                held
            }
            Taken::Read(small) => {
                Held { content: small.content, spot: containers.push(batch, revision, &small)? }
            }
        };
        self.count += 1;
        self.len += held.content.len;
        Ok(Some(held))
    }

    /// Whether so much waits for its name that a run that dies now should not have copied it in vain.
    pub(super) fn is_section(&self, section_len: u64) -> bool {
        let Waiting { count, len, by_hash, kept } = &self.waiting;
        *len >= section_len || count + by_hash.len() + kept.len() >= SECTION_COUNT
    }

    /// Gives all that was copied its names, when it is on the disk: `wanted` are all lines, of which those behind the ones
    /// that were added are left alone.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn publish(
        &mut self,
        wanted: &[Wanted],
        containers: &[Container],
        store: &Store,
        batch: &mut Batch<'_>,
    ) -> Result<(), Error> {
        let Waiting { count, by_hash, kept, .. } = std::mem::take(&mut self.waiting);
        let range = self.published_count..self.alone.len();
        self.published_count = range.end;
        let lines = wanted[range.clone()].iter().zip(&self.alone[range]);
        let alone = lines.filter(|(_, alone)| **alone).map(|(wanted, _)| wanted.revision);
        if count + by_hash.len() + containers.len() > 0 {
            let names = alone.clone().chain(by_hash.iter().map(|(revision, _)| *revision)).map(Store::name);
            batch.sync(names.chain(containers.iter().map(Container::to_string)))?;
        }
        for revision in alone {
            batch.publish(&Store::name(revision), &store.path(revision))?;
        }
        for (revision, held) in by_hash {
            batch.publish(&Store::name(revision), &store.path_of(revision, held))?;
        }
        for container in containers {
            // A run that no lock keeps out may have taken the number, and named what is in its own.
            batch.publish_new(&container.to_string(), &store.container_path(*container))?;
        }
        for revision in kept {
            batch.keep(&store.path(revision))?;
        }
        Ok(())
    }

    /// Takes away again what got its name and is in no list: it may be what fills the disk, and the next backup of the database
    /// needs room, too.
    pub(super) fn withdraw(&self, fs: &dyn Fs, wanted: &[Wanted], store: &Store) {
        let lines = wanted[..self.published_count].iter().zip(&self.alone);
        // Where a list knows a blob, what was copied stands in for what was lost.
        for (wanted, _) in lines.filter(|(wanted, alone)| **alone && wanted.line.is_none()) {
            // What stays is kept by the next run.
            let _ = remove(fs, &store.path(wanted.revision));
        }
    }
}

impl Waiting {
    fn add(&mut self, revision: Revision, held: Held) {
        match held.spot {
            Spot::ByHash => self.by_hash.push((revision, held)),
            Spot::Alone | Spot::Within(..) => self.count += 1,
        }
        self.len = self.len.saturating_add(held.content.len);
    }
}

use super::Revision;
use super::container::Containers;
use super::copying::{Outcome, Taken};
use super::spot::{Container, Held, Spot};
use super::store::Store;
use crate::Error;
use vfs::publish::Batch;

/// What was copied for one list, and is durable when its batch has ended.
#[derive(Default)]
pub(super) struct Copied {
    pub(super) count: u64,
    pub(super) len: u64,
    /// For each line whether it got a new file of its own.
    alone: Vec<bool>,
    /// Those whose file has their hash in its name.
    by_hash: Vec<(Revision, Held)>,
    /// Those that are there already, and were in no list.
    pub(super) found: Vec<Revision>,
    /// Those of which the repository has another one.
    pub(super) differing: Vec<Revision>,
    pub(super) missing: Vec<Revision>,
    /// Those that are damaged, and that no directory has as they were.
    pub(super) lost: Vec<Revision>,
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
            Taken::Found(held) => {
                self.found.push(revision);
                return Ok(Some(held));
            }
            Taken::Missing => {
                self.missing.push(revision);
                return Ok(None);
            }
            Taken::Copied(held) => held,
            Taken::Read(small) => Held { content: small.content, spot: containers.push(revision, &small)? },
        };
        if held.spot == Spot::ByHash {
            self.by_hash.push((revision, held));
        }
        self.count += 1;
        self.len += held.content.len;
        Ok(Some(held))
    }

    /// Gives all that was copied its names, when it is on the disk. `revisions` are those of all lines.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn publish(
        &self,
        revisions: impl Iterator<Item = Revision> + Clone,
        containers: &[Container],
        store: &Store,
        batch: &mut Batch<'_>,
    ) -> Result<(), Error> {
        let alone = revisions.zip(&self.alone).filter(|(_, alone)| **alone).map(|(revision, _)| revision);
        let by_hash = self.by_hash.iter().map(|(revision, _)| *revision);
        let names = alone.clone().chain(by_hash).map(Store::name);
        batch.sync(names.chain(containers.iter().map(Container::to_string)))?;
        for revision in alone {
            batch.publish(&Store::name(revision), &store.path(revision))?;
        }
        for (revision, held) in &self.by_hash {
            batch.publish(&Store::name(*revision), &store.path_of(*revision, *held))?;
        }
        for container in containers {
            batch.publish(&container.to_string(), &store.container_path(*container))?;
        }
        for revision in &self.found {
            batch.keep(&store.path(*revision))?;
        }
        Ok(())
    }
}

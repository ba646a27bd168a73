//! The stories of databases with blobs: a few, which are synced one by one, and many, which are synced all at once.

use super::story::{Deed, Story, TARGET, World, index_of, site};
use crate::judge::Known;
use crate::judge::blobs::{Extent, KnownBlobs, acknowledge, file_of, put_blobs, revisions_in};
use crate::judge::truth::true_index;
use filestorage::BlobLayout;
use std::path::Path;
use vfs::Fs;

/// The blob directory of the database.
pub(super) const BLOBS: &str = "/srv/blobs";
/// Where blobs are restored to.
pub(super) const TARGET_BLOBS: &str = "/restored/blobs";
/// More than are synced one by one.
const MANY_COUNT: u64 = 18;

/// The blobs of a world.
pub(super) struct Blobs {
    pub(super) layout: BlobLayout,
    pub(super) known: KnownBlobs,
    /// Whether runs are told of the blob directory.
    pub(super) are_backed_up: bool,
}

const fn few(name: &'static str, begin: fn(&mut World), deed: Deed) -> Story {
    Story { name, begin, deed, has_blobs: true, is_long: false }
}

const fn many(name: &'static str, begin: fn(&mut World), deed: Deed) -> Story {
    Story { is_long: true, ..few(name, begin, deed) }
}

/// All of them.
pub(super) const STORIES: [Story; 19] = [
    few("blobs: first full", |_| {}, Deed::Backup("")),
    many("blobs: first full of many", World::grow_by_many_blobs, Deed::Backup("z")),
    few("blobs: incremental -Q", World::chain_and_growth, Deed::Backup("Q")),
    many("blobs: first full of many, in sections", World::grow_by_many_blobs, Deed::Backup("s")),
    few("blobs: incremental in sections", World::chain_and_growth, Deed::Backup("Qs")),
    many("blobs: first full of many, into a container", World::grow_by_many_blobs, Deed::Backup("c")),
    few("blobs: incremental into a container", World::chain_in_containers, Deed::Backup("Qc")),
    few("blobs: forget containers", World::chains_in_containers, Deed::Forget),
    many("blobs: incremental of many", World::chain_and_many_blobs, Deed::Backup("")),
    few("blobs: full -F behind a chain that shares them", World::chain_and_growth, Deed::Backup("F")),
    few("blobs: full -F -k over a chain that shares them", World::chain_and_growth, Deed::Backup("Fk")),
    few("blobs: of backups that were made without", World::chain_without_blobs, Deed::Backup("Q")),
    few("blobs: that were missing", World::chain_with_hidden_blobs, Deed::Backup("")),
    few("blobs: forget what another chain needs in part", World::chains_that_share_blobs, Deed::Forget),
    few("blobs: forget the end of a chain", World::chain_with_a_dead_end, Deed::Forget),
    few("blobs: restore to a new directory", World::chain, Deed::Restore(TARGET)),
    many("blobs: restore many to a new directory", World::chain_of_many_blobs, Deed::Restore(TARGET)),
    few("blobs: update a directory", World::chain_and_earlier_blobs, Deed::Update(TARGET)),
    many("blobs: update a directory by many", World::chain_and_many_later_blobs, Deed::Update(TARGET)),
];

impl World {
    /// A commit of blobs, of objects that lie in few directories and in many.
    pub(super) fn commit_blobs(&mut self, count: u64) {
        let base = self.random.u64(0..4) << 8;
        let oids: Vec<u64> = (0..count).map(|number| 1000 + base + number * 0x30).collect();
        self.database.commit_blobs(&oids);
    }

    fn grow_by_many_blobs(&mut self) {
        self.commit_blobs(MANY_COUNT);
        self.grow();
    }

    fn chain_and_many_blobs(&mut self) {
        self.chain();
        self.grow_by_many_blobs();
    }

    fn chain_of_many_blobs(&mut self) {
        self.grow_by_many_blobs();
        self.chain();
    }

    fn tell_of_blobs(&mut self, are_backed_up: bool) {
        if let Some(blobs) = &mut self.blobs {
            blobs.are_backed_up = are_backed_up;
        }
    }

    fn chain_without_blobs(&mut self) {
        self.tell_of_blobs(false);
        self.chain_and_growth();
        self.tell_of_blobs(true);
    }

    /// A backup when the files of some were not there; now they are.
    fn chain_with_hidden_blobs(&mut self) {
        self.grow();
        let some = revisions_in(self.database.bytes());
        let some: Vec<_> = some.iter().copied().filter(|_| self.random.bool()).chain([some[0]]).collect();
        let layout = self.blobs.as_ref().map_or(BlobLayout::Lawn, |blobs| blobs.layout);
        for revision in &some {
            let path = Path::new(BLOBS).join(file_of(layout, *revision));
            if self.fs.remove(&path).is_ok() {
                self.fs.sync_dir(path.parent().unwrap()).unwrap();
            }
        }
        let state = self.state();
        assert_eq!(self.site().backup("F").status, 3);
        if let Some(blobs) = &mut self.blobs {
            blobs.known.hidden = some.into_iter().collect();
            blobs.known.of.insert(state.date.clone(), Extent::ButHidden);
        }
        self.states.push(state);
        self.put_database();
        self.pass(60);
    }

    /// A chain whose small blobs are in containers, and growth.
    fn chain_in_containers(&mut self) {
        self.backup("Fc");
        self.pass(60);
        self.commit_blobs(2);
        self.grow();
    }

    /// Two chains; each needs a container of its own, and the second those of the first in part.
    fn chains_in_containers(&mut self) {
        self.chain_in_containers();
        self.backup("Qc");
        let packed_count = self.database.count() - 1;
        self.database.pack(packed_count);
        self.commit_blobs(3);
        self.grow();
        self.pass(60);
        self.backup("Fc");
        self.pass(60);
    }

    /// Two chains; before the second most transactions of the first were packed away, with their blobs.
    fn chains_that_share_blobs(&mut self) {
        self.commit_blobs(2);
        self.put_database();
        self.chain();
        self.commit_blobs(3);
        self.grow();
        self.backup("Q");
        let packed_count = self.database.count() - 2;
        self.database.pack(packed_count);
        self.grow();
        self.pass(60);
        self.backup("F");
        self.pass(60);
    }

    /// A full that is held, and increments of what was undone by putting the full back: only they need their blobs.
    fn chain_with_a_dead_end(&mut self) {
        self.backup("F");
        let (held, count) = (self.states[0].date.clone(), self.database.count());
        for _ in 0..2 {
            self.pass(60);
            self.commit_blobs(2);
            self.grow();
            self.backup("Q");
        }
        self.database.put_back(count);
        self.pass(60);
        self.grow();
        self.backup("F");
        self.site().hold(&held).expect_success();
        self.pass(60);
    }

    /// A chain, and an earlier database with its blobs where it is to be updated.
    fn chain_and_earlier_blobs(&mut self) {
        self.chain_and_growth();
        self.backup("Q");
        let count = self.random.usize(1..self.database.count());
        self.put_target_and_blobs(count);
    }

    fn chain_and_many_later_blobs(&mut self) {
        self.chain();
        let count = self.database.count();
        self.grow_by_many_blobs();
        self.backup("Q");
        self.put_target_and_blobs(count);
    }

    fn put_target_and_blobs(&mut self, count: usize) {
        let bytes = self.database.up_to(count).to_vec();
        self.fs.put(Path::new(TARGET), &bytes).unwrap();
        self.fs.put(&index_of(TARGET), &true_index(&bytes)).unwrap();
        let layout = self.blobs.as_ref().map_or(BlobLayout::Lawn, |blobs| blobs.layout);
        put_blobs(&self.fs, Path::new(TARGET_BLOBS), &bytes, layout, &|path, bytes| self.fs.put(path, bytes));
    }

    /// What is known before an act.
    pub(super) fn known(&self) -> Known {
        let blobs = self.blobs.as_ref().map(|blobs| blobs.known.clone()).unwrap_or_default();
        Known { acknowledged: self.states.clone(), blobs, ..Known::default() }
    }

    /// What is known behind a backup, of blobs too.
    pub(super) fn with_blobs(&mut self, mut after: Known) -> Known {
        if let Some(blobs) = self.blobs.as_mut().filter(|blobs| blobs.are_backed_up) {
            acknowledge(&site(&self.fs, &self.clock, true), &mut after);
            blobs.known = after.blobs.clone();
        }
        after
    }
}

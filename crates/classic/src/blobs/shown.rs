//! The blobs of a state, for those who look.

use super::Revision;
use super::list::{Entry, ListReader};
use super::spot::Held;
use super::store::Store;
use crate::{Context, Error, State};
use filestorage::{Oid, Tid};
use std::io::Write;
use std::path::Path;
use vfs::publish::{Draft, parent_dir};

/// A blob of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobEntry {
    /// Its object, and the transaction of its record.
    pub revision: Revision,
    /// Its length in bytes; `None` if its file was not there when it was to be backed up.
    pub len: Option<u64>,
}

impl State<'_> {
    /// The blobs of all revisions that the state has, ordered by object and transaction.
    ///
    /// Memory: 32 bytes each.
    ///
    /// # Errors
    /// [`Error::NoBlobs`], [`Error::BlobList`], the system's.
    pub fn blobs(&self, ctx: &Context<'_>) -> Result<Vec<BlobEntry>, Error> {
        let mut entries = Vec::new();
        self.each_blob(ctx, &mut |Entry { revision, held }| {
            entries.push(BlobEntry { revision, len: held.map(|held| held.content.len) });
        })?;
        entries.sort_unstable_by_key(|entry| entry.revision);
        Ok(entries)
    }

    /// Writes the last revision of a blob up to the transaction `last` to a file that is not there yet, or to `output`; it is
    /// what was backed up, or there is an error. Which revision that was, and its length; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::TargetExists`], [`Error::Blob`], [`Error::BlobMissing`], those of [`State::blobs`], the system's.
    pub fn export_blob(
        &self,
        ctx: &Context<'_>,
        oid: Oid,
        last: Option<Tid>,
        target: Option<&Path>,
        output: &mut dyn Write,
    ) -> Result<Option<(Revision, u64)>, Error> {
        let mut found: Option<Entry> = None;
        self.each_blob(ctx, &mut |entry| {
            let is_wanted = entry.revision.oid == oid && last.is_none_or(|last| entry.revision.tid <= last);
            if is_wanted && found.is_none_or(|found| found.revision.tid < entry.revision.tid) {
                found = Some(entry);
            }
        })?;
        let Some(Entry { revision, held }) = found else { return Ok(None) };
        let Some(held) = held else {
            return Err(Error::BlobMissing { name: Store::name(revision) });
        };
        match target {
            Some(target) => self.write_new(ctx, revision, held, target)?,
            None => {
                self.read(ctx, revision, held, &mut |piece| output.write_all(piece).map_err(Error::Output))?;
                output.flush().map_err(Error::Output)?;
            }
        }
        Ok(Some((revision, held.content.len)))
    }

    fn write_new(
        &self,
        ctx: &Context<'_>,
        revision: Revision,
        held: Held,
        target: &Path,
    ) -> Result<(), Error> {
        if ctx.fs.meta(target).is_ok() {
            return Err(Error::TargetExists { path: target.to_owned() });
        }
        let mut draft = Draft::create(ctx.fs, target)?;
        self.read(ctx, revision, held, &mut |piece| Ok(draft.append(piece)?))?;
        ctx.note_sync(draft.publish_new()?, parent_dir(target));
        Ok(())
    }

    fn read(
        &self,
        ctx: &Context<'_>,
        revision: Revision,
        held: Held,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let stored = Store::of(self.repository).open(ctx.fs, revision, held)?;
        let found = stored.bytes().read(ctx.interrupt, each)?;
        stored.expect(revision, held, found)
    }

    fn each_blob(&self, ctx: &Context<'_>, each: &mut dyn FnMut(Entry)) -> Result<(), Error> {
        for part in &self.parts {
            ctx.interrupt.check()?;
            let path = self.repository.blobs_path(part.name.stamp);
            let list = ListReader::find(ctx.fs, &path)?;
            let mut list = list.ok_or_else(|| Error::NoBlobs { path: self.repository.path_of(part.name) })?;
            list.expect_of(part)?;
            while let Some(entry) = list.next()? {
                if Some(entry.revision.tid) <= self.last {
                    each(entry);
                }
            }
        }
        Ok(())
    }
}

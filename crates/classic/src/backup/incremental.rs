//! An increment behind a chain.

use super::Run;
use super::copying::{IfUnsound, New};
use crate::indexes::{self, Growth, Problems};
use crate::{BackupKind, BackupName, BackupOutcome, Chain, DatLine, Error, Event, Part};
use filestorage::{Boundary, Index, Nothing, Walker};
use vfs::publish::Draft;

/// What an increment is built on, and what is new.
pub(super) struct Increment<'a> {
    /// The chain that it is added to.
    pub(super) chain: &'a Chain,
    /// The chain's lines.
    pub(super) lines: Vec<DatLine>,
    /// The chain's parts, of which the comparison proved that the source begins with them.
    pub(super) parts: &'a [Part],
    /// What the source has behind them.
    pub(super) growth: Growth<'a>,
}

impl Run<'_> {
    pub(super) fn incremental(&self, increment: Increment<'_>) -> Result<BackupOutcome, Error> {
        let Increment { chain, lines, parts, growth } = increment;
        let extent = growth.extent;
        let name = self.new_name(BackupKind::Incremental)?;
        self.ctx.tell(&Event::WritingIndex);
        let index = self.incremental_index(name, parts, &growth)?;
        let start_pos = growth.boundary.pos();
        let walker = Walker::new(start_pos, growth.boundary.last_tid(), extent.end_pos);
        let new = New { name, start_pos, extent, walker };
        let copied = self.copy(&new, &mut Nothing, IfUnsound::GoOn)?;
        self.check_copied(&new, &copied.walk)?;
        Ok(BackupOutcome::Made(self.settle(&new, copied, index, chain.stamp(), lines)?))
    }

    /// From the index of the last backup that is not empty, or else from the source.
    fn incremental_index(
        &self,
        name: BackupName,
        parts: &[Part],
        growth: &Growth<'_>,
    ) -> Result<Draft<'_>, Error> {
        let path = self.repository.index_path(name.stamp);
        let merged = indexes::draft_behind(self.ctx, self.repository, parts, growth, &|| self.draft(&path))?;
        if let Some(draft) = merged {
            return Ok(draft);
        }
        let end_pos = growth.extent.end_pos;
        let (index, extent) = indexes::of_source(self.ctx, self.source, &mut Problems::default())?;
        if extent.end_pos == end_pos {
            return indexes::draft_whole(self.draft(&path)?, &path, &index, end_pos);
        }
        // A transaction was finished meanwhile; the backup ends before it, and so must its index.
        let index = self.index_up_to(end_pos)?;
        indexes::draft_whole(self.draft(&path)?, &path, &index, end_pos)
    }

    fn index_up_to(&self, end_pos: u64) -> Result<Index, Error> {
        let mut index = Index::new();
        let head = vfs::Head::new(self.source.bytes(), end_pos);
        let scan =
            Boundary::start(&head).and_then(|start| filestorage::committed_end(&head, start, &mut index));
        scan.map_err(|error| self.source.error(error))?;
        Ok(index)
    }
}

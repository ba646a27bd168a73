//! A full backup, and what may go when it is made.

use super::Run;
use super::copying::{IfUnsound, New};
use crate::indexes::{self, Problems};
use crate::plan::{Decision, FullReason};
use crate::prune::{self, NewFull};
use crate::{BackupKind, BackupName, BackupOutcome, Error, Event, Notice, Part};
use filestorage::{Extent, Index, Nothing};
use vfs::publish::Draft;

impl Run<'_> {
    pub(super) fn full(&self, reason: FullReason) -> Result<BackupOutcome, Error> {
        if let (FullReason::Unsound(fault), Some(chain)) = (&reason, self.chain()) {
            let dat = self.repository.dat_path(chain.stamp());
            self.ctx.notice(Notice::NotBuiltUpon { dat, fault: fault.clone() });
        }
        self.ctx.tell(&Event::Planned(&Decision::Full(reason)));
        let name = self.new_name(BackupKind::Full)?;
        let (part, extent, damaged) = match self.full_in_one_pass(name)? {
            Some(made) => made,
            None => {
                let mut problems = Problems::default();
                let (index, extent) = indexes::of_source(self.ctx, self.source, &mut problems)?;
                self.full_of(name, &index, extent, &problems)?
            }
        };
        if self.request.kill_old && !damaged {
            // What older lists know of blobs is used for the new one.
            self.back_up_blobs()?;
            self.expect_no_other_blobs()?;
            self.kill_old(&part, extent)?;
        }
        Ok(BackupOutcome::Made(part))
    }

    /// A full that is scanned while it is copied; `None` if it turns out that not every byte of the source belongs to
    /// sound transactions: then its index or a scan has to say where they end. What was copied is gone then.
    fn full_in_one_pass(&self, name: BackupName) -> Result<Option<(Part, Extent, bool)>, Error> {
        let Some(extent) = indexes::likely_extent(self.source)? else { return Ok(None) };
        let (mut index, mut problems) = (Index::new(), Problems::default());
        let new = New::full(name, extent);
        self.ctx.tell(&Event::WritingIndex);
        let noting = &mut indexes::Noting { index: &mut index, problems: &mut problems };
        let copied = self.copy(&new, noting, IfUnsound::Stop)?;
        if copied.walk.finish() != Ok(extent.last) || index.check().is_err() {
            return Ok(None);
        }
        self.source.check_last(extent.last)?;
        self.tell_problems(&problems);
        self.tell_if_older(&extent);
        let index = self.whole_index(&new, &index)?;
        Ok(Some((self.settle(&new, copied, index, name.stamp, Vec::new())?, extent, false)))
    }

    /// A full of which the end and the index are known.
    fn full_of(
        &self,
        name: BackupName,
        index: &Index,
        extent: Extent,
        problems: &Problems,
    ) -> Result<(Part, Extent, bool), Error> {
        self.tell_tail(&extent);
        self.tell_problems(problems);
        let new = New::full(name, extent);
        self.ctx.tell(&Event::WritingIndex);
        let index = self.whole_index(&new, index)?;
        self.tell_if_older(&extent);
        let copied = self.copy(&new, &mut Nothing, IfUnsound::GoOn)?;
        let damaged = self.check_copied(&new, &copied.walk)?;
        Ok((self.settle(&new, copied, index, name.stamp, Vec::new())?, extent, damaged))
    }

    /// A draft of the index that a scan of the whole source gave.
    fn whole_index(&self, new: &New, index: &Index) -> Result<Draft<'_>, Error> {
        let path = self.repository.index_path(new.name.stamp);
        indexes::draft_whole(self.draft(&path)?, &path, index, new.extent.end_pos)
    }

    /// A database that ends before its backups do was cut, or restored from one of them.
    fn tell_if_older(&self, extent: &Extent) {
        let latest = self.chain().and_then(|chain| prune::latest_tid(self.ctx, self.repository, chain));
        if let Some(backup_tid) = latest.filter(|latest| extent.last_tid().is_none_or(|tid| tid < *latest)) {
            let (path, source_tid) = (self.source.path.clone(), extent.last_tid());
            self.ctx.notice(Notice::SourceOlder { path, source_tid, backup_tid });
        }
    }

    /// Of a blob that was cut the right one may be in the older backups alone.
    fn expect_no_other_blobs(&self) -> Result<(), Error> {
        let differs = self.blobs.get().is_some_and(|blobs| blobs.differing_count > 0);
        match self.survey.chains.iter().find(|chain| !chain.files.is_empty()) {
            Some(chain) if differs && !self.request.force => Err(Error::NotDeleted {
                path: self.repository.path_of(chain.full),
                reason: "a blob differs from that of an older backup, and only one of them is right",
            }),
            _ => Ok(()),
        }
    }

    fn kill_old(&self, part: &Part, extent: Extent) -> Result<(), Error> {
        let first =
            prune::first_transaction(self.source.bytes()).map_err(|error| self.source.error(error))?;
        let first = first.filter(|first| first.end_pos() <= part.end_pos);
        let new = NewFull { part: *part, first, last: extent.last };
        prune::remove_older(self.ctx, self.repository, self.survey, &new, self.request.force)
    }
}

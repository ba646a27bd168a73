//! The bytes of a new backup, from the source into a draft.

use super::Run;
use crate::copy::pump;
use crate::output::Output;
use crate::{BackupName, Error, Event, Notice, Phase, Sum, indexes};
use filestorage::{
    Extent, Problem, RecordData, RecordHeader, StreamWalker, TransactionHeader, Visitor, Walker,
};
use std::cell::Cell;
use std::path::Path;
use vfs::publish::Draft;

/// The place of a new backup.
pub(super) struct New {
    pub(super) name: BackupName,
    pub(super) start_pos: u64,
    pub(super) extent: Extent,
    /// Where the walk along the copied bytes begins.
    pub(super) walker: Walker,
}

impl New {
    /// All of the source.
    pub(super) fn full(name: BackupName, extent: Extent) -> New {
        New { name, start_pos: 0, extent, walker: Walker::new(filestorage::Magic::LEN, None, extent.end_pos) }
    }
}

/// The bytes of a new backup, in a draft.
pub(super) struct Copied<'fs> {
    pub(super) output: Output<'fs>,
    pub(super) sum: Sum,
    /// The walk along them.
    pub(super) walk: StreamWalker,
}

/// What a copy does behind a transaction that is not sound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IfUnsound {
    /// It is of use whatever it is: the index led past that place.
    GoOn,
    /// It is of no use.
    Stop,
}

/// Counts what it hands on.
struct Counting<'a> {
    visitor: &'a mut dyn Visitor,
    transaction_count: u64,
}

impl Visitor for Counting<'_> {
    fn transaction(&mut self, header: &TransactionHeader) {
        self.transaction_count += 1;
        self.visitor.transaction(header);
    }

    fn record(&mut self, header: &RecordHeader, data: RecordData) {
        self.visitor.record(header, data);
    }

    fn problem(&mut self, problem: Problem) {
        self.visitor.problem(problem);
    }
}

impl Run<'_> {
    /// Copies the bytes of the new backup from the source, walking along.
    pub(super) fn copy(
        &self,
        new: &New,
        visitor: &mut dyn Visitor,
        if_unsound: IfUnsound,
    ) -> Result<Copied<'_>, Error> {
        let (ctx, source) = (self.ctx, self.source);
        let (path, end_pos) = (self.repository.path_of(new.name), new.extent.end_pos);
        let len = end_pos - new.start_pos;
        ctx.tell(&Event::WritingBackup { name: new.name, len, path: &path });
        let mut output = Output::new(self.draft(&path)?, self.request.gzip);
        let mut walk = StreamWalker::new(new.walker.clone(), new.start_pos);
        let is_over = Cell::new(false);
        ctx.tell(&Event::Began { phase: Phase::BackingUp, total_len: Some(len) });
        let mut pieces = source.pieces(ctx, new.start_pos, end_pos);
        let next = |piece: &mut [u8]| if is_over.get() { Ok(0) } else { pieces(piece) };
        let mut counting = Counting { visitor, transaction_count: 0 };
        let (_, sum) = pump(next, |piece| {
            walk.feed(piece, &mut counting);
            is_over.set(if_unsound == IfUnsound::Stop && walk.has_stopped());
            output.append(piece)?;
            ctx.tell(&Event::Advanced(piece.len() as u64));
            Ok(())
        })?;
        ctx.tell(&Event::Ended);
        ctx.tell(&Event::Copied { transaction_count: counting.transaction_count });
        Ok(Copied { output, sum, walk })
    }

    /// What was copied must be what was scanned: sound transactions up to the end, the last one the same.
    /// Whether it is damaged, and was so before.
    pub(super) fn check_copied(&self, new: &New, walk: &StreamWalker) -> Result<bool, Error> {
        self.source.check_last(new.extent.last)?;
        match walk.finish() {
            Ok(last) if last.is_none() || last == new.extent.last => Ok(false),
            Ok(_) => Err(self.source.changed("its last transaction is another one")),
            // The index led past the damage; if it was there before, the copy is as true as it can be.
            Err(damage) => match indexes::damage_before(self.source, new.extent.end_pos)? {
                Some(same) if same.transaction_pos == damage.transaction_pos => {
                    self.ctx.notice(Notice::SourceDamage { path: self.source.path.clone(), damage });
                    Ok(true)
                }
                _ => Err(self.source.changed("a transaction in its middle is another one")),
            },
        }
    }

    /// A draft that those may read who may read the database.
    pub(super) fn draft(&self, path: &Path) -> Result<Draft<'_>, Error> {
        self.source.draft(self.ctx, path)
    }
}

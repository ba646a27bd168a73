//! A backup gets its names.

use super::Run;
use super::copying::{Copied, New};
use crate::copy::pump;
use crate::name::Companion;
use crate::part::PartStream;
use crate::reconcile::line_of;
use crate::repository::Survey;
use crate::{Chain, Dat, DatLine, DatState, Error, Event, Limit, Part, Phase, Stamp};
use vfs::Op;
use vfs::publish::{Draft, Finished};

impl Run<'_> {
    /// Publishes what was copied, with its index and its line.
    pub(super) fn settle(
        &self,
        new: &New,
        copied: Copied<'_>,
        index: Draft<'_>,
        chain: Stamp,
        mut lines: Vec<DatLine>,
    ) -> Result<Part, Error> {
        let Copied { output, sum, .. } = copied;
        let data = output.finish()?;
        let part = Part { name: new.name, start_pos: new.start_pos, end_pos: new.extent.end_pos, sum };
        if new.name.is_full() && self.request.kill_old {
            self.read_again(&data, &part)?;
        }
        let known = if new.name.is_full() { self.chain().map(Chain::lines) } else { Some(lines.as_slice()) };
        let known = known.map(<[DatLine]>::to_vec);
        lines.push(line_of(self.repository, &part));
        let mut dat = self.draft(&self.repository.dat_path(chain))?;
        dat.append(&Dat::render(&lines))?;
        let (index, dat) = (index.finish()?, dat.finish()?);
        self.ctx.interrupt.check()?;
        self.check_repository(known)?;
        self.publish(data, index, dat, new)?;
        Ok(part)
    }

    /// What was written must read as it was written, before older backups may go for it.
    fn read_again(&self, data: &Finished<'_>, part: &Part) -> Result<(), Error> {
        let ctx = self.ctx;
        ctx.tell(&Event::Began { phase: Phase::ReadingAgain, total_len: Some(part.len()) });
        let mut stream = PartStream::open_path(ctx.fs, data.path().to_owned(), part.name.gzip)?;
        let (len, sum) = pump(stream.pieces(ctx, u64::MAX), |piece| {
            ctx.tell(&Event::Advanced(piece.len() as u64));
            Ok(())
        })?;
        ctx.tell(&Event::Ended);
        if (len, sum) == (part.len(), part.sum) {
            return Ok(());
        }
        Err(Error::ReadsDifferently { path: self.repository.path_of(part.name) })
    }

    /// Nothing but renames and syncs of the directory: the commit point is the list's.
    fn publish(
        &self,
        data: Finished<'_>,
        index: Finished<'_>,
        dat: Finished<'_>,
        new: &New,
    ) -> Result<(), Error> {
        let dir = self.repository.dir();
        // If a rename fails, what this run gave a name is taken back: no list has it. A failed sync of the
        // directory is not a failed rename: the list may be there, and with it the backup.
        self.ctx.note_sync(data.publish_new()?, dir);
        let indexed = index.publish_new();
        let take_back = |error: vfs::Error, companions: &[String]| {
            for name in companions.iter().filter(|_| error.op == Op::Rename) {
                let _: Result<bool, _> = vfs::publish::remove(self.ctx.fs, &self.repository.path_of(name));
            }
            Error::from(error)
        };
        let (data_name, index_name) = (new.name.to_string(), Companion::Index(new.name.stamp).to_string());
        self.ctx.note_sync(indexed.map_err(|error| take_back(error, std::slice::from_ref(&data_name)))?, dir);
        let listed = if new.name.is_full() { dat.publish_new() } else { dat.publish_over() };
        let synced = listed.map_err(|error| take_back(error, &[data_name, index_name]))?;
        self.ctx.note_sync(synced, dir);
        Ok(())
    }

    /// Python's repozo takes no lock: what it wrote meanwhile must not be overwritten, nor built beside.
    /// Nor must it write: of the same second, it would put its file over ours.
    /// `known` is what the list of the newest chain has to have.
    fn check_repository(&self, known: Option<Vec<DatLine>>) -> Result<(), Error> {
        if let Some(path) = self.repository.python_draft(self.ctx) {
            return Err(Error::PythonRunning { path });
        }
        let now = self.repository.survey()?;
        let files =
            |survey: &Survey| survey.chains.iter().flat_map(|chain| chain.files.clone()).collect::<Vec<_>>();
        let lines = now.chain_at(&Limit::Newest).map(|chain| chain.lines().to_vec());
        if files(&now) == files(self.survey) && lines == known && now.strays == self.survey.strays {
            return Ok(());
        }
        if let Some(Chain { full, dat: DatState::Unreadable(reason), .. }) = now.chain_at(&Limit::Newest) {
            let (dat, reason) = (self.repository.dat_path(full.stamp), reason.clone());
            return Err(Error::ListUnreadable { dat, reason });
        }
        Err(Error::RepositoryChanged { dir: self.repository.dir().to_owned() })
    }
}

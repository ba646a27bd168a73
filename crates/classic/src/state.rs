use crate::recover::hold;
use crate::selection::select;
use crate::{ChainReader, Context, Error, Part, Repository, Sum};
use std::io;
use vfs::{Lock, ReadAt};

/// The database as it was backed up at some moment, to be looked into without a recovery.
///
/// While it is held, `-k` of another run leaves its files alone.
pub struct State<'a> {
    reader: ChainReader<'a>,
    _reading: Option<Box<dyn Lock>>,
}

impl<'a> State<'a> {
    /// The state at or before `date`, the newest without one. Every file of it has to be in the list.
    ///
    /// # Errors
    /// [`Error::BadDate`], those of a recovery `-w` that concern the files' names, and the system's.
    pub fn open(
        ctx: &Context<'a>,
        repository: &'a Repository<'a>,
        date: Option<&str>,
    ) -> Result<State<'a>, Error> {
        let survey = repository.survey()?;
        let limit = survey.limit(date)?;
        let held = survey.chain_at(&limit).map(|chain| chain.full);
        let reading = held.and_then(|full| hold(ctx, &repository.path_of(full)));
        // Only what is looked at under the lock is sure to stay.
        let survey = repository.survey()?;
        let selection = select(ctx, repository, &survey, &limit, true)?;
        let mut parts: Vec<Part> = Vec::new();
        for piece in &selection.pieces {
            let start_pos = parts.last().map_or(0, |part| part.end_pos);
            let end_pos = start_pos + piece.len.unwrap_or(0);
            parts.push(Part { name: piece.name, start_pos, end_pos, sum: piece.sum.unwrap_or(Sum::of(b"")) });
        }
        Ok(State { reader: ChainReader::new(ctx.fs, repository, &parts), _reading: reading })
    }
}

impl ReadAt for State<'_> {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.reader.read_at(pos, buf)
    }

    fn len(&self) -> io::Result<u64> {
        self.reader.len()
    }
}

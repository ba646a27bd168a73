use crate::recover::hold;
use crate::restore::Chosen;
use crate::timeline::Wanted;
use crate::{BackupName, ChainReader, Context, Error, Fault, Notice, Part, Repository};
use filestorage::Tid;
use std::io;
use vfs::{Head, Lock, ReadAt};

/// The database as it was at some moment, to be looked into without a recovery.
///
/// While it is held, `-k` of another run leaves its files alone.
pub struct State<'a> {
    bytes: Head<ChainReader<'a>>,
    pub(crate) repository: &'a Repository<'a>,
    /// The backups that it is in, and its last transaction, behind which they may go on.
    pub(crate) parts: Vec<Part>,
    pub(crate) last: Option<Tid>,
    _reading: Option<Box<dyn Lock>>,
}

impl<'a> State<'a> {
    /// The state that is wanted; what a pack took from it is told.
    ///
    /// # Errors
    /// As those of [`restore`](crate::restore()), as far as they are seen without reading all; a state that a pack took something
    /// from is none.
    pub fn open(
        ctx: &Context<'a>,
        repository: &'a Repository<'a>,
        wanted: Wanted,
    ) -> Result<State<'a>, Error> {
        let Chosen { found, lock } = Chosen::choose(ctx, repository, wanted)?;
        if let (true, Some(last)) = (found.is_packed(), found.last) {
            ctx.notice(Notice::PackedAway { tid: last.tid, full: repository.path_of(found.full()) });
        }
        let reader = ChainReader::new(ctx.fs, repository, &found.parts);
        let (bytes, last) = (Head::new(reader, found.end_pos), found.last_tid());
        Ok(State { bytes, repository, parts: found.parts, last, _reading: lock })
    }
}

/// The chains of a repository, oldest first, each as far as its files fit together, with the full that it begins with; and
/// whether that is all that there is: what is not is told.
///
/// # Errors
/// [`Error::NoFiles`], and what the system says.
pub fn chain_states<'a>(
    ctx: &Context<'a>,
    repository: &'a Repository<'a>,
) -> Result<(Vec<(BackupName, State<'a>)>, bool), Error> {
    let survey = repository.survey()?;
    if survey.chains.is_empty() {
        return Err(Error::NoFiles { before: None, covered: survey.covered() });
    }
    let (mut states, mut is_all) = (Vec::new(), survey.strays.is_empty());
    for chain in &survey.chains {
        let tiling = chain.tile();
        let unlisted = tiling.unlisted.first().map(|name| Fault::Unlisted(*name));
        if let Some(fault) = tiling.fault.or(unlisted) {
            is_all = false;
            let (path, reason) = (repository.path_of(chain.full), fault.to_string());
            ctx.notice(Notice::NotAll { path, reason });
        }
        if let Some(last) = tiling.parts.last() {
            let reading = hold(ctx, &repository.path_of(chain.full));
            let bytes = Head::new(ChainReader::new(ctx.fs, repository, &tiling.parts), last.end_pos);
            let (parts, last) = (tiling.parts, Some(Tid::new(u64::MAX)));
            states.push((chain.full, State { bytes, repository, parts, last, _reading: reading }));
        }
    }
    Ok((states, is_all))
}

impl ReadAt for State<'_> {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.bytes.read_at(pos, buf)
    }

    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }
}

//! Which data files make up the state at a moment, and in what order.

use crate::content::own_position_of;
use crate::part::PartStream;
use crate::reconcile::prove_place;
use crate::repository::Survey;
use crate::{
    BackupName, Chain, Context, DatLine, DatState, Error, Fault, Limit, Notice, Part, Repository, Stamp, Sum,
};
use std::collections::BTreeMap;

/// A data file that will be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) name: BackupName,
    /// How many bytes it must hold, if that is known.
    pub(crate) len: Option<u64>,
    /// Their sum, if that is known.
    pub(crate) sum: Option<Sum>,
}

impl Piece {
    pub(crate) fn of_part(part: &Part) -> Piece {
        Piece { name: part.name, len: Some(part.len()), sum: Some(part.sum) }
    }
}

/// The files of a state.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    /// The full of the chain: whoever reads the files holds a lock on it.
    pub(crate) full: BackupName,
    pub(crate) pieces: Vec<Piece>,
    /// What vouches for the pieces.
    pub(crate) trust: Trust,
}

/// What vouches for the files of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Its list.
    Listed,
    /// Nothing but what the files hold; other chains have their lists.
    Unlisted,
    /// The same, in a directory without any list: files that somebody copied there, of whatever content.
    NoListAtAll,
}

impl Selection {
    /// The pieces of a strict selection at their places.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for piece in &self.pieces {
            let start_pos = parts.last().map_or(0, |part| part.end_pos);
            let end_pos = start_pos + piece.len.unwrap_or(0);
            parts.push(Part { name: piece.name, start_pos, end_pos, sum: piece.sum.unwrap_or(Sum::of(b"")) });
        }
        parts
    }

    /// How many bytes all pieces hold, if that is known of each.
    pub(crate) fn total_len(&self) -> Option<u64> {
        self.pieces.iter().map(|piece| piece.len).sum()
    }
}

/// Selects the files of the state at `limit`; `strict` when every one must have a line.
///
/// # Errors
/// [`Error::NoFiles`], [`Error::NoFull`], [`Error::Chain`] where the files up to the limit do not fit
/// together; later faults do not matter.
pub(crate) fn select(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    survey: &Survey,
    limit: &Limit,
    strict: bool,
) -> Result<Selection, Error> {
    let Some(chain) = survey.chain_at(limit) else {
        return Err(match survey.strays.iter().find(|name| limit.includes(name.stamp)) {
            Some(stray) => Error::NoFull { path: repository.path_of(stray) },
            None => no_files(survey, limit),
        });
    };
    let dat = repository.dat_path(chain.stamp());
    if let DatState::Unreadable(reason) = &chain.dat {
        return Err(Error::Chain { dat, fault: Fault::Unreadable(reason.clone()) });
    }
    let files: Vec<BackupName> =
        chain.files.iter().copied().filter(|name| limit.includes(name.stamp)).collect();
    if chain.has_no_lines() {
        if files.first() != Some(&chain.full) {
            return Err(Error::Chain { dat, fault: Fault::Missing(chain.full) });
        }
        if strict {
            return Err(Error::NotListed { path: repository.path_of(chain.full), dat });
        }
        if let Some((chain, missing)) = misnamed(ctx, repository, survey, chain.full)? {
            let dat = repository.dat_path(chain.stamp());
            return Err(Error::Chain { dat, fault: Fault::Missing(missing) });
        }
        ctx.notice(Notice::Unchecked(dat));
        let pieces = files.into_iter().map(|name| Piece { name, len: None, sum: None }).collect();
        let has_lists = survey.chains.iter().any(|chain| !chain.has_no_lines());
        let trust = if has_lists { Trust::Unlisted } else { Trust::NoListAtAll };
        return Ok(Selection { full: chain.full, pieces, trust });
    }
    Laying::new(ctx, repository, chain, limit, strict)?.lay(&files)
}

/// The data file that a list names and that is not there, and its chain, when a full without a list holds just what
/// that file held: it got a wrong name, and is no newer backup.
///
/// That another chain misses a file says nothing else: a removal by Python's repozo may have been interrupted.
pub(crate) fn misnamed<'a>(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    survey: &'a Survey,
    full: BackupName,
) -> Result<Option<(&'a Chain, BackupName)>, Error> {
    let lines = survey.chains.iter().flat_map(|chain| chain.lines().iter().map(move |line| (chain, line)));
    for (chain, line) in lines {
        let Some(name) = line.name().filter(|name| ctx.fs.meta(&repository.path_of(*name)).is_err()) else {
            continue;
        };
        let stream = PartStream::open(ctx.fs, repository, full)?;
        // What cannot be read is told by who joins it.
        if let Ok(found) = stream.sum_within(ctx, line.len())
            && found == (line.len(), line.sum)
        {
            return Ok(Some((chain, name)));
        }
        ctx.interrupt.check()?;
    }
    Ok(None)
}

fn no_files(survey: &Survey, limit: &Limit) -> Error {
    let before = match limit {
        Limit::Newest => None,
        Limit::Date(date) => Some(date.clone()),
    };
    Error::NoFiles { before, covered: survey.covered() }
}

/// The name of a data file, and where its bytes start and end.
type Laid = (BackupName, u64, u64);

/// If lines in their order overlap: the names of those that lead to the end of the state, each starting where one
/// before it ends, from a full on.
///
/// The state is that of the backup which was `asked` for by its stamp. Else it is the longest one, not that of the last
/// name: Python's repozo chooses a name long before it sees where the database ends, and where its clock went back the
/// name is earlier than that of what it builds upon.
fn path_to_state(lines: &[Laid], asked: Option<Stamp>) -> Option<Vec<BackupName>> {
    if lines.windows(2).all(|pair| pair[0].2 <= pair[1].1) {
        return None;
    }
    let is_asked = |(_, line): &(usize, &Laid)| asked.is_some_and(|stamp| line.0.stamp == stamp);
    let longest = || lines.iter().enumerate().max_by_key(|(at, (_, _, end_pos))| (*end_pos, *at));
    let (last_at, &(last, mut start_pos, _)) = lines.iter().enumerate().rfind(is_asked).or_else(longest)?;
    let (earlier, later) = lines.split_at(last_at);
    let mut path = vec![last];
    for (name, earlier_start_pos, end_pos) in earlier.iter().rev().chain(later.iter().rev()) {
        if *end_pos == start_pos && *earlier_start_pos < start_pos {
            path.push(*name);
            start_pos = *earlier_start_pos;
        }
    }
    path.reverse();
    (start_pos == 0 && path.first().is_some_and(|name| name.is_full())).then_some(path)
}

/// Laying files end to end, in the order of their names, by the lines that there are.
struct Laying<'a> {
    ctx: &'a Context<'a>,
    repository: &'a Repository<'a>,
    chain: &'a Chain,
    strict: bool,
    /// The backup that the limit names to the second, if it does.
    asked: Option<Stamp>,
    /// Lines up to the limit, by name.
    lines: BTreeMap<BackupName, DatLine>,
    parts: Vec<Part>,
}

impl<'a> Laying<'a> {
    fn new(
        ctx: &'a Context<'a>,
        repository: &'a Repository<'a>,
        chain: &'a Chain,
        limit: &Limit,
        strict: bool,
    ) -> Result<Laying<'a>, Error> {
        let asked = match limit {
            Limit::Newest => None,
            Limit::Date(text) => Stamp::parse(text.as_bytes()),
        };
        let mut laying =
            Laying { ctx, repository, chain, strict, asked, lines: BTreeMap::new(), parts: Vec::new() };
        for (at, line) in chain.lines().iter().enumerate() {
            let name = line.name().ok_or_else(|| laying.fault(Fault::WrongName { number: at + 1 }))?;
            if name.is_full() && name != chain.full && name.stamp == chain.stamp() {
                return Err(laying.fault(Fault::Missing(name)));
            }
            if name.is_full() && name != chain.full {
                return Err(laying.fault(Fault::WrongName { number: at + 1 }));
            }
            if !limit.includes(name.stamp) {
                continue;
            }
            match laying.lines.insert(name, line.clone()) {
                Some(before) if before != *line => {
                    return Err(laying.fault(Fault::WrongName { number: at + 1 }));
                }
                _ => {}
            }
        }
        // Behind a line that cannot be read nothing is known; before it, everything is.
        if let DatState::Read(dat) = &chain.dat
            && let (Some(number), false) = (dat.bad_line, dat.torn)
            && chain.files.iter().any(|name| limit.includes(name.stamp) && !laying.lines.contains_key(name))
        {
            return Err(laying.fault(Fault::BadLine { number }));
        }
        Ok(laying)
    }

    fn fault(&self, fault: Fault) -> Error {
        Error::Chain { dat: self.repository.dat_path(self.chain.stamp()), fault }
    }

    fn end_pos(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.end_pos)
    }

    fn lay(mut self, files: &[BackupName]) -> Result<Selection, Error> {
        if let Some(missing) = self.lines.keys().find(|name| !self.is_there(files, **name)) {
            return Err(self.fault(Fault::Missing(*missing)));
        }
        let mut names: Vec<BackupName> = files.iter().chain(self.lines.keys()).copied().collect();
        self.sort(&mut names);
        names.dedup();
        self.leave_out_overlaps(&mut names);
        let mut pieces = Vec::new();
        for name in names {
            match self.lines.get(&name).cloned() {
                Some(line) => {
                    let part = self.lay_line(name, &line)?;
                    pieces.push(Piece::of_part(&part));
                    self.parts.push(part);
                }
                None => pieces.extend(self.lay_unlisted(name)?),
            }
        }
        // Whatever else there is, without its beginning it is no database.
        if pieces.first().is_none_or(|piece: &Piece| piece.name != self.chain.full) {
            let path = self.repository.path_of(self.chain.full);
            return Err(Error::NotListed { path, dat: self.repository.dat_path(self.chain.stamp()) });
        }
        Ok(Selection { full: self.chain.full, pieces, trust: Trust::Listed })
    }

    /// By stamp; of one second there are several where Python's repozo was run again: their list has them in order.
    fn sort(&self, names: &mut [BackupName]) {
        let lines = self.chain.lines().iter().enumerate();
        let numbers: BTreeMap<BackupName, usize> =
            lines.filter_map(|(number, line)| Some((line.name()?, number))).collect();
        names.sort_by_key(|name| (name.stamp, numbers.get(name).copied().unwrap_or(usize::MAX), *name));
    }

    /// Where Python's repozo and ours were at work at once, both may have backed up the same bytes. The state is what
    /// was asked for, or reaches farthest, and what that was built upon, if all of it is there and says itself where it
    /// belongs: a list that was damaged may look the same.
    fn leave_out_overlaps(&mut self, names: &mut Vec<BackupName>) {
        let line = |name: &BackupName| self.lines.get(name).map(|line| (*name, line.start_pos, line.end_pos));
        let lines: Vec<Laid> = names.iter().filter_map(line).collect();
        let Some(built_upon) = path_to_state(&lines, self.asked) else { return };
        let (kept, left_out): (Vec<Laid>, Vec<Laid>) =
            lines.into_iter().partition(|line| built_upon.contains(&line.0));
        // What holds nothing says nothing, and adds nothing.
        let mut saying = kept.iter().filter(|(_, start_pos, end_pos)| start_pos < end_pos);
        if !saying.all(|(name, start_pos, _)| self.says_its_place(*name, *start_pos)) {
            return;
        }
        for (name, start_pos, end_pos) in left_out {
            self.lines.remove(&name);
            names.retain(|other| *other != name);
            if start_pos < end_pos {
                self.ctx.notice(Notice::LeftOutOverlap(self.repository.path_of(name)));
            }
        }
        let places = names.iter_mut().filter(|name| self.lines.contains_key(*name));
        places.zip(built_upon).for_each(|(place, name)| *place = name);
    }

    /// Whether the first record of an incremental names the position where the file is to stand.
    fn says_its_place(&self, name: BackupName, start_pos: u64) -> bool {
        name.is_full() || own_position_of(self.ctx, self.repository, name) == Some(start_pos)
    }

    /// A line may be newer than the listing: a backup ended in between.
    fn is_there(&self, files: &[BackupName], name: BackupName) -> bool {
        files.contains(&name) || self.ctx.fs.meta(&self.repository.path_of(name)).is_ok()
    }

    fn lay_line(&self, name: BackupName, line: &DatLine) -> Result<Part, Error> {
        let (expected_pos, start_pos) = (self.end_pos(), line.start_pos);
        if start_pos > expected_pos {
            return Err(self.fault(Fault::Hole { name, expected_pos, start_pos }));
        }
        if start_pos < expected_pos {
            return Err(self.fault(Fault::Overlap { name, expected_pos, start_pos }));
        }
        Ok(Part { name, start_pos, end_pos: line.end_pos, sum: line.sum })
    }

    /// A file without a line: it may fill a hole before the next line exactly, or continue the whole. Else it
    /// is of a run that died and is no part of any backup.
    ///
    /// With every byte to be checked, what no line vouches for is not used; but if it proves its place, the list may
    /// have lost its last line, and what is left of it is not the newest state.
    fn lay_unlisted(&mut self, name: BackupName) -> Result<Option<Piece>, Error> {
        let path = self.repository.path_of(name);
        let next_pos = self.lines.range(name..).next().map(|(_, line)| line.start_pos);
        let found = match next_pos {
            Some(next_pos) if next_pos > self.end_pos() => self.fill(name, next_pos)?,
            Some(_) => None,
            None => match self.has_line_behind().then(|| self.chain.tile().fault) {
                Some(None) => None,
                Some(Some(fault)) => return Err(self.fault(fault)),
                None => match prove_place(self.ctx, self.repository, &self.parts, name) {
                    Err(error @ Error::Interrupted { .. }) => return Err(error),
                    // No backup that was acknowledged is missed without it.
                    proven => proven.ok().flatten(),
                },
            },
        };
        match found {
            Some(_) if self.strict => {
                Err(Error::NotListed { path, dat: self.repository.dat_path(self.chain.stamp()) })
            }
            Some(part) => {
                self.ctx.notice(Notice::UsedUnlisted(path));
                self.parts.push(part);
                Ok(Some(Piece::of_part(&part)))
            }
            None => {
                self.ctx.notice(Notice::LeftOutUnlisted(path));
                Ok(None)
            }
        }
    }

    /// Whether the list has a line behind the limit that continues what is laid so far. If the list fits together,
    /// no other file does.
    fn has_line_behind(&self) -> bool {
        let mut lines = self.chain.lines().iter().filter(|line| line.start_pos == self.end_pos());
        lines.any(|line| line.name().is_none_or(|name| !self.lines.contains_key(&name)))
    }

    fn fill(&self, name: BackupName, next_pos: u64) -> Result<Option<Part>, Error> {
        let start_pos = self.end_pos();
        let stream = PartStream::open(self.ctx.fs, self.repository, name)?;
        let (len, sum) = stream.sum_within(self.ctx, next_pos - start_pos)?;
        Ok((start_pos + len == next_pos).then_some(Part { name, start_pos, end_pos: next_pos, sum }))
    }
}

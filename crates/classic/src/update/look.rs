//! What a target has of a state, before anything is written.

use super::note::{GrowthNote, Noted};
use super::{Change, TargetCheck, Update, WhyReplaced, Wish};
use crate::compare::{Comparing, compare_listed};
use crate::place::Place;
use crate::plan::Compared;
use crate::source::Source;
use crate::timeline::{Wanted, find};
use crate::{Context, Error, Part, QuickCheck, Repository, quick};
use filestorage::{
    Boundary, Extent, Magic, Status, TransactionHeader, Visitor, committed_end, transaction_before,
};
use vfs::{Head, Op};

/// A target that is a beginning of the state, or has the state as its beginning, as far as was compared.
pub(super) struct Look<'a> {
    pub(super) target: Source,
    /// The files whose bytes it has whole; they were compared.
    pub(super) base: &'a [Part],
    /// The boundary behind them.
    pub(super) boundary: Boundary,
    /// Where the target ends.
    pub(super) extent: Extent,
    /// How many transactions it has behind the end of the state.
    pub(super) ahead_count: u64,
}

impl Look<'_> {
    /// What will become of it, if all else that it has agrees.
    pub(super) fn change(&self, end_pos: u64) -> Change {
        let from_pos = self.extent.end_pos;
        match from_pos.cmp(&end_pos) {
            std::cmp::Ordering::Less => Change::Grown { from_pos },
            std::cmp::Ordering::Equal => Change::Unchanged,
            std::cmp::Ordering::Greater => Change::CutBack { from_pos, transaction_count: self.ahead_count },
        }
    }
}

/// Whether a target can be brought to the state in its place.
pub(super) enum Looked<'a> {
    Fits(Look<'a>),
    Unfit(WhyReplaced),
}

/// Looks at the target, which is there.
///
/// # Errors
/// [`Error::TargetAhead`]; damaged backups; the system's.
pub(super) fn look<'a>(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    place: &Place,
    note: &GrowthNote,
    wish: &Wish<'a>,
    update: Update,
) -> Result<Looked<'a>, Error> {
    let target = Source::open(ctx, place.file())?;
    Looking { ctx, repository, wish, update, place }.look(target, note)
}

/// Refuses to have a target written as a whole whose last transaction is in no backup.
///
/// # Errors
/// [`Error::TargetAhead`]; the system's.
pub(super) fn refuse_unknown(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    place: &Place,
) -> Result<(), Error> {
    let target = Source::open(ctx, place.file())?;
    let end_pos = match GrowthNote::beside(place.file()).read(ctx, target.bytes())? {
        Noted::EndsAt(end_pos) => end_pos,
        _ => target.len,
    };
    if end_pos <= Magic::LEN {
        return Ok(());
    }
    let last = transaction_before(target.bytes(), end_pos).map_err(|error| target.error(error))?;
    refuse_if_unknown(ctx, repository, place, last)
}

fn refuse_if_unknown(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    place: &Place,
    last: Option<TransactionHeader>,
) -> Result<(), Error> {
    let Some(tid) = last.map(|last| last.tid) else { return Err(target_ahead(place, last)) };
    match find(ctx, repository, &repository.survey()?, Wanted::Transaction(tid)) {
        Ok(_) => Ok(()),
        Err(Error::NoTransaction { .. } | Error::NotCovered { .. }) => Err(target_ahead(place, last)),
        // It may be in what cannot be read now.
        Err(error) => Err(error),
    }
}

fn target_ahead(place: &Place, last: Option<TransactionHeader>) -> Error {
    Error::TargetAhead { path: place.given().to_owned(), last: last.map(|last| last.tid) }
}

struct Looking<'l, 'a> {
    ctx: &'l Context<'l>,
    repository: &'l Repository<'l>,
    wish: &'l Wish<'a>,
    update: Update,
    place: &'l Place,
}

impl<'a> Looking<'_, 'a> {
    fn look(&self, target: Source, note: &GrowthNote) -> Result<Looked<'a>, Error> {
        let name_count = self.name_count()?;
        if name_count > 1 {
            return Ok(Looked::Unfit(WhyReplaced::OtherNames { name_count }));
        }
        let limit_pos = match note.read(self.ctx, target.bytes())? {
            Noted::Nothing => target.len,
            Noted::EndsAt(end_pos) => {
                self.refuse_behind_note(&target)?;
                end_pos.min(target.len)
            }
            Noted::Unreadable => return Ok(damaged("what it has cannot be told from what an update left")),
        };
        let base = self.base(limit_pos);
        let boundary = match self.boundary(&target, base)? {
            Ok(boundary) => boundary,
            Err(why) => return Ok(Looked::Unfit(why)),
        };
        let mut ahead = Ahead { end_pos: self.wish.end_pos, count: 0 };
        let visible = Head::new(target.bytes(), limit_pos);
        let extent = match committed_end(&visible, boundary, &mut ahead) {
            Ok(extent) => extent,
            Err(filestorage::Error::Io(error)) => {
                return Err(vfs::Error::new(Op::Read, self.place.file(), error).into());
            }
            Err(error) => return Ok(damaged(error)),
        };
        let ahead_count = ahead.count;
        if let (true, Some(last)) = (self.update.keeps_unknown && ahead_count > 0, extent.last) {
            return Err(target_ahead(self.place, Some(last)));
        }
        // Less than one transaction is no beginning of anything.
        if extent.last.is_none() {
            return Ok(damaged("it has no transaction"));
        }
        Ok(Looked::Fits(Look { target, base, boundary, extent, ahead_count }))
    }

    /// Nobody should have gone on behind what is hidden; what would be lost is looked for all the same.
    fn refuse_behind_note(&self, target: &Source) -> Result<(), Error> {
        let last = transaction_before(target.bytes(), target.len).map_err(|error| target.error(error))?;
        match last.filter(|_| self.update.keeps_unknown) {
            Some(_) => refuse_if_unknown(self.ctx, self.repository, self.place, last),
            None => Ok(()),
        }
    }

    fn name_count(&self) -> Result<u64, Error> {
        let file = self.place.file();
        Ok(self.ctx.fs.meta(file).map_err(vfs::Error::at(Op::Stat, file))?.name_count)
    }

    /// The files of the state whose bytes the target may have whole.
    fn base(&self, limit_pos: u64) -> &'a [Part] {
        let limit_pos = limit_pos.min(self.wish.end_pos);
        let count = self.wish.parts.partition_point(|part| part.end_pos <= limit_pos);
        &self.wish.parts[..count]
    }

    /// The boundary behind the files that the target has whole, if it has.
    fn boundary(&self, target: &Source, base: &[Part]) -> Result<Result<Boundary, WhyReplaced>, Error> {
        let (ctx, repository) = (self.ctx, self.repository);
        if base.is_empty() {
            return Ok(match Boundary::start(target.bytes()) {
                Ok(boundary) => Ok(boundary),
                Err(filestorage::Error::Io(error)) => {
                    return Err(vfs::Error::new(Op::Read, &target.path, error).into());
                }
                Err(error) => Err(WhyReplaced::Damaged(error.to_string())),
            });
        }
        let Comparing { compared, damage, list_is_wrong, .. } = match self.update.check {
            TargetCheck::Whole => compare_listed(ctx, repository, target, base)?,
            TargetCheck::Quick => quick::compare(ctx, repository, target, base, QuickCheck::Places)?,
        };
        match (compared, damage) {
            (_, Some(damage)) => Err(damage),
            // The target may have been made of the very file whose sum is wrong: who reads all of it will say so.
            (Compared::Equal(_), _) if list_is_wrong || self.hides_one(target, base)? => {
                Ok(Err(WhyReplaced::Differs))
            }
            (Compared::Equal(boundary), _) => Ok(Ok(boundary)),
            _ => Ok(Err(WhyReplaced::Differs)),
        }
    }

    /// Whether a transaction where one of the files begins is voted and not finished: then the database ends there,
    /// however it goes on. A quick comparison may not have seen it.
    fn hides_one(&self, target: &Source, base: &[Part]) -> Result<bool, Error> {
        for part in base.iter().filter(|part| part.start_pos > 0 && !part.is_empty()) {
            let mut fixed = [0; TransactionHeader::FIXED_LEN];
            target.read_exact(part.start_pos, &mut fixed)?;
            if TransactionHeader::decode(part.start_pos, &fixed).status == Status::Voted {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn damaged<'a>(reason: impl ToString) -> Looked<'a> {
    Looked::Unfit(WhyReplaced::Damaged(reason.to_string()))
}

/// Counts the transactions behind the end of the state.
struct Ahead {
    end_pos: u64,
    count: u64,
}

impl Visitor for Ahead {
    fn transaction(&mut self, header: &TransactionHeader) {
        self.count += u64::from(header.pos >= self.end_pos);
    }
}

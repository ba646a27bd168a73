//! Bringing a database to a state of the backups in its place: only what it lacks is read and written, and what it has
//! too much is cut off. What is there changes with one byte, by [`InPlace`]; ZODB stops at a transaction whose status
//! says that it is voted and not finished, and cuts it off, with all behind it, before it writes.
//!
//! | growing | a crash leaves | healed by |
//! |---|---|---|
//! | the old unfinished end cut off, synced; an index of anything longer removed, synced | the old database | |
//! | the position of its end in `Data.fs.growing`, synced | the same, a note | the next update, or recovery |
//! | at most 22 bytes behind the end, synced; the rest with the status of a voted transaction, synced | the old database, and an end that no ZODB takes for a part of it | ZODB, or the next update: it knows the place from the note |
//! | draft of the index, synced | the same, a draft | the next update, or recovery |
//! | the true status of the first new transaction, synced (**the commit point**) | the new database; the old index is one of its beginning, and ZODB reads on behind it | |
//! | the index under its name; the note removed | the new database with its index | |
//!
//! | cutting | a crash leaves | healed by |
//! |---|---|---|
//! | draft of the index, synced | the old database, a draft | the next update, or recovery |
//! | the old index removed, directory synced | the old database without its index, which ZODB makes anew | ZODB |
//! | where it is to end, in `Data.fs.growing`, synced | the same, a note of a place where nothing is hidden | the next update, or recovery |
//! | the status of the first transaction that goes, synced (**the commit point**) | the new database, and an end that no ZODB takes for a part of it | ZODB, or the next update |
//! | the end cut off, synced; the index under its name; the note removed | the new database with its index | |

mod look;
mod note;

pub(crate) use note::GrowthNote;

use crate::indexes::{self, draft_behind, draft_merged, draft_whole};
use crate::joining::{Joined, Joining};
use crate::replacing::Replacing;
use crate::selection::{Piece, Selection, Trust};
use crate::{Context, Error, Event, Part, Repository};
use filestorage::{Boundary, Extent, Index, Status, TransactionHeader, committed_end};
use look::{Look, Looked, look, refuse_unknown};
use std::cell::Cell;
use std::fmt;
use vfs::publish::{Finished, Growth, InPlace, Veil};
use vfs::{Head, Op};

/// What hides a transaction and all that stands behind it.
const VEIL: Veil = Veil {
    byte: Status::VOTED,
    offset: TransactionHeader::STATUS_OFFSET,
    head_len: TransactionHeader::FIXED_LEN - 1,
};

/// How a database that is there is brought to a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update {
    /// How it is compared with the backups before.
    pub check: TargetCheck,
    /// Refuse what would lose transactions that no backup has.
    pub keeps_unknown: bool,
}

/// How a database is compared with the backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetCheck {
    /// Every byte.
    Whole,
    /// The last of the files that it has, and places of the others; what it has besides, byte by byte.
    Quick,
}

/// What became of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was written as a whole.
    Written,
    /// It was written as a whole, though an update was asked for.
    Replaced(WhyReplaced),
    /// It had that state.
    Unchanged,
    /// What it lacked was added.
    Grown {
        /// Where it ended, in bytes.
        from_pos: u64,
    },
    /// What it had behind the state was cut off.
    CutBack {
        /// Where it ended, in bytes.
        from_pos: u64,
        /// So many transactions.
        transaction_count: u64,
    },
}

/// Why a target is no beginning of the state, nor the state of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyReplaced {
    /// It has other content.
    Differs,
    /// It is damaged, or no database.
    Damaged(String),
    /// It has other names, which lead to what is kept.
    OtherNames {
        /// How many in all.
        name_count: u64,
    },
}

impl fmt::Display for WhyReplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyReplaced::Differs => {
                write!(f, "it is no earlier or later state of these backups (packed since, or another one)")
            }
            WhyReplaced::Damaged(reason) => write!(f, "it is not sound: {reason}"),
            WhyReplaced::OtherNames { name_count } => {
                write!(f, "it is one file with {name_count} names (hard links), which would all change")
            }
        }
    }
}

/// The state that a target is to have.
pub(crate) struct Wish<'a> {
    /// The files that it needs, from the full on.
    pub(crate) parts: &'a [Part],
    /// Where it ends, within the last one or with it.
    pub(crate) end_pos: u64,
}

/// What came of an update.
pub(crate) enum Updated {
    /// The target has the state.
    Done(Change),
    /// It has to be written as a whole.
    Impossible(WhyReplaced),
}

/// Brings the database at a place to a state; there is one.
///
/// # Errors
/// [`Error::TargetAhead`]; damaged backups; the system's. The target is then as it was before, unless the very last
/// sync failed.
pub(crate) fn update(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    replacing: &mut Replacing<'_>,
    wish: &Wish<'_>,
    update: Update,
) -> Result<Updated, Error> {
    replacing.lock_out()?;
    let note = GrowthNote::beside(replacing.place.file());
    let updated = match look(ctx, repository, &replacing.place, &note, wish, update)? {
        Looked::Fits(look) => {
            Updating { ctx, repository, replacing, wish, look, check: update.check, note }.run()?
        }
        Looked::Unfit(why) => Updated::Impossible(why),
    };
    if matches!(updated, Updated::Impossible(_)) && update.keeps_unknown {
        refuse_unknown(ctx, repository, &replacing.place)?;
    }
    Ok(updated)
}

/// What [`update`] would do, as far as it is seen without comparing what the target has behind the last whole file.
///
/// # Errors
/// As those of [`update`].
pub(crate) fn plan_update(
    ctx: &Context<'_>,
    repository: &Repository<'_>,
    place: &crate::place::Place,
    wish: &Wish<'_>,
    update: Update,
) -> Result<Change, Error> {
    let note = GrowthNote::beside(place.file());
    Ok(match look(ctx, repository, place, &note, wish, update)? {
        Looked::Fits(look) => look.change(wish.end_pos),
        Looked::Unfit(why) => Change::Replaced(why),
    })
}

struct Updating<'a> {
    ctx: &'a Context<'a>,
    repository: &'a Repository<'a>,
    replacing: &'a Replacing<'a>,
    wish: &'a Wish<'a>,
    look: Look<'a>,
    check: TargetCheck,
    note: GrowthNote,
}

/// The target has other bytes than the backups where they were compared last.
struct Differs;

impl Updating<'_> {
    fn run(self) -> Result<Updated, Error> {
        let (look, end_pos) = (&self.look, self.wish.end_pos);
        self.replacing.check_space(end_pos.saturating_sub(look.extent.end_pos) + end_pos / 10)?;
        let change = look.change(end_pos);
        let done = match change {
            Change::Grown { from_pos } => self.grow(from_pos)?,
            _ => self.cut(matches!(change, Change::CutBack { .. }))?,
        };
        Ok(match done {
            Ok(()) => Updated::Done(change),
            Err(Differs) => Updated::Impossible(WhyReplaced::Differs),
        })
    }

    fn grow(&self, from_pos: u64) -> Result<Result<(), Differs>, Error> {
        let file = self.replacing.place.file();
        let mut in_place = InPlace::open(self.ctx.fs, file, VEIL)?;
        if self.look.target.len > from_pos {
            in_place.cut(from_pos)?;
        }
        self.replacing.remove_later_indexes(from_pos)?;
        self.note.write(self.ctx, from_pos)?;
        let mut growth = in_place.grow(from_pos);
        let rest = self.rest(Some(&mut growth));
        let index = rest.and_then(|rest| match rest {
            Ok(newer) => self.index(newer).map(Ok),
            Err(differs) => Ok(Err(differs)),
        });
        let ready = index.and_then(|index| self.ctx.interrupt.check().map(|()| index));
        let Ok(Ok(index)) = ready else {
            self.give_up(growth);
            return ready.map(|differs| differs.map(|_| ()));
        };
        let grown = growth.finish()?;
        if !self.is_alone(from_pos)? {
            // Whoever wrote there meanwhile was not kept out by the lock of any name that is known here.
            grown.leave();
            return Err(Error::TargetChanged { path: self.replacing.place.given().to_owned() });
        }
        grown.reveal()?;
        self.replacing.publish_index(index)?;
        self.note.remove(self.ctx)?;
        Ok(Ok(()))
    }

    /// Whether the file is still as this run has written it, as far as its length and the first new header tell.
    fn is_alone(&self, from_pos: u64) -> Result<bool, Error> {
        let (target, mut fixed) = (&self.look.target, [0; TransactionHeader::FIXED_LEN]);
        let read_len = target.read_up_to(from_pos, &mut fixed)?;
        let is_hidden = TransactionHeader::decode(from_pos, &fixed).status == Status::Voted;
        let len = target.bytes().len().map_err(vfs::Error::at(Op::Stat, &target.path))?;
        Ok(read_len == fixed.len() && is_hidden && len == self.wish.end_pos)
    }

    /// The note goes only when what it is of has gone; why it is given up matters more than that this fails.
    fn give_up(&self, growth: Growth<'_>) {
        if growth.give_up().is_ok() {
            let _ = self.note.remove(self.ctx);
        }
    }

    /// Leaves what the target has up to the end of the state; `hides` if transactions go.
    fn cut(&self, hides: bool) -> Result<Result<(), Differs>, Error> {
        let Ok(newer) = self.rest(None)? else { return Ok(Err(Differs)) };
        let (place, end_pos) = (&self.replacing.place, self.wish.end_pos);
        let is_longer = self.look.target.len > end_pos;
        if !is_longer && self.note.may_be_there(self.ctx) {
            // Of an update that was killed the last change may not be on the disk.
            InPlace::open(self.ctx.fs, place.file(), VEIL)?.settle()?;
        }
        if !is_longer && self.has_index(&newer) {
            self.note.remove(self.ctx)?;
            return Ok(Ok(()));
        }
        let index = self.index(newer)?;
        self.ctx.interrupt.check()?;
        if is_longer {
            let mut in_place = InPlace::open(self.ctx.fs, place.file(), VEIL)?;
            self.replacing.remove_indexes()?;
            if hides {
                // A note of what an update left there would be lost.
                if self.look.target.len > self.look.extent.end_pos {
                    in_place.cut(self.look.extent.end_pos)?;
                }
                self.note.write(self.ctx, end_pos)?;
                in_place.hide(end_pos)?;
            }
            in_place.cut(end_pos)?;
            in_place.close()?;
        }
        self.replacing.publish_index(index)?;
        self.note.remove(self.ctx)?;
        Ok(Ok(()))
    }

    /// Goes through what stands behind the files that the target has whole: what it has of that is compared, and what it
    /// has not goes into `growth`. The objects that changed there.
    fn rest(&self, mut growth: Option<&mut Growth<'_>>) -> Result<Result<Index, Differs>, Error> {
        let Look { base, boundary, target, extent, .. } = &self.look;
        let pieces: Vec<Piece> = self.wish.parts[base.len()..].iter().map(Piece::of_part).collect();
        let Some(first) = self.wish.parts.first().filter(|_| !pieces.is_empty()) else {
            return Ok(Ok(Index::new()));
        };
        let selection = Selection { full: first.name, pieces, trust: Trust::Listed };
        let joining = Joining {
            ctx: self.ctx,
            repository: self.repository,
            selection: &selection,
            with_verify: true,
            tell_sum: false,
            cut_pos: Some(self.wish.end_pos),
            behind: (!base.is_empty()).then_some(*boundary),
        };
        let (mut pos, differs) = (base.last().map_or(0, |part| part.end_pos), Cell::new(false));
        let mut theirs = Vec::new();
        let joined = joining.join(&mut |bytes| {
            let (here, new) = split_at_pos(bytes, pos, extent.end_pos);
            theirs.resize(here.len(), 0);
            target.read_exact(pos, &mut theirs)?;
            if here != theirs {
                differs.set(true);
                return Err(target.changed("it is another one"));
            }
            pos += bytes.len() as u64;
            match &mut growth {
                Some(growth) if !new.is_empty() => Ok(growth.append(new)?),
                _ => Ok(()),
            }
        });
        if differs.get() {
            return Ok(Err(Differs));
        }
        self.sound(joined?).map(Ok)
    }

    fn sound(&self, joined: Joined) -> Result<Index, Error> {
        let full = || {
            self.wish.parts.first().map_or_else(Default::default, |part| self.repository.path_of(part.name))
        };
        match joined.unsound {
            Some(reason) => Err(Error::Unsound { full: full(), reason }),
            None => Ok(joined.index.unwrap_or_default()),
        }
    }

    /// Whether the index beside the target is one of the state.
    fn has_index(&self, newer: &Index) -> bool {
        let (path, end_pos) = (&self.replacing.place.index, self.wish.end_pos);
        match self.check {
            TargetCheck::Quick => crate::content::check_index_end(self.ctx, path, end_pos).is_ok(),
            TargetCheck::Whole => self.whole_index(newer).is_ok_and(|truth| {
                crate::content::check_index(self.ctx, path, end_pos, Some(&truth)).is_ok()
            }),
        }
    }

    /// A synced draft of the index of the state.
    fn index(&self, mut newer: Index) -> Result<Finished<'_>, Error> {
        self.ctx.tell(&Event::WritingIndex);
        let Look { base, boundary, target, .. } = &self.look;
        let new_draft = || self.replacing.draft_index();
        let (path, end_pos) = (&self.replacing.place.index, self.wish.end_pos);
        if self.check == TargetCheck::Quick && !base.is_empty() {
            let extent = Extent { end_pos, last: None, tail: None };
            let mut growth = indexes::Growth { data: target.bytes(), boundary: *boundary, newer, extent };
            // Its own is what a server would go by: where that was right, an index in the repository that rotted does no harm.
            if let Some(end) = self.end_of_target()? {
                growth.boundary = end;
                if let Some(draft) = draft_merged(self.ctx, path, &growth, new_draft()?)? {
                    return self.replacing.finish(draft);
                }
                growth.boundary = *boundary;
            }
            if let Some(draft) = draft_behind(self.ctx, self.repository, base, &growth, &new_draft)? {
                return self.replacing.finish(draft);
            }
            newer = growth.newer;
        }
        let whole = self.whole_index(&newer)?;
        self.replacing.finish(draft_whole(new_draft()?, path, &whole, end_pos)?)
    }

    /// The boundary where the target ends, if all of it stays.
    fn end_of_target(&self) -> Result<Option<Boundary>, Error> {
        let Look { target, extent, .. } = &self.look;
        if extent.end_pos > self.wish.end_pos {
            return Ok(None);
        }
        Boundary::at(target.bytes(), extent.end_pos).map_err(|error| target.error(error))
    }

    /// The index of all that the target has, by a walk along it, and of what is newer.
    fn whole_index(&self, newer: &Index) -> Result<Index, Error> {
        let Look { base, boundary, target, .. } = &self.look;
        let mut index = Index::new();
        if !base.is_empty() {
            let head = Head::new(target.bytes(), boundary.pos());
            let walked = Boundary::start(&head).and_then(|start| committed_end(&head, start, &mut index));
            walked.map_err(|error| target.error(error))?;
        }
        let inserted = newer.iter().try_for_each(|(oid, pos)| index.insert(oid, pos).map(|_| ()));
        inserted.and_then(|()| index.check()).map_err(|error| target.error(error))?;
        Ok(index)
    }
}

/// Bytes that stand at `pos`: those before `end_pos`, and the others.
fn split_at_pos(bytes: &[u8], pos: u64, end_pos: u64) -> (&[u8], &[u8]) {
    let here_len = usize::try_from(end_pos.saturating_sub(pos)).unwrap_or(usize::MAX);
    bytes.split_at(here_len.min(bytes.len()))
}

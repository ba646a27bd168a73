//! What each object is and refers to, held in memory, and what of that the root leads to.

use crate::{Amount, Error};
use filestorage::{Index, Oid};
use integer_encoding::VarInt;

/// The first byte of a note.
const UNREACHED: u8 = 0;
const REACHED: u8 = 1;

/// Notes on the objects of one span.
///
/// A note is a byte that says whether the root leads to the object; and then, as numbers of as many bytes as they need:
/// its class, its length, the difference of each oid that it refers to, and 0: a reference to itself leads nowhere.
#[derive(Default)]
pub(crate) struct LinksPart {
    notes: Vec<u8>,
    places: Vec<(Oid, u64)>,
    targets: Vec<Oid>,
}

impl LinksPart {
    /// The object that is noted next refers to this one.
    pub(crate) fn refer(&mut self, target: Oid) {
        self.targets.push(target);
    }

    /// Notes an object, with the references since the one before.
    pub(crate) fn note(&mut self, oid: Oid, class: u32, len: u64) {
        self.targets.sort_unstable();
        self.targets.dedup();
        self.targets.retain(|target| *target != oid);
        self.places.push((oid, self.notes.len() as u64));
        self.notes.push(UNREACHED);
        push(&mut self.notes, class);
        push(&mut self.notes, len);
        for target in self.targets.drain(..) {
            push(&mut self.notes, target.number().wrapping_sub(oid.number()).cast_signed());
        }
        push(&mut self.notes, 0_u64);
    }
}

fn push(notes: &mut Vec<u8>, number: impl VarInt) {
    let start = notes.len();
    notes.resize(start + number.required_space(), 0);
    number.encode_var(&mut notes[start..]);
}

/// Notes on all objects. Memory: about 12 bytes an object and 2 or 3 a reference.
#[derive(Default)]
pub(crate) struct Links {
    parts: Vec<Part>,
    /// Where the note of each object is, counted through all parts.
    places: Index,
    notes_len: u64,
}

/// An object that is reached, and where its references are, which were not followed yet.
struct Waiting {
    oid: Oid,
    pos: u64,
}

struct Part {
    start_pos: u64,
    notes: Vec<u8>,
    /// What the numbers of its classes are outside of it.
    classes: Vec<u32>,
}

impl Links {
    /// Notes on other objects; `classes` says what the numbers in them are here.
    ///
    /// # Errors
    /// Where there is more than 2^48 bytes of them.
    pub(crate) fn add(&mut self, mut part: LinksPart, classes: Vec<u32>) -> Result<(), Error> {
        for (oid, pos) in &part.places {
            self.places.insert(*oid, self.notes_len + pos)?;
        }
        let start_pos = self.notes_len;
        self.notes_len += part.notes.len() as u64;
        part.notes.shrink_to_fit();
        self.parts.push(Part { start_pos, notes: part.notes, classes });
        Ok(())
    }

    /// What the root does not lead to, by the numbers of the classes.
    pub(crate) fn unreachable(mut self) -> Vec<Amount> {
        self.reach();
        let mut found = Vec::new();
        for part in &self.parts {
            part.unreachable(&mut found);
        }
        found
    }

    /// Marks what the root leads to.
    fn reach(&mut self) {
        let (mut waiting, mut targets) = (Vec::new(), vec![Oid::ROOT]);
        loop {
            // All at once, because the processor waits for several of them together.
            waiting.extend(targets.drain(..).filter_map(|target| self.mark(target)));
            let Some(Waiting { oid, pos }) = waiting.pop() else { return };
            if let Some(note) = self.note(pos) {
                let mut rest = Note(note);
                targets.extend(std::iter::from_fn(|| rest.target(oid)));
            }
        }
    }

    /// Marks an object, unless it is marked.
    fn mark(&mut self, oid: Oid) -> Option<Waiting> {
        let pos = self.places.get(oid)?;
        let note = self.note(pos)?;
        if std::mem::replace(&mut note[0], REACHED) == REACHED {
            return None;
        }
        let mut rest = Note(&note[1..]);
        let (_class, _len) = (rest.number(), rest.number());
        let head_len = note.len() - rest.0.len();
        Some(Waiting { oid, pos: pos + head_len as u64 })
    }

    /// The note at this place, and what follows.
    fn note(&mut self, pos: u64) -> Option<&mut [u8]> {
        let at = self.parts.partition_point(|part| part.start_pos <= pos).checked_sub(1)?;
        let part = self.parts.get_mut(at)?;
        let offset = usize::try_from(pos - part.start_pos).ok()?;
        part.notes.get_mut(offset..).filter(|note| !note.is_empty())
    }
}

impl Part {
    fn unreachable(&self, found: &mut Vec<Amount>) {
        let mut rest = Note(&self.notes);
        while let Some(mark) = rest.byte() {
            let (class, len) = (rest.number(), rest.number());
            while rest.number() != 0 {}
            let class = usize::try_from(class).ok().and_then(|class| self.classes.get(class));
            if mark == UNREACHED
                && let Some(class) = class.and_then(|class| usize::try_from(*class).ok())
            {
                found.resize(found.len().max(class + 1), Amount::default());
                found[class] += Amount::one(len);
            }
        }
    }
}

/// The rest of a note that was written here.
struct Note<'n>(&'n [u8]);

impl Note<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> u64 {
        self.take()
    }

    /// One of those that this object refers to; `None` behind the last.
    fn target(&mut self, oid: Oid) -> Option<Oid> {
        let difference: i64 = self.take();
        (difference != 0).then(|| Oid::new(oid.number().wrapping_add(difference.cast_unsigned())))
    }

    fn take<N: VarInt + Default>(&mut self) -> N {
        let (number, len) = N::decode_var(self.0).unwrap_or_default();
        self.0 = self.0.get(len..).unwrap_or_default();
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(number: u64) -> Oid {
        Oid::new(number)
    }

    /// Objects of one class, each one byte longer than the one before; who refers to whom.
    fn links(parts: &[&[(u64, &[u64])]]) -> Links {
        let mut links = Links::default();
        let mut len = 0;
        for objects in parts {
            let mut part = LinksPart::default();
            for (from, targets) in *objects {
                targets.iter().for_each(|target| part.refer(oid(*target)));
                len += 1;
                part.note(oid(*from), 0, len);
            }
            links.add(part, vec![3]).unwrap();
        }
        links
    }

    #[test]
    fn what_the_root_does_not_lead_to_is_told() {
        let far = u64::MAX;
        for (parts, expected) in [
            (&[&[(0, &[1_u64, 1, far][..]), (1, &[0])][..], &[(far, &[1])]][..], (0, 0)),
            // A ring apart, and who refers to what is reached.
            (&[&[(0, &[1]), (1, &[])], &[(5, &[6]), (6, &[5]), (7, &[1])]], (3, 3 + 4 + 5)),
            // To itself, and to nothing that is there.
            (&[&[(0, &[0, 9])], &[(8, &[8])]], (1, 2)),
            // Without a root nothing is reached.
            (&[&[(1, &[2]), (2, &[1])]], (2, 3)),
            (&[&[]], (0, 0)),
        ] {
            let found = links(parts).unreachable();
            let amount = found.get(3).copied().unwrap_or_default();
            assert_eq!((amount.count, amount.len), expected, "{parts:?}");
            assert!(found.iter().take(3).all(|amount| *amount == Amount::default()));
        }
    }
}

//! Stretches of sound transactions, which several threads go through once more.

use crate::Error;
use crate::data::MetRecord;
use crate::sweep::{Cause, LostSpan, Met, Sweep};
use filestorage::{Boundary, Step};
use rayon::prelude::*;
use vfs::{Head, ReadAt};

/// Long enough to be worth a thread's while, short enough that there is one for each.
const SPAN_LEN: u64 = 4 << 20;
/// How many a thread goes through before all wait for each other. What is found in all of them is held so long: where each
/// of many small records is broken, that is several times their own length.
const SPANS_EACH: usize = 4;

/// Sound transactions that stand one behind the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    start: Boundary,
    end_pos: u64,
}

/// The spans of a file, while a sweep goes along.
pub(crate) struct Spans {
    done: Vec<Span>,
    /// Where the one begins that is not done, and how far it reaches; nothing behind the last sound transaction.
    open: Option<(Boundary, Boundary)>,
}

impl Spans {
    /// None yet; the first one begins at `start`.
    pub(crate) fn from(start: Boundary) -> Spans {
        Spans { done: Vec::new(), open: Some((start, start)) }
    }

    /// A transaction was met, and ends there.
    pub(crate) fn reach(&mut self, end: Option<Boundary>) {
        let (Some((start, reached)), Some(end)) = (&mut self.open, end) else { return };
        *reached = end;
        if end.pos() - start.pos() >= SPAN_LEN {
            self.go_on_at(Some(end));
        }
    }

    /// What comes next begins there, if anything does.
    pub(crate) fn go_on_at(&mut self, next: Option<Boundary>) {
        if let Some((start, reached)) = self.open
            && start.pos() < reached.pos()
        {
            self.done.push(Span { start, end_pos: reached.pos() });
        }
        self.open = next.map(|next| (next, next));
    }

    /// All that were met, in the order of the file.
    pub(crate) fn into_all(mut self) -> Vec<Span> {
        self.go_on_at(None);
        self.done
    }
}

/// Hands every record to `look`, on all cores where that is worth it, and then what it made of each span to `each`, in the
/// order of the file.
///
/// # Errors
/// The medium's, and those of both.
pub(crate) fn look_at_records<T: Default + Send>(
    source: &dyn ReadAt,
    spans: &[Span],
    look: impl Fn(&mut T, &mut MetRecord<'_, '_>) -> Result<(), Error> + Sync,
    mut each: impl FnMut(T) -> Result<(), Error>,
) -> Result<(), Error> {
    let of_span = |span: &Span| -> Result<T, Error> {
        let head = Head::new(source, span.end_pos);
        let (mut sweep, mut found) = (Sweep::again(&head, span.start)?, T::default());
        loop {
            match sweep.step()? {
                Met::Step(Step::Record(header, data)) => {
                    look(&mut found, &mut MetRecord { source, near: Some(&mut sweep), header, data })?;
                }
                Met::Step(_) => {}
                Met::End(Some(extent)) if extent.end_pos == span.end_pos => return Ok(found),
                // It was sound before, so somebody has written over it since.
                Met::Lost(LostSpan { cause: Cause::Damage(damage), .. }) => {
                    return Err(filestorage::Error::Damage(damage).into());
                }
                Met::Lost(_) | Met::End(_) => {
                    return Err(
                        filestorage::Error::Shrunk { pos: span.end_pos, end_pos: source.len()? }.into()
                    );
                }
            }
        }
    };
    let total_len: u64 = spans.iter().map(|span| span.end_pos - span.start.pos()).sum();
    if total_len < 2 * SPAN_LEN {
        return spans.iter().try_for_each(|span| each(of_span(span)?));
    }
    // What is found is held until it is its turn, so not all go at once; what was found in some is taken while the next ones
    // are gone through.
    let mut found: Vec<Result<T, Error>> = Vec::new();
    for some in spans.chunks(SPANS_EACH * rayon::current_num_threads()) {
        let mut next = Vec::new();
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| some.par_iter().map(of_span).collect_into_vec(&mut next));
            found.drain(..).try_for_each(|found| each(found?))
        })?;
        found = next;
    }
    found.into_iter().try_for_each(|found| each(found?))
}

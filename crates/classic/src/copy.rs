//! Bytes on their way: one thread reads and writes, another one sums.

use crate::sum::Summing;
use crate::{Error, Sum};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

/// Large enough to make system calls rare, small enough to stay in the cache of a core.
pub(crate) const PIECE_LEN: usize = 1 << 18;
/// The first piece: most files are small, and need no more.
const FIRST_PIECE_LEN: usize = 1 << 16;
/// How many pieces may wait to be summed.
const QUEUE_COUNT: usize = 16;

/// Pulls pieces from `next` until it gives an empty one, hands each to `each`, and sums all of them; how many bytes
/// there were, and their sum.
///
/// `next` fills the buffer it is given and says how much of it; the buffers grow to [`PIECE_LEN`]. The first piece is
/// summed here, and for most increments it is the only one; those behind it are summed on a thread beside.
///
/// # Errors
/// The first of `next` or `each`.
pub(crate) fn pump(
    next: impl FnMut(&mut [u8]) -> Result<usize, Error>,
    each: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(u64, Sum), Error> {
    std::thread::scope(|scope| {
        let (len, sum) = pump_within(scope, QUEUE_COUNT, next, each)?;
        Ok((len, sum.wait()))
    })
}

/// A sum of bytes that all went by.
pub(crate) enum PendingSum<'scope> {
    Made(Sum),
    Running(ScopedJoinHandle<'scope, Sum>),
}

impl PendingSum<'_> {
    /// Whether [`PendingSum::wait`] need not wait.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            PendingSum::Made(_) => true,
            PendingSum::Running(thread) => thread.is_finished(),
        }
    }

    /// The sum.
    pub(crate) fn wait(self) -> Sum {
        match self {
            PendingSum::Made(sum) => sum,
            PendingSum::Running(thread) => {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
        }
    }
}

/// [`pump`] that does not wait for the sum, and goes on while up to `queue_count` pieces wait for it.
///
/// # Errors
/// The first of `next` or `each`.
pub(crate) fn pump_within<'scope>(
    scope: &'scope Scope<'scope, '_>,
    queue_count: usize,
    mut next: impl FnMut(&mut [u8]) -> Result<usize, Error>,
    mut each: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(u64, PendingSum<'scope>), Error> {
    let mut summing = Summing::default();
    let mut pieces = Pieces::default();
    let Some(first) = pieces.fill(&mut next)? else { return Ok((0, PendingSum::Made(summing.finish()))) };
    each(&first)?;
    summing.add(&first);
    let mut len = first.len() as u64;
    pieces.lend(first);
    let Some(mut piece) = pieces.fill(&mut next)? else {
        return Ok((len, PendingSum::Made(summing.finish())));
    };
    let (sender, receiver) = sync_channel(queue_count);
    // An error drops the sender, and that ends the thread.
    let thread = scope.spawn(move || sum_all(summing, &receiver));
    loop {
        len += piece.len() as u64;
        send(&sender, &piece);
        each(&piece)?;
        pieces.lend(piece);
        match pieces.fill(&mut next)? {
            Some(filled) => piece = filled,
            None => return Ok((len, PendingSum::Running(thread))),
        }
    }
}

fn send(sender: &SyncSender<Arc<Vec<u8>>>, piece: &Arc<Vec<u8>>) {
    // The receiver lives until the sender is dropped; if it panicked, the join tells.
    let _ = sender.send(Arc::clone(piece));
}

fn sum_all(mut summing: Summing, pieces: &Receiver<Arc<Vec<u8>>>) -> Sum {
    for piece in pieces {
        summing.add(&piece);
    }
    summing.finish()
}

/// Buffers that are used again once the summing thread has let go of them.
struct Pieces {
    lent: std::collections::VecDeque<Arc<Vec<u8>>>,
    /// How long the next one is.
    next_len: usize,
}

impl Default for Pieces {
    fn default() -> Pieces {
        Pieces { lent: std::collections::VecDeque::new(), next_len: FIRST_PIECE_LEN }
    }
}

impl Pieces {
    /// The next piece; `None` at the end.
    fn fill(
        &mut self,
        next: &mut impl FnMut(&mut [u8]) -> Result<usize, Error>,
    ) -> Result<Option<Arc<Vec<u8>>>, Error> {
        let mut piece = self.take();
        let read_len = next(&mut piece)?;
        piece.truncate(read_len);
        Ok((read_len > 0).then(|| Arc::new(piece)))
    }

    /// One of so many bytes, of whatever content; four times as many as the one before.
    fn take(&mut self) -> Vec<u8> {
        let len = self.next_len;
        self.next_len = (len * 4).min(PIECE_LEN);
        match self.lent.front() {
            Some(oldest) if Arc::strong_count(oldest) == 1 => {
                let mut piece = self.lent.pop_front().and_then(Arc::into_inner).unwrap_or_default();
                piece.resize(len, 0);
                piece
            }
            // Memory that comes as zeros costs nothing until it is written to.
            _ => vec![0; len],
        }
    }

    fn lend(&mut self, piece: Arc<Vec<u8>>) {
        self.lent.push_back(piece);
    }
}

/// A buffer to read what should be `expected_len` bytes: long enough to see that there are more, and no longer
/// than [`PIECE_LEN`].
pub(crate) fn buffer_for(expected_len: u64) -> Vec<u8> {
    let len = usize::try_from(expected_len.saturating_add(1)).unwrap_or(PIECE_LEN);
    vec![0; len.min(PIECE_LEN)]
}

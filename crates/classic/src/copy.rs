//! Bytes on their way: one thread reads and writes, another one sums.

use crate::sum::Summing;
use crate::{Error, Sum};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Large enough to make system calls rare, small enough to stay in the cache of the core that sums.
pub(crate) const PIECE_LEN: usize = 1 << 20;
/// How many pieces may wait to be summed.
const QUEUE_COUNT: usize = 4;

/// Pulls pieces from `next` until it gives an empty one, hands each to `each`, and sums all of them; how many bytes
/// there were, and their sum.
///
/// `next` fills the buffer it is given and says how much of it. The first piece is summed here, and for most
/// increments it is the only one; those behind it are summed on a thread beside.
///
/// # Errors
/// The first of `next` or `each`.
pub(crate) fn pump(
    mut next: impl FnMut(&mut [u8]) -> Result<usize, Error>,
    mut each: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(u64, Sum), Error> {
    let mut summing = Summing::default();
    let mut pieces = Pieces::default();
    let Some(first) = pieces.fill(&mut next)? else { return Ok((0, summing.finish())) };
    each(&first)?;
    summing.add(&first);
    let mut len = first.len() as u64;
    pieces.lend(first);
    let Some(mut piece) = pieces.fill(&mut next)? else { return Ok((len, summing.finish())) };
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(QUEUE_COUNT);
        let summing = scope.spawn(move || sum_all(summing, &receiver));
        loop {
            len += piece.len() as u64;
            send(&sender, &piece);
            each(&piece)?;
            pieces.lend(piece);
            match pieces.fill(&mut next)? {
                Some(filled) => piece = filled,
                None => break,
            }
        }
        drop(sender);
        let sum = summing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((len, sum))
    })
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
#[derive(Default)]
struct Pieces(std::collections::VecDeque<Arc<Vec<u8>>>);

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

    /// One of [`PIECE_LEN`] bytes, of whatever content.
    fn take(&mut self) -> Vec<u8> {
        match self.0.front() {
            Some(oldest) if Arc::strong_count(oldest) == 1 => {
                let mut piece = self.0.pop_front().and_then(Arc::into_inner).unwrap_or_default();
                piece.resize(PIECE_LEN, 0);
                piece
            }
            // Memory that comes as zeros costs nothing until it is written to.
            _ => vec![0; PIECE_LEN],
        }
    }

    fn lend(&mut self, piece: Arc<Vec<u8>>) {
        self.0.push_back(piece);
    }
}

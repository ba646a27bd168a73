//! Bytes on their way: one thread reads and writes, another one sums.

use crate::sum::Summing;
use crate::{Error, Sum};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Large enough to make system calls rare, small enough to stay in the cache of the core that sums.
pub(crate) const PIECE_LEN: usize = 1 << 20;
/// How many pieces may wait to be summed.
const QUEUE_COUNT: usize = 4;

/// Pulls pieces from `next` until it gives an empty one, hands each to `each`, and sums all of them on a
/// thread beside; how many bytes there were, and their sum.
///
/// `next` fills the buffer it is given and says how much of it.
///
/// # Errors
/// The first of `next` or `each`.
pub(crate) fn pump(
    mut next: impl FnMut(&mut [u8]) -> Result<usize, Error>,
    mut each: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(u64, Sum), Error> {
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(QUEUE_COUNT);
        let summing = scope.spawn(move || sum_all(&receiver));
        let mut pieces = Pieces::default();
        let mut len = 0;
        loop {
            let mut piece = pieces.take();
            piece.resize(PIECE_LEN, 0);
            let read_len = next(&mut piece)?;
            if read_len == 0 {
                break;
            }
            piece.truncate(read_len);
            len += read_len as u64;
            let piece = Arc::new(piece);
            send(&sender, &piece);
            each(&piece)?;
            pieces.lend(piece);
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

fn sum_all(pieces: &Receiver<Arc<Vec<u8>>>) -> Sum {
    let mut summing = Summing::default();
    for piece in pieces {
        summing.add(&piece);
    }
    summing.finish()
}

/// Buffers that are used again once the summing thread has let go of them.
#[derive(Default)]
struct Pieces(std::collections::VecDeque<Arc<Vec<u8>>>);

impl Pieces {
    fn take(&mut self) -> Vec<u8> {
        match self.0.front() {
            Some(oldest) if Arc::strong_count(oldest) == 1 => {
                self.0.pop_front().and_then(Arc::into_inner).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    fn lend(&mut self, piece: Arc<Vec<u8>>) {
        self.0.push_back(piece);
    }
}

//! Pieces of work for several cores, whose results come in the order of the pieces.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// More cores than this find no work: the disk, or the sum of all, is slower.
const WORKERS_LIMIT: usize = 8;

/// What a worker does with a piece; each has its own, which may keep what it needs for the next.
type Work<J, R> = Box<dyn FnMut(J) -> R + Send>;

/// Workers who take pieces in turn, and give results in the same turn.
///
/// A single piece is worked on here, without a thread: most files are that small.
pub(crate) struct InOrder<J, R> {
    /// How many pieces each worker may have before and behind it.
    pieces_each: usize,
    new_work: fn() -> Work<J, R>,
    /// The first piece, while it is the only one.
    only: Option<J>,
    workers: Vec<Worker<J, R>>,
    given_count: usize,
    taken_count: usize,
}

struct Worker<J, R> {
    /// `None` once there is nothing more to do.
    pieces: Option<SyncSender<J>>,
    results: Receiver<R>,
    thread: Option<JoinHandle<()>>,
}

impl<J: Send + 'static, R: Send + 'static> InOrder<J, R> {
    /// No threads yet; `new_work` makes what each of them does, with `pieces_each` pieces under way.
    pub(crate) fn new(pieces_each: usize, new_work: fn() -> Work<J, R>) -> InOrder<J, R> {
        InOrder { pieces_each, new_work, only: None, workers: Vec::new(), given_count: 0, taken_count: 0 }
    }

    /// Whether a result should be taken before more is given: so much is under way already.
    pub(crate) fn is_full(&self) -> bool {
        let workers_count = self.workers.len().max(1);
        self.given_count - self.taken_count >= workers_count * self.pieces_each
    }

    /// Gives away a piece. Waits only where [`InOrder::is_full`] was not asked before.
    pub(crate) fn give(&mut self, piece: J) {
        if self.given_count == self.taken_count && self.workers.is_empty() {
            self.only = Some(piece);
        } else {
            self.start();
            self.send(piece);
        }
        self.given_count += 1;
    }

    /// The result of the first piece whose result was not taken; `None` if all were.
    pub(crate) fn take(&mut self) -> Option<R> {
        if self.given_count == self.taken_count {
            return None;
        }
        self.taken_count += 1;
        if let Some(only) = self.only.take() {
            return Some((self.new_work)()(only));
        }
        let at = (self.taken_count - 1) % self.workers.len();
        let worker = &mut self.workers[at];
        match worker.results.recv() {
            Ok(result) => Some(result),
            Err(_) => worker.tell_panic(),
        }
    }

    fn start(&mut self) {
        if !self.workers.is_empty() {
            return;
        }
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(WORKERS_LIMIT);
        self.workers = (0..count).map(|_| Worker::start(self.pieces_each, (self.new_work)())).collect();
        // Turns are counted from the first piece on; it is the first one's that the first worker takes.
        if let Some(only) = self.only.take() {
            self.taken_count = 0;
            self.given_count = 0;
            self.send(only);
            self.given_count = 1;
        }
    }

    fn send(&mut self, piece: J) {
        let at = self.given_count % self.workers.len();
        if let Some(pieces) = &self.workers[at].pieces {
            // A worker that panicked tells when its result is taken.
            let _ = pieces.send(piece);
        }
    }
}

impl<J: Send + 'static, R: Send + 'static> Worker<J, R> {
    fn start(pieces_each: usize, mut work: Work<J, R>) -> Worker<J, R> {
        let (pieces, to_do) = sync_channel(pieces_each);
        let (done, results) = sync_channel(pieces_each);
        let thread = std::thread::spawn(move || {
            for piece in to_do {
                if done.send(work(piece)).is_err() {
                    // Nobody wants it any more.
                    return;
                }
            }
        });
        Worker { pieces: Some(pieces), results, thread: Some(thread) }
    }

    fn tell_panic(&mut self) -> ! {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            _ => unreachable!("a worker ends when its pieces do"),
        }
    }
}

impl<J, R> Drop for InOrder<J, R> {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.pieces = None;
        }
        for mut worker in self.workers.drain(..) {
            let thread = worker.thread.take();
            // Who has a result that nobody takes must not wait for that.
            drop(worker);
            let _ = thread.map(JoinHandle::join);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubling() -> InOrder<usize, usize> {
        InOrder::new(2, || Box::new(|number| number * 2))
    }

    #[test]
    fn results_come_in_the_order_of_the_pieces() {
        for count in [0, 1, 2, 3, 500] {
            let mut workers = doubling();
            let mut results = Vec::new();
            for number in 0..count {
                while workers.is_full() {
                    results.extend(workers.take());
                }
                workers.give(number);
            }
            results.extend(std::iter::from_fn(|| workers.take()));
            assert_eq!(results, (0..count).map(|number| number * 2).collect::<Vec<_>>());
            assert_eq!(workers.take(), None);
        }
    }

    #[test]
    fn a_single_piece_now_and_then_starts_no_thread() {
        let mut workers = doubling();
        for number in 0..5 {
            workers.give(number);
            assert_eq!(workers.take(), Some(number * 2));
        }
        assert!(workers.workers.is_empty());
        for number in 0..3 {
            workers.give(number);
        }
        assert_eq!(std::iter::from_fn(|| workers.take()).collect::<Vec<_>>(), [0, 2, 4]);
        assert!(!workers.workers.is_empty());
        workers.give(9);
        assert_eq!(workers.take(), Some(18));
    }

    #[test]
    fn what_nobody_takes_keeps_nobody_waiting() {
        let mut workers = doubling();
        for number in 0.. {
            if workers.is_full() {
                break;
            }
            workers.give(number);
        }
        drop(workers);
    }

    #[test]
    #[should_panic(expected = "no number")]
    fn a_panic_of_a_worker_is_one_of_who_takes_its_result() {
        let mut workers: InOrder<u32, u32> = InOrder::new(2, || Box::new(|_| panic!("no number")));
        workers.give(1);
        workers.give(2);
        workers.take();
    }
}

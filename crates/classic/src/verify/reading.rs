//! The files of one chain read from front to back, while the sums of those before are still being made.

use super::Run;
use crate::content::Content;
use crate::copy::{PendingSum, pump_within};
use crate::part::PartStream;
use crate::{Error, Event, Part};
use std::collections::VecDeque;
use std::thread::Scope;

/// How many files may be read whose sums are not there yet, each with as much waiting to be summed as the next.
const WAITING_LIMIT: usize = 2;
/// So many pieces of a file may wait for its sum while the next file is read: 16 MiB. Several files are summed at once as
/// far as that reaches: of files up to twice as long nearly all of the time.
const QUEUE_COUNT: usize = 64;

pub(super) struct Reading<'run, 'a, 'scope, 'env> {
    run: &'run mut Run<'a>,
    scope: &'scope Scope<'scope, 'env>,
    /// What the files joined so far hold; none once one of them is not right.
    content: Option<Content>,
    /// How many of the first files fit together.
    joined_count: usize,
    /// How many of them were read.
    read_count: usize,
    waiting: VecDeque<Waiting<'scope>>,
}

/// A file that was read and has the length that its line says.
struct Waiting<'scope> {
    part: Part,
    sum: PendingSum<'scope>,
    joins: bool,
    /// How many transactions it has, if it was joined.
    transaction_count: Option<u64>,
    /// What is wrong with its index, which was held against what the files up to this one hold.
    index: Result<(), String>,
}

impl<'run, 'a, 'scope, 'env> Reading<'run, 'a, 'scope, 'env> {
    /// `joined_count` of the files fit together, and hold `joined_len` bytes.
    pub(super) fn new(
        run: &'run mut Run<'a>,
        scope: &'scope Scope<'scope, 'env>,
        joined_count: usize,
        joined_len: u64,
    ) -> Reading<'run, 'a, 'scope, 'env> {
        let content = Some(Content::new(Some(joined_len)));
        Reading { run, scope, content, joined_count, read_count: 0, waiting: VecDeque::new() }
    }

    /// Reads the file of the line at `at`, and tells what is known to be wrong by then.
    ///
    /// # Errors
    /// An interruption.
    pub(super) fn read(&mut self, at: usize, part: &Part) -> Result<(), Error> {
        while self.waiting.len() >= WAITING_LIMIT || self.waiting.front().is_some_and(Waiting::is_over) {
            self.settle_first();
        }
        self.run.ctx.tell(&Event::Verifying(&self.run.repository.path_of(part.name)));
        let joins = at < self.joined_count && at == self.read_count && self.content.is_some();
        let before_count = self.content.as_ref().map_or(0, Content::transaction_count);
        match self.sum(part, joins) {
            Ok(sum) => {
                self.read_count += usize::from(joins);
                let truth = self.content.as_ref().filter(|_| joins);
                let index = self.run.check_index(part, truth);
                let transaction_count = truth.map(|content| content.transaction_count() - before_count);
                self.waiting.push_back(Waiting { part: *part, sum, joins, transaction_count, index });
                Ok(())
            }
            Err(error @ Error::Interrupted { .. }) => Err(error),
            Err(error) => {
                self.settle_all();
                self.tell_wrong(part, joins, error);
                Ok(())
            }
        }
    }

    /// Tells the rest of what is wrong; what the files hold, if they all fit together and are right.
    pub(super) fn finish(mut self) -> Option<Content> {
        self.settle_all();
        self.content.filter(|_| self.read_count == self.joined_count)
    }

    /// Reads a file to its end.
    fn sum(&mut self, part: &Part, joins: bool) -> Result<PendingSum<'scope>, Error> {
        let Run { ctx, repository, .. } = *self.run;
        let mut stream = PartStream::open(ctx.fs, repository, part.name)?;
        // What is longer than promised by a gigabyte is not read to its end.
        let next = stream.pieces(ctx, part.len().saturating_add(1 << 30));
        let mut content = self.content.as_mut().filter(|_| joins);
        let (found_len, sum) = pump_within(self.scope, QUEUE_COUNT, next, |piece| {
            ctx.tell(&Event::Advanced(piece.len() as u64));
            if let Some(content) = &mut content {
                content.see(piece);
            }
            Ok(())
        })?;
        if found_len != part.len() {
            let path = repository.path_of(part.name);
            return Err(Error::size(path, part.name, found_len, part.len()));
        }
        Ok(sum)
    }

    fn settle_all(&mut self) {
        while !self.waiting.is_empty() {
            self.settle_first();
        }
    }

    fn settle_first(&mut self) {
        let Some(Waiting { part, sum, joins, transaction_count, index }) = self.waiting.pop_front() else {
            return;
        };
        let found = sum.wait();
        if found != part.sum {
            let path = self.run.repository.path_of(part.name);
            let error = Error::Checksum { path, found, expected: part.sum, gzip: part.name.gzip };
            return self.tell_wrong(&part, joins, error);
        }
        self.run.ctx.tell(&Event::Verified { name: part.name, sum: found, transaction_count });
        // Behind a file that is not right, what went by is not what the index is of.
        let index = if joins && self.content.is_none() { self.run.check_index(&part, None) } else { index };
        self.run.tell_index(&part, index);
    }

    fn tell_wrong(&mut self, part: &Part, joins: bool, error: Error) {
        if joins {
            self.content = None;
        }
        self.run.part_problem(part, error);
        let index = self.run.check_index(part, None);
        self.run.tell_index(part, index);
    }
}

impl Waiting<'_> {
    fn is_over(&self) -> bool {
        self.sum.is_over()
    }
}

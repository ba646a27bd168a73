//! [`StreamWalker`]: the same walk, however the bytes are cut into pieces.

use super::{allowed, chances};
use crate::within;
use filestorage::{
    Damage, Problem, RecordData, RecordHeader, StreamWalker, Tid, TransactionHeader, Visitor, Walker,
};

/// All that a visitor is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Seen {
    pub(crate) transactions: Vec<TransactionHeader>,
    pub(crate) records: Vec<(RecordHeader, RecordData)>,
    pub(crate) problems: Vec<Problem>,
}

impl Visitor for Seen {
    fn transaction(&mut self, header: &TransactionHeader) {
        self.transactions.push(*header);
    }

    fn record(&mut self, header: &RecordHeader, data: RecordData) {
        self.records.push((*header, data));
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

/// What a walk along `bytes`, of which the first stands at `pos`, sees and ends with.
pub(crate) fn streamed<'a>(
    walker: &Walker,
    pos: u64,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Result<Option<TransactionHeader>, Damage>, Seen) {
    let (mut seen, mut stream) = (Seen::default(), StreamWalker::new(walker.clone(), pos));
    for piece in pieces {
        stream.feed(piece, &mut seen);
    }
    (stream.finish(), seen)
}

/// The bytes in pieces of lengths that depend on nothing but them.
pub(crate) fn in_pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rng = chances(bytes);
    let max_len = [1, 3, 30, 1000][rng.usize(..4)];
    std::iter::from_fn(move || {
        let (piece, rest) = bytes.split_at(rng.usize(0..=max_len).min(bytes.len()));
        bytes = rest;
        (!piece.is_empty() || !rest.is_empty()).then_some(piece)
    })
}

pub(super) fn run(data: &[u8]) {
    let Some((head, bytes)) = data.split_at_checked(17) else { return };
    let number = |at: usize| u64::from_be_bytes(head[at..at + 8].try_into().unwrap());
    // No position is ever larger: `.dat` refuses it, and no file is so long.
    let pos = number(0) >> 2;
    let walker_pos = pos + u64::from(head[16]);
    let limit_pos = walker_pos + (number(8) >> 2);
    let last_tid = (head[16] & 1 == 1).then(|| Tid::from_be_bytes([3; 8]));
    let walker = Walker::new(walker_pos, last_tid, limit_pos);
    within(allowed(10_000, 20, data.len()), || {
        let whole = streamed(&walker, pos, std::iter::once(bytes));
        let cut = streamed(&walker, pos, in_pieces(bytes));
        assert_eq!(whole, cut);
        let (end, seen) = whole;
        for header in &seen.transactions {
            assert!(header.end_pos() <= limit_pos);
        }
        for (header, _) in &seen.records {
            assert!(header.end_pos() <= limit_pos);
        }
        if let Ok(last) = end {
            assert_eq!(last, seen.transactions.last().copied());
            assert_eq!(limit_pos.max(pos) - pos, bytes.len() as u64, "not a byte less or more");
        }
    });
}

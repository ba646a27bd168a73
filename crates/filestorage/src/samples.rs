//! What the tests of this crate share: the sample files, a scan that notes all it sees, and transactions made by
//! hand where no sample has what is needed.

#![expect(clippy::disallowed_methods, reason = "tests read their fixtures")]

use crate::{
    Boundary, Error, Extent, Problem, RecordData, RecordHeader, TransactionHeader, Visitor, committed_end,
};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

fn samples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/samples")
}

pub(crate) fn sample(name: &str) -> Vec<u8> {
    fs::read(samples().join(name)).unwrap()
}

/// The fields of a table.
pub(crate) fn lines(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(samples().join(name)).unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[derive(Default)]
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

pub(crate) fn scan(bytes: &[u8]) -> Result<(Extent, Seen), Error> {
    let mut seen = Seen::default();
    let bytes = bytes.to_vec();
    let extent = committed_end(&bytes, Boundary::start(&bytes)?, &mut seen)?;
    Ok((extent, seen))
}

/// A transaction as it stands at `pos`, with a record of each of these data; empty data is that of a deleted
/// object.
pub(crate) fn transaction(pos: u64, tid: u64, status: u8, records: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for (oid, data) in (0_u64..).zip(records) {
        let (none, data_len) = (0_u64.to_be_bytes(), (data.len() as u64).to_be_bytes());
        body.extend([oid.to_be_bytes(), tid.to_be_bytes(), none, pos.to_be_bytes()].concat());
        body.extend([&[0, 0][..], &data_len, if data.is_empty() { &none } else { data }].concat());
    }
    let len = (23 + body.len() as u64).to_be_bytes();
    [&tid.to_be_bytes()[..], &len, &[status], &[0; 6], &body, &len].concat()
}

/// A file that somebody changes: it is `before`, and `after` from the read on that has this number.
///
/// Asking for the length counts as a read.
pub(crate) struct Changing {
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
    pub(crate) at: usize,
    pub(crate) count: AtomicUsize,
}

impl Changing {
    pub(crate) fn new(before: &[u8], after: &[u8], at: usize) -> Changing {
        Changing { before: before.to_vec(), after: after.to_vec(), at, count: AtomicUsize::new(0) }
    }

    fn now(&self) -> &Vec<u8> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if number < self.at { &self.before } else { &self.after }
    }
}

impl vfs::ReadAt for Changing {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        vfs::ReadAt::read_at(self.now(), pos, buf)
    }

    fn len(&self) -> io::Result<u64> {
        vfs::ReadAt::len(self.now())
    }
}

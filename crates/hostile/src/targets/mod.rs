//! One function for each kind of bytes that is read.

mod arguments;
mod dat;
mod dates;
mod gzip;
mod index;
mod inside;
mod names;
mod pickles;
mod records;
pub(crate) mod repository;
mod stream;
mod transactions;

use fastrand::Rng;

/// A kind of hostile bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is also that of its directory of the corpus.
    pub name: &'static str,
    /// Reads any bytes; panics only when the reader is wrong.
    pub run: fn(&[u8]),
    /// How many mutations of its corpus are tried on every `make test`.
    pub mutation_count: usize,
}

/// All of them.
pub const TARGETS: [Target; 12] = [
    Target { name: "arguments", run: arguments::run, mutation_count: 30_000 },
    Target { name: "dat", run: dat::run, mutation_count: 30_000 },
    Target { name: "dates", run: dates::run, mutation_count: 30_000 },
    Target { name: "gzip", run: gzip::run, mutation_count: 4000 },
    Target { name: "index", run: index::run, mutation_count: 20_000 },
    Target { name: "inside", run: inside::run, mutation_count: 3000 },
    Target { name: "names", run: names::run, mutation_count: 10_000 },
    Target { name: "pickles", run: pickles::run, mutation_count: 30_000 },
    Target { name: "records", run: records::run, mutation_count: 30_000 },
    Target { name: "repository", run: repository::run, mutation_count: 1000 },
    Target { name: "stream", run: stream::run, mutation_count: 30_000 },
    Target { name: "transactions", run: transactions::run, mutation_count: 6000 },
];

/// Chances that depend on the bytes alone, so that a finding can be replayed.
fn chances(data: &[u8]) -> Rng {
    // FNV-1a.
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    Rng::with_seed(data.iter().fold(0xcbf2_9ce4_8422_2325, mix))
}

/// What a reader may hold of `data_len` bytes: `factor` for each, and `room_len` for its buffers.
fn allowed(room_len: u64, factor: u64, data_len: usize) -> u64 {
    room_len + factor * data_len as u64
}

//! The bounded loader of pickles. It is what an index is read with.

use super::allowed;
use crate::within;
use pickle::{Handle, Limits, LoadError, Pickle, PickleReader, Value};
use std::collections::HashSet;
use std::io::{self, Read};

/// Small enough that what they bound can be seen on small inputs.
const LIMITS: Limits =
    Limits { max_string_len: 1 << 10, max_node_count: 200, max_total_len: 4 << 10, max_opcode_count: 1000 };

pub(super) fn run(data: &[u8]) {
    // The loader reads ahead by 64 KiB. The rest is what the documentation of `Limits` says.
    let promised_len =
        2 * LIMITS.max_total_len + 8 * LIMITS.max_opcode_count + 100 * LIMITS.max_node_count as u64;
    let small = within((66 << 10) + promised_len, || texts(PickleReader::new(data), &LIMITS, data.len()));
    let dripped = texts(PickleReader::new(Drip(data)), &LIMITS, data.len());
    assert_eq!(small, dripped);
    let large_len = allowed(66 << 10, 300, data.len()) + (data.len() as u64).pow(2) / 8;
    let large = within(large_len, || texts(PickleReader::new(data), &Limits::default(), data.len()));
    // Smaller limits only end it earlier.
    let agreed = small.iter().zip(&large).take_while(|(small, large)| small == large).count();
    assert!(agreed == small.len() || small[agreed].contains("limit"), "{small:?}\n{large:?}");
}

/// The pickles of a stream as texts, up to the first that cannot be loaded.
fn texts<R: Read>(mut reader: PickleReader<R>, limits: &Limits, len: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while !reader.at_end().unwrap() && texts.len() < 4 {
        let before_pos = reader.pos();
        match reader.load(limits) {
            Ok(pickle) => texts.push(summary(&pickle, before_pos, reader.pos())),
            Err(error) => {
                assert!(!matches!(error, LoadError::Read { .. }));
                texts.push(error.to_string());
                break;
            }
        }
        assert!(before_pos < reader.pos() && reader.pos() <= len as u64);
    }
    texts
}

/// Every value that can be reached, each once: pickles can have cycles.
fn summary(pickle: &Pickle, start_pos: u64, end_pos: u64) -> String {
    let (mut seen, mut waiting) = (HashSet::new(), vec![pickle.root()]);
    let mut sum = 0_u64;
    while let Some(handle) = waiting.pop() {
        if !seen.insert(handle) {
            continue;
        }
        let pos = pickle.pos(handle);
        assert!((start_pos..end_pos).contains(&pos));
        let _ = pickle.class_name(handle);
        sum = sum.wrapping_mul(31).wrapping_add(pos).wrapping_add(add_parts(pickle, handle, &mut waiting));
    }
    format!("{} values, {sum:x}", seen.len())
}

fn add_parts(pickle: &Pickle, handle: Handle, waiting: &mut Vec<Handle>) -> u64 {
    match pickle.value(handle) {
        Value::None | Value::Bool(_) => 0,
        Value::Int(number) => number.cast_unsigned(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| u64::from(*byte)).sum(),
        Value::Text(text) => text.len() as u64,
        Value::Global { module, name } => (module.len() + name.len()) as u64,
        Value::Tuple(items) | Value::List(items) => {
            waiting.extend(items);
            items.len() as u64
        }
        Value::Dict(pairs) => {
            waiting.extend(pairs.as_flattened());
            pairs.len() as u64
        }
        Value::Object { callable, args, state } => {
            waiting.extend([Some(callable), Some(args), state].into_iter().flatten());
            3
        }
    }
}

/// Gives one byte at a time.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want_len = buf.len().min(1);
        self.0.read(&mut buf[..want_len])
    }
}

//! Values of a pickle, taken as what an index should have in their place.

use super::{Error, MIN_POS};
use crate::{Handle, Pickle, Value};

pub(super) fn wrong(pickle: &Pickle, handle: Handle, expected: &'static str) -> Error {
    Error::Shape { pos: pickle.pos(handle), expected, found: pickle.value(handle).kind() }
}

/// An integer that is at least the length of the magic of a data file.
pub(super) fn end_pos(pickle: &Pickle, handle: Handle) -> Result<u64, Error> {
    let Value::Int(found) = pickle.value(handle) else {
        return Err(wrong(pickle, handle, "an end position"));
    };
    u64::try_from(found)
        .ok()
        .filter(|&end_pos| end_pos >= MIN_POS)
        .ok_or(Error::EndPos { pos: pickle.pos(handle), found: i128::from(found) })
}

pub(super) fn bytes<'p>(pickle: &'p Pickle, handle: Handle, what: &'static str) -> Result<&'p [u8], Error> {
    match pickle.value(handle) {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(wrong(pickle, handle, what)),
    }
}

/// A byte string of exactly `N` bytes.
pub(super) fn array<const N: usize>(
    pickle: &Pickle,
    handle: Handle,
    what: &'static str,
) -> Result<[u8; N], Error> {
    let found = bytes(pickle, handle, what)?;
    found.try_into().map_err(|_| Error::StringLen {
        pos: pickle.pos(handle),
        what,
        expected_len: N,
        found_len: found.len(),
    })
}

/// A tuple of exactly `N` values.
pub(super) fn tuple<const N: usize>(
    pickle: &Pickle,
    handle: Handle,
    what: &'static str,
) -> Result<[Handle; N], Error> {
    match pickle.value(handle) {
        Value::Tuple(items) => items.try_into().map_err(|_| wrong(pickle, handle, what)),
        _ => Err(wrong(pickle, handle, what)),
    }
}

//! A whole `Data.fs`: the committed end, forward and backward, by position and as a stream, and its index.

use super::stream::{Seen, in_pieces, streamed};
use super::{allowed, chances};
use crate::within;
use filestorage::{
    Boundary, Damage, Error, Extent, Index, Magic, Nothing, TransactionHeader, Walker, committed_end,
    load_index, transaction_before,
};

/// Scans read windows of 1 MiB; a scan that looks behind a tail has two of them.
const WINDOWS_LEN: u64 = 5 << 20;

pub(super) fn run(data: &[u8]) {
    within(allowed(WINDOWS_LEN, 60, data.len()), || look(data));
}

fn look(file: &[u8]) {
    anywhere(file);
    let Ok(start) = Boundary::start(&file) else { return };
    let mut seen = Seen::default();
    match committed_end(&file, start, &mut seen) {
        Ok(extent) => sound(file, start, &extent, &seen),
        Err(Error::Damage(damage)) => damaged(file, start, &damage, &seen),
        Err(error) => panic!("a file in memory neither fails nor shrinks: {error}"),
    }
}

/// Where somebody says that a transaction ends.
fn anywhere(file: &[u8]) {
    let mut rng = chances(file);
    for _ in 0..4 {
        let pos = if rng.u8(..4) == 0 { rng.u64(..) } else { rng.u64(..=file.len() as u64 + 9) };
        let before = transaction_before(&file, pos).unwrap();
        if let Some(header) = before {
            assert_eq!(header.end_pos(), pos);
        }
        match Boundary::at(&file, pos) {
            Ok(Some(boundary)) => {
                assert_eq!(boundary.pos(), pos);
                assert_eq!(boundary.last(), before.filter(|_| pos != Magic::LEN));
            }
            Ok(None) => assert_ne!(pos, Magic::LEN),
            Err(error) => assert!(Magic::read(&file).is_err(), "{error}"),
        }
    }
}

fn sound(file: &[u8], start: Boundary, extent: &Extent, seen: &Seen) {
    let (end_pos, len) = (extent.end_pos, file.len() as u64);
    assert_eq!(end_pos + extent.tail.map_or(0, |tail| tail.len), len);
    assert_eq!(extent.last, seen.transactions.last().copied());
    let walker = Walker::new(start.pos(), None, end_pos);
    let (end, streamed_seen) = streamed(&walker, 0, in_pieces(&file[..usize::try_from(end_pos).unwrap()]));
    assert_eq!((end.as_ref(), &streamed_seen), (Ok(&extent.last), seen));
    if extent.tail.is_some() {
        assert_eq!(stopped_at(file, start), Some(end_pos));
    }
    backward(file, end_pos, seen);
    from_the_middle(file, extent, seen);
    indexed(file, extent, seen);
    for header in seen.transactions.iter().take(9) {
        let metadata = header.read_metadata(&file).unwrap();
        let metadata_len = metadata.user.len() + metadata.description.len() + metadata.extension.len();
        assert_eq!(TransactionHeader::FIXED_LEN as u64 + metadata_len as u64, header.header_len());
    }
}

fn backward(file: &[u8], end_pos: u64, seen: &Seen) {
    let mut pos = end_pos;
    for header in seen.transactions.iter().rev() {
        assert_eq!(transaction_before(&file, pos).unwrap(), Some(*header));
        pos = header.pos;
    }
    assert_eq!(pos, Magic::LEN);
}

fn from_the_middle(file: &[u8], extent: &Extent, seen: &Seen) {
    let mut rng = chances(file);
    let Some(from) = rng.choice(&seen.transactions).map(TransactionHeader::end_pos) else { return };
    let boundary = Boundary::at(&file, from).unwrap().unwrap();
    let mut rest = Seen::default();
    assert_eq!(committed_end(&file, boundary, &mut rest).unwrap(), *extent);
    assert!(seen.transactions.ends_with(&rest.transactions) && seen.records.ends_with(&rest.records));
    assert!(seen.problems.ends_with(&rest.problems));
}

/// The index of a scan, written, read back and tied to its file, is the same index.
fn indexed(file: &[u8], extent: &Extent, seen: &Seen) {
    let mut index = Index::new();
    for (header, _) in &seen.records {
        index.insert(header.oid, header.pos).unwrap();
    }
    let saved = index.save(extent.end_pos, Vec::new()).unwrap();
    let (loaded, found) = load_index(&saved[..], &file, &mut Nothing).unwrap();
    assert_eq!(found, *extent);
    assert!(index.iter().eq(loaded.iter()));
    // Without its last record's object it is not the index of this file.
    let Some((last, _)) = seen.records.last() else { return };
    let mut other = Index::new();
    for (oid, pos) in index.iter().filter(|(oid, _)| *oid != last.oid) {
        other.insert(oid, pos).unwrap();
    }
    let saved = other.save(extent.end_pos, Vec::new()).unwrap();
    assert!(load_index(&saved[..], &file, &mut Nothing).is_err());
}

fn damaged(file: &[u8], start: Boundary, damage: &Damage, seen: &Seen) {
    let pos = damage.transaction_pos;
    assert!(damage.pos >= pos && damage.pos <= file.len() as u64);
    assert_eq!(stopped_at(file, start), Some(pos));
    // What stands before the damage is sound.
    let head = file[..usize::try_from(pos).unwrap()].to_vec();
    let mut before = Seen::default();
    let extent = committed_end(&head, start, &mut before).unwrap();
    assert_eq!((extent.end_pos, extent.tail), (pos, None));
    assert!(seen.transactions.starts_with(&before.transactions));
    assert!(seen.records.starts_with(&before.records));
}

/// Where a walk along the whole file as a stream stops.
fn stopped_at(file: &[u8], start: Boundary) -> Option<u64> {
    let walker = Walker::new(start.pos(), None, file.len() as u64);
    let (end, _) = streamed(&walker, 0, in_pieces(file));
    end.err().map(|damage| damage.transaction_pos)
}

//! Files that somebody writes to while they are walked. A change is made before each read in turn.

use super::*;
use crate::samples::{Changing, sample, scan, transaction};
use crate::{Damage, DamageKind};
use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const BASE_LEN: u64 = 3124;
/// Greater than those of the samples.
const TID: u64 = 0x7000_0000_0000_0000;

fn base_and(more: &[&[u8]]) -> Vec<u8> {
    [sample("tail-base.fs"), more.concat()].concat()
}

fn walk(source: &dyn ReadAt) -> Result<Extent, Error> {
    committed_end(source, Boundary::start(source)?, &mut crate::Nothing)
}

/// The outcomes of all walks: `before` becomes `after` before the first read, the second, and so on.
fn walks(before: &[u8], after: &[u8]) -> Vec<Result<Extent, Error>> {
    let undisturbed = Changing::new(before, before, 0);
    let _ = walk(&undisturbed);
    let read_count = undisturbed.count.load(Ordering::Relaxed);
    (0..=read_count).map(|at| walk(&Changing::new(before, after, at))).collect()
}

#[test]
fn what_is_written_after_the_length_was_taken_changes_nothing() {
    struct Growing(Vec<u8>, u64, AtomicUsize);
    impl ReadAt for Growing {
        fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
            self.0.read_at(pos, buf)
        }

        fn len(&self) -> io::Result<u64> {
            let is_first = self.2.fetch_add(1, Ordering::Relaxed) == 0;
            Ok(if is_first { self.1 } else { ReadAt::len(&self.0)? })
        }
    }
    let zeros_and_rubbish = base_and(&[&[0; 60], &[0xa5; 60]]);
    for bytes in [sample("undo.fs"), sample("tail-voted.fs")[3000..3200].to_vec(), zeros_and_rubbish] {
        let bytes = if bytes.starts_with(b"FS") { bytes } else { base_and(&[&bytes[124..]]) };
        let from_len = if bytes.len() > 3000 { 3100 } else { 4 };
        for len in from_len..bytes.len() {
            let Ok((expected, _)) = scan(&bytes[..len]) else { continue };
            let start = Boundary::start(&bytes).unwrap();
            let growing = Growing(bytes.clone(), len as u64, AtomicUsize::new(0));
            let extent = committed_end(&growing, start, &mut crate::Nothing).unwrap();
            assert_eq!(extent, expected, "{len} bytes at first");
        }
    }
}

/// A server aborts what it had voted, and commits others in its place.
#[test]
fn a_walk_during_an_abort_and_two_commits_ends_at_one_of_the_ends_that_there_were() {
    let big = transaction(BASE_LEN, TID, b'c', &[&[1; 2000]]);
    let first = transaction(BASE_LEN, TID + 1, b' ', &[&[2; 300]]);
    let second_pos = BASE_LEN + first.len() as u64;
    for second_len in [100, 5000] {
        let second = transaction(second_pos, TID + 2, b' ', &[&vec![3; second_len]]);
        let (before, after) = (base_and(&[&big]), base_and(&[&first, &second]));
        let ends = walks(&before, &after).into_iter().map(|extent| extent.unwrap().end_pos);
        let ends: BTreeSet<u64> = ends.collect();
        let possible = [BASE_LEN, second_pos, after.len() as u64].into();
        assert!(ends.is_subset(&possible), "{ends:?}");
        assert!(ends.contains(&BASE_LEN) && ends.len() > 1, "{ends:?}");
    }
}

#[test]
fn a_vote_that_becomes_a_commit_is_seen_whole_or_not_at_all() {
    let voted = base_and(&[&transaction(BASE_LEN, TID, b'c', &[b"abc"])]);
    let committed = base_and(&[&transaction(BASE_LEN, TID, b' ', &[b"abc"])]);
    let (old, new) = (scan(&voted).unwrap().0, scan(&committed).unwrap().0);
    let extents: Vec<Extent> = walks(&voted, &committed).into_iter().map(Result::unwrap).collect();
    assert!(extents.iter().all(|extent| *extent == old || *extent == new), "{extents:?}");
    assert_eq!((extents.first(), extents.last()), (Some(&new), Some(&old)));
}

/// The first look may have met a writer between two of its writes.
#[test]
fn a_tail_is_believed_when_it_was_seen_again() {
    struct Header(Vec<u8>, Vec<u8>, Mutex<u32>);
    impl ReadAt for Header {
        fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
            // A window is read from here when the walk looks at what stopped it, and not before.
            let mut looks_count = self.2.lock().unwrap();
            *looks_count += u32::from(pos == BASE_LEN);
            if *looks_count < 2 { self.0.read_at(pos, buf) } else { self.1.read_at(pos, buf) }
        }

        fn len(&self) -> io::Result<u64> {
            ReadAt::len(&self.0)
        }
    }
    let cut = base_and(&[&transaction(BASE_LEN, TID, b'c', &[b"abc"])]);
    let committed = base_and(&[&transaction(BASE_LEN, TID, b' ', &[b"abc"])]);
    let file = Header(cut, committed.clone(), 0.into());
    assert_eq!(walk(&file).unwrap(), scan(&committed).unwrap().0);
}

#[test]
fn a_file_that_never_stands_still_is_an_error_and_not_waited_for_for_ever() {
    /// Who reads a header alone gets it with another tid.
    struct Restless(Vec<u8>, AtomicUsize);
    impl ReadAt for Restless {
        fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
            let read_len = self.0.read_at(pos, buf)?;
            if pos == BASE_LEN && buf.len() == TransactionHeader::FIXED_LEN {
                buf[0] ^= 1;
                self.1.fetch_add(1, Ordering::Relaxed);
            }
            Ok(read_len)
        }

        fn len(&self) -> io::Result<u64> {
            ReadAt::len(&self.0)
        }
    }
    let voted = transaction(BASE_LEN, TID, b'c', &[b"abc"]);
    let behind = transaction(BASE_LEN + voted.len() as u64, TID + 1, b' ', &[b"abc"]);
    let file = Restless(base_and(&[&voted, &behind]), AtomicUsize::new(0));
    match walk(&file) {
        Err(Error::Damage(damage)) => {
            let limit_pos = ReadAt::len(&file).unwrap();
            let kind = DamageKind::Unfinished { limit_pos };
            assert_eq!(damage, Damage { transaction_pos: BASE_LEN, pos: BASE_LEN, kind });
        }
        other => panic!("{other:?}"),
    }
    assert!(file.1.into_inner() > 50, "a busy writer is given many chances");
}

/// The transaction is longer than a window, so its records are read after its trailer.
#[test]
fn a_file_that_is_cut_while_a_transaction_is_walked_is_told_to_have_shrunk() {
    let whole = base_and(&[&transaction(BASE_LEN, TID, b' ', &[&[1; 3 << 19], b"abc", b""])]);
    let expected = scan(&whole).unwrap().0;
    for cut_len in [60, 1 << 19, (3 << 19) + 50, (3 << 19) + 100] {
        let cut = &whole[..usize::try_from(BASE_LEN).unwrap() + cut_len];
        let mut shrunk_count = 0;
        // A file that was shorter from the first read on is another matter.
        for (at, result) in walks(&whole, cut).into_iter().enumerate().skip(2) {
            match result {
                Ok(extent) => assert_eq!(extent, expected, "cut to {cut_len} before read {at}"),
                Err(Error::Shrunk { pos: BASE_LEN, .. }) => shrunk_count += 1,
                Err(error) => panic!("cut to {cut_len} before read {at}: {error}"),
            }
        }
        assert!(shrunk_count > 0);
    }
}

#[test]
fn zeros_that_vanish_while_they_are_looked_at_end_the_walk() {
    let (long, short) = (base_and(&[&vec![0; 200_000]]), base_and(&[]));
    for result in walks(&long, &short) {
        assert_eq!(result.unwrap().end_pos, BASE_LEN);
    }
}

#[test]
fn one_byte_far_behind_zeros_makes_them_damage() {
    for zeros_len in [100, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 200_000] {
        let bytes = base_and(&[&vec![0; zeros_len], &[1], &[0; 100]]);
        assert!(matches!(scan(&bytes), Err(Error::Damage(_))), "{zeros_len}");
    }
}

/// What an aborted transaction or a truncated file left there is older than what was committed since.
#[test]
fn an_older_transaction_behind_the_end_does_not_make_the_tail_damage() {
    let last_tid = scan(&base_and(&[])).unwrap().0.last_tid().unwrap().number();
    let voted = transaction(BASE_LEN, TID, b'c', &[b"abc"]);
    let behind_pos = BASE_LEN + voted.len() as u64;
    for (tid, is_damage) in [(last_tid - 1, false), (last_tid, false), (last_tid + 1, true)] {
        let bytes = base_and(&[&voted, &transaction(behind_pos, tid, b' ', &[b"abc"])]);
        assert_eq!(scan(&bytes).is_err(), is_damage, "{tid:x} behind {last_tid:x}");
        let start = Boundary::at(&bytes, BASE_LEN).unwrap().unwrap();
        let from_the_end = committed_end(&bytes, start, &mut crate::Nothing);
        assert_eq!(from_the_end.is_err(), is_damage, "the same from the end on");
    }
}

#[test]
fn the_last_tid_is_that_of_the_last_transaction_also_before_the_walk() {
    let bytes = sample("undo.fs");
    let (extent, seen) = scan(&bytes).unwrap();
    let last = *seen.transactions.last().unwrap();
    assert_eq!((extent.last, extent.last_tid()), (Some(last), Some(last.tid)));
    let end = Boundary::at(&bytes, extent.end_pos).unwrap().unwrap();
    assert_eq!(committed_end(&bytes, end, &mut crate::Nothing).unwrap(), extent);
    assert_eq!(scan(b"FS30").unwrap().0.last_tid(), None);
}

use super::*;
use crate::samples::transaction;
use std::sync::Mutex;

const POS: u64 = 1000;

/// Rubbish up to `POS`, then `transaction`.
fn behind_rubbish(transaction: &[u8]) -> Vec<u8> {
    [vec![0xa5; 1000], transaction.to_vec()].concat()
}

fn found(bytes: &[u8], last_tid: Option<u64>) -> Option<u64> {
    let (source, limit_pos) = (bytes.to_vec(), bytes.len() as u64);
    find_sound(&source, 4, limit_pos, last_tid.map(Tid::new)).unwrap().map(|header| header.pos)
}

#[test]
fn a_committed_transaction_with_a_record_that_is_newer_than_the_last_one_is_sound() {
    let file = |status, records| behind_rubbish(&transaction(POS, 7, status, records));
    assert_eq!(found(&file(b' ', &[b"abc"]), Some(6)), Some(POS));
    assert_eq!(found(&file(b'p', &[b"abc", b""]), Some(6)), Some(POS));
    assert_eq!(found(&file(b' ', &[b"abc"]), None), Some(POS), "the first one of all");
    for (why, bytes, last_tid) in [
        ("nothing ties a transaction without records to its place", file(b' ', &[]), 6),
        ("as old as the last one", file(b' ', &[b"abc"]), 7),
        ("older than the last one", file(b' ', &[b"abc"]), 8),
        ("voted", file(b'c', &[b"abc"]), 6),
        ("undone, its records are not looked at", file(b'u', &[b"abc"]), 6),
        ("of no status that is known", file(b'Z', &[b"abc"]), 6),
        ("it says that it stands elsewhere", behind_rubbish(&transaction(POS + 1, 7, b' ', &[b"abc"])), 6),
    ] {
        assert_eq!(found(&bytes, Some(last_tid)), None, "{why}");
    }
}

#[test]
fn it_must_end_where_it_says_and_before_the_limit() {
    let sound = behind_rubbish(&transaction(POS, 7, b' ', &[b"abc"]));
    let source = [&sound[..], &[0; 100]].concat();
    let find = |limit_pos| find_sound(&source, 4, limit_pos, None).unwrap();
    assert!(find(sound.len() as u64).is_some());
    assert_eq!(find(sound.len() as u64 - 1), None);
    let mut other_trailer = sound.clone();
    *other_trailer.last_mut().unwrap() += 1;
    assert_eq!(found(&other_trailer, None), None);
    // A file that was cut meanwhile: the byte that is gone was a zero, as those behind the end of a read are.
    let whole = behind_rubbish(&transaction(POS, 7, b' ', &[&[1; 256 - 23 - 42]]));
    assert_eq!(found(&whole, None), Some(POS));
    let cut = whole[..whole.len() - 1].to_vec();
    assert_eq!(find_sound(&cut, 4, whole.len() as u64, None).unwrap(), None);
}

/// The search goes by strides of 256 KiB.
#[test]
fn a_transaction_is_found_across_the_edge_of_two_strides_and_far_behind_it() {
    let edge = 4 + (1_u64 << 18);
    for pos in (edge - 50..=edge + 2).chain([edge + (1 << 18) - 1, 3 << 18]) {
        let rubbish = vec![0xa5; usize::try_from(pos).unwrap()];
        let bytes = [rubbish, transaction(pos, 7, b' ', &[b"abc"])].concat();
        assert_eq!(found(&bytes, Some(6)), Some(pos));
    }
}

#[test]
fn a_search_over_megabytes_takes_little_memory() {
    struct Largest(Vec<u8>, Mutex<usize>);
    impl ReadAt for Largest {
        fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
            let mut largest = self.1.lock().unwrap();
            *largest = buf.len().max(*largest);
            self.0.read_at(pos, buf)
        }

        fn len(&self) -> io::Result<u64> {
            ReadAt::len(&self.0)
        }
    }
    let source = Largest(vec![0xa5; 3 << 20], 0.into());
    assert_eq!(find_sound(&source, 4, 3 << 20, None).unwrap(), None);
    let largest = source.1.into_inner().unwrap();
    assert!(largest <= 1 << 20, "{largest}");
}

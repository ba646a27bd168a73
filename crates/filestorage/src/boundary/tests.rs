use super::*;
use crate::samples::{sample, scan, transaction};

/// A file with this transaction and nothing else.
fn file_of(transaction: &[u8]) -> Vec<u8> {
    [b"FS30", transaction].concat()
}

fn before_the_end(file: &[u8]) -> Option<TransactionHeader> {
    transaction_before(&file.to_vec(), file.len() as u64).unwrap()
}

#[test]
fn each_boundary_knows_the_transaction_that_ends_there() {
    let bytes = sample("undo.fs");
    let (_, seen) = scan(&bytes).unwrap();
    let start = Boundary::start(&bytes).unwrap();
    assert_eq!((start.pos(), start.last(), start.last_tid()), (4, None, None));
    for header in seen.transactions {
        let boundary = Boundary::at(&bytes, header.end_pos()).unwrap().unwrap();
        assert_eq!(boundary.pos(), header.end_pos());
        assert_eq!((boundary.last(), boundary.last_tid()), (Some(header), Some(header.tid)));
        assert_eq!(transaction_before(&bytes, header.end_pos()).unwrap(), Some(header));
    }
}

#[test]
fn a_finished_transaction_is_found_from_behind_and_no_other() {
    for (status, is_finished) in [
        (b' ', true),
        (b'p', true),
        (b'u', true),
        (b'Z', true),
        (0x7f, true),
        (b'c', false),
        (0x80, false),
        (0xff, false),
    ] {
        let file = file_of(&transaction(4, 7, status, &[b"abc"]));
        assert_eq!(before_the_end(&file).is_some(), is_finished, "{status:#x}");
        let boundary = Boundary::at(&file, file.len() as u64).unwrap();
        assert_eq!(boundary.is_some(), is_finished, "{status:#x}");
    }
}

#[test]
fn lengths_that_do_not_agree_are_no_transaction() {
    let sound = file_of(&transaction(4, 7, b' ', &[b"abc"]));
    assert!(before_the_end(&sound).is_some());
    let mut longer_at_head = sound.clone();
    longer_at_head[4 + 15] += 1;
    assert_eq!(before_the_end(&longer_at_head), None);
    let mut user_longer_than_all = sound.clone();
    user_longer_than_all[4 + 17] = 1;
    assert_eq!(before_the_end(&user_longer_than_all), None);
}

/// The trailer's last byte is zero: what is read of it, and zeros behind it, is its whole.
#[test]
fn a_transaction_that_lacks_the_last_byte_of_its_trailer_does_not_end_there() {
    let whole = file_of(&transaction(4, 7, b' ', &[&[1; 256 - 23 - 42]]));
    assert_eq!(whole.last(), Some(&0));
    assert!(before_the_end(&whole).is_some());
    let cut = whole[..whole.len() - 1].to_vec();
    assert_eq!(transaction_before(&cut, whole.len() as u64).unwrap(), None);
    assert_eq!(Boundary::at(&cut, whole.len() as u64).unwrap(), None);
}

#[test]
fn no_transaction_begins_before_the_end_of_the_magic() {
    for pos in 0..=4 {
        let file = [vec![b'x'; pos], transaction(pos as u64, 7, b' ', &[b"abc"])].concat();
        assert_eq!(before_the_end(&file).is_some(), pos == 4, "{pos}");
    }
    for pos in 0..8 {
        assert_eq!(transaction_before(&vec![0; 100], pos).unwrap(), None, "no room for a trailer");
    }
}

/// The lengths at head and tail are right; only a walk along the records shows that they are not.
#[test]
fn a_transaction_with_a_broken_record_ends_at_no_boundary() {
    let sound = file_of(&transaction(4, 7, b' ', &[b"abc", b"defg"]));
    let end_pos = sound.len() as u64;
    assert!(Boundary::at(&sound, end_pos).unwrap().is_some());
    // The position of the transaction, the data's length: of the first record, of the second.
    for at in [27 + 31, 27 + 41, 27 + 45 + 31, 27 + 45 + 41] {
        let mut broken = sound.clone();
        broken[at] += 1;
        assert!(before_the_end(&broken).is_some());
        assert_eq!(Boundary::at(&broken, end_pos).unwrap(), None, "byte {at}");
    }
}

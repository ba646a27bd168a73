//! The data of an object's record: its class, its references, and where its pickles end.

use super::allowed;
use crate::within;
use pickle::record::{ClassName, Parts, RecordScanner, Reference, operations};
use pickle::{Limits, LoadError, PickleReader};

/// A window of 64 KiB of the loader, and what naming a class may hold.
const ROOM_LEN: u64 = 4 << 20;

pub(super) fn run(data: &[u8]) {
    let scanned = within(allowed(1 << 10, 120, data.len()), || scan(data));
    within(allowed(ROOM_LEN, 300, data.len()), || {
        let class = ClassName::of_record(data).to_string();
        assert!(class.contains('.'));
    });
    if let Ok(parts) = &scanned {
        assert!(0 < parts.class_end && parts.class_end < parts.state_end && parts.state_end <= data.len());
        // What stands behind is never looked at; only no place in the memo is behind the end.
        match scan(&data[..parts.state_end]) {
            Err(LoadError::Limit { what: "memo entries", .. }) => {}
            cut => assert_eq!(cut.unwrap(), *parts),
        }
        assert!(scan(&data[..parts.state_end - 1]).is_err());
    }
    agree_with_the_opcodes(data, &scanned);
    agree_with_the_loader(data, &scanned);
}

/// What is scanned can be shown, opcode by opcode, and ends there.
fn agree_with_the_opcodes(data: &[u8], scanned: &Result<Parts, LoadError>) {
    let (mut shown_len, mut last) = (0, None);
    for operation in operations(data) {
        if let Ok(operation) = &operation {
            assert!(operation.pos < data.len());
            shown_len += operation.argument.to_string().len();
        }
        last = Some(operation);
    }
    // A byte is shown as at most so many.
    assert!(shown_len <= 40 + 8 * data.len());
    match (scanned, last) {
        (Ok(parts), Some(Ok(last))) => assert_eq!((last.name, last.pos + 1), ("STOP", parts.state_end)),
        (Ok(_), last) => panic!("it was scanned to its end: {last:?}"),
        (Err(_), _) => {}
    }
}

fn scan(data: &[u8]) -> Result<Parts, LoadError> {
    let mut count = 0;
    let scanned = RecordScanner::default().scan(data, &mut |reference| {
        count += 1;
        if let Reference::Strong { class: Some(class), .. } = reference {
            // Latin-1 becomes UTF-8, and both may be the same string.
            assert!(class.module.len().max(class.name.len()) <= 2 * data.len());
        }
    });
    assert!(count <= data.len());
    scanned
}

/// What the loader of whole pickles loads, which knows no references, has none, and ends where it ends.
fn agree_with_the_loader(data: &[u8], scanned: &Result<Parts, LoadError>) {
    let mut reader = PickleReader::new(data);
    let limits = Limits { max_opcode_count: 2000, max_node_count: 2000, ..Limits::default() };
    for number in 0..2 {
        if reader.load(&limits).is_err() {
            return;
        }
        match scanned {
            Ok(parts) => assert_eq!(reader.pos(), [parts.class_end, parts.state_end][number] as u64),
            // The loader takes any number for a place in the memo.
            Err(LoadError::Limit { what: "memo entries", .. }) => return,
            // Of protocol 4, which an index may have and no record.
            Err(LoadError::Opcode { found: 0x8c, .. }) => return,
            // The fault may be in the second one.
            Err(_) if number == 0 => {}
            Err(error) => panic!("the loader loads both: {error}"),
        }
    }
}

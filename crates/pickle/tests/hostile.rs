//! Damaged and forged indexes: always an error or an index, never a panic, never much memory.

mod common;

use common::{FIXTURES, read};
use pickle::index::Error;
use pickle::{Limits, LoadError, PickleReader};

/// Fixtures up to this length get every byte changed to every value.
const SMALL_LEN: usize = 400;

#[test]
fn every_truncation_is_an_error() {
    for (name, bytes) in FIXTURES {
        for len in 0..bytes.len() {
            assert!(read(&bytes[..len]).is_err(), "{name} cut to {len} bytes");
        }
    }
}

#[test]
fn every_changed_byte_is_survived() {
    for (name, bytes) in FIXTURES.iter().filter(|(_, bytes)| bytes.len() <= SMALL_LEN) {
        let mut changed = bytes.to_vec();
        for index in 0..bytes.len() {
            for value in 0..=u8::MAX {
                changed[index] = value;
                if let Ok((end_pos, entries)) = read(&changed) {
                    assert!(entries.iter().all(|(_, position)| (4..end_pos).contains(position)), "{name}");
                    assert!(entries.is_sorted_by(|(a, _), (b, _)| a < b), "{name}");
                }
            }
            changed[index] = bytes[index];
        }
    }
}

fn load(bytes: &[u8], limits: &Limits) -> Result<(), LoadError> {
    PickleReader::new(bytes).load(limits).map(drop)
}

/// With no limit set, a length that the stream does not keep is only a truncation: nothing of
/// that size is ever allocated (it could not be).
#[test]
fn promised_lengths_are_not_believed() {
    let no_limits = Limits {
        max_string_len: u64::MAX,
        max_node_count: usize::MAX,
        max_total_len: u64::MAX,
        max_opcode_count: u64::MAX,
    };
    for opcode in *b"TBX" {
        let bytes = [&[opcode][..], &[0xff; 4], b"abc"].concat();
        assert!(matches!(load(&bytes, &no_limits), Err(LoadError::Truncated { pos: 8, .. })));
        assert!(matches!(load(&bytes, &Limits::default()), Err(LoadError::Limit { pos: 0, .. })));
    }
    assert!(matches!(load(b"\x8b\xff\xff\xff\xff", &no_limits), Err(LoadError::IntTooLarge { pos: 0 })));
}

#[test]
fn each_limit_holds() {
    let limits =
        Limits { max_string_len: 300, max_node_count: 50, max_total_len: 1000, max_opcode_count: 200 };
    let numbered_puts = (0..60u32).flat_map(|i| [&b"r"[..], &i.to_le_bytes()].concat());
    // The text is stored once and encoded again and again, 200 bytes each.
    let encodings = [
        &b"c_codecs\nencode\nq\0X\xc8\0\0\0"[..],
        &[b'a'; 200],
        b"q\x01X\x06\0\0\0latin1q\x02",
        &b"h\0h\x01h\x02\x86R".repeat(20),
    ];
    let cases: [(&str, Vec<u8>); 9] = [
        ("values", b")".repeat(60)),
        ("values on the stack", [&b")q\0"[..], &b"h\0".repeat(60)].concat()),
        ("values on the stack", [&b")"[..], &b"2".repeat(60)].concat()),
        ("marks", b"(".repeat(60)),
        ("memo entries", [&b")"[..], &numbered_puts.collect::<Vec<_>>()].concat()),
        ("opcodes", [&b")"[..], &b"20".repeat(120)].concat()),
        ("bytes in one line", [&b"S'"[..], &[b'a'; 400], b"'\n."].concat()),
        ("bytes in all strings", encodings.concat()),
        ("bytes", [b"I", &b"0".repeat(290)[..], b"\n0"].concat().repeat(10)),
    ];
    for (expected, bytes) in cases {
        let result = load(&bytes, &limits);
        assert!(matches!(result, Err(LoadError::Limit { what, .. }) if what == expected), "{result:?}");
    }
}

/// A million lists inside each other: no recursion, neither when loading nor when dropping.
#[test]
fn depth_costs_no_stack() {
    let count = 1_000_000;
    let bytes = [&b"]".repeat(count)[..], &b"a".repeat(count - 1), b"."].concat();
    assert!(load(&bytes, &Limits::default()).is_ok());
    let result = read(&bytes);
    assert!(matches!(result, Err(Error::Shape { pos: 0, found: "a list", .. })), "{result:?}");
}

#[test]
fn a_list_inside_itself_is_loaded() {
    let pickle = PickleReader::new(&b"]q\0h\0a."[..]).load(&Limits::default()).unwrap();
    assert_eq!(pickle.value(pickle.root()), pickle::Value::List(&[pickle.root()]));
}

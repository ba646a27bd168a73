//! What is written is read back the same, at every length the format switches at.

mod common;

use std::collections::BTreeMap;

use common::{read, rewrite, write};
use pickle::index::{Entry, Prefix};
use proptest::prelude::*;

/// Bytes of the first pickle without PROTO and STOP; checked against ZODB 6.4 with
/// check_index_writer.py.
#[test]
fn end_positions_have_their_shortest_form() {
    let cases: [(u64, &[u8]); 19] = [
        (4, b"K\x04"),
        (255, b"K\xff"),
        (256, b"M\0\x01"),
        (357, b"M\x65\x01"),
        (65535, b"M\xff\xff"),
        (65536, b"J\0\0\x01\0"),
        ((1 << 31) - 1, b"J\xff\xff\xff\x7f"),
        (1 << 31, b"\x8a\x05\0\0\0\x80\0"),
        ((1 << 32) - 1, b"\x8a\x05\xff\xff\xff\xff\0"),
        (1 << 32, b"\x8a\x05\0\0\0\0\x01"),
        ((1 << 39) - 1, b"\x8a\x05\xff\xff\xff\xff\x7f"),
        (1 << 39, b"\x8a\x06\0\0\0\0\x80\0"),
        ((1 << 47) - 1, b"\x8a\x06\xff\xff\xff\xff\xff\x7f"),
        (1 << 47, b"\x8a\x07\0\0\0\0\0\x80\0"),
        ((1 << 55) - 1, b"\x8a\x07\xff\xff\xff\xff\xff\xff\x7f"),
        (1 << 55, b"\x8a\x08\0\0\0\0\0\0\x80\0"),
        (1 << 56, b"\x8a\x08\0\0\0\0\0\0\0\x01"),
        (1 << 62, b"\x8a\x08\0\0\0\0\0\0\0\x40"),
        ((1 << 63) - 1, b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"),
    ];
    for (end_pos, body) in cases {
        let bytes = write(end_pos, &[]).unwrap();
        assert_eq!(bytes, [b"\x80\x03", body, b".\x80\x03N."].concat(), "{end_pos}");
        assert_eq!(read(&bytes).unwrap(), (end_pos, vec![]));
    }
}

#[test]
fn a_bucket_of_32_entries_gets_the_long_length() {
    for (count, head) in [(31u16, &b"C\xf8"[..]), (32, b"B\0\x01\0\0")] {
        let entries: Vec<Entry> = (0..count).map(|suffix| (suffix, 4 + 100 * u64::from(suffix))).collect();
        let bytes = write(70_000, &[([0; 6], entries)]).unwrap();
        assert_eq!(&bytes[18..18 + head.len()], head);
    }
}

#[test]
fn the_largest_bucket() {
    let entries: Vec<Entry> = (0..=u16::MAX).map(|suffix| (suffix, 4 + u64::from(suffix))).collect();
    let bytes = write(1 << 20, &[([0xff; 6], entries)]).unwrap();
    assert_eq!(bytes.len(), 8 + 17 + 524_288 + 4);
    let (_, entries) = read(&bytes).unwrap();
    assert_eq!((entries.len(), entries[65535]), (65536, (u64::MAX, 65539)));
}

/// An end position and oids in few and in many buckets.
fn indexes() -> impl Strategy<Value = (u64, BTreeMap<u64, u64>)> {
    let oid = prop_oneof![0..300u64, 0..(1u64 << 24), any::<u64>()];
    let end_pos = (3..63u32).prop_flat_map(|bit_count| (1u64 << bit_count) - 3..1 << bit_count);
    end_pos.prop_flat_map(move |end_pos| {
        let last = end_pos.min(1 << 48);
        (
            Just(end_pos),
            prop::collection::btree_map(oid.clone(), 4..last.max(5), 0..if last > 4 { 200 } else { 1 }),
        )
    })
}

proptest! {
    #[test]
    fn written_and_read((end_pos, positions) in indexes()) {
        let mut buckets: BTreeMap<Prefix, Vec<Entry>> = BTreeMap::new();
        for (oid, position) in &positions {
            let [a, b, c, d, e, f, suffix @ ..] = oid.to_be_bytes();
            buckets.entry([a, b, c, d, e, f]).or_default().push((u16::from_be_bytes(suffix), *position));
        }
        let buckets: Vec<_> = buckets.into_iter().collect();
        let bytes = write(end_pos, &buckets).unwrap();
        prop_assert_eq!(&rewrite(&bytes).unwrap(), &bytes);
        prop_assert_eq!(read(&bytes).unwrap(), (end_pos, positions.into_iter().collect()));
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    /// Like the former, but of opcodes only, which gets much deeper.
    #[test]
    fn any_program_is_survived(
        program in prop::collection::vec(prop::sample::select(b"\x80\x03.(012NKJIU\x8a}ds]lae)t\x85\x86\x87qhcRb\x81\0\x01\n".to_vec()), 0..60),
    ) {
        let _ = read(&program);
    }
}

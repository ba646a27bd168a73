//! Every form of an index file that some ZODB wrote.

mod common;

use common::{fixture, read, rewrite};
use pickle::index::{Error, IndexReader};

fn long_py2_entries() -> Vec<(u64, u64)> {
    let entries = (0..35).map(|i| (0xfff0 + i, (1 << 31) + i * 100));
    [(0, 249), (1, 299)].into_iter().chain(entries).collect()
}

#[test]
fn every_form_has_its_content() {
    let tiny = (357, vec![(0, 249), (1, 299)]);
    let old_dict = (400, vec![(0, 52), (1, 222)]);
    let base = 1 << 47;
    let prefixes = vec![
        (0x0, base),
        (0x1, base + 1000),
        (0xffff, base + 2000),
        (0x1_0000, base + 3000),
        (0x1_ffff, base + 4000),
        (0xabcd_ef01_2345, base + 5000),
        (u64::MAX, base + 6000),
    ];
    let dict = vec![(7, (1 << 31) - 100), (0x1_0006, (1 << 31) - 50), (0x2_0005, 1 << 31)];
    let fs_index = (4000, vec![(0, 100), (1, 150), (2, 200)]);
    let long = (0x8000_0000 + 5000, long_py2_entries());
    let split = (0..150).map(|i| (i, 1000 + 100 * i)).chain((1..33).map(|i| (i << 16, base + i)));
    let tree = (0..40).map(|i| (i << 16, 100 + i));
    let cases = [
        ("tiny.fs", tiny.clone()),
        ("empty", (4, vec![])),
        ("31", (70_000, (0..31).map(|i| (i, 4 + 100 * i)).collect())),
        ("32", ((1 << 31) - 1, (0..32).map(|i| (i, 4 + 100 * i)).collect())),
        ("prefixes", (base + 123_456, prefixes)),
        ("old-dict-plain", old_dict.clone()),
        ("old-dict-fsindex", old_dict),
        ("py2-dict-fsindex", fs_index.clone()),
        ("py2-dict-fsindex-p2", fs_index),
        ("py2-dict-plain", (1 << 40, dict.clone())),
        ("py2-dict-plain-p0", (1 << 40, dict)),
        ("py2-zodb38-small", (357, vec![(0, 249), (1, 299), (0x1_0000, 340)])),
        ("py2-zodb38-split", (base + 5000, split.collect())),
        ("py2-zodb39-small", tiny.clone()),
        ("py2-zodb39-tree", (1 << 33, tree.collect())),
        ("py2-zodb39-empty", (4, vec![])),
        ("py2-zodb310-tiny", tiny.clone()),
        ("py2-zodb310-long", long.clone()),
        ("py2-zodb53-tiny", tiny.clone()),
        ("py2-zodb53-long", long.clone()),
        ("py2-zodb56-tiny", tiny),
        ("py2-zodb56-long", long),
    ];
    for (name, expected) in cases {
        assert_eq!(read(fixture(name)).unwrap(), expected, "{name}");
    }
}

#[test]
fn the_present_form_is_written_back_byte_for_byte() {
    for name in ["tiny.fs", "plain.fs", "empty", "31", "32", "prefixes"] {
        assert_eq!(rewrite(fixture(name)).unwrap(), fixture(name), "{name}");
    }
}

#[test]
fn old_forms_become_the_present_form() {
    for name in ["py2-zodb39-small", "py2-zodb310-tiny", "py2-zodb53-tiny", "py2-zodb56-tiny"] {
        assert_eq!(rewrite(fixture(name)).unwrap(), fixture("tiny.fs"), "{name}");
    }
}

#[test]
fn a_bucket_finds_its_entries() {
    let mut reader = IndexReader::open(fixture("prefixes")).unwrap();
    let bucket = reader.next_bucket().unwrap().unwrap();
    assert_eq!((bucket.prefix, bucket.len()), ([0; 6], 3));
    assert_eq!(bucket.get(0), Some(1 << 47));
    assert_eq!(bucket.get(0xffff), Some((1 << 47) + 2000));
    assert_eq!(bucket.get(2), None);
    assert_eq!(bucket.entries().map(|(suffix, _)| suffix).collect::<Vec<_>>(), [0, 1, 0xffff]);
}

#[test]
fn junk_behind_the_final_none_is_not_looked_at() {
    let junk = [fixture("tiny.fs"), b"\xff\xff junk"].concat();
    let mut reader = IndexReader::open(junk.as_slice()).unwrap();
    assert!(reader.next_bucket().unwrap().is_some());
    for _ in 0..3 {
        assert!(reader.next_bucket().unwrap().is_none());
    }
    assert!(reader.is_followed().unwrap(), "but whoever asks is told");
    let mut reader = IndexReader::open(fixture("tiny.fs")).unwrap();
    while reader.next_bucket().unwrap().is_some() {}
    assert!(!reader.is_followed().unwrap());
}

/// Python 2 long strings: BINSTRING `T` with a 4-byte length, in the tuple of protocol 1; and the
/// end position as a long in text, `L`, which cPickle writes for a value of type long.
#[test]
fn python_2_long_strings_and_numbers() {
    let data: Vec<u8> = (0..100u16)
        .flat_map(u16::to_be_bytes)
        .chain((0..100u64).flat_map(|i| ((1 << 40) + i).to_be_bytes().into_iter().skip(2)))
        .collect();
    let bytes =
        [b"L2199023255552L\n.(U\x06\0\0\0\0\0\x05T".as_slice(), &800u32.to_le_bytes(), &data, b"t.N."]
            .concat();
    let (end_pos, entries) = read(&bytes).unwrap();
    assert_eq!(end_pos, 1 << 41);
    assert_eq!(entries, (0..100).map(|i| (0x5_0000 + i, (1 << 40) + i)).collect::<Vec<_>>());
}

/// An object as protocol 2 has it: class, no arguments, NEWOBJ, state, BUILD.
fn object(class: &str, state: &[u8]) -> Vec<u8> {
    [b"cmodule\n", class.as_bytes(), b"\n)\x81", state, b"b"].concat()
}

fn old_index(tree: &[u8]) -> Vec<u8> {
    let index = object("fsIndex", &[b"}S'_data'\n", tree, b"s"].concat());
    [b"}(S'index'\n", index.as_slice(), b"S'pos'\nI100\nu."].concat()
}

/// The class `fsBTree` splits into buckets of its own. No ZODB at hand did that, the state is
/// the one of every BTree: `((first, key, second), first)`, and `first` links to `second`.
#[test]
fn trees_of_trees() {
    let second = object("fsBucket", b"((U\x02\0\x07U\x06\0\0\0\0\0\x08tt");
    let first_state = [b"((U\x02\0\x03U\x06\0\0\0\0\0\x05t", second.as_slice(), b"p9\nt"].concat();
    let first = object("fsBucket", &first_state);
    let inner = object("fsBTree", &[b"((", first.as_slice(), b"p8\nU\x02\0\x07g9\ntg8\nt"].concat());
    let outer = object("OOBTree", &[b"((((U\x06\0\0\0\0\0\x01", inner.as_slice(), b"tttt"].concat());
    assert_eq!(read(&old_index(&outer)).unwrap(), (100, vec![(0x1_0003, 5), (0x1_0007, 8)]));
}

/// A tree that is its own child would be walked for ever.
#[test]
fn a_tree_inside_itself_is_refused() {
    let result = read(&old_index(b"cmodule\nOOBTree\n)\x81p1\n((g1\ntNtb"));
    assert!(matches!(result, Err(Error::SharedNode { pos: 56 })), "{result:?}");
}

/// Two prefixes that name the same bucket.
#[test]
fn a_shared_bucket_is_refused() {
    let bucket = object("fsBucket", b"((U\x02\0\x03U\x06\0\0\0\0\0\x05tt");
    let first = [b"((((U\x06\0\0\0\0\0\0", bucket.as_slice(), b"p1\n"].concat();
    let tree = object("OOBTree", &[first.as_slice(), b"U\x06\0\0\0\0\0\x01g1\ntttt"].concat());
    let result = read(&old_index(&tree));
    assert!(matches!(result, Err(Error::SharedNode { .. })), "{result:?}");
}

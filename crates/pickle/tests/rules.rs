//! Every rule an index can break has its own error, with the place.

mod common;

use std::io::{self, Write};

use common::{bucket_body, fixture, pickles, read, write};
use pickle::index::{Entry, Error, IndexWriter};
use pickle::{Limits, LoadError, index::IndexReader};

/// Bytes of a bucket from suffixes and positions.
fn packed(entries: &[Entry]) -> Vec<u8> {
    let suffixes = entries.iter().flat_map(|(suffix, _)| suffix.to_be_bytes());
    let positions = entries.iter().flat_map(|(_, position)| position.to_be_bytes().into_iter().skip(2));
    suffixes.chain(positions).collect()
}

/// An index with end position 100 and these buckets, the first at byte 5.
fn index_of(buckets: &[(&[u8], &[u8])]) -> Vec<u8> {
    let bodies: Vec<_> = buckets.iter().map(|(prefix, data)| bucket_body(prefix, data)).collect();
    let mut all = vec![&b"K\x64"[..]];
    all.extend(bodies.iter().map(Vec::as_slice));
    all.push(b"N");
    pickles(&all)
}

macro_rules! assert_error {
    ($result:expr, $pattern:pat $(if $guard:expr)?) => {
        let result = $result;
        assert!(matches!(&result, Err($pattern) $(if $guard)?), "{result:?}");
    };
}

#[test]
fn bucket_lengths() {
    let prefix = &[0; 6][..];
    assert_error!(read(&index_of(&[(prefix, b"")])), Error::BucketEmpty { pos: 15 });
    assert_error!(read(&index_of(&[(prefix, &[0; 15])])), Error::BucketLen { pos: 15, found_len: 15 });
    let full: Vec<Entry> = (0..=u16::MAX).map(|suffix| (suffix, 4)).collect();
    assert_eq!(read(&index_of(&[(prefix, &packed(&full))])).unwrap().1.len(), 65536);
    let too_long = vec![0; 524_296];
    assert_error!(
        read(&index_of(&[(prefix, &too_long)])),
        Error::BucketTooLong { pos: 15, found_len: 524_296 }
    );
    assert_error!(
        read(&index_of(&[(prefix, &vec![0; 2 << 20])])),
        Error::Load(LoadError::Limit { pos: 15, limit: 0x10_0000, .. })
    );
}

#[test]
fn order_of_prefixes_and_suffixes() {
    let entry = packed(&[(1, 4)]);
    for second in [[0, 0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 4]] {
        let bytes = index_of(&[(&[0, 0, 0, 0, 0, 5], &entry), (&second, &entry)]);
        assert_error!(read(&bytes), Error::PrefixOrder { pos: 32, found, .. } if *found == second);
    }
    for second in [7, 6] {
        let bytes = index_of(&[(&[0; 6], &packed(&[(0, 4), (7, 5), (second, 6)]))]);
        assert_error!(
            read(&bytes),
            Error::SuffixOrder { pos: 15, entry_index: 2, previous: 7, found } if *found == second
        );
    }
    assert_error!(
        read(&index_of(&[(&[0; 5], &entry)])),
        Error::StringLen { pos: 7, expected_len: 6, found_len: 5, .. }
    );
}

#[test]
fn positions() {
    for (position, is_good) in [(0, false), (3, false), (4, true), (99, true), (100, false), (1 << 47, false)]
    {
        let result = read(&index_of(&[(&[0; 6], &packed(&[(0, 4), (1, position)]))]));
        if is_good {
            assert_eq!(result.unwrap().1[1], (1, position));
        } else {
            assert_error!(
                result,
                Error::PositionRange { pos: 15, entry_index: 1, found, limit: 100 } if *found == position
            );
        }
    }
}

#[test]
fn end_positions() {
    for (body, expected) in [(&b"K\x03"[..], 3), (b"K\0", 0), (b"J\xff\xff\xff\xff", -1), (b"\x8a\0", 0)] {
        assert_error!(
            read(&pickles(&[body, b"N"])),
            Error::EndPos { pos: 2, found } if *found == expected
        );
    }
    assert_eq!(read(&pickles(&[b"K\x04", b"N"])).unwrap(), (4, vec![]));
    let nine = b"\x8a\x09\0\0\0\0\0\0\0\0\x01";
    assert_error!(read(&pickles(&[nine, b"N"])), Error::Load(LoadError::IntTooLarge { pos: 2 }));
}

#[test]
fn wrong_shapes() {
    let no_bucket = "a tuple of prefix and bucket, or None";
    for body in [&b"K\x05"[..], b")", b"]", b"K\x01K\x02K\x03\x87", b"}", b"\x89"] {
        assert_error!(
            read(&pickles(&[b"K\x64", body, b"N"])),
            Error::Shape { expected, .. } if *expected == no_bucket
        );
    }
    assert_error!(read(&pickles(&[b"K\x64", b"NN\x86"])), Error::Shape { expected: "a prefix", .. });
    for body in [&b"N"[..], b"]", b"\x88", b"U\x03abc", b"K\x64\x85"] {
        assert_error!(read(&pickles(&[body])), Error::Shape { pos: 2 | 4, .. });
    }
    assert_error!(read(&pickles(&[b"}"])), Error::MissingKey { pos: 2, key: "pos" });
    assert_error!(read(&pickles(&[b"}U\x03posK\x64s"])), Error::MissingKey { pos: 2, key: "index" });
}

#[test]
fn the_final_none_must_be_there() {
    let tiny = fixture("tiny.fs");
    assert_error!(read(&tiny[..tiny.len() - 4]), Error::NoFinalNone { pos: 36 });
    assert_error!(read(&tiny[..tiny.len() - 3]), Error::Load(LoadError::Truncated { pos: 37, .. }));
    assert_error!(read(b""), Error::Load(LoadError::Truncated { pos: 0, .. }));
}

#[test]
fn plain_dicts() {
    let dict = |items: &[u8]| [b"}(U\x03posK\x64U\x05index}(", items, b"uu."].concat();
    let entry = |oid: u8, position: &[u8]| [b"U\x08\0\0\0\0\0\0\0", &[oid][..], position].concat();
    let good = [entry(9, b"K\x05"), entry(2, b"K\x06")].concat();
    assert_eq!(read(&dict(&good)).unwrap(), (100, vec![(2, 6), (9, 5)]));
    let twice = [entry(9, b"K\x05"), entry(9, b"K\x06")].concat();
    assert_error!(read(&dict(&twice)), Error::DuplicateOid { pos: 16, oid: 9 });
    for position in [&b"K\x64"[..], b"K\x03", b"J\xff\xff\xff\xff"] {
        assert_error!(read(&dict(&entry(1, position))), Error::PositionRange { entry_index: 0, .. });
    }
    assert_error!(read(&dict(b"U\x07\0\0\0\0\0\0\0K\x05")), Error::StringLen { expected_len: 8, .. });
    assert_error!(read(&dict(&entry(1, b"N"))), Error::Shape { expected: "a position", .. });
}

#[test]
fn fs_index_states() {
    let index = |state: &[u8]| [b"}(U\x03posK\x64U\x05indexcm\nfsIndex\n)\x81", state, b"bu."].concat();
    assert_error!(
        read(&index(b"}(U\x0dstate_versionK\x02U\x05_data]u")),
        Error::StateVersion { found: 2, .. }
    );
    assert_error!(read(&index(b"}")), Error::MissingKey { key: "_data", .. });
    assert_error!(read(&index(b"}U\x05_data]s")), Error::Shape { expected: "a BTree", .. });
    let list = b"}(U\x0dstate_versionK\x01U\x05_data](U\x06\0\0\0\0\0\0U\x08\0\0\0\0\0\0\0\x05\x86e";
    let entries = read(&index(&[list, &b"u"[..]].concat())).unwrap();
    assert_eq!(entries, (100, vec![(0, 5)]));
    // Version 0 may be written down, too.
    let tree = &b"cBTrees.OOBTree\nOOBTree\n)\x81"[..];
    let empty = [b"}(U\x0dstate_versionK\x00U\x05_data", tree, b"u"].concat();
    assert_eq!(read(&index(&empty)).unwrap(), (100, vec![]));
    // Between two children stands a key.
    let even = [b"}U\x05_data", tree, b"((NNtNtbs"].concat();
    assert_error!(read(&index(&even)), Error::Shape { expected: "the children of a BTree", .. });
}

/// One byte string of 80 bytes that a list names many times, under rising prefixes.
#[test]
fn a_list_cannot_unfold_past_the_limit() {
    let data = packed(&(0..10).map(|suffix| (suffix, 5)).collect::<Vec<_>>());
    let mut bytes =
        b"}(U\x03posK\x64U\x05indexcm\nfsIndex\n)\x81}(U\x0dstate_versionK\x01U\x05_data](".to_vec();
    bytes.extend([b"U\x06\0\0\0\0\0\0U\x50", data.as_slice(), b"q\x01\x86"].concat());
    for prefix in 1..100 {
        bytes.extend([&b"U\x06\0\0\0\0\0"[..], &[prefix], b"h\x01\x86"].concat());
    }
    bytes.extend(b"eubu.");
    let limits = Limits { max_total_len: 3000, ..Limits::default() };
    assert_eq!(read(&bytes).unwrap().1.len(), 1000);
    assert_error!(IndexReader::open_within(bytes.as_slice(), &limits), Error::TooLarge { limit: 3000, .. });
}

#[test]
fn the_writer_refuses() {
    for end_pos in [0, 3, 1 << 63, u64::MAX] {
        assert_error!(write(end_pos, &[]), Error::EndPos { pos: 0, found } if *found == i128::from(end_pos));
    }
    let try_entries = |end_pos, entries: &[Entry]| write(end_pos, &[([0; 6], entries.to_vec())]);
    assert_error!(try_entries(100, &[]), Error::BucketEmpty { pos: 5 });
    assert_error!(try_entries(100, &[(0, 4); 65537]), Error::BucketTooLong { found_len: 524_296, .. });
    assert_error!(try_entries(100, &[(1, 4), (1, 5)]), Error::SuffixOrder { entry_index: 1, .. });
    assert_error!(try_entries(100, &[(1, 100)]), Error::PositionRange { found: 100, .. });
    assert_error!(try_entries(100, &[(1, 3)]), Error::PositionRange { found: 3, .. });
    let limit = 1 << 48;
    assert!(try_entries(1 << 50, &[(1, limit - 1)]).is_ok());
    assert_error!(
        try_entries(1 << 50, &[(1, limit)]),
        Error::PositionRange { limit: 0x1_0000_0000_0000, .. }
    );
    for second in [[0, 0, 0, 0, 0, 1], [0; 6]] {
        let buckets = [([0, 0, 0, 0, 0, 1], vec![(0, 4)]), (second, vec![(0, 4)])];
        assert_error!(write(100, &buckets), Error::PrefixOrder { pos: 27, .. });
    }
}

#[test]
fn a_refused_bucket_leaves_no_trace() {
    let mut writer = IndexWriter::new(Vec::new(), 357).unwrap();
    assert!(writer.bucket([0; 6], &[(0, 249), (1, 357)]).is_err());
    writer.bucket([0; 6], &[(0, 249), (1, 299)]).unwrap();
    assert!(writer.bucket([0; 6], &[(2, 299)]).is_err());
    assert_eq!(writer.finish().unwrap(), fixture("tiny.fs"));
}

#[test]
fn a_failing_output_is_reported() {
    #[derive(Debug)]
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::Other.into())
        }
    }
    assert_error!(IndexWriter::new(Full(4), 100), Error::Write { pos: 0, .. });
    let mut writer = IndexWriter::new(Full(5), 100).unwrap();
    assert_error!(writer.bucket([0; 6], &[(1, 4)]), Error::Write { pos: 5, .. });
    assert_error!(IndexWriter::new(Full(9), 100).unwrap().finish(), Error::Write { pos: 9, .. });
}

//! Each limit holds to the byte: what just reaches it is loaded, one more is not.

use pickle::{Limits, LoadError, PickleReader};

const NO_LIMITS: Limits = Limits {
    max_string_len: u64::MAX,
    max_node_count: usize::MAX,
    max_total_len: u64::MAX,
    max_opcode_count: u64::MAX,
};

/// The number of something that the longest program has which loads; the next one must name the limit.
#[expect(clippy::unwrap_used, reason = "a test without a limit fails here")]
fn most(what: &str, limits: &Limits, program: impl Fn(usize) -> Vec<u8>) -> usize {
    let load = |count| PickleReader::new(&*program(count)).load(limits).map(drop);
    let refused = (1..=200).find(|count| load(*count).is_err()).unwrap();
    let result = load(refused);
    assert!(matches!(&result, Err(LoadError::Limit { what: found, .. }) if *found == what), "{result:?}");
    assert!((refused..refused + 50).all(|count| load(count).is_err()), "and none beyond it");
    refused - 1
}

/// A program of `count` equal parts, then STOP.
fn repeated(start: &[u8], part: &[u8], count: usize) -> Vec<u8> {
    [start, &part.repeat(count), b"."].concat()
}

#[test]
fn values_stack_marks_and_memo_hold_as_many_as_they_may() {
    let limits = Limits { max_node_count: 50, ..NO_LIMITS };
    assert_eq!(most("values", &limits, |count| repeated(b"", b")", count)), 50);
    // One value, and again and again the same one.
    assert_eq!(most("values on the stack", &limits, |count| repeated(b")q\0", b"h\0", count - 1)), 50);
    assert_eq!(most("values on the stack", &limits, |count| repeated(b")", b"2", count - 1)), 50);
    assert_eq!(most("marks", &limits, |count| [&b"(".repeat(count)[..], b"N."].concat()), 50);
    let puts = |count| (0..count).flat_map(|index| [b'q', u8::try_from(index).unwrap()]).collect::<Vec<u8>>();
    assert_eq!(most("memo entries", &limits, |count| [b")", &puts(count)[..], b"."].concat()), 50);
}

#[test]
fn so_many_opcodes_are_run_with_the_stop() {
    let limits = Limits { max_opcode_count: 99, ..NO_LIMITS };
    let puts = most("opcodes", &limits, |count| repeated(b"N", b"p1\n", count));
    assert_eq!(puts, 97, "with a None before and the STOP behind");
}

/// A line of `count` letters behind an opcode.
fn line(opcode: u8, count: usize) -> Vec<u8> {
    [&[opcode][..], &b"a".repeat(count), b"\n."].concat()
}

#[test]
fn a_string_may_have_so_many_bytes_whatever_opcode_brings_it() {
    let limits = Limits { max_string_len: 100, ..NO_LIMITS };
    let what = "bytes in one string";
    for opcode in *b"UC\x8c" {
        let string = |count: usize| {
            let len = u8::try_from(count).unwrap();
            [&[opcode, len], &b"a".repeat(count)[..], b"."].concat()
        };
        assert_eq!(most(what, &limits, string), 100, "{opcode:#x}");
    }
    for opcode in *b"TBX" {
        let string = |count: usize| {
            let len = u32::try_from(count).unwrap().to_le_bytes();
            [&[opcode][..], &len, &b"a".repeat(count), b"."].concat()
        };
        assert_eq!(most(what, &limits, string), 100, "{opcode:#x}");
    }
    // Each letter of such a line can become two bytes.
    assert_eq!(most(what, &limits, |count| line(b'V', count)), 50);
    let quoted = |count: usize| [b"S'", &b"a".repeat(count)[..], b"'\n."].concat();
    assert_eq!(most("bytes in one line", &limits, quoted), 98, "the quotes count");
    let module = |count: usize| [b"c", &b"m".repeat(count)[..], b"\nn\n."].concat();
    assert_eq!(most(what, &limits, module), 98, "with the name, and one byte between");
    let names = |count: usize| [b"cmodule\n", &line(b'n', count)[..]].concat();
    assert_eq!(most(what, &limits, names), 100 - "module\nn".len());
}

#[test]
fn all_strings_together_and_the_pickle_itself_have_so_many_bytes() {
    let limits = Limits { max_total_len: 300, ..NO_LIMITS };
    // A text of `count` bytes, encoded `times` times: each adds as many bytes again.
    let encoded = |count: usize, times: usize| {
        let len = u8::try_from(count).unwrap();
        let text = [&[b'X', len, 0, 0, 0][..], &b"a".repeat(count)].concat();
        let call = &b"h\0h\x01h\x02\x86R".repeat(times)[..];
        [b"c_codecs\nencode\nq\0", &text[..], b"q\x01X\x06\0\0\0latin1q\x02", call, b"."].concat()
    };
    let names_len = "_codecs\nencode".len() + "latin1".len();
    for times in [1, 2, 3] {
        let most = most("bytes in all strings", &limits, |count| encoded(count, times));
        assert_eq!(most, (300 - names_len) / (1 + times), "encoded {times} times");
    }
    // The last opcode begins no more than so many bytes behind the first one.
    let pickle = |len: usize| [b"K\x01", &b"2".repeat(len - 3)[..], b"."].concat();
    let limits = Limits { max_total_len: 100, ..NO_LIMITS };
    assert_eq!(most("bytes", &limits, |count| pickle(count + 2)), 99);
    let three = pickle(101).repeat(3);
    let mut reader = PickleReader::new(&*three);
    for _ in 0..3 {
        reader.load(&limits).unwrap();
    }
    assert!(reader.at_end().unwrap(), "each pickle is counted from its own start");
}

//! The opcodes one by one.

use pickle::{Limits, LoadError, Pickle, PickleReader, Value};

fn load(bytes: &[u8]) -> Result<Pickle, LoadError> {
    PickleReader::new(bytes).load(&Limits::default())
}

#[test]
fn simple_values() {
    let cases: [(&[u8], Value<'_>); 31] = [
        (b"N.", Value::None),
        (b"\x88.", Value::Bool(true)),
        (b"\x89.", Value::Bool(false)),
        (b"I01\n.", Value::Bool(true)),
        (b"I00\n.", Value::Bool(false)),
        (b"I1\n.", Value::Int(1)),
        (b"I-17\n.", Value::Int(-17)),
        (b"L2147483648L\n.", Value::Int(1 << 31)),
        (b"L-5L\n.", Value::Int(-5)),
        (b"L5\n.", Value::Int(5)),
        (b"J\xfe\xff\xff\xff.", Value::Int(-2)),
        (b"K\xff.", Value::Int(255)),
        (b"M\xff\xff.", Value::Int(65535)),
        (b"\x8a\0.", Value::Int(0)),
        (b"\x8a\x01\xff.", Value::Int(-1)),
        (b"\x8a\x05\0\0\0\x80\0.", Value::Int(1 << 31)),
        (b"\x8a\x08\0\0\0\0\0\0\0\x80.", Value::Int(i64::MIN)),
        (b"\x8b\x02\0\0\0\0\x01.", Value::Int(256)),
        (b"S'a\\x00b'\n.", Value::Bytes(b"a\0b")),
        (b"U\x02ab.", Value::Bytes(b"ab")),
        (b"T\x02\0\0\0ab.", Value::Bytes(b"ab")),
        (b"B\x02\0\0\0ab.", Value::Bytes(b"ab")),
        (b"C\x02ab.", Value::Bytes(b"ab")),
        (b"V\\u20ac\xe9\n.", Value::Text("\u{20ac}\u{e9}")),
        (b"X\x02\0\0\0\xc3\xa9.", Value::Text("\u{e9}")),
        (b"\x8c\x02\xc3\xa9.", Value::Text("\u{e9}")),
        (b").", Value::Tuple(&[])),
        (b"].", Value::List(&[])),
        (b"}.", Value::Dict(&[])),
        (b"cmod.ule\nname\n.", Value::Global { module: "mod.ule", name: "name" }),
        (b"c_codecs\nencode\n(X\x02\0\0\0\xc3\xbfX\x06\0\0\0latin1tR.", Value::Bytes(b"\xff")),
    ];
    for (bytes, expected) in cases {
        let pickle = load(bytes).unwrap();
        assert_eq!(pickle.value(pickle.root()), expected, "{bytes:?}");
    }
}

/// Programs that all leave the ints 1 2 3 (or a part of them) in some container.
#[test]
fn containers() {
    let cases: [(&[u8], &str); 15] = [
        (b"(K\x01K\x02K\x03t.", "(1 2 3)"),
        (b"K\x01\x85.", "(1)"),
        (b"K\x01K\x02\x86.", "(1 2)"),
        (b"K\x01K\x02K\x03\x87.", "(1 2 3)"),
        (b"(K\x01K\x02l.", "[1 2]"),
        (b"]K\x01a.", "[1]"),
        (b"](K\x01K\x02e.", "[1 2]"),
        (b"(K\x01K\x02d.", "{1:2}"),
        (b"}K\x01K\x02s.", "{1:2}"),
        (b"}(K\x01K\x02K\x03Nu.", "{1:2 3:?}"),
        (b"K\x01K\x020\x85.", "(1)"),
        (b"K\x01(K\x02K\x031\x85.", "(1)"),
        (b"K\x01(0\x85.", "(1)"),
        (b"K\x012\x86.", "(1 1)"),
        (b"K\x01p7\n0K\x02q\x080K\x03r\0\x01\0\x000(g7\nh\x08j\0\x01\0\0t.", "(1 2 3)"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(show(&load(bytes).unwrap()), expected, "{bytes:?}");
    }
}

fn show(pickle: &Pickle) -> String {
    let int = |handle| match pickle.value(handle) {
        Value::Int(number) => number.to_string(),
        _ => "?".to_owned(),
    };
    let ints = |items: &[_]| items.iter().map(|item| int(*item)).collect::<Vec<_>>().join(" ");
    match pickle.value(pickle.root()) {
        Value::Tuple(items) => format!("({})", ints(items)),
        Value::List(items) => format!("[{}]", ints(items)),
        Value::Dict(pairs) => {
            let pairs: Vec<_> =
                pairs.iter().map(|[key, value]| format!("{}:{}", int(*key), int(*value))).collect();
            format!("{{{}}}", pairs.join(" "))
        }
        other => other.kind().to_owned(),
    }
}

#[test]
fn objects_are_recorded_only() {
    let cases: [(&[u8], (&str, &str)); 8] = [
        (b"cm\nC\n)\x81.", ("m", "C")),
        (b"cos\nsystem\n(U\x04haltt\x81}b.", ("os", "system")),
        (b"cos\nsystem\n(U\x04halttR.", ("os", "system")),
        (b"ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\nobject\nNtR.", ("m", "C")),
        (b"ccopyreg\n__newobj__\n(cm\nC\ntR}b.", ("m", "C")),
        // Not Latin-1, so it stays a call.
        (b"c_codecs\nencode\n(X\x03\0\0\0\xe2\x82\xacX\x06\0\0\0latin1tR.", ("_codecs", "encode")),
        // Another encoding, and another function.
        (b"c_codecs\nencode\n(X\x01\0\0\0aX\x05\0\0\0utf-8tR.", ("_codecs", "encode")),
        (b"cmodule\nencode\n(X\x01\0\0\0aX\x06\0\0\0latin1tR.", ("module", "encode")),
    ];
    for (bytes, expected) in cases {
        let pickle = load(bytes).unwrap();
        assert_eq!(pickle.class_name(pickle.root()), Some(expected));
        assert_eq!(pickle.value(pickle.root()).kind(), "an object");
    }
}

#[test]
fn one_pickle_after_the_other() {
    let mut reader = PickleReader::new(&b"\x80\x02K\x01.K\x02."[..]);
    for (number, end_pos) in [(1, 5), (2, 8)] {
        let pickle = reader.load(&Limits::default()).unwrap();
        assert_eq!(pickle.value(pickle.root()), Value::Int(number));
        assert_eq!(pickle.pos(pickle.root()), end_pos - 3);
        assert_eq!(reader.pos(), end_pos);
    }
    assert!(reader.at_end().unwrap());
}

#[test]
fn errors_have_their_place() {
    let cases: [(&[u8], &str); 27] = [
        (b"", "stream ends at byte 0, expected an opcode"),
        (b"N", "stream ends at byte 1, expected an opcode"),
        (b"NU\x05ab", "stream ends at byte 5, expected a byte string"),
        (b"I12", "stream ends at byte 3, expected an integer in text"),
        (b"\x80\x04N.", "pickle protocol 4 at byte 0, expected 0 to 3"),
        (b"N\xff", "opcode 0xff at byte 1 is unknown"),
        (b".", "opcode at byte 0 finds no value on the stack"),
        (b"N(.", "opcode at byte 2 finds no value on the stack"),
        (b"N\x86", "opcode at byte 1 finds no value on the stack"),
        (b"Nt", "opcode at byte 1 finds no mark on the stack"),
        (b"Nu", "opcode at byte 1 finds no mark on the stack"),
        (b"}(Nu", "opcode at byte 3 finds 1 keys and values, expected an even number"),
        (b"(Nd", "opcode at byte 2 finds 1 keys and values, expected an even number"),
        (b"h\x07", "opcode at byte 0 asks for memo entry 7, which was not stored"),
        (b"NNa", "opcode at byte 2 finds None, expected a list"),
        (b")NNs", "opcode at byte 3 finds a tuple, expected a dict"),
        (b"]Nb", "opcode at byte 2 finds a list, expected an object"),
        (b"NNR", "opcode at byte 2 finds None, expected a tuple"),
        (b"Ix\n", "bad argument of the opcode at byte 0, expected an integer in text"),
        (b"I1L\n", "bad argument of the opcode at byte 0, expected an integer in text"),
        (b"Np-1\n", "bad argument of the opcode at byte 1, expected a memo index"),
        (b"Sa\n", "bad argument of the opcode at byte 0, expected a quoted string"),
        (b"V\\u1\n", "bad argument of the opcode at byte 0, expected raw-unicode-escape text"),
        (b"X\x01\0\0\0\xff", "bad argument of the opcode at byte 0, expected UTF-8"),
        (b"c\xff\nx\n", "bad argument of the opcode at byte 0, expected UTF-8"),
        (b"I9223372036854775808\n", "integer at byte 0 needs more than 64 bits"),
        (b"\x8a\x09", "integer at byte 0 needs more than 64 bits"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(load(bytes).unwrap_err().to_string(), expected, "{bytes:?}");
    }
}

/// Fuzzing found it: the suffix of long integers was also taken off a place in the memo, which no Python reads.
#[test]
fn only_long_integers_have_an_l() {
    assert_eq!(show(&load(b"L12L\n\x85.").unwrap()), "(12)");
    for bytes in [&b"Np1L\n."[..], b"Np1\ng1L\n.", b"I12L\n."] {
        assert!(matches!(load(bytes), Err(LoadError::Syntax { .. })), "{bytes:?}");
    }
}

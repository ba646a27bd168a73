//! Records of objects, against what ZODB finds in each: `tests/data/samples/references.tsv`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests speak by panicking")]

use base64::Engine as _;
use pickle::LoadError;
use pickle::record::{ClassName, Parts, RecordScanner, Reference};
use proptest::prelude::*;

struct Row {
    name: String,
    data: Vec<u8>,
    class: String,
    /// Hex digits of oids, or the name of Python's exception.
    found: String,
}

fn rows() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/samples/references.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let [name, data, class, found] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let data = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
        Row { name: name.to_owned(), data, class: class.to_owned(), found: found.to_owned() }
    };
    text.lines().map(row).collect()
}

fn scan(data: &[u8]) -> (Vec<Reference<'_>>, Result<Parts, LoadError>) {
    let mut references = Vec::new();
    let parts = RecordScanner::default().scan(data, &mut |reference| references.push(reference));
    (references, parts)
}

fn strong(data: &[u8]) -> Vec<String> {
    let oid = |reference| match reference {
        Reference::Strong { oid, .. } => Some(oid.iter().map(|byte| format!("{byte:02x}")).collect()),
        Reference::Other => None,
    };
    scan(data).0.into_iter().filter_map(oid).collect()
}

#[test]
fn the_references_of_every_record_are_those_that_zodb_finds() {
    let rows = rows();
    assert!(rows.len() > 55);
    for Row { name, data, found, .. } in rows {
        let (_, parts) = scan(&data);
        if found.ends_with("Error") {
            assert!(parts.is_err(), "{name}: {found}");
        } else {
            let expected: Vec<&str> = found.split(' ').filter(|oid| *oid != "-").collect();
            assert_eq!(strong(&data), expected, "{name}");
            // A record of that sample reaches over others.
            assert_eq!(parts.unwrap().state_end == data.len(), !(name == "bad-plen.fs" && data.len() > 1000));
        }
    }
}

#[test]
fn the_class_of_every_record_is_printed_as_zodb_prints_it() {
    for Row { name, data, class, .. } in rows() {
        assert_eq!(ClassName::of_record(&data).to_string(), class, "{name}");
    }
}

#[test]
fn a_reference_names_the_class_if_it_has_one_and_weak_ones_are_told_apart() {
    let rows = rows();
    let data = &rows.iter().find(|row| row.name == "protocol 3").unwrap().data;
    let (references, _) = scan(data);
    let told: Vec<(u8, String)> = references
        .iter()
        .map(|reference| match reference {
            Reference::Strong { oid, class } => {
                (oid[7], class.as_ref().map_or_else(String::new, ToString::to_string))
            }
            Reference::Other => (0, "other".to_owned()),
        })
        .collect();
    let told: Vec<(u8, &str)> = told.iter().map(|(oid, class)| (*oid, class.as_str())).collect();
    // In a tuple, in a list in it, as a key, in the arguments of a call; then all forms.
    assert_eq!(told[..4], [(1, ""); 4]);
    let forms = [(1, ""), (2, "builtins.Exception"), (3, "module.name"), (4, "")];
    let others = [(0, "other"); 5];
    assert_eq!(told[4..], [&forms[..], &others, &[(b'1', "")]].concat());
}

/// Not one byte more is asked for than there is, and nothing before the cut is lost.
#[test]
fn a_record_cut_anywhere_is_an_error_with_a_place_in_it() {
    for Row { name, data, found, .. } in rows() {
        if found.ends_with("Error") || data.len() > 3000 {
            continue;
        }
        for len in 0..scan(&data).1.unwrap().state_end {
            let (_, parts) = scan(&data[..len]);
            assert!(
                matches!(parts, Err(LoadError::Truncated { pos, .. }) if pos == len as u64),
                "{name} {len}"
            );
        }
    }
}

#[test]
fn what_python_refuses_is_refused() {
    let class = b"cmodule\nname\n.";
    let state = |state: &[u8]| scan(&[class, state].concat()).1.map(drop);
    for (what, bytes) in [
        ("an empty stack at the end", b".".as_slice()),
        ("no mark", b"t."),
        ("a memo entry that is not there", b"h\x05."),
        ("that of a state before", b"}h\x01."),
        ("a key without a value", b"}(Nu."),
        ("a reference to a number", b"K\x01Q."),
        ("a reference to a dict", b"}Q."),
        ("an oid of 7 bytes", b"C\x07abcdefgQ."),
        ("a class as a reference", b"cm\nn\nQ."),
        ("protocol 4", b"\x80\x04N."),
        ("an opcode of protocol 4", b"\x8c\x01a."),
        ("a memo index beyond the record", b"Nr\xff\xff\xff\x7f."),
        ("a negative memo index", b"Np-1\n."),
        ("a string without quotes", b"Sabc\n."),
        ("an object without a class", b"(o."),
    ] {
        assert!(state(bytes).is_err(), "{what}");
    }
    assert!(state(b"(t.").is_ok() && state(b"}.").is_ok() && state(b"N.behind").is_ok());
}

/// The class's pickle stores, the state's fetches: seen in every object that refers to others of its class.
#[test]
fn the_state_can_fetch_what_the_class_stored() {
    let data = b"cmodule\nname\nq\x00.C\x08\0\0\0\0\0\0\0\x07h\x00\x86Q.";
    let class = ClassName { module: b"module".as_slice().into(), name: b"name".as_slice().into() };
    let oid = [0, 0, 0, 0, 0, 0, 0, 7];
    assert_eq!(scan(data).0, [Reference::Strong { oid, class: Some(class) }]);
}

/// What these opcodes leave on the stack shows in the reference that is made of its top.
///
/// **Source:** the references that `pickle.Unpickler` of Python 3.11 asks for, given the same bytes.
#[test]
fn opcodes_that_only_move_the_stack_leave_what_they_leave_in_python() {
    let (seven, eight) = (&b"U\x08\0\0\0\0\0\0\0\x07"[..], &b"U\x08\0\0\0\0\0\0\0\x08"[..]);
    let (once, twice) = (&["0000000000000007"][..], &["0000000000000007"; 2][..]);
    for (what, opcodes, expected) in [
        ("POP", &[seven, eight, b"0Q."][..], once),
        ("DUP", &[seven, b"2Q0Q."], twice),
        ("POP behind a MARK", &[seven, b"(0Q."], once),
        ("POP_MARK", &[seven, b"(NN1Q."], once),
        ("BUILD", &[seven, b"NbQ."], once),
        ("OBJ", &[seven, b"(cbuiltins\nlist\no0Q."], once),
    ] {
        let data = [b"cmodule\nname\n.", &opcodes.concat()[..]].concat();
        assert!(scan(&data).1.is_ok(), "{what}");
        assert_eq!(strong(&data), expected, "{what}");
    }
}

/// The old form of a class, as strings of protocol 0: with quotes, and as letters.
#[test]
fn a_class_that_is_named_by_strings_of_protocol_0_is_read() {
    for names in ["S'mod\\x75le'\nS'name'\n", "Vmod\\u0075le\nVname\n"] {
        let data =
            [b"cmodule\nname\n.(U\x08\0\0\0\0\0\0\0\x07(".as_slice(), names.as_bytes(), b"ttQ."].concat();
        let [Reference::Strong { class: Some(class), .. }] = &scan(&data).0[..] else { panic!("{names}") };
        assert_eq!(class.to_string(), "module.name");
        let of_class = [b"((", names.as_bytes(), b"t(tt.N."].concat();
        assert_eq!(ClassName::of_record(&of_class).to_string(), "module.name");
    }
    for names in [&b"U\x06moduleU\x04name"[..], b"C\x06moduleC\x04name", b"X\x06\0\0\0moduleX\x04\0\0\0name"]
    {
        let of_class = [b"((", names, b"t(tt.N."].concat();
        assert_eq!(ClassName::of_record(&of_class).to_string(), "module.name");
    }
    // A number is no name.
    assert_eq!(ClassName::of_record(b"((U\x06moduleK\x04t(tt.N."), ClassName::default());
}

#[test]
fn what_cannot_be_a_reference_is_told_by_its_kind() {
    for (opcodes, kind) in [(&b"cm\nn\nQ."[..], "a global name"), (b"K\x01Q.", "another value")] {
        let data = [b"cmodule\nname\n.", opcodes].concat();
        let told = scan(&data).1.map(drop).unwrap_err().to_string();
        assert!(told.contains(kind), "{told}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_an_error(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = scan(&data);
        let _ = ClassName::of_record(&data).to_string();
    }

    #[test]
    fn any_changed_byte_is_survived(number in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte: u8) {
        let rows = rows();
        let mut data = number.get(&rows).data.clone();
        let at = at.index(data.len());
        data[at] = byte;
        let _ = scan(&data);
        let _ = ClassName::of_record(&data).to_string();
    }
}

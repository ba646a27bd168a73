use super::*;
use crate::samples::{sample, transaction};

/// A file with a transaction of one record and one of `count` records, and where the second one begins.
fn file_of(count: usize, data: &[u8]) -> (Vec<u8>, usize) {
    let first = transaction(4, 7, b' ', &[b"abc"]);
    let pos = 4 + first.len();
    let second = transaction(pos as u64, 8, b' ', &vec![data; count]);
    ([b"FS30", &first[..], &second].concat(), pos)
}

fn careful(bytes: &dyn ReadAt) -> Scan<'_> {
    Scan::new(bytes, Boundary::start(bytes).unwrap()).unwrap().careful()
}

fn steps(mut scan: Scan<'_>) -> (Vec<Step>, Option<Error>) {
    let mut steps = Vec::new();
    loop {
        match scan.step() {
            Ok(step) => steps.push(step),
            Err(error) => return (steps, Some(error)),
        }
        if let Some(Step::End(_)) = steps.last() {
            return (steps, None);
        }
    }
}

/// Also where it is longer than what is held back.
#[test]
fn nothing_is_met_of_a_transaction_that_is_broken_at_its_end() {
    for count in [1, 10, HELD_COUNT - 2, HELD_COUNT, 3 * HELD_COUNT] {
        let (mut bytes, pos) = file_of(count, b"abcd");
        let (sound, error) = steps(careful(&bytes));
        assert!(error.is_none());
        // Begin, record, end of the first; begin, records, end of the second; the end.
        assert_eq!(sound.len(), 3 + 2 + count + 1, "{count}");
        // The length of the last record's data.
        let len_pos = bytes.len() - 8 - 4 - 1;
        bytes[len_pos] ^= 1;
        let (met, error) = steps(careful(&bytes));
        assert_eq!(met, sound[..3], "{count}");
        assert!(
            matches!(error, Some(Error::Damage(damage)) if damage.transaction_pos == pos as u64),
            "{count}"
        );
        let (met, error) = steps(Scan::new(&bytes, Boundary::start(&bytes).unwrap()).unwrap());
        assert!(
            met.len() == 3 + 1 + count - 1 && error.is_some(),
            "who is not careful meets what comes first"
        );
    }
}

#[test]
fn a_careful_scan_meets_what_every_scan_meets() {
    for name in ["undo.fs", "status-u.fs", "bad-tid-order.fs", "tail-voted.fs", "magic-only.fs"] {
        let bytes = sample(name);
        let plain = steps(Scan::new(&bytes, Boundary::start(&bytes).unwrap()).unwrap());
        let careful = steps(careful(&bytes));
        assert_eq!(careful.0, plain.0, "{name}");
        assert_eq!(careful.1.map(|error| error.to_string()), plain.1.map(|error| error.to_string()));
    }
}

/// The window holds 1 MiB; the transaction has 3.
#[test]
fn what_is_met_can_be_read_also_in_a_transaction_longer_than_the_window() {
    let data: Vec<u8> = (0..1500_u32).map(|number| number.to_be_bytes()[3]).collect();
    let (bytes, _) = file_of(2000, &data);
    let mut scan = careful(&bytes);
    let mut seen_count = 0;
    loop {
        match scan.step().unwrap() {
            Step::Record(_, RecordData::Here { pos, len }) => {
                let len = usize::try_from(len).unwrap();
                let pos = usize::try_from(pos).unwrap();
                assert_eq!(scan.bytes(pos as u64, len).unwrap(), &bytes[pos..pos + len]);
                seen_count += 1;
            }
            Step::End(_) => break,
            _ => {}
        }
    }
    assert_eq!(seen_count, 2001);
}

#[test]
fn a_boundary_is_known_behind_the_end_of_a_transaction_and_nowhere_else() {
    let bytes = sample("undo.fs");
    for is_careful in [false, true] {
        let mut scan = Scan::new(&bytes, Boundary::start(&bytes).unwrap()).unwrap();
        scan.is_careful = is_careful;
        loop {
            let expected_pos = match scan.step().unwrap() {
                Step::Finished(header) => Some(header.end_pos()),
                Step::End(_) => break,
                _ => None,
            };
            assert_eq!(scan.boundary().map(|boundary| boundary.pos()), expected_pos);
            let proven = expected_pos.map(|pos| Boundary::at(&bytes, pos).unwrap().unwrap());
            assert_eq!(scan.boundary(), proven);
        }
    }
}

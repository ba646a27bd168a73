use super::*;
use crate::samples::Changing;
use proptest::prelude::*;
use std::sync::atomic::Ordering;

const FILE_LEN: usize = (1 << 20) + (1 << 19);

fn file() -> Vec<u8> {
    (0..FILE_LEN as u64).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0]).collect()
}

/// A file that does not change, and its number of reads.
fn counted(bytes: &[u8]) -> Changing {
    Changing::new(bytes, bytes, 0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]
    #[test]
    fn a_window_shows_the_bytes_of_the_file_wherever_one_looks(
        looks in proptest::collection::vec((0..FILE_LEN + 100, 0_usize..70_000), 1..30),
    ) {
        let bytes = file();
        let mut window = Window::new(&bytes);
        for (at, len) in looks {
            let expected = &bytes[at.min(FILE_LEN)..(at + len).min(FILE_LEN)];
            prop_assert!(window.bytes(at as u64, len).unwrap() == expected, "{} bytes from {}", len, at);
        }
    }
}

#[test]
fn looks_side_by_side_cost_one_read_a_window_and_not_one_each() {
    let (bytes, step_len) = (file(), 42);
    let source = counted(&bytes);
    let mut window = Window::new(&source);
    for at in (0..FILE_LEN).step_by(step_len) {
        assert_eq!(window.bytes(at as u64, step_len).unwrap()[0], bytes[at]);
    }
    let count = source.count.load(Ordering::Relaxed);
    assert!(count < 10, "{count} reads");
}

#[test]
fn more_than_a_window_is_read_when_it_is_wanted() {
    let bytes = file();
    assert!(Window::new(&bytes).bytes(0, FILE_LEN).unwrap() == bytes);
}

#[test]
fn what_was_read_stays_until_it_is_forgotten() {
    let source = Changing::new(b"before", b"after", 2);
    let mut window = Window::new(&source);
    assert_eq!(window.bytes(0, 3).unwrap(), b"bef");
    assert_eq!(window.bytes(3, 3).unwrap(), b"ore");
    window.forget();
    assert_eq!(window.bytes(0, 5).unwrap(), b"after");
}

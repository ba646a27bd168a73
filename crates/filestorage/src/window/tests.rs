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
        looks in proptest::collection::vec((0..FILE_LEN + 100, 0_usize..70_000, 0..4, 0_usize..1_200_000), 1..30),
    ) {
        let bytes = file();
        let mut window = Window::new(&bytes);
        for (at, len, how, kept_len) in looks {
            let expected = &bytes[at.min(FILE_LEN)..(at + len).min(FILE_LEN)];
            let found = match how {
                0 => {
                    let mut buf = vec![0; len];
                    let read_len = window.peek(at as u64, &mut buf).unwrap();
                    buf.truncate(read_len);
                    buf
                }
                1 => window.bytes_keeping(at.saturating_sub(kept_len) as u64, at as u64, len).unwrap().to_vec(),
                _ => window.bytes(at as u64, len).unwrap().to_vec(),
            };
            prop_assert!(found == expected, "{} bytes from {}, way {}", len, at, how);
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

/// A transaction is walked twice, and reaches over the end of a window: what was read of it is not read again.
#[test]
fn what_will_be_wanted_again_stays_where_it_is() {
    let bytes = file();
    let source = counted(&bytes);
    let mut window = Window::new(&source);
    let (keep_pos, step_len) = ((1 << 20) - 5000, 1000);
    window.bytes(0, 10).unwrap();
    for _ in 0..2 {
        for at in (keep_pos..keep_pos + 20_000).step_by(step_len) {
            let found = window.bytes_keeping(keep_pos as u64, at as u64, step_len).unwrap();
            assert!(found == &bytes[at..at + step_len]);
        }
    }
    // Before each of both reads the length is asked for.
    assert_eq!(source.count.load(Ordering::Relaxed), 4);
    let mut buf = [0; 8];
    window.peek(4, &mut buf).unwrap();
    assert_eq!(window.bytes(keep_pos as u64, 1).unwrap(), &bytes[keep_pos..=keep_pos]);
    assert_eq!(source.count.load(Ordering::Relaxed), 5, "a peek moves nothing");
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

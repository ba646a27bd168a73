/// Runs `work`, which may hold at most `max_len` bytes of memory at any moment on this thread.
pub fn within<T>(max_len: u64, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let counted = allocation_counter::measure(|| result = Some(work()));
    assert!(counted.bytes_max <= max_len, "held {} bytes at once, {max_len} are allowed", counted.bytes_max);
    result.unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted() {
        let bytes = || std::hint::black_box(vec![1_u8; 1000]).len();
        assert_eq!(within(1000, bytes), 1000);
        assert!(std::panic::catch_unwind(|| within(999, bytes)).is_err());
    }
}

//! libFuzzer's side of the targets in `crates/hostile`.

#[doc(hidden)]
pub use hostile::TARGETS;
#[doc(hidden)]
pub use libfuzzer_sys;

/// The program that fuzzes the target of this name.
#[macro_export]
macro_rules! fuzzed {
    ($name:literal) => {
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            static RUN: ::std::sync::LazyLock<fn(&[u8])> = ::std::sync::LazyLock::new(|| {
                $crate::TARGETS.iter().find(|target| target.name == $name).expect("a target of this name").run
            });
            RUN(data);
        });
    };
}

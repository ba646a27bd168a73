#![no_main]
fuzz::fuzzed!("dat");

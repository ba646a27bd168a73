#![no_main]
fuzz::fuzzed!("transactions");

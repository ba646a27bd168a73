#![no_main]
fuzz::fuzzed!("records");

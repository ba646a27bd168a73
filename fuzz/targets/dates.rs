#![no_main]
fuzz::fuzzed!("dates");

#![no_main]
fuzz::fuzzed!("inside");

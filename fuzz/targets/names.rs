#![no_main]
fuzz::fuzzed!("names");

#![no_main]
fuzz::fuzzed!("index");

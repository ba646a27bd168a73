#![no_main]
fuzz::fuzzed!("arguments");

#![no_main]
fuzz::fuzzed!("stream");

#![no_main]
fuzz::fuzzed!("pickles");

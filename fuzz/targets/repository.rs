#![no_main]
fuzz::fuzzed!("repository");

#![no_main]
fuzz::fuzzed!("gzip");

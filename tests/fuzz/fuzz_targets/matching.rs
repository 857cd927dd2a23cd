#![no_main]

#[path = "../checks/matching.rs"]
mod matching;

libfuzzer_sys::fuzz_target!(|input: &str| matching::check(input));

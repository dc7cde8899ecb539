//! libFuzzer's way into `tests/fuzzing/log_reader.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::log_reader::log_reader(data));

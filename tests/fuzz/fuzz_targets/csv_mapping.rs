//! libFuzzer's way into `tests/fuzzing/csv_mapping.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::csv_mapping::csv_mapping(data));

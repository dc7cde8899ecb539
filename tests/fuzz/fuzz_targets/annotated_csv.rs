//! libFuzzer's way into `tests/fuzzing/annotated_csv.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::annotated_csv::annotated_csv(data));

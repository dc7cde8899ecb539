//! libFuzzer's way into `tests/fuzzing/iec104.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::iec104::iec104(data));

//! libFuzzer's way into `tests/fuzzing/mqtt.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::mqtt::mqtt(data));

//! libFuzzer's way into `tests/fuzzing/line_protocol.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::line_protocol::line_protocol(data));

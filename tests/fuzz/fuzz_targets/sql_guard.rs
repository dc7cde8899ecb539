//! libFuzzer's way into `tests/fuzzing/sql_guard.rs`; one store and one session serve all statements.

#![no_main]

use fuzz::sql_guard::Guard;
use std::sync::LazyLock;

static GUARD: LazyLock<Guard> = LazyLock::new(Guard::default);

libfuzzer_sys::fuzz_target!(|data: &[u8]| GUARD.sql_guard(data));

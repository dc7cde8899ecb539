//! The bodies of the targets, the same files that the integration binary runs with seeded changes (`tests/fuzzing.rs`).

#[path = "../../fuzzing/annotated_csv.rs"]
pub mod annotated_csv;
#[path = "../../fuzzing/csv_mapping.rs"]
pub mod csv_mapping;
#[path = "../../fuzzing/iec104.rs"]
pub mod iec104;
#[path = "../../fuzzing/line_protocol.rs"]
pub mod line_protocol;
#[path = "../../fuzzing/log_reader.rs"]
pub mod log_reader;
#[path = "../../fuzzing/mqtt.rs"]
pub mod mqtt;
#[path = "../../fuzzing/recorded.rs"]
pub mod recorded;
#[path = "../../fuzzing/sql_guard.rs"]
pub mod sql_guard;

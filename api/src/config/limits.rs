//! Sizes and times that keep one caller from starving the others: `[limits]` of the configuration.
//!
//! In: a table of numbers. Out: [`Limits`], each with its default.

use serde::Deserialize;
use serde::Serialize;

/// Sizes and times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest body of `POST /readings`, MiB, after decompression. Default 32.
    pub readings_body_mib: usize,
    /// Largest body of any other request, MiB. Default 1.
    pub body_mib: usize,
    /// Readings further in the future than this are rejected, minutes. Default 5.
    pub future_minutes: u32,
    /// Rows of a page when the caller names no limit. Default 10000.
    pub page_rows: usize,
    /// Most rows a caller may ask of one page. Default 100000.
    pub max_page_rows: usize,
    /// Memory for all running SQL statements, MiB. Default 1024.
    pub sql_memory_mib: usize,
    /// Longest run of one SQL statement, seconds. Default 30.
    pub sql_timeout_seconds: u64,
    /// Most rows of one SQL answer. Default 100000.
    pub sql_rows: usize,
    /// Most MiB of one SQL answer, as columns in memory. Default 256.
    pub sql_answer_mib: usize,
    /// SQL statements that run at once. Default 8.
    pub sql_concurrency: usize,
    /// SQL statements that may wait for their turn; more are answered 503 with `Retry-After`. Default 16.
    pub sql_queue: usize,
    /// Threads that run SQL; 0 (default) is one per core.
    pub sql_threads: usize,
    /// How long after its timeout a SQL statement may still hold a thread before the process ends with exit code 70, to be
    /// started again by its supervisor, seconds. Default 30.
    pub sql_grace_seconds: u64,
    /// Memory of the whole process, MiB; 0 is no limit. From 256 MiB below it on running SQL statements are stopped, the greediest first.
    /// Default 4096: that of SQL, and three times as much for batches under way, rows on their way into files, and models.
    pub process_memory_mib: usize,
    /// How long running requests may take to finish at shutdown, seconds. Default 20.
    pub shutdown_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            readings_body_mib: 32,
            body_mib: 1,
            future_minutes: 5,
            page_rows: 10_000,
            max_page_rows: 100_000,
            sql_memory_mib: 1024,
            sql_timeout_seconds: 30,
            sql_rows: 100_000,
            sql_answer_mib: 256,
            sql_concurrency: 8,
            sql_queue: 16,
            sql_threads: 0,
            sql_grace_seconds: 30,
            process_memory_mib: 4096,
            shutdown_seconds: 20,
        }
    }
}

//! What a SQL statement may cost in a server, from the configuration, and what happens when a statement cannot be stopped.
//!
//! In: [`Limits`]. Out: [`SessionOptions`]. The last line ends the process: the supervisor starts it again, and what was
//! acknowledged is in the log of the store.

use crate::config::Limits;
use engine::query::LastLine;
use engine::query::SessionOptions;
use std::sync::Arc;
use std::time::Duration;
use tikv_jemalloc_ctl::epoch;
use tikv_jemalloc_ctl::stats;

/// Exit code of a process that ended because a SQL statement could not be stopped (`EX_SOFTWARE` of sysexits.h).
pub(crate) const EXIT_STUCK: i32 = 70;

/// The limits of a server.
pub(crate) fn of_server(limits: &Limits) -> SessionOptions {
    SessionOptions {
        memory_limit_bytes: limits.sql_memory_mib.saturating_mul(1 << 20),
        timeout: Duration::from_secs(limits.sql_timeout_seconds),
        max_rows: limits.sql_rows,
        max_bytes: limits.sql_answer_mib.saturating_mul(1 << 20),
        concurrency: limits.sql_concurrency,
        queue: limits.sql_queue,
        threads: limits.sql_threads,
        last_line: Some(LastLine {
            memory_limit_bytes: limits.process_memory_mib.saturating_mul(1 << 20),
            resident,
            returning,
            grace: Duration::from_secs(limits.sql_grace_seconds),
            stuck: Arc::new(end),
        }),
        ..SessionOptions::default()
    }
}

/// Memory this process holds, bytes, as Linux tells it.
pub(crate) fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<usize>().ok()?.checked_mul(1024)
}

/// Bytes that jemalloc holds for nobody and gives back within seconds; 0 under another allocator.
pub(crate) fn returning() -> usize {
    let (Ok(_), Ok(resident), Ok(active)) = (epoch::advance(), stats::resident::read(), stats::active::read()) else { return 0 };
    resident.saturating_sub(active)
}

fn end(statement: &str) {
    tracing::error!(statement, code = EXIT_STUCK, "a SQL statement does not stop; ending the process so that it is started again");
    std::process::exit(EXIT_STUCK);
}

#[cfg(test)]
mod tests {
    use super::of_server;
    use super::resident;
    use crate::config::Limits;

    #[test]
    fn the_configuration_reaches_the_session() {
        let limits = Limits { process_memory_mib: 3, sql_answer_mib: 2, sql_queue: 1, ..Limits::default() };
        let options = of_server(&limits);
        assert_eq!((options.max_bytes, options.queue), (2 << 20, 1));
        assert_eq!(options.last_line.map(|line| line.memory_limit_bytes), Some(3 << 20));
        assert!(resident().is_none_or(|bytes| bytes > 1 << 20));
    }
}

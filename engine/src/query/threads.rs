//! Threads that only SQL uses, so that no statement can starve what answers requests or writes readings.
//!
//! In: a number of threads. Out: tasks on threads named `sql-0`, `sql-1`, …, with a stack for deep expressions.

use super::QueryError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use tokio::runtime::Builder;
use tokio::runtime::Handle;
use tokio::runtime::Runtime;

/// Stack of each thread, bytes; only what is used becomes memory. An expression of 200 operators takes a few MiB to plan.
const STACK: usize = 64 << 20;

/// The threads.
#[derive(Debug)]
pub(super) struct Threads {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Threads {
    pub(super) fn new(threads: usize) -> Result<Self, QueryError> {
        let number = AtomicUsize::new(0);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .max_blocking_threads(8 * threads.max(1))
            .thread_name_fn(move || format!("sql-{}", number.fetch_add(1, Ordering::Relaxed)))
            .thread_stack_size(STACK)
            .enable_all()
            .build()
            .map_err(|cause| QueryError::Threads { cause })?;
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Some(runtime), handle })
    }

    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Threads {
    /// Does not wait: the last handle may be let go by one of the threads themselves.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

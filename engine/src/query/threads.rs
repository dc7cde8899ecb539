//! Threads that only SQL uses, so that no statement can starve what answers requests or writes readings.
//!
//! In: a number of threads. Out: tasks on threads named `sql-0`, `sql-1`, …, with a stack for deep expressions.

use super::QueryError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::SendError;
use std::sync::mpsc::Sender;
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
    end: Sender<Runtime>,
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
        let (end, ended) = mpsc::channel::<Runtime>();
        let joins = std::thread::Builder::new().name("sql-end".to_owned()).spawn(move || ended.into_iter().for_each(drop));
        joins.map_err(|cause| QueryError::Threads { cause })?;
        Ok(Self { runtime: Some(runtime), handle, end })
    }

    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Threads {
    /// Does not wait: the last handle may be let go by one of the threads themselves. They are joined on a thread that lives as long as
    /// they do, not detached while they end: glibc may read a thread it detaches after that thread has given its memory back (seen with
    /// 2.36 as a crash in `pthread_detach`), and stacks of this size are given back at once.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take()
            && let Err(SendError(runtime)) = self.end.send(runtime)
        {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Threads;
    use std::path::Path;
    use std::path::PathBuf;
    use std::time::Duration;

    async fn a_thread_of(threads: &Threads) -> PathBuf {
        let here = threads.handle().spawn(async { std::fs::read_link("/proc/thread-self").unwrap() });
        Path::new("/proc").join(here.await.unwrap())
    }

    async fn is_over(thread: &Path) -> bool {
        let wait = async {
            while thread.exists() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.is_ok()
    }

    #[tokio::test]
    async fn they_end_after_their_owner_wherever_it_goes() {
        let threads = Threads::new(2).unwrap();
        let thread = a_thread_of(&threads).await;
        assert!(thread.exists());
        threads.handle().spawn(std::future::pending::<()>());
        drop(threads);
        assert!(is_over(&thread).await, "dropped among the threads of another runtime");
        let threads = Threads::new(2).unwrap();
        let thread = a_thread_of(&threads).await;
        threads.handle().clone().spawn(async move { drop(threads) });
        assert!(is_over(&thread).await, "dropped on one of them");
    }
}

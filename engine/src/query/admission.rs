//! How many statements run at once, and how many may wait: never an unbounded queue.
//!
//! In: a wish to run. Out: a place, or [`QueryError::Busy`] with the time after which another try makes sense.

use super::QueryError;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

/// The places.
#[derive(Debug)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    running: usize,
    waiting: AtomicUsize,
    queue: usize,
    patience: Duration,
}

impl Admission {
    /// So many run, so many more wait, and none waits longer than that.
    pub(super) fn new(running: usize, queue: usize, patience: Duration) -> Self {
        let running = running.max(1);
        Self { places: Arc::new(Semaphore::new(running)), running, waiting: AtomicUsize::new(0), queue, patience }
    }

    /// A place now or after a short wait.
    pub(super) async fn place(&self) -> Result<OwnedSemaphorePermit, QueryError> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let busy = || QueryError::Busy { running: self.running, queue: self.queue, retry_after: self.patience };
        let _waiting = Waiting::new(&self.waiting, self.queue).ok_or_else(busy)?;
        match tokio::time::timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(busy()),
        }
    }
}

/// One who waits; counted until it stops waiting, also when its caller goes away.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let more = |now: usize| (now < most).then_some(now + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Admission;
    use super::Duration;
    use super::QueryError;
    use futures::FutureExt;

    #[tokio::test]
    async fn the_queue_is_short_and_ends() {
        let admission = Admission::new(1, 1, Duration::from_millis(20));
        let first = admission.place().await.unwrap();
        let mut second = Box::pin(admission.place());
        assert!(second.as_mut().now_or_never().is_none(), "the second waits");
        assert!(matches!(admission.place().await, Err(QueryError::Busy { running: 1, queue: 1, .. })), "the third is sent away");
        drop(first);
        let second = second.await.unwrap();
        assert!(matches!(admission.place().await, Err(QueryError::Busy { .. })), "waiting has an end");
        let mut gone = Box::pin(admission.place());
        assert!(gone.as_mut().now_or_never().is_none());
        drop(gone);
        drop(second);
        assert!(admission.place().await.is_ok());
    }
}

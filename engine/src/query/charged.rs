//! Which statement holds how much: a memory pool for one statement in front of the one that all share.
//!
//! In: the shared pool, a counter. Out: the same grants and refusals, and the counter, by which the watchdog finds the greediest.

use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::memory_pool::MemoryReservation;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// The pool of one statement.
#[derive(Debug)]
pub(super) struct Charged {
    pub(super) pool: Arc<dyn MemoryPool>,
    pub(super) reserved: Arc<AtomicUsize>,
}

impl fmt::Display for Charged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}

impl MemoryPool for Charged {
    fn name(&self) -> &str {
        self.pool.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.pool.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.pool.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.pool.grow(reservation, additional);
        self.reserved.fetch_add(additional, Ordering::Relaxed);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.pool.shrink(reservation, shrink);
        self.reserved.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<(), DataFusionError> {
        self.pool.try_grow(reservation, additional)?;
        self.reserved.fetch_add(additional, Ordering::Relaxed);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.pool.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.pool.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use super::Charged;
    use datafusion::execution::memory_pool::GreedyMemoryPool;
    use datafusion::execution::memory_pool::MemoryConsumer;
    use datafusion::execution::memory_pool::MemoryPool;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    #[test]
    fn each_statement_is_charged_for_its_own_and_all_share_the_limit() {
        let shared: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(100));
        let of = |reserved: &Arc<AtomicUsize>| -> Arc<dyn MemoryPool> {
            Arc::new(Charged { pool: Arc::clone(&shared), reserved: Arc::clone(reserved) })
        };
        let (first, second) = (Arc::default(), Arc::default());
        let (a, b) = (MemoryConsumer::new("a").register(&of(&first)), MemoryConsumer::new("b").register(&of(&second)));
        a.try_grow(60).unwrap();
        b.try_grow(30).unwrap();
        assert!(b.try_grow(20).is_err(), "60 + 30 + 20 of 100");
        assert_eq!((first.load(Ordering::Relaxed), second.load(Ordering::Relaxed), shared.reserved()), (60, 30, 90));
        drop(a);
        b.try_grow(20).unwrap();
        assert_eq!((first.load(Ordering::Relaxed), second.load(Ordering::Relaxed), shared.reserved()), (0, 50, 50));
    }
}

//! Room for what is on its way in: bytes of bodies and of the batches read from them, bounded over all requests.
//!
//! In: how many bytes a request holds now. Out: a [`Share`], given back when dropped, or a problem 429 after the longest wait.

use super::figures::Figures;
use crate::error::Code;
use crate::error::Problem;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes one permit stands for.
const GRAIN: usize = 1024;

/// The room. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    permits: Arc<Semaphore>,
    total: usize,
    wait: Duration,
    figures: Figures,
}

/// What one request holds.
#[derive(Debug)]
pub(crate) struct Share {
    room: Room,
    permit: Option<OwnedSemaphorePermit>,
    waited: Duration,
}

impl Room {
    pub(crate) fn new(mib: usize, wait: Duration, figures: Figures) -> Self {
        let total = mib.saturating_mul(1 << 20).div_ceil(GRAIN).clamp(1, u32::MAX as usize >> 3);
        Self { permits: Arc::new(Semaphore::new(total)), total, wait, figures }
    }

    /// Bytes held by all requests.
    pub(crate) fn in_flight(&self) -> usize {
        (self.total - self.permits.available_permits().min(self.total)) * GRAIN
    }

    /// A share of nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share { room: self.clone(), permit: None, waited: Duration::ZERO }
    }
}

impl Share {
    /// Holds that many bytes from now on; less is given back at once, more is waited for.
    ///
    /// # Errors
    /// A problem `overloaded` when there was no room for too long, over the whole request.
    pub(crate) async fn resize(&mut self, bytes: usize) -> Result<(), Problem> {
        let Some(more) = self.more(bytes) else { return Ok(()) };
        let permits = Arc::clone(&self.room.permits);
        let started = Instant::now();
        let left = self.room.wait.saturating_sub(self.waited);
        let got = tokio::time::timeout(left, permits.acquire_many_owned(more)).await;
        let took = started.elapsed();
        self.waited += took;
        self.room.figures.waited(took);
        match got {
            Ok(Ok(permit)) => self.add(permit),
            _ => return Err(self.room.full()),
        }
        Ok(())
    }

    /// As [`Share::resize`], from a thread that may block.
    pub(crate) fn resize_here(&mut self, bytes: usize) -> Result<(), Problem> {
        if self.more(bytes).is_none() { Ok(()) } else { Handle::current().block_on(self.resize(bytes)) }
    }

    /// Permits still to be waited for after giving back what is too much and taking what is free.
    fn more(&mut self, bytes: usize) -> Option<u32> {
        // One request may hold the whole room, not more: what it needs was bounded at the door.
        let wanted = bytes.div_ceil(GRAIN).min(self.room.total);
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if wanted <= held {
            drop(self.permit.as_mut().and_then(|permit| permit.split(held - wanted)));
            return None;
        }
        let more = u32::try_from(wanted - held).unwrap_or(u32::MAX);
        match Arc::clone(&self.room.permits).try_acquire_many_owned(more) {
            Ok(permit) => {
                self.add(permit);
                None
            }
            Err(_) => Some(more),
        }
    }

    fn add(&mut self, permit: OwnedSemaphorePermit) {
        match &mut self.permit {
            Some(held) => held.merge(permit),
            empty => *empty = Some(permit),
        }
    }
}

impl Room {
    fn full(&self) -> Problem {
        self.figures.refused("no_room");
        let mib = self.total * GRAIN / (1 << 20);
        let detail =
            format!("{mib} MiB of readings are on their way in and more has to wait; send the same rows again in a second");
        Problem::new(Code::Overloaded, detail).retry_after(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Duration, Figures, Room};

    #[tokio::test]
    async fn room_is_bounded_waited_for_and_given_back() {
        let room = Room::new(1, Duration::from_millis(50), Figures::default());
        let (mut one, mut two) = (room.share(), room.share());
        one.resize(1 << 20).await.unwrap();
        assert_eq!(room.in_flight(), 1 << 20);
        let refused = two.resize(1).await.unwrap_err();
        assert_eq!(refused.code(), Code::Overloaded);
        one.resize(1 << 19).await.unwrap();
        two.resize(0).await.unwrap();
        let mut three = room.share();
        three.resize(1 << 19).await.unwrap();
        drop((one, three));
        assert_eq!(room.in_flight(), 0);
        let mut all = room.share();
        all.resize(usize::MAX).await.unwrap();
        assert_eq!(room.in_flight(), 1 << 20, "one request holds the room at most");
    }
}

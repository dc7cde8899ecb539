//! How long to wait before a lost link is tried again.
//!
//! In: failures and successes. Out: a wait. Exponential with equal jitter (M. Brooker, "Exponential backoff and jitter"), so that many
//! connections that were cut together do not come back together. Not here: sleeping.

use rand::RngExt;
use std::time::Duration;

/// The first wait, before jitter.
const FIRST: Duration = Duration::from_millis(500);
/// The longest, before jitter.
const LONGEST: Duration = Duration::from_secs(30);

/// Failures in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retry {
    failures: u32,
}

impl Retry {
    /// The next wait: between half and all of 0.5 s · 2^failures, at most 30 s.
    pub fn wait(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(rand::rng().random_range(0.5..1.0))
    }

    /// The link holds again.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    pub const fn failures(self) -> u32 {
        self.failures
    }
}

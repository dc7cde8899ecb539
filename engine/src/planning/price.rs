//! What it costs to make a visit at a time: the one function that prices both the plan and the schedule it is compared with.
//!
//! In: a visit and its slots. Out: [`Cost`] in kWh. Weights: energy counts as expected; on top, [`CAUTION`] of what the 0.9 quantile
//! of production would lose beyond the mean, and failures while waiting with their probability times what they cost.

use super::Expected;
use super::Job;
use super::SLOT_HOURS;
use std::ops::AddAssign;

/// Weight of the energy that a visit loses when production comes out at its 0.9 quantile, beyond the mean. A tenth: that quantile is
/// exceeded one time in ten.
pub const CAUTION: f64 = 0.1;

/// What an hour of waiting costs in any case, kWh: among hours that cost the same, the earlier one is taken.
const IMPATIENCE: f64 = 0.001;

/// Energy and risk, kWh.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Expected production lost because the machine stands for the work.
    pub production: f64,
    /// Expected production lost by what is wrong until it is mended.
    pub waiting: f64,
    /// Failures while waiting, and the weighted upper end of the production lost.
    pub risk: f64,
}

impl Cost {
    /// What is minimised.
    pub fn total(self) -> f64 {
        self.production + self.waiting + self.risk
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.production += other.production;
        self.waiting += other.waiting;
        self.risk += other.risk;
    }
}

/// Prices the visits to one asset. Sums are made once, so that a start is priced in a few additions.
#[derive(Debug)]
pub(super) struct Price<'a> {
    jobs: Vec<&'a Job>,
    share: f64,
    stops: bool,
    mean: Vec<f64>,
    spread: Vec<f64>,
}

impl<'a> Price<'a> {
    pub(super) fn new(jobs: Vec<&'a Job>, expected: &Expected, slots: usize) -> Self {
        let sums = |value: &dyn Fn(usize) -> f64| {
            let mut sums = vec![0.0; slots + 1];
            for slot in 0..slots {
                let value = value(slot);
                sums[slot + 1] = sums[slot] + if value.is_finite() { value.max(0.0) * SLOT_HOURS } else { 0.0 };
            }
            sums
        };
        let at = |values: &[f64], slot: usize| values.get(slot).copied().unwrap_or(f64::NAN);
        Self {
            share: jobs.iter().map(|job| job.loss_share.clamp(0.0, 1.0)).sum::<f64>().min(1.0),
            stops: jobs.iter().any(|job| job.stops),
            mean: sums(&|slot| at(&expected.mean, slot)),
            spread: sums(&|slot| at(&expected.high, slot) - at(&expected.mean, slot)),
            jobs,
        }
    }

    /// The visit lasts from slot `start` until slot `end`.
    pub(super) fn visit(&self, start: usize, end: usize) -> Cost {
        let over = |sums: &[f64]| sums[end] - sums[start];
        let (production, spread) = if self.stops { (over(&self.mean), over(&self.spread)) } else { (0.0, 0.0) };
        // A machine that runs on while it is worked on loses its share until the work is done.
        let until = if self.stops { start } else { end };
        Cost { production, waiting: self.share * self.mean[until], risk: self.failures(start) + CAUTION * spread }
    }

    /// Nobody comes within the plan: it waits all along.
    pub(super) fn never(&self) -> Cost {
        let slots = self.mean.len() - 1;
        Cost { production: 0.0, waiting: self.share * self.mean[slots], risk: self.failures(slots) }
    }

    fn failures(&self, start: usize) -> f64 {
        let failed = |job: &&Job| job.failure.get(start).or(job.failure.last()).copied().unwrap_or(0.0) * job.failure_kwh;
        self.jobs.iter().map(failed).sum::<f64>() + IMPATIENCE * start as f64
    }
}

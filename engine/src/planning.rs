//! When to send whom: visits of crews to assets with open alerts, so that expected lost energy and risk are least.
//!
//! In: a [`Problem`]: jobs, crews with their working hours, and per asset what it is expected to produce and how hard the wind is
//! expected to blow, hour by hour. Out: a [`Plan`] beside the schedule that goes "as soon as possible", both priced by the same
//! function. The exact model is a time-indexed integer program (Sousa & Wolsey 1992, "A time indexed formulation of non-preemptive
//! single machine scheduling problems"), solved by `microlp`. Pure: no disk, no clock; the same problem gives the same plan as long
//! as [`Effort::nodes`], not [`Effort::time`], ends the search. Not here: where the figures come from and the words of a reason
//! (`pipeline`), wire types and calendars (`api`).

mod baseline;
mod exchange;
mod price;
mod risk;
mod schedule;
mod shifts;
mod solve;
mod starts;

pub use price::{CAUTION, Cost};
pub use risk::{DAYS_TO_FAILURE, failure_curve, failure_curve_of};
pub use schedule::{LeftOut, Obstacle, Plan, Schedule, Solver, Visit, Wind, plan};
pub use shifts::{Shift, WorkingHours, shifts};

use crate::domain::AssetId;
use std::time::Duration;

/// Length of a slot in hours: the grain of a plan.
pub const SLOT_HOURS: f64 = 1.0;

/// Climbing, making safe and handing over again, hours; part of every job's hours, and spent once per visit.
pub const ACCESS_HOURS: usize = 1;

/// Between two sites on one day, slots.
pub const TRAVEL_SLOTS: usize = 1;

/// Work that one alert asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The alert.
    pub alert_id: String,
    /// The machine.
    pub asset_id: AssetId,
    /// Where the crew must be: jobs of one plant need no travel between them.
    pub plant: String,
    /// Hours of work, [`ACCESS_HOURS`] among them; at least 1.
    pub hours: usize,
    /// People it takes.
    pub people: u32,
    /// The machine stands while it is worked on.
    pub stops: bool,
    /// Somebody climbs, so the wind must stay under the limit.
    pub climbs: bool,
    /// Part of the expected production that is lost until it is mended, 0 to 1.
    pub loss_share: f64,
    /// Probability that it has failed before slot `i`, rising from 0; one more entry than there are slots.
    pub failure: Vec<f64>,
    /// What a failure costs beyond the repair planned now, kWh.
    pub failure_kwh: f64,
}

/// What is expected of one asset; every list has one entry per slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Mean production, kW; no more than a planned outage leaves.
    pub mean: Vec<f64>,
    /// Its 0.9 quantile, kW; not below the mean.
    pub high: Vec<f64>,
    /// Wind speed that is not exceeded with the stated probability, m/s; NaN where nobody knows.
    pub wind: Vec<f64>,
    /// True where `mean` is what the hour usually gives and no forecast.
    pub usual: Vec<bool>,
    /// True where the machine is out of service anyhow.
    pub outage: Vec<bool>,
}

/// People who work together.
#[derive(Debug, Clone, PartialEq)]
pub struct Crew {
    /// For people.
    pub name: String,
    /// How many they are.
    pub people: u32,
    /// When they work, rising and apart.
    pub shifts: Vec<Shift>,
}

/// Everything a plan depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Number of slots.
    pub slots: usize,
    /// Most urgent first.
    pub jobs: Vec<Job>,
    /// What is expected of the assets of the jobs, one entry per asset.
    pub expected: Vec<(AssetId, Expected)>,
    /// Who can be sent.
    pub crews: Vec<Crew>,
    /// Nobody climbs in more wind than this, m/s.
    pub wind_limit: f64,
}

/// How long the solver may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Nodes of the search; ends it at the same place every time.
    pub nodes: u64,
    /// A net below it for machines that are too slow for so many nodes.
    pub time: Duration,
}

impl Default for Effort {
    fn default() -> Self {
        Self { nodes: 400, time: Duration::from_secs(20) }
    }
}

#[cfg(test)]
mod tests;

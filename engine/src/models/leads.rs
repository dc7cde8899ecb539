//! Buckets of leads: the stretches within which forecasts are weighed, corrected and judged alike.
//!
//! In: a horizon and the steps of an hour. Out: the bucket of a lead. Fine where persistence decides (steps of the first hour),
//! coarse where the weather does.

use serde::{Deserialize, Serialize};

/// Upper edges after the first hour, hours.
const HOURS: [usize; 9] = [2, 3, 6, 12, 24, 36, 48, 72, 168];

/// Buckets of the leads of one horizon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leads {
    edges: Vec<usize>,
}

impl Leads {
    /// Buckets of `horizon` steps, `hour` of them an hour.
    pub fn new(horizon: usize, hour: usize) -> Self {
        let first = [1, hour.div_ceil(2), hour];
        let mut edges: Vec<usize> = first.into_iter().chain(HOURS.map(|h| h * hour)).filter(|&edge| edge < horizon).collect();
        edges.push(horizon.max(1));
        edges.dedup();
        Self { edges }
    }

    /// Number of buckets, at least one.
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Never: there is always a bucket.
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Bucket of a lead in steps; leads beyond the horizon are in the last.
    pub fn of(&self, lead: usize) -> usize {
        self.edges.partition_point(|&edge| edge <= lead).min(self.edges.len() - 1)
    }

    /// Leads `[from, to)` of a bucket, steps.
    pub fn range(&self, bucket: usize) -> (usize, usize) {
        (if bucket == 0 { 0 } else { self.edges[bucket - 1] }, self.edges[bucket])
    }
}

#[cfg(test)]
mod tests {
    use super::Leads;

    #[test]
    fn every_lead_has_one_bucket() {
        for (horizon, hour) in [(1, 1), (48, 1), (36, 6), (288, 6), (1008, 6), (192, 4)] {
            let leads = Leads::new(horizon, hour);
            let covered: Vec<usize> = (0..leads.len()).flat_map(|b| leads.range(b).0..leads.range(b).1).collect();
            assert_eq!(covered, (0..horizon).collect::<Vec<_>>());
            assert!((0..horizon).all(|k| (leads.range(leads.of(k)).0..leads.range(leads.of(k)).1).contains(&k)));
        }
        assert_eq!(Leads::new(288, 6).range(1), (1, 3));
    }
}

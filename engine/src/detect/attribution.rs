//! Which part, and what is wrong with it: the name of an incident from the alarms that were on and the shape of the loss.
//!
//! A reading that is itself odd (temperature, pitch, heading, frozen sensor) names its part. Power alone is told apart
//! by shape: a ceiling is a derate, a loss in the cold is ice, a small steady share is a pitch offset no sensor shows.

use super::regression::median;
use crate::domain::Quantity;
use std::ops::Range;

/// One alarm of an asset, by row.
#[derive(Debug)]
pub(crate) struct Cause {
    pub(crate) name: String,
    pub(crate) quantity: Quantity,
    pub(crate) component: String,
    pub(crate) mode: String,
    pub(crate) on: Vec<bool>,
    pub(crate) score: Vec<f64>,
    pub(crate) onset: Vec<usize>,
    /// Weight of its rows against those of others: a reading that names its part outweighs missing power.
    pub(crate) weight: f64,
    /// True where the alarm is about missing power.
    pub(crate) is_power: bool,
    /// As measured and as expected, stored unit; NaN where there is none.
    pub(crate) observed: Vec<f64>,
    pub(crate) expected: Vec<f64>,
    /// Level a worsening reading leads to; NaN where there is none.
    pub(crate) limit: f64,
}

/// Power of an asset, by row.
#[derive(Debug)]
pub(crate) struct PowerBalance {
    pub(crate) actual: Vec<f64>,
    /// NaN where the machine was not free or the model cannot say.
    pub(crate) expected: Vec<f64>,
    pub(crate) air: Vec<f64>,
    pub(crate) rated: f64,
    pub(crate) is_turbine: bool,
}

impl PowerBalance {
    /// Where the power missing over the last `rows` informative rows or so exceeds `share` of the expected.
    pub(crate) fn loses(&self, share: f64, rows: f64) -> Vec<bool> {
        let keep = 1.0 - 1.0 / rows;
        let (mut expected, mut actual) = (0.0, 0.0);
        let lost = self.expected.iter().zip(&self.actual).map(|(e, a)| {
            if a.is_finite() && (0.07 * self.rated..0.88 * self.rated).contains(e) {
                expected = keep * expected + e;
                actual = keep * actual + a;
            }
            actual < (1.0 - share) * expected
        });
        lost.collect()
    }
}

/// The name of an incident.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) component: String,
    pub(crate) mode: String,
    /// The causes that spoke with their share of the votes, loudest first.
    pub(crate) contributors: Vec<(usize, f64)>,
    /// The cause that decided.
    pub(crate) cause: usize,
}

/// Below this ice is believable, °C.
pub(crate) const COLD: f64 = 6.0;
/// A pitch offset of a few degrees costs less than this share; more is something else.
pub(crate) const SMALL_LOSS: f64 = 0.14;

/// Above this share of rated power a small loss of the rotor costs nothing: the blades have power to spare.
const FLAT: f64 = 0.92;
/// A ceiling must leave less than this share of what the next best story leaves unexplained,
const CAPPED: f64 = 0.8;
/// and bind in this many rows.
const LEAST_BOUND: usize = 6;
/// Degrees beside the neighbours from which missing power is the heading's.
const TURNED: f64 = 6.0;
/// How it stood before: from this many days ago to that many, so that a fault found late is not its own reference.
const REFERENCE_DAYS: (f64, f64) = (6.0, 30.0);
/// Missing power below this share is what a healthy machine misses now and then.
const USUAL_LOSS: f64 = 0.02;

/// Names what was wrong in rows `[first, last]`; `None` when no alarm was on.
pub(crate) fn verdict(
    causes: &[Cause],
    power: Option<&PowerBalance>,
    heading: &[f64],
    rows_per_day: f64,
    first: usize,
    last: usize,
) -> Option<Verdict> {
    let votes: Vec<f64> = causes
        .iter()
        .map(|cause| cause.weight * cause.on.get(first..=last).map_or(0, |on| on.iter().filter(|on| **on).count()) as f64)
        .collect();
    let mut order: Vec<usize> = (0..causes.len()).filter(|&c| votes[c] > 0.0).collect();
    order.sort_by(|&a, &b| votes[b].total_cmp(&votes[a]).then(a.cmp(&b)));
    let winner = *order.first()?;
    let cause = &causes[winner];
    let spoke = order.iter().any(|&c| causes[c].is_power);
    let loss = power.filter(|p| p.is_turbine && spoke).and_then(|power| Loss::of(power, causes, first, last));
    let told = match (&cause.quantity, &loss) {
        // A machine that is iced or held back pitches oddly too.
        (quantity, Some(loss)) if *quantity == Quantity::BLADE_PITCH_ANGLE => loss.share > 2.0 * SMALL_LOSS,
        (quantity, Some(_)) => cause.is_power || *quantity == Quantity::NACELLE_DIRECTION,
        (_, None) => false,
    };
    let (component, mode) = match loss.filter(|_| told) {
        Some(loss) => loss.story(heading, rows_per_day),
        None => (cause.component.clone(), cause.mode.clone()),
    };
    let all: f64 = votes.iter().sum();
    let contributors = order.iter().map(|&c| (c, votes[c] / all)).collect();
    Some(Verdict { component, mode, contributors, cause: winner })
}

/// The part of an incident in which power was missing.
#[derive(Debug)]
struct Loss<'a> {
    power: &'a PowerBalance,
    rows: Vec<usize>,
    /// Share of the expected power that was missing below rated power.
    share: f64,
}

impl<'a> Loss<'a> {
    /// The stretch of `[first, last]` that misses most beyond what is usual: an alarm outlives its cause for a while.
    fn of(power: &'a PowerBalance, causes: &[Cause], first: usize, last: usize) -> Option<Self> {
        let on = |i: usize| causes.iter().any(|c| c.is_power && c.on[i]);
        let known = |i: usize| (power.expected[i] - power.actual[i]).is_finite() && power.expected[i] > 0.07 * power.rated;
        let rows: Vec<usize> = (first..=last).filter(|&i| on(i) && known(i)).collect();
        let (mut best, mut range, mut sum, mut start) = (0.0, 0..rows.len(), 0.0, 0);
        for (number, &i) in rows.iter().enumerate() {
            sum += (1.0 - USUAL_LOSS) * power.expected[i] - power.actual[i];
            if sum <= 0.0 {
                (sum, start) = (0.0, number + 1);
            } else if sum > best {
                (best, range) = (sum, start..number + 1);
            }
        }
        let rows = rows.get(range)?.to_vec();
        let partial = rows.iter().filter(|&&i| power.expected[i] < FLAT * power.rated);
        let (expected, actual) = partial.fold((0.0, 0.0), |(e, a), &i| (e + power.expected[i], a + power.actual[i]));
        let share = if expected > 0.0 { 1.0 - actual / expected } else { 0.0 };
        (!rows.is_empty()).then_some(Self { power, rows, share })
    }

    /// Power that a story leaves unexplained.
    fn unexplained(&self, story: impl Fn(f64) -> f64) -> f64 {
        self.rows.iter().map(|&i| (self.power.actual[i] - story(self.power.expected[i])).abs()).sum()
    }

    /// The story that leaves least unexplained: a ceiling, ice, or a share (which the heading tells from a pitch offset).
    fn story(&self, heading: &[f64], rows_per_day: f64) -> (String, String) {
        let (power, share) = (self.power, self.share);
        let name = |component: &str, mode: &str| (component.to_owned(), mode.to_owned());
        let kept = self.unexplained(|e| if e < FLAT * power.rated { e * (1.0 - share) } else { e });
        let plain = self.unexplained(|e| e * (1.0 - share));
        let caps = (6..36).map(|c| f64::from(c) / 40.0 * power.rated).map(|cap| (cap, self.unexplained(|e| e.min(cap))));
        let (cap, capped) = caps.fold((0.0, f64::INFINITY), |best, now| if now.1 < best.1 { now } else { best });
        let bound = self.rows.iter().filter(|&&i| power.expected[i] > 1.1 * cap).count();
        if bound >= LEAST_BOUND && capped < CAPPED * kept.min(plain) {
            return name("converter", "power_derate");
        }
        let air = median(self.rows.iter().map(|&i| power.air[i]).collect());
        if air < COLD && share > SMALL_LOSS {
            return name("rotor", "icing");
        }
        let (from, to) = (self.rows.first().copied().unwrap_or(0), self.rows.last().copied().unwrap_or(0));
        let beside = |rows: Range<usize>| {
            let known: Vec<f64> = rows.filter_map(|i| heading.get(i).copied()).filter(|v| v.is_finite()).collect();
            if known.is_empty() { 0.0 } else { median(known) }
        };
        let ago = |days: f64| from.saturating_sub((days * rows_per_day) as usize);
        let (turned, before) = (beside(from..to + 1), beside(ago(REFERENCE_DAYS.1)..ago(REFERENCE_DAYS.0)));
        if turned.abs() >= TURNED && (turned - before).abs() >= TURNED && share < 2.0 * SMALL_LOSS {
            return name("yaw", "yaw_misalignment");
        }
        if share > SMALL_LOSS { name("converter", "power_derate") } else { name("pitch", "pitch_offset") }
    }
}

/// Expected minus actual energy of rows `[first, last]` in which `counts` holds, kWh, not below zero.
pub(crate) fn energy_lost(power: &PowerBalance, hours: f64, first: usize, last: usize, counts: impl Fn(usize) -> bool) -> f64 {
    let lost = (first..=last).filter(|&i| counts(i)).map(|i| power.expected[i] - power.actual[i]).filter(|kw| kw.is_finite());
    (lost.sum::<f64>() * hours).max(0.0)
}

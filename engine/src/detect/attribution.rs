//! Which part, and what is wrong with it: the name of an incident from the alarms that were on and the shape of the loss.
//!
//! A reading that is itself odd (temperature, pitch, heading, frozen sensor) names its part. Power alone is told apart
//! by shape: a ceiling is a derate, a loss in the cold is ice, a small steady share is a pitch offset no sensor shows.

use super::regression::centre_and_spread;
use super::regression::median;
use crate::domain::Quantity;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) component: String,
    pub(crate) mode: String,
    pub(crate) contributors: Vec<String>,
    /// The cause that decided.
    pub(crate) cause: usize,
}

/// Below this ice is believable, °C.
const COLD: f64 = 6.0;
/// A pitch offset of a few degrees costs less than this share; more is something else.
const SMALL_LOSS: f64 = 0.14;

/// Names what was wrong in rows `[first, last]`; `None` when no alarm was on.
pub(crate) fn verdict(causes: &[Cause], power: Option<&PowerBalance>, first: usize, last: usize) -> Option<Verdict> {
    let votes: Vec<f64> = causes
        .iter()
        .map(|cause| cause.weight * cause.on.get(first..=last).map_or(0, |on| on.iter().filter(|on| **on).count()) as f64)
        .collect();
    let mut order: Vec<usize> = (0..causes.len()).filter(|&c| votes[c] > 0.0).collect();
    order.sort_by(|&a, &b| votes[b].total_cmp(&votes[a]).then(a.cmp(&b)));
    let winner = *order.first()?;
    let cause = &causes[winner];
    let (component, mode) = match power.filter(|p| cause.is_power && p.is_turbine) {
        Some(power) => by_shape(power, causes, first, last),
        None => (cause.component.clone(), cause.mode.clone()),
    };
    let contributors = order.iter().map(|&c| causes[c].name.clone()).collect();
    Some(Verdict { component, mode, contributors, cause: winner })
}

fn by_shape(power: &PowerBalance, causes: &[Cause], first: usize, last: usize) -> (String, String) {
    let on = |i: usize| causes.iter().any(|c| c.is_power && c.on[i]);
    let rows: Vec<usize> = (first..=last).filter(|&i| on(i) && (power.expected[i] - power.actual[i]).is_finite()).collect();
    let expected: f64 = rows.iter().map(|&i| power.expected[i]).sum();
    let actual: f64 = rows.iter().map(|&i| power.actual[i]).sum();
    let share = if expected > 0.0 { 1.0 - actual / expected } else { 0.0 };
    let high: Vec<usize> = rows.iter().copied().filter(|&i| power.expected[i] > 0.5 * power.rated).collect();
    let air = median(rows.iter().map(|&i| power.air[i]).collect());
    let name = |component: &str, mode: &str| (component.to_owned(), mode.to_owned());
    if high.len() >= 12 {
        let (ceiling, spread) = centre_and_spread(high.iter().map(|&i| power.actual[i]).collect());
        if spread < 0.03 * power.rated && ceiling < 0.9 * median(high.iter().map(|&i| power.expected[i]).collect()) {
            return name("converter", "power_derate");
        }
    }
    if air < COLD && share > SMALL_LOSS {
        return name("rotor", "icing");
    }
    if share > SMALL_LOSS { name("converter", "power_derate") } else { name("pitch", "pitch_offset") }
}

/// Expected minus actual energy of rows `[first, last]` in which `counts` holds, kWh, not below zero.
pub(crate) fn energy_lost(power: &PowerBalance, hours: f64, first: usize, last: usize, counts: impl Fn(usize) -> bool) -> f64 {
    let lost = (first..=last).filter(|&i| counts(i)).map(|i| power.expected[i] - power.actual[i]).filter(|kw| kw.is_finite());
    (lost.sum::<f64>() * hours).max(0.0)
}

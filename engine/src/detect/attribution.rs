//! Which part, and what is wrong with it: the name of an incident from the alarms that were on and the shape of the loss.
//!
//! A reading that is itself odd (temperature, pitch, heading, frozen sensor) names its part. Power alone is told apart
//! by shape: a ceiling is a derate, a loss in the cold is ice, a small steady share is a pitch offset no sensor shows.

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

/// Above this share of rated power a small loss of the rotor costs nothing: the blades have power to spare.
const FLAT: f64 = 0.92;
/// A ceiling must leave less than this share of what the next best story leaves unexplained,
const CAPPED: f64 = 0.8;
/// and bind in this many rows.
const LEAST_BOUND: usize = 6;
/// Degrees beside the neighbours from which missing power is the heading's.
const TURNED: f64 = 6.0;

/// Names what was wrong in rows `[first, last]`; `None` when no alarm was on.
pub(crate) fn verdict(
    causes: &[Cause],
    power: Option<&PowerBalance>,
    heading: &[f64],
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
    let (component, mode) =
        match power.filter(|p| (cause.is_power || cause.quantity == Quantity::NACELLE_DIRECTION && spoke) && p.is_turbine) {
            Some(power) => by_shape(power, causes, heading, first, last),
            None => (cause.component.clone(), cause.mode.clone()),
        };
    let contributors = order.iter().map(|&c| causes[c].name.clone()).collect();
    Some(Verdict { component, mode, contributors, cause: winner })
}

/// The story that leaves least unexplained: a ceiling, ice, or a share (which the heading tells from a pitch offset).
fn by_shape(power: &PowerBalance, causes: &[Cause], heading: &[f64], first: usize, last: usize) -> (String, String) {
    let on = |i: usize| causes.iter().any(|c| c.is_power && c.on[i]);
    let known = |i: usize| (power.expected[i] - power.actual[i]).is_finite() && power.expected[i] > 0.07 * power.rated;
    let rows: Vec<usize> = (first..=last).filter(|&i| on(i) && known(i)).collect();
    let partial = |i: usize| power.expected[i] < FLAT * power.rated;
    let (expected, actual) =
        rows.iter().filter(|&&i| partial(i)).fold((0.0, 0.0), |(e, a), &i| (e + power.expected[i], a + power.actual[i]));
    let share = if expected > 0.0 { 1.0 - actual / expected } else { 0.0 };
    let unexplained =
        |story: &dyn Fn(f64) -> f64| -> f64 { rows.iter().map(|&i| (power.actual[i] - story(power.expected[i])).abs()).sum() };
    let kept = unexplained(&|e| if e < FLAT * power.rated { e * (1.0 - share) } else { e });
    let plain = unexplained(&|e| e * (1.0 - share));
    let caps = (6..36).map(|c| f64::from(c) / 40.0 * power.rated);
    let (cap, capped) = caps
        .map(|cap| (cap, unexplained(&|e| e.min(cap))))
        .fold((0.0, f64::INFINITY), |best, now| if now.1 < best.1 { now } else { best });
    let bound = rows.iter().filter(|&&i| power.expected[i] > 1.1 * cap).count();
    let name = |component: &str, mode: &str| (component.to_owned(), mode.to_owned());
    if bound >= LEAST_BOUND && capped < CAPPED * kept.min(plain) {
        return name("converter", "power_derate");
    }
    let air = median(rows.iter().map(|&i| power.air[i]).collect());
    if air < COLD && share > SMALL_LOSS {
        return name("rotor", "icing");
    }
    let beside =
        |rows: std::ops::Range<usize>| median(rows.filter_map(|i| heading.get(i).copied()).filter(|v| v.is_finite()).collect());
    let turned = beside(first..last + 1);
    let before = beside(first.saturating_sub(5 * (last + 1 - first).min(144)).min(first)..first);
    if turned.abs() >= TURNED && (turned - before).abs() >= TURNED && share < 2.0 * SMALL_LOSS {
        return name("yaw", "yaw_misalignment");
    }
    if share > SMALL_LOSS { name("converter", "power_derate") } else { name("pitch", "pitch_offset") }
}

/// Expected minus actual energy of rows `[first, last]` in which `counts` holds, kWh, not below zero.
pub(crate) fn energy_lost(power: &PowerBalance, hours: f64, first: usize, last: usize, counts: impl Fn(usize) -> bool) -> f64 {
    let lost = (first..=last).filter(|&i| counts(i)).map(|i| power.expected[i] - power.actual[i]).filter(|kw| kw.is_finite());
    (lost.sum::<f64>() * hours).max(0.0)
}

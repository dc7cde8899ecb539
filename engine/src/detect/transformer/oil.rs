//! What the top oil of a transformer should read, and since when it reads more.
//!
//! Where the air is measured, load and air explain the oil to a kelvin or two and a quick chart of the residual decides
//! (`temperature`, `evidence`). Where it is not, weather moves the oil more than a blocked cooler does: half of what load and
//! season explained in training is believed, and days are compared with the weeks before them (`drift`). In: one member. Out:
//! alarm by row, expected temperature.

use super::super::evidence::Limits;
use super::super::evidence::Trace;
use super::super::fleet::Fleet;
use super::super::regression::Ridge;
use super::super::rehearsal::unseen;
use super::super::residual::Detector;
use super::super::residual::FittedDetector;
use super::super::residual::LEAST_ROWS;
use super::super::temperature::Temperature;
use super::drift::Drift;
use super::inputs::Inputs;
use crate::domain::Quantity;
use crate::domain::micros;

/// Hours of the averages of a load.
const HOURS: [f64; 3] = [4.0, 24.0, 168.0];
/// Share of the explained part that is believed where the air is not measured: what load and season explain in one year is in
/// part the weather that went with them.
const BELIEVED: f64 = 0.5;
/// False alarms a year that the quick chart may raise.
const FALSE_A_YEAR: f64 = 0.1;
/// Training days from which a season can be told from a trend.
const SEASON_DAYS: usize = 300;
/// Share of a day that must be known: the mean of a night is not that of a day.
const KNOWN_SHARE: f64 = 0.75;
const DAY: i64 = 86_400_000_000;

/// Learnt behaviour of the top oil.
#[derive(Debug)]
pub(super) enum Oil {
    /// With the temperature of the air.
    Quick { model: Box<dyn FittedDetector>, limits: Limits },
    /// Without.
    Slow { inputs: Inputs, ridge: Ridge, season: bool, drift: Drift },
}

/// Alarm by row and what was expected.
#[derive(Debug)]
pub(super) struct OilVerdict {
    pub(super) trace: Trace,
    pub(super) expected: Vec<f64>,
}

impl Oil {
    /// Learns from rows before `until`; `None` without an oil temperature or enough rows.
    pub(super) fn fit(fleet: &Fleet, member: usize, until: usize) -> Option<Self> {
        fleet.column(member, &Quantity::TOP_OIL_TEMP)?;
        let air = [Quantity::TEMP_AIR, Quantity::AMBIENT_TEMP].iter().any(|q| fleet.column(member, q).is_some());
        let per_day = 24.0 / fleet.resolution.hours();
        let detector = Temperature { quantity: Quantity::TOP_OIL_TEMP };
        if let Some(model) = detector.fit(fleet, member, &(0..until)).filter(|_| air) {
            let score = model.score(fleet, member).score;
            let known = &score[..until.min(score.len())];
            let fresh = unseen(&detector, fleet, member, until);
            if let Some(limits) = Limits::fit(known, &fresh, 1.0, model.signal().least, per_day, FALSE_A_YEAR) {
                return Some(Self::Quick { model, limits });
            }
        }
        let season = until as f64 / per_day >= SEASON_DAYS as f64;
        let inputs = Inputs::fit(fleet, member, until);
        let oil = inputs.oil(fleet, member);
        let features = features(fleet, member, &inputs, season);
        let ridge = Ridge::fit(&features, &oil, |i| i < until, LEAST_ROWS)?;
        let (days, ends) = daily(fleet, member, &rest(&oil, &ridge.predict(&features, fleet.len)));
        let training = ends.iter().take_while(|end| **end < until).count();
        let drift = Drift::fit(&days[..training])?;
        Some(Self::Slow { inputs, ridge, season, drift })
    }

    /// Judges every row.
    pub(super) fn judge(&self, fleet: &Fleet, member: usize) -> OilVerdict {
        match self {
            Self::Quick { model, limits } => {
                let residual = model.score(fleet, member);
                OilVerdict { trace: limits.trace(&residual.score, &[]), expected: residual.expected }
            }
            Self::Slow { inputs, ridge, season, drift } => {
                let len = fleet.len;
                let oil = inputs.oil(fleet, member);
                let explained = ridge.predict(&features(fleet, member, inputs, *season), len);
                let residual = rest(&oil, &explained);
                let (days, ends) = daily(fleet, member, &residual);
                let mut trace = Trace { on: vec![false; len], score: vec![0.0; len], onset: (0..len).collect() };
                let mut expected = vec![f64::NAN; len];
                let mut usual = f64::NAN;
                for (k, day) in drift.judge(&days).into_iter().enumerate() {
                    let first = |day: usize| if day == 0 { 0 } else { ends[day - 1] + 1 };
                    if days[k].is_finite() {
                        let normal = days[k] - day.excess;
                        let pace = if day.on || usual.is_nan() { 1.0 } else { 0.1 };
                        usual = if usual.is_nan() { normal } else { usual + pace * (normal - usual) };
                    }
                    for row in ends[k]..ends.get(k + 1).copied().unwrap_or(len) {
                        trace.on[row] = day.on;
                        trace.score[row] = day.score.max(0.0);
                        trace.onset[row] = if day.on { first(day.since).min(row) } else { row };
                        expected[row] = usual + BELIEVED * explained[row];
                    }
                }
                OilVerdict { trace, expected }
            }
        }
    }
}

fn rest(oil: &[f64], explained: &[f64]) -> Vec<f64> {
    oil.iter().zip(explained).map(|(oil, explained)| oil - BELIEVED * explained).collect()
}

/// Mean of every day that is over, NaN where too little of it is known, and its last row. The last day of the data counts once its
/// last hour is there.
fn daily(fleet: &Fleet, member: usize, values: &[f64]) -> (Vec<f64>, Vec<usize>) {
    let frame = &fleet.frames[member];
    let step = fleet.resolution.seconds() * 1_000_000;
    let needed = (KNOWN_SHARE * DAY as f64 / step as f64).max(1.0);
    let (mut means, mut ends) = (Vec::new(), Vec::new());
    let (mut sum, mut count) = (0.0, 0.0);
    for (row, value) in values.iter().enumerate() {
        if value.is_finite() {
            sum += value;
            count += 1.0;
        }
        let time = micros(frame.time(row));
        if time.div_euclid(DAY) != (time + step).div_euclid(DAY) {
            means.push(if count >= needed { sum / count } else { f64::NAN });
            ends.push(row);
            (sum, count) = (0.0, 0.0);
        }
    }
    (means, ends)
}

fn features(fleet: &Fleet, member: usize, inputs: &Inputs, season: bool) -> Vec<Vec<f64>> {
    let mut out = vec![vec![1.0; fleet.len]];
    for load in inputs.loads(fleet, member) {
        for hours in HOURS {
            out.push(average(&load, 1.0 - (-fleet.resolution.hours() / hours).exp()));
        }
        out.push(load);
    }
    let frame = &fleet.frames[member];
    let turn = |days: f64, waves: f64| {
        let angle = move |row: usize| micros(frame.time(row)) as f64 / (days * DAY as f64) * waves * std::f64::consts::TAU;
        [(0..fleet.len).map(|row| angle(row).cos()).collect(), (0..fleet.len).map(|row| angle(row).sin()).collect()]
    };
    out.extend(turn(1.0, 1.0));
    out.extend(turn(1.0, 2.0));
    if season {
        out.extend(turn(365.25, 1.0));
    }
    out
}

fn average(values: &[f64], rate: f64) -> Vec<f64> {
    let mut level = values.first().copied().unwrap_or(0.0);
    let follow = |v: &f64| {
        level += rate * (v - level);
        level
    };
    values.iter().map(follow).collect()
}

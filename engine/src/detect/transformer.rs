//! The watch over a transformer: oil that is warmer than load and air explain, and loading beyond what the standard allows.
//!
//! In: a member of kind transformer with an oil temperature, or with a load and a stated rating. Out: incidents
//! `oil_overheat` (cooling) and `transformer_overload`, with hot spot, life lost and the time to the limit as a band.
//! Source: IEC 60076-7:2018. Deliberately not here: gas analysis, tap changers, bushings.

mod drift;
mod inputs;
mod loading;
mod oil;
mod thermal;

#[cfg(test)]
mod tests;

use super::Evidence;
use super::Incident;
use super::Outlook;
use super::Severity;
use super::fleet::Fleet;
use super::specialist::Comparison;
use super::specialist::Opinion;
use super::specialist::Specialist;
use super::state::stretches;
use crate::domain::AssetKind;
use crate::domain::Quantity;
use crate::domain::Timestamp;
use jiff::SignedDuration;
use loading::Rating;
use loading::Strain;
use oil::Oil;
use oil::OilVerdict;

/// Days of life lost in a day that count as an overload: the paper was to last.
const FAST_LIFE: f64 = 2.0;
/// Hours an overload must be over to be over: one that comes back with the next day's peak is the same one.
const OVER_HOURS: f64 = 30.0;
/// Top oil of normal cyclic loading, °C: where a failing cooler leads.
const OIL_LIMIT: f64 = 105.0;

/// What is known about one transformer.
#[derive(Debug)]
pub(crate) struct Transformer {
    oil: Option<Oil>,
    rating: Option<Rating>,
}

impl Transformer {
    /// Learns from rows before `until`; `None` for other kinds and where there is nothing to go by.
    pub(crate) fn fit(fleet: &Fleet, member: usize, until: usize) -> Option<Self> {
        if fleet.frames[member].asset.kind != AssetKind::Transformer {
            return None;
        }
        let (oil, rating) = (Oil::fit(fleet, member, until), Rating::of(fleet, member, until));
        (oil.is_some() || rating.is_some()).then_some(Self { oil, rating })
    }
}

impl Specialist for Transformer {
    fn judge(&self, fleet: &Fleet, member: usize, from: usize) -> Opinion {
        let mut out = Opinion { anomaly: vec![false; fleet.len], score: vec![0.0; fleet.len], ..Opinion::default() };
        if let Some(oil) = &self.oil {
            let verdict = oil.judge(fleet, member);
            warm(fleet, member, from, &verdict, &mut out);
            out.signals.push(Comparison {
                quantity: Quantity::TOP_OIL_TEMP,
                component: "cooling".to_owned(),
                observed: fleet.column(member, &Quantity::TOP_OIL_TEMP).unwrap_or_default().to_vec(),
                expected: verdict.expected,
            });
        }
        if let Some(rating) = &self.rating {
            overloaded(fleet, member, from, rating, &mut out);
        }
        out.incidents.sort_by_key(|incident| incident.opened_at);
        out
    }
}

/// Incidents of oil that is too warm.
fn warm(fleet: &Fleet, member: usize, from: usize, verdict: &OilVerdict, out: &mut Opinion) {
    let frame = &fleet.frames[member];
    let trace = &verdict.trace;
    for row in 0..fleet.len {
        out.anomaly[row] |= trace.on[row];
        out.score[row] = out.score[row].max(trace.score[row]);
    }
    let oil = fleet.column(member, &Quantity::TOP_OIL_TEMP).unwrap_or_default();
    for (open, end) in stretches(fleet.len, 1, |row| trace.on[row]).into_iter().filter(|(_, end)| *end > from) {
        let start = trace.onset[open].min(open);
        let rows: Vec<usize> = (start..end).filter(|&i| oil[i].is_finite() && verdict.expected[i].is_finite()).collect();
        let mean = |value: &dyn Fn(usize) -> f64| rows.iter().map(|&i| value(i)).sum::<f64>() / rows.len().max(1) as f64;
        let known = !rows.is_empty();
        let score = (open..end).map(|row| trace.score[row]).fold(1.0, f64::max);
        out.incidents.push(Incident {
            closed_at: (end < fleet.len).then(|| frame.time(end)),
            severity: if score >= 3.0 { Severity::Critical } else { Severity::Warning },
            score,
            detector: "transformer",
            evidence: vec![Evidence {
                signal: Quantity::TOP_OIL_TEMP.name().to_owned(),
                quantity: Quantity::TOP_OIL_TEMP,
                observed: known.then(|| mean(&|i| oil[i])),
                expected: known.then(|| mean(&|i| verdict.expected[i])),
                share: 1.0,
            }],
            outlook: warming(fleet, member, start, end - 1, oil, &verdict.expected),
            ..Incident::new(frame.asset.id.clone(), "cooling", "oil_overheat", frame.time(start), frame.time(open))
        });
    }
}

/// When oil whose excess goes on growing as it did since `start` reaches its limit; the pace is known to a factor of two.
fn warming(fleet: &Fleet, member: usize, start: usize, last: usize, oil: &[f64], expected: &[f64]) -> Option<Outlook> {
    let day = (24.0 / fleet.resolution.hours()).round().max(1.0) as usize;
    let first = (last + 1).saturating_sub(day).max(start);
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let known: Vec<f64> = values.filter(|v| v.is_finite()).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let level = mean(&mut oil[first..=last].iter().copied())?;
    let excess = mean(&mut (first..=last).map(|i| oil[i] - expected[i]))?;
    let hours = (last + 1 - start) as f64 * fleet.resolution.hours();
    let pace = excess / hours;
    if pace <= 0.0 || level >= OIL_LIMIT {
        return None;
    }
    let needed = (OIL_LIMIT - level) / pace;
    let now = fleet.frames[member].time(last);
    Some(Outlook {
        quantity: Quantity::TOP_OIL_TEMP,
        limit: OIL_LIMIT,
        level,
        earliest: later(now, needed / 2.0)?,
        median: later(now, needed),
        latest: later(now, needed * 2.0),
    })
}

/// Hours on, within ninety days.
fn later(now: Timestamp, hours: f64) -> Option<Timestamp> {
    (hours <= 90.0 * 24.0).then(|| now.saturating_add(SignedDuration::from_secs_f64(hours * 3600.0)).ok())?
}

/// Incidents of loading beyond the limits.
fn overloaded(fleet: &Fleet, member: usize, from: usize, rating: &Rating, out: &mut Opinion) {
    let frame = &fleet.frames[member];
    let strain = rating.strain(fleet, member);
    let shares = |row: usize, limit: &thermal::Loading| {
        [strain.load[row] / limit.current, strain.hot_spot[row] / limit.hot_spot, strain.top_oil[row] / limit.top_oil]
    };
    let worst = |row: usize, limit| shares(row, limit).into_iter().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let score: Vec<f64> = (0..fleet.len).map(|row| worst(row, &rating.normal).max(strain.life[row] / FAST_LIFE)).collect();
    let calm = (OVER_HOURS / fleet.resolution.hours()).ceil().max(1.0) as usize;
    let mut quiet = calm;
    let on: Vec<bool> = score
        .iter()
        .map(|score| {
            quiet = if *score >= 1.0 { 0 } else { quiet + 1 };
            quiet < calm
        })
        .collect();
    for (row, score) in score.iter().enumerate() {
        out.anomaly[row] |= *score >= 1.0;
        out.score[row] = out.score[row].max(*score);
    }
    for (open, end) in stretches(fleet.len, 1, |row| on[row]).into_iter().filter(|(_, end)| *end > from) {
        let rows = open..end;
        let top = |values: &[f64]| rows.clone().map(|i| values[i]).filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
        let urgent = rows.clone().any(|row| worst(row, &rating.emergency) >= 1.0);
        let measures = [
            ("load_factor", rating.quantity.clone(), top(&strain.load), rating.normal.current),
            ("hot_spot_temp", Quantity::TOP_OIL_TEMP, top(&strain.hot_spot), rating.normal.hot_spot),
            ("life_lost_per_day", Quantity::TOP_OIL_TEMP, top(&strain.life), FAST_LIFE),
        ];
        let total: f64 = measures.iter().map(|(_, _, value, limit)| (value / limit).max(0.0)).sum();
        let mut evidence: Vec<Evidence> = measures
            .into_iter()
            .map(|(signal, quantity, value, limit)| Evidence {
                signal: signal.to_owned(),
                quantity,
                observed: value.is_finite().then_some(value),
                expected: Some(limit),
                share: (value / limit).max(0.0) / total.max(1e-9),
            })
            .collect();
        evidence.sort_by(|a, b| b.share.total_cmp(&a.share));
        out.incidents.push(Incident {
            closed_at: (end < fleet.len).then(|| frame.time(end)),
            severity: if urgent { Severity::Critical } else { Severity::Warning },
            score: rows.clone().map(|row| score[row]).fold(1.0, f64::max),
            detector: "transformer",
            evidence,
            outlook: heating(fleet, member, end - 1, rating, &strain),
            ..Incident::new(frame.asset.id.clone(), "transformer", "transformer_overload", frame.time(open), frame.time(open))
        });
    }
}

/// When the oil reaches its limit under the load of `row`, give or take a tenth of it.
fn heating(fleet: &Fleet, member: usize, row: usize, rating: &Rating, strain: &Strain) -> Option<Outlook> {
    let limit = if strain.top_oil[row] < rating.normal.top_oil { rating.normal.top_oil } else { rating.emergency.top_oil };
    let now = fleet.frames[member].time(row);
    let at = |factor: f64| rating.hours_to(strain, row, factor, limit).and_then(|hours| later(now, hours));
    Some(Outlook {
        quantity: Quantity::TOP_OIL_TEMP,
        limit,
        level: strain.top_oil[row],
        earliest: at(1.1)?,
        median: at(1.0),
        latest: at(0.9),
    })
}

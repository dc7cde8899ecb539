//! One machine under watch: its models with their limits, and what they say about its rows together.
//!
//! In: a fleet and one of its members. Out: a [`Condition`] and the table of [`DetectionPower`]. What each model looks at
//! stands in its own file; what an incident is, in `incidents`.

use super::DetectionPower;
use super::attribution::Cause;
use super::attribution::PowerBalance;
use super::delay::Chart;
use super::delay::detection_power;
use super::evidence::Limits;
use super::evidence::Trace;
use super::fleet::Fleet;
use super::frozen::Frozen;
use super::incidents::Condition;
use super::neighbours::HORIZONS;
use super::neighbours::LEAST_LOSS;
use super::neighbours::hold_back;
use super::neighbours::missing;
use super::neighbours::over;
use super::power::Curves;
use super::power::air;
use super::rehearsal::Rehearsal;
use super::rehearsal::detectors;
use super::relief::relieve;
use super::residual::FittedDetector;
use super::residual::Residual;
use super::residual::Side;
use super::state::State;
use super::state::visits;
use super::temperature::temperatures;
use super::trend::hottest;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Quantity;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A heading beside the neighbours' that costs less than this share of power is an encoder, not a misalignment.
const HEADING_LOSS: f64 = 0.03;
/// Hours of running over which that share is taken.
const HEADING_HOURS: f64 = 60.0;
/// Days of rows over which the level of power is followed where nothing is wrong.
const RATIO_DAYS: f64 = 10.0;

/// All models of one asset.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) models: Vec<Model>,
    frozen: Vec<Frozen>,
    /// False alarms a year that each side of a signal may raise.
    allowed: f64,
}

/// A model with what the training part says about its scores.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) fitted: Box<dyn FittedDetector>,
    limits: Vec<Limits>,
    /// Shares of power that must be missing beside the neighbours, by horizon; only for signals about power.
    shares: [f64; HORIZONS.len()],
    /// Share of all rows that tell something, and the mean of what is expected in them.
    duty: f64,
    typical: f64,
    /// Temperature beyond which it was never seen; NaN for other quantities.
    limit: f64,
}

impl Machine {
    /// Learns from rows before `until`, with limits that let all signals together raise `budget` false alarms a year;
    /// `None` where nothing could be learnt.
    pub(crate) fn fit(
        fleet: &Fleet,
        member: usize,
        until: usize,
        curves: &Arc<Curves>,
        rehearsal: &Rehearsal,
        budget: f64,
    ) -> Option<Self> {
        let fitted: Vec<_> =
            detectors(fleet, member, &(0..until), curves).iter().filter_map(|d| d.fit(fleet, member, &(0..until))).collect();
        let sides: usize = fitted.iter().map(|model| if model.signal().side == Side::Either { 2 } else { 1 }).sum();
        let allowed = budget / sides.max(1) as f64;
        let per_day = 24.0 / fleet.resolution.hours();
        let learn = |fitted: Box<dyn FittedDetector>| {
            let signal = fitted.signal();
            let residual = fitted.score(fleet, member);
            let known = &residual.score[..until.min(fleet.len)];
            let signs: &[f64] = match signal.side {
                Side::Above => &[1.0],
                Side::Below => &[-1.0],
                Side::Either => &[1.0, -1.0],
            };
            let fresh = rehearsal.scores(member, &signal.name);
            let limits: Option<Vec<Limits>> =
                signs.iter().map(|sign| Limits::fit(known, fresh, *sign, signal.least, per_day, allowed)).collect();
            let shares = match signal.quantity == Quantity::ACTIVE_POWER {
                true => rehearsal.shares(fleet, member, &signal.name, budget),
                false => [LEAST_LOSS; HORIZONS.len()],
            };
            let told: Vec<usize> = (0..known.len()).filter(|&i| known[i].is_finite()).collect();
            let typical = told.iter().map(|&i| residual.expected[i]).sum::<f64>() / told.len().max(1) as f64;
            let duty = told.len() as f64 / known.len().max(1) as f64;
            let limit =
                if signal.quantity.name().ends_with("_temp") { hottest(&residual.observed[..known.len()]) } else { f64::NAN };
            Some(Model { limits: limits?, fitted, shares, duty, typical, limit })
        };
        let models: Vec<Model> = fitted.into_iter().filter_map(learn).collect();
        let watched = temperatures(fleet, member);
        let frozen = watched.iter().filter_map(|q| Frozen::fit(fleet, member, until, q)).collect();
        (!models.is_empty()).then_some(Self { models, frozen, allowed })
    }

    /// What all models say about every row.
    pub(crate) fn condition(&self, fleet: &Fleet, member: usize, curves: &Curves, others: &BTreeMap<AssetId, Self>) -> Condition {
        let mut causes = Vec::new();
        let mut steps = Vec::new();
        let mut power = None;
        // Where the chart of power in light wind is on, whether or not so much is missing that anybody is told.
        let mut charted = Vec::new();
        let mut heading = Vec::new();
        let frozen: Vec<(&Frozen, Vec<f64>)> = self.frozen.iter().map(|f| (f, f.score(fleet, member))).collect();
        let visits = visits(fleet.len, &fleet.states[member], fleet.resolution.hours());
        for model in &self.models {
            let mut residual = model.fitted.score(fleet, member);
            let signal = model.fitted.signal();
            // A sensor that repeats itself says nothing about its part.
            if let Some((_, run)) = frozen.iter().find(|(f, _)| f.quantity == signal.quantity) {
                for (value, _) in residual.score.iter_mut().zip(run).filter(|(_, run)| **run >= 0.5) {
                    *value = f64::NAN;
                }
            }
            // A repair cools a part for good; power above the expected is more often an iced anemometer than a better machine.
            let visits = if model.limit.is_finite() { visits.as_slice() } else { &[] };
            let traces = model.limits.iter().map(|l| l.trace(&residual.score, visits)).collect();
            let Trace { mut on, mut score, onset } = together(traces, fleet.len);
            let is_power = signal.quantity == Quantity::ACTIVE_POWER;
            if is_power {
                if charted.is_empty() {
                    charted.clone_from(&on);
                }
                let shares = shares(fleet, member, &residual, &on, &signal.name, others);
                hold_back(&mut on, &mut score, &shares, &model.shares);
                if power.is_none() {
                    power = Some(balance(fleet, member, curves, &residual, &on));
                }
            }
            steps.extend(residual.steps.iter().map(|(row, _)| *row));
            if signal.quantity == Quantity::NACELLE_DIRECTION {
                let beside = |i: usize| match residual.score[i].is_finite() {
                    true => turned(residual.observed[i] - residual.expected[i]),
                    false => f64::NAN,
                };
                heading = (0..fleet.len).map(beside).collect();
                if let Some(power) = &power {
                    let loses = power.loses(HEADING_LOSS, HEADING_HOURS / fleet.resolution.hours());
                    for ((on, score), _) in on.iter_mut().zip(&mut score).zip(loses).filter(|(_, loses)| !loses) {
                        *on = false;
                        *score = score.min(0.99);
                    }
                }
            }
            causes.push(Cause {
                name: signal.name.clone(),
                quantity: signal.quantity.clone(),
                component: signal.component.clone(),
                mode: signal.mode.clone(),
                on,
                score,
                onset,
                weight: if is_power { 1.0 } else { 2.0 },
                is_power,
                observed: residual.observed,
                expected: residual.expected,
                limit: model.limit,
            });
        }
        if let Some(power) = &power {
            let light = causes.iter().position(|cause| cause.is_power);
            let heavy = causes.iter().rposition(|cause| cause.is_power);
            if let Some(heavy) = heavy.filter(|heavy| light.is_some_and(|light| light < *heavy)) {
                relieve(&mut causes[heavy].on, &charted, power);
            }
        }
        for (frozen, score) in frozen {
            causes.push(Cause {
                name: frozen.quantity.name().to_owned(),
                quantity: frozen.quantity.clone(),
                component: frozen.component(),
                mode: "frozen_value".to_owned(),
                on: score.iter().map(|s| *s >= 1.0).collect(),
                onset: (0..fleet.len).collect(),
                score: score.into_iter().map(|s| if s >= 1.0 { s.min(10.0) } else { 0.0 }).collect(),
                weight: 4.0,
                is_power: false,
                observed: fleet.column(member, &frozen.quantity).map_or_else(|| vec![f64::NAN; fleet.len], <[f64]>::to_vec),
                expected: vec![f64::NAN; fleet.len],
                limit: f64::NAN,
            });
        }
        Condition { causes, power, heading, steps }
    }

    /// One table per signal; `hours` a row, `criticality` anomalous rows until an incident.
    pub(crate) fn detection_power(&self, asset: &AssetId, hours: f64, criticality: u32) -> Vec<DetectionPower> {
        let charts = self.models.iter().map(|model| Chart {
            signal: model.fitted.signal(),
            limits: &model.limits,
            unit: model.fitted.unit(),
            shares: model.shares,
            duty: model.duty,
            typical: model.typical,
        });
        charts.map(|chart| detection_power(asset, &chart, self.allowed, hours, criticality)).collect()
    }
}

/// Share of power missing beside the neighbours over each of the [`HORIZONS`], as one signal sees it whose alarm is `on`.
fn shares(
    fleet: &Fleet,
    member: usize,
    own: &Residual,
    on: &[bool],
    signal: &str,
    others: &BTreeMap<AssetId, Machine>,
) -> Vec<Vec<f64>> {
    let judged = |peer: usize| {
        let machine = others.get(&fleet.frames[peer].asset.id)?;
        let model = machine.models.iter().find(|model| model.fitted.signal().name == signal)?;
        Some(fleet.judged(peer, signal, || model.fitted.score(fleet, peer)))
    };
    let others: Vec<Arc<Residual>> = fleet.peers(member).into_iter().filter_map(judged).collect();
    let others: Vec<&Residual> = others.iter().map(Arc::as_ref).collect();
    let over = over(on, fleet.resolution.hours());
    HORIZONS.iter().map(|hours| missing(own, &others, hours / fleet.resolution.hours(), &over)).collect()
}

/// `on` are rows of an alarm about power: meanwhile nothing is learnt.
fn balance(fleet: &Fleet, member: usize, curves: &Curves, residual: &Residual, on: &[bool]) -> PowerBalance {
    let rated = curves.by_asset.get(&fleet.frames[member].asset.id).map_or(f64::INFINITY, |c| c.rated);
    let free = |i: usize| fleet.states[member][i] == State::Free;
    let mut ratio = 1.0_f64;
    let keep = fleet.resolution.hours() / (24.0 * RATIO_DAYS);
    let expected = (0..fleet.len).map(|i| {
        let (expected, actual) = (residual.expected[i] * ratio, residual.observed[i]);
        if !free(i) {
            return f64::NAN;
        }
        if !on[i] && actual.is_finite() && (0.07 * rated..0.88 * rated).contains(&expected) {
            let odd = (actual / residual.expected[i]).clamp(0.8, 1.2);
            ratio += keep * 2.0 * expected / rated * (odd - ratio);
        }
        expected.clamp(0.0, rated)
    });
    PowerBalance {
        actual: residual.observed.clone(),
        expected: expected.collect(),
        air: air(fleet, member),
        rated,
        is_turbine: fleet.frames[member].asset.kind == AssetKind::WindTurbine,
    }
}

/// An angle in (-180, 180].
fn turned(degrees: f64) -> f64 {
    180.0 - (180.0 - degrees).rem_euclid(360.0)
}

/// Alarms of one signal on either side, as one.
fn together(traces: Vec<Trace>, len: usize) -> Trace {
    let mut out = Trace { on: vec![false; len], score: vec![0.0; len], onset: (0..len).collect() };
    for trace in traces {
        for i in 0..len {
            out.on[i] |= trace.on[i];
            if trace.score[i] > out.score[i] {
                out.score[i] = trace.score[i];
                out.onset[i] = trace.onset[i];
            }
        }
    }
    out
}

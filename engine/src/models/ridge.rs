//! Ridge regression, direct multi-step: one fit per group of leads, the penalty chosen on the newest fifth of the past.
//!
//! In: a view; rows from `features`. Out: a path. Where weather runs exist there are two fits per group, with and without
//! them, and each step uses the first whose inputs are known.

use super::state::{read, written};
use super::{FittedForecaster, Forecaster, Gram, LinearFit, ModelError, Outlook};
use crate::domain::Quantile;
use crate::features::{FeatureMatrix, Shares, TargetKind, View, base_shares, load_rows, solar_rows, wind_rows};
use serde::{Deserialize, Serialize};

/// Name of the one with a long memory.
const LONG: &str = "ridge";
/// Upper edges of the first lead groups in steps, where the last value is worth most.
const STEPS: [usize; 4] = [1, 2, 3, 6];
/// Upper edges of the lead groups in hours; beyond them one group per day.
const EDGES: [usize; 6] = [1, 3, 6, 12, 24, 48];
const PENALTIES: [f64; 7] = [1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 0.3, 1.0];
/// Of loads, whose base is good and whose few hundred days hold few different ones.
const PENALTIES_LOAD: [f64; 5] = [1e-2, 3e-2, 1e-1, 0.3, 1.0];
/// Most past origins of one fit.
const MOST_ORIGINS: usize = 1500;
/// Most rows of one fit.
const MOST_ROWS: usize = 16_000;
/// Rows wanted for the lead groups of the first hour of wind.
const DENSE_ROWS: usize = 12_000;
/// Hours ahead up to which any past time of day tells as much as the phases.
const DENSE_HOURS: usize = 1;

/// Ridge over the features of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Ridge {
    name: &'static str,
    kind: TargetKind,
    /// Days after which a past origin weighs half.
    half_life_days: f64,
    /// Days of past that are used.
    days: usize,
}

impl Ridge {
    /// A long memory.
    pub fn long(kind: TargetKind) -> Self {
        let (half_life_days, days) = if kind == TargetKind::Load { (1000.0, 2500) } else { (365.0, 1100) };
        Self { name: LONG, kind, half_life_days, days }
    }

    /// A short memory, for systems that change.
    pub fn short(kind: TargetKind) -> Self {
        Self { name: "ridge_recent", kind, half_life_days: 45.0, days: 200 }
    }

    fn rows(self, view: &View<'_>, leads: &[usize], into: &mut FeatureMatrix) {
        match self.kind {
            TargetKind::Load => load_rows(view, leads, into),
            TargetKind::Wind => wind_rows(view, leads, into),
            TargetKind::Solar => solar_rows(view, leads, into),
        }
    }

    /// Days of history before the first past origin.
    fn warm_up(self) -> usize {
        match self.kind {
            TargetKind::Load => 14,
            TargetKind::Wind => 2,
            TargetKind::Solar => 15,
        }
    }
}

/// At most some `most` of the origins, evenly, in a step that visits every phase in turn.
pub(super) fn thinned(origins: Vec<usize>, phases: usize, most: usize) -> Vec<usize> {
    let divides = |step: usize| (2..=step).any(|d| step.is_multiple_of(d) && phases.is_multiple_of(d));
    let mut step = origins.len().div_ceil(most);
    while step > 1 && divides(step) {
        step += 1;
    }
    origins.into_iter().step_by(step.max(1)).collect()
}

/// About `wanted` origins of `[from, to)`, newest first, evenly at all times of day.
fn dense_origins(from: usize, to: usize, wanted: usize, day: usize) -> Vec<usize> {
    let common = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let mut step = (to.saturating_sub(from) / wanted.max(1)).max(1);
    while common(step, day) > 1 {
        step += 1;
    }
    (from..to).rev().step_by(step).collect()
}

/// `[from, to)` of each lead group; the first end at `steps`.
pub(super) fn groups(horizon: usize, hour: usize, steps: &[usize]) -> Vec<(usize, usize)> {
    let hours = EDGES.into_iter().chain((3..).map(|d| 24 * d)).map(|edge| edge * hour);
    let (mut groups, mut from) = (Vec::new(), 0);
    for edge in steps.iter().copied().chain(hours) {
        let to = edge.min(horizon).max(from);
        if to > from {
            groups.push((from, to));
        }
        from = to;
        if to == horizon {
            break;
        }
    }
    groups
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Group {
    from: usize,
    to: usize,
    plain: LinearFit,
    weather: Option<LinearFit>,
}

impl Group {
    /// The fit whose inputs are known in a row.
    fn fit(&self, matrix: &FeatureMatrix, row: usize) -> &LinearFit {
        self.weather.as_ref().filter(|_| matrix.has_weather(row)).unwrap_or(&self.plain)
    }
}

#[derive(Debug, Clone)]
struct Fitted {
    rule: Ridge,
    groups: Vec<Group>,
}

impl Forecaster for Ridge {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_regression(&self) -> bool {
        self.name == LONG
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let context = view.context;
        let oldest = view.edge().saturating_sub(self.days * context.day).max(self.warm_up() * context.day);
        let origins = view.origins_back(view.edge().saturating_sub(1), oldest, 6000);
        if origins.len() < 21 {
            return Err(ModelError::too_little(self.name, view, (self.warm_up() + 21) * context.day));
        }
        let origins = thinned(origins, context.fit_phases.len(), MOST_ORIGINS);
        let mut fitted = Vec::new();
        let steps: &[usize] = match self.kind {
            TargetKind::Wind => &STEPS,
            TargetKind::Load => &STEPS[..1],
            TargetKind::Solar => &[],
        };
        for (from, to) in groups(context.horizon, context.hour, steps) {
            let dense = self.kind == TargetKind::Wind && to <= DENSE_HOURS * context.hour;
            let any = dense.then(|| dense_origins(oldest, view.edge(), DENSE_ROWS / (to - from), context.day));
            let any = any.filter(|any| any.len() > origins.len());
            fitted.push(self.group(view, any.as_deref().unwrap_or(&origins), from, to)?);
        }
        Ok(Box::new(Fitted { rule: *self, groups: fitted }))
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        read(state).map(|groups| -> Box<dyn FittedForecaster> { Box::new(Fitted { rule: *self, groups }) })
    }
}

impl Ridge {
    fn group(self, view: &View<'_>, origins: &[usize], from: usize, to: usize) -> Result<Group, ModelError> {
        let stride = (origins.len() * (to - from)).div_ceil(MOST_ROWS).max(1);
        let mut matrix = FeatureMatrix::default();
        let (mut targets, mut ages) = (Vec::new(), Vec::new());
        for (turn, &origin) in origins.iter().rev().enumerate() {
            let leads: Vec<usize> = (from + turn % stride..to).step_by(stride).filter(|k| origin + k < view.edge()).collect();
            self.rows(&view.at(origin), &leads, &mut matrix);
            for k in leads {
                targets.push(view.value(origin + k));
                ages.push((view.origin - origin) as f64 / view.context.day as f64);
            }
        }
        let typical = matrix.scale.iter().sum::<f64>() / matrix.len().max(1) as f64;
        let fit = |weather: bool| -> Result<Option<LinearFit>, ModelError> {
            let mut gram = Gram::new(if weather { matrix.width } else { matrix.plain });
            for i in 0..matrix.len() {
                let scale = matrix.scale[i];
                if scale > 0.0 && (!weather || matrix.has_weather(i)) {
                    let weight = (scale / typical).powi(2) * 0.5_f64.powf(ages[i] / self.half_life_days);
                    gram.push(matrix.row(i), (targets[i] - matrix.base[i]) / scale, weight);
                }
            }
            if gram.len() < 40 {
                return Ok(None);
            }
            let cut = gram.len() * 4 / 5;
            let solve = |normal: &super::linear::Normal, penalty| {
                normal.solve(penalty).map_err(|error| ModelError::unsolvable(self.name, view, &error))
            };
            let early = gram.normal(0, cut);
            let penalties: &[f64] = if self.kind == TargetKind::Load { &PENALTIES_LOAD } else { &PENALTIES };
            let mut best = (f64::INFINITY, 1e-2);
            for &penalty in penalties {
                let error = gram.error(&solve(&early, penalty)?, cut, gram.len());
                if error < best.0 {
                    best = (error, penalty);
                }
            }
            solve(&gram.normal(0, gram.len()), best.1).map(Some)
        };
        // A group of leads that is hardly ever lit has nothing to learn: its steps stay at their mean index.
        let lit = matrix.scale.iter().filter(|scale| **scale > 0.0).count();
        let plain = match fit(false)? {
            Some(fit) => fit,
            None if self.kind == TargetKind::Solar && lit < 40 => LinearFit::constant(0.5),
            None => return Err(ModelError::too_little(self.name, view, 40)),
        };
        let weather = if matrix.width > matrix.plain { fit(true)? } else { None };
        Ok(Group { from, to, plain, weather })
    }
}

impl FittedForecaster for Fitted {
    fn outlook(&self, view: &View<'_>, _: &[Quantile]) -> Result<Outlook, ModelError> {
        if view.last().is_nan() {
            return Err(ModelError::too_little(self.rule.name, view, 1));
        }
        let mut path = Vec::with_capacity(view.context.horizon);
        for group in &self.groups {
            let leads: Vec<usize> = (group.from..group.to).collect();
            let mut matrix = FeatureMatrix::default();
            self.rule.rows(view, &leads, &mut matrix);
            for i in 0..matrix.len() {
                let fit = group.fit(&matrix, i);
                let shift = if matrix.scale[i] > 0.0 { matrix.scale[i] * fit.predict(matrix.row(i)) } else { 0.0 };
                path.push(matrix.base[i] + shift);
            }
        }
        if path.len() != view.context.horizon || path.iter().any(|v| !v.is_finite()) {
            return Err(ModelError::unsolvable(self.rule.name, view, &"a lag is missing in the last week"));
        }
        let (low, high) = view.bounds();
        path.iter_mut().for_each(|v| *v = v.clamp(low, high));
        Ok(Outlook { path, quantiles: None })
    }

    fn state(&self) -> Vec<u8> {
        written(&self.groups)
    }

    fn reasons(&self, view: &View<'_>, _: &[f64]) -> Vec<Shares> {
        let (mut bases, mut corrections) = (Vec::new(), Vec::new());
        for group in &self.groups {
            let leads: Vec<usize> = (group.from..group.to).collect();
            let mut matrix = FeatureMatrix::default();
            self.rule.rows(view, &leads, &mut matrix);
            for i in 0..matrix.len() {
                let mut shares = Shares::default();
                if matrix.scale[i] > 0.0 {
                    group.fit(&matrix, i).contribute(matrix.row(i), &matrix.groups, matrix.scale[i], &mut shares);
                }
                bases.push(matrix.base[i]);
                corrections.push(shares);
            }
        }
        let sum = |(base, more): (Shares, Shares)| std::array::from_fn(|group| base[group] + more[group]);
        base_shares(view, &bases).into_iter().zip(corrections).map(sum).collect()
    }
}

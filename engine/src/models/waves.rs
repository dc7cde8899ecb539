//! Ridge regression on the linear rows and on many random waves over a few of their columns each: a smooth learner beside the trees.
//!
//! In: a view with weather; rows from `features`. Out: a path. Each wave is the cosine of a random combination of one to four
//! standardised columns, so the fit approaches kernel regression with a kernel of low-order interactions (Rahimi and Recht 2007,
//! "Random features for large-scale kernel machines"; Durrande et al. 2012 for additive kernels). One fit serves all leads, the penalty
//! is chosen on the newest fifth of the past. A step without weather makes it silent: without weather there is nothing smooth to learn.

use super::boosting::Seeded;
use super::ridge::thinned;
use super::state::{read, written};
use super::{FittedForecaster, Forecaster, Gram, LinearFit, ModelError, Outlook, SEED, reason};
use crate::domain::Quantile;
use crate::features::{FeatureMatrix, Group, Shares, TargetKind, View, base_shares, load_rows, solar_rows, wind_rows};
use serde::{Deserialize, Serialize};

const NAME: &str = "waves";
/// Waves beside the columns themselves.
const WAVES: usize = 256;
/// Most columns of a wave.
const MOST_COLUMNS: u64 = 4;
/// Standard deviation of the frequency of a column, in radians per standard deviation of the column.
const FREQUENCY: f64 = 0.7;
/// A column further from its mean than this many deviations counts as that far.
const FAR: f64 = 4.0;
const PENALTIES: [f64; 6] = [1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1];
/// Most past origins of one fit.
const MOST_ORIGINS: usize = 1500;
/// Most rows of one fit.
const MOST_ROWS: usize = 12_000;
/// Days after which a past origin weighs half, and days of past that are used.
const HALF_LIFE_DAYS: f64 = 500.0;
const MOST_DAYS: usize = 1100;
/// Days of history before the first past origin.
const WARM_UP_DAYS: usize = 15;
/// Fewest rows with weather.
const LEAST_ROWS: usize = 400;

/// Random waves.
#[derive(Debug, Clone, Copy)]
pub struct Waves;

/// Frequencies of the columns of a wave, and where it begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Wave {
    columns: Vec<(u32, f64)>,
    phase: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Fitted {
    kind: TargetKind,
    /// Mean and deviation of each column; no deviation where it never changed.
    scaling: Vec<(f64, f64)>,
    waves: Vec<Wave>,
    fit: LinearFit,
}

fn rows(kind: TargetKind, view: &View<'_>, leads: &[usize], into: &mut FeatureMatrix) {
    match kind {
        TargetKind::Load => load_rows(view, leads, into),
        TargetKind::Wind => wind_rows(view, leads, into),
        TargetKind::Solar => solar_rows(view, leads, into),
    }
}

/// Waves over columns that change.
fn draw(scaling: &[(f64, f64)], first_weather: usize) -> Vec<Wave> {
    let alive = |range: std::ops::Range<usize>| -> Vec<u32> { range.filter(|&c| scaling[c].1 > 0.0).map(|c| c as u32).collect() };
    let (all, weather) = (alive(0..scaling.len()), alive(first_weather..scaling.len()));
    if all.is_empty() || weather.is_empty() {
        return Vec::new();
    }
    let mut random = Seeded::new(SEED);
    let wave = |_| {
        let count = 1 + random.below(MOST_COLUMNS);
        // The first column of a wave is weather, the others are any: what weather is worth depends on the hour and on what was seen.
        let mut columns = Vec::with_capacity(count as usize);
        for turn in 0..count {
            let from = if turn == 0 { &weather } else { &all };
            let column = from[random.below(from.len() as u64) as usize];
            columns.push((column, FREQUENCY * random.normal()));
        }
        Wave { columns, phase: std::f64::consts::TAU * random.share() }
    };
    (0..WAVES).map(wave).collect()
}

/// Mean and deviation of each column.
fn scaling(matrix: &FeatureMatrix) -> Vec<(f64, f64)> {
    let one = |column: usize| {
        let values = (0..matrix.len()).map(|row| matrix.row(row)[column]).filter(|v| v.is_finite());
        let (sum, squares, count) = values.fold((0.0, 0.0, 0.0), |(s, q, n), v| (s + v, q + v * v, n + 1.0));
        if count == 0.0 {
            return (0.0, 0.0);
        }
        let (mean, noise): (f64, f64) = (sum / count, 1e-6 * (sum / count).abs() + 1e-9);
        let deviation = (squares / count - mean * mean).max(0.0).sqrt();
        (mean, if deviation > noise { deviation } else { 0.0 })
    };
    (0..matrix.width).map(one).collect()
}

/// A row and its waves.
fn widened(row: &[f64], scaling: &[(f64, f64)], waves: &[Wave]) -> Vec<f64> {
    let z: Vec<f64> = row
        .iter()
        .zip(scaling)
        .map(
            |(v, (mean, deviation))| {
                if v.is_finite() && *deviation > 0.0 { ((v - mean) / deviation).clamp(-FAR, FAR) } else { 0.0 }
            },
        )
        .collect();
    let wave = |wave: &Wave| (wave.phase + wave.columns.iter().map(|(c, f)| f * z[*c as usize]).sum::<f64>()).cos();
    row.iter().copied().chain(waves.iter().map(wave)).collect()
}

impl Forecaster for Waves {
    fn name(&self) -> &'static str {
        NAME
    }

    fn refit_days(&self, known: usize) -> Option<usize> {
        Some(if known < 365 { 28 } else { 56 })
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let context = view.context;
        let oldest = view.edge().saturating_sub(MOST_DAYS * context.day).max(WARM_UP_DAYS * context.day);
        let origins = view.origins_back(view.edge().saturating_sub(1), oldest, 6000);
        let too_little = || ModelError::too_little(NAME, view, (WARM_UP_DAYS + 28) * context.day);
        if context.weather.is_empty() || origins.len() < 28 {
            return Err(too_little());
        }
        let origins = thinned(origins, context.fit_phases.len(), MOST_ORIGINS);
        let stride = (origins.len() * context.horizon).div_ceil(MOST_ROWS).max(1);
        let (mut matrix, mut at) = (FeatureMatrix::default(), Vec::new());
        for (turn, &origin) in origins.iter().rev().enumerate() {
            let leads = (turn % stride..context.horizon).step_by(stride).filter(|k| origin + k < view.edge());
            let leads: Vec<usize> = leads.collect();
            rows(context.kind, &view.at(origin), &leads, &mut matrix);
            at.extend(leads.into_iter().map(|k| (origin, origin + k)));
        }
        let typical = matrix.scale.iter().sum::<f64>() / matrix.len().max(1) as f64;
        let scaling = scaling(&matrix);
        let waves = draw(&scaling, matrix.plain);
        let mut gram = Gram::new(matrix.width + waves.len());
        for (i, &(origin, index)) in at.iter().enumerate() {
            let scale = matrix.scale[i];
            if scale > 0.0 && matrix.has_weather(i) {
                let age = (view.origin - origin) as f64 / context.day as f64;
                let weight = (scale / typical).powi(2) * 0.5_f64.powf(age / HALF_LIFE_DAYS);
                let target = (view.value(index) - matrix.base[i]) / scale;
                gram.push(&widened(matrix.row(i), &scaling, &waves), target, weight);
            }
        }
        if gram.len() < LEAST_ROWS || waves.is_empty() {
            return Err(too_little());
        }
        let cut = gram.len() * 4 / 5;
        let early = gram.normal(0, cut);
        let unsolvable = |error| ModelError::unsolvable(NAME, view, &error);
        let mut best = (f64::INFINITY, PENALTIES[3]);
        for penalty in PENALTIES {
            let error = gram.error(&early.solve(penalty).map_err(unsolvable)?, cut, gram.len());
            if error < best.0 {
                best = (error, penalty);
            }
        }
        let fit = gram.normal(0, gram.len()).solve(best.1).map_err(unsolvable)?;
        Ok(Box::new(Fitted { kind: context.kind, scaling, waves, fit }))
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        read::<Fitted>(state).map(|fitted| -> Box<dyn FittedForecaster> { Box::new(fitted) })
    }
}

impl FittedForecaster for Fitted {
    fn outlook(&self, view: &View<'_>, _: &[Quantile]) -> Result<Outlook, ModelError> {
        let leads: Vec<usize> = (0..view.context.horizon).collect();
        let mut matrix = FeatureMatrix::default();
        rows(self.kind, view, &leads, &mut matrix);
        let silent = |i: usize| matrix.scale[i] > 0.0 && !matrix.has_weather(i);
        let other = matrix.width != self.scaling.len() || view.last().is_nan();
        if other || (0..matrix.len()).any(silent) || matrix.base.iter().any(|base| !base.is_finite()) {
            return Err(ModelError::unsolvable(NAME, view, &"a step has no weather, or the inputs are not those of the fit"));
        }
        let (low, high) = view.bounds();
        let step = |i: usize| {
            let scale = matrix.scale[i].max(0.0);
            let said = if scale > 0.0 { self.fit.predict(&widened(matrix.row(i), &self.scaling, &self.waves)) } else { 0.0 };
            (matrix.base[i] + scale * said).clamp(low, high)
        };
        Ok(Outlook { path: (0..matrix.len()).map(step).collect(), quantiles: None })
    }

    fn state(&self) -> Vec<u8> {
        written(self)
    }

    fn reasons(&self, view: &View<'_>, said: &[f64]) -> Vec<Shares> {
        let leads: Vec<usize> = (0..view.context.horizon).collect();
        let mut matrix = FeatureMatrix::default();
        rows(self.kind, view, &leads, &mut matrix);
        if matrix.width != self.scaling.len() {
            return reason::from_usual(view, said, Group::Recent);
        }
        // A wave is one of weather, whatever else it is of.
        let mut groups = matrix.groups.clone();
        groups.resize(matrix.width + self.waves.len(), Group::Weather);
        let mut all = base_shares(view, &matrix.base);
        for (i, shares) in all.iter_mut().enumerate().filter(|(i, _)| matrix.scale[*i] > 0.0) {
            self.fit.contribute(&widened(matrix.row(i), &self.scaling, &self.waves), &groups, matrix.scale[i], shares);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::Waves;
    use crate::features::{Context, sample};
    use crate::models::Forecaster;

    #[test]
    fn follows_the_wind_and_comes_back_from_its_state() {
        let target = sample::wind(200);
        let origin = 190 * 24;
        let context = Context::new(&target, 48, &[sample::at(origin)]).unwrap();
        let view = context.view(origin);
        let fitted = Waves.fit(&view).unwrap();
        let path = fitted.outlook(&view, &[]).unwrap().path;
        let column = target.frame.column(&target.quantity).unwrap();
        let error = |of: &dyn Fn(usize) -> f64| (0..48).map(|k| (of(k) - column[origin + k]).powi(2)).sum::<f64>();
        let mean = column[..origin].iter().sum::<f64>() / origin as f64;
        assert!(error(&|k| path[k]) < 0.1 * error(&|_| mean), "{path:?}");
        let again = Waves.restore(&fitted.state()).unwrap();
        assert_eq!(again.outlook(&view, &[]).unwrap().path, path);
        assert!(Waves.restore(&[1]).is_none());
    }

    #[test]
    fn is_silent_without_weather() {
        let mut target = sample::wind(200);
        let origin = 190 * 24;
        let fitted = {
            let context = Context::new(&target, 48, &[sample::at(origin)]).unwrap();
            Waves.fit(&context.view(origin)).unwrap()
        };
        target.weather.rows.retain(|row| row.valid_time < sample::at(origin + 20));
        let context = Context::new(&target, 48, &[sample::at(origin)]).unwrap();
        assert!(fitted.outlook(&context.view(origin), &[]).is_err());
        target.weather.rows.clear();
        let context = Context::new(&target, 48, &[sample::at(origin)]).unwrap();
        assert!(Waves.fit(&context.view(origin)).is_err());
    }
}

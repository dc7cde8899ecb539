//! Boosted trees over raw and linear features: two forests, each for all leads and quantiles, and their average.
//!
//! In: a view; rows from `features`. Out: a path (the mean) and quantiles. One forest learns the target against the base of the
//! rows, the other what a ridge regression per group of leads leaves; the first is better where things interact, the second in the
//! first hours. The newest fifth of the past, a horizon apart from the rest, says how many trees to grow and how much wider than in
//! the fitted past the quantiles must be; the trees that serve are grown on all of it.

mod start;

use super::boosting::{Forest, Prediction, Rows, TreeOptions};
use super::ridge::{groups, thinned};
use super::state::{read, written};
use super::{FittedForecaster, Forecaster, ModelError, Outlook, reason};
use crate::domain::Quantile;
use crate::features::{FeatureMatrix, Group, Shares, TargetKind, View, base_shares, tree_rows};
use serde::{Deserialize, Serialize};
use start::{Outcome, Start};
use std::collections::BTreeSet;

const NAME: &str = "boosted";
/// Most past origins of one fit.
const MOST_ORIGINS: usize = 1500;
/// Most rows of one fit.
const MOST_ROWS: usize = 24_000;
/// Rows of a group of leads, so that each can be fitted, if there are as many.
const LEAST_OF_GROUP: usize = 1500;
/// Fewest trees, whatever the holdout says.
const LEAST_ROUNDS: usize = 10;
/// Days of past that are used.
const MOST_DAYS: usize = 1100;
/// Days after which a past origin weighs half.
const HALF_LIFE_DAYS: f64 = 400.0;
/// Probabilities of the forest; others are read off between and beyond them.
const PROBABILITIES: [f64; 11] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];
/// Index of the median.
const MIDDLE: usize = 5;
/// Start of the generator that samples rows and columns of the trees.
pub const SEED: u64 = 0x2545_F491;
const OPTIONS: TreeOptions = TreeOptions {
    rounds: 160,
    rate: 0.06,
    leaves: 16,
    least: 60,
    penalty: 5.0,
    row_share: 0.5,
    column_share: 0.4,
    bins: 64,
    spread: 0.5,
    holdout: 0.0,
    gap: 0,
    patience: 25,
    seed: SEED,
};

/// Rows of a leaf and share of the rows for solar power. A year of daylight is four thousand hours, whatever the number of rows made of
/// them: leaves of a hundred would know no overcast morning.
const SOLAR_LEAST: usize = 30;
const SOLAR: TreeOptions = TreeOptions { least: SOLAR_LEAST, row_share: 0.8, ..OPTIONS };

/// Options for `rows` rows that tell of `hours` valid times.
fn options(kind: TargetKind, rows: usize, hours: usize) -> TreeOptions {
    match kind {
        TargetKind::Solar => TreeOptions { least: (SOLAR_LEAST * rows / hours.max(1)).clamp(SOLAR_LEAST, OPTIONS.least), ..SOLAR },
        TargetKind::Load | TargetKind::Wind => OPTIONS,
    }
}

/// Forests that are grown alike but for the seed and averaged: what one makes of its sample by chance, others do not.
fn forests(kind: TargetKind) -> u64 {
    match kind {
        TargetKind::Load | TargetKind::Wind => 1,
        TargetKind::Solar => 2,
    }
}

/// Boosted trees.
#[derive(Debug, Clone, Copy)]
pub struct Boosted;

/// Trees and what they start from.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Grown {
    start: Start,
    /// Of different seeds; what they say is averaged.
    forests: Vec<Forest>,
}

impl Grown {
    fn is_as_wide(&self, width: usize) -> bool {
        self.forests.iter().all(|forest| forest.width() == width)
    }

    /// What is left of each row after the start.
    fn predict(&self, rows: Rows<'_>) -> Vec<Prediction> {
        let mut all = self.forests.iter().map(|forest| forest.predict(rows));
        let mut sum = all.next().unwrap_or_default();
        for other in all {
            sum.iter_mut().zip(&other).for_each(|(sum, one)| {
                sum.mean += one.mean;
                sum.quantiles.iter_mut().zip(&one.quantiles).for_each(|(sum, one)| *sum += one);
            });
        }
        let share = 1.0 / self.forests.len().max(1) as f64;
        for one in &mut sum {
            one.mean *= share;
            one.quantiles.iter_mut().for_each(|value| *value *= share);
        }
        sum
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Fitted {
    /// On the base of the rows, and on what a ridge regression leaves.
    both: [Grown; 2],
    /// Factors of the gaps between the median and the quantiles below and above it.
    stretch: (f64, f64),
}

/// Days of history before the first past origin.
fn warm_up(kind: TargetKind) -> usize {
    match kind {
        TargetKind::Load => 14,
        TargetKind::Wind => 2,
        TargetKind::Solar => 15,
    }
}

/// Rows of past origins, oldest first.
#[derive(Debug, Default)]
struct Past {
    linear: FeatureMatrix,
    trees: FeatureMatrix,
    outcomes: Vec<Outcome>,
}

impl Past {
    fn of(view: &View<'_>, origins: &[usize], groups: &[(usize, usize)]) -> Self {
        let context = view.context;
        let (mut linear, mut trees) = (FeatureMatrix::default(), FeatureMatrix::default());
        let stride = |(from, to): (usize, usize)| {
            let rows = (MOST_ROWS * (to - from) / context.horizon).max(LEAST_OF_GROUP);
            (origins.len() * (to - from)).div_ceil(rows).max(1)
        };
        let mut at = Vec::new();
        for (turn, &origin) in origins.iter().rev().enumerate() {
            let of = |&(from, to): &(usize, usize)| (from + turn % stride((from, to))..to).step_by(stride((from, to)));
            let leads: Vec<usize> = groups.iter().flat_map(of).filter(|k| origin + k < view.edge()).collect();
            tree_rows(&view.at(origin), &leads, &mut linear, &mut trees);
            at.extend(leads.into_iter().map(|lead| (origin, lead)));
        }
        let mut past = Self::default();
        for (i, &(origin, lead)) in at.iter().enumerate() {
            let (base, scale) = (linear.base[i], linear.scale[i]);
            let target = (view.value(origin + lead) - base) / scale;
            if scale > 0.0 && target.is_finite() {
                let age = (view.origin - origin) as f64 / context.day as f64;
                past.linear.push(&linear.row(i)[..linear.plain], &linear.row(i)[linear.plain..], base, scale);
                past.trees.push(&trees.row(i)[..trees.plain], &trees.row(i)[trees.plain..], base, scale);
                past.outcomes.push(Outcome { origin, lead, target, weight: scale * 0.5_f64.powf(age / HALF_LIFE_DAYS) });
            }
        }
        past
    }
}

impl Forecaster for Boosted {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_regression(&self) -> bool {
        true
    }

    fn refit_days(&self, known: usize) -> Option<usize> {
        Some(if known < 365 { 28 } else { 56 })
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let context = view.context;
        let first = warm_up(context.kind) * context.day;
        let oldest = view.edge().saturating_sub(MOST_DAYS * context.day).max(first);
        let needed = first + 28 * context.day;
        let origins = view.origins_back(view.edge().saturating_sub(1), oldest, 6000);
        if origins.len() < 28 || view.known() < needed {
            return Err(ModelError::too_little(NAME, view, needed));
        }
        let groups = groups(context.horizon, context.hour, &[]);
        let past = Past::of(view, &thinned(origins, context.fit_phases.len(), MOST_ORIGINS), &groups);
        let too_little = || ModelError::too_little(NAME, view, needed);
        let (width, values) = (past.trees.width, narrowed(&past.trees));
        let newest = past.outcomes.len() - past.outcomes.len() / 5;
        let border = past.outcomes.get(newest).ok_or_else(too_little)?.origin;
        let cleared = past.outcomes.partition_point(|outcome| outcome.origin + context.horizon <= border);
        let hours: BTreeSet<usize> = past.outcomes.iter().map(|outcome| outcome.origin + outcome.lead).collect();
        let options = options(context.kind, past.outcomes.len(), hours.len());
        let early = TreeOptions { holdout: 0.2, gap: newest.saturating_sub(cleared), ..options };
        let held = Rows { width, values: &values[newest * width..] };
        let one = |linear: bool| {
            let (start, said) = Start::fit(&past.linear, &past.outcomes, &groups, context.day, linear);
            let left = |(outcome, said): (&Outcome, &f64)| (outcome.target - said) / start.spread(outcome.lead);
            let targets: Vec<f64> = past.outcomes.iter().zip(&said).map(left).collect();
            let weights: Vec<f64> = past.outcomes.iter().map(|outcome| outcome.weight * start.spread(outcome.lead)).collect();
            let grow = |options: &TreeOptions| {
                Forest::fit(Rows { width, values: &values }, &targets, &weights, &PROBABILITIES, options).ok_or_else(too_little)
            };
            let trial = grow(&early)?;
            let fresh = past.outcomes[newest..].iter().zip(&said[newest..]).zip(trial.predict(held));
            let fresh: Vec<Prediction> = fresh.map(|((o, said), p)| placed(p, *said, start.spread(o.lead))).collect();
            let serving = TreeOptions { rounds: trial.rounds().max(LEAST_ROUNDS), ..options };
            let seeds = (0..forests(context.kind)).map(|turn| SEED.wrapping_add(turn));
            let forests = seeds.map(|seed| grow(&TreeOptions { seed, ..serving })).collect::<Result<Vec<Forest>, ModelError>>()?;
            Ok((Grown { start, forests }, fresh))
        };
        let ((alone, fresh), (on_ridge, other)) = (one(false)?, one(true)?);
        let fresh: Vec<Prediction> = fresh.into_iter().zip(other).map(|(a, b)| averaged(a, &b)).collect();
        let stretch = stretch(&fresh, &past.outcomes[newest..]);
        Ok(Box::new(Fitted { both: [alone, on_ridge], stretch }))
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        read::<Fitted>(state).map(|fitted| -> Box<dyn FittedForecaster> { Box::new(fitted) })
    }
}

/// A prediction of what is left, as one of the row's target.
fn placed(mut prediction: Prediction, said: f64, spread: f64) -> Prediction {
    prediction.mean = said + spread * prediction.mean;
    prediction.quantiles.iter_mut().for_each(|value| *value = said + spread * *value);
    prediction
}

/// Quantile by quantile the middle of two.
fn averaged(mut one: Prediction, other: &Prediction) -> Prediction {
    one.mean = 0.5 * (one.mean + other.mean);
    one.quantiles.iter_mut().zip(&other.quantiles).for_each(|(a, b)| *a = 0.5 * (*a + b));
    one
}

/// The features in single precision, which the trees cut in.
fn narrowed(matrix: &FeatureMatrix) -> Vec<f32> {
    matrix.values.iter().map(|v| *v as f32).collect()
}

/// Factors below and above the median that lose least on fresh rows.
fn stretch(predictions: &[Prediction], outcomes: &[Outcome]) -> (f64, f64) {
    let loss = |low: f64, high: f64| -> f64 {
        let row = |(prediction, outcome): (&Prediction, &Outcome)| {
            let middle = prediction.quantiles[MIDDLE];
            let one = |(value, probability): (&f64, &f64)| {
                let gap = outcome.target - (middle + (value - middle) * if *value < middle { low } else { high });
                (probability * gap).max((probability - 1.0) * gap)
            };
            outcome.weight * prediction.quantiles.iter().zip(&PROBABILITIES).map(one).sum::<f64>()
        };
        predictions.iter().zip(outcomes).map(row).sum()
    };
    let factors = [0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.7, 2.0, 2.4];
    let best = |loss: &dyn Fn(f64) -> f64| factors.into_iter().min_by(|a, b| loss(*a).total_cmp(&loss(*b))).unwrap_or(1.0);
    (best(&|low| loss(low, 1.0)), best(&|high| loss(1.0, high)))
}

/// The value at `probability` on the line through `(PROBABILITIES, values)`; beyond the ends straight on in log-odds.
fn read_off(values: &[f64], probability: f64) -> f64 {
    let place = PROBABILITIES.partition_point(|p| *p < probability).clamp(1, PROBABILITIES.len() - 1);
    let (p0, p1) = (PROBABILITIES[place - 1], PROBABILITIES[place]);
    let odds = |p: f64| (p / (1.0 - p)).ln();
    let inside = (p0..=p1).contains(&probability);
    let share = if inside { (probability - p0) / (p1 - p0) } else { (odds(probability) - odds(p0)) / (odds(p1) - odds(p0)) };
    values[place - 1] + share * (values[place] - values[place - 1])
}

/// What trees may say: they know nothing beyond what was seen, so a tenth of its range at most, and always the bounds of the view.
fn reach(view: &View<'_>) -> (f64, f64) {
    let (low, high) = view.bounds();
    let seen = view.past(0).iter().copied().filter(|v| v.is_finite());
    let (least, most) = seen.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), v| (least.min(v), most.max(v)));
    let beyond = 0.1 * (most - least);
    let low = low.max(least - beyond);
    (low, high.min(most + beyond).max(low))
}

impl FittedForecaster for Fitted {
    fn outlook(&self, view: &View<'_>, quantiles: &[Quantile]) -> Result<Outlook, ModelError> {
        if view.last().is_nan() {
            return Err(ModelError::too_little(NAME, view, 1));
        }
        let leads: Vec<usize> = (0..view.context.horizon).collect();
        let (mut linear, mut trees) = (FeatureMatrix::default(), FeatureMatrix::default());
        tree_rows(view, &leads, &mut linear, &mut trees);
        let width = trees.width;
        let other = self.both.iter().any(|grown| !grown.is_as_wide(width));
        if other || trees.base.iter().any(|base| !base.is_finite()) {
            return Err(ModelError::unsolvable(
                NAME,
                view,
                &"a lag is missing in the last week, or the inputs are not those of the fit",
            ));
        }
        let values = narrowed(&trees);
        let [alone, on_ridge] = self.both.each_ref().map(|grown| {
            let said = |(lead, p): (usize, Prediction)| placed(p, grown.start.says(&linear, lead, lead), grown.start.spread(lead));
            grown.predict(Rows { width, values: &values }).into_iter().enumerate().map(said).collect::<Vec<Prediction>>()
        });
        let (low, high) = reach(view);
        let (mut path, mut rows) = (Vec::with_capacity(leads.len()), Vec::with_capacity(leads.len()));
        for (index, predicted) in alone.into_iter().zip(&on_ridge).map(|(a, b)| averaged(a, b)).enumerate() {
            let (base, scale) = (trees.base[index], trees.scale[index].max(0.0));
            let value = |relative: f64| (base + scale * relative).clamp(low, high);
            let middle = predicted.quantiles[MIDDLE];
            let stretched = |q: &f64| middle + (q - middle) * if *q < middle { self.stretch.0 } else { self.stretch.1 };
            let wide: Vec<f64> = predicted.quantiles.iter().map(stretched).collect();
            path.push(value(predicted.mean));
            rows.push(quantiles.iter().map(|q| value(read_off(&wide, q.value()))).collect());
        }
        Ok(Outlook { path, quantiles: Some(rows) })
    }

    fn state(&self) -> Vec<u8> {
        written(self)
    }

    fn reasons(&self, view: &View<'_>, said: &[f64]) -> Vec<Shares> {
        let leads: Vec<usize> = (0..view.context.horizon).collect();
        let (mut linear, mut trees) = (FeatureMatrix::default(), FeatureMatrix::default());
        tree_rows(view, &leads, &mut linear, &mut trees);
        if self.both.iter().any(|grown| !grown.is_as_wide(trees.width)) {
            return reason::from_usual(view, said, Group::Recent);
        }
        let values = narrowed(&trees);
        let mut all = base_shares(view, &trees.base);
        for grown in &self.both {
            let worth = |lead: usize| 0.5 * trees.scale[lead].max(0.0);
            for (lead, shares) in all.iter_mut().enumerate() {
                grown.start.contribute(&linear, lead, lead, worth(lead), shares);
            }
            for forest in &grown.forests {
                let told = forest.contributions(Rows { width: trees.width, values: &values }, Some(MIDDLE));
                for ((lead, (root, parts)), shares) in told.iter().enumerate().zip(&mut all) {
                    let worth = worth(lead) * grown.start.spread(lead) / grown.forests.len() as f64;
                    shares[Group::Usual as usize] += worth * root;
                    parts.iter().zip(&trees.groups).for_each(|(part, group)| shares[*group as usize] += worth * part);
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, PROBABILITIES, read_off, stretch};
    use crate::models::boosting::Prediction;

    #[test]
    fn probabilities_between_and_beyond_are_read_off() {
        let values = PROBABILITIES.map(|p| 10.0 * p);
        assert!((read_off(&values, 0.25) - 2.5).abs() < 1e-9 && (read_off(&values, 0.5) - 5.0).abs() < 1e-9);
        assert!(read_off(&values, 0.01) < 0.5 && read_off(&values, 0.99) > 9.5);
    }

    #[test]
    fn narrow_quantiles_are_stretched() {
        let one = Prediction { mean: 0.0, quantiles: PROBABILITIES.map(|p| p - 0.5).to_vec() };
        let outcome = |i: u32| {
            let target = (f64::from(i) / 1000.0 - 0.5) * if i < 500 { 2.0 } else { 1.0 };
            Outcome { origin: 0, lead: 0, target, weight: 1.0 }
        };
        let found = stretch(&vec![one; 1001], &(0..1001).map(outcome).collect::<Vec<_>>());
        assert!((found.0 - 2.0).abs() < 0.31 && (found.1 - 1.0).abs() < 0.11, "{found:?}");
    }
}

//! Boosted trees pooled over many series, with quantiles.
//!
//! In: a panel to learn from, then any series of its shape. Out: path and quantiles. Each series is centred and divided by its mean
//! deviation; a row is an origin and a lead, its features the newest values, those one season and more before the target and the place
//! of the target in each season; what is learnt is the distance from the mean of the same place in the newest cycles. Leads are
//! forecast directly: no forecast is fed into the next. Rows are drawn evenly over the series, at most [`BoostedOptions::rows`] of them,
//! so that learning costs the same for any number of series.

use super::{Grid, PanelError, PanelForecaster, enough, floor};
use crate::domain::Quantile;
use crate::models::boosting::{Forest, Rows, TreeOptions};

/// Newest cycles whose mean at the target's place is the base of a forecast.
const CYCLES: usize = 7;
/// Features apart from two for each season.
const FEATURES: usize = 6;
/// The quantile that is the path.
const MEDIAN: f64 = 0.5;

/// How much is learnt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoostedOptions {
    /// Most rows learnt from, over all series.
    pub rows: usize,
    /// How the trees grow; its seed also draws the rows.
    pub trees: TreeOptions,
}

impl Default for BoostedOptions {
    fn default() -> Self {
        Self { rows: 100_000, trees: TreeOptions { rounds: 100, ..TreeOptions::default() } }
    }
}

/// A forest learnt from a panel.
#[derive(Debug, Clone)]
pub struct BoostedPanel {
    grid: Grid,
    quantiles: Vec<Quantile>,
    /// Place of each quantile among the forest's, which rise.
    order: Vec<usize>,
    /// Place of the median.
    middle: usize,
    forest: Forest,
    leaves: usize,
    rows: Vec<f32>,
    bases: Vec<f64>,
}

/// Centre and size of a series; the known values.
fn measure(history: &[f64]) -> (f64, f64, usize) {
    let finite = || history.iter().filter(|v| v.is_finite());
    let known = finite().count();
    let centre = finite().sum::<f64>() / known.max(1) as f64;
    let size = finite().map(|v| (v - centre).abs()).sum::<f64>() / known.max(1) as f64;
    (centre, if size > 0.0 { size } else { 1.0 }, known)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.filter(|v| v.is_finite()).fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    if count > 0.0 { sum / count } else { f64::NAN }
}

/// What an origin says whatever the lead: the newest value, the mean of the newest few and of the newest season.
struct Origin<'a> {
    seen: &'a [f64],
    newest: [f64; 3],
}

impl<'a> Origin<'a> {
    fn new(seen: &'a [f64], grid: &Grid) -> Self {
        let period = grid.seasons.first().copied().unwrap_or(1);
        let last = seen.iter().rev().take(period).copied().find(|v| v.is_finite()).unwrap_or(f64::NAN);
        let means =
            [(period / 24).clamp(2, 16), period].map(|width| mean(seen[seen.len().saturating_sub(width)..].iter().copied()));
        Self { seen, newest: [last, means[0], means[1]] }
    }

    /// Adds the features of a lead and gives its base; all as they are, not yet centred.
    fn features(&self, lead: usize, grid: &Grid, (centre, size): (f64, f64), row: &mut Vec<f32>) -> f64 {
        let target = self.seen.len() - 1 + lead;
        let period = grid.seasons.first().copied().unwrap_or(1);
        let back = |lag: usize| target.checked_sub(lead.div_ceil(lag) * lag).map_or(f64::NAN, |at| self.seen[at]);
        let newest = target as i64 - (lead.div_ceil(period) * period) as i64;
        let same = (0..CYCLES).map(|k| newest - (k * period) as i64).map_while(|at| usize::try_from(at).ok());
        let known = mean(same.map(|at| self.seen[at]));
        let base = if known.is_finite() { known } else { centre };
        let last = self.seen.len() - 1;
        let then = (1..=CYCLES).map_while(|k| last.checked_sub(k * period));
        let usual = mean(then.map(|at| self.seen[at]));
        row.push(lead as f32);
        let values = [self.newest[0] - usual, self.newest[1] - usual, self.newest[2] - centre, self.newest[0] - base];
        row.extend(values.map(|value| (value / size) as f32));
        row.push(((base - centre) / size) as f32);
        for &season in &grid.seasons {
            row.push(((back(season) - base) / size) as f32);
            row.push(((target + grid.phase) % season) as f32);
        }
        base
    }
}

/// A seeded generator of integers: splitmix64 (Steele, Lea and Flood 2014).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}

impl BoostedPanel {
    /// Learns from all series of a panel of that shape, series-major.
    ///
    /// # Errors
    /// [`PanelError::Grid`], [`PanelError::TooShort`]: the longest season twice and the horizon are needed; [`PanelError::Slices`];
    /// [`PanelError::Unsolvable`] where the panel has too few known values, or there are more than 14 quantiles beside the median.
    pub fn fit(grid: &Grid, quantiles: &[Quantile], panel: &[f64], options: &BoostedOptions) -> Result<Self, PanelError> {
        let model = "boosted trees";
        grid.check(model, 2)?;
        let longest = grid.seasons.last().copied().unwrap_or(1);
        // The first origin has seen the longest season; the last has its farthest target inside.
        let first = longest.max(super::SHORTEST / 2);
        let Some(origins) = (grid.length + 1).checked_sub(first + grid.horizon).filter(|&n| n > 0) else {
            let needed = first + grid.horizon;
            return Err(PanelError::TooShort { model, needed, length: grid.length, seasons: grid.seasons.clone() });
        };
        let series = panel.len() / grid.length;
        if series == 0 || panel.len() != series * grid.length {
            let wanted = series.max(1) * grid.length;
            return Err(PanelError::Slices { what: "values", given: panel.len(), wanted, series });
        }
        let mut dice = Seeded(options.trees.seed);
        let width = FEATURES + 2 * grid.seasons.len();
        let (mut values, mut targets) = (Vec::with_capacity(options.rows * width), Vec::with_capacity(options.rows));
        for (i, history) in panel.chunks_exact(grid.length).enumerate() {
            let (centre, size, _) = measure(history);
            // As many rows of each series, or of every so-many-th where there are more series than rows.
            for _ in i * options.rows / series..(i + 1) * options.rows / series {
                let seen = first + dice.below(origins);
                let lead = 1 + dice.below(grid.horizon);
                let base = Origin::new(&history[..seen], grid).features(lead, grid, (centre, size), &mut values);
                targets.push((history[seen - 1 + lead] - base) / size);
            }
        }
        // The forest's quantiles rise, and the median, which is the path, is one of them.
        let mut probabilities: Vec<f64> = quantiles.iter().map(|quantile| quantile.value()).chain([MEDIAN]).collect();
        probabilities.sort_by(f64::total_cmp);
        probabilities.dedup();
        let place = |value: f64| probabilities.partition_point(|&p| p < value);
        let order: Vec<usize> = quantiles.iter().map(|quantile| place(quantile.value())).collect();
        let middle = place(MEDIAN);
        let rows = Rows { width, values: &values };
        let forest = Forest::fit(rows, &targets, &vec![1.0; targets.len()], &probabilities, &options.trees);
        let reason = || format!("{} rows are too few, or {} quantiles too many", targets.len(), quantiles.len());
        let forest = forest.ok_or_else(|| PanelError::Unsolvable { model, reason: reason() })?;
        let rows = Vec::with_capacity(grid.horizon * width);
        Ok(Self {
            grid: grid.clone(),
            quantiles: quantiles.to_vec(),
            order,
            middle,
            forest,
            leaves: options.trees.leaves,
            rows,
            bases: Vec::with_capacity(grid.horizon),
        })
    }
}

impl PanelForecaster for BoostedPanel {
    fn name(&self) -> &'static str {
        "boosted trees"
    }

    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn quantiles(&self) -> &[Quantile] {
        &self.quantiles
    }

    fn bytes(&self) -> usize {
        // A leaf has its corrections and shares a node of some three words with its neighbour.
        let leaf = 4 * (1 + self.forest.probabilities().len()) + 24;
        self.forest.rounds() * leaf * self.leaves + 4 * self.rows.capacity() + 8 * self.bases.capacity()
    }

    fn forecast(&mut self, history: &[f64], path: &mut [f64], bands: &mut [f64]) -> Result<(), PanelError> {
        let (centre, size, known) = measure(history);
        enough(self.name(), known, self.grid.length)?;
        let origin = Origin::new(history, &self.grid);
        self.rows.clear();
        self.bases.clear();
        for lead in 1..=self.grid.horizon {
            let base = origin.features(lead, &self.grid, (centre, size), &mut self.rows);
            self.bases.push(base);
        }
        let least = floor(history);
        let predictions = self.forest.predict(Rows { width: self.forest.width(), values: &self.rows });
        let width = self.quantiles.len();
        for (k, (prediction, base)) in predictions.iter().zip(&self.bases).enumerate() {
            path[k] = (base + size * prediction.quantiles[self.middle]).max(least);
            for (cell, &place) in bands[k * width..(k + 1) * width].iter_mut().zip(&self.order) {
                *cell = (base + size * prediction.quantiles[place]).max(least);
            }
        }
        Ok(())
    }
}

//! Scenarios: whole futures, of one series or of many at once, that agree with their forecasts' quantiles step by step.
//!
//! In: per series the quantiles of each step, and what past forecasts were wrong by. Out: equally likely paths. Each past issue is
//! a template: where its error ranked among those of the other issues says where a scenario lies within today's quantiles, at
//! every step and in every series alike. So neighbouring steps and neighbouring assets go together as they did. Schaake shuffle:
//! Clark et al. (2004), Journal of Hydrometeorology 5(1); as an empirical copula: Schefzik, Thorarinsdottir and Gneiting (2013),
//! Statistical Science 28(4). Same seed, same bytes; each step and series has its own numbers, whatever else is drawn.

use crate::domain::Quantile;
use statrs::distribution::{ContinuousCDF, Normal};

/// Fewest issues with a known error for which a series' own past is its template.
const LEAST: usize = 20;
/// Fewest scenarios of which a tail can be read.
const FEWEST: usize = 10;

/// Why scenarios could not be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// Rows and quantiles do not belong together.
    #[error("step {step} of series {series} has {values} values for {quantiles} quantiles: give one per quantile, rising")]
    Row {
        /// Which series, from 0.
        series: usize,
        /// Which step, from 0.
        step: usize,
        /// Values given.
        values: usize,
        /// Quantiles asked for.
        quantiles: usize,
    },
    /// Series know different numbers of past issues.
    #[error(
        "series {series} has errors of {issues} past issues, another {others}: give all series the same issues, NaN where unknown"
    )]
    Issues {
        /// Which series, from 0.
        series: usize,
        /// Its issues.
        issues: usize,
        /// Those of another.
        others: usize,
    },
    /// Too few scenarios, or no quantile, to say anything.
    #[error("{count} scenarios from {quantiles} quantiles: ask for at least 10 scenarios and give at least one quantile")]
    Few {
        /// Scenarios asked for.
        count: usize,
        /// Quantiles given.
        quantiles: usize,
    },
}

/// The generator SplitMix64 of Steele, Lea and Flood (2014), OOPSLA: 64 bits of state, good enough to break ties and to pick.
#[derive(Debug, Clone)]
struct SplitMix(u64);

impl SplitMix {
    /// A stream of its own for every pair of places.
    fn at(seed: u64, a: usize, b: usize) -> Self {
        let mut mixed = Self(seed ^ (a as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03));
        mixed.0 = mixed.next() ^ (b as u64 + 1).wrapping_mul(0x8CB9_2BA7_2F3D_8DD7);
        Self(mixed.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Strictly between 0 and 1.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.unit() * bound as f64) as usize
    }
}

/// One series: today's forecast and the errors of earlier ones.
#[derive(Debug, Clone, Copy)]
pub struct Marginal<'a> {
    /// `[step][quantile]`, stored unit, rising along a step; a row with a NaN is a step without a forecast.
    pub rows: &'a [Vec<f64>],
    /// `[issue][step]`: truth − forecast, or any measure that ranks alike; NaN, or a row that ends early, where unknown. The same
    /// issues in the same order for every series, best issued at the same time of day as today's; empty without a past.
    pub errors: &'a [&'a [f64]],
    /// Least and largest possible value, stored unit.
    pub bounds: (f64, f64),
}

/// How many scenarios, and from which numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScenarioRequest {
    /// Number of scenarios; 200 give the 5 % tail to about ±1.5 points, 400 to ±1.
    pub count: usize,
    /// Same seed, same scenarios.
    pub seed: u64,
    /// Steps after which the error of a series without a past is half forgotten.
    pub half_life_steps: f64,
}

/// Draws scenarios step by step, so that a large fleet needs memory for one step only.
#[derive(Debug, Clone)]
pub struct Sampler<'a> {
    marginals: &'a [Marginal<'a>],
    seed: u64,
    steps: usize,
    /// `[series][scenario]`: an issue of the past, the same for all series that know it.
    templates: Vec<Vec<usize>>,
    /// `[series][scenario][step]` for series without a past.
    invented: Vec<Option<Vec<Vec<f64>>>>,
    /// Normal scores of the quantiles, and of the scenarios by rank.
    knots: Vec<f64>,
    ranks: Vec<f64>,
}

impl<'a> Sampler<'a> {
    /// Picks the templates. Quantiles are the same for all series, rising.
    ///
    /// # Errors
    /// [`ScenarioError`] for shapes that do not fit.
    pub fn new(marginals: &'a [Marginal<'a>], quantiles: &[Quantile], request: &ScenarioRequest) -> Result<Self, ScenarioError> {
        let count = request.count;
        if count < FEWEST || quantiles.is_empty() {
            return Err(ScenarioError::Few { count, quantiles: quantiles.len() });
        }
        for (series, marginal) in marginals.iter().enumerate() {
            let wrong = marginal.rows.iter().enumerate().find(|(_, row)| row.len() != quantiles.len());
            if let Some((step, row)) = wrong {
                return Err(ScenarioError::Row { series, step, values: row.len(), quantiles: quantiles.len() });
            }
        }
        let issues = marginals.iter().map(|m| m.errors.len()).max().unwrap_or(0);
        let odd = marginals.iter().position(|m| !m.errors.is_empty() && m.errors.len() != issues);
        if let Some(series) = odd {
            return Err(ScenarioError::Issues { series, issues: marginals[series].errors.len(), others: issues });
        }
        let steps = marginals.iter().map(|m| m.rows.len()).max().unwrap_or(0);
        let memory = 0.5_f64.powf(1.0 / request.half_life_steps.max(1e-3));
        let normal = Normal::standard();
        let known: Vec<Vec<usize>> = marginals.iter().map(|marginal| known_issues(marginal.errors)).collect();
        let common = pick(issues, count, request.seed);
        let templates = known.iter().enumerate().map(|(series, known)| stand_ins(&common, known, request.seed, series)).collect();
        let invented = marginals.iter().enumerate().map(|(series, marginal)| {
            let path = |scenario| wandering(request.seed, series, scenario, marginal.rows.len(), memory, &normal);
            (known[series].len() < LEAST).then(|| (0..count).map(path).collect())
        });
        let middle = |rank: usize| normal.inverse_cdf((rank as f64 + 0.5) / count as f64);
        Ok(Self {
            marginals,
            seed: request.seed,
            steps,
            templates,
            invented: invented.collect(),
            knots: quantiles.iter().map(|q| normal.inverse_cdf(q.value())).collect(),
            ranks: (0..count).map(middle).collect(),
        })
    }

    /// Steps of the longest series.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The values of a series at a step, one per scenario, stored unit: as a set, exactly the forecast's quantiles. NaN where the
    /// series has no forecast.
    pub fn draw(&self, series: usize, step: usize) -> Vec<f64> {
        let count = self.ranks.len();
        let marginal = &self.marginals[series];
        let Some(row) = marginal.rows.get(step).filter(|row| row.iter().all(|v| v.is_finite())) else {
            return vec![f64::NAN; count];
        };
        let mut random = SplitMix::at(self.seed, series, step);
        let mut order: Vec<(f64, u64, usize)> = (0..count)
            .map(|scenario| {
                let error = match &self.invented[series] {
                    Some(paths) => paths[scenario][step],
                    None => nearest_known(marginal.errors[self.templates[series][scenario]], step),
                };
                (error, random.next(), scenario)
            })
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut values = vec![0.0; count];
        for ((_, _, scenario), value) in order.into_iter().zip(ladder(row, &self.knots, &self.ranks, marginal.bounds)) {
            values[scenario] = value;
        }
        values
    }

    /// All steps of all series.
    pub fn scenarios(&self) -> Scenarios {
        let mut scenarios = Scenarios::empty(self.marginals.len(), self.steps, self.ranks.len());
        for series in 0..self.marginals.len() {
            for step in 0..self.steps {
                scenarios.at_mut(series, step).copy_from_slice(&self.draw(series, step));
            }
        }
        scenarios
    }
}

/// Which issue each scenario follows: every issue equally often, the rest by lot.
fn pick(issues: usize, count: usize, seed: u64) -> Vec<usize> {
    if issues == 0 {
        return vec![0; count];
    }
    let mut templates: Vec<usize> = (0..count / issues * issues).map(|at| at % issues).collect();
    let mut pool: Vec<usize> = (0..issues).collect();
    let mut random = SplitMix::at(seed, usize::MAX - 1, 0);
    for at in 0..count % issues {
        let other = at + random.below(issues - at);
        pool.swap(at, other);
        templates.push(pool[at]);
    }
    templates
}

/// Issues of which any error is known.
fn known_issues(errors: &[&[f64]]) -> Vec<usize> {
    (0..errors.len()).filter(|&issue| errors[issue].iter().any(|e| e.is_finite())).collect()
}

/// The common templates, those a series does not know replaced by others of its own: its steps still go together.
fn stand_ins(common: &[usize], known: &[usize], seed: u64, series: usize) -> Vec<usize> {
    let mut random = SplitMix::at(seed ^ 0x0BAD_5EED, series, 0);
    let mut own = |issue: &usize| match known.binary_search(issue) {
        Err(_) if !known.is_empty() => known[random.below(known.len())],
        _ => *issue,
    };
    common.iter().map(&mut own).collect()
}

/// The error at a step, or the nearest earlier one, or the nearest later one.
fn nearest_known(errors: &[f64], step: usize) -> f64 {
    let (before, after) = errors.split_at((step + 1).min(errors.len()));
    let known = |e: &&f64| e.is_finite();
    before.iter().rev().find(known).or_else(|| after.iter().find(known)).copied().unwrap_or(0.0)
}

/// Normal scores that forget by `memory` per step.
fn wandering(seed: u64, series: usize, scenario: usize, steps: usize, memory: f64, normal: &Normal) -> Vec<f64> {
    let mut random = SplitMix::at(seed ^ 0x5DEE_CE66, series, scenario);
    let mut score = normal.inverse_cdf(random.unit());
    let fresh = (1.0 - memory * memory).max(0.0).sqrt();
    let mut step = || {
        let next = memory * score + fresh * normal.inverse_cdf(random.unit());
        std::mem::replace(&mut score, next)
    };
    (0..steps).map(|_| step()).collect()
}

/// Values at rising normal scores: straight lines between quantiles over their normal scores, beyond the outermost two on in
/// their direction. A normal forecast is met exactly, whichever of its quantiles are given.
fn ladder(row: &[f64], knots: &[f64], scores: &[f64], bounds: (f64, f64)) -> Vec<f64> {
    let mut row = row.to_vec();
    row.sort_by(f64::total_cmp);
    let last = row.len() - 1;
    let slope = |i: usize, j: usize| if knots[j] > knots[i] { (row[j] - row[i]) / (knots[j] - knots[i]) } else { 0.0 };
    let mut after = 0;
    let value = |&score: &f64| {
        while after <= last && knots[after] < score {
            after += 1;
        }
        let (from, along) = match after {
            0 => (0, slope(0, 1.min(last))),
            a if a > last => (last, slope(last.saturating_sub(1), last)),
            a => (a - 1, slope(a - 1, a)),
        };
        (row[from] + along * (score - knots[from])).max(bounds.0).min(bounds.1)
    };
    scores.iter().map(value).collect()
}

/// Equally likely paths of some series.
///
/// # Shape
/// `[series][step][scenario]`; scenario `s` of one series belongs to scenario `s` of every other.
/// # Units
/// The stored unit of each series.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenarios {
    values: Vec<f64>,
    series: usize,
    steps: usize,
    count: usize,
}

impl Scenarios {
    /// Room for scenarios, all NaN.
    pub fn empty(series: usize, steps: usize, count: usize) -> Self {
        Self { values: vec![f64::NAN; series * steps * count], series, steps, count }
    }

    /// Number of series.
    pub fn series(&self) -> usize {
        self.series
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Number of scenarios.
    pub fn count(&self) -> usize {
        self.count
    }

    /// All scenarios of a series at a step.
    pub fn at(&self, series: usize, step: usize) -> &[f64] {
        let from = (series * self.steps + step) * self.count;
        &self.values[from..from + self.count]
    }

    /// The same, to be written.
    pub fn at_mut(&mut self, series: usize, step: usize) -> &mut [f64] {
        let from = (series * self.steps + step) * self.count;
        &mut self.values[from..from + self.count]
    }

    /// One scenario of a series, step by step.
    pub fn path(&self, series: usize, scenario: usize) -> Vec<f64> {
        (0..self.steps).map(|step| self.at(series, step)[scenario]).collect()
    }

    /// A quantile of a series at a step, as [`quantile_of`].
    pub fn quantile(&self, series: usize, step: usize, quantile: Quantile) -> f64 {
        let mut sorted = self.at(series, step).to_vec();
        sorted.sort_by(f64::total_cmp);
        quantile_of(&sorted, quantile)
    }

    /// Means over `factor` steps each: scenarios of ten minutes as scenarios of hours. A last incomplete group is left off.
    pub fn coarser(&self, factor: usize) -> Self {
        let factor = factor.max(1);
        let mut coarse = Self::empty(self.series, self.steps / factor, self.count);
        for series in 0..self.series {
            for step in 0..coarse.steps {
                for scenario in 0..self.count {
                    let sum: f64 = (0..factor).map(|k| self.at(series, step * factor + k)[scenario]).sum();
                    coarse.at_mut(series, step)[scenario] = sum / factor as f64;
                }
            }
        }
        coarse
    }
}

/// Quantile of sorted values, each of which stands for the middle of its share (Hazen 1914): what turns scenarios back into
/// the quantiles they were drawn from. NaN when there is none, or one of them is NaN.
pub fn quantile_of(sorted: &[f64], quantile: Quantile) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    if sorted.iter().any(|v| v.is_nan()) {
        return f64::NAN;
    }
    let place = (quantile.value() * sorted.len() as f64 - 0.5).clamp(0.0, last as f64);
    let below = place as usize;
    let share = place - below as f64;
    sorted[below] + share * (sorted[(below + 1).min(last)] - sorted[below])
}

#[cfg(test)]
mod tests;

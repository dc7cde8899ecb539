//! How surprising is the next value of any series, between 0 and 1, learnt as it goes.
//!
//! In: times and values in order, nothing else. Five statistics are looked at from both sides: the error of a quick
//! expectation; the mean error of a slow one over a short, a middle and a long while; the size of the errors over a short
//! and a middle while (too little of it is a flat line). Each side knows its own past (`tail`); the rarest one speaks.
//! After an event a rest follows, in which only greater news is news. Sources: Ahmad et al. (2017), Neurocomputing 262
//! (likelihood of recent errors against a long past, on a log scale); Lavin & Ahmad (2015) for what is asked of it.

use super::expect::Average;
use super::expect::Expectation;
use super::tail::Tail;
use super::tail::size;

/// Score from which a row is an event.
pub(super) const LINE: f64 = 0.5;
/// Decades of rarity at that score: one row in eight hundred per side and statistic that is looked at.
const DECADES: f64 = 2.9;
/// Decades from which a row starts a rest.
const NOTED: f64 = 2.0;
/// Within a rest a row is news when it is rarer by this many decades than all since it began.
const NEWS: f64 = 0.5;
/// What is left of the decades of a row that is no news.
const OLD: f64 = 0.5;
/// Rows of which nothing is said, for nothing is known.
const SILENT: usize = 12;
/// Errors beyond this many spreads teach the spread and the expectations no more than this.
const CLIP: f64 = 6.0;
/// Memory of the spread of the errors, rows.
const SPREAD: f64 = 600.0;
/// Statistics that are looked at.
const STATISTICS: usize = 6;
/// Decades that looking from so many sides costs.
const SIDES: f64 = 0.8;

/// What is said of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Surprise {
    /// 0 usual, [`LINE`] an event, 1 never seen anything like it; below the line while it is old news.
    pub(super) score: f64,
    /// What was expected, unit of the series; NaN on the first row.
    pub(super) expected: f64,
    /// True where an event begins.
    pub(super) event: bool,
}

/// The memory of one series.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    expectation: Expectation,
    spread: Average,
    slow_spread: Average,
    levels: [Average; 3],
    unrest: [Average; 2],
    tails: Vec<Tail>,
    rows: usize,
    rest: usize,
    resting: usize,
    peak: f64,
}

impl Stream {
    /// For rows about `spacing` seconds apart; after an event, `rest` rows of rest.
    pub(super) fn new(spacing: i64, rest: usize) -> Self {
        let per_day = 86_400.0 / spacing.max(1) as f64;
        let long = (per_day / 2.0).clamp(30.0, 150.0);
        Self {
            expectation: Expectation::new(spacing),
            spread: Average::new(SPREAD),
            slow_spread: Average::new(SPREAD),
            levels: [Average::new(4.0), Average::new(16.0), Average::new(long)],
            unrest: [Average::new(6.0), Average::new(30.0)],
            tails: vec![Tail::new(); 2 * STATISTICS],
            rows: 0,
            rest,
            resting: 0,
            peak: 0.0,
        }
    }

    /// Judges a value by what came before it, then learns from it.
    pub(super) fn next(&mut self, second: i64, value: f64) -> Surprise {
        let Some((quick, slow)) = self.expectation.expect(second) else {
            self.expectation.learn(second, value, f64::INFINITY);
            return Surprise { score: 0.0, expected: f64::NAN, event: false };
        };
        let floor = 1e-9 + 1e-6 * value.abs();
        let spread = self.spread.level.max(1e-3 * self.slow_spread.level).max(floor);
        let slow_spread = self.slow_spread.level.max(floor);
        let clip =
            |error: f64, spread: f64, rows: usize| if rows < SILENT { error } else { error.clamp(-CLIP * spread, CLIP * spread) };
        let (error, lasting) = (value - quick, value - slow);
        for level in &mut self.levels {
            level.learn(clip(lasting, slow_spread, self.rows));
        }
        for unrest in &mut self.unrest {
            unrest.learn(clip(error, spread, self.rows).abs());
        }
        let unrest = |average: &Average| 2.0 * ((average.level + 0.03 * spread) / (1.03 * spread)).ln();
        let statistics = [
            size(error / spread),
            size(self.levels[0].level / slow_spread),
            size(self.levels[1].level / slow_spread),
            size(self.levels[2].level / slow_spread),
            unrest(&self.unrest[0]),
            unrest(&self.unrest[1]),
        ];
        let mut rarest = 0.0_f64;
        for (statistic, sides) in statistics.iter().zip(self.tails.chunks_exact_mut(2)) {
            for (side, sign) in sides.iter_mut().zip([1.0, -1.0]) {
                let rarity = side.rarity(sign * statistic);
                rarest = rarest.max(rarity);
                if self.rows >= SILENT {
                    side.learn(sign * statistic);
                }
            }
        }
        self.expectation.learn(second, value, CLIP * spread.max(slow_spread));
        self.spread.learn(clip(error, spread, self.rows).abs());
        self.slow_spread.learn(clip(lasting, slow_spread, self.rows).abs());
        self.rows += 1;
        let (decades, news) = self.rested((rarest - SIDES).max(0.0));
        let score = decades / (decades + DECADES);
        Surprise { score, expected: quick, event: news && score >= LINE }
    }

    /// One event is one crossing, whatever the line: what follows is old news unless it is rarer.
    fn rested(&mut self, decades: f64) -> (f64, bool) {
        self.resting = self.resting.saturating_sub(1);
        if decades < NOTED {
            return (decades, false);
        }
        if self.resting > 0 && decades < self.peak + NEWS {
            return (OLD * NOTED, false);
        }
        self.peak = decades;
        self.resting = self.rest;
        (decades, true)
    }
}

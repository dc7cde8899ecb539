//! STL and MSTL in time linear in the length.
//!
//! In: a series without gaps. Out: trend and one season per period. The arithmetic is that of STL (Cleveland, Cleveland, McRae and
//! Terpenning 1990, not robust; trend degree 1, seasons degree 0) and MSTL (Bandara, Hyndman and Bergmeir 2021); all loess weights are worked out once per
//! shape, cycle-subseries of all places of a season are smoothed side by side, moving means are running sums.

use super::loess::{Degree, Loess, local_fit, window_around};

/// Passes over all seasons, as in the paper and in statsforecast.
const OUTER: usize = 2;
/// Passes of one STL, as in the paper for a fit that is not robust.
const INNER: usize = 2;

/// What a series is made of; the remainder is what these leave.
#[derive(Debug, Clone)]
pub struct Decomposition {
    seasons: Vec<Season>,
    trend_alone: Loess,
    /// The slow part.
    pub trend: Vec<f64>,
    /// `[season][step]`, in the order of the periods.
    pub seasonal: Vec<Vec<f64>>,
    rest: Vec<f64>,
    detrended: Vec<f64>,
    wide: Vec<f64>,
    narrow: Vec<f64>,
}

/// Shared weights of one season.
#[derive(Debug, Clone)]
struct Season {
    period: usize,
    /// Weights of cycle-subseries: of places that have one cycle more, and of the others.
    long: Cycles,
    short: Cycles,
    low: Loess,
    trend: Loess,
}

/// Smoothing of one cycle-subseries, with one place more at either end.
#[derive(Debug, Clone)]
struct Cycles {
    /// `[row]`: first cycle and weights.
    rows: Vec<(usize, Vec<f64>)>,
}

impl Cycles {
    fn new(cycles: usize, window: usize) -> Self {
        let row = |place: usize| {
            let (at, left, right) = match place {
                0 => (-1, 0, window.min(cycles) - 1),
                p if p > cycles => (cycles as i64, cycles.saturating_sub(window), cycles - 1),
                p => {
                    let (left, right) = window_around(cycles, window, p - 1);
                    (p as i64 - 1, left, right)
                }
            };
            (left, local_fit(cycles, window, Degree::Mean, at, (left, right)))
        };
        Self { rows: (0..cycles + 2).map(row).collect() }
    }

    /// Smooths places `[from, to)` of the season; `into` is one period longer at either end.
    fn smooth(&self, values: &[f64], period: usize, (from, to): (usize, usize), into: &mut [f64]) {
        for (row, (first, weights)) in self.rows.iter().enumerate() {
            let into = &mut into[row * period + from..row * period + to];
            into.fill(0.0);
            for (cycle, weight) in weights.iter().enumerate() {
                let at = (first + cycle) * period;
                for (sum, value) in into.iter_mut().zip(&values[at + from..at + to]) {
                    *sum += weight * value;
                }
            }
        }
    }
}

/// Means of `width` neighbours: `into` is `width - 1` shorter than `values`.
fn running_means(values: &[f64], width: usize, into: &mut Vec<f64>) {
    into.clear();
    let share = 1.0 / width as f64;
    let mut sum: f64 = values[..width].iter().sum();
    into.push(sum * share);
    for (new, old) in values[width..].iter().zip(values) {
        sum += new - old;
        into.push(sum * share);
    }
}

fn odd_above(value: f64) -> usize {
    let whole = value.ceil() as usize;
    whole + usize::from(whole.is_multiple_of(2))
}

impl Season {
    fn new(length: usize, period: usize, window: usize, jump: impl Fn(usize) -> usize) -> Self {
        let low = odd_above(period as f64 + 1.0);
        let trend = odd_above(1.5 * period as f64 / (1.0 - 1.5 / window as f64));
        let cycles = length / period;
        Self {
            period,
            long: Cycles::new(cycles + 1, window),
            short: Cycles::new(cycles, window),
            low: Loess::new(length, low, jump(low)),
            trend: Loess::new(length, trend, jump(trend)),
        }
    }
}

impl Decomposition {
    /// A plan for series of that length; `windows[i]` is the (odd) number of cycles a season's loess sees. A season needs two cycles.
    pub fn new(length: usize, seasons: &[usize], windows: &[usize]) -> Self {
        Self::with_jumps(length, seasons, windows, |window| window.div_ceil(10))
    }

    /// As [`Decomposition::new`], evaluating a loess of some window every `jump(window)` points.
    pub fn with_jumps(length: usize, seasons: &[usize], windows: &[usize], jump: impl Fn(usize) -> usize) -> Self {
        let longest = seasons.last().copied().unwrap_or(0);
        let alone = odd_above(0.2 * length as f64).max(3);
        Self {
            seasons: seasons.iter().zip(windows).map(|(&p, &w)| Season::new(length, p, w, &jump)).collect(),
            trend_alone: Loess::new(length, alone, jump(alone)),
            trend: vec![0.0; length],
            seasonal: vec![vec![0.0; length]; seasons.len()],
            rest: vec![0.0; length],
            detrended: vec![0.0; length],
            wide: Vec::with_capacity(length + 2 * longest),
            narrow: Vec::with_capacity(length + 2 * longest),
        }
    }

    /// Takes a series of the plan's length apart.
    pub fn fit(&mut self, values: &[f64]) {
        self.trend.fill(0.0);
        self.seasonal.iter_mut().for_each(|season| season.fill(0.0));
        if self.seasons.is_empty() {
            self.trend_alone.smooth(values, &mut self.trend);
            return;
        }
        self.rest.copy_from_slice(values);
        for _ in 0..OUTER {
            for i in 0..self.seasons.len() {
                for (rest, season) in self.rest.iter_mut().zip(&self.seasonal[i]) {
                    *rest += season;
                }
                self.stl(i);
                for (rest, season) in self.rest.iter_mut().zip(&self.seasonal[i]) {
                    *rest -= season;
                }
            }
        }
    }

    /// One STL of what the other seasons leave.
    fn stl(&mut self, which: usize) {
        let season = &self.seasons[which];
        let (n, p) = (self.rest.len(), season.period);
        let split = n % p;
        self.trend.fill(0.0);
        for _ in 0..INNER {
            for ((slot, value), trend) in self.detrended.iter_mut().zip(&self.rest).zip(&self.trend) {
                *slot = value - trend;
            }
            self.wide.resize(n + 2 * p, 0.0);
            season.long.smooth(&self.detrended, p, (0, split), &mut self.wide);
            season.short.smooth(&self.detrended, p, (split, p), &mut self.wide);
            let out = &mut self.seasonal[which];
            out.copy_from_slice(&self.wide[p..p + n]);
            running_means(&self.wide, p, &mut self.narrow);
            running_means(&self.narrow, p, &mut self.wide);
            running_means(&self.wide, 3, &mut self.narrow);
            season.low.smooth(&self.narrow, &mut self.detrended);
            for (season, low) in out.iter_mut().zip(&self.detrended) {
                *season -= low;
            }
            for ((slot, value), season) in self.detrended.iter_mut().zip(&self.rest).zip(out.iter()) {
                *slot = value - season;
            }
            season.trend.smooth(&self.detrended, &mut self.trend);
        }
    }

    /// Sum of squared weights of a season's last cycle: the share of one cycle's variance that its estimate keeps.
    pub(super) fn season_noise(&self, which: usize) -> f64 {
        let rows = &self.seasons[which].short.rows;
        rows[rows.len() - 2].1.iter().map(|w| w * w).sum()
    }

    /// Mean weight of a value in its own smoothed cycle: the share of the remainder a season swallows.
    pub(super) fn season_leverage(&self, which: usize) -> f64 {
        let rows = &self.seasons[which].short.rows;
        let own = |(row, (first, weights)): (usize, &(usize, Vec<f64>))| {
            weights.get((row - 1).wrapping_sub(*first)).copied().unwrap_or(0.0)
        };
        rows.iter().enumerate().skip(1).take(rows.len() - 2).map(own).sum::<f64>() / (rows.len() - 2) as f64
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let cycles = |c: &Cycles| c.rows.iter().map(|(_, w)| 8 * w.capacity() + size_of::<(usize, Vec<f64>)>()).sum::<usize>();
        let plans: usize = self.seasons.iter().map(|s| cycles(&s.long) + cycles(&s.short) + s.low.bytes() + s.trend.bytes()).sum();
        let numbers = [&self.trend, &self.rest, &self.detrended, &self.wide, &self.narrow];
        let seasonal: usize = self.seasonal.iter().map(Vec::capacity).sum();
        plans + self.trend_alone.bytes() + 8 * (seasonal + numbers.iter().map(|v| v.capacity()).sum::<usize>())
    }
}

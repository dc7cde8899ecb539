//! The calendar normal: what a series does at an hour of a kind of day in a season, and how far from it each value was.
//!
//! In: a series, its calendar. Out: [`Normal`]: the normal of any row as learnt before an edge, and the anomalies of the past,
//! each against the normal as it was known just before. One regression per time of day on weekday, season and holidays, newer
//! days weighing more, solved anew every week; Ramadan and the days around the Eids are ratios on top, see [`regimes`].
//! One pass over time: nothing here knows a later row.

mod regimes;

use super::{Calendar, DayKind, Moment, Series};
use regimes::Regimes;

/// Columns of the regression: one, seven weekdays, three harmonics of the year, weekend × season, holiday, the day after, bridge.
const COLUMNS: usize = 19;
/// Numbers of a packed lower triangle.
const PACKED: usize = COLUMNS * (COLUMNS + 1) / 2;
const SEASON: std::ops::Range<usize> = 8..16;
/// Days after which a day weighs half.
const HALF_LIFE_DAYS: f64 = 700.0;
/// Days between two solutions.
const SOLVE_DAYS: usize = 7;
/// Penalty of every coefficient but the mean, in days: noise of a day against what a weekday may differ, squared.
const PENALTY: f64 = 1.0;
/// More of it for the season while less than a year is known, for a season half seen does not go on as a wave.
const PENALTY_SEASON: f64 = 50.0;
/// Days after which the level by which regimes are judged has half forgotten.
const LEVEL_DAYS: f64 = 5.0;

/// In what an anomaly is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Shares of the normal: loads.
    Relative,
    /// The unit of the series: weather.
    Absolute,
}

#[derive(Debug, Clone)]
struct Epoch {
    /// First row that may use it.
    from: usize,
    /// `slots × COLUMNS`.
    coefficients: Vec<f64>,
    /// Mean size of the series until then.
    size: f64,
}

/// A normal along time; see the module.
#[derive(Debug)]
pub struct Normal {
    scale: Scale,
    slots: usize,
    epochs: Vec<Epoch>,
    regimes: Regimes,
    anomalies: Series,
}

impl Normal {
    /// Passes once over `series`, whose days have `slots` rows.
    pub fn fit(series: &Series, calendar: &Calendar, slots: usize, scale: Scale) -> Self {
        let mut normal =
            Self { scale, slots, epochs: Vec::new(), regimes: Regimes::new(slots), anomalies: Series::new(Vec::new()) };
        let mut sums = Sums::new(slots);
        let mut anomalies = Vec::with_capacity(series.len());
        let mut held: Option<(usize, [f64; COLUMNS])> = None;
        let (mut level, mut solved) = (1.0, None);
        let forget = 1.0 - 0.5_f64.powf(1.0 / (LEVEL_DAYS * slots as f64));
        for i in 0..series.len() {
            let value = series.get(i);
            if !value.is_finite() {
                anomalies.push(f64::NAN);
                continue;
            }
            let first = *solved.get_or_insert(i);
            if i >= first + SOLVE_DAYS * slots {
                solved = Some(i);
                normal.epochs.push(sums.solve(i));
            }
            let (moment, day) = (calendar.at(i), calendar.day_number(i));
            let design = match held {
                Some((known, design)) if known == day => design,
                _ => design(&moment),
            };
            held = Some((day, design));
            let slot = normal.slot(&moment);
            let mut ratio = 1.0;
            match normal.epochs.last() {
                Some(epoch) => {
                    let plain = epoch.value(&design, slot);
                    let usual = plain * normal.regimes.ratio(&moment, i, scale);
                    let unit = epoch.unit(usual, scale);
                    anomalies.push((value - usual) / unit);
                    if scale == Scale::Relative {
                        let special = moment.kind.eid() > 0.0;
                        normal.regimes.learn(&moment, i, value / (epoch.unit(plain, scale) * level));
                        ratio = normal.regimes.ratio(&moment, i + 1, scale);
                        if !special {
                            level += forget * ((value / unit).clamp(0.5, 2.0) - level);
                        }
                    }
                }
                None => anomalies.push(f64::NAN),
            }
            if moment.kind.eid() == 0.0 || scale == Scale::Absolute {
                sums.push(&design, slot, value / ratio, i as f64 / slots as f64);
            }
        }
        // What the last rows complete is known at the end, whether or not a row follows.
        if solved.is_some_and(|first| series.len() >= first + SOLVE_DAYS * slots) {
            normal.epochs.push(sums.solve(series.len()));
        }
        normal.anomalies = Series::new(anomalies);
        normal
    }

    /// The normal at a civil time by what was known before row `edge`; NaN while nothing was.
    pub fn value(&self, moment: &Moment, edge: usize) -> f64 {
        self.epoch(edge).map_or(f64::NAN, |epoch| {
            epoch.value(&design(moment), self.slot(moment)) * self.regimes.ratio(moment, edge, self.scale)
        })
    }

    /// The normal at that time of day and season without weekdays, holidays and fasts: the mean over a plain week.
    pub fn plain(&self, moment: &Moment, edge: usize) -> f64 {
        let bare = Moment { kind: DayKind::default(), before: DayKind::default(), clock_change: false, ..*moment };
        (0..7).map(|weekday| self.value(&Moment { weekday, ..bare }, edge)).sum::<f64>() / 7.0
    }

    /// What an anomaly of one is worth where the normal is `usual`.
    pub fn unit(&self, usual: f64, edge: usize) -> f64 {
        self.epoch(edge).map_or(f64::NAN, |epoch| epoch.unit(usual, self.scale))
    }

    /// How far the rows were from their normals, in units; NaN where not known.
    pub fn anomalies(&self) -> &Series {
        &self.anomalies
    }

    fn epoch(&self, edge: usize) -> Option<&Epoch> {
        self.epochs.partition_point(|epoch| epoch.from <= edge).checked_sub(1).map(|at| &self.epochs[at])
    }

    fn slot(&self, moment: &Moment) -> usize {
        (usize::from(moment.minute) * self.slots / 1440).min(self.slots - 1)
    }
}

impl Epoch {
    fn value(&self, design: &[f64; COLUMNS], slot: usize) -> f64 {
        let coefficients = &self.coefficients[slot * COLUMNS..(slot + 1) * COLUMNS];
        design.iter().zip(coefficients).map(|(x, c)| x * c).sum()
    }

    fn unit(&self, usual: f64, scale: Scale) -> f64 {
        match scale {
            Scale::Relative => usual.max(0.2 * self.size).max(1e-9),
            Scale::Absolute => 1.0,
        }
    }
}

/// Weekday, season and holidays of a day; the feast days of an Eid are like Sundays.
fn design(moment: &Moment) -> [f64; COLUMNS] {
    let mut row = [0.0; COLUMNS];
    let eid = f64::from(moment.kind.eid());
    row[0] = 1.0;
    row[1 + usize::from(moment.weekday)] += 1.0 - eid;
    row[7] += eid;
    for harmonic in 0..3 {
        let (sin, cos) = ((harmonic + 1) as f64 * moment.year_angle()).sin_cos();
        (row[8 + 2 * harmonic], row[9 + 2 * harmonic]) = (sin, cos);
    }
    let rest = if moment.is_weekend() { 1.0 } else { eid };
    (row[14], row[15]) = (rest * row[8], rest * row[9]);
    if !moment.is_weekend() {
        let holiday = f64::from(moment.kind.holiday - moment.kind.eid()).max(0.0);
        row[16] = holiday;
        row[17] = f64::from(moment.before.holiday - moment.before.eid()).max(0.0) * (1.0 - holiday) * (1.0 - eid);
        row[18] = f64::from(moment.kind.bridge);
    }
    row
}

/// Normal equations of every time of day.
struct Sums {
    products: Vec<f64>,
    right: Vec<f64>,
    seen: Vec<f64>,
    size: (f64, f64),
    first: Option<f64>,
    weight: f64,
    day: f64,
}

impl Sums {
    fn new(slots: usize) -> Self {
        let (products, right) = (vec![0.0; slots * PACKED], vec![0.0; slots * COLUMNS]);
        Self { products, right, seen: vec![0.0; slots], size: (0.0, 0.0), first: None, weight: 1.0, day: 0.0 }
    }

    fn push(&mut self, design: &[f64; COLUMNS], slot: usize, value: f64, day: f64) {
        let first = *self.first.get_or_insert(day);
        self.day = day - first;
        // Newer rows weigh more instead of older ones less: two to the thousandth is still a number.
        self.weight = ((day - first) / HALF_LIFE_DAYS).min(1000.0).exp2();
        let w = self.weight;
        let products = &mut self.products[slot * PACKED..(slot + 1) * PACKED];
        let right = &mut self.right[slot * COLUMNS..(slot + 1) * COLUMNS];
        let mut at = 0;
        for a in 0..COLUMNS {
            let wx = w * design[a];
            if wx != 0.0 {
                right[a] += wx * value;
                for (cell, other) in products[at..=at + a].iter_mut().zip(design) {
                    *cell += wx * other;
                }
            }
            at += a + 1;
        }
        self.seen[slot] += w;
        self.size = (self.size.0 + w * value.abs(), self.size.1 + w);
    }

    fn solve(&self, from: usize) -> Epoch {
        let slots = self.seen.len();
        let size = self.size.0 / self.size.1.max(f64::MIN_POSITIVE);
        let young = (1.0 - self.day / 365.0).max(0.0);
        let mut coefficients = vec![0.0; slots * COLUMNS];
        for slot in 0..slots {
            let mut lower: [f64; PACKED] = [0.0; PACKED];
            lower.copy_from_slice(&self.products[slot * PACKED..(slot + 1) * PACKED]);
            let mut at = 0;
            for a in 0..COLUMNS {
                let season = if SEASON.contains(&a) { PENALTY_SEASON * young } else { 0.0 };
                lower[at + a] += self.weight * if a == 0 { 1e-6 } else { PENALTY + season };
                at += a + 1;
            }
            let out = &mut coefficients[slot * COLUMNS..(slot + 1) * COLUMNS];
            out.copy_from_slice(&self.right[slot * COLUMNS..(slot + 1) * COLUMNS]);
            cholesky(&mut lower, out);
            if self.seen[slot] == 0.0 {
                out[0] = f64::NAN;
            }
        }
        Epoch { from, coefficients, size }
    }
}

/// Solves a symmetric positive definite system in place, given its packed lower triangle.
fn cholesky(lower: &mut [f64; PACKED], right: &mut [f64]) {
    let start = |row: usize| row * (row + 1) / 2;
    for i in 0..COLUMNS {
        for j in 0..=i {
            let (a, b) = (start(i), start(j));
            let dot: f64 = (0..j).map(|k| lower[a + k] * lower[b + k]).sum();
            let rest = lower[a + j] - dot;
            lower[a + j] = if i == j { rest.max(1e-12).sqrt() } else { rest / lower[b + j] };
        }
    }
    for i in 0..COLUMNS {
        let dot: f64 = (0..i).map(|k| lower[start(i) + k] * right[k]).sum();
        right[i] = (right[i] - dot) / lower[start(i) + i];
    }
    for i in (0..COLUMNS).rev() {
        let dot: f64 = (i + 1..COLUMNS).map(|k| lower[start(k) + i] * right[k]).sum();
        right[i] = (right[i] - dot) / lower[start(i) + i];
    }
}

#[cfg(test)]
mod tests;

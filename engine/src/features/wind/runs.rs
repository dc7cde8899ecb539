//! What the weather runs say about the wind around a step: the newest, all of them together, and how they differ.
//!
//! In: a view, the columns of the wind, leads. Out: features of one step, NaN where no known run speaks of it. Every valid time
//! is looked up once per origin.

use super::{WindColumns, hinges};
use crate::features::{Runs, View};

/// Hours either side of a step that are looked at.
const AROUND: i64 = 3;
/// Hours before the origin over which runs are held against what was measured.
const BEHIND: i64 = 6;
/// A run this many hours older weighs half in the average of all.
const AGE_HALF_LIFE: f64 = 18.0;

/// Wind at one valid time.
#[derive(Debug, Clone, Copy)]
struct Wind {
    /// Newest run (the mean of each source's), m/s towards east and north.
    newest: (f64, f64),
    /// All runs together.
    mean: (f64, f64),
    /// Mean speed of all runs.
    speed: f64,
    /// Speed of the oldest run that is at most a day and a half older than the newest.
    older: f64,
    /// Standard deviation of the runs' speeds.
    spread: f64,
}

/// Winds around one origin, found as asked for.
#[derive(Debug)]
pub(super) struct WindRuns<'a> {
    view: &'a View<'a>,
    columns: WindColumns,
    first: i64,
    found: Vec<Option<Option<Wind>>>,
    behind: Option<(f64, f64)>,
}

fn summary(runs: Runs<'_>, columns: WindColumns) -> Option<[f64; 7]> {
    let (mut newest, mut oldest): (Option<(f64, f64, f64)>, f64) = (None, 0.0);
    let (mut weight, mut sums, mut squares) = (0.0, [0.0; 3], 0.0);
    for (age, values) in runs {
        let (u, v) = columns.components(values);
        let speed = u.hypot(v);
        if !speed.is_finite() {
            continue;
        }
        let (_, _, youngest) = *newest.get_or_insert((u, v, age));
        if age - youngest > 36.0 {
            break;
        }
        let w = 0.5_f64.powf((age - youngest) / AGE_HALF_LIFE);
        weight += w;
        sums = [sums[0] + w * u, sums[1] + w * v, sums[2] + w * speed];
        squares += w * speed * speed;
        oldest = speed;
    }
    let (u, v, _) = newest?;
    let [mean_u, mean_v, mean] = sums.map(|sum| sum / weight);
    Some([u, v, mean_u, mean_v, mean, oldest, (squares / weight - mean * mean).max(0.0).sqrt()])
}

/// The mean over the sources; their spread is that within each and between their mean speeds (law of total variance). One source is
/// left as it is.
fn together(mut said: impl Iterator<Item = [f64; 7]>) -> Option<[f64; 7]> {
    let first = said.next()?;
    let others: Vec<[f64; 7]> = said.collect();
    if others.is_empty() {
        return Some(first);
    }
    let count = (others.len() + 1) as f64;
    let all = || std::iter::once(&first).chain(&others);
    let mut mean: [f64; 7] = std::array::from_fn(|i| all().map(|one| one[i]).sum::<f64>() / count);
    mean[6] = (all().map(|one| one[6].powi(2) + (one[4] - mean[4]).powi(2)).sum::<f64>() / count).sqrt();
    Some(mean)
}

impl<'a> WindRuns<'a> {
    pub(super) fn new(view: &'a View<'a>, columns: WindColumns, leads: &[usize]) -> Self {
        let hour = view.context.hour as i64;
        let (low, high) = (leads.iter().min().copied().unwrap_or(0) as i64, leads.iter().max().copied().unwrap_or(0) as i64);
        let first = low - AROUND * hour;
        let count = usize::try_from(high + AROUND * hour - first + 1).unwrap_or(0);
        let mut runs = Self { view, columns, first, found: vec![None; count], behind: None };
        runs.behind = runs.behind();
        runs
    }

    fn look(&self, step: i64) -> Option<Wind> {
        let context = self.view.context;
        let valid = context.micros(self.view.origin) + step * (context.micros(1) - context.micros(0));
        let columns = self.columns;
        let found = context.weather.runs(valid, context.micros(self.view.origin), |runs| summary(runs, columns));
        let [u, v, mean_u, mean_v, speed, older, spread] = together(found)?;
        Some(Wind { newest: (u, v), mean: (mean_u, mean_v), speed, older, spread })
    }

    fn at(&mut self, step: i64) -> Option<Wind> {
        let place = usize::try_from(step - self.first).ok().filter(|place| *place < self.found.len());
        let Some(place) = place else { return self.look(step) };
        if let Some(known) = self.found[place] {
            return known;
        }
        let wind = self.look(step);
        self.found[place] = Some(wind);
        wind
    }

    /// Forecast speed in the last hour, and over the last [`BEHIND`] hours.
    fn behind(&self) -> Option<(f64, f64)> {
        let hour = self.view.context.hour as i64;
        let speeds: Vec<f64> = (1..=BEHIND).filter_map(|h| self.look(-h * hour)).map(|wind| wind.speed).collect();
        let now = *speeds.first()?;
        Some((now, speeds.iter().sum::<f64>() / speeds.len() as f64))
    }

    /// Features of the step `k`; `last` is the last power over capacity, the pair the sine and cosine of the time of day.
    pub(super) fn features(&mut self, k: usize, last: f64, (day_sin, day_cos): (f64, f64)) -> Vec<f64> {
        let hour = self.view.context.hour as i64;
        let step = k as i64;
        let Some(wind) = self.at(step) else { return vec![f64::NAN; WIDTH] };
        let speed = wind.newest.0.hypot(wind.newest.1);
        let mut around = [(speed, wind.speed, wind.mean); 7];
        for (h, slot) in (-AROUND..=AROUND).zip(&mut around) {
            if let Some(wind) = self.at(step + h * hour) {
                *slot = (wind.newest.0.hypot(wind.newest.1), wind.speed, wind.mean);
            }
        }
        let near = around[1..6].iter().map(|w| w.0).sum::<f64>() / 5.0;
        let wide = around.iter().map(|w| w.0).sum::<f64>() / 7.0;
        let all = around[1..6].iter().map(|w| w.1).sum::<f64>() / 5.0;
        let all_wide = around.iter().map(|w| w.1).sum::<f64>() / 7.0;
        let (u, v) = around[2..5].iter().fold((0.0, 0.0), |sum, w| (sum.0 + w.2.0 / 3.0, sum.1 + w.2.1 / 3.0));
        let mut row = Vec::with_capacity(WIDTH);
        hinges(speed, &[4.0, 7.0, 10.0], &mut row);
        hinges(near, &[2.0, 4.0, 5.5, 7.0, 9.0, 11.0, 14.0], &mut row);
        hinges(all, &[2.0, 3.0, 4.0, 5.5, 7.0, 9.0, 11.0, 14.0], &mut row);
        hinges(wide, &[4.0, 7.0, 10.0], &mut row);
        hinges(all_wide, &[4.0, 7.0, 10.0], &mut row);
        hinges(wind.older, &[4.0, 7.0, 10.0], &mut row);
        for place in [0, 2, 4, 6] {
            hinges(around[place].1, &[6.0], &mut row);
        }
        row.extend([(around[4].0 - around[2].0) / 10.0, (around[6].1 - around[0].1) / 10.0]);
        row.extend([wind.spread / 10.0, wind.spread * (all - 6.0) / 100.0]);
        let angle = v.atan2(u);
        for harmonic in 1..=4 {
            let (sin, cos) = (f64::from(harmonic) * angle).sin_cos();
            let (low, high) = ((all - 3.0).max(0.0) / 10.0, (all - 6.0).max(0.0) / 10.0);
            row.extend([sin, cos, sin * all / 10.0, cos * all / 10.0]);
            row.extend([sin * low, cos * low, sin * high, cos * high]);
        }
        row.extend([day_sin * all / 10.0, day_cos * all / 10.0, u / 10.0, v / 10.0]);
        let hours = k as f64 / hour as f64;
        let (fade, slow) = ((-hours / 4.0).exp(), (-hours / 12.0).exp());
        let (now, lately) = self.behind.unwrap_or((all, all));
        let (mut then, mut before) = (Vec::new(), Vec::new());
        hinges(now, &[4.0, 7.0, 10.0], &mut then);
        hinges(lately, &[4.0, 7.0, 10.0], &mut before);
        row.extend(then.iter().map(|value| value * fade));
        row.extend(then.iter().chain(&before).map(|value| value * slow));
        row.extend([last * fade * all / 10.0, last * slow * all / 10.0]);
        row.resize(WIDTH, 0.0);
        row
    }
}

/// Features of one step.
const WIDTH: usize = 95;

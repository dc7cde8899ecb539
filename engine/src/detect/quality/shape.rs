//! The days on which a load's daily shape runs early or late against its own weeks before: a meter's clock.
//!
//! In: a load, NaN = missing. Out: stretches of days that fit their usual shape only when moved by half an hour or an hour. Days are
//! those of the asset's zone, because people live by it: a change to summer time moves no load by the local clock, and one that
//! follows the sun moves by nothing else; neither is a fault. A feast changes the shape, a clock does not: the moved day must fit as
//! well as usual days do. Days are weighed by how much likelier they are moved than not, and added up (Page 1954, Biometrika 41):
//! the stretch begins where the sum last left zero and ends where it is greatest. Causal: a day is compared with days before.

use super::days::Days;
use super::usual::Usual;
use crate::domain::Frame;
use crate::domain::time_zone;

/// Log likelihood from which a stretch is a clock, what one day may add to it, and what each day must bring to count.
const SURE: f64 = 20.0;
const OF_A_DAY: f64 = 5.0;
const TOLL: f64 = 1.0;
/// A stretch is over when the sum has fallen by this much.
const OVER: f64 = 10.0;
/// A day that is likelier moved by this much is not learnt from.
const SUSPECT: f64 = 1.5;
/// Days after which the new clock is the clock.
const ACCEPTED: usize = 30;
/// Moved days are not farther from usual than this many times what usual days are.
const AS_USUAL: f64 = 5.0;
/// … nor than this share of what they are as they came.
const BETTER: f64 = 0.5;
/// Moves tried, minutes.
const MOVES: [i64; 6] = [-30, 30, -60, 60, -120, 120];

/// Days likelier moved by one and the same than not.
#[derive(Debug, Clone, Default)]
struct Stretch {
    sum: f64,
    greatest: f64,
    first: usize,
    last: usize,
    /// Squared distances of the days moved and as they are, over what is usual, up to `last` and of all; and how many days these are.
    far: [(f64, f64); 2],
    days: (usize, usize),
}

impl Stretch {
    /// One more day: how much likelier it is moved, and how far it is from usual moved and as it is, 1 = as usual days are.
    fn add(&mut self, day: usize, likelier: f64, far: (f64, f64)) {
        if self.sum <= 0.0 {
            *self = Self { first: day, last: day, ..Self::default() };
        }
        self.sum += likelier;
        self.far[1] = (self.far[1].0 + far.0, self.far[1].1 + far.1);
        self.days.1 += 1;
        if self.sum > self.greatest {
            (self.greatest, self.last, self.far[0], self.days.0) = (self.sum, day, self.far[1], self.days.1);
        }
    }

    fn is_open(&self) -> bool {
        self.sum > 0.0
    }

    fn is_over(&self) -> bool {
        self.sum <= 0.0 || self.sum < self.greatest - OVER
    }

    fn is_clock(&self) -> bool {
        let (moved, as_it_is) = self.far[0];
        self.greatest >= SURE && moved <= AS_USUAL * self.days.0 as f64 && moved <= BETTER * as_it_is
    }
}

/// Stretches `[first, last]` of rows whose clock is off.
pub(super) fn shape_shifts(frame: &Frame, values: &[f64]) -> Vec<(usize, usize)> {
    let step = frame.resolution.seconds();
    let Some(days) = Days::new(frame, 0).filter(|days| days.rows >= 24) else { return Vec::new() };
    let Ok(zone) = time_zone(&frame.asset.timezone) else { return Vec::new() };
    // Half hours are enough to see half an hour.
    let fold = if 1800 % step == 0 { (1800 / step) as usize } else { 1 };
    let moves: Vec<isize> = MOVES.iter().map(|m| m * 60).filter(|s| s % step == 0).map(|s| (s / step) as isize).collect();
    let mut stretches = vec![Stretch::default(); moves.len()];
    let (mut usual, mut found) = (Usual::default(), Vec::new());
    for day in 1..days.count.saturating_sub(1) {
        let offset = (i64::from(zone.to_offset(frame.time(days.of(day).start)).seconds()) / step) as isize;
        let from = days.of(day).start as isize - offset;
        let kind = match (days.epoch + day as i64).rem_euclid(7) {
            2 => 1,
            3 => 2,
            _ => 0,
        };
        let at = |moved: isize| normal(values, from + moved, days.rows, fold);
        let Some(own) = at(0) else { continue };
        let Some(shape) = usual.shape(kind) else {
            usual.learn(kind, own, None, offset);
            continue;
        };
        // By the local clock, or by the sun: what the zone's clock was moved by since the usual days.
        let by_sun = usual.clocks(kind).into_iter().filter(|then| *then != offset).filter_map(|then| at(offset - then));
        let as_it_is = by_sun.chain([own.clone()]).map(|day| (usual.distance(&day, &shape), day));
        let Some((as_it_is, nearest)) = as_it_is.min_by(|a, b| a.0.total_cmp(&b.0)) else { continue };
        let mut likeliest = 0.0_f64;
        if let Some(left) = usual.left().filter(|left| *left > 0.0) {
            let unit = shape.len() as f64 / left;
            for (&by, stretch) in moves.iter().zip(&mut stretches) {
                let Some(moved) = at(by).map(|day| usual.distance(&day, &shape)) else { continue };
                let likelier = (0.5 * unit * (as_it_is - moved) - TOLL).clamp(-OF_A_DAY, OF_A_DAY);
                stretch.add(day, likelier, (moved / left, as_it_is / left));
                likeliest = likeliest.max(likelier);
            }
        }
        if let Some(best) =
            stretches.iter().max_by(|a, b| a.greatest.total_cmp(&b.greatest)).filter(|best| best.is_open() || best.is_clock())
        {
            let accepted = best.is_clock() && day - best.first >= ACCEPTED;
            if best.is_over() || accepted {
                if best.is_clock() {
                    found.push((best.first, best.last));
                }
                if accepted {
                    usual.anew();
                }
                stretches.fill(Stretch::default());
            }
        }
        if likeliest < SUSPECT {
            let rest = nearest.iter().zip(&shape).map(|(a, b)| a - b).collect();
            usual.learn(kind, own, Some(rest), offset);
        }
    }
    let best = stretches.iter().max_by(|a, b| a.greatest.total_cmp(&b.greatest));
    found.extend(best.filter(|best| best.is_clock()).map(|best| (best.first, best.last)));
    found.into_iter().map(|(first, last)| (days.of(first).start, days.of(last).end - 1)).collect()
}

/// One day, `fold` rows to a value, less its mean, over its spread; `None` where a row is missing or the day is flat.
fn normal(values: &[f64], from: isize, rows: usize, fold: usize) -> Option<Vec<f64>> {
    let from = usize::try_from(from).ok()?;
    let day: Vec<f64> = values.get(from..from + rows)?.chunks(fold).map(|c| c.iter().sum::<f64>() / c.len() as f64).collect();
    let mean = day.iter().sum::<f64>() / day.len() as f64;
    let spread = (day.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / day.len() as f64).sqrt();
    (mean.is_finite() && spread > 1e-9 * mean.abs()).then(|| day.iter().map(|v| (v - mean) / spread).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::frame;
    use super::shape_shifts;

    /// A town's load, by local time of New York, with some noise; moved by `late` rows of half an hour from day 60 to day 75.
    fn town(late: usize) -> Vec<f64> {
        let hour = |row: usize| (row % 48) as f64 / 2.0;
        let load = |row: usize| {
            let peak = |at: f64, wide: f64| (-(hour(row) - at).powi(2) / wide).exp();
            let weekend = if (row / 48) % 7 >= 5 { 0.6 } else { 1.0 };
            100.0 + 40.0 * weekend * peak(8.0, 4.0) + 60.0 * peak(19.0, 6.0) + (row * row % 11) as f64 * 0.3
        };
        (0..90 * 48).map(|row| load(if (60 * 48..75 * 48).contains(&row) { row - late } else { row })).collect()
    }

    #[test]
    fn a_meter_an_hour_late_is_found_and_a_good_one_is_not() {
        for late in [1, 2] {
            let values = town(late);
            let found = shape_shifts(&frame(&values, "PT30M", "2023-05-01T00:00:00Z"), &values);
            let days: Vec<(usize, usize)> = found.iter().map(|(a, b)| (a / 48, b / 48)).collect();
            assert!(days.len() == 1 && days[0].0.abs_diff(60) <= 1 && days[0].1.abs_diff(74) <= 1, "{late}: {days:?}");
        }
        let values = town(0);
        assert!(shape_shifts(&frame(&values, "PT30M", "2023-05-01T00:00:00Z"), &values).is_empty());
    }

    #[test]
    fn summer_time_moves_nobody_who_lives_by_it() {
        let values = town(0);
        let start = "2023-01-30T05:00:00Z";
        let mut zoned = frame(&values, "PT30M", start);
        zoned.asset.timezone = "America/New_York".into();
        // On 12 March 2023 the clocks there went forward: in UTC life is an hour earlier from then on.
        let zone = crate::domain::time_zone("America/New_York").unwrap();
        let local = |row: usize| {
            let seconds = zone.to_offset(zoned.time(row)).seconds();
            (row as i64 + i64::from(seconds) / 1800 + 10) as usize % values.len()
        };
        let moved: Vec<f64> = (0..values.len()).map(|row| values[local(row)]).collect();
        assert!(shape_shifts(&zoned, &moved).is_empty());
    }
}

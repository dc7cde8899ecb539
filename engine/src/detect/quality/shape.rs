//! The days on which a load's daily shape runs early or late against its own weeks before: a meter's clock.
//!
//! In: a load, NaN = missing. Out: stretches of days that fit their usual shape only when moved by half an hour or an hour. Days are
//! those of the asset's zone, because people live by it: a change to summer time moves no load by the local clock, and one that
//! follows the sun moves by nothing else; neither is a fault. A feast changes the shape, a clock does not: the moved day must fit as
//! well as usual days do. Causal: a day is compared with days before.

use super::super::regression::median;
use super::days::Days;
use crate::domain::Frame;
use crate::domain::time_zone;
use std::collections::VecDeque;

/// Usual days of a kind that make the shape, and the fewest.
const USUAL: usize = 6;
const LEAST: usize = 4;
/// Days off in a row, by the same, until it is a clock.
const LASTING: usize = 5;
/// Days after which the new clock is the clock.
const ACCEPTED: usize = 30;
/// The moved day must leave less than this share of the squared error of the day as it is …
const BETTER: f64 = 0.2;
/// … and not more than this many times what usual days leave.
const AS_USUAL: f64 = 3.0;
/// Moves tried, minutes.
const MOVES: [i64; 6] = [-30, 30, -60, 60, -120, 120];

/// Stretches `[first, last]` of rows whose clock is off.
pub(super) fn shape_shifts(frame: &Frame, values: &[f64]) -> Vec<(usize, usize)> {
    let step = frame.resolution.seconds();
    let Some(days) = Days::new(frame, 0).filter(|days| days.rows >= 24) else { return Vec::new() };
    let Ok(zone) = time_zone(&frame.asset.timezone) else { return Vec::new() };
    let moves: Vec<isize> = MOVES.iter().map(|m| m * 60).filter(|s| s % step == 0).map(|s| (s / step) as isize).collect();
    let mut past: [VecDeque<(Vec<f64>, isize)>; 3] = Default::default();
    let mut left: VecDeque<f64> = VecDeque::new();
    let (mut run, mut found) = (Vec::<(usize, isize)>::new(), Vec::new());
    for day in 1..days.count.saturating_sub(1) {
        let offset = (i64::from(zone.to_offset(frame.time(days.of(day).start)).seconds()) / step) as isize;
        let from = days.of(day).start as isize - offset;
        let kind = match (days.epoch + day as i64).rem_euclid(7) {
            2 => 1,
            3 => 2,
            _ => 0,
        };
        let at = |moved: isize| normal(values, from + moved, days.rows);
        let Some(own) = at(0) else { continue };
        let shape = (past[kind].len() >= LEAST).then(|| middle(&past[kind]));
        let moved = shape.as_ref().and_then(|shape| {
            // By the sun: what the zone's clock was moved by since the usual days.
            let by_sun = past[kind].iter().filter_map(|(_, then)| Some(distance(&at(offset - then)?, shape)));
            let as_it_is = by_sun.fold(distance(&own, shape), f64::min);
            let usual = median(left.iter().copied().collect());
            let tries = moves.iter().filter_map(|&m| Some((distance(&at(m)?, shape), m)));
            let best = tries.min_by(|a, b| a.0.total_cmp(&b.0))?;
            let fits = left.len() >= 2 * LEAST && best.0 < BETTER * as_it_is && best.0 <= AS_USUAL * usual;
            Some(if fits { best.1 } else { 0 })
        });
        if let Some(by) = moved.filter(|by| *by != 0) {
            if run.last().is_some_and(|last| last.1 != by) {
                close(&mut run, &mut found);
            }
            run.push((day, by));
            if run.len() < ACCEPTED {
                continue;
            }
            past = Default::default();
        }
        close(&mut run, &mut found);
        if let Some(shape) = shape {
            push(&mut left, distance(&own, &shape), 4 * USUAL);
        }
        push(&mut past[kind], (own, offset), USUAL);
    }
    close(&mut run, &mut found);
    found.into_iter().map(|(first, last)| (days.of(first).start, days.of(last).end - 1)).collect()
}

fn close(run: &mut Vec<(usize, isize)>, found: &mut Vec<(usize, usize)>) {
    if let (Some(first), Some(last)) = (run.first(), run.last())
        && run.len() >= LASTING
    {
        found.push((first.0, last.0));
    }
    run.clear();
}

fn push<T>(queue: &mut VecDeque<T>, value: T, most: usize) {
    queue.push_back(value);
    if queue.len() > most {
        queue.pop_front();
    }
}

/// One day less its mean, over its spread; `None` where a row is missing or the day is flat.
fn normal(values: &[f64], from: isize, rows: usize) -> Option<Vec<f64>> {
    let from = usize::try_from(from).ok()?;
    let day = values.get(from..from + rows)?;
    let mean = day.iter().sum::<f64>() / rows as f64;
    let spread = (day.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / rows as f64).sqrt();
    (mean.is_finite() && spread > 1e-9 * mean.abs()).then(|| day.iter().map(|v| (v - mean) / spread).collect())
}

fn middle(days: &VecDeque<(Vec<f64>, isize)>) -> Vec<f64> {
    let rows = days.front().map_or(0, |(day, _)| day.len());
    (0..rows).map(|row| days.iter().map(|(day, _)| day[row]).sum::<f64>() / days.len() as f64).collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / a.len() as f64
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

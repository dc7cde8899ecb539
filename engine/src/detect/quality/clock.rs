//! The days on which a solar series runs early or late: a logger's clock, a daylight-saving time that nobody asked for.
//!
//! In: power or irradiance, NaN = missing. Out: stretches of days whose middle lies half an hour or more off the series' own. The
//! middle between first and last light needs no place and no clear sky: with the equation of time (Spencer 1971) it is the same
//! all year. An outage changes the length of the day, a clock does not. Causal in its baseline: a day is compared with days before.

use super::super::regression::median;
use super::days::Days;
use crate::domain::Frame;
use crate::domain::solar::day_of_year;
use std::collections::VecDeque;

/// Days the baseline is the median of, and the fewest.
const BASE_DAYS: usize = 30;
const LEAST_BASE: usize = 10;
/// Days off in a row, by the same, until it is a clock: for rows of minutes, and so many more for rows of an hour.
const LASTING: usize = 3;
const LASTING_OF_HOURS: f64 = 4.0;
/// Days after which the new clock is the clock.
const ACCEPTED: usize = 30;
/// Clocks are wrong by multiples of this, minutes (of a row where rows are longer); up to this many of them.
const STEP: f64 = 30.0;
const MOST_STEPS: f64 = 6.0;
/// Minutes by which days may grow longer or shorter, a day.
const SEASON: f64 = 2.5;
/// Light begins at this share of the series' top; in long rows, of which the first is but partly lit, at this one.
const LIGHT: f64 = 0.01;
const LIGHT_OF_HOURS: f64 = 0.05;

/// What one day says: minutes from midnight UTC to the middle of the light, as the mean sun would have it, and minutes of light.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Middle {
    day: usize,
    at: f64,
    length: f64,
}

/// Stretches `[first, last]` of rows whose clock is off.
pub(super) fn clock_shifts(frame: &Frame, values: &[f64]) -> Vec<(usize, usize)> {
    let minutes = frame.resolution.seconds() as f64 / 60.0;
    let Some(days) = night_to_night(frame, values).filter(|days| minutes <= 60.0 && days.count >= LEAST_BASE + LASTING) else {
        return Vec::new();
    };
    let mut lit: Vec<f64> = values.iter().copied().filter(|v| v.is_finite() && *v > 0.0).collect();
    if lit.is_empty() {
        return Vec::new();
    }
    let top = (lit.len() - 1) * 99 / 100;
    let share = if minutes <= 15.0 { LIGHT } else { LIGHT_OF_HOURS };
    let light = share * *lit.select_nth_unstable_by(top, f64::total_cmp).1;
    let middles = (0..days.count).filter_map(|day| middle(frame, values, &days, day, light, minutes)).collect::<Vec<_>>();
    shifted(&middles, minutes).into_iter().map(|(first, last)| (days.of(first).start, days.of(last).end - 1)).collect()
}

/// Days from the darkest hour to the next: midnight of the place, without knowing the place.
fn night_to_night(frame: &Frame, values: &[f64]) -> Option<Days> {
    let hour = |row: usize| (frame.time(row).as_second().rem_euclid(86_400) / 3600) as usize;
    let mut sums = [0.0; 24];
    for (row, value) in values.iter().enumerate().filter(|(_, v)| v.is_finite()) {
        sums[hour(row)] += value.max(0.0);
    }
    let around = |h: usize| (0..9).map(|k| sums[(h + 20 + k) % 24]).sum::<f64>();
    let dark = (0..24).min_by(|&a, &b| around(a).total_cmp(&around(b)))?;
    Days::new(frame, dark as i64 * 3600)
}

fn middle(frame: &Frame, values: &[f64], days: &Days, day: usize, light: f64, minutes: f64) -> Option<Middle> {
    let rows = days.of(day);
    let present = values[rows.clone()].iter().filter(|v| v.is_finite()).count();
    // Some loggers are silent at night, so that half a day of rows may be all there is.
    if 3 * present < days.rows {
        return None;
    }
    let first = rows.clone().find(|&row| values[row] > light)?;
    let last = rows.clone().rev().find(|&row| values[row] > light)?;
    let whole = (first..=last).filter(|&row| values[row].is_finite()).count();
    let edges = first > rows.start && last + 1 < rows.end;
    // Between two rows the light passes the line somewhere.
    let part = |inside: usize, outside: usize| {
        let (high, low) = (values[inside], values[outside]);
        if low.is_finite() { ((high - light) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    };
    if !edges {
        return None;
    }
    let (rise, set) = (first as f64 - part(first, first - 1), last as f64 + part(last, last + 1));
    let length = (set - rise) * minutes;
    (whole * 10 >= (last - first + 1) * 9 && length >= 240.0).then(|| {
        let noon = f64::midpoint(rise + 0.5, set + 0.5) * minutes;
        let start = (frame.start.as_second().rem_euclid(86_400)) as f64 / 60.0;
        let day_start = start + rows.start as f64 * minutes;
        let at =
            start + noon + equation_of_time(day_of_year(frame.time((first + last) / 2))) - (day_start / 1440.0).floor() * 1440.0;
        Middle { day, at, length }
    })
}

/// Minutes by which the sun is ahead of the mean sun. Spencer (1971).
fn equation_of_time(day_of_year: f64) -> f64 {
    let b = std::f64::consts::TAU * (day_of_year - 1.0) / 365.0;
    229.18 * (0.000_075 + 0.001_868 * b.cos() - 0.032_077 * b.sin() - 0.014_615 * (2.0 * b).cos() - 0.040_849 * (2.0 * b).sin())
}

/// First and last days of stretches that lie off the baseline by a multiple of half an hour.
fn shifted(middles: &[Middle], minutes: f64) -> Vec<(usize, usize)> {
    let mut base: VecDeque<Middle> = VecDeque::new();
    let mut run: Vec<Middle> = Vec::new();
    let mut found = Vec::new();
    let lasting = LASTING + (LASTING_OF_HOURS * minutes / 60.0).round() as usize;
    for &today in middles {
        let off = (base.len() >= LEAST_BASE).then(|| offset(&base, today, minutes)).flatten();
        let agrees = |off: f64, base: &VecDeque<Middle>| run.first().and_then(|first| offset(base, *first, minutes)) == Some(off);
        match off {
            Some(off) if off != 0.0 && (run.is_empty() || agrees(off, &base)) => run.push(today),
            // Neither here nor there, a cloudy day: it says nothing.
            None if base.len() >= LEAST_BASE => {}
            _ => {
                close(&mut run, &mut found, lasting);
                if off.is_some_and(|off| off != 0.0) {
                    run.push(today);
                } else {
                    keep(&mut base, today);
                }
            }
        }
        if run.len() >= ACCEPTED {
            base = run.iter().copied().collect();
            close(&mut run, &mut found, lasting);
        }
    }
    close(&mut run, &mut found, lasting);
    found
}

fn close(run: &mut Vec<Middle>, found: &mut Vec<(usize, usize)>, lasting: usize) {
    if let (Some(first), Some(last)) = (run.first(), run.last())
        && run.len() >= lasting
    {
        found.push((first.day, last.day));
    }
    run.clear();
}

fn keep(base: &mut VecDeque<Middle>, today: Middle) {
    base.push_back(today);
    if base.len() > BASE_DAYS {
        base.pop_front();
    }
}

/// Minutes off, as a multiple of half an hour; `None` where the day is none of them, or too short or long to say.
fn offset(base: &VecDeque<Middle>, today: Middle, minutes: f64) -> Option<f64> {
    let recent = base.iter().rev().take(10).map(|m| m.length).collect();
    let since = base.back().map_or(0, |last| today.day - last.day) as f64 + 5.0;
    if (today.length - median(recent)).abs() > (2.0 * minutes).max(20.0) + SEASON * since {
        return None;
    }
    let by = today.at - median(base.iter().map(|m| m.at).collect());
    // Hours cannot tell half hours.
    let step = STEP.max(minutes);
    let steps = (by / step).round();
    let near = (by - step * steps).abs() <= step / 3.0;
    (near && steps.abs() <= MOST_STEPS).then_some(step * steps)
}

#[cfg(test)]
mod tests {
    use super::super::tests::frame;
    use super::clock_shifts;
    use crate::domain::Location;
    use crate::domain::solar::clearsky_ghi;

    /// Sixty cloudy days near Ouarzazate, with the logger off by `minutes` from day 30 to day 40.
    fn days(resolution: &str, minutes: i64) -> Vec<f64> {
        let place = Location { latitude: 30.93, longitude: -6.9 };
        let empty = frame(&vec![0.0; 60 * 24 * 60], "PT1M", "2023-01-15T00:00:00Z");
        let step = crate::domain::Resolution::parse(resolution).unwrap().seconds() / 60;
        let rows = 60 * 1440 / step;
        let seen = |row: i64| {
            let off = if (30 * 1440..40 * 1440).contains(&(row * step)) { minutes } else { 0 };
            let minute = (row * step - off).clamp(0, 60 * 1440 - 1) as usize;
            let cloud = 1.0 - 0.8 * f64::from(u8::from((minute / 97).is_multiple_of(3)));
            clearsky_ghi(empty.time(minute), place) * cloud
        };
        (0..rows).map(seen).collect()
    }

    #[test]
    fn a_clock_off_by_half_an_hour_is_found_with_its_days() {
        for minutes in [-60, -30, 30, 60] {
            let values = days("PT5M", minutes);
            let found = clock_shifts(&frame(&values, "PT5M", "2023-01-15T00:00:00Z"), &values);
            let days: Vec<(usize, usize)> = found.iter().map(|(a, b)| (a / 288, b / 288)).collect();
            assert!(days.len() == 1 && days[0].0.abs_diff(30) <= 1 && days[0].1.abs_diff(39) <= 1, "{minutes}: {days:?} {found:?}");
        }
        let values = days("PT1H", 60);
        assert_eq!(clock_shifts(&frame(&values, "PT1H", "2023-01-15T00:00:00Z"), &values).len(), 1);
    }

    #[test]
    fn outages_and_good_clocks_are_no_shift() {
        for resolution in ["PT5M", "PT15M", "PT1H"] {
            let mut values = days(resolution, 0);
            let per_day = values.len() / 60;
            let found = clock_shifts(&frame(&values, resolution, "2023-01-15T00:00:00Z"), &values);
            assert!(found.is_empty(), "{resolution}: {found:?}");
            for day in 20..26 {
                values[day * per_day..day * per_day + 10 * per_day / 24].fill(0.0);
            }
            assert!(clock_shifts(&frame(&values, resolution, "2023-01-15T00:00:00Z"), &values).is_empty(), "{resolution}");
        }
    }
}

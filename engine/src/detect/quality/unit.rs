//! Days on which a column came in another unit: W or MW in place of kW, kelvin or degrees Fahrenheit in place of °C.
//!
//! In: a column, NaN = missing, and its days. Out: stretches of rows. A day is compared with the days before it that were right: a
//! thousandfold size that lasts, of the same sign and as lively, is a unit; a machine at rest is not. Fahrenheit is told only of air,
//! because a machine may warm up by as much.

use super::super::regression::median;
use super::days::Days;
use std::collections::VecDeque;

/// Days that say what is right, and the fewest.
const BASE_DAYS: usize = 21;
const LEAST_BASE: usize = 5;
/// Days in another unit, in a row.
const LASTING: usize = 2;
/// How far from the exact factor a day may lie: days differ among themselves.
const FACTOR: f64 = 2.5;
/// Kelvin between a converted day and the days before.
const KELVIN: f64 = 12.0;
/// Different values a lively day has at least.
const LIVELY: usize = 8;

/// Which mistakes a column can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Powers and energies: W, kW, MW, GW.
    Power,
    /// Temperatures of machines: kelvin.
    Machine,
    /// Temperatures of air: kelvin and Fahrenheit.
    Air,
}

/// What one day of a column looks like.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Largest value by magnitude, with its sign.
    peak: f64,
    mean: f64,
    distinct: usize,
}

/// Stretches `[first, last]` of rows in another unit.
pub(super) fn unit_jumps(values: &[f64], days: &Days, scale: Scale) -> Vec<(usize, usize)> {
    let (mut base, mut run, mut found) = (VecDeque::<Size>::new(), Vec::<usize>::new(), Vec::new());
    let mut close = |run: &mut Vec<usize>| {
        if let (Some(&first), Some(&last)) = (run.first(), run.last())
            && run.len() >= LASTING
        {
            found.push((days.of(first).start, days.of(last).end - 1));
        }
        run.clear();
    };
    for day in 0..days.count {
        let Some(today) = size(&values[days.of(day)]) else { continue };
        let foreign = if base.len() >= LEAST_BASE { converted(&base, today, scale) } else { None };
        match foreign {
            Some(_) => run.push(day),
            None => close(&mut run),
        }
        base.push_back(foreign.unwrap_or(today));
        if base.len() > BASE_DAYS {
            base.pop_front();
        }
    }
    close(&mut run);
    found
}

fn size(rows: &[f64]) -> Option<Size> {
    let known: Vec<f64> = rows.iter().copied().filter(|v| v.is_finite()).collect();
    if 2 * known.len() < rows.len() || rows.len() < 12 {
        return None;
    }
    let peak = known.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()))?;
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    let mut sorted = known;
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    Some(Size { peak, mean, distinct: sorted.len() })
}

/// The day in the column's own unit, where it came in another.
fn converted(base: &VecDeque<Size>, today: Size, scale: Scale) -> Option<Size> {
    let of = |part: fn(&Size) -> f64| median(base.iter().map(part).collect());
    if scale == Scale::Power {
        let usual = of(|s| s.peak);
        let (least, most) = base.iter().map(|s| s.peak.abs()).fold((f64::INFINITY, 0.0_f64), |(a, b), v| (a.min(v), b.max(v)));
        let ratio = today.peak / usual;
        let near = |factor: &f64| (factor / FACTOR..factor * FACTOR).contains(&ratio);
        // A thousand times smaller is also a machine at rest: only where no day before came near that.
        let apart = today.peak.abs() > 30.0 * most || today.peak.abs() * 30.0 < least;
        let lively = today.distinct >= LIVELY && today.distinct * 3 >= of(|s| s.distinct as f64) as usize;
        let factor = [1e3, 1e6, 1e-3, 1e-6].into_iter().find(near).filter(|_| usual != 0.0 && apart && lively)?;
        return Some(Size { peak: today.peak / factor, mean: today.mean / factor, ..today });
    }
    let usual = of(|s| s.mean);
    let right = |mean: f64| Some(Size { mean, ..today });
    if (today.mean - 273.15 - usual).abs() < 4.0 * KELVIN {
        return right(today.mean - 273.15);
    }
    let celsius = (today.mean - 32.0) / 1.8;
    let warmer = base.iter().map(|s| today.mean - s.mean).fold(f64::INFINITY, f64::min);
    let fahrenheit = scale == Scale::Air && (celsius - usual).abs() < 0.5 * KELVIN && warmer > 1.5 * KELVIN;
    if fahrenheit { right(celsius) } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frame;
    use super::{Days, Scale, unit_jumps};

    fn days(values: &[f64]) -> Days {
        Days::new(&frame(values, "PT1H", "2023-05-01T00:00:00Z"), 0).unwrap()
    }

    #[test]
    fn a_thousandfold_and_a_thousandth_are_units_rest_is_not() {
        let power = |i: usize| 500.0 + 400.0 * (i as f64 / 9.0).sin() + (i * i % 13) as f64;
        for factor in [1e3, 1e-3] {
            let values: Vec<f64> = (0..720).map(|i| power(i) * if (240..480).contains(&i) { factor } else { 1.0 }).collect();
            assert_eq!(unit_jumps(&values, &days(&values), Scale::Power), [(240, 479)], "{factor}");
        }
        let rest: Vec<f64> = (0..720).map(|i| if i < 240 { power(i) } else { -0.6 - 0.01 * (i % 9) as f64 }).collect();
        assert!(unit_jumps(&rest, &days(&rest), Scale::Power).is_empty());
    }

    #[test]
    fn kelvin_and_fahrenheit_are_told_from_a_warm_day() {
        let air = |i: usize| 15.0 + 6.0 * (i as f64 / 24.0 * std::f64::consts::TAU).sin() + 4.0 * (i as f64 / 170.0).sin();
        let values: Vec<f64> = (0..720).map(air).collect();
        assert!(unit_jumps(&values, &days(&values), Scale::Air).is_empty());
        let warm: Vec<f64> = (0..720).map(|i| air(i) + if i > 400 { 12.0 } else { 0.0 }).collect();
        assert!(unit_jumps(&warm, &days(&warm), Scale::Air).is_empty());
        let kelvin: Vec<f64> = (0..720).map(|i| air(i) + if (480..600).contains(&i) { 273.15 } else { 0.0 }).collect();
        assert_eq!(unit_jumps(&kelvin, &days(&kelvin), Scale::Machine), [(480, 599)]);
        let fahrenheit: Vec<f64> = (0..720).map(|i| if i < 480 { air(i) } else { 32.0 + 1.8 * air(i) }).collect();
        assert_eq!(unit_jumps(&fahrenheit, &days(&fahrenheit), Scale::Air), [(480, 719)]);
    }
}

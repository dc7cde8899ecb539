//! From raw columns to channels: what is constant or counts is left out, angles lose their jump, and zeros that mean "missing" become missing.
//!
//! In: named columns with a [`Role`], the rows to learn from. Out: per channel how a raw value is read. Deliberately not here: models.

use super::super::regression::median;
use super::Column;
use super::Role;

/// Least share of learning rows in which a column must speak.
const LEAST_KNOWN: f64 = 0.5;
/// Exact zeros are taken for "missing" when they outnumber their neighbourhood this many times.
const ZERO_SPIKE: f64 = 20.0;
/// What counts as the neighbourhood of zero, in spreads of the column.
const NEAR_ZERO: f64 = 0.1;
/// A column that goes the same way in this share of its moves counts something.
const COUNTS: f64 = 0.98;
/// An angle whose mean direction is weaker than this goes round.
const GOES_ROUND: f64 = 0.7;

/// How one raw column is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    /// Position among the given columns.
    pub(super) column: usize,
    /// Exact zeros are missing values.
    pub(super) zero_is_missing: bool,
    /// Degrees the value is taken relative to, between -180 and 180; `None` for what is no angle.
    pub(super) relative_to: Option<f64>,
}

impl Reading {
    /// The value as the models see it; NaN where there is none.
    #[inline]
    pub(super) fn read(&self, value: f64) -> f64 {
        if self.zero_is_missing && value == 0.0 {
            return f64::NAN;
        }
        match self.relative_to {
            None => value,
            Some(middle) => (value - middle + 180.0).rem_euclid(360.0) - 180.0,
        }
    }

    /// A value the models see, as it was measured.
    pub(super) fn raw(&self, value: f64) -> f64 {
        value + self.relative_to.unwrap_or(0.0)
    }
}

/// Columns sorted out.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sorted {
    /// Wind, power and ambient temperature: they say what the machine should do.
    pub(super) wind: Option<Reading>,
    pub(super) power: Option<Reading>,
    pub(super) ambient: Option<Reading>,
    /// A direction that goes round.
    pub(super) heading: Option<usize>,
    /// What is watched.
    pub(super) watched: Vec<Reading>,
}

/// Sorts columns by what they held in the rows `learn`.
pub(super) fn sort(columns: &[Column<'_>], learn: &[usize]) -> Sorted {
    let mut out = Sorted::default();
    for (index, column) in columns.iter().enumerate() {
        if column.role == Role::Counter {
            continue;
        }
        let zero_is_missing = zero_is_missing(column, learn);
        let known: Vec<f64> =
            learn.iter().map(|&i| column.values[i]).filter(|v| v.is_finite() && !(zero_is_missing && *v == 0.0)).collect();
        if (known.len() as f64) < LEAST_KNOWN * learn.len() as f64 || known.is_empty() || is_constant(&known) {
            continue;
        }
        let mut reading = Reading { column: index, zero_is_missing, relative_to: None };
        match column.role {
            Role::Angle => match middle(&known) {
                None => out.heading = out.heading.or(Some(index)),
                middle => {
                    reading.relative_to = middle;
                    out.watched.push(reading);
                }
            },
            _ if counts(&known) => {}
            Role::Wind if out.wind.is_none() => out.wind = Some(reading),
            Role::Ambient if out.ambient.is_none() => out.ambient = Some(reading),
            Role::Power => {
                out.power = out.power.or_else(|| Some(reading.clone()));
                out.watched.push(reading);
            }
            _ => out.watched.push(reading),
        }
    }
    out
}

/// A spike of exact zeros with nothing around it is how some loggers write "no value".
fn zero_is_missing(column: &Column<'_>, learn: &[usize]) -> bool {
    if matches!(column.role, Role::Angle | Role::Power) {
        return false;
    }
    let known: Vec<f64> = learn.iter().map(|&i| column.values[i]).filter(|v| v.is_finite() && *v != 0.0).collect();
    let zeros = learn.iter().filter(|&&i| column.values[i] == 0.0).count();
    if zeros == 0 || known.len() < zeros {
        return false;
    }
    let centre = median(known.clone());
    let spread = median(known.iter().map(|v| (v - centre).abs()).collect());
    let near = known.iter().filter(|v| v.abs() < NEAR_ZERO * spread).count();
    centre.abs() > spread && zeros as f64 > ZERO_SPIKE * near as f64
}

fn is_constant(known: &[f64]) -> bool {
    let first = known.first().copied().unwrap_or(0.0);
    let odd = known.iter().filter(|v| **v != first).count();
    (odd as f64) < 0.001 * known.len() as f64
}

/// Up, up, up: a meter reading or an hour counter, though nobody said so.
fn counts(known: &[f64]) -> bool {
    let (mut up, mut down) = (0_usize, 0_usize);
    for pair in known.windows(2) {
        up += usize::from(pair[1] > pair[0]);
        down += usize::from(pair[1] < pair[0]);
    }
    let moves = (up + down) as f64;
    moves > 50.0 && (up as f64 > COUNTS * moves || down as f64 > COUNTS * moves)
}

/// Mean direction of angles that keep to one side; `None` where they go round.
fn middle(known: &[f64]) -> Option<f64> {
    let (mut x, mut y) = (0.0, 0.0);
    for angle in known {
        let (sin, cos) = angle.to_radians().sin_cos();
        x += cos;
        y += sin;
    }
    (x.hypot(y) > GOES_ROUND * known.len() as f64).then(|| y.atan2(x).to_degrees())
}

#[cfg(test)]
mod tests {
    use super::{Reading, sort};
    use crate::detect::subspace::{Column, Role};

    #[test]
    fn every_column_finds_its_place() {
        let n = 2000;
        let wave = |i: usize| (i as f64 * 0.7).sin();
        let warm: Vec<f64> = (0..n).map(|i| if i % 40 == 0 { 0.0 } else { 50.0 + 3.0 * wave(i) }).collect();
        let counter: Vec<f64> = (0..n).map(|i| i as f64 * 12.5).collect();
        let round: Vec<f64> = (0..n).map(|i| (i as f64 * 7.3) % 360.0).collect();
        let pitch: Vec<f64> = (0..n).map(|i| (359.0 + 2.0 * wave(i)) % 360.0).collect();
        let flat = vec![7.0; n];
        let wind: Vec<f64> = (0..n).map(|i| 8.0 + 4.0 * wave(i)).collect();
        let column = |name, role, values| Column { name, role, values };
        let columns = [
            column("a", Role::Part, &warm[..]),
            column("b", Role::Part, &counter),
            column("c", Role::Angle, &round),
            column("d", Role::Angle, &pitch),
            column("e", Role::Part, &flat),
            column("f", Role::Wind, &wind),
        ];
        let sorted = sort(&columns, &(0..n).collect::<Vec<_>>());
        assert_eq!((sorted.heading, sorted.wind.map(|w| w.column)), (Some(2), Some(5)));
        let watched: Vec<(usize, bool)> = sorted.watched.iter().map(|r| (r.column, r.zero_is_missing)).collect();
        assert_eq!(watched, [(0, true), (3, false)]);
        assert!(sorted.watched[1].read(1.0) > 0.0 && sorted.watched[1].read(357.0) < 0.0, "no jump at north");
    }

    #[test]
    fn a_value_goes_there_and_back() {
        let pitch = Reading { column: 0, zero_is_missing: false, relative_to: Some(-1.0) };
        assert!((pitch.raw(pitch.read(2.5)) - 2.5).abs() < 1e-12);
        let warm = Reading { column: 0, zero_is_missing: true, relative_to: None };
        assert!(warm.read(0.0).is_nan() && warm.read(5.0) == 5.0);
    }
}

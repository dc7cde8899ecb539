//! How a load's days usually look, and how far a day is from that, in units of how usual days differ among themselves.
//!
//! In: days as rows of one length, each of a kind (weekday, Saturday, Sunday). Out: the usual shape of a kind, and distances from it.
//! A hot afternoon moves a day far in a direction in which days often move; a clock moves it where they do not. So distances are
//! those of Mahalanobis (1936), with the covariance of the last usual days' remainders drawn to its diagonal, because there are not
//! many more days than rows. Deliberately not here: what a day is moved by (`shape`).

use super::super::regression::median;
use std::collections::VecDeque;

/// Usual days of a kind that make the shape, and the fewest.
const SHAPE: usize = 6;
const LEAST_SHAPE: usize = 4;
/// Usual days that say how days differ, and the fewest.
const DAYS: usize = 70;
const LEAST_DAYS: usize = 20;
/// How far the covariance is drawn to its diagonal.
const DRAWN: f64 = 0.3;
/// A day farther than this many times what is usual counts as if it were that far.
const TAIL: f64 = 3.0;

/// Kinds of days.
pub(super) const KINDS: usize = 3;

/// The usual days of one series up to now.
#[derive(Debug, Default)]
pub(super) struct Usual {
    past: [VecDeque<(Vec<f64>, isize)>; KINDS],
    rests: VecDeque<Vec<f64>>,
    left: VecDeque<f64>,
    lower: Vec<f64>,
}

impl Usual {
    /// The usual shape of a kind; `None` while too few are known.
    pub(super) fn shape(&self, kind: usize) -> Option<Vec<f64>> {
        let days = &self.past[kind];
        let rows = days.front().map_or(0, |(day, _)| day.len());
        let mean = |row: usize| days.iter().map(|(day, _)| day[row]).sum::<f64>() / days.len() as f64;
        (days.len() >= LEAST_SHAPE).then(|| (0..rows).map(mean).collect())
    }

    /// By how many rows the clock was off UTC on the days that make the shape.
    pub(super) fn clocks(&self, kind: usize) -> Vec<isize> {
        let mut clocks: Vec<isize> = self.past[kind].iter().map(|(_, clock)| *clock).collect();
        clocks.dedup();
        clocks
    }

    /// Squared distance of usual days from their shape; `None` while too few are known.
    pub(super) fn left(&self) -> Option<f64> {
        (self.left.len() >= LEAST_DAYS).then(|| median(self.left.iter().copied().collect()))
    }

    /// Squared distance between a day and a shape.
    pub(super) fn distance(&self, day: &[f64], shape: &[f64]) -> f64 {
        let n = day.len();
        let mut z = Vec::with_capacity(n);
        for row in 0..n {
            let own = if self.lower.is_empty() { 1.0 } else { self.lower[row * n + row] };
            let known = if self.lower.is_empty() { 0.0 } else { dot(&self.lower[row * n..row * n + row], &z) };
            z.push((day[row] - shape[row] - known) / own);
        }
        dot(&z, &z)
    }

    /// One more usual day: of a kind, what it is away from its shape, and how far its clock was off UTC.
    pub(super) fn learn(&mut self, kind: usize, day: Vec<f64>, rest: Option<Vec<f64>>, clock: isize) {
        if let Some(rest) = rest {
            let none = vec![0.0; rest.len()];
            let far = self.distance(&rest, &none);
            let most = self.left().map_or(f64::INFINITY, |usual| TAIL * usual);
            let shrunk = if far > most { (most / far).sqrt() } else { 1.0 };
            push(&mut self.left, far, DAYS);
            push(&mut self.rests, rest.into_iter().map(|v| v * shrunk).collect(), DAYS);
            if self.rests.len() >= LEAST_DAYS {
                let first = self.lower.is_empty();
                self.lower = lower(&self.rests);
                if first {
                    let none = vec![0.0; day.len()];
                    self.left = self.rests.iter().map(|rest| self.distance(rest, &none)).collect();
                }
            }
        }
        push(&mut self.past[kind], (day, clock), SHAPE);
    }

    /// The shapes are forgotten, how days differ is not.
    pub(super) fn anew(&mut self) {
        self.past = Default::default();
    }
}

/// Lower triangle `L` of the covariance, `L Lᵀ = C`, row by row. What is drawn to the diagonal has an inverse.
fn lower(rests: &VecDeque<Vec<f64>>) -> Vec<f64> {
    let n = rests.front().map_or(0, Vec::len);
    let mut c = vec![0.0; n * n];
    for rest in rests {
        for i in 0..n {
            for j in 0..=i {
                c[i * n + j] += rest[i] * rest[j] / rests.len() as f64;
            }
        }
    }
    let floor = 1e-6 + 0.01 * (0..n).map(|i| c[i * n + i]).sum::<f64>() / n.max(1) as f64;
    for i in 0..n {
        for j in 0..i {
            c[i * n + j] *= 1.0 - DRAWN;
        }
        c[i * n + i] += floor;
    }
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| c[i * n + k] * c[j * n + k]).sum();
            let rest = c[i * n + j] - known;
            c[i * n + j] = if i == j { rest.max(floor * 0.1).sqrt() } else { rest / c[j * n + j] };
        }
    }
    c
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn push<T>(queue: &mut VecDeque<T>, value: T, most: usize) {
    queue.push_back(value);
    if queue.len() > most {
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAST_DAYS, Usual};

    #[test]
    fn what_days_often_do_is_near_and_what_they_never_do_is_far() {
        let mut usual = Usual::default();
        for day in 0..3 * LEAST_DAYS {
            let warm = ((day * day % 17) as f64 - 8.0) / 8.0;
            let rest: Vec<f64> = (0..24).map(|h| if h > 12 { warm } else { 0.0 } + 0.05 * ((h * day % 7) as f64 - 3.0)).collect();
            let whole: Vec<f64> = rest.iter().map(|v| v + 5.0).collect();
            usual.learn(0, whole, (day >= 4).then_some(rest), 0);
        }
        let none = [0.0; 24];
        let (mut warm, mut early) = (none, none);
        warm[13..].fill(1.0);
        early[2..13].fill(1.0);
        assert!(usual.distance(&early, &none) > 20.0 * usual.distance(&warm, &none));
        assert!(usual.distance(&warm, &none) < 2.0 * usual.left().unwrap());
        assert_eq!((usual.shape(1), usual.clocks(0)), (None, vec![0]));
        usual.anew();
        assert!(usual.shape(0).is_none() && usual.left().is_some());
    }
}

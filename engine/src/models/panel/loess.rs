//! Loess on an even grid as weights worked out once.
//!
//! In: a length, a window, how many points to skip between two places where the fit is evaluated. Out: an operator that smooths any
//! series of that length, point for point what STL (Cleveland, Cleveland, McRae and Terpenning 1990; tricube weights, linear
//! between the evaluated places) does. Because the grid is even, the weights of the inner places are all the same, and smoothing is
//! one scalar product a place: time linear in the length.

use super::dot;

/// Where a fit is evaluated, the first point of its window, and where its weights lie.
#[derive(Debug, Clone, Copy)]
struct Knot {
    place: usize,
    start: usize,
    weights: usize,
    width: usize,
}

/// A smoother of series of one length.
#[derive(Debug, Clone)]
pub(super) struct Loess {
    knots: Vec<Knot>,
    weights: Vec<f64>,
}

/// What is fitted in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Degree {
    /// A weighted mean.
    Mean,
    /// A weighted line.
    Line,
}

/// Weights of the local fit through the points `[left, right]` of `0..n`, evaluated at `at` (which may lie outside).
pub(super) fn local_fit(n: usize, window: usize, degree: Degree, at: i64, (left, right): (usize, usize)) -> Vec<f64> {
    let (low, high) = (left as i64, right as i64);
    let mut reach = (at - low).max(high - at) as f64;
    if window > n {
        reach += ((window - n) / 2) as f64;
    }
    let weight = |j: i64| {
        let far = (j - at).abs() as f64;
        if far > 0.999 * reach {
            0.0
        } else if far <= 0.001 * reach {
            1.0
        } else {
            (1.0 - (far / reach).powi(3)).powi(3)
        }
    };
    let mut weights: Vec<f64> = (low..=high).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        // One point only, or a window that sees none: the nearest point.
        let nearest = if at < low { 0 } else { weights.len() - 1 };
        weights[nearest] = 1.0;
        return weights;
    }
    weights.iter_mut().for_each(|w| *w /= sum);
    let middle: f64 = weights.iter().zip(low..).map(|(w, j)| w * j as f64).sum();
    let spread: f64 = weights.iter().zip(low..).map(|(w, j)| w * (j as f64 - middle).powi(2)).sum();
    if degree == Degree::Line && spread.sqrt() > 0.001 * (n as f64 - 1.0) {
        let slope = (at as f64 - middle) / spread;
        for (w, j) in weights.iter_mut().zip(low..) {
            *w *= slope * (j as f64 - middle) + 1.0;
        }
    }
    weights
}

/// First and last point of the window of STL around `at`.
pub(super) fn window_around(n: usize, window: usize, at: usize) -> (usize, usize) {
    if window >= n {
        return (0, n - 1);
    }
    let half = window.div_ceil(2);
    if at + 1 < half {
        (0, window - 1)
    } else if at + half >= n {
        (n - window, n - 1)
    } else {
        (at + 1 - half, at + window - half)
    }
}

impl Loess {
    /// The smoother of series of `n` points with that (odd) window, evaluated every `jump` points and at the last.
    pub(super) fn new(n: usize, window: usize, jump: usize) -> Self {
        let mut loess = Self { knots: Vec::new(), weights: Vec::new() };
        let mut inner: Option<(i64, usize)> = None;
        let mut places: Vec<usize> = (0..n).step_by(jump.max(1)).collect();
        if places.last() != Some(&(n - 1)) {
            places.push(n - 1);
        }
        for place in places {
            let (left, right) = window_around(n, window, place);
            let centred = window < n && place - left == right - place;
            let offset = place as i64 - left as i64;
            let width = right + 1 - left;
            let shared = inner.filter(|(known, _)| centred && *known == offset).map(|(_, at)| at);
            let weights = shared.unwrap_or_else(|| {
                let at = loess.weights.len();
                loess.weights.extend(local_fit(n, window, Degree::Line, place as i64, (left, right)));
                at
            });
            if centred {
                inner = Some((offset, weights));
            }
            loess.knots.push(Knot { place, start: left, weights, width });
        }
        loess
    }

    /// Smooths `from` into `into`; both are as long as the plan.
    pub(super) fn smooth(&self, from: &[f64], into: &mut [f64]) {
        let mut before: Option<(usize, f64)> = None;
        for knot in &self.knots {
            let value = dot(&from[knot.start..knot.start + knot.width], &self.weights[knot.weights..knot.weights + knot.width]);
            if let Some((place, earlier)) = before {
                let slope = (value - earlier) / (knot.place - place) as f64;
                for (i, slot) in into[place..knot.place].iter_mut().enumerate() {
                    *slot = earlier + slope * i as f64;
                }
            }
            into[knot.place] = value;
            before = Some((knot.place, value));
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        8 * self.weights.capacity() + size_of::<Knot>() * self.knots.capacity()
    }
}

//! Stuck trackers and wrong clocks, read from the shape of an inverter's day.
//!
//! In: the last hours of one inverter in [`Ground`]. Out: which of three stories fits them: as expected, a tracker stuck at some
//! angle, a clock that is off by some minutes. A story wins by fitting much better than the others, so clouds, dust and heat, which fit
//! none, open nothing. Deliberately not here: what a tracker itself reports (`tracker`).

use super::ground::Ground;
use super::ground::NOTHING;
use super::outage::Change;

/// Minutes looked at, and between looks.
const WINDOW: i64 = 180;
const EVERY: i64 = 30;
/// Minutes of it that must be usable.
const USABLE: i64 = 100;
/// Mean miss, as a share of the rating, below which the day is as expected.
const MISS: f64 = 0.04;
/// A story must miss by less than this share of what "as expected" misses, and the other story by this factor more.
const BETTER: f64 = 0.4;
const CLEARER: f64 = 1.4;
/// Dust and storms since yesterday may scale the day by this much.
const SCALE: (f64, f64) = (0.8, 1.2);
/// Clock errors tried, minutes.
const SHIFTS: [i64; 9] = [15, 20, 25, 30, 45, 60, 75, 90, 120];
/// Lowest sun in which power says something, degrees.
const LOW_SUN: f64 = -2.0;

/// What explains the last hours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Story {
    /// Tracker stuck at this angle.
    Stuck(f64),
    /// Times of the rows are late by this many rows (early when negative).
    Late(i64),
}

/// Memory of one inverter.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    pub(super) open: Option<Story>,
}

/// What a look at an inverter told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    pub(super) score: f64,
    pub(super) change: Option<Change>,
}

impl Shape {
    /// True on the rows at which an inverter is looked at.
    pub(super) fn due(ground: &Ground, row: usize) -> bool {
        row % ground.plant.rows(EVERY) == 0 && ground.light.elevation(row) > LOW_SUN - 6.0
    }

    pub(super) fn look(&mut self, ground: &Ground, k: usize, row: usize) -> Option<Look> {
        let (first, rows) = window(ground, k, row)?;
        let plain = miss(ground, k, &rows, 0, &|i| ground.expected(k, i));
        let score = plain / MISS;
        if let Some(story) = self.open {
            let told = told(ground, k, &rows, story);
            // Only hours in which the fault would show can say that it is over.
            if told > plain + 0.02 && plain < 0.5 * told {
                self.open = None;
                return Some(Look { score, change: Some(Change::Close) });
            }
            return Some(Look { score: score.max(1.0), change: None });
        }
        if plain < MISS {
            return Some(Look { score: score.min(0.99), change: None });
        }
        let step = ground.plant.step;
        let late = SHIFTS.iter().map(|m| m * 60 / step).flat_map(|n| [n, -n]).filter(|n| *n != 0).map(Story::Late);
        let late = best(late.map(|s| (s, told(ground, k, &rows, s))));
        let stuck = (-8..=8).map(|n| Story::Stuck(7.5 * f64::from(n)));
        let stuck = best(stuck.map(|s| (s, told(ground, k, &rows, s))));
        let (winner, other) = match (late, stuck) {
            (Some(l), Some(s)) if l.1 <= s.1 => (l, s.1),
            (Some(l), Some(s)) => (s, l.1),
            (Some(one), None) | (None, Some(one)) => (one, f64::INFINITY),
            (None, None) => return None,
        };
        if winner.1 < BETTER * plain && other > CLEARER * winner.1 {
            self.open = Some(winner.0);
            return Some(Look { score, change: Some(Change::Open(first)) });
        }
        Some(Look { score: score.min(0.99), change: None })
    }
}

fn best(stories: impl Iterator<Item = (Story, f64)>) -> Option<(Story, f64)> {
    stories.filter(|(_, miss)| miss.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1))
}

/// Usable rows of the last hours with sun, and the first of them; `None` for too few, or where a set-point blurs them.
fn window(ground: &Ground, k: usize, row: usize) -> Option<(usize, Vec<usize>)> {
    let plant = ground.plant;
    let inverter = &plant.inverters[k];
    let from = (row + 1).saturating_sub(plant.rows(WINDOW));
    let good = |&i: &usize| {
        let bright = ground.free[k][i] > NOTHING * inverter.rated || inverter.power[i] > NOTHING * inverter.rated;
        bright && inverter.here[i] && ground.free[k][i].is_finite()
    };
    if (from..=row).any(|i| ground.limited[i]) {
        return None;
    }
    let rows: Vec<usize> = (from..=row).filter(good).collect();
    (rows.len() >= plant.rows(USABLE)).then(|| (rows[0], rows))
}

/// Mean miss of a story over the rows, share of the rating.
fn told(ground: &Ground, k: usize, rows: &[usize], story: Story) -> f64 {
    match story {
        Story::Late(shift) => miss(ground, k, rows, shift, &|i| ground.free[k][i]),
        Story::Stuck(angle) => {
            if rows.iter().any(|&i| ground.light.angle[i].is_nan()) {
                return f64::INFINITY;
            }
            let inverter = &ground.plant.inverters[k];
            let stuck = |i: usize| {
                let usual = ground.light.plane(ground.plant, i, ground.light.angle[i]).max(1.0);
                // Below the rating the curve is close to a line, so the share of the light is the share of the power, but a clipped
                // inverter has more light than its power shows.
                let poa = ground.plant.station.poa[i].max(0.0);
                let light = poa * ground.light.plane(ground.plant, i, angle) / usual;
                ground.at_light(k, i, light).min(inverter.rated)
            };
            miss(ground, k, rows, 0, &stuck)
        }
    }
}

/// Mean absolute difference to `expected`, after the scale that fits best; both smoothed over three rows against passing clouds.
/// With a `shift`, the row `i` of the inverter is compared with `i - shift` of the expectation.
fn miss(ground: &Ground, k: usize, rows: &[usize], shift: i64, expected: &dyn Fn(usize) -> f64) -> f64 {
    let inverter = &ground.plant.inverters[k];
    // Never past the last row: an early clock is compared with rows of the inverter that came before.
    let (back, ahead) = (usize::try_from(shift).unwrap_or(0), usize::try_from(-shift).unwrap_or(0));
    let pairs: Vec<(f64, f64)> = rows
        .iter()
        .filter_map(|&i| Some((i.checked_sub(ahead)?, i.checked_sub(back)?)))
        .map(|(own, model)| (inverter.power[own].max(0.0), expected(model)))
        .collect();
    let smooth: Vec<(f64, f64)> = pairs
        .windows(3)
        .map(|w| (w.iter().map(|p| p.0).sum::<f64>() / 3.0, w.iter().map(|p| p.1).sum::<f64>() / 3.0))
        .filter(|(a, b)| a.is_finite() && b.is_finite())
        .collect();
    if smooth.len() < rows.len() / 2 {
        return f64::INFINITY;
    }
    let (ab, bb) = smooth.iter().fold((0.0, 0.0), |(ab, bb), (a, b)| (ab + a * b, bb + b * b));
    let scale = if bb > 0.0 { (ab / bb).clamp(SCALE.0, SCALE.1) } else { 1.0 };
    let off = |(a, b): &(f64, f64)| (a - (scale * b).min(inverter.rated)).abs() / inverter.rated;
    smooth.iter().map(off).sum::<f64>() / smooth.len() as f64
}

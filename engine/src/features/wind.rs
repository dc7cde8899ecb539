//! Feature rows of wind power: recent power, its change, its relatives', measured wind, and the weather runs around the hour.
//!
//! In: a view and leads. Out: rows that correct damped persistence, with the capacity as scale. Speeds enter through hinges, so that a linear model can
//! follow a power curve, and times direction, so that it can follow the terrain. What the runs say is in `wind/runs.rs`.

mod runs;

use self::runs::WindRuns;
use super::group::Features;
use super::{FeatureMatrix, Group, View, WeatherIndex};
use crate::domain::Quantity;
use serde::{Deserialize, Serialize};

/// Where the wind stands in a weather row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindColumns {
    first: usize,
    second: Option<usize>,
    polar: bool,
}

impl WindColumns {
    /// Eastward and northward wind, m/s.
    pub fn components(&self, row: &[f64]) -> (f64, f64) {
        let first = row.get(self.first).copied().unwrap_or(f64::NAN);
        let second = self.second.and_then(|c| row.get(c)).copied();
        if self.polar {
            // Meteorological direction: where the wind comes from, clockwise from north.
            let (sin, cos) = second.unwrap_or(0.0).to_radians().sin_cos();
            (-first * sin, -first * cos)
        } else {
            (first, second.unwrap_or(0.0))
        }
    }
}

/// Columns of the wind, at 100 m where given.
pub fn wind_columns(weather: &WeatherIndex) -> Option<WindColumns> {
    for height in ["_100m", "_80m", "_10m", ""] {
        let find = |name: &str| weather.column(&format!("{name}{height}"));
        let (speed, direction) = (Quantity::WIND_SPEED, Quantity::WIND_DIRECTION);
        if let (Some(u), Some(v)) = (find("wind_u"), find("wind_v")) {
            return Some(WindColumns { first: u, second: Some(v), polar: false });
        }
        if let Some(speed) = find(speed.name()) {
            return Some(WindColumns { first: speed, second: find(direction.name()), polar: true });
        }
    }
    None
}

/// The speed and how far it is above each knot, in tens of m/s.
fn hinges(speed: f64, knots: &[f64], row: &mut Vec<f64>) {
    row.push(speed / 10.0);
    row.extend(knots.iter().map(|knot| (speed - knot).max(0.0) / 10.0));
}

/// The first finite of the two.
fn or(value: f64, other: f64) -> f64 {
    if value.is_finite() { value } else { other }
}

/// What was measured before the edge, in shares of the capacity; the same for all leads.
struct Recent {
    last: f64,
    hour: f64,
    day: f64,
    ramp: f64,
    others: f64,
    level: Features,
    quick: Features,
}

impl Recent {
    fn of(view: &View<'_>, is_named: bool) -> Self {
        let (day, hour, capacity) = (view.context.day, view.context.hour, view.capacity());
        let all = usual_power(view) / capacity;
        let last = or(view.last() / capacity, all);
        let mean = |width: usize, gap: usize| or(view.mean(width, gap) / capacity, last);
        let (m1, m3, m6, m24) = (mean(hour, 0), mean(3 * hour, 0), mean(6 * hour, 0), mean(day, 0));
        let ramp = or((view.mean(hour, 0) - view.mean(hour, hour)) / capacity, 0.0);
        let long_ramp = or((view.mean(3 * hour, 0) - view.mean(3 * hour, 3 * hour)) / capacity, 0.0);
        // Relatives in units of their own usual power, so that a turbine and its plant can be compared.
        let levels = |width: usize| view.sibling_levels(width, LONG_DAYS * day).map(|level| all * level);
        let known: Vec<f64> = levels(hour).filter(|v| v.is_finite()).collect();
        let others = if known.is_empty() { 0.0 } else { known.iter().sum::<f64>() / known.len() as f64 - m1 };
        let squares = |speed: Option<f64>| speed.map_or([f64::NAN; 2], |v| [v / 10.0, (v / 10.0).powi(2)]);
        let mut level = Features::new(64, is_named);
        level.add(Group::Recent, [last, m1, m3, m6, m24, last * last, m6 * m6, ramp, long_ramp, others]);
        level.add(Group::Recent, [mean(3 * day, 0), mean(7 * day, 0)]);
        level.add(Group::Recent, [0.05, 0.3, 0.8].map(|knot| (last - knot).max(0.0)));
        level.add(Group::Weather, squares(view.wind_speed(hour)));
        level.add(Group::Weather, squares(view.wind_speed(day)));
        // What fades within the hour: the last steps, each relative, the wind just measured, and from where it blows.
        let mut quick = Features::new(40, is_named);
        quick.add(Group::Recent, (1..6).map(|gap| mean(1, gap) - last));
        let wind = view.wind_speed(1);
        let (sin, cos) = view.wind_direction(hour).unwrap_or((f64::NAN, f64::NAN));
        let mut measured = Vec::with_capacity(7);
        hinges(wind.unwrap_or(f64::NAN), &[4.0, 6.0, 8.0, 10.0, 12.0], &mut measured);
        measured.push(view.wind_speed(hour).zip(wind).map_or(f64::NAN, |(mean, now)| (now - mean) / 10.0));
        quick.add(Group::Weather, measured);
        for other in levels(1) {
            let gap = or(other - last, 0.0);
            quick.add(Group::Recent, [gap, gap * or(sin, 0.0), gap * or(cos, 0.0)]);
        }
        quick.add(Group::Weather, [sin, cos, sin * m3, cos * m3]);
        Self { last, hour: m1, day: m24, ramp, others, level, quick }
    }
}

/// Days whose mean is the usual power.
const LONG_DAYS: usize = 400;
/// Hours after which persistence is damped to 1/e; only what the fit starts from.
const DAMPING_HOURS: f64 = 20.0;

/// What is left of the last value after so many hours.
pub(super) fn damping(hours: f64) -> f64 {
    (-hours / DAMPING_HOURS).exp()
}

/// Mean power of the last year or so, 0 where nothing is known.
pub(super) fn usual_power(view: &View<'_>) -> f64 {
    or(view.series().mean(view.edge().saturating_sub(LONG_DAYS * view.context.day), view.edge()), 0.0)
}

/// Hours within which the finest measurements can matter.
const QUICK_HOURS: f64 = 1.0;

/// Adds one row per lead.
pub fn wind_rows(view: &View<'_>, leads: &[usize], into: &mut FeatureMatrix) {
    let context = view.context;
    let recent = Recent::of(view, into.is_empty());
    let last = recent.last;
    let mut runs = wind_columns(&context.weather).map(|columns| WindRuns::new(view, columns, leads));
    for &k in leads {
        let moment = context.calendar.at(view.origin + k);
        let hours = k as f64 / context.hour as f64;
        let mut row = recent.level.clone();
        row.add(Group::Recent, [0.5, 2.0, 6.0, 18.0].map(|decay: f64| last * (-hours / decay).exp()));
        row.add(Group::Recent, [1.0, 6.0].map(|decay: f64| (last - recent.hour) * (-hours / decay).exp()));
        let slow = (-hours / 24.0).exp();
        let faded = [recent.ramp * (-hours / 2.0).exp(), recent.others * (-hours / 3.0).exp(), recent.day * slow];
        row.add(Group::Recent, faded);
        let (sin, cos) = moment.day_angle().sin_cos();
        let (season_sin, season_cos) = moment.year_angle().sin_cos();
        row.add(Group::Usual, [sin, cos, season_sin, season_cos, sin * season_cos, cos * season_cos]);
        row.append(&recent.quick, hours < QUICK_HOURS);
        let weather = runs.as_mut().map(|runs| runs.features(k, last, (sin, cos)));
        let base = last * view.capacity() * damping(hours);
        into.add(&row, weather.as_deref().unwrap_or(&[]), base, view.capacity());
    }
}

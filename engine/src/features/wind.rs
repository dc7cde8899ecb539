//! Feature rows of wind power: recent power, its change and its siblings', and the newest weather runs around the hour.
//!
//! In: a view and leads. Out: rows with base 0 and the capacity as scale. Wind speed enters through hinges, so that a linear
//! model can follow a power curve, and times direction, so that it can follow the terrain.

use super::{FeatureMatrix, View, WeatherIndex};
use crate::domain::Quantity;

/// Where the wind stands in a weather row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

const KNOTS: [f64; 7] = [2.0, 4.0, 5.5, 7.0, 9.0, 11.0, 14.0];

fn hinges(speed: f64, knots: &[f64], row: &mut Vec<f64>) {
    row.push(speed / 10.0);
    row.extend(knots.iter().map(|knot| (speed - knot).max(0.0) / 10.0));
}

/// Adds one row per lead.
pub fn wind_rows(view: &View<'_>, leads: &[usize], into: &mut FeatureMatrix) {
    let context = view.context;
    let (day, hour) = (context.day, context.hour);
    let capacity = view.capacity();
    let or = |value: f64, other: f64| if value.is_finite() { value } else { other };
    let all = or(view.mean(60 * day, 0), or(view.mean(7 * day, 0), 0.0)) / capacity;
    let last = or(view.last() / capacity, all);
    let mean = |width: usize| or(view.mean(width, 0) / capacity, last);
    let (m1, m3, m6, m24) = (mean(hour), mean(3 * hour), mean(6 * hour), mean(day));
    let ramp = or((view.mean(hour, 0) - view.mean(hour, hour)) / capacity, 0.0);
    let long_ramp = or((view.mean(3 * hour, 0) - view.mean(3 * hour, 3 * hour)) / capacity, 0.0);
    let siblings = view.sibling_means(hour.max(1));
    let known: Vec<f64> = siblings.iter().copied().filter(|v| v.is_finite()).collect();
    let others = if known.is_empty() { 0.0 } else { known.iter().sum::<f64>() / known.len() as f64 / capacity - m1 };
    let measured = view.wind_speed(hour).filter(|v| v.is_finite()).unwrap_or(f64::NAN);
    let measured_day = view.wind_speed(day).filter(|v| v.is_finite()).unwrap_or(f64::NAN);
    let wind = wind_columns(&context.weather);
    let speed_of = |index: usize, hours: i64, older: i64| {
        let (row, _) = view.weather(index, hours, older)?;
        let (u, v) = wind?.components(&row);
        u.hypot(v).is_finite().then_some((u, v))
    };
    let now = speed_of(view.origin, -1, 0).map(|(u, v)| u.hypot(v));
    for &k in leads {
        let moment = context.calendar.at(view.origin + k);
        let hours = k as f64 / hour as f64;
        let mut row = Vec::with_capacity(48);
        row.extend([last, m1, m3, m6, m24, last * last, m6 * m6, ramp, long_ramp, others, mean(3 * day), mean(7 * day)]);
        row.extend([0.5, 2.0, 6.0, 18.0].map(|decay: f64| last * (-hours / decay).exp()));
        row.extend([1.0, 6.0].map(|decay: f64| (last - m1) * (-hours / decay).exp()));
        row.extend([ramp * (-hours / 2.0).exp(), others * (-hours / 3.0).exp(), m24 * (-hours / 24.0).exp()]);
        let gusts = |speed: f64| if speed.is_finite() { [speed / 10.0, (speed / 10.0).powi(2)] } else { [f64::NAN; 2] };
        row.extend(gusts(measured));
        row.extend(gusts(measured_day));
        let (sin, cos) = moment.day_angle().sin_cos();
        let (season_sin, season_cos) = moment.year_angle().sin_cos();
        row.extend([sin, cos, season_sin, season_cos, sin * season_cos, cos * season_cos]);
        let weather = wind.map(|_| weather_features(view, k, &speed_of, now, last, hours, (sin, cos)));
        into.push(&row, weather.as_deref().unwrap_or(&[]), 0.0, capacity);
    }
}

type SpeedOf<'a> = dyn Fn(usize, i64, i64) -> Option<(f64, f64)> + 'a;

fn weather_features(
    view: &View<'_>,
    k: usize,
    speed_of: &SpeedOf<'_>,
    now: Option<f64>,
    last: f64,
    hours: f64,
    (day_sin, day_cos): (f64, f64),
) -> Vec<f64> {
    let index = view.origin + k;
    let Some((u, v)) = speed_of(index, 0, 0) else { return vec![f64::NAN; WEATHER_WIDTH] };
    let speed = u.hypot(v);
    let around: Vec<f64> = [-3, -2, -1, 1, 2, 3].map(|h| speed_of(index, h, 0).map_or(speed, |(u, v)| u.hypot(v))).to_vec();
    let near = (around[1] + around[2] + speed + around[3] + around[4]) / 5.0;
    let wide = (around.iter().sum::<f64>() + speed) / 7.0;
    let old = speed_of(index, 0, 12).map_or(speed, |(u, v)| u.hypot(v));
    let mut row = Vec::with_capacity(WEATHER_WIDTH);
    hinges(speed, &KNOTS, &mut row);
    hinges(near, &KNOTS, &mut row);
    hinges(old, &[4.0, 7.0, 10.0], &mut row);
    hinges(wide, &[4.0, 7.0, 10.0], &mut row);
    for value in [around[0], around[2], around[3], around[5]] {
        hinges(value, &[6.0], &mut row);
    }
    row.push((around[3] - around[2]) / 10.0);
    let angle = v.atan2(u);
    for harmonic in 1..=3 {
        let (sin, cos) = (f64::from(harmonic) * angle).sin_cos();
        row.extend([sin, cos, sin * near / 10.0, cos * near / 10.0]);
        let above = (near - 6.0).max(0.0) / 10.0;
        row.extend([sin * above, cos * above]);
    }
    row.extend([day_sin * near / 10.0, day_cos * near / 10.0, u / 10.0, v / 10.0]);
    let fade = (-hours / 4.0).exp();
    let slow = (-hours / 12.0).exp();
    let mut then = Vec::new();
    hinges(now.unwrap_or(speed), &[4.0, 7.0, 10.0], &mut then);
    row.extend(then.iter().map(|value| value * fade));
    row.extend(then.iter().map(|value| value * slow));
    row.extend([last * fade * near / 10.0, last * slow * near / 10.0]);
    row.resize(WEATHER_WIDTH, 0.0);
    row
}

const WEATHER_WIDTH: usize = 68;

//! Feature rows of solar power: clear-sky indices of the past and the newest weather run, in units of the envelope.
//!
//! In: a view and leads. Out: rows with base 0 and the clear-sky envelope as scale, so that a model cannot shine at night.

use super::group::Features;
use super::{FeatureMatrix, Group, View, envelope};
use crate::domain::Quantity;

/// Adds one row per lead.
pub fn solar_rows(view: &View<'_>, leads: &[usize], into: &mut FeatureMatrix) {
    let context = view.context;
    let (day, hour) = (context.day, context.hour);
    let envelope = envelope(view);
    let capacity = view.capacity();
    let floor = 0.02 * capacity;
    let edge = view.edge();
    let clear = |i: usize| envelope[i % day];
    let index_of = |i: usize| {
        let (value, sky) = (view.value(i), clear(i));
        if value.is_finite() && sky > floor { Some((value / sky).clamp(0.0, 1.3)) } else { None }
    };
    let over = |from: usize, to: usize| {
        let (mut power, mut sky) = (0.0, 0.0);
        for i in from..to {
            if view.value(i).is_finite() {
                power += view.value(i);
                sky += clear(i);
            }
        }
        if sky > floor { power / sky } else { f64::NAN }
    };
    let back = |steps: usize| edge.saturating_sub(steps);
    let week = over(back(7 * day), edge);
    let month = over(back(30 * day), edge);
    let or = |value: f64, other: f64| if value.is_finite() { value } else { other };
    let week = or(week, 0.7);
    let lately = or(over(back(3 * hour), edge), f64::NAN);
    let last = (back(day)..edge).rev().find_map(index_of).unwrap_or(week);
    let age = (back(day)..edge).rev().position(|i| index_of(i).is_some()).unwrap_or(day) as f64 / hour as f64;
    let (one, two) = (or(over(back(day), edge), week), or(over(back(2 * day), back(day)), week));
    for &k in leads {
        let index = view.origin + k;
        let moment = context.calendar.at(index);
        let scale = clear(index);
        let hours = k as f64 / hour as f64;
        let lag = |days: usize| {
            let ahead = (k + view.delay) / day + days;
            index.checked_sub(ahead * day).and_then(index_of).unwrap_or(week)
        };
        let fade = (-(hours + age) / 2.0).exp();
        let slow = (-(hours + age) / 8.0).exp();
        let mut row = Features::new(32, into.is_empty());
        let lags = [lag(1), lag(2), lag(3), 0.2 * (1..=5).map(lag).sum::<f64>()];
        row.add(Group::Recent, [last, one, two, week, or(month, week)]);
        row.add(Group::Recent, lags);
        row.add(Group::Recent, [last * fade, last * slow, fade, slow, or(lately, last) * fade, or(lately, last) * slow]);
        row.add(Group::Recent, [last * last, one * one, lag(1) * one]);
        let (sin, cos) = moment.day_angle().sin_cos();
        let (season_sin, season_cos) = moment.year_angle().sin_cos();
        row.add(Group::Usual, [sin, cos, season_sin, season_cos]);
        row.add(Group::Recent, [sin * one, cos * one]);
        row.add(Group::Usual, [scale / capacity]);
        let weather = (!context.weather.is_empty()).then(|| weather_features(view, index, scale / capacity, (sin, cos)));
        into.add(&row, weather.as_deref().unwrap_or(&[]), 0.0, if scale > floor { scale } else { 0.0 });
    }
}

fn weather_features(view: &View<'_>, index: usize, sky: f64, (sin, cos): (f64, f64)) -> Vec<f64> {
    let weather = &view.context.weather;
    let column = |name: &str| weather.column(name);
    let (ghi, cloud) = (column(Quantity::GHI.name()), column("cloud_cover"));
    let columns = weather.width();
    let width = columns + 46;
    let Some((row, _)) = view.weather(index, 0, 0) else { return vec![f64::NAN; width] };
    let at = |hours: i64, c: Option<usize>| {
        c.and_then(|c| view.weather(index, hours, 0).map(|(row, _)| row[c])).filter(|v| v.is_finite())
    };
    let mut out: Vec<f64> = row.iter().map(|v| if v.is_finite() { *v } else { 0.0 }).collect();
    let index_of = |value: Option<f64>| value.map_or(0.7, |g| (g / 1000.0 / sky.max(0.05)).clamp(0.0, 2.0));
    let now = index_of(at(0, ghi));
    out.push(now);
    out.extend([0.3, 0.5, 0.7, 0.9, 1.1].map(|knot| (now - knot).max(0.0)));
    out.extend([now * sin, now * cos, now * sky]);
    out.extend([-1, 1].map(|h| index_of(at(h, ghi))));
    let cover = |h: i64| at(h, cloud).map_or(0.5, |c| c / 100.0);
    let c0 = cover(0);
    out.extend([c0, c0 * c0, c0 * c0 * c0, c0 * now, c0 * sin, c0 * cos, cover(-1), cover(1), cover(-2), cover(2)]);
    let share = match (at(0, ghi), at(0, column("toa_net_solar"))) {
        (Some(g), Some(t)) if t > 20.0 => (g / t).clamp(0.0, 1.5),
        _ => 0.7,
    };
    out.extend([share, share * share, share * sin, share * cos]);
    // The column of air above: what part of the light that the earth keeps reaches the ground, around the hour and a day ago.
    let toa = column("toa_net_solar");
    let through = |hours: i64| match (at(hours, ghi), at(hours, toa)) {
        (Some(g), Some(t)) if t > 20.0 => Some((g / t).clamp(0.0, 1.2)),
        _ => at(hours, ghi).filter(|_| toa.is_none()).map(|g| index_of(Some(g))),
    };
    let mean = |reach: i64, of: &dyn Fn(i64) -> Option<f64>| {
        let known: Vec<f64> = (-reach..=reach).filter_map(of).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let (near, wide) = (mean(1, &through).unwrap_or(share), mean(4, &through).unwrap_or(share));
    let covered = |h: i64| at(h, cloud).map(|c| c / 100.0);
    let (near_cover, wide_cover) = (mean(1, &covered).unwrap_or(c0), mean(4, &covered).unwrap_or(c0));
    out.extend([near, wide, near * near, near_cover, wide_cover, near_cover * near]);
    out.extend([0.45, 0.6, 0.7].map(|knot| (near - knot).max(0.0)));
    out.extend([near * sin, near * cos, near_cover * sin, near_cover * cos]);
    let liquid = |name: &str| at(0, column(name)).map_or(0.0, |w| (w.max(0.0) / 0.02).ln_1p());
    let (water, ice) = (liquid("cloud_liquid_water"), liquid("cloud_ice_water"));
    out.extend([water, ice, water * water, ice * ice]);
    let before = through(-24).unwrap_or(near);
    out.extend([before, near - before, wide - mean_before(&through).unwrap_or(wide)]);
    out.resize(width, 0.0);
    out
}

/// Mean of what the runs said about the hours around the same time a day before.
fn mean_before(of: &dyn Fn(i64) -> Option<f64>) -> Option<f64> {
    let known: Vec<f64> = (-28..=-20).filter_map(of).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

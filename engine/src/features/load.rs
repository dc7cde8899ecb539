//! Feature rows of a load: older days and weeks against the blend, recent level, calendar, past and forecast temperature.
//!
//! In: a view and leads. Out: rows whose base is half a day and half a week ago at the same civil time, whose scale is the
//! mean of the last week. All differences are relative to that scale.

use super::{Calendar, FeatureMatrix, Moment, View};

/// Adds one row per lead.
pub fn load_rows(view: &View<'_>, leads: &[usize], into: &mut FeatureMatrix) {
    let context = view.context;
    let (day, hour) = (context.day, context.hour);
    let scale = view.mean(7 * day, 0).abs().max(1e-9);
    let relative = |width: usize, gap: usize, older: usize| {
        let change = (view.mean(width, gap) - view.mean(width, gap + older)) / scale;
        if change.is_finite() { change } else { 0.0 }
    };
    let recent = [
        relative(hour, 0, day),
        relative(hour, 0, 7 * day),
        relative(3 * hour, 0, day),
        relative(3 * hour, 0, 7 * day),
        relative(6 * hour, 0, 7 * day),
        relative(day, 0, day),
        relative(day, 0, 7 * day),
        relative(day, 0, 14 * day),
        relative(7 * day, 0, 7 * day),
    ];
    let warmth = |width: usize, older: usize| match (view.temperature(width, 0), view.temperature(width, older)) {
        (Some(now), Some(then)) if (now - then).is_finite() => (now - then) / 10.0,
        _ => 0.0,
    };
    let level = view.temperature(day, 0).filter(|t| t.is_finite()).map_or(0.0, |t| (t - 18.0) / 10.0);
    let warmer = [warmth(6 * hour, day), warmth(day, day), warmth(day, 7 * day)];
    let column = context.weather.column(crate::domain::Quantity::TEMP_AIR.name());
    for &k in leads {
        let now = context.calendar.at(view.origin + k);
        let first = (k + view.delay) / day + 1;
        let week = first.div_ceil(7) * 7;
        let (daily, day_moment) = civil_lag(view, k, first);
        let (weekly, week_moment) = civil_lag(view, k, week);
        let weekly = if weekly.is_finite() { weekly } else { daily };
        let base = 0.5 * (daily + weekly);
        let against = |days: usize| {
            let value = (civil_lag(view, k, days).0 - base) / scale;
            if value.is_finite() { value } else { 0.0 }
        };
        let mut row = Vec::with_capacity(96);
        let gap = (daily - weekly) / scale;
        row.push(gap);
        let weekend = |m: Moment| if m.weekday >= 5 { 1.0 } else { 0.0 };
        for match_day in [0, 4, 5, 6] {
            row.push(if now.weekday == match_day { gap } else { 0.0 });
        }
        row.extend((1..6).map(|d| against(first + d)));
        row.extend([against(week + 7), against(week + 14), against(week + 21)]);
        let share = 1.0 / (1.0 + k as f64 / (3 * hour) as f64);
        for change in recent {
            row.push(change);
        }
        row.extend([recent[0] * share, recent[1] * share]);
        row.extend(warmer);
        row.extend(warmer.map(|w| w * level));
        let (sin, cos) = now.day_angle().sin_cos();
        row.extend([recent[6] * sin, recent[6] * cos, warmer[2] * sin, warmer[2] * cos]);
        calendar_features(now, day_moment, week_moment, &mut row);
        row.push(weekend(now) - weekend(day_moment));
        for (sin, cos) in [now.day_angle().sin_cos(), (2.0 * now.day_angle()).sin_cos()] {
            let mismatch = weekend(now) - weekend(day_moment);
            row.extend([mismatch * sin, mismatch * cos]);
        }
        let weather = column.map(|column| temperature_features(view, k, column));
        into.push(&row, weather.as_deref().unwrap_or(&[]), base, scale);
    }
}

/// The value `days` days before step `k` at the same civil time, and the civil time it came from.
pub fn civil_lag(view: &View<'_>, k: usize, days: usize) -> (f64, Moment) {
    let calendar: &Calendar = &view.context.calendar;
    let target = calendar.at(view.origin + k);
    let Some(plain) = (view.origin + k).checked_sub(days * view.context.day) else { return (f64::NAN, target) };
    let moment = calendar.at(plain);
    let shift = i64::from(target.offset - moment.offset) * view.context.hour as i64 / 3600;
    let shifted = view.value_at(plain as i64 + shift);
    (if shifted.is_finite() { shifted } else { view.value(plain) }, moment)
}

fn calendar_features(now: Moment, day: Moment, week: Moment, row: &mut Vec<f64>) {
    let (angle, season) = (now.day_angle(), now.year_angle());
    for harmonic in 1..=4 {
        let (sin, cos) = (f64::from(harmonic) * angle).sin_cos();
        row.extend([sin, cos]);
    }
    let (season_sin, season_cos) = season.sin_cos();
    row.extend([season_sin, season_cos]);
    for harmonic in 1..=2 {
        let (sin, cos) = (f64::from(harmonic) * angle).sin_cos();
        row.extend([sin * season_sin, sin * season_cos, cos * season_sin, cos * season_cos]);
    }
    row.extend((0..6).map(|d| if now.weekday == d { 1.0 } else { 0.0 }));
    let flag = |on: bool| if on { 1.0 } else { 0.0 };
    let lags = |f: &dyn Fn(Moment) -> bool| 0.5 * (flag(f(day)) + flag(f(week)));
    let (sin, cos) = angle.sin_cos();
    let holiday = flag(now.kind.holiday) - lags(&|m| m.kind.holiday);
    row.extend([holiday, holiday * sin, holiday * cos, flag(now.before.holiday) - lags(&|m| m.before.holiday)]);
    let ramadan = flag(now.kind.ramadan) - lags(&|m| m.kind.ramadan);
    row.extend([ramadan, ramadan * sin, ramadan * cos]);
    row.push(flag(now.kind.eid) - lags(&|m| m.kind.eid));
}

/// Forecast temperature: level and degree hinges, against the same a day before where the runs speak of it.
fn temperature_features(view: &View<'_>, k: usize, column: usize) -> Vec<f64> {
    let at = |hours: i64| view.weather(view.origin + k, hours, 0).map_or(f64::NAN, |(row, _)| row[column]);
    let now = at(0);
    let hinge = |knot: f64| (now - knot).max(0.0) / 10.0;
    vec![now / 10.0, hinge(12.0), hinge(18.0), hinge(22.0), hinge(26.0), hinge(32.0)]
}

//! Feature rows for trees: what the linear rows of a kind hold, and beside it the raw quantities that trees cut by themselves.
//!
//! In: a view and leads. Out: rows with the base and scale of the linear rows, wider by the lead, civil time, day kinds, raw
//! levels, relatives' recent changes and raw weather of neighbouring hours and runs. Hinges and products are left to the trees.

use super::group::Features;
use super::{FeatureMatrix, Group, Moment, TargetKind, View, civil_lag, load_rows, solar_rows, wind_columns, wind_rows};

/// Most relatives whose past is looked at.
const MOST_RELATIVES: usize = 6;

/// Adds one row per lead to both: the linear rows of the kind, and the wider ones of the trees.
pub fn tree_rows(view: &View<'_>, leads: &[usize], linear: &mut FeatureMatrix, trees: &mut FeatureMatrix) {
    let context = view.context;
    let before = linear.len();
    match context.kind {
        TargetKind::Load => load_rows(view, leads, linear),
        TargetKind::Wind => wind_rows(view, leads, linear),
        TargetKind::Solar => solar_rows(view, leads, linear),
    }
    let common = recent(view, trees.is_empty());
    for (index, &k) in leads.iter().enumerate().map(|(i, k)| (before + i, k)) {
        let moment = context.calendar.seen(view.origin + k, view.origin);
        let (base, scale) = (linear.base[index], linear.scale[index]);
        let (held, ahead) = linear.row(index).split_at(linear.plain);
        let mut plain = Features::of(held, &linear.groups, trees.is_empty());
        plain.add(Group::Usual, [k as f64 / context.hour as f64]);
        civil(moment, &mut plain);
        plain.append(&common, true);
        if context.kind == TargetKind::Load {
            levels(view, k, base, scale, &mut plain);
        }
        let weather = if context.kind == TargetKind::Wind { wind(view, k) } else { ahead.to_vec() };
        trees.add(&plain, &weather, base, scale);
    }
}

fn civil(moment: Moment, row: &mut Features) {
    row.add(Group::Usual, [f64::from(moment.minute)]);
    row.add(Group::Calendar, [f64::from(moment.weekday)]);
    row.add(Group::Usual, [f64::from(moment.day_of_year)]);
    let kind = &moment.kind;
    let shares = [kind.holiday, moment.before.holiday, kind.ramadan, kind.eid(), kind.bridge, moment.after_sunset];
    row.add(Group::Calendar, shares.map(f64::from));
}

/// What does not depend on the lead: the time of the issue, levels of the target and of its relatives against their last week.
fn recent(view: &View<'_>, is_named: bool) -> Features {
    let (day, hour) = (view.context.day, view.context.hour);
    let week = view.mean(7 * day, 0);
    let mut row = Features::new(64, is_named);
    row.add(Group::Usual, [(view.origin % day) as f64 / hour as f64]);
    row.add(Group::Recent, [hour, 6 * hour, day].map(|width| view.mean(width, 0) / week));
    row.add(Group::Recent, [view.mean(day, 7 * day) / week]);
    row.add(Group::Weather, [3 * hour, day].map(|width| view.temperature(width, 0).unwrap_or(f64::NAN)));
    row.add(Group::Weather, [view.wind_speed(hour).unwrap_or(f64::NAN)]);
    for sibling in 0..view.relatives().min(MOST_RELATIVES) {
        let level = view.relative_mean(sibling, 7 * day, 0);
        let now = |width: usize| view.relative_mean(sibling, width, 0) / level;
        let change = |width: usize, older: usize| {
            (view.relative_mean(sibling, width, 0) - view.relative_mean(sibling, width, older)) / level
        };
        row.add(Group::Recent, [now(hour), change(hour, hour)]);
        row.add(
            Group::Recent,
            match view.context.kind {
                TargetKind::Load => [change(3 * hour, 7 * day), change(day, 7 * day)],
                TargetKind::Wind | TargetKind::Solar => [now(3 * hour), now(day)],
            },
        );
    }
    row
}

/// Shares of the level that a load had at the same civil time some days ago.
fn levels(view: &View<'_>, k: usize, base: f64, scale: f64, row: &mut Features) {
    let first = (k + view.delay) / view.context.day + 1;
    let week = first.div_ceil(7) * 7;
    row.add(Group::Recent, [base / scale]);
    row.add(Group::Recent, [first, first + 1, week, week + 7].map(|days| civil_lag(view, k, days).0 / scale));
}

/// Wind of the newest run around the hour, of older runs, and everything else the newest run says.
fn wind(view: &View<'_>, k: usize) -> Vec<f64> {
    let weather = &view.context.weather;
    let Some(columns) = wind_columns(weather) else { return Vec::new() };
    let index = view.origin + k;
    let all = weather.width();
    let Some((now, age)) = view.weather(index, 0, 0) else { return vec![f64::NAN; WIND + all] };
    let speed = |hours: i64, older: i64| {
        view.weather(index, hours, older).map_or(f64::NAN, |(row, _)| {
            let (u, v) = columns.components(&row);
            u.hypot(v)
        })
    };
    let (u, v) = columns.components(&now);
    let around = [-6, -3, -2, -1, 1, 2, 3, 6].map(|hours| speed(hours, 0));
    let older = [12, 24, 36].map(|hours| speed(0, hours));
    let mean = |values: &[f64]| {
        let (sum, count) = values.iter().filter(|v| v.is_finite()).fold((0.0, 0.0), |(s, c), v| (s + v, c + 1.0));
        sum / count
    };
    let here = u.hypot(v);
    let near = mean(&[around[2], around[3], here, around[4], around[5]]);
    let runs = mean(&[here, older[0], older[1], older[2]]);
    let mut row = vec![here, v.atan2(u), u, v, near, runs, mean(&[near, runs]), around[4] - around[3], here - older[0]];
    row.extend(around);
    row.extend(older);
    row.extend(now.iter());
    row.push(age);
    row
}

/// Columns of [`wind`] beside those of the run itself.
const WIND: usize = 21;

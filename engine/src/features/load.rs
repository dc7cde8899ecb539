//! Feature rows of a load: how far it was from its calendar normal, now, on older days and weeks, its relatives and the weather
//! too.
//!
//! In: a view and leads. Out: rows whose base is the normal of the step carried by half of yesterday's and half of last week's
//! anomaly, whose scale is the normal. Where no normal is known yet, base and scale are NaN.

use super::group::Features;
use super::{Calendar, FeatureMatrix, Group, Moment, Normal, Series, View};

/// Relatives whose anomalies are looked at.
const RELATIVES: usize = 3;
/// The normal temperature at which warmer neither heats nor cools, °C; between the balance points of ASHRAE degree days (10 to 18)
/// and of air conditioning.
const MILD: f64 = 18.0;

/// Days of one kind that are looked at, and how far back.
const ALIKE: usize = 6;
const REACH: usize = 28;
/// Share of the level's difference to last week that is left a day later, as of daily temperature anomalies.
const LEFT: f64 = 0.7;

/// Anomalies of one series up to an edge.
struct Past<'a> {
    normal: &'a Normal,
    series: &'a Series,
    edge: usize,
}

impl<'a> Past<'a> {
    fn new((normal, edge): (&'a Normal, usize)) -> Self {
        Self { normal, series: normal.anomalies(), edge }
    }

    /// Mean anomaly over the `width` rows that end `gap` rows before the edge; 0 where none is known.
    fn mean(&self, width: usize, gap: usize) -> f64 {
        let to = self.edge.saturating_sub(gap);
        known(self.series.mean(to.saturating_sub(width), to))
    }

    fn at(&self, index: Option<usize>) -> f64 {
        index.filter(|&i| i < self.edge).map_or(0.0, |i| known(self.series.get(i)))
    }
}

fn known(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

/// Adds one row per lead.
pub fn load_rows(view: &View<'_>, leads: &[usize], into: &mut FeatureMatrix) {
    let context = view.context;
    let (day, hour) = (context.day, context.hour);
    let own = Past::new(view.normal());
    let others: Vec<Past<'_>> = view.sibling_normals().into_iter().take(RELATIVES).map(Past::new).collect();
    let station: Vec<Past<'_>> = view.station_normals().into_iter().map(Past::new).collect();
    let level = own.mean(7 * day, 0);
    let now = own.mean(hour, 0) - level;
    let against = |width: usize, gap: usize| own.mean(width, gap) - level;
    let recent = [
        against(1, 0) - now,
        now,
        now - against(hour, hour),
        against(3 * hour, 0),
        against(6 * hour, 0),
        against(day, 0),
        against(3 * day, 0),
        against(28 * day, 0),
        against(hour, day),
        against(3 * hour, day),
        against(hour, 2 * day),
        against(hour, 7 * day),
        against(3 * hour, 7 * day),
        against(day, day),
        against(day, 7 * day),
    ];
    // Where less than a year is known a season cannot be told from a change that stays: levels are then no reason to return.
    let ripe = (view.known() as f64 / (365 * day) as f64 - 1.0).clamp(0.0, 1.0);
    let mut nearby = Vec::with_capacity(4 * others.len());
    for other in &others {
        let usual = other.mean(7 * day, 0);
        nearby.extend([hour, 6 * hour, day].map(|width| other.mean(width, 0) - usual));
        nearby.push((usual - level) * ripe);
    }
    let warmth = station.first().filter(|_| view.temperature(1, 0).is_some());
    let mut weather = Vec::new();
    for (at, past) in station.iter().enumerate() {
        let (size, usual) = (if at == 0 && warmth.is_some() { 10.0 } else { 100.0 }, past.mean(7 * day, 0));
        weather.extend([(6 * hour, 0), (day, 0), (day, day), (3 * day, 0)].map(|(w, gap)| (past.mean(w, gap) - usual) / size));
        weather.push(usual / size * ripe);
    }
    let (warm, warmer) = if warmth.is_some() { (weather[0], weather[1]) } else { (0.0, 0.0) };
    let heat = (known(view.temperature(7 * day, 0).unwrap_or(MILD)) - MILD) / 10.0;
    let column = context.weather.column(crate::domain::Quantity::TEMP_AIR.name());
    let pattern = Pattern::new(view);
    for &k in leads {
        let moment = context.calendar.seen(view.origin + k, view.origin);
        let usual = own.normal.value(&moment, own.edge);
        let unit = own.normal.unit(usual, own.edge);
        let first = (k + view.delay) / day + 1;
        let week = first.div_ceil(7) * 7;
        let lag = |past: &Past<'_>, days: usize| past.at(civil_index(view, k, days).map(|(index, _)| index));
        let (daily, weekly) = (lag(&own, first), lag(&own, week));
        let base = pattern.anomaly(k, &moment);
        let blend = 0.5 * (daily + weekly);
        let change = |days: usize| lag(&own, days) - base;
        let (sin, cos) = moment.day_angle().sin_cos();
        let mut row = Features::new(96, into.is_empty());
        let recently = Group::Recent;
        row.add(recently, [daily - weekly, blend - base, (blend - base) * sin, (blend - base) * cos, blend * ripe, level * ripe]);
        row.add(recently, [base - level, (base - level) * sin, (base - level) * cos]);
        row.add(recently, (1..6).map(|d| change(first + d)));
        row.add(recently, [change(week + 7), change(week + 14), change(week + 21)]);
        row.add(recently, others.iter().map(|other| lag(other, first) - other.mean(7 * day, 0)));
        row.add(recently, recent);
        let soon = 1.0 / (1.0 + k as f64 / hour as f64);
        let faded = [now * soon, recent[2] * soon, recent[0] * soon, now * sin, now * cos, recent[5] * sin, recent[5] * cos];
        row.add(recently, faded);
        row.add(recently, nearby.iter().copied());
        row.add(Group::Weather, weather.iter().copied());
        if warmth.is_some() {
            row.add(Group::Weather, [warm * heat, warmer * heat, warmer * sin, warmer * cos]);
        }
        calendar_features(&moment, &mut row);
        let forecast = column.map(|column| temperature_features(view, k, column));
        into.add(&row, forecast.as_deref().unwrap_or(&[]), usual + unit * base, unit);
    }
}

/// How the last days of a kind bent from their normal, around a level that returns to last week's.
#[derive(Debug)]
pub struct Pattern<'v, 'a> {
    view: &'v View<'a>,
    anomalies: &'v Series,
    edge: usize,
    level: f64,
    now: f64,
}

impl<'v, 'a> Pattern<'v, 'a> {
    /// From what the view knows.
    pub fn new(view: &'v View<'a>) -> Self {
        let (normal, edge) = view.normal();
        let (anomalies, day) = (normal.anomalies(), view.context.day);
        let mean = |width: usize| known(anomalies.mean(edge.saturating_sub(width), edge));
        Self { view, anomalies, edge, level: mean(7 * day), now: mean(day) }
    }

    /// The anomaly to expect at step `k`, whose civil time is `moment`, in units of the normal.
    pub fn anomaly(&self, k: usize, moment: &Moment) -> f64 {
        let day = self.view.context.day;
        let first = (k + self.view.delay) / day + 1;
        let bends = (first..first + REACH)
            .filter_map(|days| civil_index(self.view, k, days))
            .filter(|(at, _)| *at < self.edge)
            .filter(|(_, then)| then.is_weekend() == moment.is_weekend() && then.kind.is_like(&moment.kind))
            .map(|(at, _)| {
                let to = (at + day / 2).min(self.edge);
                self.anomalies.get(at) - self.anomalies.mean(to.saturating_sub(day), to)
            })
            .filter(|bend| bend.is_finite());
        let (sum, count) = bends.take(ALIKE).fold((0.0, 0.0), |(sum, count), bend| (sum + bend, count + 1.0));
        let left = LEFT.powf((k + self.view.delay) as f64 / day as f64 + 0.5);
        self.level + (self.now - self.level) * left + if count > 0.0 { sum / count } else { 0.0 }
    }
}

/// The row `days` days before step `k` at the same civil time, and its civil time; `None` before the first row.
fn civil_index(view: &View<'_>, k: usize, days: usize) -> Option<(usize, Moment)> {
    let calendar: &Calendar = &view.context.calendar;
    let plain = (view.origin + k).checked_sub(days * view.context.day)?;
    let (target, moment) = (calendar.seen(view.origin + k, view.origin), calendar.at(plain));
    let shift = i64::from(target.offset - moment.offset) * view.context.hour as i64 / 3600;
    let shifted = usize::try_from(plain as i64 + shift).unwrap_or(plain);
    Some((if shifted < view.edge() { shifted } else { plain }, moment))
}

/// The value `days` days before step `k` at the same civil time, and the civil time it came from.
pub fn civil_lag(view: &View<'_>, k: usize, days: usize) -> (f64, Moment) {
    let nothing = || (f64::NAN, view.context.calendar.seen(view.origin + k, view.origin));
    civil_index(view, k, days).map_or_else(nothing, |(index, moment)| (view.value(index), moment))
}

/// Time of day, season and weekend. Holidays and feasts are in the normal; as flags here a handful of days would bend every row.
fn calendar_features(now: &Moment, row: &mut Features) {
    for harmonic in 1..=3 {
        let (sin, cos) = (f64::from(harmonic) * now.day_angle()).sin_cos();
        row.add(Group::Usual, [sin, cos]);
    }
    let (sin, cos) = now.year_angle().sin_cos();
    let weekend = f64::from(u8::from(now.is_weekend()));
    row.add(Group::Usual, [sin, cos]);
    row.add(Group::Calendar, [weekend]);
}

/// Forecast temperature: level and degree hinges.
fn temperature_features(view: &View<'_>, k: usize, column: usize) -> Vec<f64> {
    let now = view.weather(view.origin + k, 0, 0).map_or(f64::NAN, |(row, _)| row[column]);
    let hinge = |knot: f64| (now - knot).max(0.0) / 10.0;
    vec![now / 10.0, hinge(12.0), hinge(18.0), hinge(22.0), hinge(26.0), hinge(32.0)]
}

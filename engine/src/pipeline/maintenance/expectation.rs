//! What a machine is expected to produce, and how hard the wind is expected to blow, hour by hour.
//!
//! In: forecasts, past readings, weather runs, annotations. Out: the lists of an [`Expected`]. Pure. Rows known after `now` are not used.

use crate::domain::Annotation;
use crate::domain::AnnotationKind;
use crate::domain::Asset;
use crate::domain::Forecast;
use crate::domain::Timestamp;
use crate::domain::WeatherForecasts;
use crate::domain::WeatherRow;
use crate::domain::micros;
use crate::planning::Expected;
use jiff::SignedDuration;
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000_000;

/// The wind is not exceeded with this probability, by the errors of its forecasts so far.
pub(super) const WIND_QUANTILE: f64 = 0.9;

/// Hours with both a forecast and a measurement from which on their differences count.
pub(super) const LEAST_PAIRS: usize = 72;

/// Heights of the wind in a weather forecast, nearest to a hub first.
const HEIGHTS: [&str; 5] = ["_100m", "_120m", "_80m", "", "_10m"];

/// What stands behind an [`Expected`], for the reasons.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Known {
    /// Hours with both forecast and measured wind; below [`LEAST_PAIRS`] the forecast stands as it is.
    pub(super) wind_pairs: usize,
    /// Its production is known at all.
    pub(super) produces: bool,
    /// Production of the last weeks, kW.
    pub(super) past: Series,
}

/// Hourly means of one series: hour since 1970 → value.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Series(BTreeMap<i64, f64>);

impl Series {
    /// From times (microseconds) and values.
    pub(super) fn new(rows: Vec<(i64, f64)>) -> Self {
        let mut sums: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
        for (time, value) in rows.into_iter().filter(|(_, value)| value.is_finite()) {
            let sum = sums.entry(time.div_euclid(HOUR)).or_default();
            *sum = (sum.0 + value, sum.1 + 1.0);
        }
        Self(sums.into_iter().map(|(hour, (sum, n))| (hour, sum / n)).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn times(mut self, factor: f64) -> Self {
        self.0.values_mut().for_each(|value| *value *= factor);
        self
    }

    /// Mean of what is not below zero in a stretch of time.
    pub(super) fn mean(&self, from: Timestamp, to: Timestamp) -> Option<f64> {
        let (first, last) = (micros(from).div_euclid(HOUR), micros(to).div_euclid(HOUR));
        let values: Vec<f64> = self.0.range(first..=last.max(first)).map(|(_, value)| value.max(0.0)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Mean and 0.9 quantile per hour of the day (UTC); NaN for hours without a value.
    fn by_hour_of_day(&self) -> [(f64, f64); 24] {
        let mut hours: Vec<Vec<f64>> = vec![Vec::new(); 24];
        for (hour, value) in &self.0 {
            hours[hour.rem_euclid(24) as usize].push(value.max(0.0));
        }
        std::array::from_fn(|hour| match hours[hour].len() {
            0 => (f64::NAN, f64::NAN),
            n => (hours[hour].iter().sum::<f64>() / n as f64, quantile(&mut hours[hour], 0.9)),
        })
    }
}

/// Linear between the order statistics, as numpy does it; the list is not empty.
fn quantile(values: &mut [f64], level: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = level * (values.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    values[below] + (values[above] - values[below]) * (place - place.floor())
}

/// The part of a plant that a machine of it is: by rated power, else one of its like.
pub(super) fn part(asset: &Asset, plant: &Asset, assets: &[Asset]) -> f64 {
    let alike = assets.iter().filter(|other| other.parent_id.as_ref() == Some(&plant.id) && other.kind == asset.kind);
    let (mut count, mut rated) = (0.0, Some(0.0));
    for other in alike {
        count += 1.0;
        rated = rated.zip(other.capacity_kw).map(|(sum, own)| sum + own);
    }
    let whole = rated.filter(|sum| *sum > 0.0).or(plant.capacity_kw);
    match asset.capacity_kw.zip(whole) {
        Some((own, whole)) if own > 0.0 && whole >= own => own / whole,
        _ if count > 0.0 => 1.0 / count,
        _ => 1.0,
    }
}

/// Production per hour: of a forecast and the part of it that is meant, where it reaches; else what the hour of the day usually
/// gives; else nought. No wind is known yet.
pub(super) fn production(forecast: Option<(&Forecast, f64)>, usual: &Series, from: Timestamp, slots: usize) -> Expected {
    let first = micros(from).div_euclid(HOUR);
    let mut steps: BTreeMap<i64, (f64, f64, f64)> = BTreeMap::new();
    if let Some((forecast, part)) = forecast {
        let near = |level: f64| {
            let distance = |at: &usize| (forecast.quantiles[*at].value() - level).abs();
            (0..forecast.quantiles.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))
        };
        let high = near(0.9);
        for (time, row) in forecast.valid_times.iter().zip(&forecast.values) {
            let Some(high) = high.and_then(|high| row.get(high)).filter(|_| row.iter().all(|value| value.is_finite())) else {
                continue;
            };
            // The quantiles lie evenly about the middle: their mean is that of the distribution, tails apart.
            let mean = row.iter().sum::<f64>() / row.len() as f64;
            let sum = steps.entry(micros(*time).div_euclid(HOUR) - first).or_default();
            *sum = (sum.0 + mean.max(0.0) * part, sum.1 + high.max(0.0) * part, sum.2 + 1.0);
        }
    }
    let of_day = usual.by_hour_of_day();
    let mut expected = Expected {
        mean: Vec::with_capacity(slots),
        high: Vec::with_capacity(slots),
        wind: vec![f64::NAN; slots],
        usual: Vec::with_capacity(slots),
        outage: vec![false; slots],
    };
    for slot in 0..slots as i64 {
        let ((mean, high), stands_in) = match steps.get(&slot) {
            Some((mean, high, n)) => ((mean / n, high / n), false),
            None => (of_day[(first + slot).rem_euclid(24) as usize], true),
        };
        let mean = if mean.is_finite() { mean } else { 0.0 };
        expected.mean.push(mean);
        expected.high.push(if high.is_finite() { high.max(mean) } else { mean });
        expected.usual.push(stands_in);
    }
    expected
}

/// Wind speed per hour that is not exceeded with [`WIND_QUANTILE`], m/s, NaN where no run reaches; and the number of hours its
/// allowance is learnt from. Of each source the newest run known counts, of several sources their mean. The allowance is the quantile
/// of measured minus forecast, as each hour was forecast at least six hours ahead; it also puts the forecast's height right.
pub(super) fn wind(
    weather: &WeatherForecasts,
    measured: &Series,
    from: Timestamp,
    slots: usize,
    now: Timestamp,
) -> (Vec<f64>, usize) {
    let at = |name: String| weather.quantities.iter().position(|quantity| quantity.name() == name);
    let columns = |height: &str| match (at(format!("wind_u{height}")), at(format!("wind_v{height}"))) {
        (Some(u), Some(v)) => Some((u, Some(v))),
        _ => at(format!("wind_speed{height}")).map(|speed| (speed, None)),
    };
    let Some((first, second)) = HEIGHTS.into_iter().find_map(columns) else { return (vec![f64::NAN; slots], 0) };
    let speed = |row: &WeatherRow| second.map_or(row.values[first], |second| row.values[first].hypot(row.values[second]));
    let ahead = SignedDuration::from_hours(6);
    // (hour, source) → newest run and its value, for what is to come and for what was measured.
    let (mut coming, mut past) = (BTreeMap::new(), BTreeMap::new());
    for row in weather.rows.iter().filter(|row| row.available_at <= now && speed(row).is_finite()) {
        let newest = |held: &mut BTreeMap<(i64, usize), (Timestamp, f64)>| {
            let run = (row.init_time, speed(row));
            let held = held.entry((micros(row.valid_time).div_euclid(HOUR), row.source)).or_insert(run);
            if run.0 > held.0 {
                *held = run;
            }
        };
        newest(&mut coming);
        if row.valid_time.duration_since(row.available_at) >= ahead {
            newest(&mut past);
        }
    }
    let mean = |held: &BTreeMap<(i64, usize), (Timestamp, f64)>, hour: i64| {
        let values: Vec<f64> = held.range((hour, 0)..=(hour, usize::MAX)).map(|(_, run)| run.1).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let mut errors: Vec<f64> = measured.0.iter().filter_map(|(hour, value)| Some(value - mean(&past, *hour)?)).collect();
    let pairs = errors.len();
    let allowance = if pairs >= LEAST_PAIRS { quantile(&mut errors, WIND_QUANTILE) } else { 0.0 };
    let begin = micros(from).div_euclid(HOUR);
    let known = |slot: i64| mean(&coming, begin + slot).map_or(f64::NAN, |speed| (speed + allowance).max(0.0));
    ((0..slots as i64).map(known).collect(), pairs)
}

/// Brings production down to what an annotation leaves of it; `part` is what of that power is this machine's.
pub(super) fn hold_down(expected: &mut Expected, annotation: &Annotation, part: f64, from: Timestamp) {
    let Some(limit) = annotation.limit_kw() else { return };
    for slot in 0..expected.mean.len() {
        let begin = micros(from) + slot as i64 * HOUR;
        if annotation.meets(begin, begin + HOUR) {
            expected.mean[slot] = expected.mean[slot].min(limit * part);
            expected.high[slot] = expected.high[slot].min(limit * part);
            expected.outage[slot] |= annotation.kind == AnnotationKind::PlannedOutage && limit == 0.0;
        }
    }
}

#[cfg(test)]
mod tests;

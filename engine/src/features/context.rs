//! A target prepared once, and what of it was known at an origin.
//!
//! In: a [`Target`] and a horizon. Out: [`Context`] and [`View`]. A view reads only rows before its edge that were available
//! at its origin; fitting takes sub-views of the past. Origins are grid indices.

use super::mask::masked;
use super::normal::{Normal, Scale};
use super::series::{Channel, Known};
use super::{Calendar, FeatureError, HolidayCalendar, Series, Target, TargetKind, WeatherIndex};
use crate::domain::{Asset, Frame, IntervalLabel, Quantity, Resolution, Timestamp, from_micros, micros};
use std::sync::Arc;

/// Most steps of one forecast.
const MOST_STEPS: usize = 20_000;

/// A target on its grid: columns, calendar, weather.
#[derive(Debug, Clone)]
pub struct Context {
    /// Whose target.
    pub asset: Asset,
    /// Of what.
    pub quantity: Quantity,
    /// Physics of it.
    pub kind: TargetKind,
    /// Spacing of the grid.
    pub resolution: Resolution,
    /// Steps of a forecast.
    pub horizon: usize,
    /// Steps of a day.
    pub day: usize,
    /// Steps of an hour, at least 1.
    pub hour: usize,
    /// Civil time of the rows and a horizon beyond.
    pub calendar: Calendar,
    /// Which end of its interval a row's time names.
    pub interval_label: IntervalLabel,
    /// Weather model runs.
    pub weather: WeatherIndex,
    /// Residues of the origins' indices modulo a day: candidates are judged on past origins at these.
    pub phases: Vec<usize>,
    /// Residues of the past origins models are fitted on.
    pub fit_phases: Vec<usize>,
    start: i64,
    step: i64,
    target: Channel,
    siblings: Vec<Channel>,
    station: Vec<Channel>,
    has_temperature: bool,
    winds: Vec<Channel>,
    directions: Vec<Channel>,
}

/// What of a weather station the rows of a load look at, in this order.
const STATION: [Quantity; 3] = [Quantity::TEMP_AIR, Quantity::RELATIVE_HUMIDITY, Quantity::GHI];

impl Context {
    /// Prepares a target for forecasts of `horizon` steps issued at any of `origins`.
    ///
    /// # Errors
    /// [`FeatureError`]: no such column, unknown zone, a grid that does not divide the hour, an empty horizon.
    pub fn new(target: &Target, horizon: usize, origins: &[Timestamp]) -> Result<Self, FeatureError> {
        let frame = &target.frame;
        let asset = frame.asset.id.to_string();
        let seconds = frame.resolution.seconds();
        if 3600 % seconds != 0 {
            return Err(FeatureError::Resolution { asset, resolution: frame.resolution.to_string() });
        }
        if horizon == 0 || horizon > MOST_STEPS {
            return Err(FeatureError::Horizon { asset, steps: horizon, most: MOST_STEPS });
        }
        let channel = |other: &Frame, quantity: &Quantity| aligned(frame, other, quantity);
        let missing = FeatureError::NoColumn { asset, quantity: target.quantity.to_string() };
        let column = frame.column(&target.quantity).ok_or(missing)?;
        let (column, first_seen) = on_grid(frame, frame, column);
        let (usable, edits) = masked(target, &column, &first_seen);
        let target_channel = Channel::new(usable, first_seen).edited(edits);
        let (start, step) = (micros(frame.start), seconds * 1_000_000);
        let index = |time: Timestamp| micros(time).saturating_sub(start).div_euclid(step);
        let newest = origins.iter().map(|&t| usize::try_from(index(t)).unwrap_or(0)).max().unwrap_or(0).min(frame.len + MOST_STEPS);
        let rows = frame.len.max(newest) + horizon + 1;
        let holidays = HolidayCalendar::of(target, origins.iter().copied().max().unwrap_or(frame.start))?;
        let calendar =
            Calendar::with_holidays(&frame.asset, frame.start, frame.resolution, target.interval_label, rows, &holidays)?;
        let day = frame.resolution.steps_per_day();
        let mut phases: Vec<usize> =
            origins.iter().filter_map(|&t| usize::try_from(index(t).rem_euclid(day as i64)).ok()).collect();
        phases.sort_unstable();
        phases.dedup();
        let others = target.observations.iter().filter(|other| other.asset.id != frame.asset.id);
        let anemometers = |quantity: &Quantity| match channel(frame, quantity) {
            Some(own) => vec![own],
            None => others.clone().filter_map(|other| channel(other, quantity)).take(8).collect(),
        };
        Ok(Self {
            asset: frame.asset.clone(),
            quantity: target.quantity.clone(),
            kind: target.kind,
            resolution: frame.resolution,
            horizon,
            day,
            hour: usize::try_from(3600 / seconds).unwrap_or(1).max(1),
            calendar,
            interval_label: target.interval_label,
            weather: WeatherIndex::new(&target.weather),
            fit_phases: thinned(phases.clone(), day),
            phases: thinned(phases, day),
            start,
            step,
            target: target_channel,
            siblings: others.clone().filter_map(|other| channel(other, &target.quantity)).take(8).collect(),
            has_temperature: others.clone().any(|other| other.column(&Quantity::TEMP_AIR).is_some()),
            station: STATION.iter().filter_map(|quantity| others.clone().find_map(|other| channel(other, quantity))).collect(),
            winds: anemometers(&Quantity::WIND_SPEED),
            directions: anemometers(&Quantity::WIND_DIRECTION),
        })
    }

    /// Fits models on past origins of every hour, for issues at any time of day.
    pub fn fitted_hourly(mut self) -> Self {
        self.fit_phases = (0..self.day).step_by(self.hour).collect();
        self
    }

    /// Grid index of a time, if it lies on the grid at or after its start.
    pub fn index(&self, time: Timestamp) -> Option<usize> {
        let gap = micros(time).checked_sub(self.start)?;
        if gap % self.step == 0 { usize::try_from(gap / self.step).ok() } else { None }
    }

    /// Time of a grid index, also past the end.
    pub fn time(&self, index: usize) -> Timestamp {
        from_micros(self.micros(index))
    }

    /// Time of a grid index in microseconds.
    pub fn micros(&self, index: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(index as i64))
    }

    /// What was known at the origin with that index.
    pub fn view(&self, origin: usize) -> View<'_> {
        let delay = self.target.delay(origin, self.day);
        View {
            context: self,
            origin,
            delay,
            limit: origin.saturating_sub(delay),
            target: self.target.known_at(origin),
            siblings: self.siblings.iter().map(|c| c.known_at(origin)).collect(),
            station: self.station.iter().map(|c| c.known_at(origin)).collect(),
            winds: self.winds.iter().map(|c| c.known_at(origin).series).collect(),
            directions: self.directions.iter().map(|c| c.known_at(origin).series).collect(),
        }
    }
}

/// At most eight phases, evenly picked.
fn thinned(phases: Vec<usize>, day: usize) -> Vec<usize> {
    if phases.len() <= 8 {
        return if phases.is_empty() { vec![0] } else { phases };
    }
    (0..8).map(|i| i * day / 8).collect()
}

/// Column `quantity` of `other` on the grid of `frame`.
fn aligned(frame: &Frame, other: &Frame, quantity: &Quantity) -> Option<Channel> {
    let (values, first_seen) = on_grid(frame, other, other.column(quantity)?);
    Some(Channel::new(values, first_seen))
}

/// The value of the row of `other` that holds at each grid point of `frame`, and the first origin that may use it.
fn on_grid(frame: &Frame, other: &Frame, column: &[f64]) -> (Vec<f64>, Vec<u32>) {
    let (start, step) = (micros(frame.start), frame.resolution.seconds() * 1_000_000);
    let (from, spacing) = (micros(other.start), other.resolution.seconds() * 1_000_000);
    let mut values = Vec::with_capacity(frame.len);
    let mut first_seen = Vec::with_capacity(frame.len);
    for i in 0..frame.len {
        let time = start + step * i as i64;
        let row = usize::try_from((time - from).div_euclid(spacing)).ok().filter(|&row| row < other.len);
        let (value, known) = row.map_or((f64::NAN, i64::MAX), |row| (column[row], other.available_at[row]));
        let after = known.saturating_sub(start);
        let seen = after.div_euclid(step) + i64::from(after.rem_euclid(step) != 0);
        first_seen.push(u32::try_from(seen.max(i as i64 + 1)).unwrap_or(u32::MAX));
        values.push(value);
    }
    (values, first_seen)
}

/// What was known of a context at an origin.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// The prepared target.
    pub context: &'a Context,
    /// Grid index of the issue time: the first step forecast.
    pub origin: usize,
    /// Usual publication delay in steps.
    pub delay: usize,
    limit: usize,
    target: Known,
    siblings: Vec<Known>,
    station: Vec<Known>,
    winds: Vec<Arc<Series>>,
    directions: Vec<Arc<Series>>,
}

impl<'a> View<'a> {
    /// The same knowledge, seen from an earlier origin: features of a past forecast, for fitting.
    pub fn at(&self, origin: usize) -> Self {
        let origin = origin.min(self.origin);
        Self { origin, limit: origin.saturating_sub(self.delay), ..self.clone() }
    }

    /// First row not known.
    pub fn edge(&self) -> usize {
        self.limit
    }

    /// The target's value at `index`; NaN at or beyond the edge.
    pub fn value(&self, index: usize) -> f64 {
        if index < self.limit { self.target.series.get(index) } else { f64::NAN }
    }

    /// The target's value at a signed index.
    pub fn value_at(&self, index: i64) -> f64 {
        usize::try_from(index).map_or(f64::NAN, |i| self.value(i))
    }

    /// Mean of the target over the `width` rows that end `gap` rows before the edge.
    pub fn mean(&self, width: usize, gap: usize) -> f64 {
        let to = self.limit.saturating_sub(gap);
        if self.limit < gap + width { f64::NAN } else { self.target.series.mean(to - width, to) }
    }

    /// Last known value, NaN when there is none.
    pub fn last(&self) -> f64 {
        self.target.series.last_before(self.limit).map_or(f64::NAN, |i| self.target.series.get(i))
    }

    /// Known values before the edge.
    pub fn known(&self) -> usize {
        self.target.series.known(0, self.limit)
    }

    /// The target's known rows `[from, edge)`, holes as NaN.
    pub fn past(&self, from: usize) -> &[f64] {
        self.target.series.slice(from, self.limit)
    }

    /// The target as a whole; callers must stay before [`View::edge`].
    pub(crate) fn series(&self) -> &Series {
        &self.target.series
    }

    /// Mean of a sibling over the last `width` rows before the edge.
    pub fn sibling_means(&self, width: usize) -> Vec<f64> {
        self.siblings.iter().map(|s| s.series.mean(self.limit.saturating_sub(width), self.limit)).collect()
    }

    /// Number of relatives that hold the target's quantity.
    pub fn relatives(&self) -> usize {
        self.siblings.len()
    }

    /// Mean of a relative over `width` rows that end `gap` rows before the edge; NaN where nothing is known.
    pub fn relative_mean(&self, relative: usize, width: usize, gap: usize) -> f64 {
        let to = self.limit.saturating_sub(gap);
        self.siblings.get(relative).map_or(f64::NAN, |s| s.series.mean(to.saturating_sub(width), to))
    }

    /// Mean air temperature nearby over `width` rows that end `gap` rows before the edge.
    pub fn temperature(&self, width: usize, gap: usize) -> Option<f64> {
        let to = self.limit.checked_sub(gap)?;
        let temperature = self.station.first().filter(|_| self.context.has_temperature)?;
        Some(temperature.series.mean(to.checked_sub(width)?, to))
    }

    /// The target's calendar normal, and the edge its anomalies may be read to.
    pub fn normal(&self) -> (&Normal, usize) {
        self.target.normal(&self.context.calendar, self.context.day, Scale::Relative, self.limit)
    }

    /// The same of each sibling.
    pub fn sibling_normals(&self) -> Vec<(&Normal, usize)> {
        let context = self.context;
        self.siblings.iter().map(|s| s.normal(&context.calendar, context.day, Scale::Relative, self.limit)).collect()
    }

    /// The same of the weather station's temperature (where there is one), humidity and irradiance, in their own units.
    pub fn station_normals(&self) -> Vec<(&Normal, usize)> {
        let context = self.context;
        self.station.iter().map(|s| s.normal(&context.calendar, context.day, Scale::Absolute, self.limit)).collect()
    }

    /// Mean of each sibling over the last `width` rows, over its mean of the last `long` rows.
    pub fn sibling_levels(&self, width: usize, long: usize) -> impl Iterator<Item = f64> + '_ {
        let mean = |s: &Series, width: usize| s.mean(self.limit.saturating_sub(width), self.limit);
        self.siblings.iter().map(move |s| mean(&s.series, width) / mean(&s.series, long))
    }

    /// Mean measured wind speed over the last `width` rows: the asset's own anemometer, else those of its relatives.
    pub fn wind_speed(&self, width: usize) -> Option<f64> {
        let from = self.limit.saturating_sub(width);
        let known = self.winds.iter().map(|s| s.mean(from, self.limit)).filter(|v| v.is_finite());
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
        (count > 0.0).then(|| sum / count)
    }

    /// Measured wind direction over the last `width` rows, as the mean of its sine and its cosine.
    pub fn wind_direction(&self, width: usize) -> Option<(f64, f64)> {
        let from = self.limit.saturating_sub(width);
        let angles = self.directions.iter().flat_map(|s| s.slice(from, self.limit)).filter(|v| v.is_finite());
        let (mut sum, mut count) = ((0.0, 0.0), 0.0);
        for angle in angles {
            let (sin, cos) = angle.to_radians().sin_cos();
            sum = (sum.0 + sin, sum.1 + cos);
            count += 1.0;
        }
        (count > 0.0).then(|| (sum.0 / count, sum.1 / count))
    }

    /// Newest weather about grid index `index` plus `hours`, as known `older` hours before the origin.
    pub fn weather(&self, index: usize, hours: i64, older: i64) -> Option<(Vec<f64>, f64)> {
        let hour = 3_600_000_000;
        let context = self.context;
        context.weather.newest(context.micros(index) + hours * hour, context.micros(self.origin) - older * hour)
    }

    /// Rated power, or the largest value seen.
    pub fn capacity(&self) -> f64 {
        self.context
            .asset
            .capacity_kw
            .filter(|c| c.is_finite() && *c > 0.0)
            .unwrap_or_else(|| self.past(0).iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max).max(1e-9))
    }

    /// Bounds every forecast is clipped to: `[min(0, history), rated power]`.
    pub fn bounds(&self) -> (f64, f64) {
        let low = self.past(0).iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::min);
        let high = self.context.asset.capacity_kw.filter(|c| c.is_finite() && *c > 0.0).unwrap_or(f64::INFINITY);
        (low, high.max(low))
    }

    /// Past origins at the phases for fitting, newest first, from `newest` (inclusive) back to `oldest`, at most `most`.
    pub fn origins_back(&self, newest: usize, oldest: usize, most: usize) -> Vec<usize> {
        let day = self.context.day;
        let mut found = Vec::new();
        let mut origin = newest.min(self.origin);
        while origin >= oldest.max(1) && found.len() < most {
            if self.context.fit_phases.contains(&(origin % day)) {
                found.push(origin);
            }
            origin -= 1;
        }
        found
    }
}

#[cfg(test)]
mod tests;

//! A physically based Moroccan fleet with labelled faults: wind at Tarfaya, sun at Ouarzazate, both feeding the region of Casablanca
//! with its load and a transformer.
//!
//! In: [`FleetOptions`]. Out: assets, and chunks of checked readings, weather model runs, labels and confounders, as far as one
//! asks. A year at once or in steps gives the same rows; every asset draws from its own stream. What it is for: demos, tests and
//! benches that need the truth. What it is not: a substitute for real data when a claim about quality is made.

mod calendar;
mod city;
mod climate;
mod columns;
mod demand;
mod directory;
mod fault;
mod inverter;
mod options;
mod random;
mod solar;
mod sun;
#[cfg(test)]
mod tests;
mod timeline;
mod turbine;
mod weather_run;
mod wind;

use arrow::array::RecordBatch;
use city::City;
use climate::CASABLANCA;
use climate::Climate;
use climate::OUARZAZATE;
use climate::Sample;
use climate::Site;
use climate::TARFAYA;
pub use directory::Progress;
pub use directory::write_directory;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Location;
use engine::domain::Readings;
use engine::domain::Timestamp;
use engine::domain::Unit;
use engine::domain::from_micros;
pub use fault::Confounder;
pub use fault::FaultLabel;
pub use options::FleetOptions;
pub use options::SimulateError;
use solar::PvPlant;
use std::collections::VecDeque;
use timeline::Span;
use timeline::Timeline;
use weather_run::Runs;
use weather_run::Wanted;
use wind::WindPlant;

/// The quantities of the fleet that are not in the house's standard table, with the unit to declare them in.
pub fn declared_quantities() -> Vec<(&'static str, Unit)> {
    let unit = |text| Unit::parse(text).expect("the table of weather runs names known units; a test reads it");
    weather_run::QUANTITIES.iter().filter(|row| row.2).map(|row| (row.0, unit(row.1))).collect()
}

/// What happened since the last chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedChunk {
    /// At most one batch per asset kind; rows in order of time, then asset; `available_at` is the end of the interval.
    pub readings: Vec<Readings>,
    /// Runs that became known, in the schema of `weather_forecast` plus `Float64` quantities (see [`declared_quantities`]).
    pub weather: Option<RecordBatch>,
    /// Faults that ended.
    pub labels: Vec<FaultLabel>,
    /// Other events that ended, and holidays that began.
    pub confounders: Vec<Confounder>,
}

/// The fleet, standing at some instant and able to go on for ever.
#[derive(Debug)]
pub struct Simulator {
    options: FleetOptions,
    assets: Vec<Asset>,
    /// Start of the next step, seconds.
    cursor: i64,
    next_run: i64,
    coast: Ahead,
    desert: Ahead,
    shore: Ahead,
    wind: WindPlant,
    solar: PvPlant,
    city: City,
    runs: Runs,
}

impl Simulator {
    /// A fleet at the start of its history.
    ///
    /// # Errors
    /// [`SimulateError::Range`], [`SimulateError::Start`], [`SimulateError::Resolution`], [`SimulateError::Size`].
    pub fn new(options: FleetOptions) -> Result<Self, SimulateError> {
        options.check()?;
        let (start, step) = (options.start.as_second(), options.resolution.seconds());
        let length = options.end.as_second() - start;
        let fault_from = start + (length as f64 * FleetOptions::FAULT_FREE_SHARE) as i64;
        let live = options.end.as_second().div_euclid(step) * step;
        let span = Span { start, fault_from, live, step, effects: options.faults };
        let mut assets = Vec::new();
        let city = City::new(&options, span, &mut assets);
        let wind = WindPlant::new(&options, span, &mut assets);
        let solar = PvPlant::new(&options, span, &mut assets);
        for asset in &mut assets {
            asset.attributes.insert("resolution".into(), options.resolution.to_string());
            asset.attributes.insert("interval_label".into(), "beginning".into());
        }
        let ahead = |site| Ahead { climate: Climate::new(options.seed, site, step), step, first: start, samples: VecDeque::new() };
        Ok(Self {
            assets,
            cursor: start,
            next_run: (start + weather_run::EVERY - 1).div_euclid(weather_run::EVERY) * weather_run::EVERY,
            coast: ahead(TARFAYA),
            desert: ahead(OUARZAZATE),
            shore: ahead(CASABLANCA),
            wind,
            solar,
            city,
            runs: Runs::default(),
            options,
        })
    }

    /// What was asked for.
    pub fn options(&self) -> &FleetOptions {
        &self.options
    }

    /// Every asset, parents before children.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// Rows with a time before this instant have been handed over.
    pub fn now(&self) -> Timestamp {
        from_micros(self.cursor * 1_000_000)
    }

    /// Everything that becomes known by `until` (a row is known when its interval has passed) and was not handed over yet.
    ///
    /// # Errors
    /// [`SimulateError::Domain`], which would be a fault of the simulator.
    pub fn next_chunk(&mut self, until: Timestamp) -> Result<SimulatedChunk, SimulateError> {
        let (mut labels, mut confounders) = (Vec::new(), Vec::new());
        let (step, hours) = (self.options.resolution.seconds(), self.options.resolution.hours());
        while self.cursor + step <= until.as_second() {
            let t = self.cursor;
            while self.options.weather_forecasts && self.next_run + weather_run::DELAY <= t + step {
                self.run_weather_model();
            }
            self.wind.step(t, hours, &self.coast.at(t));
            self.solar.step(t, hours, &self.desert.at(t));
            self.city.step(t, &self.shore.at(t));
            self.timelines().for_each(|timeline| timeline.drain(&mut labels, &mut confounders));
            confounders.append(&mut self.solar.storms);
            confounders.append(&mut self.city.holidays);
            self.cursor += step;
            let needed = if self.options.weather_forecasts { self.next_run.min(self.cursor) } else { self.cursor };
            [&mut self.coast, &mut self.desert, &mut self.shore].into_iter().for_each(|ahead| ahead.forget_before(needed));
        }
        let columns = [
            &mut self.wind.turbine_rows,
            &mut self.wind.plant_rows,
            &mut self.solar.inverter_rows,
            &mut self.solar.tracker_rows,
            &mut self.solar.plant_rows,
            &mut self.solar.station_rows,
            &mut self.city.meter_rows,
            &mut self.city.region_rows,
            &mut self.city.transformer_rows,
        ];
        let mut readings = Vec::new();
        for rows in columns {
            readings.extend(rows.take()?);
        }
        Ok(SimulatedChunk { readings, weather: self.runs.take()?, labels, confounders })
    }

    /// Faults and other events that have begun and not ended: faults with their planned end and the energy lost so far.
    pub fn open_events(&mut self) -> (Vec<FaultLabel>, Vec<Confounder>) {
        let (mut labels, mut confounders) = (Vec::new(), Vec::new());
        let now = self.cursor;
        self.timelines().for_each(|timeline| timeline.open(now, &mut labels, &mut confounders));
        confounders.extend(self.solar.open_storm(now));
        (labels, confounders)
    }

    /// Faults that are at work or planned so far (some weeks ahead), in no order: each with its planned end.
    pub fn planned_faults(&mut self) -> Vec<FaultLabel> {
        let (mut labels, mut confounders) = (Vec::new(), Vec::new());
        self.timelines().for_each(|timeline| timeline.open(i64::MAX, &mut labels, &mut confounders));
        labels
    }

    fn timelines(&mut self) -> impl Iterator<Item = &mut Timeline> {
        let wind = self.wind.turbines.iter_mut().map(|turbine| &mut turbine.timeline).chain([&mut self.wind.timeline]);
        let inverters = self.solar.inverters.iter_mut().flat_map(|inverter| {
            let tracker = inverter.tracker.as_mut().map(|(_, timeline)| timeline);
            [&mut inverter.timeline].into_iter().chain(tracker)
        });
        wind.chain(inverters).chain([&mut self.solar.station_timeline]).chain(self.city.timelines())
    }

    fn run_weather_model(&mut self) {
        let init = self.next_run;
        self.next_run += weather_run::EVERY;
        let last = init + (weather_run::LEADS + 1) * 3600;
        let sites = [(&mut self.coast, Wanted::Wind), (&mut self.desert, Wanted::Sun), (&mut self.shore, Wanted::Temperature)];
        for (ahead, wanted) in sites {
            ahead.at(last);
            let Ok(id) = AssetId::parse(ahead.climate.site_name()) else { continue };
            self.runs.add(self.options.seed, &id, wanted, init, |hour| ahead.mean_of_hour(hour));
        }
    }
}

/// Weather of a site, kept from what is still needed to as far as a weather model looks.
#[derive(Debug)]
struct Ahead {
    climate: Climate,
    step: i64,
    first: i64,
    samples: VecDeque<Sample>,
}

impl Ahead {
    /// The weather of the step at `t`, which is on the grid and not forgotten.
    fn at(&mut self, t: i64) -> Sample {
        let index = usize::try_from((t - self.first) / self.step).unwrap_or(0);
        while self.samples.len() <= index {
            let time = self.first + self.step * self.samples.len() as i64;
            self.samples.push_back(self.climate.next(time));
        }
        self.samples[index]
    }

    /// The mean of an hour that was generated; angles from its middle.
    fn mean_of_hour(&self, hour: i64) -> Sample {
        let index = usize::try_from((hour - self.first) / self.step).unwrap_or(0);
        let steps = usize::try_from(3600 / self.step).unwrap_or(1).max(1);
        let part = || self.samples.iter().skip(index).take(steps);
        let mean = |value: fn(&Sample) -> f64| part().map(value).sum::<f64>() / part().count().max(1) as f64;
        let mut sample = part().nth(steps / 2).copied().unwrap_or_default();
        sample.wind_speed = mean(|s| s.wind_speed);
        sample.temp_air = mean(|s| s.temp_air);
        sample.cloud = mean(|s| s.cloud);
        sample.dust = mean(|s| s.dust);
        sample.sky.ghi = mean(|s| s.sky.ghi);
        sample
    }

    fn forget_before(&mut self, t: i64) {
        while self.first < t && !self.samples.is_empty() {
            self.samples.pop_front();
            self.first += self.step;
        }
    }
}

/// The region whose grid the plants feed and whose load is simulated.
fn region() -> AssetId {
    AssetId::parse("casablanca").expect("a plain word is an id")
}

/// An asset at a site, with the site's place and clock.
fn site_asset(site: &Site, id: &str, kind: AssetKind, name: &str) -> Asset {
    let id = AssetId::parse(id).expect("ids of the fleet are letters, digits and slashes; a test builds them all");
    let mut asset = Asset::new(id, kind);
    asset.name = name.into();
    asset.location = Some(Location { latitude: site.place.latitude, longitude: site.place.longitude });
    asset.timezone = "Africa/Casablanca".into();
    asset
}

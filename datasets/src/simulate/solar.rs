//! The solar plant at Ouarzazate: trackers, dust on the modules, inverters, a weather station, the meter.
//!
//! In: the site's weather. Out: rows of `pv_inverter`, `pv_tracker`, `weather_station` and `pv_plant`. Modules on single-axis
//! trackers with backtracking, cell temperature after Faiman 2008, PVWatts-like power, inverters that clip at 2.5 MW.

use super::climate::OUARZAZATE;
use super::climate::Sample;
use super::columns::Columns;
use super::fault::Confounder;
use super::fault::FaultMode;
use super::inverter;
use super::inverter::Inverter;
use super::options::FleetOptions;
use super::random::Stream;
use super::region;
use super::site_asset;
use super::sun::tracker_angle;
use super::timeline::EventKind;
use super::timeline::Profile;
use super::timeline::Span;
use super::timeline::Timeline;
use engine::domain::Asset;
use engine::domain::AssetKind;
use engine::domain::Quantity;
use engine::domain::from_micros;

/// Share of the inverters' power that reaches the meter.
pub(super) const DELIVERED: f64 = 0.985;

const STATION: Profile =
    Profile { modes: &[], faults: 0.0, maintenance: 0.0, downtime: 0.0, comms_gaps: 0.8, curtailments: 0.0, northing: 0.0 };

/// The plant, its parts and the dust on them.
#[derive(Debug)]
pub(super) struct PvPlant {
    asset: Asset,
    station: Asset,
    pub(super) station_timeline: Timeline,
    pub(super) inverters: Vec<Inverter>,
    stream: Stream,
    /// Share of light that dust keeps from every module.
    soiling: f64,
    storm_since: Option<i64>,
    pub(super) storms: Vec<Confounder>,
    pub(super) inverter_rows: Columns,
    pub(super) tracker_rows: Columns,
    pub(super) station_rows: Columns,
    pub(super) plant_rows: Columns,
}

impl PvPlant {
    /// The plant, and its assets appended to `assets`.
    pub(super) fn new(options: &FleetOptions, span: Span, assets: &mut Vec<Asset>) -> Self {
        let (seed, step) = (options.seed, span.step);
        let mut plant = site_asset(&OUARZAZATE, "ouarzazate", AssetKind::PvPlant, "Ouarzazate solar plant");
        plant.parent_id = Some(region());
        plant.capacity_kw = Some(inverter::RATED * f64::from(options.inverters));
        let mut station = site_asset(&OUARZAZATE, "ouarzazate/WS", AssetKind::WeatherStation, "Ouarzazate weather station");
        station.parent_id = Some(plant.id.clone());
        assets.extend([plant.clone(), station.clone()]);
        let mut inverters = Vec::new();
        for number in 1..=options.inverters {
            let tracked = number <= options.trackers;
            inverters.push(Inverter::new(seed, number, tracked, span, &plant, assets));
        }
        let weather = [
            (Quantity::GHI, 1),
            (Quantity::DNI, 1),
            (Quantity::DHI, 1),
            (Quantity::POA_GLOBAL, 1),
            (Quantity::TEMP_AIR, 1),
            (Quantity::TEMP_MODULE, 1),
            (Quantity::WIND_SPEED, 2),
            (Quantity::RELATIVE_HUMIDITY, 1),
            (Quantity::PRECIPITATION, 2),
            (Quantity::SOILING_RATIO, 4),
        ];
        let metered = [(Quantity::ACTIVE_POWER, 1), (Quantity::POA_GLOBAL, 1), (Quantity::GHI, 1), (Quantity::TEMP_AIR, 1)];
        Self {
            station_timeline: Timeline::new(seed, station.id.clone(), STATION, span, &[]),
            stream: Stream::new(seed, "ouarzazate"),
            asset: plant,
            station,
            inverters,
            soiling: 0.03,
            storm_since: None,
            storms: Vec::new(),
            inverter_rows: Columns::new(AssetKind::PvInverter, step, &inverter::COLUMNS),
            tracker_rows: Columns::new(AssetKind::PvTracker, step, &[(Quantity::TRACKER_ANGLE, 1)]),
            station_rows: Columns::new(AssetKind::WeatherStation, step, &weather),
            plant_rows: Columns::new(AssetKind::PvPlant, step, &metered),
        }
    }

    /// One step of dust, inverters, trackers, station and meter.
    pub(super) fn step(&mut self, t: i64, hours: f64, sample: &Sample) {
        self.station_timeline.advance(t);
        self.settle_dust(t, hours, sample);
        let angle = tracker_angle(&sample.sun);
        let mut total = 0.0;
        for inverter in &mut self.inverters {
            let state = inverter.step(t, hours, sample, angle, self.soiling);
            total += state.power;
            if let Some(row) = state.row {
                self.inverter_rows.push(t, &inverter.id, &row);
            }
            if let (Some(angle), Some((id, _))) = (state.tracker, &inverter.tracker) {
                self.tracker_rows.push(t, id, &[angle]);
            }
        }
        let jitter = [self.stream.normal(), self.stream.normal(), self.stream.normal(), self.stream.normal()];
        let reads = |value: f64, jitter: f64| if value > 0.0 { (value * (1.0 + 0.006 * jitter)).max(0.0) } else { 0.0 };
        let poa = sample.sky.on_tracker(&sample.sun, angle);
        let (ghi, poa_reads) = (reads(sample.sky.ghi, jitter[0]), reads(poa, jitter[1]));
        let air = sample.temp_air + 0.1 * jitter[2];
        let ground_wind = sample.wind_speed * 0.65;
        if self.station_timeline.event(EventKind::CommsGap, t).is_none() {
            let row = [
                ghi,
                reads(sample.sky.dni, jitter[2]),
                reads(sample.sky.dhi, jitter[3]),
                poa_reads,
                air,
                sample.temp_air + poa / (25.0 + 6.84 * ground_wind) + 0.3 * jitter[3],
                ground_wind,
                sample.relative_humidity,
                sample.precipitation,
                1.0 - self.soiling,
            ];
            self.station_rows.push(t, &self.station.id, &row);
        }
        self.plant_rows.push(t, &self.asset.id, &[total * DELIVERED, poa_reads, ghi, air]);
    }

    /// Dust settles, faster in a storm; rain and a crew every four weeks wash it off.
    fn settle_dust(&mut self, t: i64, hours: f64, sample: &Sample) {
        self.soiling = (self.soiling + hours / 24.0 * (0.0025 + 0.02 * sample.dust)).min(0.2);
        let washed = (sample.precipitation / hours / 1.5).min(1.0) * hours;
        let step = (hours * 3600.0) as i64;
        let crew = (t - 5 * 3600).rem_euclid(28 * 86_400) < step;
        self.soiling *= if crew { 0.12 } else { 1.0 - washed.min(0.9) };
        if sample.dust > 0.0 {
            self.storm_since.get_or_insert(t);
        } else if let Some(start) = self.storm_since.take() {
            self.storms.push(self.storm(start, t));
        }
    }

    /// The storm that blows now, as if it ended at `t`.
    pub(super) fn open_storm(&self, t: i64) -> Option<Confounder> {
        self.storm_since.map(|start| self.storm(start, t))
    }

    fn storm(&self, start: i64, end: i64) -> Confounder {
        let (start, end) = (from_micros(start * 1_000_000), from_micros(end * 1_000_000));
        Confounder { asset_id: self.asset.id.clone(), kind: "dust_storm", start, end }
    }
}

/// The show around the live start: id, mode, hours from the midnight before it, magnitude.
pub(super) const SHOW: [(&str, FaultMode, i64, i64, f64); 4] = [
    ("ouarzazate/INV05", FaultMode::Soiling, -480, 240, 0.18),
    ("ouarzazate/INV03", FaultMode::InverterTrip, 33, 41, 1.0),
    ("ouarzazate/INV07", FaultMode::StringOutage, 57, 300, 0.2),
    ("ouarzazate/TRK02", FaultMode::TrackerStuck, -15, 100, 0.0),
];

//! Casablanca: the region's load, a substation's feeders and the transformer above them.
//!
//! In: the city's weather. Out: rows of `region`, `meter` and `transformer`, and holidays as they come. The transformer's top oil
//! follows IEC 60076-7 (first order, ONAN: 52 K rise at rated load, loss ratio 6, exponent 0.8, 3 h).

use super::calendar::Calendar;
use super::calendar::DayKind;
use super::climate::CASABLANCA;
use super::climate::Sample;
use super::columns::Columns;
use super::demand::Consumers;
use super::fault::Confounder;
use super::fault::FaultMode;
use super::options::FleetOptions;
use super::random::Ar1;
use super::random::Lag;
use super::random::Stream;
use super::site_asset;
use super::sun::Sun;
use super::timeline::EventKind;
use super::timeline::Profile;
use super::timeline::Span;
use super::timeline::Timeline;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Quantity;
use jiff::civil::Date;

/// Load of the region at demand 1, kW, at the start of 2026; it grows by 3 % a year. The mean comes to about 850 MW.
const REGION_LOAD: f64 = 1_000_000.0;
/// Load of a feeder at demand 1, kW.
const FEEDER_LOAD: f64 = 8_500.0;
/// Rating of the transformer, kVA, and its share of losses.
const TRANSFORMER: f64 = 40_000.0;
const LOSSES: f64 = 0.006;

const QUIET: Profile =
    Profile { modes: &[], faults: 0.0, maintenance: 0.0, downtime: 0.0, comms_gaps: 0.8, curtailments: 0.0, northing: 0.0 };
const TR1: Profile = Profile { modes: FaultMode::TRANSFORMER, faults: 0.5, comms_gaps: 0.6, ..QUIET };
/// The show: the transformer's fans fail the day before the live start.
const SHOW: [(FaultMode, i64, i64, f64); 1] = [(FaultMode::CoolingFailure, -20, 150, 0.45)];

#[derive(Debug)]
struct Feeder {
    id: AssetId,
    consumers: Consumers,
    size: f64,
    timeline: Timeline,
    stream: Stream,
    noise: Ar1,
}

/// The city and its substation.
#[derive(Debug)]
pub(super) struct City {
    id: AssetId,
    calendar: Calendar,
    stream: Stream,
    noise: Ar1,
    felt: Lag,
    feeders: Vec<Feeder>,
    transformer: AssetId,
    pub(super) transformer_timeline: Timeline,
    oil: Lag,
    wander: Ar1,
    transformer_stream: Stream,
    holiday: Option<Date>,
    pub(super) holidays: Vec<Confounder>,
    pub(super) region_rows: Columns,
    pub(super) meter_rows: Columns,
    pub(super) transformer_rows: Columns,
}

impl City {
    /// The city, and its assets appended to `assets`.
    pub(super) fn new(options: &FleetOptions, span: Span, assets: &mut Vec<Asset>) -> Self {
        let (seed, step) = (options.seed, span.step);
        let region = site_asset(&CASABLANCA, "casablanca", AssetKind::Region, "Casablanca");
        let mut transformer = site_asset(&CASABLANCA, "casablanca/TR1", AssetKind::Transformer, "Casablanca substation TR1");
        transformer.parent_id = Some(region.id.clone());
        transformer.capacity_kw = Some(TRANSFORMER);
        assets.extend([region.clone(), transformer.clone()]);
        let names = ["homes", "works", "shops and offices"];
        let feeders = (0..usize::from(options.feeders)).map(|index| {
            let id = format!("casablanca/F{}", index + 1);
            let name = format!("Casablanca feeder F{} ({})", index + 1, names[index % 3]);
            let mut asset = site_asset(&CASABLANCA, &id, AssetKind::Meter, &name);
            asset.parent_id = Some(transformer.id.clone());
            let mut stream = Stream::new(seed, &id);
            let noise = Ar1::new(&mut stream, 0.025, 3.0, step);
            let size = FEEDER_LOAD * stream.uniform(0.85, 1.15);
            let timeline = Timeline::new(seed, asset.id.clone(), QUIET, span, &[]);
            let feeder = Feeder { id: asset.id.clone(), consumers: Consumers::FEEDERS[index % 3], size, timeline, stream, noise };
            assets.push(asset);
            feeder
        });
        let feeders: Vec<Feeder> = feeders.collect();
        let mut stream = Stream::new(seed, "casablanca");
        let mut transformer_stream = Stream::new(seed, "casablanca/TR1");
        let noise = Ar1::new(&mut stream, 0.009, 5.0, step);
        let wander = Ar1::new(&mut transformer_stream, 0.8, 40.0, step);
        let region_columns = [(Quantity::LOAD, 0), (Quantity::TEMP_AIR, 1), (Quantity::RELATIVE_HUMIDITY, 1)];
        let oil_columns = [
            (Quantity::ACTIVE_POWER, 1),
            (Quantity::REACTIVE_POWER, 1),
            (Quantity::CURRENT, 1),
            (Quantity::VOLTAGE, 0),
            (Quantity::AMBIENT_TEMP, 1),
            (Quantity::TOP_OIL_TEMP, 1),
        ];
        Self {
            id: region.id,
            calendar: Calendar::new(),
            stream,
            noise,
            felt: Lag::new(10.0, step),
            feeders,
            transformer_timeline: Timeline::new(seed, transformer.id.clone(), TR1, span, &SHOW),
            transformer: transformer.id,
            oil: Lag::new(3.0, step),
            wander,
            transformer_stream,
            holiday: None,
            holidays: Vec::new(),
            region_rows: Columns::new(AssetKind::Region, step, &region_columns),
            meter_rows: Columns::new(AssetKind::Meter, step, &[(Quantity::LOAD, 1)]),
            transformer_rows: Columns::new(AssetKind::Transformer, step, &oil_columns),
        }
    }

    /// One step of the region, its feeders and the transformer.
    pub(super) fn step(&mut self, t: i64, sample: &Sample) {
        let civil = self.calendar.civil(t);
        self.note_holiday(civil.date, civil.kind);
        let sunset = 12.0 - CASABLANCA.place.longitude / 15.0 + Sun::half_day(t, &CASABLANCA.place) + civil.offset;
        let felt = self.felt.next(sample.temp_air);
        let felt = 0.6 * felt + 0.4 * sample.temp_air;
        let growth = 1.0 + 0.03 * (t as f64 / 86_400.0 - 20_454.0) / 365.25;
        let noise = 1.0 + self.noise.next(&mut self.stream) + 0.002 * self.stream.normal();
        let load = REGION_LOAD * growth * noise * Consumers::CITY.demand(&civil, sunset, felt);
        let air = sample.temp_air + 0.15 * self.stream.normal();
        self.region_rows.push(t, &self.id, &[load, air, sample.relative_humidity]);

        let mut through = 0.0;
        for feeder in &mut self.feeders {
            feeder.timeline.advance(t);
            let noise = 1.0 + feeder.noise.next(&mut feeder.stream) + 0.012 * feeder.stream.normal();
            let load = feeder.size * growth * noise * feeder.consumers.demand(&civil, sunset, felt);
            through += load;
            match feeder.timeline.event(EventKind::CommsGap, t).map(|gap| gap.plain) {
                Some(true) => {}
                Some(false) => self.meter_rows.push(t, &feeder.id, &[f64::NAN]),
                None => self.meter_rows.push(t, &feeder.id, &[load]),
            }
        }
        self.step_transformer(t, through * (1.0 + LOSSES), sample.temp_air);
    }

    fn step_transformer(&mut self, t: i64, power: f64, air: f64) {
        self.transformer_timeline.advance(t);
        let stream = &mut self.transformer_stream;
        let jitter = [stream.normal(), stream.normal(), stream.normal()];
        let reactive = power * (0.30 + 0.01 * jitter[0]);
        let apparent = power.hypot(reactive);
        let volts = 22_000.0 * (1.0 - 0.02 * (apparent / TRANSFORMER - 0.6)) + 40.0 * jitter[1];
        let amps = apparent * 1000.0 / (3.0_f64.sqrt() * volts);
        let ambient = air + 2.0;
        let load = apparent / TRANSFORMER;
        let lost = self.transformer_timeline.fault(t).map_or(0.0, |f| f.magnitude * (6.0 * f.progress(t)).min(1.0));
        let rise = 52.0 * ((1.0 + 6.0 * load * load) / 7.0).powf(0.8) / (1.0 - lost);
        let oil = self.oil.next(ambient + rise) + self.wander.next(stream) + 0.2 * jitter[2];
        if self.transformer_timeline.event(EventKind::CommsGap, t).is_none() {
            self.transformer_rows.push(t, &self.transformer, &[power, reactive, amps, volts, ambient, oil]);
        }
    }

    fn note_holiday(&mut self, date: Date, kind: DayKind) {
        if matches!(kind, DayKind::Holiday | DayKind::Feast) && self.holiday != Some(date) {
            self.holiday = Some(date);
            let (start, end) = self.calendar.day(date);
            self.holidays.push(Confounder { asset_id: self.id.clone(), kind: "holiday", start, end });
        }
    }

    /// Plans of all parts.
    pub(super) fn timelines(&mut self) -> impl Iterator<Item = &mut Timeline> {
        self.feeders.iter_mut().map(|feeder| &mut feeder.timeline).chain([&mut self.transformer_timeline])
    }
}

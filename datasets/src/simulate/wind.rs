//! The wind plant at Tarfaya: its turbines, the grid operator's set-point, the meter at the substation.
//!
//! In: the site's weather. Out: rows of `wind_turbine` and `wind_plant`. Cables and the transformer take two per cent.

use super::climate::Sample;
use super::climate::TARFAYA;
use super::columns::Columns;
use super::fault::FaultMode;
use super::options::FleetOptions;
use super::random::Stream;
use super::region;
use super::site_asset;
use super::timeline::EventKind;
use super::timeline::Profile;
use super::timeline::Span;
use super::timeline::Timeline;
use super::turbine;
use super::turbine::RATED;
use super::turbine::SetPoint;
use super::turbine::Turbine;
use engine::domain::Asset;
use engine::domain::AssetKind;
use engine::domain::Quantity;

/// Share of the turbines' power that reaches the meter.
pub(super) const DELIVERED: f64 = 0.98;

const PROFILE: Profile =
    Profile { modes: &[], faults: 0.0, maintenance: 0.0, downtime: 0.0, comms_gaps: 0.4, curtailments: 3.0, northing: 0.0 };

/// The show around the live start: turbine number, mode, hours from the midnight before it, magnitude.
const SHOW: [(usize, FaultMode, i64, i64, f64); 3] = [
    (3, FaultMode::BearingOverheat, -168, 120, 16.0),
    (7, FaultMode::PowerDerate, 30, 140, 0.35),
    (10, FaultMode::YawMisalignment, -48, 192, 16.0),
];

/// The plant and its turbines.
#[derive(Debug)]
pub(super) struct WindPlant {
    asset: Asset,
    pub(super) timeline: Timeline,
    pub(super) turbines: Vec<Turbine>,
    stream: Stream,
    pub(super) turbine_rows: Columns,
    pub(super) plant_rows: Columns,
}

impl WindPlant {
    /// The plant, and its assets appended to `assets`.
    pub(super) fn new(options: &FleetOptions, span: Span, assets: &mut Vec<Asset>) -> Self {
        let (seed, step) = (options.seed, span.step);
        let mut plant = site_asset(&TARFAYA, "tarfaya", AssetKind::WindPlant, "Tarfaya wind plant");
        plant.parent_id = Some(region());
        plant.capacity_kw = Some(RATED * f64::from(options.turbines));
        assets.push(plant.clone());
        let timeline = Timeline::new(seed, plant.id.clone(), PROFILE, span, &[]);
        let mut turbines = Vec::new();
        for index in 0..usize::from(options.turbines) {
            let number = index + 1;
            let id = format!("tarfaya/T{number:02}");
            let mut asset = site_asset(&TARFAYA, &id, AssetKind::WindTurbine, &format!("Tarfaya T{number:02}"));
            asset.parent_id = Some(plant.id.clone());
            asset.capacity_kw = Some(RATED);
            if let Some(location) = asset.location.as_mut() {
                location.latitude -= 0.0065 * (index / 6) as f64;
                location.longitude += 0.0040 * (index % 6) as f64;
            }
            asset.attributes.insert("hub_height_m".into(), "80".into());
            asset.attributes.insert("rotor_diameter_m".into(), "101".into());
            let show: Vec<_> =
                SHOW.iter().filter(|s| s.0 == number).map(|&(_, mode, from, to, size)| (mode, from, to, size)).collect();
            let plan = Timeline::new(seed, asset.id.clone(), turbine::PROFILE, span, &show);
            turbines.push(Turbine::new(seed, asset.id.clone(), index, plan, step));
            assets.push(asset);
        }
        let quantities = [
            (Quantity::ACTIVE_POWER, 1),
            (Quantity::WIND_SPEED, 2),
            (Quantity::WIND_DIRECTION, 1),
            (Quantity::TEMP_AIR, 1),
            (Quantity::PRESSURE, 0),
            (Quantity::RELATIVE_HUMIDITY, 1),
            (Quantity::ACTIVE_POWER_LIMIT, 0),
        ];
        Self {
            stream: Stream::new(seed, "tarfaya"),
            asset: plant,
            timeline,
            turbines,
            turbine_rows: Columns::new(AssetKind::WindTurbine, step, &turbine::COLUMNS),
            plant_rows: Columns::new(AssetKind::WindPlant, step, &quantities),
        }
    }

    /// One step of all turbines and the plant's meter.
    pub(super) fn step(&mut self, t: i64, hours: f64, sample: &Sample) {
        self.timeline.advance(t);
        let order = self.timeline.event(EventKind::Curtailment, t);
        let order = SetPoint { limit: order.map_or(RATED, |o| o.amount * RATED), told: order.is_some_and(|o| o.plain) };
        let mut total = 0.0;
        for turbine in &mut self.turbines {
            let (row, power) = turbine.step(t, hours, sample, order);
            total += power;
            if let Some(row) = row {
                self.turbine_rows.push(t, &turbine.id, &row);
            }
        }
        let delivered = if total > 0.0 { total * DELIVERED } else { total };
        let jitter = [self.stream.normal(), self.stream.normal()];
        if self.timeline.event(EventKind::CommsGap, t).is_none() {
            let row = [
                delivered,
                (sample.wind_speed + 0.1 * jitter[0]).max(0.0),
                sample.wind_direction,
                sample.temp_air + 0.2 * jitter[1],
                sample.pressure,
                sample.relative_humidity,
                order.limit * self.turbines.len() as f64,
            ];
            self.plant_rows.push(t, &self.asset.id, &row);
        }
    }
}

//! One 2.5 MW inverter with its field of modules and trackers.
//!
//! In: weather, the angle healthy trackers take, the plant's dust. Out: the row, the true power, its telemetered tracker. A stuck
//! tracker turns a quarter of the field; both its and the inverter's own losses are booked where they arise.

use super::climate::OUARZAZATE;
use super::climate::Sample;
use super::fault::FaultMode;
use super::random::Ar1;
use super::random::Stream;
use super::site_asset;
use super::solar::SHOW;
use super::timeline::EventKind;
use super::timeline::Profile;
use super::timeline::Span;
use super::timeline::Timeline;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Quantity;

/// kW on the grid side; the field has an eighth more.
pub(super) const RATED: f64 = 2500.0;
const FIELD: f64 = RATED * 1.125;
/// Share of the field on the tracker with telemetry.
const TRACKER_SHARE: f64 = 0.25;

const PROFILE: Profile = Profile {
    modes: FaultMode::INVERTER,
    faults: 0.5,
    maintenance: 0.4,
    downtime: 0.3,
    comms_gaps: 1.0,
    curtailments: 0.0,
    northing: 0.0,
};
const TRACKER: Profile = Profile {
    modes: FaultMode::TRACKER,
    faults: 0.6,
    maintenance: 0.0,
    downtime: 0.0,
    comms_gaps: 0.6,
    curtailments: 0.0,
    northing: 0.0,
};

/// Columns of an inverter row, with decimals. Voltage and current are those of the module side (DC).
pub(super) const COLUMNS: [(Quantity, i32); 4] =
    [(Quantity::ACTIVE_POWER, 1), (Quantity::VOLTAGE, 1), (Quantity::CURRENT, 1), (Quantity::TEMP_CELL, 1)];

/// What a step of an inverter leaves behind.
#[derive(Debug)]
pub(super) struct Step {
    /// The row, unless it stays silent.
    pub(super) row: Option<[f64; 4]>,
    /// True power, kW.
    pub(super) power: f64,
    /// Angle of the tracker, unless it has none or stays silent.
    pub(super) tracker: Option<f64>,
}

/// An inverter's machine.
#[derive(Debug)]
pub(super) struct Inverter {
    pub(super) id: AssetId,
    pub(super) timeline: Timeline,
    pub(super) tracker: Option<(AssetId, Timeline)>,
    stuck_at: Option<f64>,
    stream: Stream,
    local: Ar1,
    quality: f64,
}

impl Inverter {
    /// Inverter `number` from 1; its assets are appended to `assets`.
    pub(super) fn new(seed: u64, number: u16, tracked: bool, span: Span, plant: &Asset, assets: &mut Vec<Asset>) -> Self {
        let mut part = |id: String, kind: AssetKind, capacity: Option<f64>, profile: Profile| {
            let mut asset = site_asset(&OUARZAZATE, &id, kind, &id.replace("ouarzazate/", "Ouarzazate "));
            asset.parent_id = Some(plant.id.clone());
            asset.capacity_kw = capacity;
            if kind == AssetKind::PvTracker {
                asset.attributes.insert("inverter".into(), format!("ouarzazate/INV{number:02}"));
            }
            let show: Vec<_> = SHOW.iter().filter(|s| s.0 == id).map(|&(_, mode, from, to, size)| (mode, from, to, size)).collect();
            let timeline = Timeline::new(seed, asset.id.clone(), profile, span, &show);
            assets.push(asset.clone());
            (asset.id, timeline)
        };
        let (id, timeline) = part(format!("ouarzazate/INV{number:02}"), AssetKind::PvInverter, Some(RATED), PROFILE);
        let tracker = tracked.then(|| part(format!("ouarzazate/TRK{number:02}"), AssetKind::PvTracker, None, TRACKER));
        let mut stream = Stream::new(seed, id.as_str());
        let local = Ar1::new(&mut stream, 0.02, 0.3, span.step);
        let quality = 0.965 + 0.008 * stream.normal().clamp(-2.0, 2.0);
        Self { id, timeline, tracker, stuck_at: None, stream, local, quality }
    }

    /// One step; `angle` is where healthy trackers point, `soiling` the share of light the plant's dust takes.
    pub(super) fn step(&mut self, t: i64, hours: f64, sample: &Sample, angle: f64, soiling: f64) -> Step {
        self.timeline.advance(t);
        let local = self.local.next(&mut self.stream);
        let jitter = [self.stream.normal(), self.stream.normal(), self.stream.normal()];
        // A cloud's edge reaches fields at different moments; a clear sky reaches all at once.
        let broken = 1.0 + local * 4.0 * sample.cloud * (1.0 - sample.cloud);
        let poa = sample.sky.on_tracker(&sample.sun, angle) * broken.max(0.0);
        let mut lit = poa;
        let mut shown = None;
        if let Some((_, plan)) = &mut self.tracker {
            plan.advance(t);
            let stuck = plan.fault(t).is_some();
            self.stuck_at = stuck.then(|| self.stuck_at.unwrap_or(angle));
            if let Some(at) = self.stuck_at {
                plan.set_magnitude(t, at);
                let turned = sample.sky.on_tracker(&sample.sun, at) * broken.max(0.0);
                lit = poa + TRACKER_SHARE * (turned - poa);
            }
            let reads = self.stuck_at.unwrap_or(angle) + 0.2 * jitter[2];
            shown = plan.event(EventKind::CommsGap, t).is_none().then_some(reads);
        }
        let clean = 1.0 - soiling;
        let wind = sample.wind_speed * 0.65;
        let cell = sample.temp_air + poa / (25.0 + 6.84 * wind) + 2.0 * poa / 1000.0;
        let field = |lit: f64, share: f64| FIELD * lit / 1000.0 * clean * share * (1.0 - 0.0036 * (cell - 25.0)) * self.quality;
        let stopped = [EventKind::Maintenance, EventKind::Downtime].iter().any(|&kind| self.timeline.event(kind, t).is_some());
        let grid = |dc: f64| if stopped { 0.0 } else { to_grid(dc) };

        let (well, turned) = (grid(field(poa, 1.0)), grid(field(lit, 1.0)));
        let share = self.timeline.fault(t).map_or(1.0, |fault| match fault.mode {
            FaultMode::Soiling => 1.0 - fault.magnitude * fault.progress(t),
            FaultMode::StringOutage => 1.0 - fault.magnitude,
            FaultMode::InverterTrip => 0.0,
            _ => 1.0,
        });
        let dc = field(lit, share);
        let power = grid(dc);
        if let Some((_, plan)) = &mut self.tracker {
            plan.charge(t, (well - turned) * hours);
        }
        self.timeline.charge(t, (turned - power) * hours);

        let (voltage, current) = if power > 0.0 {
            let volts = 1180.0 - 3.4 * (cell - 25.0) + 4.0 * jitter[0];
            (volts, dc.min(power / 0.98) * 1000.0 / volts)
        } else {
            (if poa > 20.0 { 1350.0 - 3.9 * (cell - 25.0) + 4.0 * jitter[0] } else { 0.0 }, 0.0)
        };
        let silent = self.timeline.event(EventKind::CommsGap, t).map(|gap| gap.plain);
        let row = match silent {
            Some(true) => None,
            Some(false) => Some([f64::NAN; 4]),
            None => Some([power, voltage, current, cell + 0.5 * jitter[1]]),
        };
        Step { row, power, tracker: shown }
    }
}

/// Power on the grid side: an efficiency that falls at low load (after the shape of the CEC model), clipped at the rating; an
/// inverter wakes up at 0.4 % of it.
fn to_grid(dc: f64) -> f64 {
    let load = dc / RATED;
    if load < 0.004 { 0.0 } else { (dc * (0.988 - 0.006 * load) - 0.002 * RATED).clamp(0.0, RATED) }
}

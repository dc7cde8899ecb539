//! One 2.3 MW turbine: wind to power, speeds, pitch, yaw and heat, with its faults put in where they act.
//!
//! In: the site's weather, the plant's set-point. Out: the SCADA row and the true power. Rotor 101 m, hub 80 m, as at Tarfaya.
//! Temperatures are first-order bodies driven by load and ambient, with slow red noise no model explains (as in the anomaly bench).

use super::climate::Sample;
use super::fault::FaultMode;
use super::random::Ar1;
use super::random::Lag;
use super::random::Stream;
use super::timeline::EventKind;
use super::timeline::Profile;
use super::timeline::Timeline;
use engine::domain::AssetId;
use engine::domain::Quantity;

/// kW.
pub(super) const RATED: f64 = 2300.0;
const ROTOR_AREA: f64 = 8011.8;

pub(super) const PROFILE: Profile = Profile {
    modes: FaultMode::TURBINE,
    faults: 0.6,
    maintenance: 1.3,
    downtime: 0.8,
    comms_gaps: 1.3,
    curtailments: 0.0,
    northing: 0.12,
};

/// Columns of a turbine row, with decimals.
pub(super) const COLUMNS: [(Quantity, i32); 13] = [
    (Quantity::ACTIVE_POWER, 1),
    (Quantity::WIND_SPEED, 2),
    (Quantity::WIND_DIRECTION, 1),
    (Quantity::NACELLE_DIRECTION, 1),
    (Quantity::ROTOR_SPEED, 2),
    (Quantity::GENERATOR_SPEED, 0),
    (Quantity::BLADE_PITCH_ANGLE, 2),
    (Quantity::TEMP_AIR, 1),
    (Quantity::GEARBOX_BEARING_TEMP, 1),
    (Quantity::GEARBOX_OIL_TEMP, 1),
    (Quantity::GENERATOR_WINDING_TEMP, 1),
    (Quantity::ACTIVE_POWER_LIMIT, 0),
    (Quantity::TURBINE_STATUS, 0),
];

/// The plant's order to each turbine.
#[derive(Debug, Clone, Copy)]
pub(super) struct SetPoint {
    /// kW.
    pub(super) limit: f64,
    /// The status word says so.
    pub(super) told: bool,
}

/// A turbine's machine.
#[derive(Debug)]
pub(super) struct Turbine {
    pub(super) id: AssetId,
    pub(super) timeline: Timeline,
    row: usize,
    place_in_row: usize,
    stream: Stream,
    local: Ar1,
    efficiency: Ar1,
    wander: [Ar1; 3],
    heat: [f64; 2],
    bearing: Lag,
    oil: Lag,
    winding: Lag,
    nacelle: f64,
    north: f64,
    cut_out: bool,
    frozen: Option<f64>,
    last_status: f64,
}

impl Turbine {
    /// Turbine number `index` from 0: rows of six from north to south.
    pub(super) fn new(seed: u64, id: AssetId, index: usize, timeline: Timeline, step: i64) -> Self {
        let mut stream = Stream::new(seed, id.as_str());
        let mut ar = |sd, tau| Ar1::new(&mut stream, sd, tau, step);
        let (local, efficiency) = (ar(0.05, 0.5), ar(0.012, 20.0));
        let wander = [ar(0.7, 48.0), ar(0.6, 48.0), ar(0.9, 48.0)];
        let heat = [stream.uniform(33.0, 41.0), stream.uniform(57.0, 68.0)];
        let (bearing, oil, winding) = (Lag::new(1.5, step), Lag::new(2.0, step), Lag::new(50.0 / 60.0, step));
        let (row, place_in_row) = (index / 6, index % 6);
        let (nacelle, north, cut_out, frozen, last_status) = (25.0, 0.0, false, None, 0.0);
        Self {
            id,
            timeline,
            row,
            place_in_row,
            stream,
            local,
            efficiency,
            wander,
            heat,
            bearing,
            oil,
            winding,
            nacelle,
            north,
            cut_out,
            frozen,
            last_status,
        }
    }

    /// One step: the row a SCADA would hand over (`None` when it stays silent) and the true power in kW.
    pub(super) fn step(&mut self, t: i64, hours: f64, sample: &Sample, order: SetPoint) -> (Option<[f64; 13]>, f64) {
        self.timeline.advance(t);
        let (local, efficiency) = (self.local.next(&mut self.stream), self.efficiency.next(&mut self.stream));
        let turbulence = 0.02 * self.stream.normal();
        let wind = sample.wind_speed * (1.0 + local) * (1.0 - self.wake(sample.wind_direction));
        let fault = self.timeline.fault(t).cloned();
        let is = |mode: FaultMode| fault.as_ref().filter(|f| f.mode == mode);
        let progress = fault.as_ref().map_or(0.0, |f| f.progress(t));

        self.cut_out = wind > if self.cut_out { 22.0 } else { 25.0 };
        let stopped = [EventKind::Maintenance, EventKind::Downtime].map(|kind| self.timeline.event(kind, t).is_some());
        let density = sample.pressure / (287.05 * (sample.temp_air + 273.15));
        let aero = aerodynamic(wind, density) * (1.0 + efficiency + turbulence);
        let runs = !self.cut_out && stopped == [false, false] && aero > 0.0;
        let own_use = -6.0 - 2.0 * self.stream.uniform(0.0, 1.0);
        let well = if runs { settle(aero).min(order.limit) } else { own_use };
        let power = match &fault {
            Some(f) if runs => {
                let power = match f.mode {
                    FaultMode::PitchOffset => settle(aero * (1.0 - 0.0112 * f.magnitude * f.magnitude)),
                    FaultMode::YawMisalignment => settle(aero * f.magnitude.to_radians().cos().powf(2.2)),
                    FaultMode::PowerDerate => settle(aero).min(f.magnitude * RATED),
                    _ => well,
                };
                power.min(order.limit)
            }
            _ => well,
        };
        self.timeline.charge(t, (well - power) * hours);

        let load = power.max(0.0) / RATED;
        let mut noise = || self.stream.normal();
        let jitter = [noise(), noise(), noise(), noise(), noise(), noise()];
        let bearing_fault = is(FaultMode::BearingOverheat).map_or(0.0, |f| f.magnitude * progress * progress * load.sqrt());
        let winding_fault = is(FaultMode::WindingOverheat).map_or(0.0, |f| f.magnitude * progress * load.powf(0.7));
        let air = sample.temp_air;
        let wander = [0, 1, 2].map(|i: usize| self.wander[i].next(&mut self.stream));
        let mut bearing = self.bearing.next(24.0 + 0.45 * air + self.heat[0] * load + bearing_fault) + wander[0] + 0.5 * jitter[0];
        let oil = self.oil.next(22.0 + 0.40 * air + 30.0 * load + 0.4 * bearing_fault) + wander[1] + 0.4 * jitter[1];
        let winding = self.winding.next(22.0 + 0.60 * air + self.heat[1] * load + winding_fault) + wander[2] + 0.8 * jitter[2];
        self.frozen = is(FaultMode::FrozenValue).map(|_| self.frozen.unwrap_or(bearing));
        bearing = self.frozen.unwrap_or(bearing);

        let error = (sample.wind_direction - self.nacelle + 540.0).rem_euclid(360.0) - 180.0;
        if runs && error.abs() > 5.0 {
            self.nacelle = (self.nacelle + 0.85 * error).rem_euclid(360.0);
        }
        self.north += self.timeline.northing_step(t);
        let aside = self.north + is(FaultMode::YawMisalignment).map_or(0.0, |f| f.sign * f.magnitude);
        let vane = sample.wind_direction + aside + 3.0 * jitter[3];
        let drift = 1.0 - is(FaultMode::WindSpeedDrift).map_or(0.0, |f| f.magnitude * progress);
        let reads = (wind * drift + 0.12 * jitter[2]).max(0.0);
        let rotor = if runs { (wind * 1.513).clamp(6.0, 16.0) + 0.05 * jitter[4] } else { 0.02 * jitter[4].abs() };
        let shown = is(FaultMode::PitchOffset).filter(|f| !f.hidden).map_or(0.0, |f| f.magnitude);
        let pitch = if runs { pitch_of(aero, power) + shown + 0.1 * jitter[5] } else { 86.0 + 0.05 * jitter[5] };
        let status = match (stopped, self.cut_out, runs) {
            ([true, _], ..) => 3.0,
            ([_, true], ..) | (_, true, _) => 4.0,
            (_, _, false) => 2.0,
            _ if order.told && order.limit < RATED => 1.0,
            _ => 0.0,
        };
        let north = |angle: f64| angle.rem_euclid(360.0);
        let row = [
            power,
            reads,
            north(vane),
            north(self.nacelle + aside),
            rotor,
            rotor * 91.0,
            pitch,
            air + 0.3 * jitter[1],
            bearing,
            oil,
            winding,
            order.limit,
            status,
        ];
        (self.silence(t, row), power)
    }

    /// A communication gap: the row is absent, or empty but for the last status repeated.
    fn silence(&mut self, t: i64, mut row: [f64; 13]) -> Option<[f64; 13]> {
        let Some(gap) = self.timeline.event(EventKind::CommsGap, t) else {
            self.last_status = row[12];
            return Some(row);
        };
        if gap.plain {
            return None;
        }
        row = [f64::NAN; 13];
        row[12] = self.last_status;
        Some(row)
    }

    /// Share of the wind lost to rows standing to the north. Rows count only turbines of smaller number, so that a further
    /// turbine changes none of the others; wind from the south, where the smaller numbers are in the lee, is rare at Tarfaya.
    fn wake(&self, direction: f64) -> f64 {
        let behind = |towards: f64, deficit: f64| {
            let off = (direction - towards + 540.0).rem_euclid(360.0) - 180.0;
            deficit * (-0.5 * (off / 14.0).powi(2)).exp()
        };
        if self.row == 0 {
            return 0.0;
        }
        let next_door = if self.place_in_row > 0 { behind(318.0, 0.05) } else { 0.0 };
        behind(5.0, 0.09 + 0.015 * (self.row.min(3) - 1) as f64) + next_door
    }
}

/// kW the rotor takes from the wind before the controller limits it; 0 below cut-in.
fn aerodynamic(wind: f64, density: f64) -> f64 {
    if wind < 3.2 { 0.0 } else { (0.5 * density * ROTOR_AREA * 0.415 * wind.powi(3) / 1000.0 - 25.0).max(0.0) }
}

/// The controller's soft knee at rated power: turbulence within ten minutes rounds it.
fn settle(aero: f64) -> f64 {
    aero / (1.0 + (aero / RATED).powi(6)).powf(1.0 / 6.0)
}

/// Pitch that spills what the rotor could take beyond what is made.
fn pitch_of(aero: f64, power: f64) -> f64 {
    let spilt = 1.0 - power / aero.max(power).max(1.0);
    -0.8 + 26.0 * spilt.max(0.0).powf(0.7)
}

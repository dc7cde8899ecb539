//! What can go wrong, and what only looks like it: modes, components, labels.
//!
//! Names are those of the anomaly bench and of the alerts, so that a detector's incident and a label compare without a table.

use engine::domain::AssetId;
use engine::domain::Timestamp;

/// How an asset fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultMode {
    BearingOverheat,
    WindingOverheat,
    PitchOffset,
    YawMisalignment,
    PowerDerate,
    WindSpeedDrift,
    FrozenValue,
    Soiling,
    StringOutage,
    InverterTrip,
    TrackerStuck,
    CoolingFailure,
}

/// A mode's name, component, range of lengths in days and of magnitudes.
pub(super) struct ModeFacts {
    pub(super) mode: &'static str,
    pub(super) component: &'static str,
    pub(super) days: (f64, f64),
    pub(super) magnitude: (f64, f64),
}

impl FaultMode {
    pub(super) const TURBINE: &[Self] = &[
        Self::BearingOverheat,
        Self::WindingOverheat,
        Self::PitchOffset,
        Self::YawMisalignment,
        Self::PowerDerate,
        Self::WindSpeedDrift,
        Self::FrozenValue,
    ];
    pub(super) const INVERTER: &[Self] = &[Self::Soiling, Self::StringOutage, Self::InverterTrip];
    pub(super) const TRACKER: &[Self] = &[Self::TrackerStuck];
    pub(super) const TRANSFORMER: &[Self] = &[Self::CoolingFailure];

    /// Names, and the ranges new faults are drawn from; the units of magnitudes are told at [`FaultLabel::magnitude`].
    pub(super) const fn facts(self) -> ModeFacts {
        let (mode, component, days, magnitude) = match self {
            Self::BearingOverheat => ("bearing_overheat", "gearbox", (7.0, 14.0), (9.0, 16.0)),
            Self::WindingOverheat => ("winding_overheat", "generator", (7.0, 14.0), (12.0, 20.0)),
            Self::PitchOffset => ("pitch_offset", "pitch", (7.0, 14.0), (2.0, 3.2)),
            Self::YawMisalignment => ("yaw_misalignment", "yaw", (7.0, 14.0), (11.0, 18.0)),
            Self::PowerDerate => ("power_derate", "converter", (7.0, 14.0), (0.25, 0.42)),
            Self::WindSpeedDrift => ("wind_speed_drift", "anemometer", (7.0, 14.0), (0.08, 0.14)),
            Self::FrozenValue => ("frozen_value", "gearbox_bearing_sensor", (7.0, 14.0), (0.0, 0.0)),
            Self::Soiling => ("soiling", "modules", (20.0, 40.0), (0.08, 0.18)),
            Self::StringOutage => ("string_outage", "string", (5.0, 15.0), (0.08, 0.25)),
            Self::InverterTrip => ("inverter_trip", "inverter", (0.3, 2.0), (1.0, 1.0)),
            Self::TrackerStuck => ("tracker_stuck", "tracker", (3.0, 9.0), (0.0, 0.0)),
            Self::CoolingFailure => ("cooling_failure", "cooling", (5.0, 10.0), (0.3, 0.5)),
        };
        ModeFacts { mode, component, days, magnitude }
    }
}

/// A fault that was put in: the truth a detector is scored against.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultLabel {
    /// Whose fault.
    pub asset_id: AssetId,
    /// Part at fault, for example `gearbox`.
    pub component: &'static str,
    /// How it fails, for example `bearing_overheat`.
    pub mode: &'static str,
    /// First affected row.
    pub start: Timestamp,
    /// First row that is well again.
    pub end: Timestamp,
    /// How bad at its worst: K at rated load (temperatures), degrees (pitch, yaw, angle of a stuck tracker), share of rated power
    /// left (derate), share of the reading (drift), of the light (soiling), of the strings (outage) or of the cooling lost.
    pub magnitude: f64,
    /// Energy the asset did not make because of the fault: the difference to the same world without it, kWh.
    pub energy_lost_kwh: f64,
}

/// Something that is no fault and may look like one.
#[derive(Debug, Clone, PartialEq)]
pub struct Confounder {
    /// Where it happened.
    pub asset_id: AssetId,
    /// `curtailment`, `maintenance`, `downtime`, `comms_gap`, `northing_step`, `dust_storm` or `holiday`.
    pub kind: &'static str,
    /// First row concerned.
    pub start: Timestamp,
    /// First row no longer concerned.
    pub end: Timestamp,
}

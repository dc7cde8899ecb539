//! From a detector's yes to an incident: opening, closing, energy and evidence.
//!
//! In: rows on which a detector opened and closed something. Out: [`Incident`]s. Energy is expected minus actual from the onset on, the
//! expected being the same inverter with the same dust, clouds, heat and set-point. Deliberately not here: who opens.

use super::ground::Ground;
use crate::detect::Evidence;
use crate::detect::Incident;
use crate::detect::Severity;
use crate::domain::AssetId;
use crate::domain::Quantity;

/// Rows over which more than expected makes up for less: half an hour, so that a passing cloud is no loss.
const BUCKET: i64 = 30;

/// Below this share of the rating there is power worth a judgement.
const LOADED: f64 = 0.02;

/// What kind of thing is wrong, and what it needs to be accounted for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Comms,
    Trip,
    Derate,
    Stall,
    Clock,
    /// Share of the strings that is gone.
    Strings(f64),
    Pyranometer,
    Curtailment,
    Clipping,
    Storm,
    Washing,
    Rain,
    /// Dust that takes enough to think of a wash.
    Dirty,
}

impl Kind {
    /// Component and mode.
    pub(super) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Comms => ("communication", "comms_loss"),
            Self::Trip => ("inverter", "inverter_trip"),
            Self::Derate => ("inverter_cooling", "thermal_derate"),
            Self::Stall => ("tracker", "tracker_stall"),
            Self::Clock => ("data_logger", "clock_shift"),
            Self::Strings(_) => ("dc_string", "string_out"),
            Self::Pyranometer => ("pyranometer", "pyranometer_drift"),
            Self::Curtailment => ("plant", "curtailment"),
            Self::Clipping => ("plant", "clipping"),
            Self::Storm => ("modules", "dust_storm"),
            Self::Washing => ("modules", "washing"),
            Self::Rain => ("modules", "rain"),
            Self::Dirty => ("modules", "soiling"),
        }
    }

    /// True where nobody is called.
    const fn informs(self) -> bool {
        matches!(self, Self::Curtailment | Self::Clipping | Self::Storm | Self::Washing | Self::Rain | Self::Dirty)
    }

    const fn detector(self) -> &'static str {
        match self {
            Self::Comms | Self::Clipping => "operating_state",
            Self::Trip | Self::Curtailment => "solar_peers",
            Self::Derate => "heat_sink",
            Self::Stall | Self::Clock => "day_shape",
            Self::Strings(_) => "string_filter",
            Self::Pyranometer => "irradiance_sensors",
            Self::Storm | Self::Washing | Self::Rain | Self::Dirty => "soiling",
        }
    }
}

/// One stretch of something.
#[derive(Debug, Clone)]
pub(super) struct Episode {
    pub(super) asset: AssetId,
    /// Place of the inverter it is about; `None` for the plant and its station.
    pub(super) inverter: Option<usize>,
    pub(super) kind: Kind,
    /// Row of the onset, of the opening, of the end of the loss and of the closing.
    pub(super) started: usize,
    pub(super) opened: usize,
    pub(super) ended: Option<usize>,
    pub(super) closed: Option<usize>,
    pub(super) score: f64,
    /// Signals with observed, expected and share, where the detector knows better than the power balance.
    pub(super) evidence: Vec<(&'static str, Option<f64>, Option<f64>, f64)>,
}

impl Episode {
    /// The incident as of the last row.
    pub(super) fn incident(&self, ground: &Ground<'_>) -> Incident {
        let plant = ground.plant;
        let (component, mode) = self.kind.names();
        let last = self.ended.or(self.closed).unwrap_or(plant.len);
        let (energy, observed, expected) = self.balance(ground, self.started..last);
        let mut evidence: Vec<Evidence> = Vec::new();
        let taken: f64 = self.evidence.iter().map(|e| e.3).sum();
        for (signal, observed, expected, share) in &self.evidence {
            if let Ok(quantity) = Quantity::parse(signal) {
                let (observed, expected) = (*observed, *expected);
                evidence.push(Evidence { signal: (*signal).to_owned(), quantity, observed, expected, share: *share });
            }
        }
        if expected.is_some() && taken < 0.999 {
            let quantity = Quantity::ACTIVE_POWER;
            evidence.push(Evidence { signal: "active_power".to_owned(), quantity, observed, expected, share: 1.0 - taken });
        }
        let rated = self.inverter.map_or(0.0, |i| plant.inverters[i].rated);
        let days = (last.saturating_sub(self.started) as f64 * plant.hours() / 24.0).max(1.0);
        let severity = match self.kind {
            _ if self.kind.informs() => Severity::Info,
            // A day at three full-load hours lost or more.
            _ if energy / days >= 3.0 * rated && rated > 0.0 => Severity::Critical,
            _ => Severity::Warning,
        };
        Incident {
            closed_at: self.closed.map(|row| plant.time(row)),
            severity,
            score: self.score.max(1.0),
            energy_lost_kwh: energy,
            detector: self.kind.detector(),
            evidence,
            ..Incident::new(self.asset.clone(), component, mode, plant.time(self.started), plant.time(self.opened))
        }
    }

    /// Energy lost, kWh, with mean power seen and expected in the rows with sun.
    fn balance(&self, ground: &Ground<'_>, rows: std::ops::Range<usize>) -> (f64, Option<f64>, Option<f64>) {
        let plant = ground.plant;
        let members: Vec<usize> = match (self.kind, self.inverter) {
            (kind, _) if kind.informs() && kind != Kind::Curtailment => return (0.0, None, None),
            (Kind::Comms | Kind::Clock | Kind::Pyranometer, _) | (Kind::Stall, None) => return (0.0, None, None),
            (_, Some(i)) => vec![i],
            (_, None) => (0..plant.inverters.len()).collect(),
        };
        let bucket = plant.rows(BUCKET);
        let (mut total, mut sum, mut seen, mut wanted, mut count) = (0.0, 0.0, 0.0, 0.0, 0_usize);
        for (n, row) in rows.clone().enumerate() {
            for &i in &members {
                let inverter = &plant.inverters[i];
                let (power, expected) = (inverter.power[row].max(0.0), self.expected(ground, i, row));
                if !power.is_finite() || !expected.is_finite() {
                    continue;
                }
                sum += (expected - power) * plant.hours();
                if expected > LOADED * inverter.rated {
                    (seen, wanted, count) = (seen + power, wanted + expected, count + 1);
                }
            }
            if n % bucket == bucket - 1 || row + 1 == rows.end {
                total += sum.max(0.0);
                sum = 0.0;
            }
        }
        let mean = |v: f64| (count > 0).then(|| v / count as f64);
        (total, mean(seen), mean(wanted))
    }

    /// What the same inverter would give without this fault, kW.
    fn expected(&self, ground: &Ground<'_>, i: usize, row: usize) -> f64 {
        let inverter = &ground.plant.inverters[i];
        let normal = &ground.normal.inverters[i];
        let power = inverter.power[row].max(0.0);
        match self.kind {
            Kind::Strings(share) => {
                if normal.held(inverter, ground.light, row) || power < LOADED * inverter.rated {
                    return power;
                }
                let more =
                    normal.to_ac(inverter.dc[row] / (1.0 - share), inverter.rated) - normal.to_ac(inverter.dc[row], inverter.rated);
                let limit = if inverter.limit[row].is_finite() { inverter.limit[row] } else { f64::INFINITY };
                (power + more).min(inverter.rated).min(limit).max(power)
            }
            // Only what the inverter holds back for heat counts, not what clouds took.
            Kind::Derate => {
                let hot = normal.held(inverter, ground.light, row) && power < 0.985 * ground.expected(i, row);
                if hot { ground.healthy(i, row).max(power) } else { power }
            }
            Kind::Curtailment => {
                if normal.limited(inverter.limit[row]) {
                    ground.free[i][row].max(power)
                } else {
                    power
                }
            }
            _ => ground.healthy(i, row),
        }
    }
}

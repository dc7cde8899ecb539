//! What to simulate: the fleet's size, the span of history, the seed; and what a wrong wish is answered with.
//!
//! In: wishes. Out: checked options. The physics of each plant is not here; it is fixed in its own file.

use engine::domain::DomainError;
use engine::domain::Resolution;
use engine::domain::Timestamp;

/// A fleet and a span of time.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetOptions {
    /// Same seed and options, same bytes.
    pub seed: u64,
    /// First instant of history; a full hour.
    pub start: Timestamp,
    /// Where history ends and live play begins. Faults start after [`FleetOptions::FAULT_FREE_SHARE`] of the history, and a
    /// fixed show of them around this instant; the simulator itself never stops here.
    pub end: Timestamp,
    /// Spacing of telemetry: a divisor of an hour, at least a minute.
    pub resolution: Resolution,
    /// Turbines `tarfaya/T01` ….
    pub turbines: u16,
    /// Inverters `ouarzazate/INV01` ….
    pub inverters: u16,
    /// Trackers `ouarzazate/TRK01` … with their own telemetry, one each on the first inverters.
    pub trackers: u16,
    /// Feeders `casablanca/F1` … below the transformer `casablanca/TR1`.
    pub feeders: u16,
    /// False plays the very same world without the faults' effects: what would have been.
    pub faults: bool,
    /// Weather model runs beside the telemetry.
    pub weather_forecasts: bool,
}

impl FleetOptions {
    /// Share of the history without any fault, for training.
    pub const FAULT_FREE_SHARE: f64 = 0.6;

    /// The Moroccan fleet: twelve turbines, eight inverters, four trackers, a city with three feeders; a year to 2026-11-01.
    pub fn moroccan(seed: u64) -> Self {
        let day = |days: i64| Timestamp::from_second(days * 86_400).unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            seed,
            start: day(20_393),
            end: day(20_758),
            resolution: Resolution::from_seconds(600).expect("600 is positive"),
            turbines: 12,
            inverters: 8,
            trackers: 4,
            feeders: 3,
            faults: true,
            weather_forecasts: true,
        }
    }

    /// The same fleet with `days` of history that end at the last full hour up to `end`.
    #[must_use]
    pub fn ending(mut self, end: Timestamp, days: u32) -> Self {
        let hour = end.as_second().div_euclid(3600) * 3600;
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(end);
        (self.start, self.end) = (at(hour - i64::from(days) * 86_400), at(hour));
        self
    }

    pub(super) fn check(&self) -> Result<(), SimulateError> {
        if self.end <= self.start {
            return Err(SimulateError::Range { start: self.start, end: self.end });
        }
        if self.start.as_microsecond().rem_euclid(3_600_000_000) != 0 {
            return Err(SimulateError::Start { start: self.start });
        }
        let step = self.resolution.seconds();
        if step < 60 || 3600 % step != 0 {
            return Err(SimulateError::Resolution { resolution: self.resolution });
        }
        for (what, count) in [("turbines", self.turbines), ("inverters", self.inverters), ("feeders", self.feeders)] {
            if count > 999 {
                return Err(SimulateError::Size { what, count });
            }
        }
        Ok(())
    }
}

/// Why a fleet cannot be simulated or written.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// History that ends before it starts.
    #[error("the history ends at {end}, which is not after its start {start}; give a later end")]
    Range {
        /// First instant wished for.
        start: Timestamp,
        /// Last instant wished for.
        end: Timestamp,
    },
    /// A start inside an hour.
    #[error("the history starts at {start}; start at a full hour")]
    Start {
        /// First instant wished for.
        start: Timestamp,
    },
    /// A spacing that does not divide an hour.
    #[error("a spacing of {resolution} does not divide an hour or is below a minute; use for example PT1M, PT10M, PT15M or PT1H")]
    Resolution {
        /// The spacing wished for.
        resolution: Resolution,
    },
    /// More assets than ids.
    #[error("{count} {what} are too many; at most 999")]
    Size {
        /// Kind of asset.
        what: &'static str,
        /// How many were wished for.
        count: u16,
    },
    /// The vocabulary refused a batch: a fault of the simulator.
    #[error("the simulator made a row the house refuses: {0}")]
    Domain(#[from] DomainError),
    /// The directory could not be written.
    #[error(transparent)]
    Write(#[from] crate::writer::WriteError),
}

#[cfg(test)]
mod tests {
    use super::FleetOptions;
    use engine::domain::{Resolution, parse_time};

    #[test]
    fn wishes_are_checked() {
        let good = FleetOptions::moroccan(1);
        assert_eq!((good.start.to_string(), good.end.to_string()), ("2025-11-01T00:00:00Z".into(), "2026-11-01T00:00:00Z".into()));
        good.check().unwrap();
        let odd = FleetOptions { resolution: Resolution::from_seconds(420).unwrap(), ..good.clone() };
        assert!(odd.check().unwrap_err().to_string().contains("PT10M"));
        assert!(FleetOptions { end: good.start, ..good.clone() }.check().is_err());
        let live = good.ending(parse_time("2026-11-22T02:48:07Z").unwrap(), 10);
        assert_eq!((live.start.to_string(), live.end.to_string()), ("2026-11-12T02:00:00Z".into(), "2026-11-22T02:00:00Z".into()));
    }
}

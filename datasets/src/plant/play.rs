//! The simulated fleet, played: every moment has values, not only every ten minutes.
//!
//! In: a simulator, the simulated instant that is played. Out: readings of all signals. Between two rows a value goes in a straight line
//! (angles the short way round, states not at all), with a thousandth of measurement noise that depends on signal and moment only. Now and
//! then a sensor breaks for some seconds, so that alarms and bad qualities can be seen. Not here: clocks and servers.

use super::board::Reading;
use super::board::State;
use super::fleet::Fleet;
use super::fleet::Means;
use crate::simulate::FaultLabel;
use crate::simulate::FleetOptions;
use crate::simulate::SimulateError;
use crate::simulate::Simulator;
use arrow::array::Array;
use engine::domain::AssetKind;
use engine::domain::Quantity;
use engine::domain::Readings;
use engine::domain::Timestamp;
use engine::domain::from_micros;
use std::collections::BTreeMap;

/// Share of a value that noise adds at most.
const NOISE: f64 = 0.001;
/// Top oil temperature that raises the transformer's alarm, °C.
const OIL_HOT: f64 = 85.0;
/// A sensor that breaks stays broken for at most this long, seconds.
const BROKEN: f64 = 20.0;
/// What a counter shows at first, kWh.
const COUNTED: f64 = 1000.0;

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    Value(f64),
    /// The row is there, the value is not.
    Null,
    /// There is no row.
    Absent,
}

/// The fleet being played.
#[derive(Debug)]
pub(super) struct Player {
    simulator: Simulator,
    pub(super) fleet: Fleet,
    /// Rows by time, seconds; one cell for each signal.
    grid: BTreeMap<i64, Vec<Cell>>,
    /// Counters, kWh, by signal; advanced up to `counted_to`, simulated microseconds.
    counters: Vec<f64>,
    counted_to: Option<i64>,
    /// Signals whose sensor may break.
    sensors: Vec<usize>,
}

impl Player {
    /// The fleet at `origin`, with the history before it behind it. Takes seconds of computing.
    pub(super) fn new(options: FleetOptions, origin: Timestamp) -> Result<Self, SimulateError> {
        let step = options.resolution.seconds();
        let mut simulator = Simulator::new(options)?;
        let until = (origin.as_second().div_euclid(step) - 1) * step;
        let mut columns: BTreeMap<AssetKind, Vec<Quantity>> = BTreeMap::new();
        while simulator.now().as_second() < until {
            let next = (simulator.now().as_second() + 10 * 86_400).min(until);
            for readings in simulator.next_chunk(from_micros(next * 1_000_000))?.readings {
                columns.entry(readings.kind()).or_insert_with(|| readings.quantities());
            }
        }
        let fleet = Fleet::new(simulator.assets(), &columns);
        let sensor = |index: &usize| {
            let signal = fleet.signals.get(*index);
            let is = |key: &str| signal.is_some_and(|signal| signal.key() == key);
            is("gearbox_bearing_temp") || is("temp_cell")
        };
        let sensors = (0..fleet.signals.len()).filter(sensor).collect();
        let counters = vec![COUNTED; fleet.signals.len()];
        Ok(Self { simulator, fleet, grid: BTreeMap::new(), counters, counted_to: None, sensors })
    }

    /// Faults at work and to come, by their planned times.
    pub(super) fn planned_faults(&mut self) -> Vec<FaultLabel> {
        self.simulator.planned_faults()
    }

    /// All readings at the simulated instant `at` (microseconds, never going back), said to hold at `stamp`. `drill`: how often a sensor
    /// breaks and how long the play has lasted, seconds.
    pub(super) fn picture(&mut self, at: i64, stamp: i64, drill: (f64, f64)) -> Result<Vec<Reading>, SimulateError> {
        let step = self.simulator.options().resolution.seconds();
        let second = at.div_euclid(1_000_000);
        let row = second.div_euclid(step) * step;
        self.fetch(row + 2 * step)?;
        self.grid = self.grid.split_off(&row);
        let part = (at - row * 1_000_000) as f64 / (step as f64 * 1e6);
        let (before, after) = (self.grid.get(&row), self.grid.get(&(row + step)));
        let cell =
            |cells: Option<&Vec<Cell>>, index: usize| cells.and_then(|cells| cells.get(index)).copied().unwrap_or(Cell::Absent);
        let mut readings = Vec::with_capacity(self.fleet.signals.len());
        for (index, signal) in self.fleet.signals.iter().enumerate() {
            let (value, state) = match (&signal.means, cell(before, index)) {
                (Means::Value(quantity), Cell::Value(from)) => {
                    let to = match cell(after, index) {
                        Cell::Value(to) => to,
                        Cell::Null | Cell::Absent => from,
                    };
                    (between(quantity, from, to, part, noise(index, at)), State::Good)
                }
                (Means::Value(_), Cell::Null) => (f64::NAN, State::SensorFailed),
                (Means::Value(_), Cell::Absent) => (f64::NAN, State::CommsLost),
                (Means::Energy | Means::Alarm(..), _) => (0.0, State::Good),
            };
            readings.push(Reading { time: stamp, value, state });
        }
        if let Some(broken) = self.broken(drill).and_then(|index| readings.get_mut(index)).filter(|r| r.state == State::Good) {
            (broken.value, broken.state) = (f64::NAN, State::SensorFailed);
        }
        self.derive(&mut readings, at);
        Ok(readings)
    }

    /// Simulates until the row of `row` is there, and keeps what comes.
    fn fetch(&mut self, row: i64) -> Result<(), SimulateError> {
        let step = self.simulator.options().resolution.seconds();
        while self.simulator.now().as_second() < row {
            // A leap of a fast play is taken in days, so that memory stays small.
            let from = self.simulator.now().as_second();
            let until = row.min(from + 86_400);
            if until - 2 * step > from {
                self.grid.clear();
            }
            for readings in self.simulator.next_chunk(from_micros(until * 1_000_000))?.readings {
                self.keep(&readings, until - 3 * step);
            }
        }
        Ok(())
    }

    fn keep(&mut self, readings: &Readings, since: i64) {
        let quantities = readings.quantities();
        let columns: Vec<_> = quantities.iter().map(|quantity| readings.values(quantity)).collect();
        for row in 0..readings.len() {
            let time = readings.times().value(row).div_euclid(1_000_000);
            let Some(device) = self.fleet.device_of(readings.asset_ids().value(row)).filter(|_| time >= since) else { continue };
            let cells = self.grid.entry(time).or_insert_with(|| vec![Cell::Absent; self.fleet.signals.len()]);
            for (column, index) in columns.iter().zip(device.signals.clone()) {
                let value = column.filter(|column| column.is_valid(row)).map(|column| column.value(row));
                if let Some(cell) = cells.get_mut(index) {
                    *cell = value.map_or(Cell::Null, Cell::Value);
                }
            }
        }
    }

    /// The signal whose sensor is broken now.
    fn broken(&self, (every, lasted): (f64, f64)) -> Option<usize> {
        if every.is_nan() || every <= 0.0 || lasted < every || lasted % every >= BROKEN.min(every / 3.0) {
            return None;
        }
        let turn = (lasted / every) as usize;
        self.sensors.get((turn - 1) % self.sensors.len().max(1)).copied()
    }

    /// Counters and alarms follow from the values.
    fn derive(&mut self, readings: &mut [Reading], at: i64) {
        let hours = self.counted_to.map_or(0.0, |before| (at - before).max(0) as f64 / 3.6e9);
        self.counted_to = Some(at);
        for device in &self.fleet.devices {
            let of = |key: &str| self.fleet.find(device, key).and_then(|index| readings.get(index)).copied();
            let good = |key: &str| of(key).and_then(|reading| reading.good());
            let silent = device.signals.clone().all(|index| {
                let measured = self.fleet.signals.get(index).is_some_and(|signal| matches!(signal.means, Means::Value(_)));
                !measured || readings.get(index).is_some_and(|reading| reading.state == State::CommsLost)
            });
            let power = good("active_power").or(good("load")).unwrap_or(0.0).max(0.0);
            let failed = |key: &str| of(key).is_some_and(|reading| reading.state == State::SensorFailed);
            let raised = |alarm: &str| match alarm {
                "stopped" if device.asset.kind == AssetKind::WindTurbine => good("turbine_status").is_some_and(|s| s >= 3.0),
                "stopped" => power <= 0.0 && good("voltage").is_some_and(|volts| volts > 100.0),
                "sensor_failed" => failed("gearbox_bearing_temp") || failed("temp_cell"),
                _ => good("top_oil_temp").is_some_and(|oil| oil > OIL_HOT),
            };
            let mut derived = Vec::new();
            for (index, signal) in self.fleet.signals_of(device) {
                match &signal.means {
                    Means::Value(_) => {}
                    Means::Energy => {
                        let counted = self.counters.get_mut(index).map_or(0.0, |counter| {
                            *counter += power * hours;
                            *counter
                        });
                        derived.push((index, counted));
                    }
                    Means::Alarm(key, _) => derived.push((index, f64::from(u8::from(raised(key))))),
                }
            }
            for (index, value) in derived {
                if let Some(reading) = readings.get_mut(index) {
                    let state = if silent { State::CommsLost } else { State::Good };
                    (reading.value, reading.state) = (if silent { f64::NAN } else { value }, state);
                }
            }
        }
    }
}

/// A value between two rows.
fn between(quantity: &Quantity, from: f64, to: f64, part: f64, noise: f64) -> f64 {
    if *quantity == Quantity::TURBINE_STATUS || *quantity == Quantity::ACTIVE_POWER_LIMIT {
        return from;
    }
    if *quantity == Quantity::WIND_DIRECTION || *quantity == Quantity::NACELLE_DIRECTION {
        let turn = (to - from + 540.0).rem_euclid(360.0) - 180.0;
        return (from + part * turn + noise).rem_euclid(360.0);
    }
    (from + part * (to - from)) * (1.0 + NOISE * noise)
}

/// A number from −1 to 1 that depends on signal and moment (after the finaliser of SplitMix64, Steele and others 2014).
fn noise(index: usize, at: i64) -> f64 {
    let mut z = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ at.cast_unsigned();
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

//! Who is in the plant and what each of them measures: devices, their signals, and the address of each in every protocol.
//!
//! In: the simulator's assets and the quantities of each kind. Out: a [`Fleet`]. A name or an address is decided here and nowhere else.
//! Not here: values.

use engine::domain::Asset;
use engine::domain::AssetKind;
use engine::domain::Quantities;
use engine::domain::Quantity;
use std::collections::BTreeMap;

/// Devices a Modbus address can name (Modbus application protocol 1.1b, section 4.2: 1 to 247).
const MODBUS_UNITS: usize = 247;
/// IEC 104: measured values from 1, alarms and counters from here.
const FIRST_ALARM: u32 = 1001;
const COUNTER: u32 = 2001;

/// What a signal says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Means {
    /// A measured value, in the stored unit.
    Value(Quantity),
    /// A counter of energy, kWh.
    Energy,
    /// An alarm, 0 or 1: its name in JSON, and its message.
    Alarm(&'static str, &'static str),
}

/// One signal of one device.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Signal {
    /// Index into [`Fleet::devices`].
    pub(super) device: usize,
    /// `ActivePower`, as OPC UA and people see it.
    pub(super) name: String,
    /// What it says.
    pub(super) means: Means,
    /// Unit of its values; empty for alarms.
    pub(super) unit: String,
    /// IEC 104 information object address.
    pub(super) ioa: u32,
}

impl Signal {
    /// `active_power`: the name in JSON.
    pub(super) fn key(&self) -> &str {
        match &self.means {
            Means::Value(quantity) => quantity.name(),
            Means::Energy => "active_energy",
            Means::Alarm(key, _) => key,
        }
    }

    pub(super) fn is_alarm(&self) -> bool {
        matches!(self.means, Means::Alarm(..))
    }
}

/// One device.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Device {
    /// `WTG01`: its name in all protocols.
    pub(super) name: String,
    /// The simulator's asset behind it.
    pub(super) asset: Asset,
    /// Modbus unit id; later devices have none.
    pub(super) unit: Option<u8>,
    /// IEC 104 common address.
    pub(super) station: u16,
    /// Its signals: a range of [`Fleet::signals`].
    pub(super) signals: std::ops::Range<usize>,
}

/// Everybody.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fleet {
    pub(super) devices: Vec<Device>,
    pub(super) signals: Vec<Signal>,
}

impl Fleet {
    /// Devices of the assets whose kind has `columns`. Inverters come first, so that Modbus has them all.
    pub(super) fn new(assets: &[Asset], columns: &BTreeMap<AssetKind, Vec<Quantity>>) -> Self {
        let known = Quantities::standard();
        let unit_of =
            |quantity: &Quantity| known.get(quantity.name()).map(|(_, info)| info.unit.name().to_owned()).unwrap_or_default();
        let rank = |asset: &Asset| match asset.kind {
            AssetKind::PvInverter => 0,
            AssetKind::WeatherStation => 1,
            AssetKind::WindTurbine => 2,
            _ => 3,
        };
        let mut sorted: Vec<&Asset> = assets.iter().filter(|asset| columns.contains_key(&asset.kind)).collect();
        sorted.sort_by_key(|asset| rank(asset));
        let mut fleet = Self { devices: Vec::new(), signals: Vec::new() };
        for (index, asset) in sorted.into_iter().enumerate() {
            let first = fleet.signals.len();
            let quantities = columns.get(&asset.kind).map(Vec::as_slice).unwrap_or_default();
            for (quantity, ioa) in quantities.iter().zip(1..) {
                let (name, unit) = (camel(quantity.name()), unit_of(quantity));
                fleet.signals.push(Signal { device: index, name, means: Means::Value(quantity.clone()), unit, ioa });
            }
            if matches!(asset.kind, AssetKind::WindTurbine | AssetKind::PvInverter | AssetKind::Meter) {
                let (name, unit) = ("ActiveEnergy".to_owned(), "kWh".to_owned());
                fleet.signals.push(Signal { device: index, name, means: Means::Energy, unit, ioa: COUNTER });
            }
            for (&(key, message), ioa) in alarms(asset.kind).iter().zip(FIRST_ALARM..) {
                let (name, means) = (camel(key), Means::Alarm(key, message));
                fleet.signals.push(Signal { device: index, name, means, unit: String::new(), ioa });
            }
            fleet.devices.push(Device {
                name: device_name(asset),
                asset: asset.clone(),
                unit: (index < MODBUS_UNITS).then(|| u8::try_from(index + 1).unwrap_or(u8::MAX)),
                station: u16::try_from(index + 1).unwrap_or(u16::MAX),
                signals: first..fleet.signals.len(),
            });
        }
        fleet
    }

    /// Index of a device's signal by its JSON key.
    pub(super) fn find(&self, device: &Device, key: &str) -> Option<usize> {
        device.signals.clone().find(|&index| self.signals.get(index).is_some_and(|signal| signal.key() == key))
    }

    /// The device of an asset of the simulator.
    pub(super) fn device_of(&self, asset: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.asset.id.as_str() == asset)
    }

    /// A device's signals.
    pub(super) fn signals_of(&self, device: &Device) -> impl Iterator<Item = (usize, &Signal)> {
        device.signals.clone().filter_map(|index| Some((index, self.signals.get(index)?)))
    }
}

/// JSON key and message of the alarms a kind of device can raise.
fn alarms(kind: AssetKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        AssetKind::WindTurbine => &[("stopped", "Turbine stopped"), ("sensor_failed", "Gearbox bearing temperature sensor failed")],
        AssetKind::PvInverter => {
            &[("stopped", "Inverter stopped in daylight"), ("sensor_failed", "Cell temperature sensor failed")]
        }
        AssetKind::Transformer => &[("oil_hot", "Top oil above 85 degC")],
        _ => &[],
    }
}

/// `WTG01` for `tarfaya/T01`; others keep the last part of their id.
fn device_name(asset: &Asset) -> String {
    let id = asset.id.as_str();
    let last = id.rsplit('/').next().unwrap_or(id);
    match asset.kind {
        AssetKind::WindTurbine => format!("WTG{}", last.trim_start_matches('T')),
        AssetKind::WeatherStation => format!("{last}01"),
        _ => last.to_owned(),
    }
}

/// `ActivePower` for `active_power`.
fn camel(snake: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    snake.split('_').map(word).collect()
}

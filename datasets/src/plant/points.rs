//! Points files for exactly this plant: what discovery cannot know, because IEC 104 and plain registers have no names.
//!
//! In: the board and the addresses listened at. Out: TOML for each protocol, as `connectors::live` reads it, and a configuration that uses
//! them.

use super::Addresses;
use super::board::Board;
use super::fleet::Device;
use super::fleet::Means;
use super::fleet::Signal;
use super::iec104;
use super::modbus;
use super::mqtt;
use super::opcua;
use connectors::live::AssetSpec;
use connectors::live::PointSpec;
use connectors::live::PointsSpec;

/// Name and text of each file.
pub(super) fn files(board: &Board, addresses: &Addresses, rate: f64) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut config = String::from(
        "# Connections to the plant of `chergui simulate --serve`. Use with: chergui --config chergui.toml check-config --connect\n",
    );
    let mut add = |name: &str, points: Vec<PointSpec>, from: String| {
        config.push_str(&format!(
            "\n[[connection]]\nname = \"{name}\"\npoints = \"{name}.toml\"\n[connection.from.{name}]\n{from}\n"
        ));
        files.push((format!("{name}.toml"), text(board, points)));
    };
    let host =
        |address: std::net::SocketAddr| if address.ip().is_unspecified() { "127.0.0.1".into() } else { address.ip().to_string() };
    if let Some(address) = addresses.modbus {
        let from = format!("host = \"{}\"\nport = {}", host(address), address.port());
        add("modbus", board.fleet.devices.iter().flat_map(|device| modbus_points(board, device)).collect(), from);
    }
    if let Some(address) = addresses.opcua {
        let point = |device: &Device, signal: &Signal| {
            let address = format!("nsu={};s={}", opcua::NAMESPACE, opcua::node_name(&device.name, signal));
            PointSpec { address, unit: unit(signal), ..point(device, signal) }
        };
        // A server samples as often as it is asked to, and what lies between is lost.
        let sampling = if rate > 1.0 { format!("\nsampling_interval_ms = {:.3}", 1000.0 / rate) } else { String::new() };
        add("opcua", all(board, point), format!("url = \"opc.tcp://{}:{}/\"{sampling}", host(address), address.port()));
    }
    if let Some(address) = addresses.iec104 {
        let point = |device: &Device, signal: &Signal| PointSpec {
            address: format!("{}/{}", device.station, signal.ioa),
            unit: unit(signal),
            scale: (signal.means == Means::Energy).then_some(1.0 / iec104::COUNTS_PER_KWH),
            ..point(device, signal)
        };
        add("iec104", all(board, point), format!("links = [\"{}:{}\"]\ncounters_s = 10", host(address), address.port()));
    }
    if let Some((host, port)) = &addresses.mqtt {
        let point = |device: &Device, signal: &Signal| {
            let mut spec = PointSpec {
                address: format!("{}#/{}", mqtt::topic(device), signal.key()),
                unit: unit(signal),
                ..point(device, signal)
            };
            spec.options.insert("time".into(), "/time".into());
            spec
        };
        add("mqtt", all(board, point), format!("host = \"{host}\"\nport = {port}"));
    }
    files.push(("chergui.toml".into(), config));
    files
}

fn all(board: &Board, point: impl Fn(&Device, &Signal) -> PointSpec) -> Vec<PointSpec> {
    let of = |device| board.fleet.signals_of(device).map(|(_, signal)| point(device, signal)).collect::<Vec<_>>();
    board.fleet.devices.iter().flat_map(of).collect()
}

fn modbus_points(board: &Board, device: &Device) -> Vec<PointSpec> {
    let Some(id) = device.unit else { return Vec::new() };
    let place = |place: modbus::Place| {
        let signal = board.fleet.signals.get(place.signal)?;
        let own = place.unit.map(str::to_owned);
        let mut spec =
            PointSpec { address: format!("{id}/{}", place.address), unit: own.or(unit(signal)), ..point(device, signal) };
        if let Some(kind) = place.kind {
            spec.options.insert("type".into(), kind.into());
        }
        Some(spec)
    };
    modbus::places(board, device).into_iter().filter_map(place).collect()
}

fn unit(signal: &Signal) -> Option<String> {
    (!signal.is_alarm()).then(|| signal.unit.clone())
}

/// What does not depend on the protocol.
fn point(device: &Device, signal: &Signal) -> PointSpec {
    let (quantity, event) = match &signal.means {
        Means::Alarm(_, message) => (None, Some((*message).to_owned())),
        Means::Value(_) | Means::Energy => (Some(signal.key().to_owned()), None),
    };
    PointSpec { asset: device.name.clone(), quantity, event, ..PointSpec::default() }
}

fn text(board: &Board, points: Vec<PointSpec>) -> String {
    let name_of = |id: &str| board.fleet.device_of(id).map(|device| device.name.clone());
    let asset = |device: &Device| AssetSpec {
        id: device.name.clone(),
        kind: device.asset.kind.name().into(),
        name: Some(device.asset.name.clone()),
        parent_id: device.asset.parent_id.as_ref().and_then(|parent| name_of(parent.as_str())),
        latitude: device.asset.location.map(|location| location.latitude),
        longitude: device.asset.location.map(|location| location.longitude),
        capacity_kw: device.asset.capacity_kw,
        timezone: Some(device.asset.timezone.clone()),
    };
    let spec = PointsSpec { assets: board.fleet.devices.iter().map(asset).collect(), points, ..PointsSpec::default() };
    let head = "# Points of the plant of `chergui simulate --serve`, all of them, certain.\n\n";
    toml::to_string(&spec).map_or_else(|error| format!("# could not be written: {error}\n"), |body| format!("{head}{body}"))
}

//! Arguments of `chergui simulate` and their help: a directory to write, or a plant to serve.

use clap::Args;
use engine::domain::{Timestamp, parse_time};
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "A whole plant to connect to, in one command:\n  chergui simulate --serve\n\
    It says where it listens, which faults come and how to discover it. For a load test:\n  \
    chergui simulate --serve --turbines 200 --rate 10 --points load/")]
pub(in crate::cli) struct Simulate {
    /// Directory to write; it must not exist yet.
    #[arg(long, short, value_name = "DIR", required_unless_present = "serve", conflicts_with = "serve")]
    pub(super) output: Option<PathBuf>,
    /// Seed; the same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// First instant, RFC 3339 (default: 2025-01-01T00:00:00Z; with --serve: now, so that the sun stands where it stands).
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(super) start: Option<Timestamp>,
    /// Days to simulate.
    #[arg(long, default_value_t = 365, conflicts_with = "serve")]
    pub(super) days: u32,
    /// Number of wind turbines.
    #[arg(long)]
    pub(super) turbines: Option<usize>,
    /// Number of PV inverters.
    #[arg(long)]
    pub(super) inverters: Option<usize>,
    /// Leave all faults out (confounders stay).
    #[arg(long)]
    pub(super) no_faults: bool,
    /// Play the fleet as a plant that speaks Modbus, OPC UA, IEC 60870-5-104 and MQTT, instead of writing it.
    #[arg(long)]
    pub(super) serve: bool,
    /// What --serve listens at and how it plays.
    #[command(flatten)]
    pub(super) plant: Plant,
}

/// The part of the arguments that is about `--serve`.
#[derive(Debug, Args)]
pub(super) struct Plant {
    /// With --serve: where Modbus TCP and SunSpec listen; `off` for not at all.
    #[arg(long, value_parser = parse_listen, default_value = "127.0.0.1:5020", value_name = "ADDRESS|off")]
    pub(super) modbus: Listen,
    /// With --serve: where OPC UA listens; `off` for not at all.
    #[arg(long, value_parser = parse_listen, default_value = "127.0.0.1:4840", value_name = "ADDRESS|off")]
    pub(super) opcua: Listen,
    /// With --serve: where IEC 60870-5-104 listens; `off` for not at all.
    #[arg(long, value_parser = parse_listen, default_value = "127.0.0.1:2404", value_name = "ADDRESS|off")]
    pub(super) iec104: Listen,
    /// With --serve: MQTT broker to publish to; none by default.
    #[arg(long, value_parser = parse_broker, requires = "serve", value_name = "HOST:PORT")]
    pub(super) mqtt: Option<Broker>,
    /// With --serve: simulated seconds per second. Values still carry the time of the clock.
    #[arg(long, default_value_t = 1.0)]
    pub(super) speed: f64,
    /// With --serve: values carry the simulated time instead of the clock's.
    #[arg(long, requires = "serve")]
    pub(super) simulated_time: bool,
    /// With --serve: changes of each point per second.
    #[arg(long, default_value_t = 1.0, value_name = "PER_SECOND")]
    pub(super) rate: f64,
    /// With --serve: a temperature sensor breaks for some seconds this often, to be seen as bad quality and as an alarm; 0: never.
    #[arg(long, default_value_t = 120.0, value_name = "SECONDS")]
    pub(super) drill: f64,
    /// With --serve: write points files for exactly this plant here (modbus.toml, opcua.toml, iec104.toml, mqtt.toml), and chergui.toml
    /// with the connections that use them.
    #[arg(long, requires = "serve", value_name = "DIR")]
    pub(super) points: Option<PathBuf>,
    /// With --serve: directory for the certificate of the OPC UA server, made at the first start; signed and encrypted sessions are
    /// offered then (Basic256Sha256).
    #[arg(long, requires = "serve", value_name = "DIR")]
    pub(super) pki: Option<PathBuf>,
    /// With --serve: stop after this many seconds (for tests and tours).
    #[arg(long, requires = "serve", value_name = "SECONDS")]
    pub(super) seconds: Option<u64>,
}

/// An address, or `off`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listen(pub(super) Option<SocketAddr>);

/// Host and port of a broker.
#[derive(Debug, Clone)]
pub(super) struct Broker(pub(super) String, pub(super) u16);

fn parse_listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen(None));
    }
    let wrong = |_| format!("{text:?} is neither an address, for example 127.0.0.1:5020, nor off");
    text.parse().map(|address| Listen(Some(address))).map_err(wrong)
}

fn parse_broker(text: &str) -> Result<Broker, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "1883"));
    let port = port.parse().ok().filter(|port| *port > 0);
    match port {
        Some(port) if !host.is_empty() => Ok(Broker(host.trim_matches(['[', ']']).to_owned(), port)),
        _ => Err(format!("{text:?} is no broker; write HOST:PORT, for example 127.0.0.1:1883")),
    }
}

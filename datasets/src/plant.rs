//! A simulated plant that speaks as plants do: Modbus TCP and SunSpec, OPC UA, IEC 60870-5-104 and MQTT.
//!
//! In: a fleet's size, addresses, speeds, the clock. Out: servers on real sockets, for newcomers, tests and load. It plays the fleet of
//! [`crate::simulate`], with its faults: by default the simulated instant is the clock's, so that the sun stands where it stands. All
//! protocols show the same readings at the same time. Nothing can be written to it. Not here: clocks (handed in), printing.

mod board;
mod error;
mod fleet;
mod iec104;
mod modbus;
mod mqtt;
mod opcua;
mod play;
mod points;
#[cfg(test)]
mod tests;

use crate::simulate::FaultLabel;
use crate::simulate::FleetOptions;
use board::Board;
use engine::domain::Timestamp;
use engine::domain::from_micros;
use engine::domain::micros;
pub use error::PlantError;
use play::Player;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long servers may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(3);

/// What to play, how fast, and where to serve it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlantOptions {
    /// The fleet; its span is set by the plant. Weather model runs are left out.
    pub fleet: FleetOptions,
    /// Days of history before the first instant: faults need some to have begun in.
    pub history_days: u32,
    /// Simulated instant to begin at; `None`: the clock's.
    pub start: Option<Timestamp>,
    /// Simulated seconds per second, above 0 to 100,000.
    pub speed: f64,
    /// Changes of each point per second, above 0 to 1,000.
    pub rate: f64,
    /// Values carry the simulated time instead of the clock's.
    pub simulated_time: bool,
    /// A temperature sensor breaks for some seconds this often, seconds; 0: never.
    pub drill_every_s: f64,
    /// Where Modbus TCP listens.
    pub modbus: Option<SocketAddr>,
    /// Where OPC UA listens.
    pub opcua: Option<SocketAddr>,
    /// Where IEC 104 listens.
    pub iec104: Option<SocketAddr>,
    /// Host and port of the MQTT broker to publish to.
    pub mqtt: Option<(String, u16)>,
    /// Directory for the certificate of the OPC UA server; with it, signed and encrypted sessions are offered.
    pub pki: Option<PathBuf>,
}

impl PlantOptions {
    /// The fleet as it would be now, at its own pace, with free ports on loopback for Modbus, OPC UA and IEC 104.
    pub fn loopback(fleet: FleetOptions) -> Self {
        let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        Self {
            fleet,
            history_days: 60,
            start: None,
            speed: 1.0,
            rate: 1.0,
            simulated_time: false,
            drill_every_s: 120.0,
            modbus: any,
            opcua: any,
            iec104: any,
            mqtt: None,
            pki: None,
        }
    }

    fn check(&self) -> Result<(), PlantError> {
        for (option, given, most, remedy) in [
            ("speed", self.speed, 100_000.0, "give more than 0, at most 100000; 1 is real time"),
            ("rate", self.rate, 1000.0, "give more than 0, at most 1000 changes per second"),
        ] {
            if !(given > 0.0 && given <= most) {
                return Err(PlantError::Option { option, given, remedy });
            }
        }
        if self.modbus.is_none() && self.opcua.is_none() && self.iec104.is_none() && self.mqtt.is_none() {
            return Err(PlantError::Nothing);
        }
        Ok(())
    }
}

/// Where the plant can be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Modbus TCP.
    pub modbus: Option<SocketAddr>,
    /// OPC UA.
    pub opcua: Option<SocketAddr>,
    /// IEC 104.
    pub iec104: Option<SocketAddr>,
    /// The broker published to.
    pub mqtt: Option<(String, u16)>,
}

/// A fault of the play.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedFault {
    /// The device, as the protocols name it.
    pub device: String,
    /// The simulator's label, in simulated time.
    pub label: FaultLabel,
    /// When it begins by the clock of the values; may be past.
    pub begins: Timestamp,
    /// When it ends by the clock of the values.
    pub ends: Timestamp,
}

/// A value as the plant shows it now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// When it held.
    pub time: Timestamp,
    /// In the stored unit, or kWh; alarms are 0 or 1. `None`: the sensor or the device says nothing.
    pub value: Option<f64>,
}

/// A running plant. Dropping it stops the servers without goodbye.
#[derive(Debug)]
pub struct Plant {
    board: Arc<Board>,
    addresses: Addresses,
    rate: f64,
    faults: Vec<PlannedFault>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Plant {
    /// Simulates the history, opens the sockets, plays. `clock` says what time it is.
    ///
    /// # Errors
    /// [`PlantError`]: options out of range, addresses that are taken.
    pub async fn start(options: PlantOptions, clock: fn() -> Timestamp) -> Result<Self, PlantError> {
        options.check()?;
        let origin = options.start.unwrap_or_else(clock);
        let fleet = FleetOptions { weather_forecasts: false, ..options.fleet.clone() }.ending(origin, options.history_days.max(1));
        let simulate = tokio::task::spawn_blocking(move || Player::new(fleet, origin));
        let mut player = simulate.await.map_err(|error| PlantError::Interrupted { problem: error.to_string() })??;
        // By the clock's own pace: what the simulation of the history took is not played after.
        let begun = clock();
        let pace = Pace {
            origin: micros(if options.start.is_some() { origin } else { begun }),
            begun: micros(begun),
            options: options.clone(),
        };
        let faults = planned(&mut player, &pace);
        let first = player.picture(pace.simulated(micros(begun)), pace.stamp(micros(begun)), (0.0, 0.0))?;
        let board = Arc::new(Board::new(player.fleet.clone(), first));
        let stop = CancellationToken::new();
        let mut plant = Self { board, addresses: Addresses::default(), rate: options.rate, faults, stop, tasks: Vec::new() };
        plant.serve(&options).await?;
        let (board, stop) = (plant.board.clone(), plant.stop.clone());
        plant.tasks.push(tokio::spawn(run(player, pace, clock, board, stop)));
        Ok(plant)
    }

    async fn serve(&mut self, options: &PlantOptions) -> Result<(), PlantError> {
        if let Some(address) = options.modbus {
            let listener = listen("Modbus", address, &mut self.addresses.modbus).await?;
            self.tasks.push(tokio::spawn(modbus::serve(listener, self.board.clone(), self.stop.clone())));
        }
        if let Some(address) = options.iec104 {
            let listener = listen("IEC 104", address, &mut self.addresses.iec104).await?;
            self.tasks.push(tokio::spawn(iec104::serve(listener, self.board.clone(), self.stop.clone())));
        }
        if let Some(address) = options.opcua {
            let listener = listen("OPC UA", address, &mut self.addresses.opcua).await?;
            let bound = self.addresses.opcua.unwrap_or(address);
            let server = opcua::build(bound, options.pki.as_deref(), &self.board)?;
            self.tasks.push(tokio::spawn(opcua::serve(server, listener, self.board.clone(), self.stop.clone())));
        }
        if let Some((host, port)) = options.mqtt.clone() {
            self.addresses.mqtt = Some((host.clone(), port));
            self.tasks.push(tokio::spawn(mqtt::publish(host, port, self.board.clone(), self.stop.clone())));
        }
        Ok(())
    }

    /// Where it can be reached; port 0 has become the port taken.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Number of devices, and of points of all of them.
    pub fn size(&self) -> (usize, usize) {
        (self.board.fleet.devices.len(), self.board.fleet.signals.len())
    }

    /// Devices that Modbus has no unit id for.
    pub fn not_on_modbus(&self) -> usize {
        self.board.fleet.devices.iter().filter(|device| device.unit.is_none()).count()
    }

    /// Faults at work and to come as far as they are planned, by their begin.
    pub fn faults(&self) -> &[PlannedFault] {
        &self.faults
    }

    /// Names and texts of points files for exactly this plant, and of a configuration that uses them (`chergui.toml`).
    pub fn points_files(&self) -> Vec<(String, String)> {
        points::files(&self.board, &self.addresses, self.rate)
    }

    /// What a device shows: `("WTG01", "active_power")`.
    pub fn shows(&self, device: &str, quantity: &str) -> Option<Shown> {
        let device = self.board.fleet.devices.iter().find(|held| held.name == device)?;
        let reading = self.board.now().get(self.board.fleet.find(device, quantity)?).copied()?;
        Some(Shown { time: from_micros(reading.time), value: reading.good() })
    }

    /// Ends all sessions and frees the ports.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let all = futures::future::join_all(self.tasks.drain(..));
        if tokio::time::timeout(GOODBYE, all).await.is_err() {
            tracing::warn!("a server of the simulated plant did not end in time");
        }
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn listen(protocol: &'static str, address: SocketAddr, bound: &mut Option<SocketAddr>) -> Result<TcpListener, PlantError> {
    let refused = |cause| PlantError::Bind { protocol, address, cause };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    *bound = Some(listener.local_addr().map_err(refused)?);
    Ok(listener)
}

/// Which simulated instant is played when.
#[derive(Debug)]
struct Pace {
    /// Simulated instant of the beginning, and the clock's; microseconds.
    origin: i64,
    begun: i64,
    options: PlantOptions,
}

impl Pace {
    fn simulated(&self, now: i64) -> i64 {
        self.origin.saturating_add(((now - self.begun).max(0) as f64 * self.options.speed) as i64)
    }

    fn stamp(&self, now: i64) -> i64 {
        if self.options.simulated_time { self.simulated(now) } else { now }
    }

    /// The time of the values when a simulated instant is played.
    fn stamp_of(&self, simulated: Timestamp) -> Timestamp {
        if self.options.simulated_time {
            return simulated;
        }
        let after = (micros(simulated).saturating_sub(self.origin)) as f64 / self.options.speed;
        from_micros(self.begun.saturating_add(after as i64))
    }
}

fn planned(player: &mut Player, pace: &Pace) -> Vec<PlannedFault> {
    let labels = player.planned_faults().into_iter().filter(|label| micros(label.end) > pace.origin);
    let fault = |label: FaultLabel| {
        let device = player.fleet.device_of(label.asset_id.as_str())?.name.clone();
        Some(PlannedFault { device, begins: pace.stamp_of(label.start), ends: pace.stamp_of(label.end), label })
    };
    let mut faults: Vec<PlannedFault> = labels.collect::<Vec<_>>().into_iter().filter_map(fault).collect();
    faults.sort_by(|a, b| (a.begins, &a.device).cmp(&(b.begins, &b.device)));
    faults
}

async fn run(mut player: Player, pace: Pace, clock: fn() -> Timestamp, board: Arc<Board>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / pace.options.rate));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut latest = i64::MIN;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let now = micros(clock());
        // A clock that was set back repeats no instant: the play waits for it.
        if now <= latest {
            continue;
        }
        latest = now;
        let drill = (pace.options.drill_every_s, (now - pace.begun) as f64 / 1e6);
        match player.picture(pace.simulated(now), pace.stamp(now), drill) {
            Ok(readings) => board.show(readings),
            Err(error) => return tracing::error!(%error, "the simulated plant stands still"),
        }
    }
}

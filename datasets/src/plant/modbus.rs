//! Modbus TCP: one port, one unit id for each device; inverters, meters and the weather station as SunSpec, the others as plain registers.
//!
//! In: the board. Out: answers to reads. Plain devices hold their measured values as 32-bit floats (big-endian, high word first) in input
//! registers from 0, and their alarms as discrete inputs from 0. A write of any kind is refused with ILLEGAL FUNCTION, a device that is
//! silent with GATEWAY TARGET DEVICE FAILED TO RESPOND. Not here: register images of SunSpec (`sunspec`).

mod sunspec;

use super::board::Board;
use super::board::State;
use super::fleet::Device;
use std::sync::Arc;
use sunspec::Image;
use tokio::net::TcpListener;
use tokio_modbus::ExceptionCode;
use tokio_modbus::Request;
use tokio_modbus::Response;
use tokio_modbus::SlaveRequest;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::Server;
use tokio_util::sync::CancellationToken;

/// Registers and bits one request may ask for (Modbus application protocol 1.1b, sections 6.1 to 6.4).
const MOST_REGISTERS: u16 = 125;
const MOST_BITS: u16 = 2000;

/// Where a device keeps a signal, as points files write it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// Index of the signal.
    pub(super) signal: usize,
    /// `sunspec:103/W` or `ir:4`, without the unit id.
    pub(super) address: String,
    /// Unit there, where it differs from the signal's.
    pub(super) unit: Option<&'static str>,
    /// `f32` of plain registers.
    pub(super) kind: Option<&'static str>,
}

/// Registers of one unit.
#[derive(Debug)]
enum Registers {
    SunSpec(Image),
    Plain { values: Vec<usize>, alarms: Vec<usize> },
}

/// Where a device's signals are.
pub(super) fn places(board: &Board, device: &Device) -> Vec<Place> {
    match registers(board, device) {
        Registers::SunSpec(image) => image.places().collect(),
        Registers::Plain { values, alarms } => {
            let value = |(at, &signal)| Place { signal, address: format!("ir:{}", 2 * at), unit: None, kind: Some("f32") };
            let alarm = |(at, &signal)| Place { signal, address: format!("di:{at}"), unit: None, kind: None };
            values.iter().enumerate().map(value).chain(alarms.iter().enumerate().map(alarm)).collect()
        }
    }
}

fn registers(board: &Board, device: &Device) -> Registers {
    Image::new(&board.fleet, device).map_or_else(
        || {
            let is_alarm = |index: &usize| board.fleet.signals.get(*index).is_some_and(super::fleet::Signal::is_alarm);
            let (alarms, values) = device.signals.clone().partition(is_alarm);
            Registers::Plain { values, alarms }
        },
        Registers::SunSpec,
    )
}

/// Serves until `stop`.
pub(super) async fn serve(listener: TcpListener, board: Arc<Board>, stop: CancellationToken) {
    let mut units: Vec<Option<Registers>> = (0..=usize::from(u8::MAX)).map(|_| None).collect();
    for device in &board.fleet.devices {
        if let Some(slot) = device.unit.and_then(|unit| units.get_mut(usize::from(unit))) {
            *slot = Some(registers(&board, device));
        }
    }
    let gateway = Arc::new(Gateway { board, units });
    let connected = |stream: tokio::net::TcpStream, _| {
        let gateway = gateway.clone();
        async move {
            stream.set_nodelay(true)?;
            Ok(Some((gateway, stream)))
        }
    };
    let failed = |error: std::io::Error| tracing::debug!(%error, "a Modbus client was lost");
    if let Err(error) = Server::new(listener).serve_until(&connected, failed, stop.cancelled_owned()).await {
        tracing::error!(%error, "the Modbus server stopped");
    }
}

/// All units behind one port.
#[derive(Debug)]
struct Gateway {
    board: Arc<Board>,
    units: Vec<Option<Registers>>,
}

impl Service for Gateway {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = std::future::Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        std::future::ready(self.answer(&request))
    }
}

impl Gateway {
    fn answer(&self, request: &SlaveRequest<'_>) -> Result<Response, ExceptionCode> {
        let unit =
            self.units.get(usize::from(request.slave)).and_then(Option::as_ref).ok_or(ExceptionCode::GatewayPathUnavailable)?;
        match request.request {
            Request::ReadHoldingRegisters(from, count) => Ok(Response::ReadHoldingRegisters(self.holding(unit, from, count)?)),
            Request::ReadInputRegisters(from, count) => Ok(Response::ReadInputRegisters(self.input(unit, from, count)?)),
            Request::ReadDiscreteInputs(from, count) => Ok(Response::ReadDiscreteInputs(self.bits(unit, from, count)?)),
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }

    fn holding(&self, unit: &Registers, from: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
        let Registers::SunSpec(image) = unit else { return Err(ExceptionCode::IllegalDataAddress) };
        let registers = image.read(&self.board.now()).ok_or(ExceptionCode::GatewayTargetDevice)?;
        cut(&registers, from.checked_sub(Image::BASE), count, MOST_REGISTERS)
    }

    fn input(&self, unit: &Registers, from: u16, count: u16) -> Result<Vec<u16>, ExceptionCode> {
        let Registers::Plain { values, .. } = unit else { return Err(ExceptionCode::IllegalDataAddress) };
        let floats = self.readings(values)?;
        let words = |value: f64| {
            let bits = (value as f32).to_bits();
            [(bits >> 16) as u16, bits as u16]
        };
        cut(&floats.into_iter().flat_map(words).collect::<Vec<u16>>(), Some(from), count, MOST_REGISTERS)
    }

    fn bits(&self, unit: &Registers, from: u16, count: u16) -> Result<Vec<bool>, ExceptionCode> {
        let Registers::Plain { alarms, .. } = unit else { return Err(ExceptionCode::IllegalDataAddress) };
        let raised: Vec<bool> = self.readings(alarms)?.into_iter().map(|value| value > 0.0).collect();
        cut(&raised, Some(from), count, MOST_BITS)
    }

    /// Values of a device's signals, NaN where there is none.
    fn readings(&self, signals: &[usize]) -> Result<Vec<f64>, ExceptionCode> {
        let now = self.board.now();
        let readings: Vec<_> = signals.iter().filter_map(|&index| now.get(index)).collect();
        if !readings.is_empty() && readings.iter().all(|reading| reading.state == State::CommsLost) {
            return Err(ExceptionCode::GatewayTargetDevice);
        }
        Ok(readings.into_iter().map(|reading| reading.good().unwrap_or(f64::NAN)).collect())
    }
}

/// `count` things from `from` on, which must all be there.
fn cut<T: Clone>(all: &[T], from: Option<u16>, count: u16, most: u16) -> Result<Vec<T>, ExceptionCode> {
    if count == 0 || count > most {
        return Err(ExceptionCode::IllegalDataValue);
    }
    let from = usize::from(from.ok_or(ExceptionCode::IllegalDataAddress)?);
    all.get(from..from + usize::from(count)).map(<[T]>::to_vec).ok_or(ExceptionCode::IllegalDataAddress)
}

//! One TCP connection and one request at a time, through `tokio-modbus`.
//!
//! In: a host; a unit, a table, an address, a count. Out: registers (a bit is a register of 0 or 1) or a [`Trouble`]. Only function codes 1
//! to 4 are ever sent. Not here: when to try again.

use super::address::{Host, Table};
use crate::live;
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;
use tokio_modbus::client::{Client, Context, tcp};
use tokio_modbus::slave::{Slave, SlaveContext};
use tokio_modbus::{Error, ExceptionCode, Request, Response};

/// Why a request brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The device or gateway says no, with this code.
    Exception(u8),
    /// Nothing came in time; what comes later would be taken for the next answer, so the connection is over.
    Silent,
    /// The connection is over.
    Broken(String),
}

/// Stable words for what an exception means (Modbus Application Protocol V1.1b3, 7).
pub(super) const fn reason(code: u8) -> &'static str {
    match code {
        1 => "illegal_function",
        2 => "illegal_address",
        3 => "illegal_value",
        4 => "device_failure",
        5 | 6 => "device_busy",
        8 => "memory_parity",
        0x0A => "gateway_path_unavailable",
        0x0B => "gateway_no_response",
        _ => "device_exception",
    }
}

/// A connection.
pub(super) struct Wire {
    context: Context,
    patience: Duration,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Wire {
    /// Connects, or says why not; the host is for the caller to name.
    pub(super) async fn dial(host: &Host, patience: Duration) -> Result<Self, String> {
        match timeout(patience, live::connect(&host.name, host.port)).await {
            Ok(Ok(stream)) => Ok(Self { context: tcp::attach(stream), patience }),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s; is it on, and is the way to it open?", patience.as_secs_f64())),
        }
    }

    /// How long an answer may take, from now on.
    pub(super) const fn wait_for(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Reads `count` registers or bits.
    pub(super) async fn read(&mut self, unit: u8, table: Table, start: u16, count: u16) -> Result<Vec<u16>, Trouble> {
        let request = match table {
            Table::Coils => Request::ReadCoils(start, count),
            Table::Discrete => Request::ReadDiscreteInputs(start, count),
            Table::Holding => Request::ReadHoldingRegisters(start, count),
            Table::Input => Request::ReadInputRegisters(start, count),
        };
        self.context.set_slave(Slave(unit));
        let response = match timeout(self.patience, self.context.call(request)).await {
            Err(_) => return Err(Trouble::Silent),
            Ok(Err(error)) => return Err(Trouble::Broken(broken(&error))),
            Ok(Ok(Err(exception))) => return Err(Trouble::Exception(ExceptionCode::into(exception))),
            Ok(Ok(Ok(response))) => response,
        };
        let mut words = match response {
            Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits) => bits.into_iter().map(u16::from).collect(),
            Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words) => words,
            other => return Err(Trouble::Broken(format!("an answer of another kind came: {other:?}"))),
        };
        // Bits come in whole bytes, registers as asked.
        if words.len() < usize::from(count) || (!table.is_bits() && words.len() > usize::from(count)) {
            return Err(Trouble::Broken(format!("{} registers came where {count} were asked for", words.len())));
        }
        words.truncate(usize::from(count));
        Ok(words)
    }
}

fn broken(error: &Error) -> String {
    match error {
        // The end of the stream comes with whatever the system's last error was.
        Error::Transport(error)
            if error.raw_os_error().is_some_and(|code| code == 0) || error.kind() == std::io::ErrorKind::WouldBlock =>
        {
            "the device closed the connection; some allow only one or two at a time".into()
        }
        Error::Transport(error) => error.to_string(),
        Error::Protocol(_) => {
            "an answer came that does not belong to the question; another program may share this connection".into()
        }
    }
}

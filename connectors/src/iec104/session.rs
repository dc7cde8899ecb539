//! One connection to a station: octets in, frames out, over TCP or TLS (IEC 62351-3).
//!
//! In: an address, a [`Flow`]. Out: what was heard, in order. Reading may be dropped at any await and loses nothing. Not here: when to
//! connect, and what is said.

use super::apci::Broken;
use super::apci::Control;
use super::apci::split;
use super::flow::Flow;
use super::flow::Heard;
use super::flow::Timing;
use crate::live;
use rustls_pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

/// Octets read at once at most.
const READ: usize = 64 * 1024;

/// Where one link of a station is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Host name or address, and port.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') { write!(f, "[{}]:{}", self.host, self.port) } else { write!(f, "{}:{}", self.host, self.port) }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

/// A made connection.
pub(super) struct Session {
    stream: Box<dyn Duplex>,
    flow: Flow,
    octets: Vec<u8>,
    /// How much of `octets` was taken.
    taken: usize,
    out: Vec<u8>,
    t1: Duration,
    is_late: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("flow", &self.flow).finish_non_exhaustive()
    }
}

impl Session {
    /// Connects within t0; the link is stopped until [`Session::ask`].
    pub(super) async fn connect(place: &Place, timing: Timing) -> Result<Self, Broken> {
        let made = async {
            let tcp = live::connect(&place.host, place.port).await?;
            let stream: Box<dyn Duplex> = match &place.tls {
                None => Box::new(tcp),
                Some((config, name)) => Box::new(TlsConnector::from(config.clone()).connect(name.clone(), tcp).await?),
            };
            Ok::<_, io::Error>(stream)
        };
        let stream = timeout(timing.t0, made).await.map_err(|_| Broken::Unreachable { seconds: timing.t0.as_secs_f64() })??;
        Ok(Self {
            stream,
            flow: Flow::new(timing, Instant::now()),
            octets: Vec::new(),
            taken: 0,
            out: Vec::new(),
            t1: timing.t1,
            is_late: false,
        })
    }

    /// Waits until something was read or a timer acted, at most until `also`. May be dropped.
    pub(super) async fn wait(&mut self, also: Option<Instant>) -> Result<(), Broken> {
        self.octets.drain(..self.taken);
        self.taken = 0;
        self.octets.reserve(READ);
        let timer = self.flow.deadline();
        let until = also.map_or(timer, |also| also.min(timer));
        match timeout_at(until, self.stream.read_buf(&mut self.octets)).await {
            Ok(Ok(0)) => Err(Broken::Closed),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(cause)) if cause.kind() == io::ErrorKind::UnexpectedEof => Err(Broken::Closed),
            Ok(Err(cause)) => Err(cause.into()),
            Err(_) => {
                self.is_late |= self.flow.tick(Instant::now(), &mut self.out)?;
                Ok(())
            }
        }
    }

    /// The next thing heard of what was read; `None`: no more.
    pub(super) fn next(&mut self) -> Result<Option<Heard<'_>>, Broken> {
        let rest = self.octets.get(self.taken..).unwrap_or_default();
        let Some((frame, length)) = split(rest)? else { return Ok(None) };
        self.taken += length;
        self.flow.hear(frame, Instant::now(), &mut self.out).map(Some)
    }

    /// STARTDT or STOPDT.
    pub(super) fn ask(&mut self, control: Control) {
        self.flow.ask(control, Instant::now(), &mut self.out);
    }

    /// An ASDU of ours; false: not now.
    pub(super) fn send(&mut self, asdu: &[u8]) -> bool {
        self.flow.send(asdu, Instant::now(), &mut self.out)
    }

    /// Everything before number `until` is stored.
    pub(super) fn store(&mut self, until: u16) {
        self.flow.store(until, Instant::now(), &mut self.out);
    }

    /// The number the station sends next.
    pub(super) const fn received(&self) -> u16 {
        self.flow.received()
    }

    /// True when the station may soon wait for an acknowledgement.
    pub(super) const fn is_due(&self) -> bool {
        self.flow.is_due()
    }

    /// True once after something received waited t2 for the store.
    pub(super) const fn take_late(&mut self) -> bool {
        std::mem::replace(&mut self.is_late, false)
    }

    /// Sends what is to be sent.
    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        if self.out.is_empty() {
            return Ok(());
        }
        let silent = |_| Broken::Silent { what: "our frames (the line takes no more)", seconds: self.t1.as_secs_f64() };
        timeout(self.t1, async {
            self.stream.write_all(&self.out).await?;
            self.stream.flush().await
        })
        .await
        .map_err(silent)??;
        self.out.clear();
        Ok(())
    }

    /// STOPDT, its confirmation if it comes within `patience`, and the end of the connection.
    pub(super) async fn leave(mut self, patience: Duration) {
        self.ask(Control::StopAct);
        let farewell = async {
            self.flush().await?;
            loop {
                self.wait(None).await?;
                while let Some(heard) = self.next()? {
                    if heard == Heard::Stopped {
                        return Ok::<_, Broken>(());
                    }
                }
                self.flush().await?;
            }
        };
        // The station may have gone first; nothing depends on its answer.
        drop(timeout(patience, farewell).await);
        drop(self.stream.shutdown().await);
    }
}

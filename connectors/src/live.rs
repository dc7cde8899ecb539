//! What every live protocol has in common: points, samples, the link and its state, retries, pages.
//!
//! In: a points file ([`Points`]), samples from a peer. Out: pages behind [`engine::source::Source`], a [`Status`] for people and metrics,
//! lines for a live tail. Not here: any one protocol's frames (a folder each beside this one), where pages are kept, and the clock
//! ([`Link::now`] is handed in).
//!
//! # The contract of a live source
//! - **Asking is acknowledging.** `next_page` is called again only after the page before it was stored. So what a peer is told it need not
//!   keep (an MQTT PUBACK, an IEC 104 S frame, a moved cursor) is told at the *next* call, never when a page is handed out.
//! - **Resumable.** What the peer can say again is asked for again after a restart of either side; rows stored twice change nothing.
//! - **Monitoring only.** No source sends a command or writes a value. Interrogations, subscriptions and acknowledgements are all it sends.
//! - **Back-pressure.** A source holds at most one page and a bounded channel; beyond it the peer waits.
//! - **Patient.** `next_page` returns within [`PATIENCE`], with an empty page if nothing came. A lost link is no error: the source reconnects
//!   with growing, jittered waits and says so in its [`Status`]. An error means a person must act.
//! - **Honest.** Quality and source time are kept. A value that is none is null with a reason in `quality_flags`, never a sentinel.

mod assemble;
mod connect;
mod found;
mod guess;
mod inlet;
mod link;
mod point;
mod replay;
mod retry;
mod rows;
mod sample;
mod secret;
mod shown;
mod tls;

#[cfg(test)]
mod tests;

pub use assemble::Assembly;
pub(crate) use connect::connect;
pub use found::{Found, points_file};
pub use guess::{Guess, guess};
pub use inlet::{Gathered, Inlet, PATIENCE, Piece};
pub use link::{Link, Phase, Status};
pub use point::{AssetSpec, Point, PointSpec, Points, PointsSpec, Target};
pub use replay::Replayed;
pub use retry::Retry;
pub use sample::{Notice, Sample};
pub use secret::Secret;
pub(crate) use shown::shown;
pub use tls::TlsSpec;

use async_trait::async_trait;
use engine::domain::Quantities;
use engine::source::Source;
use engine::source::SourceError;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// The silence of a connection that is worth an alert, if neither its configuration nor its protocol says otherwise.
const USUAL_SILENCE: Duration = Duration::from_secs(600);

/// The same for a peer that is asked so often.
pub(crate) fn three_polls(every: Duration) -> Duration {
    USUAL_SILENCE.max(every.saturating_mul(3))
}

/// What one look at a peer found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Who answered: product, version, device name, as far as the peer says.
    pub peer: String,
    /// One line: what works and how much is there.
    pub says: String,
}

/// One configured connection of one protocol.
#[async_trait]
pub trait Protocol: Debug + Send + Sync {
    /// `mqtt`, `modbus`, `opcua`, `iec104`, ….
    fn name(&self) -> &'static str;

    /// Address of the peer for people, without secrets.
    fn peer(&self) -> String;

    /// False for a protocol that brings a mapping of its own: its connections have no points file, but [`Protocol::brings`].
    fn needs_points(&self) -> bool {
        true
    }

    /// How long nothing may arrive before it is worth an alert, where the configuration does not say.
    fn usual_silence(&self) -> Duration {
        USUAL_SILENCE
    }

    /// Takes the points file as it was read; `quantities` are the site's.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] when it has no point, unless the protocol needs only assets.
    fn complete(&self, points: Points, _quantities: &Quantities) -> Result<Points, SourceError> {
        if points.points().is_empty() {
            let problem = "no [[points]]; let `chergui discover` write them, or add one".into();
            return Err(SourceError::Mapping { place: "points".into(), problem });
        }
        Ok(points)
    }

    /// Instead of a points file, where none is needed: assets and quantities to declare, without a point. `quantities` are the site's.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] and [`SourceError::Io`] for the mapping.
    fn brings(&self, quantities: &Quantities) -> Result<Points, SourceError> {
        Points::brought(Vec::new(), quantities)
    }

    /// Reads every point's address and options, and the settings; opens nothing.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] naming the point or key, with the remedy.
    fn check(&self, points: &Points) -> Result<(), SourceError>;

    /// A source of these points. It connects at the first `next_page`.
    ///
    /// # Errors
    /// As [`Protocol::check`].
    fn open(&self, points: Arc<Points>, link: Link) -> Result<Box<dyn Source>, SourceError>;

    /// Connects once, says who is there, reads what the points need, and leaves.
    ///
    /// # Errors
    /// [`SourceError`] with what to do.
    async fn probe(&self, points: &Points, link: &Link) -> Result<Probe, SourceError>;

    /// What the peer offers, for a points file. `tell` is called with a line of progress now and then.
    ///
    /// # Errors
    /// [`SourceError`] with what to do.
    async fn discover(&self, link: &Link, tell: &(dyn for<'a> Fn(&'a str) + Send + Sync)) -> Result<Vec<Found>, SourceError>;
}

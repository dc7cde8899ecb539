//! From a task that listens to a peer to the pages that are asked for.
//!
//! In: pieces over a bounded channel. Out: one page's worth at a time, with the marks of what it holds. A mark is whatever the protocol
//! needs to acknowledge; it comes back with the page and is honoured when the next page is asked for. Not here: what a mark means.

use super::Assembly;
use super::{Notice, Sample};
use engine::source::Reject;
use engine::source::Rows;
use engine::source::SourceError;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::timeout_at;

/// The longest a source waits before it returns an empty page.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long a page stays open after its first value.
const LINGER: Duration = Duration::from_millis(250);
/// How long it stays open when a mark waits and nothing more comes: a peer with a full window is waiting for us.
const GRACE: Duration = Duration::from_millis(5);
/// Values after which a page is closed.
const FULL: usize = 32_768;

/// What the listening task hands over.
#[derive(Debug)]
pub enum Piece<M> {
    /// Values.
    Samples(Vec<Sample>),
    /// An alarm or message.
    Notice(Notice),
    /// Something that could not be read.
    Reject(Reject),
    /// Everything before it belongs to this mark.
    Mark(M),
    /// The same, and the peer waits for it: the page is closed as soon as nothing more is at hand.
    Urgent(M),
    /// The task cannot go on: a person must act. The channel ends after it.
    Failed(SourceError),
}

/// One page's worth.
#[derive(Debug)]
pub struct Gathered<M> {
    /// Rows in order: assets once, readings, flags, events.
    pub rows: Vec<Rows>,
    /// What could not be read.
    pub rejects: Vec<Reject>,
    /// The marks of what is in the rows, in order.
    pub marks: Vec<M>,
}

/// The receiving end.
#[derive(Debug)]
pub struct Inlet<M> {
    pieces: mpsc::Receiver<Piece<M>>,
    assembly: Assembly,
    /// Kept here, so that a call that is dropped half-way loses nothing.
    marks: Vec<M>,
    failed: Option<SourceError>,
}

impl<M> Inlet<M> {
    /// A channel for `room` pieces and its inlet.
    pub fn new(assembly: Assembly, room: usize) -> (mpsc::Sender<Piece<M>>, Self) {
        let (sender, pieces) = mpsc::channel(room);
        (sender, Self { pieces, assembly, marks: Vec::new(), failed: None })
    }

    /// Waits for a page's worth, at most [`PATIENCE`] for its first piece.
    ///
    /// # Errors
    /// What the task failed with, once everything before it was handed out; [`SourceError::Domain`] never in practice.
    pub async fn gather(&mut self) -> Result<Gathered<M>, SourceError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut end = Instant::now() + PATIENCE;
        let (mut is_open, mut is_urgent) = (false, false);
        loop {
            let until = if is_urgent {
                Instant::now()
            } else if self.marks.is_empty() {
                end
            } else {
                end.min(Instant::now() + GRACE)
            };
            let piece = match timeout_at(until, self.pieces.recv()).await {
                Ok(Some(piece)) => piece,
                // The task ended without a word: it was told to close.
                Ok(None) if !is_open => {
                    tokio::time::sleep_until(end).await;
                    break;
                }
                Ok(None) | Err(_) => break,
            };
            if !is_open {
                is_open = true;
                end = Instant::now() + LINGER;
            }
            match piece {
                Piece::Samples(samples) => self.assembly.take(&samples),
                Piece::Notice(notice) => self.assembly.notice(notice),
                Piece::Reject(reject) => self.assembly.reject(reject),
                Piece::Mark(mark) => self.marks.push(mark),
                Piece::Urgent(mark) => {
                    self.marks.push(mark);
                    is_urgent = true;
                }
                Piece::Failed(error) if self.assembly.is_empty() && self.marks.is_empty() => return Err(error),
                Piece::Failed(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
            if self.assembly.len() >= FULL {
                break;
            }
        }
        let (rows, rejects) = self.assembly.finish()?;
        Ok(Gathered { rows, rejects, marks: std::mem::take(&mut self.marks) })
    }

    /// Takes no more; the task's next send fails.
    pub fn close(&mut self) {
        self.pieces.close();
    }
}

//! What message buses have in common: a task that listens, and the pages that are asked of it.
//!
//! In: the points, a task. Out: what it heard, page by page. Not here: any bus ([`crate::nats`], [`crate::kafka`]) and payloads, which are read
//! as MQTT's are ([`crate::mqtt`]).

use crate::live::Assembly;
use crate::live::Gathered;
use crate::live::Inlet;
use crate::live::Link;
use crate::live::Phase;
use crate::live::Piece;
use crate::live::Points;
use engine::source::SourceError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Pieces between the task and the pages. A piece is at most one fetch, so this bounds the memory.
const ROOM: usize = 16;
/// How long the task may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// What the task is given.
#[derive(Debug)]
pub(crate) struct Task<M> {
    pub(crate) sender: mpsc::Sender<Piece<M>>,
    pub(crate) closing: CancellationToken,
}

impl<M> Clone for Task<M> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), closing: self.closing.clone() }
    }
}

impl<M> Task<M> {
    /// Hands over in order; waits while nobody takes. False: we are to leave.
    pub(crate) async fn hand_over(&self, pieces: impl IntoIterator<Item = Piece<M>>) -> bool {
        for piece in pieces {
            tokio::select! {
                biased;
                sent = self.sender.send(piece) => if sent.is_err() { return false },
                () = self.closing.cancelled() => return false,
            }
        }
        true
    }

    /// A person must act.
    pub(crate) async fn fail(&self, link: &Link, error: SourceError) {
        link.lost(&error.to_string());
        // If nobody listens any more there is nobody to tell.
        drop(self.sender.send(Piece::Failed(error)).await);
    }

    /// Waits before the next try. False: we are to leave.
    pub(crate) async fn pause(&self, wait: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            () = self.closing.cancelled() => false,
        }
    }
}

/// A running task and its pages.
#[derive(Debug)]
pub(crate) struct Running<M> {
    inlet: Inlet<M>,
    closing: CancellationToken,
    task: JoinHandle<()>,
}

impl<M> Drop for Running<M> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<M> Running<M> {
    /// Starts the task.
    pub(crate) fn start<F>(points: Arc<Points>, link: Link, listen: impl FnOnce(Task<M>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, inlet) = Inlet::new(Assembly::new(points, link), ROOM);
        let closing = CancellationToken::new();
        let task = tokio::spawn(listen(Task { sender, closing: closing.clone() }));
        Self { inlet, closing, task }
    }

    /// A page's worth.
    ///
    /// # Errors
    /// What the task failed with; it has ended then.
    pub(crate) async fn gather(&mut self) -> Result<Gathered<M>, SourceError> {
        self.inlet.gather().await
    }

    /// True when the task has ended; after it nothing comes.
    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Lets the task leave in good order.
    pub(crate) async fn close(mut self, link: &Link) {
        self.closing.cancel();
        self.inlet.close();
        if timeout(ENDS_WITHIN, &mut self.task).await.is_err() {
            tracing::debug!(connection = link.name(), "the task did not end in time and is stopped");
        }
        link.enter(Phase::Closed);
    }
}

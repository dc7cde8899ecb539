//! The way of a write: room in memory, a place in the next group of the log, the layers, and in the background the files.
//!
//! An append waits in a queue; whoever gets the turn writes all waiting appends as one log file, then applies them to their tables and
//! answers. A turn runs in its own task, so a caller that goes away takes nobody's rows along. Queue and layers are bounded in bytes.

use super::Receipt;
use super::StoreError;
use super::layer::bytes_of;
use super::open::Inner;
use super::open::Slot;
use super::table::TableState;
use super::upkeep::Upkeep;
use crate::domain::Table;
use arrow::array::RecordBatch;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use tokio::sync::oneshot;

/// How long an append waits for room before it is refused.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a refused sender is told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Pauses of a background flush that failed, doubled from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// An append that waits for its group.
#[derive(Debug)]
pub(super) struct Request {
    table: Table,
    rows: RecordBatch,
    bytes: usize,
    reply: oneshot::Sender<Result<Receipt, StoreError>>,
}

impl Inner {
    /// Joins the next group commit and waits for the receipt.
    pub(super) async fn append(this: &Arc<Self>, table: Table, rows: RecordBatch) -> Result<Receipt, StoreError> {
        let bytes = bytes_of(&rows);
        this.make_room(bytes).await?;
        let (reply, receipt) = oneshot::channel();
        this.queue.lock().unwrap_or_else(PoisonError::into_inner).push(Request { table, rows, bytes, reply });
        tokio::spawn(Self::take_turn(Arc::clone(this)));
        receipt.await.map_err(|cause| StoreError::Stopped { action: "an append", cause: cause.to_string() })?
    }

    /// Reserves bytes; waits a little when memory is full. An append larger than all room is let in alone.
    async fn make_room(self: &Arc<Self>, bytes: usize) -> Result<(), StoreError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let told = self.room.notified();
            let held = self.held_bytes();
            if held == 0 || held + bytes <= self.options.buffer_bytes {
                self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
                return Ok(());
            }
            self.flush_largest();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || tokio::time::timeout(left.min(Duration::from_millis(100)), told).await.is_err() && left.is_zero() {
                let limit = self.options.buffer_bytes;
                return Err(StoreError::Busy { buffered_bytes: held, limit, retry_after: RETRY_AFTER });
            }
        }
    }

    fn held_bytes(&self) -> usize {
        let layers: usize = self.tables.values().map(|slot| slot.bytes.load(Ordering::Relaxed)).sum();
        layers + self.waiting_bytes.load(Ordering::Relaxed)
    }

    fn flush_largest(self: &Arc<Self>) {
        let largest = self.tables.iter().max_by_key(|(_, slot)| slot.bytes.load(Ordering::Relaxed));
        if let Some((&table, slot)) = largest {
            self.flush_soon(table, slot);
        }
    }

    async fn take_turn(this: Arc<Self>) {
        let _turn = this.turn.lock().await;
        let group = std::mem::take(&mut *this.queue.lock().unwrap_or_else(PoisonError::into_inner));
        if group.is_empty() {
            return;
        }
        let bytes: usize = group.iter().map(|request| request.bytes).sum();
        let written = this.log.write(group.iter().map(|r| (r.table, r.rows.clone())).collect()).await;
        let mut answers = Vec::with_capacity(group.len());
        let mut touched = BTreeSet::new();
        for request in group {
            let receipt = match &written {
                Ok(sequence) => {
                    touched.insert(request.table);
                    this.apply(&request, *sequence).await
                }
                Err(error) => Err(error.repeat()),
            };
            answers.push((request, receipt));
        }
        for table in touched {
            let Some(slot) = this.tables.get(&table) else { continue };
            let state = slot.state.lock().await;
            this.publish(table, slot, &state);
            let full = state.waiting() >= this.options.buffer_rows;
            drop(state);
            if full {
                this.flush_soon(table, slot);
            }
        }
        this.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        for (request, receipt) in answers {
            if request.reply.send(receipt).is_err() {
                tracing::debug!(table = %request.table, "the sender of an append left before its receipt");
            }
        }
        if this.held_bytes() > this.options.buffer_bytes / 2 {
            this.flush_largest();
        }
    }

    async fn apply(&self, request: &Request, sequence: u64) -> Result<Receipt, StoreError> {
        let Some(slot) = self.tables.get(&request.table) else { return Ok(Receipt::default()) };
        slot.state.lock().await.apply(&request.rows, sequence).await
    }

    /// Flushes a table in the background, again and again while it fails and the store is open.
    fn flush_soon(self: &Arc<Self>, table: Table, slot: &Slot) {
        if slot.flushing.swap(true, Ordering::AcqRel) {
            return;
        }
        let store = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut pause = PAUSES.0;
            while let Some(inner) = Weak::upgrade(&store) {
                let Some(slot) = inner.tables.get(&table) else { return };
                let Err(error) = inner.tidy_table(table, slot, super::FEW_FILES).await else {
                    slot.flushing.store(false, Ordering::Release);
                    return;
                };
                tracing::error!(%table, %error, "cannot flush; the rows stay in the log and in memory, the next try is in {pause:?}");
                drop(inner);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
        });
    }

    /// Straight to Delta; runs in its own task so that a caller that goes away leaves no half-known state.
    pub(super) async fn import(this: &Arc<Self>, table: Table, rows: RecordBatch) -> Result<Receipt, StoreError> {
        let inner = Arc::clone(this);
        let work = tokio::spawn(async move {
            let Some(slot) = inner.tables.get(&table) else { return Ok(Receipt::default()) };
            let mut upkeep = slot.upkeep.lock().await;
            inner.flush(table, slot, &mut upkeep).await?;
            let receipt = upkeep.import(&rows).await?;
            let mut state = slot.state.lock().await;
            state.absorb(&rows, upkeep.base())?;
            inner.publish(table, slot, &state);
            Ok(receipt)
        });
        work.await.map_err(|cause| StoreError::Stopped { action: "an import", cause: cause.to_string() })?
    }

    /// Flushes every table and joins files where at least `least` are small.
    pub(super) async fn tidy(this: &Arc<Self>, least: usize) -> Result<usize, StoreError> {
        let inner = Arc::clone(this);
        let work = tokio::spawn(async move {
            let mut gone = 0;
            for (&table, slot) in &inner.tables {
                gone += inner.tidy_table(table, slot, least).await?;
            }
            Ok(gone)
        });
        work.await.map_err(|cause| StoreError::Stopped { action: "a flush", cause: cause.to_string() })?
    }

    async fn tidy_table(&self, table: Table, slot: &Slot, least: usize) -> Result<usize, StoreError> {
        let mut upkeep = slot.upkeep.lock().await;
        self.flush(table, slot, &mut upkeep).await?;
        let gone = upkeep.compact(least).await;
        let rebase = |state: &mut TableState| {
            state.rebase(upkeep.base());
            self.publish(table, slot, state);
        };
        slot.change_files(None, rebase).await;
        gone
    }

    /// Moves what a table holds in memory now to Delta, and shortens the log. Appends go on meanwhile.
    pub(super) async fn flush(&self, table: Table, slot: &Slot, upkeep: &mut Upkeep) -> Result<(), StoreError> {
        if let Some(strange) = upkeep.catch_up().await? {
            let mut state = slot.state.lock().await;
            state.reconcile(&strange, &upkeep.base())?;
            self.publish(table, slot, &state);
        }
        // Twice: a layer that an earlier try could not move is first.
        for _ in 0..2 {
            let Some(frozen) = slot.state.lock().await.freeze() else { break };
            upkeep.flush(&frozen).await?;
            let settle = |state: &mut TableState| {
                state.settle(upkeep.base());
                self.publish(table, slot, state);
            };
            slot.change_files(Some(&frozen), settle).await;
            self.room.notify_waiters();
            self.log.done(table, upkeep.applied()).await?;
        }
        let settled = slot.state.lock().await.settled();
        match settled {
            Some(sequence) => self.log.done(table, sequence).await,
            None => Ok(()),
        }
    }
}

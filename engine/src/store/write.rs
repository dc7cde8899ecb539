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
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use tokio::sync::oneshot;

/// How long an append waits for room before it is refused.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it sleeps at most before it looks for room again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
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

type Answer = (oneshot::Sender<Result<Receipt, StoreError>>, Result<Receipt, StoreError>);

/// Bytes of a group on its way; given back also when its turn ends in a panic.
struct Reserved<'a> {
    store: &'a Inner,
    bytes: usize,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.store.waiting_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.store.room.notify_waiters();
    }
}

/// A background flush under way; its mark goes also when it ends in a panic.
struct Flushing {
    store: Weak<Inner>,
    table: Table,
}

impl Drop for Flushing {
    fn drop(&mut self) {
        if let Some(inner) = Weak::upgrade(&self.store)
            && let Some(slot) = inner.tables.get(&self.table)
        {
            slot.flushing.store(false, Ordering::Release);
        }
    }
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
            if left.is_zero() {
                let limit = self.options.buffer_bytes;
                return Err(StoreError::Busy { buffered_bytes: held, limit, retry_after: RETRY_AFTER });
            }
            tokio::select! {
                () = told => {}
                () = tokio::time::sleep(left.min(LOOK_AGAIN)) => {}
            }
        }
    }

    fn held_bytes(&self) -> usize {
        let layers: usize = self.tables.values().map(|slot| slot.bytes.load(Ordering::Relaxed)).sum();
        layers + self.waiting_bytes.load(Ordering::Relaxed)
    }

    /// Starts a flush of the table that takes most memory and is not being flushed.
    fn flush_largest(self: &Arc<Self>) {
        let bytes = |slot: &Slot| slot.bytes.load(Ordering::Relaxed);
        let idle = self.tables.iter().filter(|(_, slot)| bytes(slot) > 0 && !slot.flushing.load(Ordering::Relaxed));
        if let Some((&table, slot)) = idle.max_by_key(|(_, slot)| bytes(slot)) {
            self.flush_soon(table, slot);
        }
    }

    async fn take_turn(this: Arc<Self>) {
        let _turn = this.turn.lock().await;
        let group = std::mem::take(&mut *this.queue.lock().unwrap_or_else(PoisonError::into_inner));
        if group.is_empty() {
            return;
        }
        let reserved = Reserved { store: &this, bytes: group.iter().map(|request| request.bytes).sum() };
        let written = this.log.write(group.iter().map(|r| (r.table, r.rows.clone())).collect()).await;
        let mut by_table: BTreeMap<Table, Vec<Request>> = BTreeMap::new();
        for request in group {
            by_table.entry(request.table).or_default().push(request);
        }
        let mut answers = Vec::new();
        for (table, requests) in by_table {
            let slot = this.tables.get(&table);
            match (&written, slot) {
                (Ok(sequence), Some(slot)) => answers.extend(this.apply(table, slot, requests, *sequence).await),
                (Ok(_), None) => answers.extend(requests.into_iter().map(|request| (request.reply, Ok(Receipt::default())))),
                (Err(error), _) => answers.extend(requests.into_iter().map(|request| (request.reply, Err(error.repeat())))),
            }
        }
        drop(reserved);
        for (reply, receipt) in answers {
            if reply.send(receipt).is_err() {
                tracing::debug!("the sender of an append left before its receipt");
            }
        }
        if this.held_bytes() > this.options.buffer_bytes / 2 {
            this.flush_largest();
        }
        for table in this.log.overdue() {
            if let Some(slot) = this.tables.get(&table) {
                this.flush_soon(table, slot);
            }
        }
    }

    /// Applies what one group of the log holds of one table. The table is held all the while: a layer has all of a group or nothing of
    /// it, because the number of the group is what says that its rows are in Delta.
    async fn apply(self: &Arc<Self>, table: Table, slot: &Slot, requests: Vec<Request>, sequence: u64) -> Vec<Answer> {
        let mut state = slot.state.lock().await;
        let mut answers = Vec::with_capacity(requests.len());
        let mut rows = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push((request.reply, state.apply(&request.rows, sequence).await));
            rows.push(request.rows);
        }
        self.publish(table, slot, &state);
        rows.iter().for_each(|rows| self.changes.tell_rows(table, rows));
        if state.waiting() >= self.options.buffer_rows {
            self.flush_soon(table, slot);
        }
        answers
    }

    /// Flushes a table in the background, again and again while it fails and the store is open.
    fn flush_soon(self: &Arc<Self>, table: Table, slot: &Slot) {
        if slot.flushing.swap(true, Ordering::AcqRel) {
            return;
        }
        let store = Arc::downgrade(self);
        tokio::spawn(async move {
            let _flushing = Flushing { store: Weak::clone(&store), table };
            let mut pause = PAUSES.0;
            while let Some(inner) = Weak::upgrade(&store) {
                let Some(slot) = inner.tables.get(&table) else { return };
                let Err(error) = inner.tidy_table(table, slot, super::FEW_FILES).await else { return };
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
            // From here the appends of this table wait, so that each value has one place in the order of all writes.
            let mut state = slot.state.lock().await;
            if let Some(frozen) = state.freeze() {
                upkeep.flush(&frozen).await?;
                state.settle(upkeep.base());
            }
            let receipt = upkeep.import(&rows, state.reached()).await?;
            state.absorb(&rows, upkeep.base())?;
            inner.publish(table, slot, &state);
            inner.changes.tell_rows(table, &rows);
            Ok(receipt)
        });
        work.await.map_err(|cause| StoreError::Stopped { action: "an import", cause: cause.to_string() })?
    }

    /// Flushes every table and joins files where at least `least` are small.
    pub(super) async fn tidy(this: &Arc<Self>, least: usize) -> Result<usize, StoreError> {
        let inner = Arc::clone(this);
        let work = tokio::spawn(async move {
            // A table that cannot be flushed does not keep the others from it.
            let (mut gone, mut failed) = (0, None);
            for (&table, slot) in &inner.tables {
                match inner.tidy_table(table, slot, least).await {
                    Ok(files) => gone += files,
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            failed.map_or(Ok(gone), Err)
        });
        work.await.map_err(|cause| StoreError::Stopped { action: "a flush", cause: cause.to_string() })?
    }

    async fn tidy_table(&self, table: Table, slot: &Slot, least: usize) -> Result<usize, StoreError> {
        let mut upkeep = slot.upkeep.lock().await;
        self.flush(table, slot, &mut upkeep).await?;
        let gone = upkeep.compact(least).await?;
        let rebase = |state: &mut TableState| {
            state.rebase(upkeep.base());
            self.publish(table, slot, state);
        };
        slot.change_files(None, rebase).await;
        Ok(gone)
    }

    /// Brings the table to what its files are. They differ only after a failure that left open whether a commit landed; the rows that
    /// came to light then meet those that came since. Until that is done the table goes on as it was.
    pub(super) async fn catch_up(&self, table: Table, slot: &Slot, upkeep: &mut Upkeep) -> Result<(), StoreError> {
        upkeep.catch_up().await?;
        let known = Arc::clone(&slot.state.lock().await.base().files);
        if Arc::ptr_eq(&known, &upkeep.base().files) {
            return Ok(());
        }
        let strange = upkeep.strangers(&known).await?;
        let mut state = slot.state.lock().await;
        state.reconcile(&strange, &upkeep.base())?;
        self.publish(table, slot, &state);
        self.changes.tell(table, i64::MIN);
        Ok(())
    }

    /// Moves what a table holds in memory now to Delta, and shortens the log. Appends go on meanwhile.
    pub(super) async fn flush(&self, table: Table, slot: &Slot, upkeep: &mut Upkeep) -> Result<(), StoreError> {
        self.catch_up(table, slot, upkeep).await?;
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

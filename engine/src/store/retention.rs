//! Forgetting: rows beyond a table's retention, and files nobody reads any more.
//!
//! In: a table and times. Out: Delta commits, or files removed. A file goes only when it is in the newest version of its table no
//! more, no open view of this process may read it, and it left the table (or, if it was never in one, was written) before the
//! time given. Programs outside that read the table as Delta have from its removal until then.

use super::StoreError;
use super::delta::Change;
use super::delta::DeltaFiles;
use super::files::FileEntry;
use super::keys::clock;
use super::keys::key_columns;
use super::merge::merge;
use super::open::Inner;
use super::read::collect;
use crate::domain::Table;
use crate::domain::Timestamp;
use crate::domain::micros;
use arrow::array::RecordBatch;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::ident;
use datafusion::logical_expr::lit;
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// Bounds in a [`FileEntry`] are this much wider than the rows, in microseconds.
const MARGIN: i64 = 1000;

/// A file is written anew when this part of its stretch of time is beyond the retention: a file of a year once in eleven days, not daily.
const WORTH: i64 = 32;

/// Most files written anew in one commit; their rows are in memory together.
const REWRITTEN: usize = 4;

/// What retention took from a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Rows taken away.
    pub rows: u64,
    /// Files taken away or rewritten.
    pub files: usize,
}

/// What a vacuum removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vacuumed {
    /// Files removed.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Vacuumed {
    fn and(self, other: Self) -> Self {
        Self { files: self.files + other.files, bytes: self.bytes + other.bytes }
    }
}

/// Takes away the rows of a table whose clock is before `before`, microseconds: whole files by their bounds in one commit, and the rows
/// of files that reach beyond it by writing the rest anew, where that is a [`WORTH`]th of their time.
pub(super) async fn retain(
    delta: &mut DeltaFiles,
    reader: &SessionContext,
    table: Table,
    before: i64,
) -> Result<Retained, StoreError> {
    let (mut change, mut gone) = (Change::default(), Retained::default());
    for file in Arc::clone(delta.files()).iter() {
        let Some((low, high)) = file.clock else { continue };
        let beyond = before - low - MARGIN;
        if high < before {
            gone.rows += file.rows;
            change.remove.push(Arc::clone(file));
        } else if beyond > 0 && beyond >= (high - low) / WORTH {
            let kept = rest(delta, reader, table, file, before).await?;
            let rows = kept.as_ref().map_or(0, |rows| rows.num_rows() as u64);
            if rows < file.rows {
                gone.rows += file.rows - rows;
                change.remove.push(Arc::clone(file));
                change.add.extend(kept);
            }
        }
        if change.add.len() >= REWRITTEN {
            gone.files += change.remove.len();
            delta.commit(std::mem::take(&mut change)).await?;
        }
    }
    gone.files += change.remove.len();
    if !change.remove.is_empty() {
        delta.commit(change).await?;
    }
    Ok(gone)
}

/// The rows of a file from `before` on, in the order of their keys.
async fn rest(
    delta: &DeltaFiles,
    reader: &SessionContext,
    table: Table,
    file: &Arc<FileEntry>,
    before: i64,
) -> Result<Option<RecordBatch>, StoreError> {
    let view = delta.view(clock(table)).only(vec![Arc::clone(file)]);
    let time = ScalarValue::TimestampMicrosecond(Some(before), Some("UTC".into()));
    let rows = collect(reader, view, &[], &[ident(clock(table)).gt_eq(lit(time))]).await;
    let rows = rows.map_err(|cause| StoreError::Read { table: table.name().into(), cause: Box::new(cause) })?;
    let [first, others @ ..] = rows.as_slice() else { return Ok(None) };
    let merged = merge(key_columns(table), others, first);
    let merged = merged.map_err(|cause| StoreError::Arrow { table: table.name().into(), cause })?;
    Ok(Some(merged.rows).filter(|rows| rows.num_rows() > 0))
}

/// Removes what a table left behind before `older_than`, microseconds.
pub(super) async fn vacuum(delta: &DeltaFiles, older_than: i64) -> Result<Vacuumed, StoreError> {
    let (place, removed, read) = (delta.place(), delta.removed().await?, delta.retired());
    let mut gone = Vacuumed::default();
    for object in place.list("").await? {
        let ours = object.path.ends_with(".parquet") && !object.path.contains('/');
        let referenced = delta.files().iter().any(|file| file.path == object.path);
        let left = removed.get(&object.path).map_or(object.modified, |millis| millis.saturating_mul(1000)).max(object.modified);
        if ours && !referenced && !read.contains(&object.path) && left < older_than {
            place.remove(&object.path).await?;
            gone = gone.and(Vacuumed { files: 1, bytes: object.size });
        }
    }
    for (unfinished, bytes) in place.unfinished(older_than).await? {
        place.remove(&unfinished).await?;
        gone = gone.and(Vacuumed { files: 1, bytes });
    }
    Ok(gone)
}

impl Inner {
    /// See [`super::Store::retain`].
    pub(super) async fn retain(this: &Arc<Self>, table: Table, before: Timestamp) -> Result<Retained, StoreError> {
        let inner = Arc::clone(this);
        let work = tokio::spawn(async move {
            let Some(slot) = inner.tables.get(&table) else { return Ok(Retained::default()) };
            let mut upkeep = slot.upkeep.lock().await;
            inner.flush(table, slot, &mut upkeep).await?;
            let gone = upkeep.retain(micros(before)).await?;
            let mut state = slot.state.lock().await;
            state.rebase(upkeep.base());
            inner.publish(table, slot, &state);
            inner.changes.tell(table, i64::MIN);
            Ok(gone)
        });
        work.await.map_err(|cause| StoreError::Stopped { action: "retention", cause: cause.to_string() })?
    }

    /// See [`super::Store::vacuum`].
    pub(super) async fn vacuum(this: &Arc<Self>, older_than: Timestamp) -> Result<Vacuumed, StoreError> {
        let (inner, older_than) = (Arc::clone(this), micros(older_than));
        let work = tokio::spawn(async move {
            let mut gone = Vacuumed::default();
            for (&table, slot) in &inner.tables {
                let mut upkeep = slot.upkeep.lock().await;
                // A file that is not known yet must not be taken for one that nobody needs.
                inner.catch_up(table, slot, &mut upkeep).await?;
                gone = gone.and(vacuum(upkeep.delta(), older_than).await?);
            }
            let mut registries = inner.registries.lock().await;
            registries.assets.catch_up().await?;
            registries.quantities.catch_up().await?;
            for registry in [&registries.assets, &registries.quantities] {
                gone = gone.and(vacuum(registry.delta(), older_than).await?);
            }
            Ok(gone)
        });
        work.await.map_err(|cause| StoreError::Stopped { action: "a vacuum", cause: cause.to_string() })?
    }
}

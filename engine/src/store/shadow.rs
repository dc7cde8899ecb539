//! Keys whose rows in Delta do not count, because a newer row waits in memory; and the filter that hides them from a scan.
//!
//! In: rows that replace others below. Out: a filter for the files they may touch; the other files are read as they are.

use super::files::FileEntry;
use super::keys::clock;
use super::keys::key_columns;
use super::merge::key_rows;
use crate::domain::ASSET_ID;
use crate::domain::Table;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::compute::kernels::aggregate;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ColumnarValue;
use datafusion::logical_expr::ScalarFunctionArgs;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::ScalarUDFImpl;
use datafusion::logical_expr::Signature;
use datafusion::logical_expr::Volatility;
use datafusion::logical_expr::ident;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use std::collections::HashSet;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

/// Hidden keys of one table. Clones share them until one of them changes.
#[derive(Debug, Clone)]
pub(super) struct Shadows {
    table: Table,
    /// Sets that views share; a new one joins the last while that is not much larger, so each key is copied a few times.
    keys: Vec<Arc<HashSet<Box<[u8]>>>>,
    bounds: Option<FileEntry>,
}

impl Shadows {
    /// Nothing is hidden.
    pub(super) const fn new(table: Table) -> Self {
        Self { table, keys: Vec::new(), bounds: None }
    }

    /// Hides the keys of these rows, too.
    pub(super) fn hide(&mut self, rows: &RecordBatch) -> Result<(), ArrowError> {
        if rows.num_rows() > 0 {
            let keys = key_rows(key_columns(self.table), rows)?;
            let mut new: HashSet<Box<[u8]>> = keys.iter().map(|row| Box::from(row.data())).collect();
            while let Some(last) = self.keys.pop_if(|last| last.len() <= 2 * new.len()) {
                new.extend(last.iter().cloned());
            }
            self.keys.push(Arc::new(new));
            self.widen(bounds(self.table, rows));
        }
        Ok(())
    }

    /// Hides what `other` hides, too.
    pub(super) fn join(&mut self, other: &Self) {
        if let Some(bounds) = &other.bounds {
            self.keys.extend(other.keys.iter().map(Arc::clone));
            self.widen(bounds.clone());
        }
    }

    fn widen(&mut self, with: FileEntry) {
        self.bounds = Some(match self.bounds.take() {
            None => with,
            Some(held) => FileEntry {
                assets: held.assets.zip(with.assets).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1))),
                clock: held.clock.zip(with.clock).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1))),
                ..with
            },
        });
    }

    /// True when nothing is hidden.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// True when a row of the file may be hidden.
    pub(super) fn touches(&self, file: &FileEntry) -> bool {
        self.bounds.as_ref().is_some_and(|bounds| file.overlaps(bounds))
    }

    /// Which rows of a batch are not hidden; the batch has the key columns.
    pub(super) fn visible(&self, rows: &RecordBatch) -> Result<BooleanArray, ArrowError> {
        let times = rows[clock(self.table)].as_primitive::<TimestampMicrosecondType>();
        let near = self
            .bounds
            .as_ref()
            .and_then(|bounds| bounds.clock)
            .is_none_or(|(low, high)| times.values().iter().any(|time| (low..=high).contains(time)));
        if self.is_empty() || !near {
            return Ok(BooleanArray::from(vec![true; rows.num_rows()]));
        }
        let keys = key_rows(key_columns(self.table), rows)?;
        Ok(keys.iter().map(|row| Some(!self.keys.iter().any(|set| set.contains(row.data())))).collect())
    }

    /// The columns a scan must read for [`Shadows::over`], beside those of `projection`.
    pub(super) fn projection(&self, schema: &Schema, projection: &[usize]) -> Result<Vec<usize>, ArrowError> {
        let mut wanted = projection.to_vec();
        for name in key_columns(self.table) {
            let column = schema.index_of(name)?;
            if !wanted.contains(&column) {
                wanted.push(column);
            }
        }
        Ok(wanted)
    }

    /// The plan without the hidden rows, cut to its first `columns` columns.
    pub(super) fn over(
        &self,
        state: &dyn Session,
        plan: Arc<dyn ExecutionPlan>,
        columns: usize,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let schema = plan.schema();
        let filter = ScalarUDF::new_from_impl(Visible {
            shadows: self.clone(),
            signature: Signature::any(key_columns(self.table).len(), Volatility::Volatile),
        });
        let call = filter.call(key_columns(self.table).iter().map(|name| ident(*name)).collect());
        let predicate = state.create_physical_expr(call, &DFSchema::try_from(Arc::clone(&schema))?)?;
        let filtered: Arc<dyn ExecutionPlan> = Arc::new(FilterExec::try_new(predicate, plan)?);
        if columns == schema.fields().len() {
            return Ok(filtered);
        }
        let kept = schema.fields().iter().take(columns).enumerate().map(|(index, field)| {
            let column: Arc<dyn datafusion::physical_plan::PhysicalExpr> = Arc::new(Column::new(field.name(), index));
            (column, field.name().clone())
        });
        Ok(Arc::new(ProjectionExec::try_new(kept.collect::<Vec<_>>(), filtered)?))
    }
}

/// The stretch of assets and time that rows cover.
pub(super) fn bounds(table: Table, rows: &RecordBatch) -> FileEntry {
    let times = rows[clock(table)].as_primitive::<TimestampMicrosecondType>();
    let ids = rows[ASSET_ID].as_string::<i32>();
    let ends = |ids: &StringArray| {
        let text = |id: Option<&str>| id.map(str::to_owned);
        text(aggregate::min_string(ids)).zip(text(aggregate::max_string(ids)))
    };
    FileEntry {
        path: String::new(),
        size: 0,
        rows: rows.num_rows() as u64,
        assets: if ids.null_count() == 0 { ends(ids) } else { None },
        clock: aggregate::min(times).zip(aggregate::max(times)),
    }
}

#[derive(Debug)]
struct Visible {
    shadows: Shadows,
    signature: Signature,
}

impl Visible {
    fn sets(&self) -> impl Iterator<Item = *const HashSet<Box<[u8]>>> + '_ {
        self.shadows.keys.iter().map(Arc::as_ptr)
    }
}

// Two filters are the same only if they hide the same set of keys.
impl PartialEq for Visible {
    fn eq(&self, other: &Self) -> bool {
        self.sets().eq(other.sets())
    }
}
impl Eq for Visible {}
impl Hash for Visible {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sets().for_each(|set| set.hash(state));
    }
}

impl ScalarUDFImpl for Visible {
    fn name(&self) -> &'static str {
        "not_replaced_in_memory"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let names = key_columns(self.shadows.table);
        let fields = names.iter().zip(&columns).map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)?;
        let visible: ArrayRef = Arc::new(self.shadows.visible(&rows)?);
        Ok(ColumnarValue::Array(visible))
    }
}

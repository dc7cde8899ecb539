//! One table at one moment: files of a Delta version and buffered rows, each row once. What SQL scans.
//!
//! In: projection and filters from DataFusion. Out: an execution plan. Files are pruned by their statistics, row groups by
//! Parquet's; buffered rows are read from memory.

use super::files::CLOCK_SLACK;
use super::files::FileEntry;
use super::keys::widen;
use super::layer::Run;
use super::place::Place;
use super::shadow::Shadows;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::catalog::TableProvider;
use datafusion::common::DFSchema;
use datafusion::common::ScalarValue;
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileGroup;
use datafusion::datasource::physical_plan::FileScanConfigBuilder;
use datafusion::datasource::physical_plan::ParquetSource;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::TableProviderFilterPushDown;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use object_store::ObjectMeta;
use std::sync::Arc;

/// A consistent state of one table; cheap to clone, unchanged by later writes.
#[derive(Debug, Clone)]
pub struct View {
    pub(super) schema: SchemaRef,
    pub(super) place: Place,
    pub(super) clock: &'static str,
    pub(super) version: Option<u64>,
    /// How far of the log is in the files.
    pub(super) applied: u64,
    pub(super) files: Arc<[Arc<FileEntry>]>,
    pub(super) buffered: Vec<Run>,
    /// Keys of the files whose rows are in `buffered` instead.
    pub(super) shadows: Option<Shadows>,
}

impl View {
    /// The same table, but only these files and no buffered rows.
    pub(super) fn only(&self, files: Vec<Arc<FileEntry>>) -> Self {
        Self { files: files.into(), buffered: Vec::new(), shadows: None, ..self.clone() }
    }

    /// The same table with text as views: short text then lies in the column itself, which costs a third less to group and compare.
    /// For SQL; the store's own readers keep plain text.
    pub fn with_text_views(&self) -> Self {
        let view = |field: &Arc<Field>| match field.data_type() {
            DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
            _ => Arc::clone(field),
        };
        Self { schema: Arc::new(Schema::new(self.schema.fields().iter().map(view).collect::<Vec<_>>())), ..self.clone() }
    }

    /// A buffered batch in the types of this view.
    fn typed(&self, batch: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
        let columns = batch.schema_ref().fields().iter().zip(batch.columns()).map(|(field, column)| {
            let kind = self.schema.field_with_name(field.name()).map_or(field.data_type(), |field| field.data_type());
            Ok((Arc::new(field.as_ref().clone().with_data_type(kind.clone())), cast(column, kind)?))
        });
        let (fields, columns): (Vec<Arc<Field>>, Vec<ArrayRef>) =
            columns.collect::<Result<Vec<_>, ArrowError>>()?.into_iter().unzip();
        Ok(widen(&RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?, &self.schema)?)
    }

    /// True when there is no row to read.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.buffered.is_empty()
    }

    /// Newest time of the clock.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        let files = self.files.iter().filter_map(|file| file.clock).map(|(_, high)| high - CLOCK_SLACK);
        let rows = self
            .buffered
            .iter()
            .filter_map(|run| arrow::compute::max(run.rows.column_by_name(self.clock)?.as_primitive::<TimestampMicrosecondType>()));
        files.chain(rows).max().map(from_micros)
    }

    fn scan_files(
        &self,
        state: &dyn Session,
        files: &[&Arc<FileEntry>],
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let files: Vec<PartitionedFile> = files.iter().map(|file| self.partitioned(file)).collect();
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows =
            files.iter().filter_map(|file| Some(file.statistics.as_ref()?.num_rows)).reduce(|a, b| a.add(&b)).unwrap_or_default();
        let readers = self.readers(state.runtime_env())?;
        let mut source = ParquetSource::new(Arc::clone(&self.schema)).with_parquet_file_reader_factory(Arc::new(readers));
        if let Some(filter) = conjunction(filters.iter().cloned()) {
            let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
            source = source.with_predicate(state.create_physical_expr(filter, &schema)?);
        }
        let groups = FileGroup::new(files).split_files(state.config().target_partitions().max(1));
        let config = FileScanConfigBuilder::new(self.place.scan_url(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// Opens files. They never change, so what their footers say is kept: bounded, by path.
    pub(super) fn readers(&self, runtime: &RuntimeEnv) -> Result<CachedParquetFileReaderFactory, DataFusionError> {
        let footers = runtime.cache_manager.get_file_metadata_cache();
        Ok(CachedParquetFileReaderFactory::new(runtime.object_store(self.place.scan_url())?, footers))
    }

    /// A file as DataFusion names it.
    pub(super) fn partitioned(&self, file: &FileEntry) -> PartitionedFile {
        let location = self.place.location(&file.path);
        let meta = ObjectMeta { location, last_modified: Default::default(), size: file.size, e_tag: None, version: None };
        let mut statistics = Statistics::new_unknown(&self.schema);
        // A file another program wrote may not say.
        if file.rows > 0 {
            statistics.num_rows = Precision::Exact(usize::try_from(file.rows).unwrap_or(usize::MAX));
        }
        let mut bound = |column: &str, low: ScalarValue, high: ScalarValue| {
            if let Ok(index) = self.schema.index_of(column) {
                statistics.column_statistics[index].min_value = Precision::Inexact(low);
                statistics.column_statistics[index].max_value = Precision::Inexact(high);
            }
        };
        if let Some((low, high)) = file.clock {
            let time = |micros| ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()));
            bound(self.clock, time(low), time(high));
        }
        if let Some((low, high)) = &file.assets {
            bound("asset_id", ScalarValue::from(low.as_str()), ScalarValue::from(high.as_str()));
        }
        PartitionedFile::new_from_meta(meta).with_statistics(Arc::new(statistics))
    }
}

#[async_trait]
impl TableProvider for View {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let mut plans: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        let shadows = self.shadows.as_ref().filter(|shadows| !shadows.is_empty());
        let touched = |file: &&Arc<FileEntry>| shadows.is_some_and(|shadows| shadows.touches(file));
        let (shadowed, plain): (Vec<_>, Vec<_>) = self.files.iter().partition(touched);
        if !plain.is_empty() {
            plans.push(self.scan_files(state, &plain, projection, filters, limit)?);
        }
        if let (Some(shadows), false) = (shadows, shadowed.is_empty()) {
            let wanted = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
            let read = shadows.projection(&self.schema, &wanted)?;
            let scan = self.scan_files(state, &shadowed, Some(&read), filters, None)?;
            plans.push(shadows.over(state, scan, wanted.len())?);
        }
        if !self.buffered.is_empty() || plans.is_empty() {
            let batches = self.buffered.iter().map(|run| self.typed(&run.living()?)).collect::<Result<Vec<_>, _>>()?;
            plans.push(MemorySourceConfig::try_new_exec(&[batches], Arc::clone(&self.schema), projection.cloned())?);
        }
        UnionExec::try_new(plans)
    }
}

//! The rows of one asset in one file, read straight from the pages that hold them.
//!
//! In: a file, an asset, a stretch of time, columns. Out: its rows in order. A plan of DataFusion costs more than the reading when a
//! screen asks for an hour of one asset; files are sorted by asset and time, so their page index says where that hour is. Wider
//! questions are asked in `read`.

use super::files::FileEntry;
use super::view::View;
use crate::domain::ASSET_ID;
use crate::domain::TIME;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::TryStreamExt;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowPredicateFn;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::arrow_reader::RowFilter;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use std::ops::Range;

/// What is wanted of a file.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) asset: String,
    /// From (included) and to (excluded), microseconds.
    pub(super) range: Option<(i64, i64)>,
}

impl Point {
    /// Its rows in `file`, with those of `columns` the file has; `None` when the file is not laid out as this store writes files.
    pub(super) async fn rows(
        &self,
        context: &SessionContext,
        view: &View,
        file: &FileEntry,
        columns: &[&str],
    ) -> Result<Option<Vec<RecordBatch>>, DataFusionError> {
        let runtime = context.runtime_env();
        let factory = view.readers(&runtime)?;
        let mut reader: Box<dyn AsyncFileReader> =
            factory.create_reader(0, view.partitioned(file), None, &ExecutionPlanMetricsSet::new())?;
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = reader.get_metadata(Some(&options)).await?;
        let metadata = ArrowReaderMetadata::try_new(metadata, options)?;
        if !is_ours(metadata.schema(), &view.schema) {
            return Ok(None);
        }
        let Some((groups, selection)) = self.places(metadata.metadata(), metadata.schema()) else { return Ok(None) };
        if groups.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mask = |names: &[&str]| {
            let leaves = names.iter().filter_map(|name| metadata.schema().index_of(name).ok());
            ProjectionMask::leaves(metadata.parquet_schema(), leaves)
        };
        let (wanted, point) = (mask(columns), self.clone());
        let exact = ArrowPredicateFn::new(mask(&[ASSET_ID, TIME]), move |rows| Ok(point.holds(&rows)));
        let stream = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata)
            .with_row_groups(groups)
            .with_row_selection(selection)
            .with_row_filter(RowFilter::new(vec![Box::new(exact)]))
            .with_projection(wanted)
            .build()?;
        Ok(Some(stream.try_collect().await?))
    }

    fn holds(&self, rows: &RecordBatch) -> BooleanArray {
        let (ids, times) = (rows[ASSET_ID].as_string::<i32>(), rows[TIME].as_primitive::<TimestampMicrosecondType>());
        let within = |time| self.range.is_none_or(|(from, to)| (from..to).contains(&time));
        ids.iter().zip(times.values()).map(|(id, &time)| Some(within(time) && id == Some(self.asset.as_str()))).collect()
    }

    /// Row groups and their rows that may be wanted, by the page index; `None` without one.
    fn places(&self, metadata: &ParquetMetaData, schema: &Schema) -> Option<(Vec<usize>, RowSelection)> {
        let (asset, time) = (schema.index_of(ASSET_ID).ok()?, schema.index_of(TIME).ok()?);
        let (values, places) = (metadata.column_index()?, metadata.offset_index()?);
        let (mut groups, mut ranges, mut before) = (Vec::new(), Vec::new(), 0);
        for (group, held) in metadata.row_groups().iter().enumerate() {
            let rows = usize::try_from(held.num_rows()).ok()?;
            let pages = |column: usize, may_hold: &dyn Fn(&ColumnIndexMetaData, usize) -> bool| {
                let starts = places.get(group)?.get(column)?.page_locations();
                let index = values.get(group)?.get(column)?;
                let start = |page: usize| starts.get(page).map_or(rows, |at| usize::try_from(at.first_row_index).unwrap_or(rows));
                let kept = (0..starts.len()).filter(|&page| may_hold(index, page));
                Some(kept.map(|page| start(page)..start(page + 1)).collect::<Vec<_>>())
            };
            let by_asset = pages(asset, &|index, page| self.may_have_asset(index, page))?;
            let by_time = pages(time, &|index, page| self.may_have_time(index, page))?;
            let both = overlaps(&by_asset, &by_time);
            if !both.is_empty() {
                groups.push(group);
                ranges.extend(both.into_iter().map(|range| range.start + before..range.end + before));
                before += rows;
            }
        }
        Some((groups, RowSelection::from_consecutive_ranges(ranges.into_iter(), before)))
    }

    /// Bounds of a page may be cut short, but never so that they exclude a value.
    fn may_have_asset(&self, index: &ColumnIndexMetaData, page: usize) -> bool {
        let ColumnIndexMetaData::BYTE_ARRAY(index) = index else { return true };
        let id = self.asset.as_bytes();
        index.min_value(page).is_none_or(|low| low <= id) && index.max_value(page).is_none_or(|high| id <= high)
    }

    fn may_have_time(&self, index: &ColumnIndexMetaData, page: usize) -> bool {
        let (ColumnIndexMetaData::INT64(index), Some((from, to))) = (index, self.range) else { return true };
        index.min_value(page).is_none_or(|&low| low < to) && index.max_value(page).is_none_or(|&high| from <= high)
    }
}

/// The columns of a file are of the table's types, and flat.
fn is_ours(file: &Schema, table: &Schema) -> bool {
    file.fields().iter().all(|field| table.field_with_name(field.name()).is_ok_and(|known| known.data_type() == field.data_type()))
        && [ASSET_ID, TIME].iter().all(|key| file.index_of(key).is_ok())
}

/// What two rows of rising ranges have in common, joined where they touch.
fn overlaps(a: &[Range<usize>], b: &[Range<usize>]) -> Vec<Range<usize>> {
    let (mut common, mut i, mut j) = (Vec::<Range<usize>>::new(), 0, 0);
    while let (Some(left), Some(right)) = (a.get(i), b.get(j)) {
        let (start, end) = (left.start.max(right.start), left.end.min(right.end));
        match common.last_mut() {
            Some(last) if start < end && last.end == start => last.end = end,
            _ if start < end => common.push(start..end),
            _ => {}
        }
        if left.end <= right.end { i += 1 } else { j += 1 }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::overlaps;

    #[test]
    fn ranges_that_touch_become_one() {
        assert_eq!(overlaps(&[0..10, 10..20, 30..40], &[5..15, 15..35]), [5..20, 30..35]);
        assert!(overlaps(&[0..5, 5..10], &[10..20, 20..30]).is_empty() && overlaps(&[], &[0..1, 1..2]).is_empty());
    }
}

//! Reading back what the other rooms work on: frames, weather, forecasts, newest rows. Each answer is one table at one moment.
//!
//! In: a [`View`] and what is wanted of it. Out: domain values. Free SQL is in `query`.

use super::LatestRow;
use super::StoreError;
use super::error::arrow_error;
use super::view::View;
use crate::domain::ASSET_ID;
use crate::domain::AVAILABLE_AT;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::DomainError;
use crate::domain::Forecast;
use crate::domain::Frame;
use crate::domain::Quantile;
use crate::domain::Quantity;
use crate::domain::Resolution;
use crate::domain::TIME;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::WeatherForecasts;
use crate::domain::WeatherRow;
use crate::domain::from_micros;
use crate::domain::micros;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::Float64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::functions_aggregate::expr_fn::min;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ident;
use datafusion::logical_expr::lit;
use datafusion::scalar::ScalarValue;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One table at one moment, and the means to read it.
pub(super) struct Reader<'a> {
    pub(super) context: &'a SessionContext,
    pub(super) table: Table,
    pub(super) view: View,
}

impl Reader<'_> {
    /// Frames of assets of one kind; see [`super::Store::frames`].
    pub(super) async fn frames(
        &self,
        assets: &[&Asset],
        range: Option<TimeRange>,
        resolution: Resolution,
        quantities: Option<&[Quantity]>,
    ) -> Result<Vec<Frame>, StoreError> {
        let mut filters = within(range);
        filters.push(ident(ASSET_ID).in_list(assets.iter().map(|asset| lit(asset.id.as_str())).collect(), false));
        let rows = self.rows(&self.columns(quantities), &filters).await?;
        Ok(dense(assets, &rows, resolution))
    }

    /// Weather of one asset.
    pub(super) async fn weather(&self, asset: &AssetId) -> Result<WeatherForecasts, StoreError> {
        let rows = self.rows(&[], &[ident(ASSET_ID).eq(lit(asset.as_str()))]).await?;
        let base = self.table.base_schema();
        let held = |name: &str| rows.iter().any(|batch| batch[name].null_count() < batch.num_rows());
        let fields = self.view.schema.fields().iter().map(|f| f.name().as_str());
        let names: Vec<&str> = fields.filter(|name| base.column_with_name(name).is_none() && held(name)).collect();
        let mut weather = WeatherForecasts {
            quantities: names.iter().map(|name| Quantity::parse(name)).collect::<Result<_, _>>()?,
            rows: Vec::new(),
        };
        for batch in &rows {
            let (init, known, valid) = (times(batch, "init_time"), times(batch, AVAILABLE_AT), times(batch, "valid_time"));
            let columns: Vec<&Float64Array> = names.iter().map(|name| batch[*name].as_primitive::<Float64Type>()).collect();
            weather.rows.extend((0..batch.num_rows()).map(|row| WeatherRow {
                init_time: from_micros(init.value(row)),
                available_at: from_micros(known.value(row)),
                valid_time: from_micros(valid.value(row)),
                values: columns.iter().map(|c| if c.is_valid(row) { c.value(row) } else { f64::NAN }).collect(),
            }));
        }
        Ok(weather)
    }

    /// The forecast issued at `issue_time`, or the newest one issued by then.
    pub(super) async fn forecast(
        &self,
        asset: &AssetId,
        quantity: &Quantity,
        issue_time: Option<Timestamp>,
        exact: bool,
    ) -> Result<Option<Forecast>, StoreError> {
        let of = of(asset, quantity);
        let issue_time = match issue_time {
            Some(at) if exact => at,
            until => {
                let mut filters = of.clone();
                filters.extend(until.map(|at| ident("issue_time").lt_eq(time(at))));
                match self.newest("issue_time", &filters).await? {
                    Some(at) => at,
                    None => return Ok(None),
                }
            }
        };
        let filters = [of, vec![ident("issue_time").eq(time(issue_time))]].concat();
        let rows = self.rows(&[], &filters).await?;
        Ok(assemble(asset, quantity, issue_time, &rows)?)
    }

    /// The forecasts issued in a stretch of time, oldest first; where several models were issued at one time, the first by name.
    pub(super) async fn forecasts(
        &self,
        asset: &AssetId,
        quantity: &Quantity,
        issued: TimeRange,
    ) -> Result<Vec<Forecast>, StoreError> {
        let mut filters = of(asset, quantity);
        filters.extend([ident("issue_time").gt_eq(time(issued.start())), ident("issue_time").lt(time(issued.end()))]);
        let mut by_issue: BTreeMap<i64, Vec<RecordBatch>> = BTreeMap::new();
        for batch in self.rows(&[], &filters).await? {
            let issues = times(&batch, "issue_time").values().to_vec();
            let mut start = 0;
            for run in issues.chunk_by(|a, b| a == b) {
                by_issue.entry(run[0]).or_default().push(batch.slice(start, run.len()));
                start += run.len();
            }
        }
        let forecasts = by_issue.iter().map(|(&issue, rows)| assemble(asset, quantity, from_micros(issue), rows));
        Ok(forecasts.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }

    /// Issue times, newest first.
    pub(super) async fn issues(&self, asset: &AssetId, quantity: &Quantity, limit: usize) -> Result<Vec<Timestamp>, StoreError> {
        let mut issues = BTreeSet::new();
        for batch in self.rows(&["issue_time"], &of(asset, quantity)).await? {
            issues.extend(times(&batch, "issue_time").values().iter().copied());
        }
        Ok(issues.into_iter().rev().take(limit).map(from_micros).collect())
    }

    /// Which quantities of which asset have forecasts.
    pub(super) async fn forecast_quantities(&self) -> Result<BTreeMap<AssetId, Vec<Quantity>>, StoreError> {
        let read = async {
            let frame = self.context.read_table(Arc::new(self.view.clone()))?;
            frame.select(vec![ident(ASSET_ID), ident("quantity")])?.distinct()?.collect().await
        };
        let mut found: BTreeMap<AssetId, Vec<Quantity>> = BTreeMap::new();
        for batch in read.await.map_err(|cause| self.failed(cause))? {
            let (ids, names) = (batch[ASSET_ID].as_string::<i32>(), batch["quantity"].as_string::<i32>());
            for row in 0..batch.num_rows() {
                found.entry(AssetId::parse(ids.value(row))?).or_default().push(Quantity::parse(names.value(row))?);
            }
        }
        found.values_mut().for_each(|quantities| quantities.sort());
        Ok(found)
    }

    /// Newest row per asset.
    pub(super) async fn latest(&self) -> Result<BTreeMap<AssetId, LatestRow>, StoreError> {
        let read = async {
            let frame = self.context.read_table(Arc::new(self.view.clone()))?;
            frame.aggregate(vec![ident(ASSET_ID)], vec![max(ident(TIME)).alias("newest")])?.collect().await
        };
        let mut newest: BTreeMap<String, i64> = BTreeMap::new();
        for batch in read.await.map_err(|cause| self.failed(cause))? {
            let ids = batch[ASSET_ID].as_string::<i32>();
            newest.extend((0..batch.num_rows()).map(|row| (ids.value(row).to_owned(), times(&batch, "newest").value(row))));
        }
        let instants: BTreeSet<i64> = newest.values().copied().collect();
        let (Some(&first), true) = (instants.first(), !newest.is_empty()) else { return Ok(BTreeMap::new()) };
        let filter = if instants.len() <= 16 {
            ident(TIME).in_list(instants.iter().map(|&at| time(from_micros(at))).collect(), false)
        } else {
            ident(TIME).gt_eq(time(from_micros(first)))
        };
        let mut latest = BTreeMap::new();
        for batch in self.rows(&[], &[filter]).await? {
            let (ids, at) = (batch[ASSET_ID].as_string::<i32>(), times(&batch, TIME));
            let is_newest: BooleanArray =
                (0..batch.num_rows()).map(|row| Some(newest.get(ids.value(row)) == Some(&at.value(row)))).collect();
            let batch = filter_record_batch(&batch, &is_newest).map_err(arrow_error(self.table))?;
            latest.extend(latest_rows(&batch)?);
        }
        Ok(latest)
    }

    /// First and last time of an asset.
    pub(super) async fn extent(&self, asset: &Asset) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let read = async {
            let frame = self.context.read_table(Arc::new(self.view.clone()))?.filter(ident(ASSET_ID).eq(lit(asset.id.as_str())))?;
            let bounds = vec![min(ident(TIME)).alias("first"), max(ident(TIME)).alias("last")];
            frame.aggregate(Vec::new(), bounds)?.collect().await
        };
        let batches = read.await.map_err(|cause| self.failed(cause))?;
        let held = batches.iter().find(|batch| batch.num_rows() > 0 && batch["first"].is_valid(0));
        Ok(held.map(|batch| (from_micros(times(batch, "first").value(0)), from_micros(times(batch, "last").value(0)))))
    }

    async fn newest(&self, column: &str, filters: &[Expr]) -> Result<Option<Timestamp>, StoreError> {
        let rows = self.rows(&[column], filters).await?;
        let newest = rows.iter().filter_map(|batch| arrow::compute::max(times(batch, column))).max();
        Ok(newest.map(from_micros))
    }

    /// Rows with all columns when `columns` is empty; filters are exact.
    pub(super) async fn rows(&self, columns: &[&str], filters: &[Expr]) -> Result<Vec<RecordBatch>, StoreError> {
        collect(self.context, self.view.clone(), columns, filters).await.map_err(|cause| self.failed(cause))
    }

    /// Key columns, then the wanted quantities the table has.
    fn columns<'b>(&'b self, quantities: Option<&'b [Quantity]>) -> Vec<&'b str> {
        let mut columns = vec![TIME, ASSET_ID, AVAILABLE_AT];
        match quantities {
            Some(wanted) => {
                columns.extend(wanted.iter().map(Quantity::name).filter(|name| self.view.schema.column_with_name(name).is_some()));
            }
            None => columns.extend(self.view.schema.fields().iter().skip(3).map(|field| field.name().as_str())),
        }
        columns
    }

    fn failed(&self, cause: DataFusionError) -> StoreError {
        StoreError::Read { table: self.table.name().into(), cause: Box::new(cause) }
    }
}

/// Rows of a view, all columns when `columns` is empty; filters are exact.
pub(super) async fn collect(
    reader: &SessionContext,
    view: View,
    columns: &[&str],
    filters: &[Expr],
) -> Result<Vec<RecordBatch>, DataFusionError> {
    if view.is_empty() {
        return Ok(Vec::new());
    }
    let mut frame = reader.read_table(Arc::new(view))?;
    for filter in filters {
        frame = frame.filter(filter.clone())?;
    }
    if !columns.is_empty() {
        frame = frame.select(columns.iter().map(|name| ident(*name)).collect::<Vec<_>>())?;
    }
    frame.collect().await
}

/// Each row of telemetry with its asset.
pub(super) fn latest_rows(batch: &RecordBatch) -> Result<Vec<(AssetId, LatestRow)>, DomainError> {
    let (ids, at) = (batch[ASSET_ID].as_string::<i32>(), times(batch, TIME));
    let mut rows = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let mut values = BTreeMap::new();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            if field.data_type() == &DataType::Float64 && column.is_valid(row) {
                values.insert(Quantity::parse(field.name())?, column.as_primitive::<Float64Type>().value(row));
            }
        }
        rows.push((AssetId::parse(ids.value(row))?, LatestRow { time: from_micros(at.value(row)), values }));
    }
    Ok(rows)
}

pub(super) fn time(at: Timestamp) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(micros(at)), Some("UTC".into())))
}

pub(super) fn times<'a>(batch: &'a RecordBatch, column: &str) -> &'a TimestampMicrosecondArray {
    batch[column].as_primitive::<TimestampMicrosecondType>()
}

pub(super) fn within(range: Option<TimeRange>) -> Vec<Expr> {
    range.map_or_else(Vec::new, |range| vec![ident(TIME).gt_eq(time(range.start())), ident(TIME).lt(time(range.end()))])
}

pub(super) fn of(asset: &AssetId, quantity: &Quantity) -> Vec<Expr> {
    vec![ident(ASSET_ID).eq(lit(asset.as_str())), ident("quantity").eq(lit(quantity.name()))]
}

/// Rows of one issue back to a forecast; where several models were issued, the first by name.
fn assemble(
    asset: &AssetId,
    quantity: &Quantity,
    issue_time: Timestamp,
    rows: &[RecordBatch],
) -> Result<Option<Forecast>, DomainError> {
    let models = |batch: &RecordBatch| batch["model"].as_string::<i32>().clone();
    let Some(model) = rows.iter().flat_map(|b| models(b).iter().flatten().map(str::to_owned).collect::<Vec<_>>()).min() else {
        return Ok(None);
    };
    let mut cells: BTreeMap<i64, BTreeMap<u64, f64>> = BTreeMap::new();
    let mut version = String::new();
    for batch in rows {
        let (names, versions): (StringArray, &StringArray) = (models(batch), batch["model_version"].as_string::<i32>());
        let real = |name: &str| batch[name].as_primitive::<Float64Type>();
        for row in (0..batch.num_rows()).filter(|&row| names.value(row) == model) {
            let valid = times(batch, "valid_time").value(row);
            // Positive floats order like their bits.
            cells.entry(valid).or_default().insert(real("quantile").value(row).to_bits(), real("value").value(row));
            version = versions.value(row).into();
        }
    }
    let levels: BTreeSet<u64> = cells.values().flat_map(|step| step.keys().copied()).collect();
    let quantiles = levels.iter().map(|&bits| Quantile::new(f64::from_bits(bits))).collect::<Result<Vec<_>, _>>()?;
    let values = cells.values().map(|step| levels.iter().map(|q| step.get(q).copied().unwrap_or(f64::NAN)).collect());
    Ok(Some(Forecast {
        asset_id: asset.clone(),
        quantity: quantity.clone(),
        issue_time,
        valid_times: cells.keys().map(|&at| from_micros(at)).collect(),
        quantiles,
        values: values.collect(),
        model,
        model_version: version,
    }))
}

/// Columns of one asset while its frame is filled.
struct Grid {
    start: i64,
    known: Vec<i64>,
    written: Vec<i64>,
    columns: Vec<Option<Vec<f64>>>,
}

/// Rows with unique keys onto the grid, in two passes: extents, then values. Of several times in one cell the latest counts.
fn dense(assets: &[&Asset], rows: &[RecordBatch], resolution: Resolution) -> Vec<Frame> {
    let step = resolution.seconds().saturating_mul(1_000_000);
    let mut extents: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for batch in rows {
        let (ids, at) = (batch[ASSET_ID].as_string::<i32>(), times(batch, TIME));
        for (id, &at) in ids.iter().flatten().zip(at.values()) {
            let cell = at.div_euclid(step) * step;
            let extent = extents.entry(id).or_insert((cell, cell));
            *extent = (extent.0.min(cell), extent.1.max(cell));
        }
    }
    let names: Vec<String> =
        rows.first().map_or_else(Vec::new, |b| b.schema().fields().iter().skip(3).map(|f| f.name().clone()).collect());
    let mut grids: BTreeMap<&str, Grid> = BTreeMap::new();
    for (id, (start, end)) in extents {
        let len = usize::try_from((end - start) / step).unwrap_or(0) + 1;
        grids
            .insert(id, Grid { start, known: vec![i64::MAX; len], written: vec![i64::MIN; len], columns: vec![None; names.len()] });
    }
    for batch in rows {
        let (ids, at, known) = (batch[ASSET_ID].as_string::<i32>(), times(batch, TIME), times(batch, AVAILABLE_AT));
        let columns: Vec<&Float64Array> = batch.columns().iter().skip(3).map(|c| c.as_primitive::<Float64Type>()).collect();
        for row in 0..batch.num_rows() {
            let Some(grid) = grids.get_mut(ids.value(row)) else { continue };
            let len = grid.known.len();
            let index = usize::try_from(at.value(row).div_euclid(step) - grid.start.div_euclid(step)).unwrap_or(0);
            let newer = at.value(row) >= grid.written[index];
            let held = if grid.known[index] == i64::MAX { i64::MIN } else { grid.known[index] };
            grid.known[index] = held.max(known.value(row));
            for (column, slot) in columns.iter().zip(&mut grid.columns) {
                if column.is_valid(row) {
                    let values = slot.get_or_insert_with(|| vec![f64::NAN; len]);
                    if newer || values[index].is_nan() {
                        values[index] = column.value(row);
                    }
                }
            }
            grid.written[index] = grid.written[index].max(at.value(row));
        }
    }
    let mut frames = Vec::new();
    for &asset in assets {
        let Some(grid) = grids.remove(asset.id.as_str()) else { continue };
        let columns = names.iter().zip(grid.columns).filter_map(|(name, values)| Some((Quantity::parse(name).ok()?, values?)));
        frames.push(Frame::new(asset.clone(), from_micros(grid.start), resolution, grid.known, columns.collect()));
    }
    frames
}

//! Stored forecasts, asked for by when they were issued.
//!
//! In: asset, quantity, issue times. Out: forecasts as they were issued, and what became of them. The reading is in `read`.

use super::Store;
use super::StoreError;
use super::read::Reader;
use super::read::of;
use super::read::time;
use super::read::times;
use crate::domain::ASSET_ID;
use crate::domain::AssetId;
use crate::domain::Forecast;
use crate::domain::Quantity;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ident;
use datafusion::logical_expr::lit;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One stored forecast: whose, of what, and the time it spans.
#[derive(Debug, Clone, PartialEq)]
pub struct IssueSpan {
    /// Whose.
    pub asset_id: AssetId,
    /// Of what.
    pub quantity: Quantity,
    /// When it was issued.
    pub issue_time: Timestamp,
    /// Its last valid time.
    pub last: Timestamp,
}

impl Store {
    /// The newest forecast with `issue_time <= as_of` (the newest of all when `None`).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forecast(
        &self,
        asset: &AssetId,
        quantity: &Quantity,
        as_of: Option<Timestamp>,
    ) -> Result<Option<Forecast>, StoreError> {
        self.inner.forecast(asset, quantity, as_of, false).await
    }

    /// The forecast issued at exactly that time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forecast_issued(
        &self,
        asset: &AssetId,
        quantity: &Quantity,
        issue_time: Timestamp,
    ) -> Result<Option<Forecast>, StoreError> {
        self.inner.forecast(asset, quantity, Some(issue_time), true).await
    }

    /// The forecasts issued in a stretch of time, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forecasts(&self, asset: &AssetId, quantity: &Quantity, issued: TimeRange) -> Result<Vec<Forecast>, StoreError> {
        self.reader(Table::Forecasts).forecasts(asset, quantity, issued).await
    }

    /// The forecasts of these issue times, oldest first; times without one are passed over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forecasts_issued(
        &self,
        asset: &AssetId,
        quantity: &Quantity,
        issues: &[Timestamp],
    ) -> Result<Vec<Forecast>, StoreError> {
        let mut filters = of(asset, quantity);
        filters.push(ident("issue_time").in_list(issues.iter().map(|&at| time(at)).collect(), false));
        self.reader(Table::Forecasts).whole(asset, quantity, &filters).await
    }

    /// The forecasts with a median that were issued at or after `since`, in no order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn issue_spans(&self, since: Timestamp) -> Result<Vec<IssueSpan>, StoreError> {
        self.reader(Table::Forecasts).issue_spans(since).await
    }

    /// Rows of `verification_sums` of forecasts issued within a stretch of time: of one asset and quantity, or of all. No order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn verification_sums(
        &self,
        series: Option<(&AssetId, &Quantity)>,
        issued: TimeRange,
    ) -> Result<Vec<RecordBatch>, StoreError> {
        let mut filters = series.map_or_else(Vec::new, |(asset, quantity)| of(asset, quantity));
        filters.extend([ident("issue_time").gt_eq(time(issued.start())), ident("issue_time").lt(time(issued.end()))]);
        self.reader(Table::VerificationSums).rows(&[], &filters).await
    }

    /// Issue times of the stored forecasts, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn issues(&self, asset: &AssetId, quantity: &Quantity, limit: usize) -> Result<Vec<Timestamp>, StoreError> {
        self.reader(Table::Forecasts).issues(asset, quantity, limit).await
    }

    /// Issue times in a stretch of time, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn issued(&self, asset: &AssetId, quantity: &Quantity, range: TimeRange) -> Result<Vec<Timestamp>, StoreError> {
        self.reader(Table::Forecasts).issued(asset, quantity, range).await
    }

    /// Quantities that have forecasts, by asset.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forecast_quantities(&self) -> Result<BTreeMap<AssetId, Vec<Quantity>>, StoreError> {
        self.reader(Table::Forecasts).forecast_quantities().await
    }
}

impl Reader<'_> {
    /// Issue times of a stretch of time, oldest first.
    pub(super) async fn issued(
        &self,
        asset: &AssetId,
        quantity: &Quantity,
        range: TimeRange,
    ) -> Result<Vec<Timestamp>, StoreError> {
        let within = vec![ident("issue_time").gt_eq(time(range.start())), ident("issue_time").lt(time(range.end()))];
        let issues = self.issue_times(&[of(asset, quantity), within].concat()).await?;
        Ok(issues.into_iter().map(from_micros).collect())
    }

    pub(super) async fn issue_times(&self, filters: &[Expr]) -> Result<BTreeSet<i64>, StoreError> {
        let rows = self.rows(&["issue_time"], filters).await?;
        Ok(rows.iter().flat_map(|batch| times(batch, "issue_time").values().iter().copied()).collect())
    }

    async fn issue_spans(&self, since: Timestamp) -> Result<Vec<IssueSpan>, StoreError> {
        if self.view.is_empty() {
            return Ok(Vec::new());
        }
        let read = async {
            let frame = self.context.read_table(Arc::new(self.view.clone()))?;
            let frame = frame.filter(ident("issue_time").gt_eq(time(since)).and(ident("quantile").eq(lit(0.5))))?;
            let keys = vec![ident(ASSET_ID), ident("quantity"), ident("issue_time")];
            frame.aggregate(keys, vec![max(ident("valid_time")).alias("last")])?.collect().await
        };
        let mut spans = Vec::new();
        for batch in read.await.map_err(|cause| self.failed(cause))? {
            let (ids, names) = (batch[ASSET_ID].as_string::<i32>(), batch["quantity"].as_string::<i32>());
            let (issues, last) = (times(&batch, "issue_time"), times(&batch, "last"));
            for row in 0..batch.num_rows() {
                spans.push(IssueSpan {
                    asset_id: AssetId::parse(ids.value(row))?,
                    quantity: Quantity::parse(names.value(row))?,
                    issue_time: from_micros(issues.value(row)),
                    last: from_micros(last.value(row)),
                });
            }
        }
        Ok(spans)
    }
}

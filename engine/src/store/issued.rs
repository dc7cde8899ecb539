//! Stored forecasts, asked for by when they were issued.
//!
//! In: asset, quantity, issue times. Out: forecasts as they were issued. Most of the reading is in `read`.

use super::Store;
use super::StoreError;
use super::read::Reader;
use super::read::of;
use super::read::time;
use super::read::times;
use crate::domain::AssetId;
use crate::domain::Forecast;
use crate::domain::Quantity;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ident;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

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
}

//! Reading controller logs back. In: assets and a stretch of time. Out: lines, by time, then asset.

use super::Store;
use super::StoreError;
use super::read::within;
use crate::domain::ASSET_ID;
use crate::domain::AssetId;
use crate::domain::LogLine;
use crate::domain::Table;
use crate::domain::TimeRange;
use datafusion::logical_expr::ident;
use datafusion::logical_expr::lit;

impl Store {
    /// Lines of the controller logs of these assets (all when `None`) within `range` (all when `None`).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events(&self, assets: Option<&[AssetId]>, range: Option<TimeRange>) -> Result<Vec<LogLine>, StoreError> {
        let mut filters = within(range);
        if let Some(assets) = assets {
            filters.push(ident(ASSET_ID).in_list(assets.iter().map(|id| lit(id.as_str())).collect(), false));
        }
        let rows = self.reader(Table::Events).rows(&[], &filters).await?;
        let mut lines: Vec<LogLine> = rows.iter().flat_map(LogLine::from_batch).collect();
        lines.sort();
        Ok(lines)
    }
}

//! Reading back which rows of `anomalies` are still open, so that whoever writes them can end what was renamed.

use super::Store;
use super::StoreError;
use super::read::times;
use crate::domain::ASSET_ID;
use crate::domain::AssetId;
use crate::domain::Table;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use arrow::array::AsArray;
use datafusion::logical_expr::ident;
use datafusion::logical_expr::lit;

/// The key of a row of `anomalies` without an end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenAnomaly {
    /// Whose.
    pub asset_id: AssetId,
    /// Part of the asset.
    pub component: String,
    /// What is wrong with it.
    pub mode: String,
    /// When it began.
    pub start: Timestamp,
    /// Who found it.
    pub detector: String,
}

impl Store {
    /// Rows of `anomalies` of these assets that have no end, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_anomalies(&self, assets: &[AssetId]) -> Result<Vec<OpenAnomaly>, StoreError> {
        let of = ident(ASSET_ID).in_list(assets.iter().map(|id| lit(id.as_str())).collect(), false);
        let columns = [ASSET_ID, "component", "mode", "start", "detector"];
        let mut open = Vec::new();
        for batch in self.reader(Table::Anomalies).rows(&columns, &[of, ident("end").is_null()]).await? {
            let text = |name: &str| batch[name].as_string::<i32>().clone();
            let (assets, components, modes, detectors) = (text(ASSET_ID), text("component"), text("mode"), text("detector"));
            let starts = times(&batch, "start");
            for row in 0..batch.num_rows() {
                open.push(OpenAnomaly {
                    asset_id: AssetId::parse(assets.value(row))?,
                    component: components.value(row).to_owned(),
                    mode: modes.value(row).to_owned(),
                    start: from_micros(starts.value(row)),
                    detector: detectors.value(row).to_owned(),
                });
            }
        }
        open.sort();
        Ok(open)
    }
}

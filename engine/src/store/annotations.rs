//! What people and the quality check noted about assets, for those who forecast.
//!
//! In: assets and a stretch of time. Out: revisions of annotations, flags on values. Who may believe what at which time is decided
//! by the reader of the answer ([`Annotation::known_at`]).

use super::Store;
use super::StoreError;
use super::read::of;
use super::read::time;
use super::read::times;
use crate::domain::ASSET_ID;
use crate::domain::Annotation;
use crate::domain::AssetId;
use crate::domain::FlaggedValue;
use crate::domain::Quality;
use crate::domain::Quantity;
use crate::domain::TIME;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::from_micros;
use arrow::array::Array;
use arrow::array::AsArray;
use datafusion::logical_expr::ident;
use datafusion::logical_expr::lit;

impl Store {
    /// Every revision of the annotations of these assets (all when `None`) and of the whole site that hold at some time of `range`
    /// (any when `None`): oldest knowledge first, then by asset, start and kind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn annotations(&self, assets: Option<&[AssetId]>, range: Option<TimeRange>) -> Result<Vec<Annotation>, StoreError> {
        let mut filters = Vec::new();
        if let Some(assets) = assets {
            let named = ident(ASSET_ID).in_list(assets.iter().map(|id| lit(id.as_str())).collect(), false);
            filters.push(named.or(ident(ASSET_ID).is_null()));
        }
        if let Some(range) = range {
            filters.push(ident("start").lt(time(range.end())));
            filters.push(ident("end").gt(time(range.start())).or(ident("end").is_null()));
        }
        let rows = self.reader(Table::Annotations).rows(&[], &filters).await?;
        let mut found: Vec<Annotation> = rows.iter().flat_map(Annotation::from_batch).collect();
        found.sort_by(|a, b| {
            (a.available_at, &a.asset, a.start, a.kind).cmp(&(b.available_at, &b.asset, b.start, b.kind)).then(a.end.cmp(&b.end))
        });
        Ok(found)
    }

    /// What the quality check says about stored values of one quantity, by time and reason; of `range`, whatever reaches into it. A word
    /// it does not know is passed over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn flagged(
        &self,
        asset: &AssetId,
        quantity: &Quantity,
        range: Option<TimeRange>,
    ) -> Result<Vec<FlaggedValue>, StoreError> {
        let mut filters = of(asset, quantity);
        if let Some(range) = range {
            let reaches = ident(TIME).gt_eq(time(range.start())).or(ident("until").gt_eq(time(range.start())));
            filters.extend([ident(TIME).lt(time(range.end())), reaches]);
        }
        let mut found = Vec::new();
        for batch in self.reader(Table::QualityFlags).rows(&[TIME, "quality", "reason", "until"], &filters).await? {
            let (at, ends) = (times(&batch, TIME), times(&batch, "until"));
            let (qualities, reasons) = (batch["quality"].as_string::<i32>(), batch["reason"].as_string::<i32>());
            let read = |row: usize| {
                let quality = Quality::parse(qualities.value(row)).ok()?;
                let until = ends.is_valid(row).then(|| from_micros(ends.value(row)));
                Some(FlaggedValue { time: from_micros(at.value(row)), until, quality, reason: reasons.value(row).to_owned() })
            };
            found.extend((0..batch.num_rows()).filter_map(read));
        }
        found.sort_by(|a, b| (a.time, &a.reason).cmp(&(b.time, &b.reason)));
        Ok(found)
    }
}

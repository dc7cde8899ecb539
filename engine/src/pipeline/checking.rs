//! Quality checks of stored telemetry: what looks wrong is written to `quality_flags`; the values themselves stay.
//!
//! In: what was imported, or `now`. Out: flags. An import is looked at over the stretch of time it brought, with the history before
//! it; a live cycle at the last two days, with the week before, and once a day, asset by asset, at the whole history for what only
//! that shows. A verdict that was stored stays: a level or a clock that is found again keeps the day it was first given.

use super::Pipeline;
use super::PipelineError;
use super::forecasting::blocking;
use super::functions::table_batch;
use super::resolution;
use crate::detect::Balance;
use crate::detect::MeterOf;
use crate::detect::QualityFlag;
use crate::detect::QualityOptions;
use crate::detect::Reason;
use crate::detect::history_flags;
use crate::detect::meters;
use crate::detect::quality_flags;
use crate::detect::settle;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::DomainError;
use crate::domain::FlaggedValue;
use crate::domain::Quantity;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::micros;
use arrow::array::{Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Each live cycle judges this much telemetry …
const RECENT: SignedDuration = SignedDuration::from_hours(48);
/// … and reads this much before it.
const CONTEXT: SignedDuration = SignedDuration::from_hours(24 * 7);
/// An import of this much is looked at with all the history before it, a shorter one with this much.
const LONG: SignedDuration = SignedDuration::from_hours(24 * 30);
/// A meter is compared with its parts over this much.
const BALANCE: SignedDuration = SignedDuration::from_hours(24 * 120);
/// Read at a time, so that memory does not grow with the number of machines.
const PIECE: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Assets read at once in a live cycle, and those whose whole history is looked at in one.
const TOGETHER: usize = 32;
const HISTORIES: usize = 96;
/// Flags are written in batches of about this many.
const BATCH: usize = 50_000;
/// The day up to which the history of each asset was looked at.
pub(super) type Checked = Mutex<BTreeMap<AssetId, i64>>;

impl Pipeline {
    /// Looks over what an import brought: each asset over its own stretch of time, and the meters of the assets among them.
    /// Returns the number of flags; flags that are already there change nothing.
    ///
    /// # Errors
    /// [`PipelineError::Store`].
    pub async fn check_imported(&self, touched: &BTreeMap<AssetId, TimeRange>) -> Result<usize, PipelineError> {
        let assets = self.store().assets();
        let (mut found, mut flags) = (0, Vec::new());
        for asset in &assets {
            let Some(range) = touched.get(&asset.id) else { continue };
            let long = range.end().duration_since(range.start()) >= LONG;
            let context = if long { self.options.history * 2 } else { LONG };
            let read = TimeRange::new(before(range.start(), context), after(range.end(), CONTEXT))?;
            let frames = self.store().frames(std::slice::from_ref(asset), Some(read), resolution(asset), None).await?;
            let known = self.store().quantities();
            let look =
                move || Ok(frames.iter().flat_map(|f| quality_flags(f, &known, &QualityOptions::default())).collect::<Vec<_>>());
            let judged = blocking(asset.id.as_str(), look).await?;
            flags.extend(self.settled(judged, range.start(), range.end()).await?);
            found += self.keep(&mut flags, BATCH, true).await?;
        }
        for of in meters(&assets) {
            let ranges = std::iter::once(&of.whole).chain(&of.parts).filter_map(|asset| touched.get(&asset.id));
            let Some((from, to)) = ranges.map(|r| (r.start(), r.end())).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
                continue;
            };
            let odd = self.balance(of, before(from, BALANCE), to).await?;
            flags.extend(odd.into_iter().filter(|flag| flag.until.unwrap_or(flag.time) >= from));
        }
        Ok(found + self.keep(&mut flags, 0, true).await?)
    }

    /// Looks over the last two days of every asset, and over the history of those whose turn it is. Returns the number of flags.
    ///
    /// # Errors
    /// [`PipelineError::Store`].
    pub async fn check_recent(&self, now: Timestamp) -> Result<usize, PipelineError> {
        let assets = self.store().assets();
        let from = before(now, RECENT);
        let read = TimeRange::new(before(from, CONTEXT), now)?;
        let (mut found, mut flags) = (0, Vec::new());
        let mut by_resolution: BTreeMap<i64, Vec<Asset>> = BTreeMap::new();
        for asset in &assets {
            by_resolution.entry(resolution(asset).seconds()).or_default().push(asset.clone());
        }
        for group in by_resolution.values().flat_map(|group| group.chunks(TOGETHER)) {
            let Some(first) = group.first() else { continue };
            let frames = self.store().frames(group, Some(read), resolution(first), None).await?;
            let known = self.store().quantities();
            let look =
                move || Ok(frames.iter().flat_map(|f| quality_flags(f, &known, &QualityOptions::default())).collect::<Vec<_>>());
            let judged = blocking(first.id.as_str(), look).await?;
            let of_days = judged.into_iter().filter(|flag| !matches!(flag.reason, Reason::Shift | Reason::TimeShift)).collect();
            flags.extend(self.settled(of_days, from, now).await?);
            found += self.keep(&mut flags, BATCH, false).await?;
        }
        let today = now.as_second().div_euclid(86_400);
        let turn: Vec<Asset> = {
            let mut checked = self.checked.lock().await;
            let due =
                assets.iter().filter(|asset| checked.get(&asset.id) != Some(&today)).take(HISTORIES).cloned().collect::<Vec<_>>();
            checked.extend(due.iter().map(|asset| (asset.id.clone(), today)));
            due
        };
        for asset in &turn {
            flags.extend(self.history(asset, now).await?);
        }
        for of in meters(&assets).into_iter().filter(|of| turn.iter().any(|asset| asset.id == of.whole.id)) {
            flags.extend(self.balance(of, before(now, BALANCE), now).await?);
        }
        Ok(found + self.keep(&mut flags, 0, false).await?)
    }

    /// What only the history of an asset shows, up to `now`.
    async fn history(&self, asset: &Asset, now: Timestamp) -> Result<Vec<QualityFlag>, PipelineError> {
        let read = TimeRange::new(before(now, self.options.history * 2), now)?;
        let frames = self.store().frames(std::slice::from_ref(asset), Some(read), resolution(asset), None).await?;
        let look = move || Ok(frames.iter().flat_map(history_flags).collect::<Vec<_>>());
        let judged = blocking(asset.id.as_str(), look).await?;
        self.settled(judged, Timestamp::MIN, now).await
    }

    /// Days on which a meter disagrees with its parts.
    async fn balance(&self, of: MeterOf, from: Timestamp, to: Timestamp) -> Result<Vec<QualityFlag>, PipelineError> {
        // Days that are over, or nearly: a day is judged once.
        let to = Timestamp::from_second((to.as_second() + 3600).div_euclid(86_400) * 86_400).unwrap_or(to);
        let (mut balance, mut at) = (Balance::new(of.clone()), from);
        if let Some((first, _)) = self.store().extent(&of.whole).await? {
            at = at.max(first);
        }
        while at < to {
            let end = after(at, PIECE).min(to);
            let piece = TimeRange::new(at, end)?;
            let mut frames = Vec::new();
            for asset in std::iter::once(&of.whole).chain(&of.parts) {
                let quantity = Some(std::slice::from_ref(&of.quantity));
                frames.extend(self.store().frames(std::slice::from_ref(asset), Some(piece), resolution(asset), quantity).await?);
            }
            balance = blocking(of.whole.id.as_str(), move || {
                balance.add(&frames);
                Ok(balance)
            })
            .await?;
            at = end;
        }
        Ok(balance.flags())
    }

    /// The flags that reach into `[from, to)`, and those of the history as they were settled before: found again, they keep the time
    /// they had.
    async fn settled(&self, flags: Vec<QualityFlag>, from: Timestamp, to: Timestamp) -> Result<Vec<QualityFlag>, PipelineError> {
        let mut out = Vec::new();
        let mut stored: BTreeMap<(AssetId, Quantity), Vec<FlaggedValue>> = BTreeMap::new();
        for flag in flags {
            if !flag.reason.needs_history() {
                out.extend((flag.until.unwrap_or(flag.time) >= from && flag.time < to).then_some(flag));
                continue;
            }
            let key = (flag.asset.clone(), flag.quantity.clone());
            if !stored.contains_key(&key) {
                stored.insert(key.clone(), self.store().flagged(&flag.asset, &flag.quantity, None).await?);
            }
            out.push(settle(flag, stored.get(&key).map_or(&[], Vec::as_slice)));
        }
        Ok(out)
    }

    /// Writes the flags once there are more than `most`.
    async fn keep(&self, flags: &mut Vec<QualityFlag>, most: usize, bulk: bool) -> Result<usize, PipelineError> {
        if flags.len() <= most {
            return Ok(0);
        }
        let rows = flags_batch(flags)?;
        match bulk {
            true => self.store().import_table(Table::QualityFlags, rows).await?,
            false => self.store().append_table(Table::QualityFlags, rows).await?,
        };
        let written = flags.len();
        flags.clear();
        Ok(written)
    }
}

fn before(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

fn after(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// Flags as rows of `quality_flags`.
fn flags_batch(flags: &[QualityFlag]) -> Result<RecordBatch, DomainError> {
    let text = |value: fn(&QualityFlag) -> &str| Arc::new(StringArray::from_iter_values(flags.iter().map(value))) as Arc<dyn Array>;
    let times = TimestampMicrosecondArray::from_iter_values(flags.iter().map(|flag| micros(flag.time)));
    let raw: Float64Array = flags.iter().map(|flag| flag.raw_value.is_finite().then_some(flag.raw_value)).collect();
    let ends: TimestampMicrosecondArray = flags.iter().map(|flag| flag.until.map(micros)).collect();
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(times.with_timezone("UTC")),
        text(|flag| flag.asset.as_str()),
        text(|flag| flag.quantity.name()),
        text(|flag| flag.quality.name()),
        Arc::new(raw),
        text(|flag| flag.reason.name()),
        Arc::new(ends.with_timezone("UTC")),
    ];
    table_batch(Table::QualityFlags, columns)
}

#[cfg(test)]
mod tests;

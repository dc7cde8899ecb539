//! What a forecaster may look at, kept from cycle to cycle: a refresh reads the rows that came since, not four hundred days again.
//!
//! In: an asset, a quantity, a time. Out: the [`Target`] that reading everything would give, to the byte. The store says from when on a table has
//! changed; from there on rows are read anew. A little more than the history is kept, so that issues of the last days need no reading either.

use super::Pipeline;
use super::PipelineError;
use super::resolution;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::Frame;
use crate::domain::Quantity;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::WeatherForecasts;
use crate::domain::micros;
use crate::features::Circumstances;
use crate::features::OBSERVED;
use crate::features::Target;
use crate::features::TargetKind;
use crate::features::relatives;
use crate::pipeline::circumstances::say_masked;
use crate::pipeline::grid_time;
use crate::pipeline::interval_label;
use crate::pipeline::target_kind;
use crate::store::Mark;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Hours kept beyond the history, for issues of the past.
const BEYOND: SignedDuration = SignedDuration::from_hours(72);
/// Most bytes of all that is kept; what does not fit is read every time.
const MOST_BYTES: usize = 1 << 30;

/// Rows of one target as they were read.
#[derive(Debug)]
struct Kept {
    asset: Asset,
    others: Vec<Asset>,
    /// Rows of `[from, until)` are here.
    from: Timestamp,
    until: Timestamp,
    mark: Mark,
    frame: Option<Frame>,
    observations: Vec<Frame>,
    weather: Arc<WeatherForecasts>,
    circumstances: Circumstances,
}

/// What is kept of all targets.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Prepared(Mutex<BTreeMap<(AssetId, Quantity), Kept>>);

impl Kept {
    fn bytes(&self) -> usize {
        let frames = self.frame.iter().chain(&self.observations).map(|frame| 8 * frame.len * (1 + frame.quantities().count()));
        frames.sum::<usize>() + self.weather.rows.len() * (64 + 8 * self.weather.quantities.len())
    }

    /// The rows of `[start, at)` as reading them would give them.
    fn target(&self, quantity: &Quantity, start: Timestamp, at: Timestamp) -> Option<Target> {
        let cut = |frame: &Frame| frame.clone().spliced(start, at, None);
        let kind = target_kind(self.asset.kind);
        let frame = self.frame.as_ref().and_then(cut).filter(|frame| frame.column(quantity).is_some());
        let frame = frame.or_else(|| self.unmeasured(quantity, kind, at))?;
        Some(Target {
            frame,
            quantity: quantity.clone(),
            kind,
            interval_label: interval_label(&self.asset),
            weather: self.weather.as_ref().clone(),
            observations: self.observations.iter().filter_map(cut).collect(),
            circumstances: self.circumstances.clone(),
        })
    }

    /// A day without rows, for a plant that was never measured but whose weather is forecast: physics can speak of it.
    fn unmeasured(&self, quantity: &Quantity, kind: TargetKind, at: Timestamp) -> Option<Frame> {
        let speaks = kind != TargetKind::Load && !self.weather.rows.is_empty() && self.asset.capacity_kw.is_some();
        let grid = resolution(&self.asset);
        let start = at.checked_sub(SignedDuration::from_hours(24)).ok().filter(|_| speaks)?;
        let rows = grid.steps_per_day();
        let columns = BTreeMap::from([(quantity.clone(), vec![f64::NAN; rows])]);
        Some(Frame::new(self.asset.clone(), start, grid, vec![i64::MAX; rows], columns))
    }
}

impl Pipeline {
    /// Everything a forecaster may look at, up to `at`.
    pub(in crate::pipeline) async fn target(
        &self,
        asset: &Asset,
        quantity: &Quantity,
        at: Timestamp,
    ) -> Result<Arc<Target>, PipelineError> {
        let key = (asset.id.clone(), quantity.clone());
        let others = relatives(asset, &self.store.assets());
        let held = self.prepared.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        let start = at.saturating_sub(self.options.history).unwrap_or(Timestamp::MIN);
        let (held, newer) = match held.filter(|held| held.asset == *asset && held.others == others) {
            Some(held) if held.from > start => (None, Some(held)),
            held => (held, None),
        };
        let kept = match held {
            Some(held) => self.carried_on(held, quantity, at).await?,
            None => self.read(asset, others, quantity, at).await?,
        };
        let missing = || PipelineError::NoHistory { asset: asset.id.clone(), quantity: quantity.clone(), time: at };
        let target = kept.target(quantity, start, at).ok_or_else(missing);
        if let Ok(target) = &target {
            say_masked(target, at);
        }
        // A question about long ago does not displace what the next cycle needs.
        self.keep_prepared(key, newer.unwrap_or(kept));
        target.map(Arc::new)
    }

    /// Lets go of what is kept: the next cycle reads everything. Forecasts are the same with and without.
    pub fn forget_prepared(&self) {
        self.prepared.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Reads all of it.
    async fn read(&self, asset: &Asset, others: Vec<Asset>, quantity: &Quantity, at: Timestamp) -> Result<Kept, PipelineError> {
        let mark = self.store.mark();
        let beyond = self.options.history.saturating_add(BEYOND);
        let from = grid_time(at.saturating_sub(beyond).unwrap_or(Timestamp::MIN), resolution(asset));
        let (frame, observations) = self.frames(asset, &others, quantity, from, at).await?;
        let weather = Arc::new(self.store.weather(&asset.id).await?);
        let circumstances = self.circumstances(asset, quantity, TimeRange::new(from, at)?).await?;
        Ok(Kept { asset: asset.clone(), others, from, until: at, mark, frame, observations, weather, circumstances })
    }

    /// Reads what has changed, and what lies between the last reading and `at`.
    async fn carried_on(&self, mut kept: Kept, quantity: &Quantity, at: Timestamp) -> Result<Kept, PipelineError> {
        let mark = self.store.mark();
        let grid = resolution(&kept.asset);
        let kinds = std::iter::once(&kept.asset).chain(&kept.others).map(|asset| asset.kind);
        let changed = kinds.filter_map(|kind| self.store.changed_since(Table::Telemetry(kind), kept.mark)).min();
        let until = kept.until.max(at);
        let from = changed.map_or(kept.until, |changed| changed.min(kept.until));
        let from = grid_time(from.max(kept.from), grid);
        let weather = self.store.changed_since(Table::WeatherForecast, kept.mark);
        if from < until {
            let (frame, observations) = self.frames(&kept.asset, &kept.others, quantity, from, until).await?;
            kept.frame = spliced(kept.frame.take(), frame, kept.from, from);
            let mut fresh: BTreeMap<AssetId, Frame> =
                observations.into_iter().map(|frame| (frame.asset.id.clone(), frame)).collect();
            let mut held: BTreeMap<AssetId, Frame> =
                kept.observations.drain(..).map(|frame| (frame.asset.id.clone(), frame)).collect();
            for other in &kept.others {
                kept.observations.extend(spliced(held.remove(&other.id), fresh.remove(&other.id), kept.from, from));
            }
        }
        if weather.is_some() {
            kept.weather = Arc::new(self.store.weather(&kept.asset.id).await?);
        }
        let said = [Table::Annotations, Table::QualityFlags].map(|table| self.store.changed_since(table, kept.mark));
        let near = Circumstances::of(&kept.asset, &self.store.assets());
        if said.iter().any(Option::is_some) || (&near.above, &near.below) != (&kept.circumstances.above, &kept.circumstances.below)
        {
            kept.circumstances = self.circumstances(&kept.asset, quantity, TimeRange::new(kept.from, until)?).await?;
        }
        // Only as much as the newest issue needs stays.
        let beyond = self.options.history.saturating_add(BEYOND);
        let start = grid_time(until.saturating_sub(beyond).unwrap_or(Timestamp::MIN), grid);
        if start.duration_since(kept.from) > BEYOND {
            let cut = |frame: Frame| frame.spliced(start, until, None);
            kept.frame = kept.frame.and_then(cut);
            kept.observations = kept.observations.into_iter().filter_map(cut).collect();
            kept.from = start;
        }
        (kept.until, kept.mark) = (until, mark);
        Ok(kept)
    }

    /// Rows of an asset and of its relatives on the asset's grid.
    async fn frames(
        &self,
        asset: &Asset,
        others: &[Asset],
        quantity: &Quantity,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<(Option<Frame>, Vec<Frame>), PipelineError> {
        let range = Some(TimeRange::new(from, until)?);
        let grid = resolution(asset);
        let set_point = (*quantity == Quantity::ACTIVE_POWER).then_some(Quantity::ACTIVE_POWER_LIMIT);
        let wanted: Vec<Quantity> = std::iter::once(quantity.clone()).chain(set_point).collect();
        let own = self.store.frames(std::slice::from_ref(asset), range, grid, Some(&wanted)).await?.pop();
        let mut columns = OBSERVED.to_vec();
        if !columns.contains(quantity) {
            columns.push(quantity.clone());
        }
        Ok((own, self.store.frames(others, range, grid, Some(&columns)).await?))
    }

    /// Keeps rows for the next cycle, unless memory is full or somebody has kept newer ones meanwhile.
    fn keep_prepared(&self, key: (AssetId, Quantity), kept: Kept) {
        let mut all = self.prepared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = all.values().map(Kept::bytes).sum::<usize>() + kept.bytes() <= MOST_BYTES;
        let newer = all.get(&key).is_some_and(|held| held.until > kept.until);
        if room && !newer {
            all.insert(key, kept);
        }
    }
}

/// A frame carried on; without an old one the new one, without rows none.
fn spliced(held: Option<Frame>, fresh: Option<Frame>, start: Timestamp, from: Timestamp) -> Option<Frame> {
    match (held, fresh) {
        (Some(held), fresh) => {
            let aligned = fresh.as_ref().is_none_or(|fresh| micros(fresh.start) >= micros(held.start));
            // Rows before all that were held: what is read anew is then all there is.
            if aligned { held.spliced(start, from, fresh) } else { fresh }
        }
        (None, fresh) => fresh,
    }
}

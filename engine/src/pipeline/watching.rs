//! Watch cycles: learn what is normal per plant, judge the telemetry since, keep incidents and raise findings.

use super::Pipeline;
use super::PipelineError;
use super::forecasting::blocking;
use super::resolution;
use crate::alert::Finding;
use crate::detect::DetectError;
use crate::detect::FittedWatch;
use crate::detect::Health;
use crate::detect::Incident;
use crate::detect::Watch;
use crate::detect::WatchOptions;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::DomainError;
use crate::domain::Frame;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::micros;
use arrow::array::{Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Each cycle checks the quality of this much telemetry.
const RECENT: SignedDuration = SignedDuration::from_hours(48);

/// What one cycle found.
#[derive(Debug, Default)]
pub struct WatchCycle {
    /// Incidents since the learning period, open and closed, all plants.
    pub incidents: Vec<Incident>,
    /// Plants that could not be watched, and why.
    pub failures: Vec<(String, PipelineError)>,
}

impl Pipeline {
    /// Judges every plant up to `now`, fitting the watches that are not fitted yet, and stores the incidents.
    pub async fn watch_cycle(&self, now: Timestamp) -> WatchCycle {
        let mut cycle = WatchCycle::default();
        for (plant, assets) in plants(self.store.assets()) {
            match self.watch_plant(&plant, &assets, now).await {
                Ok(incidents) => cycle.incidents.extend(incidents),
                Err(error) => cycle.failures.push((plant, error)),
            }
        }
        cycle
    }

    async fn watch_plant(&self, plant: &str, assets: &[Asset], now: Timestamp) -> Result<Vec<Incident>, PipelineError> {
        let recent = now.saturating_sub(RECENT).unwrap_or(Timestamp::MIN);
        self.check_quality(assets, Some(TimeRange::new(recent, now)?)).await?;
        let Some((watch, frames)) = self.watch(plant, assets, now).await? else { return Ok(Vec::new()) };
        let incidents = blocking(plant, move || Ok(watch.scan(&frames, watch.fitted_until()).incidents)).await?;
        if !incidents.is_empty() {
            self.store.append_table(Table::Anomalies, incidents_batch(&incidents)?).await?;
        }
        Ok(incidents)
    }

    /// Incidents of one asset (of all when `None`) up to `now`, computed now and not stored.
    ///
    /// # Errors
    /// [`PipelineError`] of the first plant that cannot be watched, when one asset was asked for.
    pub async fn incidents(&self, asset: Option<&Asset>, now: Timestamp) -> Result<Vec<Incident>, PipelineError> {
        let mut found = Vec::new();
        for (plant, assets) in plants(self.store.assets()) {
            if asset.is_some_and(|wanted| !assets.iter().any(|member| member.id == wanted.id)) {
                continue;
            }
            match self.watch(&plant, &assets, now).await {
                Ok(Some((watch, frames))) => {
                    found.extend(blocking(&plant, move || Ok(watch.scan(&frames, watch.fitted_until()).incidents)).await?)
                }
                Ok(None) => {}
                Err(error) if asset.is_some() => return Err(error),
                Err(error) => tracing::warn!(plant, %error, "plant left out"),
            }
        }
        found.retain(|incident| asset.is_none_or(|wanted| wanted.id == incident.asset_id));
        Ok(found)
    }

    /// Power curve and signals of one asset, for its page; with them the end of the period they were learnt from.
    ///
    /// # Errors
    /// [`DetectError::NotWatched`] where no watch covers the asset.
    pub async fn health(&self, asset: &Asset, range: TimeRange) -> Result<(Timestamp, Health), PipelineError> {
        let not_watched = || DetectError::NotWatched { asset: asset.id.clone(), until: range.end() };
        let plant = plants(self.store.assets()).into_iter().find(|(_, assets)| assets.iter().any(|member| member.id == asset.id));
        let (plant, assets) = plant.ok_or_else(not_watched)?;
        let Some((watch, frames)) = self.watch(&plant, &assets, range.end()).await? else { return Err(not_watched().into()) };
        let id = asset.id.clone();
        blocking(&plant, move || Ok((watch.fitted_until(), watch.health(&id, &frames, range)?))).await
    }

    /// The fitted watch of a plant and its telemetry before `now`; `None` while there is too little to learn from.
    async fn watch(
        &self,
        plant: &str,
        assets: &[Asset],
        now: Timestamp,
    ) -> Result<Option<(Arc<FittedWatch>, Vec<Frame>)>, PipelineError> {
        let start = now.saturating_sub(self.options.history).unwrap_or(Timestamp::MIN);
        let Some(first) = assets.first() else { return Ok(None) };
        let frames = self.store.frames(assets, Some(TimeRange::new(start, now)?), resolution(first), None).await?;
        let Some(begin) = frames.iter().map(|frame| frame.start).min() else { return Ok(None) };
        let held = self.watches.read().await.get(plant).cloned();
        if let Some(watch) = held {
            return Ok(Some((watch, frames)));
        }
        let learning = SignedDuration::from_secs_f64(now.duration_since(begin).as_secs_f64() * self.options.learning_share);
        if learning < self.options.least_learning {
            return Ok(None);
        }
        let until = super::grid_time(begin.saturating_add(learning).unwrap_or(now), resolution(first));
        let (watch, frames) = blocking(plant, move || {
            let watch = Watch::fit(&frames, until, &WatchOptions::default())?;
            Ok((Arc::new(watch), frames))
        })
        .await?;
        self.watches.write().await.insert(plant.to_owned(), Arc::clone(&watch));
        Ok(Some((watch, frames)))
    }
}

/// Assets that are judged together: the machines of a plant with its weather stations; a transformer is its own plant.
fn plants(assets: Vec<Asset>) -> BTreeMap<String, Vec<Asset>> {
    let mut plants: BTreeMap<String, Vec<Asset>> = BTreeMap::new();
    let above = |id: &AssetId| assets.iter().find(|asset| asset.id == *id);
    // A tracker may hang below its inverter; it is judged with the inverter's plant.
    let inverter = |asset: &Asset| asset.parent_id.as_ref().and_then(above).filter(|parent| parent.kind == AssetKind::PvInverter);
    let parents: Vec<Option<AssetId>> =
        assets.iter().map(|asset| inverter(asset).unwrap_or(asset).parent_id.clone()).collect();
    for (asset, parent) in assets.into_iter().zip(parents) {
        let parent = parent.as_ref().map(AssetId::to_string);
        let plant = match asset.kind {
            AssetKind::WindTurbine | AssetKind::PvInverter | AssetKind::PvTracker | AssetKind::WeatherStation => parent,
            AssetKind::Transformer => Some(asset.id.to_string()),
            _ => None,
        };
        if let Some(plant) = plant {
            plants.entry(plant).or_default().push(asset);
        }
    }
    plants.retain(|_, assets| assets.iter().any(|asset| asset.kind != AssetKind::WeatherStation));
    plants
}

/// What ended longer ago than this is history, not news.
const NEWS: SignedDuration = SignedDuration::from_hours(24 * 7);

/// The findings people should hear of: faults, not mere information, that are open or ended in the last seven days. Older
/// ones stay in `anomalies`; a store that has just been filled would otherwise shout about last year.
pub fn findings(incidents: &[Incident], now: Timestamp) -> Vec<Finding> {
    let news = now.saturating_sub(NEWS).unwrap_or(Timestamp::MIN);
    let faults = incidents.iter().filter(|incident| !incident.is_information());
    faults
        .filter(|incident| incident.closed_at.is_none_or(|closed| closed >= news))
        .map(|incident| Finding {
            asset_id: incident.asset_id.clone(),
            component: incident.component.clone(),
            mode: incident.mode.clone(),
            started_at: incident.started_at,
            opened_at: incident.opened_at,
            closed_at: incident.closed_at,
            severity: incident.severity,
            score: incident.score,
            energy_lost_kwh: incident.energy_lost_kwh,
            top_contributors: incident.top_contributors(),
        })
        .collect()
}

/// Incidents as rows of `anomalies`.
///
/// # Errors
/// [`DomainError::Column`] when Arrow refuses the columns.
pub(super) fn incidents_batch(incidents: &[Incident]) -> Result<RecordBatch, DomainError> {
    let text =
        |value: fn(&Incident) -> &str| Arc::new(StringArray::from_iter_values(incidents.iter().map(value))) as Arc<dyn Array>;
    let starts = incidents.iter().map(|i| Some(micros(i.started_at)));
    let ends = incidents.iter().map(|i| i.closed_at.map(micros));
    let why: Vec<String> = incidents.iter().map(|i| i.top_contributors().join(";")).collect();
    let columns: Vec<Arc<dyn Array>> = vec![
        text(|i| i.asset_id.as_str()),
        text(|i| &i.component),
        text(|i| &i.mode),
        Arc::new(starts.collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        Arc::new(ends.collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        Arc::new(Float64Array::from_iter_values(incidents.iter().map(|i| i.score))),
        text(|i| i.detector),
        Arc::new(Float64Array::from_iter_values(incidents.iter().map(|i| i.energy_lost_kwh))),
        Arc::new(StringArray::from(why)),
    ];
    super::functions::table_batch(Table::Anomalies, columns)
}

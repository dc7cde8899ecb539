//! Watch cycles: learn what is normal per plant, judge telemetry and controller logs since, keep the incidents.
//!
//! In: `now`. Out: incidents, and whose. Deliberately not here: which of them people hear of (`alert`).

use super::Pipeline;
use super::PipelineError;
use super::forecasting::blocking;
use super::learning::Learnt;
use crate::detect::ALARM_LOG;
use crate::detect::AlarmLog;
use crate::detect::AlarmLogOptions;
use crate::detect::Degradation;
use crate::detect::DetectError;
use crate::detect::DetectionPower;
use crate::detect::Health;
use crate::detect::Incident;
use crate::detect::OperatingRow;
use crate::detect::SoilingDay;
use crate::detect::alarm_log;
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
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Who raises incidents that name nobody else.
const DEFAULT_DETECTOR: &str = "normal_behaviour";

/// What one cycle found.
#[derive(Debug, Default)]
pub struct WatchCycle {
    /// Incidents since the learning period, open and closed, all plants.
    pub incidents: Vec<Incident>,
    /// Assets that were judged: what is not among the incidents is not there.
    pub judged: BTreeSet<AssetId>,
    /// Plants that could not be watched, and why.
    pub failures: Vec<(String, PipelineError)>,
}

impl Pipeline {
    /// Checks the quality of what came, then judges every plant up to `now`, fitting the watches that are not fitted yet, and stores the incidents.
    pub async fn watch_cycle(&self, now: Timestamp) -> WatchCycle {
        let mut cycle = WatchCycle::default();
        if let Err(error) = self.check_recent(now).await {
            cycle.failures.push(("quality".into(), error));
        }
        for (plant, assets) in plants(self.store.assets()) {
            match self.watch_plant(&plant, &assets, now).await {
                Ok(Some(incidents)) => {
                    cycle.incidents.extend(incidents);
                    cycle.judged.extend(assets.into_iter().map(|asset| asset.id));
                }
                Ok(None) => {}
                Err(error) => cycle.failures.push((plant, error)),
            }
        }
        cycle
    }

    /// Incidents of a plant, stored; `None` where there is too little to judge by.
    async fn watch_plant(&self, plant: &str, assets: &[Asset], now: Timestamp) -> Result<Option<Vec<Incident>>, PipelineError> {
        let Some((mut incidents, log)) = self.judge(plant, assets, now).await? else { return Ok(None) };
        incidents.extend(log.incidents);
        self.keep_period(plant).await?;
        let ids: Vec<AssetId> = assets.iter().map(|asset| asset.id.clone()).collect();
        let renamed = self.renamed(&ids, &incidents).await?;
        if !incidents.is_empty() || !renamed.is_empty() {
            self.store.append_table(Table::Anomalies, incidents_batch(&[renamed, incidents.clone()].concat())?).await?;
        }
        Ok(Some(incidents))
    }

    /// Incidents of a plant's telemetry and its controller logs, as of `now`; `None` where there is too little of either.
    async fn judge(
        &self,
        plant: &str,
        assets: &[Asset],
        now: Timestamp,
    ) -> Result<Option<(Vec<Incident>, AlarmLog)>, PipelineError> {
        let watch = self.watch(plant, assets, now).await?;
        let ids: Vec<AssetId> = assets.iter().map(|asset| asset.id.clone()).collect();
        let start = now.saturating_sub(self.options.history).unwrap_or(Timestamp::MIN);
        let start = watch.as_ref().map_or(start, |(learnt, _)| learnt.period.from.min(start));
        let lines = self.store.events(Some(&ids), Some(TimeRange::new(start, now)?)).await?;
        if watch.is_none() && lines.is_empty() {
            return Ok(None);
        }
        let rated = assets.iter().filter_map(|asset| Some((asset.id.clone(), asset.capacity_kw?))).collect();
        let least = self.options.least_learning;
        let work = move || {
            let found =
                watch.as_ref().map(|(learnt, frames)| learnt.watch.scan(frames, learnt.period.until).incidents).unwrap_or_default();
            let known = lines.first().map(|line| line.time.saturating_add(least).unwrap_or(Timestamp::MAX));
            let options = AlarmLogOptions { tell_from: known.unwrap_or(Timestamp::MAX), ..AlarmLogOptions::default() };
            let log = alarm_log(&lines, &rated, &found, &options);
            Ok((found, log))
        };
        Ok(Some(blocking(plant, work).await?))
    }

    /// Rows of `anomalies` that are open under a name their incident no longer has: ended where they began, without loss.
    async fn renamed(&self, assets: &[AssetId], incidents: &[Incident]) -> Result<Vec<Incident>, PipelineError> {
        let named: BTreeSet<(&AssetId, &str, &str, Timestamp, &str)> =
            incidents.iter().map(|i| (&i.asset_id, i.component.as_str(), i.mode.as_str(), i.started_at, i.detector)).collect();
        let detectors: BTreeMap<&str, &'static str> = incidents.iter().map(|i| (i.detector, i.detector)).collect();
        let mut renamed = Vec::new();
        for row in self.store.open_anomalies(assets).await? {
            let key = (&row.asset_id, row.component.as_str(), row.mode.as_str(), row.start, row.detector.as_str());
            let known = [DEFAULT_DETECTOR, ALARM_LOG].into_iter().find(|name| *name == row.detector);
            let Some(detector) = known.or_else(|| detectors.get(row.detector.as_str()).copied()) else { continue };
            if !named.contains(&key) {
                let old = Incident::new(row.asset_id.clone(), &row.component, &row.mode, row.start, row.start);
                renamed.push(Incident { closed_at: Some(row.start), score: 0.0, detector, ..old });
            }
        }
        Ok(renamed)
    }

    /// The controller logs of an asset's plant (of all plants when `None`) up to `now`, collapsed and put under incidents.
    ///
    /// # Errors
    /// [`PipelineError`] of a plant that cannot be judged.
    pub async fn alarm_logs(&self, asset: Option<&Asset>, now: Timestamp) -> Result<Vec<AlarmLog>, PipelineError> {
        let mut logs = Vec::new();
        for (plant, assets) in plants(self.store.assets()) {
            if asset.is_none_or(|wanted| assets.iter().any(|member| member.id == wanted.id))
                && let Some((_, log)) = self.judge(&plant, &assets, now).await?
            {
                logs.push(log);
            }
        }
        Ok(logs)
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
            match self.judge(&plant, &assets, now).await {
                Ok(Some((incidents, log))) => found.extend(incidents.into_iter().chain(log.incidents)),
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
        let Some((learnt, frames)) = self.watch(&plant, &assets, range.end()).await? else { return Err(not_watched().into()) };
        let id = asset.id.clone();
        blocking(&plant, move || Ok((learnt.period.until, learnt.watch.health(&id, &frames, range)?))).await
    }

    /// What machines were doing in a stretch of time, row by row: an asset, all of its plant when it is one, all when `None`.
    /// Plants that nothing is known of have no rows.
    ///
    /// # Errors
    /// [`PipelineError`] of a plant that cannot be watched, when one asset was asked for.
    pub async fn operating(
        &self,
        asset: Option<&Asset>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<OperatingRow>, PipelineError> {
        let mut rows = Vec::new();
        for (plant, assets) in self.plants_of(asset) {
            let Some((learnt, frames)) = self.watch_asked(&plant, &assets, asset, to).await? else { continue };
            let found = blocking(&plant, move || Ok(learnt.watch.operating(&frames, from))).await?;
            rows.extend(found.into_iter().filter(|row| is_asked(asset, &plant, &row.asset)));
        }
        Ok(rows)
    }

    /// How soon shifts of each signal are expected to be found under the budget of false alarms; whose, see [`Self::operating`].
    ///
    /// # Errors
    /// [`PipelineError`] of a plant that cannot be watched, when one asset was asked for.
    pub async fn detection_power(&self, asset: Option<&Asset>, now: Timestamp) -> Result<Vec<DetectionPower>, PipelineError> {
        let mut rows = Vec::new();
        for (plant, assets) in self.plants_of(asset) {
            let Some((learnt, _)) = self.watch_asked(&plant, &assets, asset, now).await? else { continue };
            rows.extend(learnt.watch.detection_power().into_iter().filter(|one| is_asked(asset, &plant, &one.asset)));
        }
        Ok(rows)
    }

    /// The plants an asset is or belongs to; all when `None`.
    fn plants_of(&self, asset: Option<&Asset>) -> BTreeMap<String, Vec<Asset>> {
        let mut all = plants(self.store.assets());
        all.retain(|plant, assets| asset.is_none_or(|a| a.id.as_str() == plant || assets.iter().any(|member| member.id == a.id)));
        all
    }

    /// The fitted watch of a plant and its telemetry; where nobody asked for this one, a failure leaves it out.
    async fn watch_asked(
        &self,
        plant: &str,
        assets: &[Asset],
        asked: Option<&Asset>,
        now: Timestamp,
    ) -> Result<Option<(Learnt, Vec<Frame>)>, PipelineError> {
        match self.watch(plant, assets, now).await {
            Err(error) if asked.is_none() => {
                tracing::warn!(plant, %error, "plant left out");
                Ok(None)
            }
            watched => watched,
        }
    }

    /// Dust by day and ageing of the solar plant of an asset (of all when `None`), as of `now`. Plants that nothing is known of, and
    /// plants without a station, have no rows.
    ///
    /// # Errors
    /// [`PipelineError`] of the first plant that cannot be watched, when one asset was asked for.
    pub async fn solar(&self, asset: Option<&Asset>, now: Timestamp) -> Result<(Vec<SoilingDay>, Vec<Degradation>), PipelineError> {
        let (mut days, mut ageing) = (Vec::new(), Vec::new());
        for (plant, assets) in self.plants_of(asset) {
            if assets.iter().all(|member| member.kind != AssetKind::PvInverter) {
                continue;
            }
            let Some((learnt, frames)) = self.watch_asked(&plant, &assets, asset, now).await? else { continue };
            let (more, aged) = blocking(&plant, move || Ok(learnt.watch.solar(&frames))).await?;
            days.extend(more);
            ageing.extend(aged);
        }
        Ok((days, ageing))
    }
}

/// True when `asset` of `plant` is asked for.
fn is_asked(asked: Option<&Asset>, plant: &str, asset: &AssetId) -> bool {
    asked.is_none_or(|asked| asked.id == *asset || asked.id.as_str() == plant)
}

/// Assets that are judged together: the machines of a plant with its weather stations; a transformer or a bus is its own plant.
pub(super) fn plants(assets: Vec<Asset>) -> BTreeMap<String, Vec<Asset>> {
    let mut plants: BTreeMap<String, Vec<Asset>> = BTreeMap::new();
    let above = |id: &AssetId| assets.iter().find(|asset| asset.id == *id);
    // A tracker may hang below its inverter; it is judged with the inverter's plant.
    let inverter = |asset: &Asset| asset.parent_id.as_ref().and_then(above).filter(|parent| parent.kind == AssetKind::PvInverter);
    let parents: Vec<Option<AssetId>> = assets.iter().map(|asset| inverter(asset).unwrap_or(asset).parent_id.clone()).collect();
    for (asset, parent) in assets.into_iter().zip(parents) {
        let parent = parent.as_ref().map(AssetId::to_string);
        let plant = match asset.kind {
            AssetKind::WindTurbine | AssetKind::PvInverter | AssetKind::PvTracker | AssetKind::WeatherStation => parent,
            AssetKind::Transformer | AssetKind::Bus => Some(asset.id.to_string()),
            _ => None,
        };
        if let Some(plant) = plant {
            plants.entry(plant).or_default().push(asset);
        }
    }
    plants.retain(|_, assets| assets.iter().any(|asset| asset.kind != AssetKind::WeatherStation));
    plants
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

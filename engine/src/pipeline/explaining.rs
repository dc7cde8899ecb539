//! Why a forecast says what it says, worked out when someone asks.
//!
//! In: a forecast on record, or a wish as for a forecast. Out: an [`Explanation`] by the model that made it. Nothing is stored and
//! no cycle pays for it.

use super::Issue;
use super::Pipeline;
use super::PipelineError;
use super::forecasting::blocking;
use super::grid_time;
use super::hierarchy::Family;
use super::resolution;
use crate::domain::Asset;
use crate::domain::Forecast;
use crate::domain::Quantile;
use crate::evaluate::Explanation;
use crate::evaluate::SUM;
use crate::models::Series;

impl Pipeline {
    /// Why a stored forecast says what it says; `None` when the model that made it is not in memory: not fitted yet, or replaced since
    /// by one that was fitted later. The reasons of a sum that no model made are those of its parts.
    ///
    /// # Errors
    /// [`PipelineError::NoHistory`] and whatever the models refuse.
    pub async fn explain(&self, asset: &Asset, forecast: &Forecast) -> Result<Option<Explanation>, PipelineError> {
        let of = Series { asset_id: asset.id.clone(), quantity: forecast.quantity.clone() };
        if forecast.model != SUM {
            return Ok(self.told(&of, forecast).await?.map(|told| told.on_record(forecast)));
        }
        let assets = self.store.assets();
        let measured = self.measured(&assets).await?;
        let mut parts = Vec::new();
        for (part, factor) in Family::new(&assets, &measured).leaves(&of) {
            let issued = self.store.forecast_issued(&part.asset_id, &part.quantity, forecast.issue_time).await?;
            let Some(issued) = issued else { return Ok(None) };
            let Some(told) = self.told(&part, &issued).await? else { return Ok(None) };
            parts.push((factor, told));
        }
        let sum = Explanation::of_sum(of.asset_id, of.quantity, SUM, &parts);
        Ok(sum.map(|sum| sum.on_record(forecast)))
    }

    /// What the model of a series says of the issue that is `forecast`, if it is the one that made it.
    async fn told(&self, of: &Series, forecast: &Forecast) -> Result<Option<Explanation>, PipelineError> {
        let Some(asset) = self.store.asset(&of.asset_id) else { return Ok(None) };
        let key = (of.asset_id.clone(), of.quantity.clone());
        let at = forecast.issue_time;
        let held = self.serving_at(&key, resolution(&asset), at).await?;
        let Some(served) = held.filter(|held| held.card().version == forecast.model_version) else { return Ok(None) };
        let target = self.target(&asset, &of.quantity, at).await?;
        blocking(asset.id.as_str(), move || Ok(served.explain(&target, at)?)).await.map(Some)
    }

    /// Why [`Pipeline::issue`] says what it says when asked the same; a model is fitted if none is in memory. The horizon and the
    /// quantiles are the pipeline's own.
    ///
    /// # Errors
    /// As [`Pipeline::issue`].
    pub async fn explain_issue(&self, mut issue: Issue) -> Result<Explanation, PipelineError> {
        issue.horizon = self.options.horizon;
        issue.quantiles = Quantile::deciles();
        let at = grid_time(issue.at, resolution(&issue.asset));
        let missing = || PipelineError::NoHistory { asset: issue.asset.id.clone(), quantity: issue.quantity.clone(), time: at };
        let served = self.speaker(&issue).await?.ok_or_else(missing)?;
        let target = self.target(&issue.asset, &issue.quantity, at).await?;
        blocking(issue.asset.id.as_str(), move || Ok(served.explain(&target, at)?)).await
    }
}

//! Why a forecast says what it says, worked out when someone asks.
//!
//! In: a forecast on record, or a wish as for a forecast. Out: an [`Explanation`] by the model that made it. Nothing is stored and
//! no cycle pays for it.

use super::Issue;
use super::Pipeline;
use super::PipelineError;
use super::forecasting::blocking;
use super::grid_time;
use super::resolution;
use crate::domain::Asset;
use crate::domain::Forecast;
use crate::domain::Quantile;
use crate::evaluate::Explanation;

impl Pipeline {
    /// Why a stored forecast says what it says; `None` when the model that made it is not in memory: not fitted yet, or replaced since
    /// by one that was fitted later.
    ///
    /// # Errors
    /// [`PipelineError::NoHistory`] and whatever the models refuse.
    pub async fn explain(&self, asset: &Asset, forecast: &Forecast) -> Result<Option<Explanation>, PipelineError> {
        let key = (asset.id.clone(), forecast.quantity.clone());
        let at = forecast.issue_time;
        let held = self.serving_at(&key, resolution(asset), at).await?;
        let Some(served) = held.filter(|held| held.card().version == forecast.model_version) else { return Ok(None) };
        let target = self.target(asset, &forecast.quantity, at).await?;
        let explanation = blocking(asset.id.as_str(), move || Ok(served.explain(&target, at)?)).await?;
        Ok(Some(explanation.on_record(forecast)))
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
        let key = (issue.asset.id.clone(), issue.quantity.clone());
        if self.serving_at(&key, resolution(&issue.asset), at).await?.is_none() {
            self.issue(&issue).await?;
        }
        let held = self.serving_at(&key, resolution(&issue.asset), at).await?;
        let missing = || PipelineError::NoHistory { asset: issue.asset.id.clone(), quantity: issue.quantity.clone(), time: at };
        let served = held.ok_or_else(missing)?;
        let target = self.target(&issue.asset, &issue.quantity, at).await?;
        blocking(issue.asset.id.as_str(), move || Ok(served.explain(&target, at)?)).await
    }
}

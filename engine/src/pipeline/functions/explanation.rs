//! `forecast_explanation(...)`: why `forecast(...)` says what it says, as rows.

use super::Pipeline;
use super::PipelineError;
use super::forecast::targets;
use super::named::Named;
use crate::domain::Timestamp;
use crate::domain::micros;
use crate::evaluate::ExplainedStep;
use crate::evaluate::Explanation;
use crate::features::Group;
use crate::pipeline::Issue;
use crate::query::Arguments;
use crate::query::QueryError;
use crate::query::Session;
use arrow::array::{Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema};
use futures::FutureExt;
use jiff::SignedDuration;
use std::sync::Arc;

/// How it is called.
const EXPLANATION: &str = "forecast_explanation('tarfaya/*' [, quantity => 'active_power', at => '2026-01-01T00:00:00Z'])";
/// Most assets of one call: each reads its whole history.
const MOST_ASSETS: usize = 64;

/// Makes the function known to a session. `now` answers for calls that name no time.
pub(super) fn register(session: &Session, pipeline: &Pipeline, now: impl Fn() -> Timestamp + Clone + Send + Sync + 'static) {
    let shared = pipeline.clone();
    let explanation = move |arguments: Arguments| {
        let (pipeline, now) = (shared.clone(), now());
        async move { explained_rows(&pipeline, &arguments, now).await }.boxed()
    };
    session.register_computed("forecast_explanation", EXPLANATION, Arc::new(explanation));
}

async fn explained_rows(pipeline: &Pipeline, arguments: &Arguments, now: Timestamp) -> Result<RecordBatch, QueryError> {
    let read = Named::read("forecast_explanation", EXPLANATION, &["asset", "quantity", "at"], arguments)?;
    let refuse = |error: PipelineError| read.refuse(&error.to_string());
    let at = read.time("at")?;
    let targets = targets(pipeline, &read)?;
    if targets.len() > MOST_ASSETS {
        return Err(read.refuse(&format!("{} assets are more than the {MOST_ASSETS} of one call; ask for fewer", targets.len())));
    }
    let mut all = Vec::with_capacity(targets.len());
    for (asset, quantity) in targets {
        let at = match at {
            Some(at) => at,
            None => pipeline.end_of_data(&asset).await.map_err(refuse)?.unwrap_or(now),
        };
        let issue = Issue { asset, quantity, at, horizon: SignedDuration::ZERO, quantiles: Vec::new() };
        all.push(pipeline.explain_issue(issue).await.map_err(refuse)?);
    }
    batch(&all).map_err(|error| read.refuse(&error.to_string()))
}

/// One row per step; `usual + recent + weather + calendar = value`.
fn batch(all: &[Explanation]) -> Result<RecordBatch, arrow::error::ArrowError> {
    let steps = || all.iter().flat_map(|one| one.steps.iter().map(move |step| (one, step)));
    let text = |of: &dyn Fn(&Explanation) -> String| {
        Arc::new(StringArray::from(steps().map(|(one, _)| of(one)).collect::<Vec<_>>())) as Arc<dyn Array>
    };
    let time = |of: &dyn Fn(&Explanation, &ExplainedStep) -> Timestamp| {
        let values = steps().map(|(one, step)| micros(of(one, step)));
        Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC")) as Arc<dyn Array>
    };
    let number = |of: &dyn Fn(&ExplainedStep) -> f64| {
        Arc::new(Float64Array::from_iter_values(steps().map(|(_, step)| of(step)))) as Arc<dyn Array>
    };
    let mut columns = vec![
        ("asset_id", text(&|one| one.asset_id.to_string())),
        ("quantity", text(&|one| one.quantity.name().to_owned())),
        ("issue_time", time(&|one, _| one.issue_time)),
        ("valid_time", time(&|_, step| step.valid_time)),
        ("value", number(&|step| step.value)),
    ];
    for group in Group::ALL {
        columns.push((group.name(), number(&|step| step.contributions[group as usize])));
    }
    columns.push(("correction", number(&|step| step.correction)));
    columns.push(("model", text(&|one| one.model.clone())));
    let field = |(name, column): &(&str, Arc<dyn Array>)| Field::new(*name, column.data_type().clone(), false);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, column)| column).collect())
}

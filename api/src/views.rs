//! What the pipeline knows, in the shapes the API shows: health of an asset, verdict on its model, why a
//! forecast says what it says, the time.

use crate::jobs::Clock;
use crate::services::{
    AssetHealth, CurveBin, CurvePoint, ExplainedStep, Explanation, GroupShare, PowerCurve, ServiceError, Services, Signal, Verdict,
    VerdictBucket, VerdictRow,
};
use engine::detect::{DetectError, Health};
use engine::domain::{Asset, AssetId, Forecast, Quantities, Quantity, TimeRange, Timestamp};
use engine::features::Group;
use engine::pipeline::{Pipeline, PipelineError};
use jiff::SignedDuration;
use std::sync::Arc;

/// Closures over a pipeline and a clock.
pub(crate) fn services(pipeline: &Pipeline, clock: &Clock) -> Services {
    let (health, verdict, time, verdict_clock) = (pipeline.clone(), pipeline.clone(), clock.clone(), clock.clone());
    let (health_clock, explaining) = (clock.clone(), pipeline.clone());
    Services {
        health: Arc::new(move |asset, range| {
            let (pipeline, now) = (health.clone(), health_clock.now());
            Box::pin(async move { asset_health(&pipeline, asset, range, now).await })
        }),
        verdict: Arc::new(move |asset, quantity| {
            let pipeline = verdict.clone();
            let now = verdict_clock.now();
            Box::pin(async move { Ok(model_verdict(&pipeline, &asset, &quantity, now).await) })
        }),
        explanation: Arc::new(move |asset, forecast| {
            let pipeline = explaining.clone();
            Box::pin(async move { explanation(&pipeline, &asset, &forecast).await })
        }),
        now: Arc::new(move || time.now()),
        ..Services::default()
    }
}

async fn asset_health(
    pipeline: &Pipeline,
    id: AssetId,
    range: Option<TimeRange>,
    now: Timestamp,
) -> Result<Option<AssetHealth>, ServiceError> {
    let fail = |problem: String| ServiceError { service: "health", asset_id: id.clone(), problem };
    let asset = pipeline.asset(id.as_str()).map_err(|error| fail(error.to_string()))?;
    let range = match range {
        Some(range) => range,
        None => last_month(pipeline, &asset, now).await.map_err(|error| fail(error.to_string()))?,
    };
    match pipeline.health(&asset, range).await {
        Ok((until, health)) => Ok(Some(shown(&asset, until, health, &pipeline.store().quantities()))),
        Err(PipelineError::Detect(DetectError::NotWatched { .. })) => Ok(None),
        Err(error) => Err(fail(error.to_string())),
    }
}

/// The last thirty days of an asset's data.
async fn last_month(pipeline: &Pipeline, asset: &Asset, now: Timestamp) -> Result<TimeRange, PipelineError> {
    let end = pipeline.end_of_data(asset).await?.unwrap_or(now);
    let start = end.saturating_sub(SignedDuration::from_hours(24 * 30)).unwrap_or(Timestamp::MIN);
    Ok(TimeRange::new(start, end)?)
}

fn shown(asset: &Asset, until: Timestamp, health: Health, known: &Quantities) -> AssetHealth {
    let bins = health.bins.iter();
    let bins = bins.map(|b| CurveBin {
        wind_speed: b.wind_speed,
        expected_kw: b.expected_kw,
        spread_kw: b.spread_kw,
        count: b.count as u64,
    });
    let points = health.points.iter();
    let points =
        points.map(|p| CurvePoint { time: p.time, wind_speed: p.wind_speed, active_power: p.active_power, anomalous: p.anomalous });
    let curve = PowerCurve { bins: bins.collect(), points: points.collect() };
    let signals = health.signals.into_iter().map(|signal| Signal {
        unit: unit(known, &signal.quantity),
        quantity: signal.quantity.name().to_owned(),
        component: signal.component,
        times: signal.times,
        observed: some(signal.observed),
        expected: some(signal.expected),
        score: some(signal.score),
        limit: 1.0,
    });
    AssetHealth {
        asset_id: asset.id.to_string(),
        fitted_until: Some(until),
        power_curve: (!curve.bins.is_empty()).then_some(curve),
        signals: signals.collect(),
    }
}

fn unit(known: &Quantities, quantity: &Quantity) -> String {
    known.get(quantity.name()).map(|(_, info)| info.unit.to_string()).unwrap_or_default()
}

fn some(values: Vec<f64>) -> Vec<Option<f64>> {
    values.into_iter().map(|value| value.is_finite().then_some(value)).collect()
}

async fn model_verdict(pipeline: &Pipeline, asset: &AssetId, quantity: &Quantity, _now: Timestamp) -> Option<Verdict> {
    let held = pipeline.verdict(asset, quantity).await?;
    let skill = held.skill();
    let rows = held.table.iter().map(|row| VerdictRow { model: row.model.clone(), score: row.score, coverage_80: row.coverage_80 });
    let buckets = held.buckets.into_iter().map(|bucket| VerdictBucket {
        from: bucket.from,
        to: bucket.to,
        model: bucket.model,
        best_naive: bucket.best_naive,
        score: bucket.score,
        naive_score: bucket.naive_score,
    });
    Some(Verdict {
        table: rows.collect(),
        buckets: buckets.collect(),
        metric: held.metric.to_owned(),
        score: held.score?,
        naive_score: held.naive_score?,
        skill: skill?,
        evaluated_at: held.evaluated_at,
        model: held.model,
        best_naive: held.best_naive,
    })
}

async fn explanation(pipeline: &Pipeline, asset: &Asset, forecast: &Forecast) -> Result<Option<Explanation>, ServiceError> {
    let told = pipeline.explain(asset, forecast).await;
    let fail =
        |problem: PipelineError| ServiceError { service: "explanation", asset_id: asset.id.clone(), problem: problem.to_string() };
    Ok(told.map_err(fail)?.map(|told| {
        let summary = told.summary().into_iter().map(|row| GroupShare {
            group: row.group.name().to_owned(),
            share: row.share,
            mean: row.mean,
        });
        let rows = told.steps.iter().map(|step| ExplainedStep {
            valid_time: step.valid_time,
            value: step.value,
            contributions: step.contributions.to_vec(),
            correction: step.correction,
        });
        Explanation {
            groups: Group::ALL.map(|group| group.name().to_owned()).into(),
            rows: rows.collect(),
            summary: summary.collect(),
            model: told.model,
        }
    }))
}

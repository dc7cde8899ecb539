//! `maintenance_plan(...)`: who goes where and when, as rows.
//!
//! In: the days, and the crews of the configuration. Out: one row per visit, then one per alert that is left out (no crew, no start).

use super::named::Named;
use super::table_batch_of;
use crate::alert::Alert;
use crate::alert::AlertBook;
use crate::domain::DomainError;
use crate::domain::Timestamp;
use crate::domain::micros;
use crate::pipeline::MaintenancePlan;
use crate::pipeline::MaintenanceRequest;
use crate::pipeline::Pipeline;
use crate::pipeline::PipelineError;
use crate::planning::Visit;
use crate::planning::Wind;
use crate::query::Arguments;
use crate::query::QueryError;
use crate::query::Session;
use arrow::array::Array;
use arrow::array::Float64Array;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::datatypes::Field;
use futures::FutureExt;
use std::sync::Arc;

/// How it is called.
const PLAN: &str = "maintenance_plan([days => 7, wind_limit => 12.0, from => '2026-01-01T00:00:00Z'])";

/// Makes `maintenance_plan(...)` known to a session. `usual` says what is not asked for; its `from` does not count, `now` does.
pub fn register_maintenance(
    session: &Session,
    pipeline: &Pipeline,
    book: &AlertBook,
    usual: MaintenanceRequest,
    now: impl Fn() -> Timestamp + Clone + Send + Sync + 'static,
) {
    let (pipeline, book) = (pipeline.clone(), book.clone());
    let rows = move |arguments: Arguments| {
        let (pipeline, book, usual, now) = (pipeline.clone(), book.clone(), usual.clone(), now());
        async move { plan_rows(&pipeline, &book, usual, &arguments, now).await }.boxed()
    };
    session.register_computed("maintenance_plan", PLAN, Arc::new(rows));
}

async fn plan_rows(
    pipeline: &Pipeline,
    book: &AlertBook,
    usual: MaintenanceRequest,
    arguments: &Arguments,
    now: Timestamp,
) -> Result<RecordBatch, QueryError> {
    let read = Named::read("maintenance_plan", PLAN, &["days", "wind_limit", "from"], arguments)?;
    let refuse = |error: PipelineError| read.refuse(&error.to_string());
    let days = match read.number("days")? {
        None => usual.days,
        Some(days) if days >= 1.0 && days.fract() == 0.0 => days as usize,
        Some(days) => return Err(read.refuse(&format!("days is {days}, it must be a whole number from 1 on"))),
    };
    let wind_limit = read.number("wind_limit")?.unwrap_or(usual.wind_limit);
    let from = read.time("from")?.unwrap_or(now);
    let request = MaintenanceRequest { from, days, wind_limit, ..usual }.checked().map_err(refuse)?;
    let plan = pipeline.maintenance(book, &request, now).await.map_err(refuse)?;
    plan_batch(&plan).map_err(|error| read.refuse(&error.to_string()))
}

/// A plan as rows: visits by start, then what is left out.
///
/// # Errors
/// [`DomainError::Column`] when Arrow refuses the columns.
pub fn plan_batch(plan: &MaintenancePlan) -> Result<RecordBatch, DomainError> {
    let visits =
        plan.plan.best.visits.iter().zip(&plan.reasons).map(|(visit, why)| (&plan.alerts[visit.jobs[0]], Some(visit), why));
    let left = plan.left_out.iter().map(|(alert, why)| (alert, None, why));
    let rows: Vec<_> = visits.chain(left).collect();
    let text =
        |of: &dyn Fn(&Alert) -> String| Arc::new(StringArray::from_iter_values(rows.iter().map(|row| of(row.0)))) as Arc<dyn Array>;
    let time = |of: &dyn Fn(&Visit) -> usize| {
        let times: TimestampMicrosecondArray = rows.iter().map(|row| row.1.map(|visit| micros(plan.time(of(visit))))).collect();
        Arc::new(times.with_timezone("UTC")) as Arc<dyn Array>
    };
    let real = |of: &dyn Fn(&Visit) -> Option<f64>| {
        Arc::new(rows.iter().map(|row| row.1.and_then(of)).collect::<Float64Array>()) as Arc<dyn Array>
    };
    let alerts = rows.iter().map(|(alert, visit, _)| match visit {
        Some(visit) => visit.jobs.iter().map(|&job| plan.alerts[job].id.as_str()).collect::<Vec<_>>().join(";"),
        None => alert.id.clone(),
    });
    let crews = rows.iter().map(|row| row.1.map(|visit| plan.crews[visit.crew].as_str()));
    let people = rows.iter().map(|row| row.1.map(|visit| i64::from(visit.people)));
    let most = |visit: &Visit| match visit.wind {
        Wind::Within { most, .. } => Some(most),
        Wind::NotAsked | Wind::Unknown => None,
    };
    let columns: Vec<(&str, Arc<dyn Array>)> = vec![
        ("alert_id", text(&|alert| alert.id.clone())),
        ("asset_id", text(&|alert| alert.asset_id.to_string())),
        ("asset_name", text(&|alert| alert.asset_name.clone())),
        ("component", text(&|alert| alert.component.clone())),
        ("mode", text(&|alert| alert.mode.clone())),
        ("crew", Arc::new(crews.collect::<StringArray>())),
        ("start", time(&|visit| visit.start)),
        ("end", time(&|visit| visit.end)),
        ("people", Arc::new(people.collect::<Int64Array>())),
        ("production_lost_kwh", real(&|visit| Some(visit.cost.production))),
        ("waiting_loss_kwh", real(&|visit| Some(visit.cost.waiting))),
        ("risk_kwh", real(&|visit| Some(visit.cost.risk))),
        ("wind_speed_max", real(&most)),
        ("reason", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.2.en.as_str())))),
        ("alert_ids", Arc::new(StringArray::from_iter_values(alerts))),
    ];
    let told = ["alert_id", "asset_id", "asset_name", "component", "mode", "reason", "alert_ids"];
    let fields = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), !told.contains(name))).collect();
    table_batch_of("maintenance_plan", fields, columns.into_iter().map(|(_, column)| column).collect())
}

//! `GET /api/v1/readings`: rows of one asset as JSON, CSV or Arrow, page by page, as stored or averaged to a step.

use crate::error::Code;
use crate::error::Problem;
use crate::negotiate::{self, Format};
use crate::openapi::ProblemResponse;
use crate::request;
use crate::routes::readings_step::average;
use crate::state::AppState;
use crate::table;
use actix_web::{HttpRequest, HttpResponse, web};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use engine::domain::AVAILABLE_AT;
use engine::domain::Asset;
use engine::domain::Quantity;
use engine::domain::Resolution;
use engine::domain::TIME;
use engine::domain::TimeRange;
use engine::domain::Timestamp;
use engine::domain::from_micros;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// A page of readings, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadingsPage {
    asset_id: String,
    kind: &'static str,
    /// Stored unit per quantity.
    units: BTreeMap<String, &'static str>,
    /// `time` and one number or null per quantity.
    #[schema(value_type = Vec<Object>)]
    rows: Vec<Map<String, Value>>,
    next_cursor: Option<String>,
}

/// Which readings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReadingsQuery {
    /// Whose.
    asset_id: String,
    /// Of what, separated by commas; all columns when absent.
    quantity: Option<String>,
    /// First time, RFC 3339; 24 h before the newest row when absent.
    start: Option<String>,
    /// First time after the range, RFC 3339.
    end: Option<String>,
    /// Averages to this step, ISO 8601, for example PT1H.
    step: Option<String>,
    /// At most this many rows.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Readings of one asset.
#[utoipa::path(get, path = "/api/v1/readings", tag = "readings", params(ReadingsQuery),
    responses((status = 200, content((ReadingsPage = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse), (status = 404, response = ProblemResponse),
        (status = 406, response = ProblemResponse)))]
pub(crate) async fn read(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: ReadingsQuery = request::query(&request)?;
    let format = negotiate::format(&request)?;
    let asset = request::asset(&state, &query.asset_id)?;
    let quantities = request::quantities(&state, query.quantity.as_deref())?;
    let step = query.step.as_deref().map(Resolution::parse).transpose()?;
    let limits = &state.config.limits;
    let limit = request::limit(query.limit, limits.page_rows, limits.max_page_rows)?;
    let range = window(&state, &asset, &query).await?;
    // One row more than asked tells whether there is a next page.
    let rows = if step.is_none() { Some(limit + 1) } else { None };
    let mut batch = match range {
        Some(range) => state.store.readings(&asset, Some(range), quantities.as_deref(), rows).await?,
        None => state.store.readings(&asset, None, quantities.as_deref(), Some(0)).await?,
    };
    if let Ok(place) = batch.schema().index_of(AVAILABLE_AT) {
        batch.remove_column(place);
    }
    if let Some(step) = step {
        batch = average(&batch, step)?;
    }
    let next = next_cursor(&batch, limit);
    let batch = batch.slice(0, batch.num_rows().min(limit));
    if format != Format::Json {
        return negotiate::columnar(format, &batch.schema(), std::slice::from_ref(&batch), next.as_deref());
    }
    negotiate::tagged_json(&request, &page(&state, &asset, &batch, next)?)
}

/// From when to when; `None` for an asset without rows.
async fn window(state: &AppState, asset: &Asset, query: &ReadingsQuery) -> Result<Option<TimeRange>, Problem> {
    let (start, end) = (request::time(query.start.as_deref())?, request::time(query.end.as_deref())?);
    let from = query.cursor.as_deref().map(parse_cursor).transpose()?.or(start);
    let (from, end) = match (from, end) {
        (Some(from), Some(end)) => (from, end),
        (from, end) => {
            let Some(newest) = state.store.newest(asset).await? else { return Ok(None) };
            let after = newest.saturating_add(SignedDuration::from_micros(1)).unwrap_or(newest);
            let end = end.unwrap_or(after);
            let day_before = newest.min(end).saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
            (from.unwrap_or(day_before), end)
        }
    };
    if query.end.is_none() && end <= from {
        return Ok(None); // The caller starts after the newest row: nothing yet, and nothing wrong.
    }
    Ok(Some(TimeRange::new(from, end)?))
}

fn parse_cursor(text: &str) -> Result<Timestamp, Problem> {
    let micros = text.strip_prefix('t').and_then(|digits| digits.parse().ok());
    micros
        .map(from_micros)
        .ok_or_else(|| Problem::new(Code::BadCursor, format!("cursor {text:?} is not one of ours; start without one")))
}

/// The time of the first row after the page.
fn next_cursor(batch: &RecordBatch, limit: usize) -> Option<String> {
    if batch.num_rows() <= limit {
        return None;
    }
    let times = batch.column_by_name(TIME)?.as_primitive_opt::<TimestampMicrosecondType>()?;
    Some(format!("t{}", times.value(limit)))
}

fn page(state: &AppState, asset: &Asset, batch: &RecordBatch, next_cursor: Option<String>) -> Result<ReadingsPage, Problem> {
    let known = state.store.quantities();
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).filter(|name| *name != "asset_id").collect();
    let is_quantity = |name: &&&str| Quantity::parse(name).is_ok();
    let units =
        names.iter().filter(is_quantity).filter_map(|name| Some(((*name).into(), known.get(name).ok()?.1.unit.name()))).collect();
    let mut rows: Vec<Map<String, Value>> = (0..batch.num_rows()).map(|_| Map::with_capacity(names.len())).collect();
    for name in &names {
        let Some(column) = batch.column_by_name(name) else { continue };
        for (row, cell) in rows.iter_mut().zip(table::json_column(column.as_ref())?) {
            row.insert((*name).into(), cell);
        }
    }
    Ok(ReadingsPage { asset_id: asset.id.to_string(), kind: asset.kind.name(), units, rows, next_cursor })
}

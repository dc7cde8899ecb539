//! `GET /api/v1/dead-letters`: what arrived at a door and could not be read, newest first. In SQL it is the table `dead_letters`.

use crate::error::Problem;
use crate::negotiate::{self, Format};
use crate::openapi::ProblemResponse;
use crate::request;
use crate::state::AppState;
use crate::table;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// Columns shown, in their order.
const COLUMNS: [&str; 7] = ["received_at", "door", "line", "reason", "asset_id", "detail", "raw"];

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeadLettersQuery {
    /// At most this many; 100 when absent.
    limit: Option<usize>,
}

/// Rows that could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLettersPage {
    /// `received_at`, `door`, `line`, `reason`, `asset_id`, `detail`, `raw`.
    #[schema(value_type = Vec<Object>)]
    dead_letters: Vec<Map<String, Value>>,
}

/// What could not be read, newest first.
#[utoipa::path(get, path = "/api/v1/dead-letters", tag = "readings", params(DeadLettersQuery),
    responses((status = 200, content((DeadLettersPage = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse), (status = 406, response = ProblemResponse)))]
pub(crate) async fn list_dead_letters(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: DeadLettersQuery = request::query(&request)?;
    let format = negotiate::format(&request)?;
    let limit = request::limit(query.limit, 100, state.config.limits.max_page_rows.min(state.config.limits.sql_rows))?;
    let columns = COLUMNS.join(", ");
    let statement = format!("SELECT {columns} FROM dead_letters ORDER BY received_at DESC, line LIMIT {limit}");
    let result = state.session.sql(&statement).await?;
    if format != Format::Json {
        return negotiate::columnar(format, &result.schema, &result.batches, None);
    }
    let named = |cells: Vec<Value>| COLUMNS.iter().map(|name| (*name).to_owned()).zip(cells).collect();
    let dead_letters = table::json_rows(&result.batches)?.into_iter().map(named).collect();
    Ok(HttpResponse::Ok().json(DeadLettersPage { dead_letters }))
}

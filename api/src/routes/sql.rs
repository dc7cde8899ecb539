//! SQL over everything, read-only.

use crate::error::Code;
use crate::error::Problem;
use crate::negotiate::{self, Format};
use crate::openapi::ProblemResponse;
use crate::request;
use crate::state::AppState;
use crate::table;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Instant;
use utoipa::ToSchema;

/// A statement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlBody {
    sql: String,
}

/// A column of the answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SqlColumn {
    name: String,
    /// Arrow type.
    r#type: String,
}

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SqlResult {
    columns: Vec<SqlColumn>,
    /// One list of cells per row.
    #[schema(value_type = Vec<Vec<Object>>)]
    rows: Vec<Vec<Value>>,
    row_count: usize,
    /// There were more rows or bytes than the limits.
    truncated: bool,
    elapsed_ms: f64,
}

/// Runs one read-only statement.
#[utoipa::path(post, path = "/api/v1/sql", tag = "sql", request_body = SqlBody,
    responses((status = 200, content((SqlResult = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse), (status = 403, response = ProblemResponse),
        (status = 406, response = ProblemResponse), (status = 413, response = ProblemResponse), (status = 422, response = ProblemResponse), (status = 503, response = ProblemResponse)))]
pub(crate) async fn run(state: web::Data<AppState>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let format = negotiate::format(&request)?;
    let sent: SqlBody = request::json(&request, payload, &state).await?;
    if sent.sql.trim().is_empty() {
        return Err(Problem::new(Code::BadSql, "the statement is empty; write for example SHOW TABLES"));
    }
    let started = Instant::now();
    let result = state.session.sql(&sent.sql).await?;
    if format != Format::Json {
        return negotiate::columnar(format, &result.schema, &result.batches, None);
    }
    let column = |field: &std::sync::Arc<arrow::datatypes::Field>| SqlColumn {
        name: field.name().clone(),
        r#type: field.data_type().to_string(),
    };
    Ok(HttpResponse::Ok().json(SqlResult {
        columns: result.schema.fields().iter().map(column).collect(),
        row_count: result.rows(),
        rows: table::json_rows(&result.batches)?,
        truncated: result.truncated,
        elapsed_ms: started.elapsed().as_secs_f64() * 1e3,
    }))
}

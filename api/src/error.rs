//! Every problem the API can answer with, in one table: code, status, title (RFC 9457).
//!
//! In: errors of the rooms. Out: `application/problem+json` whose `detail` is the error's own text. A code is written here once;
//! `docs`, the OpenAPI document and the dashboard follow.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, ResponseError};
use engine::alert::AlertError;
use engine::domain::DomainError;
use engine::pipeline::PipelineError;
use engine::query::QueryError;
use engine::store::StoreError;
use engine::store::ledger::LedgerError;
use serde_json::{Map, Value, json};
use std::fmt;
use std::time::Duration;

macro_rules! problems {
    ($($variant:ident $code:literal $status:literal $title:literal),+ $(,)?) => {
        /// What kind of problem; the words are stable, clients may branch on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $(#[doc = $title] $variant),+ }
        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// `(code, status, title)`.
            pub const fn row(self) -> (&'static str, u16, &'static str) {
                match self { $(Self::$variant => ($code, $status, $title)),+ }
            }
        }
    };
}

problems! {
    BadJson "bad_json" 400 "The body is not the JSON we expect",
    BadRequest "bad_request" 400 "A parameter is missing or wrong",
    BadTime "bad_time" 400 "A time is not RFC 3339, or a range is empty",
    BadCursor "bad_cursor" 400 "The cursor is not one of ours",
    NotFinite "not_finite" 400 "A value is NaN or infinite",
    WrongUnit "wrong_unit" 400 "The unit is unknown or measures something else",
    UnknownQuantity "unknown_quantity" 400 "The quantity is not known",
    BadSql "bad_sql" 400 "The statement cannot be run",
    Unauthorized "unauthorized" 401 "A valid API key is needed",
    ReadOnly "read_only" 403 "SQL here only reads",
    Forbidden "forbidden" 403 "This key may not do that",
    UnknownAsset "unknown_asset" 404 "The asset is not known",
    UnknownAlert "unknown_alert" 404 "The alert is not known",
    UnknownAnnotation "unknown_annotation" 404 "The annotation is not known",
    NoForecast "no_forecast" 404 "There is no such forecast",
    NoExplanation "no_explanation" 404 "The model that made the forecast is not in memory",
    NotWatched "not_watched" 404 "The asset is not watched",
    NotFound "not_found" 404 "There is nothing at this address",
    NotSupported "not_supported" 501 "This is not done here",
    MethodNotAllowed "method_not_allowed" 405 "This address does not take that method",
    NotAcceptable "not_acceptable" 406 "None of the accepted media types can be served",
    RequestTimeout "request_timeout" 408 "The body did not come in time",
    IllegalTransition "illegal_transition" 409 "The alert is not in a state for that",
    KeyInUse "idempotency_key_in_use" 409 "A request with this Idempotency-Key is running",
    TooLarge "too_large" 413 "The body is too large",
    UnsupportedMediaType "unsupported_media_type" 415 "The body's media type is not taken",
    KeyReused "idempotency_key_reused" 422 "This Idempotency-Key was used for another request",
    AllRejected "all_rejected" 422 "Every row was rejected",
    MissingField "missing_field" 422 "A needed field is missing or empty",
    SqlMemory "sql_memory" 422 "The statement needs too much memory",
    SqlTimeout "sql_timeout" 422 "The statement runs too long",
    Overloaded "overloaded" 429 "More comes in than can be taken; try again soon",
    Internal "internal" 500 "Something failed here",
    SqlBusy "sql_busy" 503 "Too many statements run already",
    Unavailable "unavailable" 503 "The store cannot do that now",
}

/// One problem, ready to be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    code: Code,
    detail: String,
    more: Map<String, Value>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem with its story.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), more: Map::new(), retry_after: None }
    }

    /// Adds a member of its own, for example `line`.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.into(), value.into());
        self
    }

    /// Says when the same request may be sent again; at least a second.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self.with("retry_after_seconds", whole_seconds(wait))
    }

    /// Value of the header `Retry-After`, where there is one.
    pub fn retry_seconds(&self) -> Option<u64> {
        self.retry_after.map(whole_seconds)
    }

    /// Its kind.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Its story.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The body.
    pub fn body(&self) -> Value {
        let (code, status, title) = self.code.row();
        let mut body = json!({ "type": format!("urn:chergui:problem:{code}"), "title": title, "status": status, "detail": self.detail, "code": code });
        if let Value::Object(map) = &mut body {
            map.extend(self.more.clone());
        }
        body
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs_f64().ceil().max(1.0) as u64
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.row().0, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.row().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        if self.status_code().is_server_error() {
            tracing::error!(code = self.code.row().0, detail = self.detail, "request failed");
        }
        let mut response = HttpResponse::build(self.status_code());
        if self.code == Code::Unauthorized {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(seconds) = self.retry_seconds() {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        response.content_type("application/problem+json").body(self.body().to_string())
    }
}

impl From<DomainError> for Problem {
    fn from(error: DomainError) -> Self {
        let code = match &error {
            DomainError::Quantity { .. } => Code::UnknownQuantity,
            DomainError::Unit { .. } | DomainError::UnitMismatch { .. } | DomainError::QuantityUnit { .. } => Code::WrongUnit,
            DomainError::Time { .. } | DomainError::EmptyRange { .. } | DomainError::Duration { .. } => Code::BadTime,
            DomainError::NotFinite { .. } => Code::NotFinite,
            _ => Code::BadRequest,
        };
        Self::new(code, error.to_string())
    }
}

impl From<AlertError> for Problem {
    fn from(error: AlertError) -> Self {
        let code = match &error {
            AlertError::NotFound { .. } => Code::UnknownAlert,
            AlertError::Illegal { .. } => Code::IllegalTransition,
            AlertError::Missing { .. } => Code::MissingField,
            AlertError::ShelveInPast { .. } => Code::BadTime,
            AlertError::Cursor { .. } => Code::BadCursor,
            AlertError::NotFinite { .. } => Code::NotFinite,
            AlertError::Ledger(_) => Code::Unavailable,
            AlertError::Table { .. } | AlertError::Json { .. } | AlertError::Playbook { .. } => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        Self::new(Code::Unavailable, error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Domain(error) => error.into(),
            error @ StoreError::Busy { retry_after, .. } => {
                Self::new(Code::Unavailable, error.to_string()).retry_after(retry_after)
            }
            error => Self::new(Code::Unavailable, error.to_string()),
        }
    }
}

impl From<PipelineError> for Problem {
    fn from(error: PipelineError) -> Self {
        let code = match error {
            PipelineError::Store(error) => return error.into(),
            PipelineError::Domain(error) => return error.into(),
            PipelineError::UnknownAsset { .. } => Code::UnknownAsset,
            PipelineError::NoForecast { .. } | PipelineError::NoHistory { .. } => Code::NoForecast,
            PipelineError::Product(_) | PipelineError::PlanRequest { .. } => Code::BadRequest,
            _ => Code::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let code = match &error {
            QueryError::ReadOnly { .. } => Code::ReadOnly,
            QueryError::Memory { .. } | QueryError::ProcessMemory { .. } => Code::SqlMemory,
            QueryError::Busy { retry_after, .. } => {
                return Self::new(Code::SqlBusy, error.to_string()).retry_after(*retry_after);
            }
            QueryError::Timeout { .. } => Code::SqlTimeout,
            QueryError::Internal { .. } | QueryError::Arrow(_) => Code::Internal,
            QueryError::Store(_) | QueryError::Computed { .. } | QueryError::Threads { .. } => Code::Unavailable,
            _ => Code::BadSql,
        };
        Self::new(code, error.to_string())
    }
}

impl From<arrow::error::ArrowError> for Problem {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::new(Code::Internal, format!("cannot lay out the answer: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Problem};
    use std::collections::BTreeSet;

    #[test]
    fn the_table_has_each_code_once_and_real_statuses() {
        let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.row().0).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.row().1)));
        let body = Problem::new(Code::BadJson, "here").with("line", 3).body();
        assert_eq!((body["status"].as_u64(), body["line"].as_u64()), (Some(400), Some(3)));
    }
}

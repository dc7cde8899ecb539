//! Annotations: outages, curtailments, maintenance, holidays and events, as people note them. In SQL it is the table `annotations`.
//!
//! In: what somebody knows about an asset. Out: a row with the time and the name of who said it. Nothing is changed or erased: a
//! correction and a withdrawal are rows of their own, and count from when they were made. What follows is in `docs/annotations.md`.

use crate::auth::Caller;
use crate::error::Code;
use crate::error::Problem;
use crate::negotiate::tagged_json;
use crate::openapi::ProblemResponse;
use crate::request;
use crate::state::AppState;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::domain::Annotation;
use engine::domain::AnnotationKind;
use engine::domain::AssetId;
use engine::domain::Table;
use engine::domain::TimeRange;
use engine::domain::Timestamp;
use engine::domain::from_micros;
use engine::domain::micros;
use engine::domain::nearest;
use engine::domain::parse_time;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Longest text of an annotation, bytes.
const LONGEST_TEXT: usize = 2000;

/// An annotation as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnnotationBody {
    /// Made of asset, kind and start; the same after a correction.
    id: String,
    /// Null for the whole site.
    asset_id: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    start: Timestamp,
    /// First instant it no longer holds; null: until withdrawn.
    #[schema(value_type = Option<String>, format = DateTime)]
    end: Option<Timestamp>,
    /// `planned_outage`, `curtailment`, `maintenance`, `holiday` or `event`.
    kind: &'static str,
    /// Power that is left meanwhile, kW; null in a planned outage means none, elsewhere that nobody said.
    capacity_kw: Option<f64>,
    text: String,
    /// From when on forecasts know it.
    #[schema(value_type = String, format = DateTime)]
    available_at: Timestamp,
    /// Name of the key it came in with.
    by: Option<String>,
}

impl From<&Annotation> for AnnotationBody {
    fn from(annotation: &Annotation) -> Self {
        Self {
            id: annotation.id(),
            asset_id: annotation.asset.as_ref().map(|id| id.as_str().to_owned()),
            start: annotation.start,
            end: annotation.end,
            kind: annotation.kind.name(),
            capacity_kw: annotation.capacity_kw,
            text: annotation.text.clone(),
            available_at: annotation.available_at,
            by: annotation.author.clone(),
        }
    }
}

/// Annotations, by asset, kind and start.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnnotationList {
    annotations: Vec<AnnotationBody>,
}

/// What somebody knows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAnnotation {
    /// Whom it is about; a holiday holds for all assets below it too.
    asset_id: String,
    /// First instant, RFC 3339.
    start: String,
    /// First instant it no longer holds, RFC 3339.
    end: String,
    /// `planned_outage`, `curtailment`, `maintenance`, `holiday` or `event`.
    kind: String,
    /// Power that is left meanwhile, kW: 0 or more, below the rated power. Only for outages, curtailments and maintenance.
    capacity_kw: Option<f64>,
    /// In your words. For a holiday `ramadan`, `eid_al_fitr` and `eid_al_adha` say what begins on its first day, `working_day` that it
    /// is none.
    #[serde(default)]
    text: String,
}

/// Which annotations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AnnotationsQuery {
    /// Of this asset (and of the whole site); all when absent.
    asset_id: Option<String>,
    /// That hold at or after this time, RFC 3339.
    start: Option<String>,
    /// That hold before this time, RFC 3339.
    end: Option<String>,
    /// As they stood at this time, RFC 3339; now when absent.
    as_of: Option<String>,
}

/// Annotations as they stand, or as they stood.
#[utoipa::path(get, path = "/api/v1/annotations", tag = "annotations", params(AnnotationsQuery),
    responses((status = 200, body = AnnotationList), (status = 304, description = "Nothing has changed"), (status = 400, response = ProblemResponse),
        (status = 401, response = ProblemResponse), (status = 404, response = ProblemResponse)))]
pub(crate) async fn list_annotations(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query: AnnotationsQuery = request::query(&request)?;
    let asset = query.asset_id.as_deref().map(|id| request::asset(&state, id)).transpose()?.map(|asset| asset.id);
    let range = request::range(query.start.as_deref(), query.end.as_deref())?;
    let as_of = request::time(query.as_of.as_deref())?.unwrap_or_else(|| state.now());
    let revisions = state.store.annotations(asset.as_ref().map(std::slice::from_ref), None).await?;
    // A revision may have moved an annotation out of the range, so the range is asked of what stands.
    let within = |annotation: &&Annotation| range.is_none_or(|range| meets(annotation, range));
    let annotations = Annotation::known_at(&revisions, as_of).into_iter().filter(within).map(AnnotationBody::from).collect();
    tagged_json(&request, &AnnotationList { annotations })
}

fn meets(annotation: &Annotation, range: TimeRange) -> bool {
    annotation.start < range.end() && annotation.end.is_none_or(|end| end > range.start())
}

/// Notes something about an asset. The same asset, kind and start again correct what was noted; the same in every word changes nothing
/// and answers 200. Forecasts issued from now on know it.
#[utoipa::path(post, path = "/api/v1/annotations", tag = "annotations", request_body = NewAnnotation,
    responses((status = 201, body = AnnotationBody), (status = 200, body = AnnotationBody, description = "It stood already"),
        (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse), (status = 403, response = ProblemResponse),
        (status = 404, response = ProblemResponse), (status = 415, response = ProblemResponse)))]
pub(crate) async fn annotate(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let sent: NewAnnotation = request::json(&request, payload, &state).await?;
    let asset = request::asset(&state, &sent.asset_id)?;
    let text = sent.text.trim().to_owned();
    if text.len() > LONGEST_TEXT {
        return Err(Problem::new(Code::BadRequest, format!("text has {} bytes; {LONGEST_TEXT} are the most", text.len())));
    }
    let annotation = Annotation {
        asset: Some(asset.id.clone()),
        kind: parse_kind(&sent.kind)?,
        start: stored(parse_time(&sent.start)?),
        end: Some(stored(parse_time(&sent.end)?)),
        capacity_kw: sent.capacity_kw,
        text,
        available_at: stored(state.now()),
        withdrawn: false,
        author: Some(caller.name),
    };
    let annotation = annotation.checked(&asset)?;
    let revisions = state.store.annotations(Some(std::slice::from_ref(&asset.id)), None).await?;
    let id = annotation.id();
    let held = Annotation::known_at(&revisions, annotation.available_at).into_iter().find(|held| held.id() == id);
    let said = |of: &Annotation| (of.end, of.capacity_kw, of.text.clone());
    if let Some(held) = held.filter(|held| said(held) == said(&annotation)) {
        return Ok(HttpResponse::Ok().json(AnnotationBody::from(held)));
    }
    keep(&state, &annotation).await?;
    Ok(HttpResponse::Created().json(AnnotationBody::from(&annotation)))
}

/// Takes an annotation back. Its rows stay, and so does what was known until now; forecasts issued from now on know it no more.
#[utoipa::path(delete, path = "/api/v1/annotations/{id}", tag = "annotations", params(("id" = String, Path)),
    responses((status = 204, description = "Withdrawn"), (status = 401, response = ProblemResponse), (status = 403, response = ProblemResponse),
        (status = 404, response = ProblemResponse)))]
pub(crate) async fn withdraw_annotation(
    state: web::Data<AppState>,
    id: web::Path<String>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let revisions = state.store.annotations(None, None).await?;
    let now = stored(state.now());
    let standing = Annotation::known_at(&revisions, now).into_iter().find(|annotation| annotation.id() == *id);
    let unknown = || {
        Problem::new(
            Code::UnknownAnnotation,
            format!("annotation {:?} is not there or was withdrawn; GET /api/v1/annotations lists them", *id),
        )
    };
    let standing = standing.ok_or_else(unknown)?;
    let withdrawal = Annotation { withdrawn: true, available_at: now, author: Some(caller.name), ..standing.clone() };
    keep(&state, &withdrawal).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn keep(state: &AppState, revision: &Annotation) -> Result<(), Problem> {
    state.store.append_table(Table::Annotations, Annotation::to_batch(std::slice::from_ref(revision))?).await?;
    let asset = revision.asset.as_ref().map_or("", AssetId::as_str);
    let (kind, start, by) = (revision.kind.name(), revision.start, revision.author.as_deref().unwrap_or_default());
    tracing::info!(asset, kind, %start, by, withdrawn = revision.withdrawn, "annotation");
    Ok(())
}

/// A time as the table keeps it, so that what was sent again compares equal.
fn stored(time: Timestamp) -> Timestamp {
    from_micros(micros(time))
}

fn parse_kind(word: &str) -> Result<AnnotationKind, Problem> {
    AnnotationKind::parse(word).map_err(|error| {
        let near =
            nearest(word, AnnotationKind::ALL.map(AnnotationKind::name)).map(|n| format!("; nearest is {n:?}")).unwrap_or_default();
        Problem::new(Code::BadRequest, format!("{error}{near}"))
    })
}

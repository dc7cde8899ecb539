//! Who goes where and when: the maintenance plan for the living alerts, as JSON or as a calendar.

use crate::calendar::{self, CALENDAR, Language};
use crate::config::{CrewConfig, crew_hours};
use crate::error::Code;
use crate::error::Problem;
use crate::negotiate::{self, Format};
use crate::openapi::ProblemResponse;
use crate::request;
use crate::routes::alert_body::Texts;
use crate::state::AppState;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::alert::InThreeLanguages;
use engine::domain::Timestamp;
use engine::domain::parse_time;
use engine::pipeline::{MaintenancePlan, MaintenanceRequest};
use engine::planning::{Schedule, Visit, Wind};
use serde::{Deserialize, Serialize};
use std::time::Instant;
use utoipa::ToSchema;

/// What to plan. All of it may be left out; `[maintenance]` of the configuration stands in.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanBody {
    /// First instant, RFC 3339; now when absent. The plan begins with the next full hour.
    from: Option<String>,
    /// Days it covers, 1 to 14.
    days: Option<usize>,
    /// Who can be sent.
    crews: Option<Vec<CrewConfig>>,
    /// Nobody climbs in more wind than this, m/s.
    wind_limit: Option<f64>,
    /// What a MWh is worth.
    price_per_mwh: Option<f64>,
}

/// One visit of a crew to a machine.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VisitBody {
    /// The most urgent alert it settles.
    alert_id: String,
    /// All alerts it settles.
    alert_ids: Vec<String>,
    asset_id: String,
    asset_name: String,
    component: String,
    mode: String,
    crew: String,
    #[schema(value_type = String, format = DateTime)]
    start: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    end: Timestamp,
    people: u32,
    /// Expected production lost because the machine stands for the work.
    production_lost_kwh: f64,
    /// Expected production lost from the start of the plan until it is mended.
    waiting_loss_kwh: f64,
    /// Failures while waiting, by probability, and a tenth of what the 0.9 quantile of production would cost on top.
    risk_kwh: f64,
    /// Largest wind speed expected during the work, m/s; null where nobody climbs or nobody knows.
    wind_speed_max: Option<f64>,
    reason: Texts,
}

/// An alert that is in no visit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeftOutBody {
    alert_id: String,
    asset_id: String,
    reason: Texts,
}

/// The plan against "as soon as possible"; both are priced by the same function.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CostBody {
    /// Energy and risk of the plan: production lost for the work, production lost while waiting, and `risk_plan`.
    plan_kwh: f64,
    /// The same when each alert is taken at the first possible hour, most urgent first.
    as_soon_as_possible_kwh: f64,
    /// The difference; never below zero.
    saving_kwh: f64,
    /// Of `plan_kwh`, what is risk.
    risk_plan: f64,
    /// Of `as_soon_as_possible_kwh`, what is risk.
    risk_as_soon_as_possible: f64,
    currency: String,
    /// `saving_kwh` in money; null without a price.
    saving: Option<f64>,
}

/// How good the plan is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SolverBody {
    /// `optimal`, or `feasible` when the search ended before it was proven.
    status: &'static str,
    /// At most this part of `plan_kwh` could be saved by a better plan.
    gap: f64,
    seconds: f64,
}

/// A maintenance plan.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanAnswer {
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// By start.
    visits: Vec<VisitBody>,
    left_out: Vec<LeftOutBody>,
    cost: CostBody,
    solver: SolverBody,
    /// The schedule it is compared with.
    as_soon_as_possible: Vec<VisitBody>,
}

/// Plans visits for the living alerts so that expected lost energy and risk are least. `Accept: text/calendar` gives the visits as a
/// calendar, in the language of `Accept-Language` (English, French, Arabic). Nothing is stored.
#[utoipa::path(post, path = "/api/v1/maintenance/plan", tag = "alerts", request_body = PlanBody,
    responses((status = 200, content((PlanAnswer = "application/json"), (String = "text/calendar"))),
        (status = 400, response = ProblemResponse), (status = 401, response = ProblemResponse), (status = 406, response = ProblemResponse),
        (status = 415, response = ProblemResponse), (status = 503, response = ProblemResponse)))]
pub(crate) async fn plan(state: web::Data<AppState>, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let as_calendar = accept.split(',').any(|part| part.trim().starts_with(CALENDAR));
    if !as_calendar && !matches!(negotiate::format(&request), Ok(Format::Json)) {
        return Err(Problem::new(Code::NotAcceptable, format!("cannot serve {accept:?}; accept application/json or {CALENDAR}")));
    }
    let now = state.now();
    let sent: PlanBody = request::json(&request, payload, &state).await?;
    let price = sent.price_per_mwh.or(state.config.maintenance.price_per_mwh);
    if let Some(price) = price.filter(|price| !(price.is_finite() && *price >= 0.0)) {
        let currency = &state.config.maintenance.currency;
        return Err(Problem::new(
            Code::BadRequest,
            format!("price_per_mwh is {price}, it must be 0 or more, in {currency} per MWh"),
        ));
    }
    let wanted = wanted(&state, &sent, now)?;
    let started = Instant::now();
    let plan = state.pipeline.maintenance(&state.alerts, &wanted, now).await?;
    let seconds = started.elapsed().as_secs_f64();
    if as_calendar {
        let language = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let text = calendar::calendar(&plan, Language::accepted(language.unwrap_or_default()), now);
        let name = format!("attachment; filename=\"maintenance-{}.ics\"", plan.from.strftime("%Y-%m-%d"));
        let mut answer = HttpResponse::Ok();
        answer.insert_header((header::CONTENT_DISPOSITION, name)).insert_header((header::VARY, "accept, accept-language"));
        return Ok(answer.content_type(format!("{CALENDAR}; charset=utf-8")).body(text));
    }
    let answer = PlanAnswer {
        from: plan.from,
        to: plan.to,
        visits: visits(&plan, &plan.plan.best, &plan.reasons),
        left_out: left_out(&plan),
        cost: cost(&plan, price, &state.config.maintenance.currency),
        solver: SolverBody {
            status: if plan.plan.solver.optimal { "optimal" } else { "feasible" },
            gap: plan.plan.solver.gap,
            seconds,
        },
        as_soon_as_possible: visits(&plan, &plan.plan.as_soon_as_possible, &plan.reasons_soon),
    };
    Ok(HttpResponse::Ok().insert_header((header::VARY, "accept")).json(answer))
}

fn wanted(state: &AppState, sent: &PlanBody, now: Timestamp) -> Result<MaintenanceRequest, Problem> {
    let usual = state.config.maintenance_request(now).map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let from = sent.from.as_deref().map(parse_time).transpose()?.unwrap_or(now);
    let crews = sent.crews.as_deref().map(crew_hours).transpose()?.unwrap_or(usual.crews);
    let days = sent.days.unwrap_or(usual.days);
    let wind_limit = sent.wind_limit.unwrap_or(usual.wind_limit);
    Ok(MaintenanceRequest { from, days, crews, wind_limit, effort: usual.effort }.checked()?)
}

fn visits(plan: &MaintenancePlan, schedule: &Schedule, reasons: &[InThreeLanguages]) -> Vec<VisitBody> {
    let one = |(visit, why): (&Visit, &InThreeLanguages)| {
        let alert = &plan.alerts[visit.jobs[0]];
        VisitBody {
            alert_id: alert.id.clone(),
            alert_ids: visit.jobs.iter().map(|&job| plan.alerts[job].id.clone()).collect(),
            asset_id: alert.asset_id.to_string(),
            asset_name: alert.asset_name.clone(),
            component: alert.component.clone(),
            mode: alert.mode.clone(),
            crew: plan.crews[visit.crew].clone(),
            start: plan.time(visit.start),
            end: plan.time(visit.end),
            people: visit.people,
            production_lost_kwh: visit.cost.production,
            waiting_loss_kwh: visit.cost.waiting,
            risk_kwh: visit.cost.risk,
            wind_speed_max: match visit.wind {
                Wind::Within { most, .. } => Some(most),
                Wind::NotAsked | Wind::Unknown => None,
            },
            reason: why.clone().into(),
        }
    };
    schedule.visits.iter().zip(reasons).map(one).collect()
}

fn left_out(plan: &MaintenancePlan) -> Vec<LeftOutBody> {
    let one = |(alert, why): &(engine::alert::Alert, InThreeLanguages)| LeftOutBody {
        alert_id: alert.id.clone(),
        asset_id: alert.asset_id.to_string(),
        reason: why.clone().into(),
    };
    plan.left_out.iter().map(one).collect()
}

fn cost(plan: &MaintenancePlan, price: Option<f64>, currency: &str) -> CostBody {
    let (best, soon) = (plan.plan.best.cost, plan.plan.as_soon_as_possible.cost);
    let saving_kwh = (soon.total() - best.total()).max(0.0);
    CostBody {
        plan_kwh: best.total(),
        as_soon_as_possible_kwh: soon.total(),
        saving_kwh,
        risk_plan: best.risk,
        risk_as_soon_as_possible: soon.risk,
        currency: currency.to_owned(),
        saving: price.map(|price| saving_kwh / 1000.0 * price),
    }
}

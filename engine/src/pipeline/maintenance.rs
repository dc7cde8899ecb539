//! The maintenance plan: living alerts, what their machines are expected to produce, the wind, the crews; out comes who goes where
//! and when, what that saves against "as soon as possible", and why, in three languages.
//!
//! In: alerts and a [`MaintenanceRequest`]. Out: a [`MaintenancePlan`]. Here the store is asked; the arithmetic on what it says is in
//! [`expectation`], the optimisation in `planning`. Not here: HTTP, calendars, and the crews' configuration (`api`).

mod expectation;
mod jobs;
mod reasons;

use super::Pipeline;
use super::PipelineError;
use super::forecasting::blocking;
use crate::alert::Alert;
use crate::alert::AlertBook;
use crate::alert::AlertFilter;
use crate::alert::InThreeLanguages;
use crate::alert::State;
use crate::domain::Annotation;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Quantity;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::micros;
use crate::planning::Crew;
use crate::planning::Effort;
use crate::planning::Expected;
use crate::planning::LeftOut;
use crate::planning::Plan;
use crate::planning::Problem;
use crate::planning::Visit;
use crate::planning::WorkingHours;
use crate::planning::plan;
use crate::planning::shifts;
use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use arrow::datatypes::TimestampMicrosecondType;
use expectation::Series;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use tokio::sync::Semaphore;

/// What an hour usually gives is read from this much telemetry.
const USUAL: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Alerts of one plan; where more are open, the least urgent are left out of it and told so.
pub const MOST_ALERTS: usize = 300;

/// One plan is computed at a time: each takes a core for seconds.
static TURN: Semaphore = Semaphore::const_new(1);

/// Longest plan, days: no forecast of wind reaches further.
const MOST_DAYS: usize = 14;

/// Most crews of one plan.
const MOST_CREWS: usize = 20;

/// People who work together, by their own clock.
#[derive(Debug, Clone, PartialEq)]
pub struct CrewHours {
    /// For people.
    pub name: String,
    /// How many they are.
    pub people: u32,
    /// When they work.
    pub hours: WorkingHours,
}

/// What is asked of the planner.
#[derive(Debug, Clone, PartialEq)]
pub struct MaintenanceRequest {
    /// First instant of the plan; moved on to the next full hour.
    pub from: Timestamp,
    /// Days it covers.
    pub days: usize,
    /// Who can be sent.
    pub crews: Vec<CrewHours>,
    /// Nobody climbs in more wind than this, m/s.
    pub wind_limit: f64,
    /// How long the solver may look.
    pub effort: Effort,
}

impl MaintenanceRequest {
    /// Refuses what no plan can be made of.
    ///
    /// # Errors
    /// [`PipelineError::PlanRequest`] with the field and what may stand there.
    pub fn checked(self) -> Result<Self, PipelineError> {
        let wrong = |field, given: String, expected| Err(PipelineError::PlanRequest { field, given, expected });
        match &self {
            Self { days, .. } if !(1..=MOST_DAYS).contains(days) => wrong("days", days.to_string(), "1 to 14"),
            Self { wind_limit, .. } if !(*wind_limit > 0.0 && *wind_limit <= 50.0) => {
                wrong("wind_limit", wind_limit.to_string(), "above 0 and at most 50, in m/s")
            }
            Self { crews, .. } if !(1..=MOST_CREWS).contains(&crews.len()) => wrong(
                "crews",
                format!("a list of {}", crews.len()),
                "a list of 1 to 20 crews; leave it out for those of the configuration",
            ),
            _ => Ok(self),
        }
    }
}

/// A plan with the alerts it is about and the reasons for people.
#[derive(Debug, Clone, PartialEq)]
pub struct MaintenancePlan {
    /// First instant of slot 0; slots are hours.
    pub from: Timestamp,
    /// First instant beyond.
    pub to: Timestamp,
    /// Alerts, one per job, most urgent first.
    pub alerts: Vec<Alert>,
    /// Who can be sent.
    pub crews: Vec<String>,
    /// Visits, what is left out, and the schedule it is compared with.
    pub plan: Plan,
    /// Why each visit of the plan is when it is.
    pub reasons: Vec<InThreeLanguages>,
    /// Why each visit of the compared schedule is when it is.
    pub reasons_soon: Vec<InThreeLanguages>,
    /// Alerts that are in no visit, and why: those that found no place, then those no place was sought for.
    pub left_out: Vec<(Alert, InThreeLanguages)>,
}

impl MaintenancePlan {
    /// First instant of a slot.
    pub fn time(&self, slot: usize) -> Timestamp {
        hours_after(self.from, slot)
    }
}

fn hours_after(from: Timestamp, slot: usize) -> Timestamp {
    from.saturating_add(SignedDuration::from_hours(i64::try_from(slot).unwrap_or(i64::MAX / 3600))).unwrap_or(Timestamp::MAX)
}

impl Pipeline {
    /// A plan for the living alerts of a book.
    ///
    /// # Errors
    /// [`PipelineError::Alert`], [`PipelineError::Store`].
    pub async fn maintenance(
        &self,
        book: &AlertBook,
        request: &MaintenanceRequest,
        now: Timestamp,
    ) -> Result<MaintenancePlan, PipelineError> {
        let hour = 3_600_000_000_i64;
        let from = crate::domain::from_micros(-(-micros(request.from)).div_euclid(hour) * hour);
        let slots = request.days * 24;
        let assets = self.store.assets();
        let find = |id: &AssetId| assets.iter().find(|asset| asset.id == *id);
        let playbook = &book.rules().playbook;
        let (planned, mut others) = jobs::sorted_out(living(book).await?, playbook);
        let (mut alerts, mut jobs) = (Vec::new(), Vec::new());
        let mut expected: BTreeMap<AssetId, (Expected, expectation::Known)> = BTreeMap::new();
        for alert in planned {
            let Some(asset) = find(&alert.asset_id) else {
                others.push((alert, reasons::unknown_asset()));
                continue;
            };
            let plant = asset.parent_id.as_ref().and_then(find);
            if !expected.contains_key(&asset.id) {
                let found = self.expected(asset, plant, &assets, from, slots, now).await?;
                expected.insert(asset.id.clone(), found);
            }
            let (of, known) = &expected[&asset.id];
            let work = playbook.work(&alert.component, &alert.mode);
            jobs.push(jobs::job(&alert, asset, work, of, &known.past, (from, now)));
            alerts.push(alert);
        }
        let crew =
            |crew: &CrewHours| Crew { name: crew.name.clone(), people: crew.people, shifts: shifts(&crew.hours, from, slots) };
        let problem = Problem {
            slots,
            jobs,
            expected: expected.iter().map(|(id, (expected, _))| (id.clone(), expected.clone())).collect(),
            crews: request.crews.iter().map(crew).collect(),
            wind_limit: request.wind_limit,
        };
        let effort = request.effort;
        // The semaphore is never closed; a plan that waits longer than its caller is dropped with it.
        let _turn = TURN.acquire().await;
        let (plan, problem) = blocking("the maintenance plan", move || Ok((plan(&problem, effort), problem))).await?;
        let known = |job: usize| &expected[&problem.jobs[job].asset_id].1;
        let zone = |visit: &Visit| &request.crews[visit.crew].hours.zone;
        let why = |visit: &Visit| reasons::visit(visit, &problem, known(visit.jobs[0]), from, zone(visit));
        let told = |left: &LeftOut| (alerts[left.job].clone(), reasons::left_out(left, request.wind_limit));
        let left_out = plan.best.left_out.iter().map(told).chain(others).collect();
        Ok(MaintenancePlan {
            from,
            to: hours_after(from, slots),
            crews: request.crews.iter().map(|crew| crew.name.clone()).collect(),
            reasons: plan.best.visits.iter().map(why).collect(),
            reasons_soon: plan.as_soon_as_possible.visits.iter().map(why).collect(),
            left_out,
            alerts,
            plan,
        })
    }

    /// What is expected of an asset: the newest forecast of it, else its part of its plant's; beyond them what the hour usually gives.
    async fn expected(
        &self,
        asset: &Asset,
        plant: Option<&Asset>,
        assets: &[Asset],
        from: Timestamp,
        slots: usize,
        now: Timestamp,
    ) -> Result<(Expected, expectation::Known), PipelineError> {
        let producers = [Some(asset).filter(|asset| asset.kind.is_producer()), plant.filter(|plant| plant.kind.is_producer())];
        let begin = now.min(from).saturating_sub(USUAL).unwrap_or(Timestamp::MIN);
        let past = TimeRange::new(begin, now.min(from))?;
        let (mut forecast, mut usual) = (None, Series::default());
        for one in producers.into_iter().flatten() {
            // A transformer carries its whole plant; a machine gives its part of it.
            let part = if one.id == asset.id || !asset.kind.is_producer() { 1.0 } else { expectation::part(asset, one, assets) };
            if forecast.is_none() {
                forecast = self.store.forecast(&one.id, &Quantity::ACTIVE_POWER, Some(now)).await?.map(|found| (found, part));
            }
            if usual.is_empty() {
                usual = self.past(one, &Quantity::ACTIVE_POWER, past).await?.times(part);
            }
        }
        let mut known = expectation::Known { past: usual.clone(), ..expectation::Known::default() };
        let mut expected =
            expectation::production(forecast.as_ref().map(|(forecast, part)| (forecast, *part)), &usual, from, slots);
        known.produces = !usual.is_empty() || forecast.is_some();
        if asset.kind == AssetKind::WindTurbine {
            let mut weather = self.store.weather(&asset.id).await?;
            if let Some(plant) = plant.filter(|_| weather.rows.is_empty()) {
                weather = self.store.weather(&plant.id).await?;
            }
            let measured = self.past(asset, &Quantity::WIND_SPEED, past).await?;
            (expected.wind, known.wind_pairs) = expectation::wind(&weather, &measured, from, slots, now);
        }
        let ids: Vec<AssetId> = [Some(asset), plant].into_iter().flatten().map(|asset| asset.id.clone()).collect();
        let range = TimeRange::new(from, hours_after(from, slots))?;
        let revisions = self.store.annotations(Some(&ids), Some(range)).await?;
        for annotation in Annotation::known_at(&revisions, now) {
            let of_machine = annotation.asset.as_ref() == Some(&asset.id);
            let part = match plant {
                Some(plant) if !of_machine && asset.kind.is_producer() => expectation::part(asset, plant, assets),
                _ => 1.0,
            };
            expectation::hold_down(&mut expected, annotation, part, from);
        }
        Ok((expected, known))
    }

    async fn past(&self, asset: &Asset, quantity: &Quantity, range: TimeRange) -> Result<Series, PipelineError> {
        let rows = self.store.readings(asset, Some(range), Some(std::slice::from_ref(quantity)), None).await?;
        let Some(values) = rows.column_by_name(quantity.name()) else { return Ok(Series::default()) };
        let (times, values) = (rows["time"].as_primitive::<TimestampMicrosecondType>(), values.as_primitive::<Float64Type>());
        let known = times.iter().zip(values).filter_map(|(time, value)| Some((time?, value?)));
        Ok(Series::new(known.collect()))
    }
}

/// The living alerts; what is part of another alert is dealt with there.
async fn living(book: &AlertBook) -> Result<Vec<Alert>, PipelineError> {
    let states = vec![State::Open, State::Acknowledged, State::Assigned];
    let mut filter = AlertFilter { states, limit: 500, ..AlertFilter::default() };
    let mut alerts = Vec::new();
    loop {
        let page = book.list(&filter).await?;
        alerts.extend(page.alerts);
        match page.next_cursor {
            Some(next) => filter.cursor = Some(next),
            None => break,
        }
    }
    Ok(alerts)
}

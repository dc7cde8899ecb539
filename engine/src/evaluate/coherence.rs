//! A forecast cycle made coherent: what was issued one by one, moved until wholes are the sums of their parts.
//!
//! In: the forecasts of a cycle, the hierarchy, past errors of each series. Out: the same forecasts with means and scenarios that add up
//! at every step, quantiles read off those scenarios, forecasts of sums nobody issued, and what had to be left out. Pure: same
//! input and seed, same bytes. The arithmetic is `models::reconcile` and `models::scenario`.

use super::Issued;
use crate::domain::{Forecast, Note, Quantile, Timestamp};
use crate::models::{Covariance, Hierarchy, Layout, Marginal, Projection, ReconcileError, Sampler};
use crate::models::{ScenarioError, ScenarioRequest, Scenarios, Series, quantile_of};
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// Ends of the stretches of leads that share a correlation, hours: nowcast, short, day, and what is left to weather.
const STRETCHES: [f64; 3] = [3.0, 12.0, 36.0];
/// Steps of one past issue that speak for its stretch: more say the same again.
const VOICES: usize = 6;
/// Past issues that serve as templates: those nearest in time of day, then newest.
const TEMPLATES: usize = 400;
/// Fewest of them before issues of other times of day are taken as well.
const ALIKE: usize = 60;
/// Times of day that count as alike, seconds: 90 minutes.
const NEAR: i64 = 5400;
/// Stated as the model of sums that nobody issued.
pub const SUM: &str = "sum";

/// Why a cycle could not be made coherent. The forecasts as issued are still good: serve them, and say that they do not add up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CoherenceError {
    /// Sums could not be solved.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// Scenarios could not be drawn.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Errors that are not one row per issue.
    #[error("{series} has {rows} rows of errors for {issues} issue times: give one row per issue")]
    Errors {
        /// Whose errors.
        series: String,
        /// Rows.
        rows: usize,
        /// Issue times.
        issues: usize,
    },
}

/// What the past forecasts of a series were wrong by. Issues of today or later, and steps that are not over, are not looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct PastErrors {
    /// Whose.
    pub series: Series,
    /// When they were issued, any order, each once.
    pub issues: Vec<Timestamp>,
    /// `[issue][step]`: truth − forecast (its mean or median), stored unit, on today's spacing; NaN where unknown.
    pub errors: Vec<Vec<f64>>,
}

/// How to make a cycle coherent.
#[derive(Debug, Clone, PartialEq)]
pub struct CycleRequest {
    /// Scenarios drawn at each step; the quantiles are read off them. 400 is a good number.
    pub scenarios: usize,
    /// Same seed, same bytes.
    pub seed: u64,
    /// Series whose scenarios are handed out, for ramps and reserves; others are forgotten step by step.
    pub keep: Vec<Series>,
}

/// A series of the hierarchy that has no coherent forecast, and why.
#[derive(Debug, Clone, PartialEq)]
pub enum LeftOut {
    /// Nothing was issued for it, and it does not follow from what was.
    NoForecast(Series),
    /// Its forecast has another issue time, spacing or quantiles than most; it is handed back as issued.
    OtherGrid(Series),
}

/// A coherent cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct CoherentCycle {
    /// The forecasts in the order they came, then sums that nobody issued (`model` says `sum`), in the hierarchy's order.
    pub issued: Vec<Issued>,
    /// What is not among them, or not coherent.
    pub left_out: Vec<LeftOut>,
    /// The series of [`Self::scenarios`].
    pub kept: Vec<Series>,
    /// Coherent scenarios of the kept series.
    pub scenarios: Scenarios,
}

/// Grid of most forecasts: issue time, spacing of steps, quantiles.
#[derive(Debug, Clone, PartialEq)]
struct Grid {
    issue: Timestamp,
    first: Timestamp,
    spacing: SignedDuration,
    quantiles: Vec<Quantile>,
}

impl Grid {
    fn of(forecast: &Forecast) -> Option<Self> {
        let [first, second, ..] = forecast.valid_times[..] else { return None };
        let spacing = second.duration_since(first);
        Some(Self { issue: forecast.issue_time, first, spacing, quantiles: forecast.quantiles.clone() })
    }
}

/// Makes the forecasts of one cycle coherent.
///
/// Errors of past issues give the correlations (per stretch of leads, shrunk) and the order of the scenarios; today's own bands
/// give the deviations, so that what is certain (PV at night) is not moved. A forecast that no sum speaks of is handed back as
/// it came. Means stay those stated, reconciled; a missing one is taken from the scenarios.
///
/// # Errors
/// [`CoherenceError`].
pub fn reconcile_cycle(
    issued: &[Issued],
    hierarchy: &Hierarchy,
    errors: &[PastErrors],
    request: &CycleRequest,
) -> Result<CoherentCycle, CoherenceError> {
    let placed = Placed::new(issued, hierarchy);
    let Some(grid) = &placed.grid else {
        let left_out = hierarchy.nodes().iter().map(|node| LeftOut::NoForecast(node.series.clone())).collect();
        return Ok(CoherentCycle { issued: issued.to_vec(), left_out, kept: Vec::new(), scenarios: Scenarios::empty(0, 0, 0) });
    };
    let logs = aligned(hierarchy, errors, grid)?;
    let marginal = |node: usize| Marginal {
        rows: placed.own[node].map_or(&[], |own| &own.forecast.values),
        errors: &logs[node],
        bounds: hierarchy.nodes()[node].bounds,
    };
    let n = hierarchy.len();
    let marginals: Vec<Marginal<'_>> = (0..n).map(marginal).collect();
    let hour = (3600.0 / grid.spacing.as_secs_f64()).max(1e-3);
    let draw = ScenarioRequest { count: request.scenarios, seed: request.seed, half_life_steps: 6.0 * hour };
    let sampler = Sampler::new(&marginals, &grid.quantiles, &draw)?;
    let covariances = covariances(hierarchy, &logs, hour, sampler.steps())?;
    let kept: Vec<(usize, Series)> =
        request.keep.iter().filter_map(|series| Some((hierarchy.position(series)?, series.clone()))).collect();
    let mut scenarios = Scenarios::empty(kept.len(), sampler.steps(), request.scenarios);
    let mut layouts: BTreeMap<Vec<bool>, Layout> = BTreeMap::new();
    let mut made = vec![Made::default(); n];
    let mut values = vec![0.0; n];
    for step in 0..sampler.steps() {
        let mut drawn: Vec<Vec<f64>> = (0..n).map(|node| sampler.draw(node, step)).collect();
        let present: Vec<bool> = drawn.iter().map(|values| values[0].is_finite()).collect();
        let layout = layouts.entry(present).or_insert_with_key(|present| hierarchy.layout(present));
        let today: Vec<f64> = drawn.iter().map(|values| deviation(values)).collect();
        let projection = Projection::new(layout, &covariances[stretch(step, hour)].scaled(&today))?;
        let ceiling = |node: usize| placed.own[node].and_then(|own| own.ceiling.as_ref()?.get(step).copied());
        let bounds: Vec<(f64, f64)> =
            (0..n).map(|node| narrowed(capped(hierarchy.nodes()[node].bounds, ceiling(node)), &drawn[node])).collect();
        let stated = |node: usize| placed.own[node]?.mean.as_ref()?.get(step).copied().filter(|mean| mean.is_finite());
        let mut means: Vec<f64> = (0..n).map(|node| stated(node).unwrap_or_else(|| average(&drawn[node]))).collect();
        projection.apply(&mut means, &bounds)?;
        for scenario in 0..request.scenarios {
            values.iter_mut().zip(&drawn).for_each(|(value, of)| *value = of[scenario]);
            projection.apply(&mut values, &bounds)?;
            drawn.iter_mut().zip(&values).for_each(|(of, value)| of[scenario] = *value);
        }
        for (place, (node, _)) in kept.iter().enumerate() {
            scenarios.at_mut(place, step).copy_from_slice(&drawn[*node]);
        }
        for (node, values) in drawn.iter_mut().enumerate() {
            let moved = layout.is_known(node) && (layout.is_bound(node) || !layout.is_present(node));
            let row = moved.then(|| {
                values.sort_by(f64::total_cmp);
                grid.quantiles.iter().map(|quantile| quantile_of(values, *quantile)).collect()
            });
            made[node].push((row, means[node]));
        }
    }
    let (issued, left_out) = finish(issued, hierarchy, &placed, grid, &made);
    Ok(CoherentCycle { issued, left_out, kept: kept.into_iter().map(|(_, series)| series).collect(), scenarios })
}

/// What became of a node at each step: its row where a sum speaks of it, and its mean.
type Made = Vec<(Option<Vec<f64>>, f64)>;

/// The forecasts in their places.
struct Placed<'a> {
    grid: Option<Grid>,
    /// Per node, its forecast if that lies on the common grid.
    own: Vec<Option<&'a Issued>>,
    /// Per forecast, its node, and whether it lies on the common grid.
    nodes: Vec<Option<(usize, bool)>>,
}

fn series(forecast: &Forecast) -> Series {
    Series { asset_id: forecast.asset_id.clone(), quantity: forecast.quantity.clone() }
}

impl<'a> Placed<'a> {
    fn new(issued: &'a [Issued], hierarchy: &Hierarchy) -> Self {
        let grids: Vec<Option<(usize, Option<Grid>)>> =
            issued.iter().map(|i| Some((hierarchy.position(&series(&i.forecast))?, Grid::of(&i.forecast)))).collect();
        let candidates: Vec<&Grid> = grids.iter().flatten().filter_map(|(_, grid)| grid.as_ref()).collect();
        let votes = |grid: &Grid| candidates.iter().filter(|other| **other == grid).count();
        // The commonest; of equally common ones the first.
        let grid = candidates.iter().rev().max_by_key(|grid| votes(grid)).map(|grid| (*grid).clone());
        let mut own = vec![None; hierarchy.len()];
        let mut nodes = Vec::with_capacity(issued.len());
        for (issue, place) in issued.iter().zip(&grids) {
            let fits = place.as_ref().map(|(node, its)| (*node, its.is_some() && *its == grid && own[*node].is_none()));
            if let Some((node, true)) = fits {
                own[node] = Some(issue);
            }
            nodes.push(fits);
        }
        Self { grid, own, nodes }
    }
}

/// `[node][issue]`: rows of errors, the same issues for all, those before today's that are nearest in time of day, each as far as
/// its steps are over; empty for a node without a past.
fn aligned<'a>(hierarchy: &Hierarchy, errors: &'a [PastErrors], grid: &Grid) -> Result<Vec<Vec<&'a [f64]>>, CoherenceError> {
    let mut of_node: Vec<BTreeMap<Timestamp, &[f64]>> = vec![BTreeMap::new(); hierarchy.len()];
    for past in errors {
        if past.errors.len() != past.issues.len() {
            let (series, rows, issues) = (past.series.to_string(), past.errors.len(), past.issues.len());
            return Err(CoherenceError::Errors { series, rows, issues });
        }
        if let Some(node) = hierarchy.position(&past.series) {
            for (&issue, row) in past.issues.iter().zip(&past.errors).filter(|(issue, _)| **issue < grid.issue) {
                let over = grid.issue.duration_since(issue).as_secs() / grid.spacing.as_secs().max(1);
                let over = usize::try_from(over).map_or(row.len(), |over| over.min(row.len()));
                of_node[node].insert(issue, &row[..over]);
            }
        }
    }
    let away = |issue: Timestamp| {
        let phase = grid.issue.duration_since(issue).as_secs().rem_euclid(86_400);
        let distance = phase.min(86_400 - phase);
        if distance <= NEAR { 0 } else { distance }
    };
    let mut issues: Vec<Timestamp> = of_node.iter().flat_map(|rows| rows.keys().copied()).collect();
    issues.sort_by_key(|issue| (away(*issue), std::cmp::Reverse(*issue)));
    issues.dedup();
    let alike = issues.iter().filter(|issue| away(**issue) == 0).count();
    issues.truncate(alike.clamp(ALIKE, TEMPLATES));
    let row = |rows: &BTreeMap<Timestamp, &'a [f64]>, issue: &Timestamp| rows.get(issue).copied().unwrap_or(&[]);
    let of = |rows: BTreeMap<Timestamp, &'a [f64]>| -> Vec<&'a [f64]> {
        if rows.is_empty() { Vec::new() } else { issues.iter().map(|issue| row(&rows, issue)).collect() }
    };
    Ok(of_node.into_iter().map(of).collect())
}

/// Stretch of a step, `hour` steps to an hour.
fn stretch(step: usize, hour: f64) -> usize {
    STRETCHES.iter().position(|end| (step as f64) < end * hour).unwrap_or(STRETCHES.len())
}

/// Covariance of the errors in each stretch of leads.
fn covariances(hierarchy: &Hierarchy, logs: &[Vec<&[f64]>], hour: f64, steps: usize) -> Result<Vec<Covariance>, ReconcileError> {
    let issues = logs.iter().map(Vec::len).max().unwrap_or(0);
    let of = |place: usize| {
        let all: Vec<usize> = (0..steps).filter(|&step| stretch(step, hour) == place).collect();
        let voices: Vec<usize> = all.iter().copied().step_by(all.len().div_ceil(VOICES).max(1)).collect();
        let mut rows = Vec::with_capacity(issues * voices.len());
        for issue in 0..issues {
            let at =
                |step: usize| move |log: &Vec<&[f64]>| log.get(issue).and_then(|row| row.get(step)).copied().unwrap_or(f64::NAN);
            rows.extend(voices.iter().map(|&step| logs.iter().map(at(step)).collect::<Vec<f64>>()));
        }
        rows.retain(|row| row.iter().any(|error| error.is_finite()));
        Covariance::fit(hierarchy, &rows, voices.len() as f64)
    };
    (0..=STRETCHES.len()).map(of).collect()
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = average(values);
    (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / values.len() as f64).sqrt()
}

/// Bounds of a node at a step: where all scenarios agree, as at night, they stay where they are.
fn narrowed(bounds: (f64, f64), values: &[f64]) -> (f64, f64) {
    let first = values[0];
    if first.is_finite() && values.iter().all(|value| *value == first) { (first, first) } else { bounds }
}

/// Bounds of a node under what outages leave of it.
fn capped((least, most): (f64, f64), ceiling: Option<f64>) -> (f64, f64) {
    (least, ceiling.map_or(most, |ceiling| most.min(ceiling).max(least)))
}

/// What is amiss with the parts of a sum, each kind once.
fn notes(hierarchy: &Hierarchy, placed: &Placed<'_>, sum: usize) -> Vec<Note> {
    let parts = hierarchy.bottoms().iter().zip(&hierarchy.sums()[sum]).filter(|(_, share)| **share != 0.0);
    let mut found: Vec<Note> = Vec::new();
    for note in parts.filter_map(|(part, _)| placed.own[*part]).flat_map(|issue| &issue.forecast.notes) {
        if !found.iter().any(|held| held.code == note.code) {
            found.push(*note);
        }
    }
    found
}

/// Puts rows and means back into forecasts, and names what is missing.
fn finish(
    issued: &[Issued],
    hierarchy: &Hierarchy,
    placed: &Placed<'_>,
    grid: &Grid,
    made: &[Made],
) -> (Vec<Issued>, Vec<LeftOut>) {
    let mut left_out = Vec::new();
    let mut all = Vec::with_capacity(issued.len());
    for (issue, place) in issued.iter().zip(&placed.nodes) {
        let mut issue = issue.clone();
        match place {
            Some((node, true)) => {
                let moved = made[*node].iter().any(|(row, _)| row.is_some());
                for (row, (new, _)) in issue.forecast.values.iter_mut().zip(&made[*node]) {
                    if let Some(new) = new {
                        row.clone_from(new);
                    }
                }
                if moved {
                    issue.mean = Some(made[*node].iter().take(issue.forecast.values.len()).map(|(_, mean)| *mean).collect());
                }
            }
            Some((_, false)) => left_out.push(LeftOut::OtherGrid(series(&issue.forecast))),
            None => {}
        }
        all.push(issue);
    }
    let template = placed.own.iter().flatten().next();
    let absent = (0..hierarchy.len()).filter(|node| !placed.nodes.iter().flatten().any(|(held, _)| held == node));
    for at in absent {
        let (node, steps) = (&hierarchy.nodes()[at], &made[at]);
        // A sum may follow for the first day only, when a part has no longer forecast: what follows is handed out.
        let known = steps.iter().take_while(|(row, _)| row.is_some()).count();
        let (Some(template), true) = (template, known > 0) else {
            left_out.push(LeftOut::NoForecast(node.series.clone()));
            continue;
        };
        let mut issue = Issued { ceiling: None, ..(*template).clone() };
        let forecast = &mut issue.forecast;
        (forecast.asset_id, forecast.quantity) = (node.series.asset_id.clone(), node.series.quantity.clone());
        forecast.valid_times =
            (0..known).map_while(|k| grid.first.checked_add(grid.spacing * i32::try_from(k).ok()?).ok()).collect();
        forecast.values = steps.iter().filter_map(|(row, _)| row.clone()).take(forecast.valid_times.len()).collect();
        (forecast.model, forecast.model_version) = (SUM.into(), template.forecast.model_version.clone());
        forecast.notes = notes(hierarchy, placed, at);
        issue.mean = Some(steps.iter().map(|(_, mean)| *mean).take(forecast.valid_times.len()).collect());
        all.push(issue);
    }
    (all, left_out)
}

#[cfg(test)]
mod tests;

//! What became of issued forecasts, and the track record that adds up to.
//!
//! In: forecasts as they were issued, the telemetry of their asset. Out: an [`Outcome`] per forecast and bucket of leads, with the
//! naive forecasts that the telemetry known at the issue time allowed beside it; from many outcomes a [`TrackRecord`]. Pure. Not
//! here: which forecasts are due and where outcomes are kept (`pipeline`), what the sums mean (`verification`).

use super::verification::ROW;
use super::{EvaluateError, LeadScore, Verification, VerifiedStep};
use crate::domain::{Forecast, Quantile, Timestamp, VERIFICATION_NAIVES, VERIFICATION_SUMS};
use crate::features::{Context, Target};
use crate::models::{Damped, Forecaster, Seasonal};
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// Ends of the buckets of leads, hours; the last takes whatever is issued for longer.
const HOURS: [i64; 10] = [1, 3, 6, 12, 24, 36, 48, 72, 168, 8784];
/// Sums of a row without its naives.
const OWN: usize = VERIFICATION_SUMS.len();
/// Sums of a row.
const WIDTH: usize = OWN + 2 * VERIFICATION_NAIVES.len();

/// Ends of the buckets of leads in which forecasts are verified, rising.
pub fn lead_ends() -> impl Iterator<Item = SignedDuration> {
    HOURS.into_iter().map(SignedDuration::from_hours)
}

/// What became of one forecast in one bucket of leads: a row of `verification_sums`.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// When it was issued.
    pub issue_time: Timestamp,
    /// Model it says it is of.
    pub model: String,
    /// End of the bucket's leads.
    pub lead_to: SignedDuration,
    /// `domain::VERIFICATION_SUMS`, then the pairs of `domain::VERIFICATION_NAIVES`; stored unit.
    pub sums: [f64; WIDTH],
}

/// A forecast that is due, and which leads of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// As issued.
    pub forecast: Forecast,
    /// Leads up to here were taken before.
    pub after: SignedDuration,
    /// Leads up to here are over: buckets that end by then are taken, and the last one when the whole forecast is over.
    pub until: SignedDuration,
}

/// What became of forecasts of one series. The target's frame holds the truth known now and enough history before the issues for
/// the naives, which see of it only what was known at each issue; its weather and observations are not looked at.
///
/// # Errors
/// [`EvaluateError::Feature`] for a grid that forecasts cannot be made on; [`EvaluateError::Verification`] for a forecast
/// without quantiles or with steps that lack some.
pub fn outcomes(target: &Target, due: &[Due]) -> Result<Vec<Outcome>, EvaluateError> {
    let issues: Vec<Timestamp> = due.iter().map(|one| one.forecast.issue_time).collect();
    let steps = due.iter().map(|one| one.forecast.valid_times.len()).max().unwrap_or(0);
    let context = Context::new(target, steps.max(1), &issues)?;
    let truth = target.frame.column(&target.quantity).unwrap_or(&[]);
    let mut made = Vec::new();
    for one in due {
        made.extend(outcomes_of(&context, truth, one)?);
    }
    Ok(made)
}

/// The naives in the order of `domain::VERIFICATION_NAIVES`.
fn naives() -> [Box<dyn Forecaster>; 5] {
    [
        Box::new(Seasonal::persistence()),
        Box::new(Damped),
        Box::new(Seasonal::daily()),
        Box::new(Seasonal::weekly()),
        Box::new(Seasonal::blend()),
    ]
}

fn outcomes_of(context: &Context, truth: &[f64], due: &Due) -> Result<Vec<Outcome>, EvaluateError> {
    let forecast = &due.forecast;
    let origin = context.index(forecast.issue_time);
    let path = |naive: &dyn Forecaster| {
        let view = context.view(origin?);
        Some(naive.fit(&view).ok()?.outlook(&view, &[]).ok()?.path)
    };
    let paths = naives().map(|naive| path(naive.as_ref()));
    let edges: Vec<SignedDuration> = lead_ends().collect();
    let end = |valid: Timestamp| context.interval_label.available_at(valid, context.resolution).duration_since(forecast.issue_time);
    let over = forecast.valid_times.iter().all(|&valid| end(valid) <= due.until);
    let mut sums = vec![Verification::new(&edges, &forecast.quantiles)?; paths.len() - 1];
    for (row, &valid) in forecast.values.iter().zip(&forecast.valid_times) {
        let lead_end = end(valid);
        let wanted = |edge: &SignedDuration| *edge > due.after && (over || *edge <= due.until);
        if !edges.iter().find(|edge| lead_end <= **edge).is_some_and(wanted) {
            continue;
        }
        let place = context.index(valid);
        let happened = place.and_then(|at| truth.get(at)).copied().unwrap_or(f64::NAN);
        let said = |naive: usize| paths[naive].as_ref()?.get(place?.checked_sub(origin?)?).copied();
        let persistence = said(0);
        for (naive, sums) in sums.iter_mut().enumerate() {
            let rival = said(naive + 1);
            sums.push(&VerifiedStep {
                lead_end,
                truth: happened,
                row,
                mean: None,
                persistence: persistence.as_ref().map(std::slice::from_ref),
                naive: rival.as_ref().map(std::slice::from_ref),
            })?;
        }
    }
    let rows: Vec<Vec<(i64, [f64; ROW])>> = sums.iter().map(Verification::rows).collect();
    let outcome = |place: usize| {
        let (lead, first) = rows[0][place];
        let mut row = [0.0; WIDTH];
        row[..OWN + 2].copy_from_slice(&first[..OWN + 2]);
        for (naive, of) in rows.iter().enumerate() {
            let at = OWN + 2 * (naive + 1);
            row[at..at + 2].copy_from_slice(&of[place].1[OWN + 2..]);
        }
        let (issue_time, model) = (forecast.issue_time, forecast.model.clone());
        Outcome { issue_time, model, lead_to: SignedDuration::from_secs(lead), sums: row }
    };
    Ok((0..rows[0].len()).map(outcome).collect())
}

/// How the forecasts of a series did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrackRecord {
    /// Forecasts of which a step was scored.
    pub issues: usize,
    /// First and last time one of them was issued.
    pub issued: Option<(Timestamp, Timestamp)>,
    /// The naive that did best over all of them, in hindsight: the hardest rival there was.
    pub best_naive: Option<&'static str>,
    /// Scores per bucket of leads, leads rising; `naive` is the skill against [`Self::best_naive`].
    pub buckets: Vec<LeadScore>,
    /// Scores of all leads.
    pub all: Option<LeadScore>,
}

/// Adds outcomes of one series up, in any order: same outcomes, same bytes.
pub fn track_record(mut outcomes: Vec<Outcome>) -> TrackRecord {
    outcomes.sort_by(|a, b| (a.issue_time, &a.model, a.lead_to).cmp(&(b.issue_time, &b.model, b.lead_to)));
    let mut by_lead: BTreeMap<i64, [f64; WIDTH]> = BTreeMap::new();
    let mut total = [0.0; WIDTH];
    for outcome in &outcomes {
        let held = by_lead.entry(outcome.lead_to.as_secs()).or_insert([0.0; WIDTH]);
        for ((held, total), more) in held.iter_mut().zip(&mut total).zip(&outcome.sums) {
            *held += more;
            *total += more;
        }
    }
    // Each against ours at the steps where it spoke, so that one that was often silent is not taken for good.
    let strength = |naive: &usize| total[OWN + 2 * naive] / total[OWN + 2 * naive + 1];
    let spoke = (0..VERIFICATION_NAIVES.len()).rev().filter(|naive| !strength(naive).is_nan());
    let best = spoke.max_by(|a, b| strength(a).total_cmp(&strength(b)));
    let edges: Vec<SignedDuration> = lead_ends().collect();
    let mut buckets = Vec::new();
    if let Ok(mut sums) = Verification::new(&edges, &Quantile::deciles()) {
        for (&lead, held) in &by_lead {
            let mut row = [0.0; ROW];
            row[..OWN + 2].copy_from_slice(&held[..OWN + 2]);
            if let Some(best) = best {
                row[OWN + 2..].copy_from_slice(&held[OWN + 2 * best..OWN + 2 * best + 2]);
            }
            sums.add_row(lead, &row);
        }
        buckets = sums.scores();
    }
    let mut issues: Vec<Timestamp> = outcomes.iter().map(|outcome| outcome.issue_time).collect();
    issues.dedup();
    let all = buckets.pop();
    TrackRecord {
        issues: issues.len(),
        issued: issues.first().copied().zip(issues.last().copied()),
        best_naive: best.map(|naive| VERIFICATION_NAIVES[naive][1]),
        buckets,
        all,
    }
}

#[cfg(test)]
mod tests;

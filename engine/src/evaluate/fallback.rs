//! What is served when the usual way is barred: a forecast without a fitted model, and one from old telemetry.
//!
//! In: a target and an issue time. Out: an [`Issued`] from what is left: physics, climatology, or what was ever measured. Which way was taken is
//! for the caller to state on the forecast.

use super::served::MODELS_VERSION;
use super::trial::{Issued, bounds};
use super::{EvaluateError, Served};
use crate::domain::{Forecast, Quantile, Timestamp};
use crate::features::{Context, Target, TargetKind, View, sorted_quantile};
use crate::models::{Climatology, Forecaster, ModelError, Outlook, Physics};
use jiff::SignedDuration;

/// Days of history from which on the past of a plant is trusted more than physics alone.
const TRUSTED_DAYS: usize = 28;

/// A forecast that needs no fitted model. In this order, the first that can speak: physics on the weather forecast while there is less than
/// four weeks of history, the climatology of the kind, physics, and the distribution of all that was ever measured (dark where it was dark
/// the day before).
///
/// # Errors
/// [`EvaluateError::Model`] when nothing was ever measured and no weather is known; [`EvaluateError::OffGrid`] and those of the features.
pub fn fallback(
    target: &Target,
    issue_time: Timestamp,
    horizon: SignedDuration,
    quantiles: &[Quantile],
) -> Result<Issued, EvaluateError> {
    let context = Context::new(target, target.frame.resolution.steps_in(horizon), &[issue_time])?;
    let off_grid = || EvaluateError::OffGrid {
        asset: context.asset.id.to_string(),
        time: issue_time.to_string(),
        resolution: context.resolution.to_string(),
        start: context.time(0).to_string(),
    };
    let view = context.view(context.index(issue_time).ok_or_else(off_grid)?);
    let usual = match context.kind {
        TargetKind::Load => Climatology::of_days(TRUSTED_DAYS),
        TargetKind::Wind => Climatology::of_everything(),
        TargetKind::Solar => Climatology::of_season(),
    };
    let rows = |model: &dyn Forecaster| -> Option<(&'static str, Vec<Vec<f64>>)> {
        let outlook: Outlook = model.fit(&view).ok()?.outlook(&view, quantiles).ok()?;
        let rows = outlook.quantiles?;
        rows.iter().flatten().all(|value| value.is_finite()).then(|| (model.name(), rows))
    };
    let physics = || (context.kind != TargetKind::Load).then(|| rows(&Physics)).flatten();
    let young = view.known() < TRUSTED_DAYS * context.day;
    let first = if young { physics().or_else(|| rows(&usual)) } else { rows(&usual).or_else(physics) };
    let nothing = || ModelError::too_little("climatology", &view, 1);
    let (model, mut values) =
        first.or_else(|| everything(&view, quantiles).map(|rows| ("climatology", rows))).ok_or_else(nothing)?;
    let (low, high) = bounds(&view);
    for row in &mut values {
        row.sort_by(f64::total_cmp);
        row.iter_mut().for_each(|value| *value = value.clamp(low, high));
    }
    let mean = values.iter().map(|row| row.iter().sum::<f64>() / row.len().max(1) as f64).collect();
    let forecast = Forecast {
        asset_id: context.asset.id.clone(),
        quantity: context.quantity.clone(),
        issue_time,
        valid_times: (0..context.horizon).map(|k| context.time(view.origin + k)).collect(),
        quantiles: quantiles.to_vec(),
        values,
        model: model.to_owned(),
        model_version: MODELS_VERSION.to_owned(),
        notes: Vec::new(),
    };
    Ok(Issued { forecast, mean: (context.kind == TargetKind::Wind).then_some(mean), ceiling: None })
}

/// The distribution of all that was measured, at every step; zero where a solar plant was dark at the same time of a known day.
fn everything(view: &View<'_>, quantiles: &[Quantile]) -> Option<Vec<Vec<f64>>> {
    let mut known: Vec<f64> = view.past(0).iter().copied().filter(|value| value.is_finite()).collect();
    known.sort_by(f64::total_cmp);
    let all = quantiles.iter().map(|q| sorted_quantile(&known, q.value())).collect::<Option<Vec<f64>>>()?;
    let day = view.context.day as i64;
    let dark = |k: usize| {
        let same = (1..=7).map(|days| view.value_at((view.origin + k) as i64 - days * day));
        view.context.kind == TargetKind::Solar && same.filter(|value| value.is_finite()).any(|value| value <= 0.0)
    };
    Some((0..view.context.horizon).map(|k| if dark(k) { vec![0.0; all.len()] } else { all.clone() }).collect())
}

impl Served {
    /// A forecast at `issue_time` when nothing was measured from `since` on (on the grid, before the issue). A model takes the last value
    /// it knows for a fresh one; so the steps of the first day are those of a forecast made at `since`, whose leads and bands are honest, and
    /// of the climatology where that one does not reach. Later steps are those of a forecast made now: what was measured last counts little
    /// there, newer weather much.
    ///
    /// # Errors
    /// As [`Served::issue`].
    pub fn issue_stale(&self, target: &Target, issue_time: Timestamp, since: Timestamp) -> Result<Issued, EvaluateError> {
        let resolution = target.frame.resolution;
        let mut now = self.issue(target, issue_time)?;
        let age = resolution.steps_in(issue_time.duration_since(since));
        let (steps, near) = (now.forecast.values.len(), resolution.steps_per_day());
        let reach = steps.saturating_sub(age).min(near);
        if reach > 0 {
            let old = self.issue(target, since)?;
            take(&mut now, &old, 0..reach, age);
        }
        if reach < near.min(steps) {
            let horizon = SignedDuration::from_secs(resolution.seconds().saturating_mul(steps as i64));
            let usual = fallback(target, issue_time, horizon, &now.forecast.quantiles)?;
            take(&mut now, &usual, reach..near.min(steps), 0);
        }
        Ok(now)
    }
}

/// Replaces steps of `into` by those `later` steps further in `from`.
fn take(into: &mut Issued, from: &Issued, steps: std::ops::Range<usize>, later: usize) {
    for k in steps {
        if let Some(row) = from.forecast.values.get(k + later) {
            into.forecast.values[k].clone_from(row);
            if let (Some(into), Some(from)) = (&mut into.mean, &from.mean) {
                into[k] = from[k + later];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fallback;
    use crate::domain::{Quantile, Quantity};
    use crate::evaluate::{GateRequest, gate};
    use crate::features::{TargetKind, sample};
    use jiff::SignedDuration;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    #[test]
    fn old_telemetry_is_forecast_from_where_it_ends() {
        let mut target = sample::wind(110);
        let deciles = Quantile::deciles();
        let request = GateRequest {
            now: sample::at(100 * 24),
            horizon: DAY + DAY,
            quantiles: deciles.clone(),
            every: SignedDuration::from_hours(6),
        };
        let served = gate(&target, &request).unwrap();
        let (since, at) = (101 * 24, 101 * 24 + 10);
        let mut column = target.frame.column(&Quantity::ACTIVE_POWER).unwrap().to_vec();
        column.truncate(since);
        let known = target.frame.available_at[..since].to_vec();
        let (asset, start, hour) = (target.frame.asset.clone(), target.frame.start, target.frame.resolution);
        let columns = [(Quantity::ACTIVE_POWER, column)].into();
        target.frame = crate::domain::Frame::new(asset, start, hour, known, columns);
        let (now, old) = (sample::at(at), sample::at(since));
        let stale = served.issue_stale(&target, now, old).unwrap();
        let (then, direct) = (served.issue(&target, old).unwrap(), served.issue(&target, now).unwrap());
        assert_eq!(stale.forecast.values[..24], then.forecast.values[10..34]);
        assert_eq!(stale.forecast.values[24..], direct.forecast.values[24..]);
        assert_eq!(stale.mean.as_ref().unwrap()[3], then.mean.unwrap()[13]);
        // Two days later the old forecast has ended: climatology for a day.
        let later = sample::at(since + 60);
        let stale = served.issue_stale(&target, later, old).unwrap();
        let usual = fallback(&target, later, DAY + DAY, &deciles).unwrap();
        assert_eq!(stale.forecast.values[..24], usual.forecast.values[..24]);
        let width = |row: &[f64]| row[8] - row[0];
        assert!(width(&stale.forecast.values[0]) > width(&direct.forecast.values[0]));
    }

    #[test]
    fn something_is_always_said() {
        let deciles = Quantile::deciles();
        let mut one = sample::solar(1);
        one.frame.asset.capacity_kw = None;
        let issued = fallback(&one, sample::at(24), DAY, &deciles).unwrap();
        assert!((0..5).all(|hour| issued.forecast.values[hour] == vec![0.0; 9]));
        assert!(issued.forecast.values[12][8] > issued.forecast.values[12][0]);
        let young = fallback(&sample::wind(1), sample::at(24), DAY, &deciles).unwrap();
        assert_eq!((young.forecast.model.as_str(), young.mean.map(|mean| mean.len())), ("physics", Some(24)));
        let old = fallback(&sample::load(60), sample::at(60 * 24), DAY, &deciles).unwrap();
        assert_eq!(old.forecast.model, "climatology");
        assert!(old.forecast.values.iter().all(|row| row.windows(2).all(|pair| pair[0] <= pair[1])));
        let never = sample::target(TargetKind::Load, 2, |_| f64::NAN);
        assert!(fallback(&never, sample::at(48), DAY, &deciles).unwrap_err().to_string().contains("import more history"));
    }
}

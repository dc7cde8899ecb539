//! The clear-sky envelope of a plant, learnt from its own past.
//!
//! In: a view. Out: one value per step of the day: the 98 % quantile of the days within 20 days of the season, or of the last
//! 40 days while there are fewer than 15 of those. The product of the bench's smart persistence; needs no location.

use super::View;
use std::sync::Arc;

/// Days of the season either side.
const SEASON_DAYS: i64 = 20;
/// Envelope per step of the day (grid phase), as known at the view's edge; zero where nothing is known. Worked out once per day
/// of a series.
pub fn envelope(view: &View<'_>) -> Arc<Vec<f64>> {
    let day = view.context.day;
    let whole = view.origin / day;
    view.series().envelope((whole, view.edge().min(whole * day)), || {
        let rows = season_days(view, SEASON_DAYS, 15, 40);
        let mut seen = Vec::with_capacity(rows.len());
        let mut column = |phase: usize| {
            seen.clear();
            seen.extend(rows.iter().map(|&d| view.value(d * day + phase)).filter(|v| v.is_finite()));
            seen.sort_unstable_by(f64::total_cmp);
            sorted_quantile(&seen, 0.98).unwrap_or(0.0)
        };
        (0..day).map(&mut column).collect()
    })
}

/// Whole past days (numbered from the grid's start) within `days` of the season; the last `recent` days when there are fewer
/// than `least` of them.
pub(crate) fn season_days(view: &View<'_>, days: i64, least: usize, recent: usize) -> Vec<usize> {
    let day = view.context.day;
    let whole = view.origin / day;
    let season = |index: usize| i64::from(view.context.calendar.at(index).day_of_year);
    let now = season(view.origin);
    let near: Vec<usize> = (0..whole)
        .filter(|&d| {
            let gap = (season(d * day) - now).abs();
            gap.min(365 - gap) <= days
        })
        .collect();
    if near.len() >= least { near } else { (whole.saturating_sub(recent)..whole).collect() }
}

/// Linear quantile of sorted values.
pub(crate) fn sorted_quantile(sorted: &[f64], probability: f64) -> Option<f64> {
    let place = probability * (sorted.len().checked_sub(1)?) as f64;
    let low = place.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    Some(sorted[low] + (place - low as f64) * (sorted[high] - sorted[low]))
}

#[cfg(test)]
mod tests {
    use super::{envelope, sorted_quantile};
    use crate::features::{Context, TargetKind, sample};

    #[test]
    fn quantiles_are_linear() {
        assert_eq!(sorted_quantile(&[0.0, 10.0], 0.98), Some(9.8));
        assert_eq!(sorted_quantile(&[], 0.5), None);
    }

    #[test]
    fn an_envelope_is_of_its_day_and_zero_where_the_plant_never_gave_power() {
        let target = sample::target(TargetKind::Solar, 60, |i| if (6..18).contains(&(i % 24)) { 50.0 } else { 0.0 });
        let context = Context::new(&target, 48, &[sample::at(50 * 24)]).unwrap();
        let view = context.view(50 * 24);
        let sky = envelope(&view);
        assert!((0..24).all(|hour| sky[hour] == if (6..18).contains(&hour) { 50.0 } else { 0.0 }), "{sky:?}");
        // The same day of the same series is worked out once, and knows nothing of the days after it.
        assert!(std::sync::Arc::ptr_eq(&envelope(&view), &envelope(&view.at(50 * 24))));
        let short = sample::target(TargetKind::Solar, 50, |i| if (6..18).contains(&(i % 24)) { 50.0 } else { 0.0 });
        let short = Context::new(&short, 48, &[sample::at(50 * 24)]).unwrap();
        assert_eq!(envelope(&view), envelope(&short.view(50 * 24)));
    }
}

//! The clear-sky envelope of a plant, learnt from its own past.
//!
//! In: a view. Out: one value per step of the day: the 98 % quantile of the days within 20 days of the season, or of the last
//! 40 days while there are fewer than 15 of those. The product of the bench's smart persistence; needs no location.

use super::View;

/// Days of the season either side.
const SEASON_DAYS: i64 = 20;

/// Envelope per step of the day (grid phase), as known at the view's edge; zero where nothing is known.
pub fn envelope(view: &View<'_>) -> Vec<f64> {
    let rows = season_days(view, SEASON_DAYS, 15, 40);
    let day = view.context.day;
    let column = |phase: usize| {
        let mut seen: Vec<f64> = rows.iter().map(|&d| view.value(d * day + phase)).filter(|v| v.is_finite()).collect();
        seen.sort_by(f64::total_cmp);
        sorted_quantile(&seen, 0.98).unwrap_or(0.0)
    };
    (0..day).map(column).collect()
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
    use super::sorted_quantile;

    #[test]
    fn quantiles_are_linear() {
        assert_eq!(sorted_quantile(&[0.0, 10.0], 0.98), Some(9.8));
        assert_eq!(sorted_quantile(&[], 0.5), None);
    }
}

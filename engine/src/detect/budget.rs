//! How high a limit must be for a chart to cry wolf no more often than it may.
//!
//! In: the largest sums of stretches of the training part, and how many crossings a year are allowed. Out: the limit.
//! The maxima of a cumulative sum have an exponential tail, so maxima of stretches follow Gumbel's law; its two numbers
//! are read from quartiles, so that a few stretches in which something truly was wrong do not raise the limit.
//! Sources: Gumbel (1958), Statistics of Extremes; Siegmund (1985), Sequential Analysis, for the tail of such sums.

/// Days of one stretch: several times what a healthy residual remembers.
pub(crate) const STRETCH_DAYS: f64 = 10.0;

/// The limit that maxima of `per_year` stretches a year cross `allowed` times a year.
pub(crate) fn limit(mut maxima: Vec<f64>, per_year: f64, allowed: f64) -> f64 {
    maxima.retain(|top| top.is_finite());
    if maxima.is_empty() {
        return 0.0;
    }
    maxima.sort_by(f64::total_cmp);
    let (low, middle, high) = (quantile(&maxima, 0.25), quantile(&maxima, 0.5), quantile(&maxima, 0.75));
    // Gumbel: x(p) = location - scale · ln(-ln p).
    let at = |p: f64| -(-f64::ln(p)).ln();
    let scale = ((high - low) / (at(0.75) - at(0.25))).max(0.0);
    let location = middle - scale * at(0.5);
    location + scale * (per_year / allowed.max(1e-6)).ln()
}

/// Quantile of sorted values by linear interpolation.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::limit;

    #[test]
    fn reads_the_tail_of_gumbels_law_past_outliers() {
        // Exact quantiles of Gumbel(10, 3).
        let mut maxima: Vec<f64> = (0..200).map(|i| 10.0 - 3.0 * (-((f64::from(i) + 0.5) / 200.0).ln()).ln()).collect();
        // 36 stretches a year, once in ten years: 1 in 360.
        let exact = 10.0 + 3.0 * 360.0_f64.ln();
        assert!((limit(maxima.clone(), 36.0, 0.1) / exact - 1.0).abs() < 0.02);
        maxima.truncate(190);
        maxima.extend([1e6; 10]);
        assert!((limit(maxima.clone(), 36.0, 0.1) / exact - 1.0).abs() < 0.02, "what was wrong in training raises nothing");
        assert!(limit(maxima, 36.0, 1.0) < exact);
        assert_eq!(limit(Vec::new(), 36.0, 1.0), 0.0);
    }
}

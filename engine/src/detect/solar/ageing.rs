//! Degradation: how the level of clean modules falls over the years.
//!
//! In: the plant's level on days just after rain or a crew cleaned it. Out: change per year with a band. A straight line through
//! the clean days, held by what is published: median 0.5 %/year, most plants between 0 and 1 (Jordan and Kurtz 2013, NREL/JA-5200-51664).
//! Deliberately not here: soiling (`strings`).

use super::Degradation;
use crate::domain::AssetId;

/// Published median and spread, per year.
pub(super) const PRIOR: (f64, f64) = (-0.005, 0.004);
/// Least scatter of a clean level: water leaves up to one and a half per cent, and the season has its share.
const SCATTER: f64 = 0.005;
/// Years between clean days of one rain or one round of the crew: they tell one story.
const APART: f64 = 8.0 / 365.25;
/// 95 % of a normal distribution.
const BAND: f64 = 1.96;

/// Line through clean days (years, log level): change per year with a band; the published one before there are any.
pub(super) fn degradation(asset: &AssetId, clean: &[(f64, f64)]) -> Degradation {
    let rounds: Vec<(f64, f64)> = clean.chunk_by(|a, b| b.0 - a.0 < APART).map(mean).collect();
    let count = rounds.len();
    let (mut precision, mut pull) = (PRIOR.1.powi(-2), PRIOR.0 * PRIOR.1.powi(-2));
    if count >= 3 {
        let (x, y) = mean(&rounds);
        let (xx, xy) = rounds.iter().fold((0.0, 0.0), |(xx, xy), (a, b)| (xx + (a - x).powi(2), xy + (a - x) * (b - y)));
        let slope = if xx > 0.0 { xy / xx } else { 0.0 };
        let rest: f64 = rounds.iter().map(|(a, b)| (b - y - slope * (a - x)).powi(2)).sum();
        let variance = SCATTER.powi(2).max(rest / (count - 2) as f64);
        precision += xx / variance;
        pull += xy / variance;
    }
    let (per_year, half) = (pull / precision, BAND / precision.sqrt());
    Degradation { asset_id: asset.clone(), per_year, low: per_year - half, high: per_year + half, rounds: count }
}

fn mean(days: &[(f64, f64)]) -> (f64, f64) {
    let n = days.len().max(1) as f64;
    days.iter().fold((0.0, 0.0), |(x, y), (a, b)| (x + a / n, y + b / n))
}

#[cfg(test)]
mod tests {
    use super::degradation;
    use crate::domain::AssetId;

    #[test]
    fn the_prior_gives_way_to_evidence() {
        let plant = AssetId::parse("P").unwrap();
        let none = degradation(&plant, &[]);
        assert_eq!((none.per_year, none.rounds), (-0.005, 0));
        let line: Vec<(f64, f64)> = (0..60).map(|i| f64::from(i) / 12.0).map(|t| (t, -0.012 * t)).collect();
        let steep = degradation(&plant, &line);
        assert!((steep.per_year + 0.012).abs() < 6e-4, "{steep:?}");
        assert!(steep.high - steep.low < 0.3 * (none.high - none.low) && steep.low < -0.012 && steep.high > -0.012);
    }
}

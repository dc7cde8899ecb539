//! Verification: the sums of pieces are the sums of the whole, and equal to the golden scores.

use super::{LeadScore, Verification, VerificationError, VerifiedStep};
use crate::domain::Quantile;
use jiff::SignedDuration;

fn hours(list: &[i64]) -> Vec<SignedDuration> {
    list.iter().map(|h| SignedDuration::from_hours(*h)).collect()
}

fn quantiles(list: &[f64]) -> Vec<Quantile> {
    list.iter().map(|p| Quantile::new(*p).unwrap()).collect()
}

fn lines(kind: &str) -> Vec<Vec<&'static str>> {
    let text = include_str!("../../../../tests/golden/verification.csv");
    text.lines().map(|line| line.split(',').collect::<Vec<_>>()).filter(|cells| cells[0] == kind).collect()
}

/// The example of `tests/golden/verification.csv`, its rows `from..to`.
fn scored(kind: &str, probabilities: &[f64], from: usize, to: usize) -> Verification {
    let mut sums = Verification::new(&hours(&[2, 6]), &quantiles(probabilities)).unwrap();
    for cells in &lines(kind)[from..to] {
        let numbers: Vec<f64> = cells[1..].iter().map(|cell| cell.parse().unwrap()).collect();
        let step = VerifiedStep {
            lead_end: SignedDuration::from_hours(numbers[0] as i64),
            truth: numbers[1],
            row: &numbers[4..],
            mean: Some(numbers[2]),
            persistence: Some(&numbers[3..4]),
            naive: None,
        };
        sums.push(&step).unwrap();
    }
    sums
}

const DECILES: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// A score by its name in `score.py`; capacity 1 there, so that its `nrmse` is ours.
fn named(score: &LeadScore, name: &str) -> f64 {
    match name {
        "n" => score.steps as f64,
        "mae" => score.mae,
        "nrmse" => score.rmse,
        "nrmse_mean" => score.rmse_mean,
        "bias" => score.bias,
        "pinball" => score.pinball,
        "crps" => score.crps,
        "wape" => score.wape.unwrap(),
        "coverage_50" => score.coverage_50.unwrap(),
        "coverage_80" => score.coverage_80.unwrap(),
        // There over the sum of truth, here over the number of steps.
        "width_80" => score.width_80.unwrap() / (score.mae / score.wape.unwrap()),
        "skill_mae" => score.persistence.mae.unwrap(),
        other => panic!("{other}"),
    }
}

#[test]
fn scores_are_those_of_the_bench() {
    for (kind, total, probabilities) in [("step", "score", &DECILES[..]), ("other", "other_score", &[0.05, 0.2, 0.6, 0.95])] {
        let scores = scored(kind, probabilities, 0, 48).scores();
        assert_eq!(scores.iter().map(|s| s.until).collect::<Vec<_>>(), [Some(7200), Some(21_600), None]);
        assert_eq!(scores[1].after, 7200);
        let wanted = lines(total);
        assert_eq!(wanted.len(), 36);
        for cells in wanted {
            let until: i64 = cells[1].parse().unwrap();
            let score = scores.iter().find(|score| score.until.unwrap_or(0) == until * 3600).unwrap();
            let (made, wanted): (f64, f64) = (named(score, cells[2]), cells[3].parse().unwrap());
            assert!((made - wanted).abs() <= 2e-7 * wanted.abs().max(0.1), "{cells:?}: {made}");
        }
    }
}

#[test]
fn sums_are_stored_and_merged() {
    let whole = scored("step", &DECILES, 0, 48);
    let mut parts = scored("step", &DECILES, 0, 20);
    let stored = serde_json::to_string(&scored("step", &DECILES, 20, 48)).unwrap();
    parts.merge(&serde_json::from_str(&stored).unwrap()).unwrap();
    for (a, b) in parts.scores().iter().zip(whole.scores()) {
        assert_eq!((a.steps, a.until, a.coverage_80), (b.steps, b.until, b.coverage_80));
        assert!((a.pinball - b.pinball).abs() < 1e-9 && (a.rmse - b.rmse).abs() < 1e-9);
        assert!((a.persistence.mae.unwrap() - b.persistence.mae.unwrap()).abs() < 1e-9);
    }
    let other = Verification::new(&hours(&[1, 6]), &quantiles(&DECILES)).unwrap();
    assert!(matches!(parts.merge(&other), Err(VerificationError::Unlike { .. })));
}

#[test]
fn skill_compares_like_with_like() {
    let mut sums = Verification::new(&hours(&[24]), &quantiles(&[0.25, 0.5, 0.75])).unwrap();
    let lead_end = SignedDuration::from_hours(1);
    let (row, naive) = ([9.0, 10.0, 11.0], [6.0, 8.0, 10.0]);
    let step = VerifiedStep { lead_end, truth: 11.0, row: &row, mean: None, persistence: None, naive: Some(&naive) };
    sums.push(&step).unwrap();
    // Where the rival is silent, or a truth is unknown, nothing is compared.
    sums.push(&VerifiedStep { truth: 90.0, naive: None, ..step }).unwrap();
    sums.push(&VerifiedStep { truth: f64::NAN, ..step }).unwrap();
    sums.push(&VerifiedStep { row: &[9.0, f64::NAN, 11.0], ..step }).unwrap();
    let score = &sums.scores()[0];
    assert_eq!(score.steps, 2);
    assert!((score.naive.mae.unwrap() - (1.0 - 1.0 / 3.0)).abs() < 1e-12);
    assert!((score.naive.pinball.unwrap() - (1.0 - (0.5 + 0.5) / (1.25 + 1.5 + 0.75))).abs() < 1e-12);
    assert_eq!((score.persistence.mae, score.coverage_80, score.coverage_50), (None, None, Some(0.5)));
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    assert!(Verification::new(&hours(&[6, 2]), &quantiles(&DECILES)).is_err());
    assert!(Verification::new(&hours(&[0, 2]), &quantiles(&DECILES)).is_err());
    assert!(Verification::new(&hours(&[2]), &[]).is_err());
    let mut sums = Verification::new(&hours(&[2]), &quantiles(&[0.5])).unwrap();
    let lead_end = SignedDuration::from_hours(1);
    let step = VerifiedStep { lead_end, truth: 1.0, row: &[1.0, 2.0], mean: None, persistence: None, naive: None };
    assert_eq!(sums.push(&step), Err(VerificationError::Row { values: 2, quantiles: 1 }));
}

//! Backtest and gate on series made here: leaks, determinism, verdicts.

mod planted;

use super::{Backtest, BacktestRequest, EvaluateError, GateRequest, backtest, gate};
use crate::domain::{Frame, Quantile, Timestamp, micros};
use crate::features::{Target, sample};
use jiff::SignedDuration;

fn run(target: &Target, origins: Vec<Timestamp>) -> Result<Backtest, EvaluateError> {
    let horizon = SignedDuration::from_hours(48);
    backtest(target, &BacktestRequest { origins, horizon, quantiles: Quantile::deciles(), progress: &|_, _| {} })
}

fn daily(from: usize, to: usize) -> Vec<Timestamp> {
    (from..to).map(|day| sample::at(day * 24)).collect()
}

/// Everything a dataset would hold had it ended at `last`.
fn cut(target: &Target, last: Timestamp) -> Target {
    let mut cut = target.clone();
    let rows = target.frame.index_at(last);
    let columns = target.frame.quantities().map(|q| (q.clone(), target.frame.column(q).unwrap()[..rows].to_vec())).collect();
    let known = target.frame.available_at[..rows].to_vec();
    cut.frame = Frame::new(target.frame.asset.clone(), target.frame.start, target.frame.resolution, known, columns);
    cut.weather.rows.retain(|row| row.available_at <= last);
    cut
}

#[test]
fn the_future_changes_nothing() {
    for target in [sample::load(120), sample::wind(120), sample::solar(120)] {
        let origins = daily(90, 100);
        let last = *origins.last().unwrap();
        let whole = run(&target, origins.clone()).unwrap();
        let mut late = target.clone();
        late.frame.available_at.iter_mut().skip(98 * 24).for_each(|known| *known += micros(last));
        assert_eq!(whole, run(&cut(&target, last), origins.clone()).unwrap());
        assert_ne!(whole, run(&late, origins).unwrap(), "rows that came too late were used");
    }
}

#[test]
fn quantiles_are_ordered_and_bounded_and_runs_repeat() {
    let target = sample::wind(100);
    let first = run(&target, daily(80, 90)).unwrap();
    for issued in &first.forecasts {
        assert_eq!(issued.forecast.values.len(), 48);
        for row in &issued.forecast.values {
            assert!(row.windows(2).all(|w| w[0] <= w[1]) && row[0] >= 0.0 && row[8] <= 100.0, "{row:?}");
        }
        assert_eq!(issued.mean.as_ref().map(Vec::len), Some(48));
    }
    assert_eq!(first, run(&target, daily(80, 90)).unwrap());
}

#[test]
fn the_gate_is_never_worse_than_the_best_naive_on_its_window() {
    for target in [sample::load(120), sample::wind(120), sample::solar(120)] {
        for verdict in run(&target, daily(100, 118)).unwrap().verdicts {
            let best = verdict.table.iter().filter(|row| row.naive).map(|row| row.score).fold(f64::INFINITY, f64::min);
            let served = verdict.table.iter().find(|row| row.model == verdict.model).unwrap();
            assert!(served.score <= best, "{verdict:?}");
            assert_eq!((Some(served.score), Some(best)), (verdict.score, verdict.naive_score));
            assert!(verdict.skill().unwrap() >= 0.0 && verdict.window.unwrap().end() <= verdict.evaluated_at);
        }
    }
}

#[test]
fn weather_and_calendar_beat_the_naives_where_they_should() {
    for target in [sample::load(120), sample::wind(120)] {
        let verdict = run(&target, daily(110, 112)).unwrap().verdicts.remove(0);
        assert!(verdict.skill().unwrap() > 0.05, "{verdict:?}");
    }
}

#[test]
fn a_served_model_issues_later_without_a_refit() {
    let target = sample::load(100);
    let now = sample::at(90 * 24);
    let (horizon, every) = (SignedDuration::from_hours(24), SignedDuration::from_hours(6));
    let served = gate(&target, &GateRequest { now, horizon, quantiles: Quantile::deciles(), every }).unwrap();
    let later = served.issue(&target, sample::at(90 * 24 + 7)).unwrap().forecast;
    assert_eq!((later.values.len(), later.model.as_str()), (24, served.verdict().model.as_str()));
    assert_eq!(later.valid_times[0], later.issue_time);
    let truth = |i: usize| target.frame.column(&target.quantity).unwrap()[90 * 24 + 7 + i];
    for k in 0..24 {
        assert!((later.values[k][4] - truth(k)).abs() < 12.0, "{k}: {} is not {}", later.values[k][4], truth(k));
    }
}

#[test]
fn a_history_imported_at_once_is_judged_all_the_same() {
    let mut target = sample::load(100);
    let now = sample::at(90 * 24);
    for known in target.frame.available_at.iter_mut().take(90 * 24) {
        *known = micros(now);
    }
    let (horizon, every) = (SignedDuration::from_hours(24), SignedDuration::from_hours(12));
    let request = GateRequest { now, horizon, quantiles: Quantile::deciles(), every };
    assert!(gate(&target, &request).unwrap().verdict().score.is_some());
    let early = GateRequest { now: sample::at(89 * 24), ..request };
    assert!(matches!(gate(&target, &early), Err(EvaluateError::TooLittle { known: 0, .. })));
}

#[test]
fn what_cannot_be_forecast_is_an_error() {
    let target = sample::load(30);
    assert!(matches!(run(&target, vec![]), Err(EvaluateError::Empty { .. })));
    assert!(matches!(run(&target, vec![sample::at(24)]), Err(EvaluateError::TooLittle { .. })));
    let odd = sample::at(240).checked_add(SignedDuration::from_mins(7)).unwrap();
    assert!(matches!(run(&target, vec![odd]), Err(EvaluateError::OffGrid { .. })));
    assert!(run(&target, vec![sample::at(5 * 24)]).is_ok());
}

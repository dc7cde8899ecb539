//! The state of an aggregate: order, splits, bytes, bounds; and the forecast it ends in.

use super::Dice;
use crate::domain::Quantile;
use crate::models::panel::{AggregateError, AggregateModel, AggregateOptions, AggregatePlans, PanelError, SeriesState};

const QUARTER: i64 = 900_000_000;
const START: i64 = 1_767_225_600_000_000;

fn pairs(count: i64, seed: u64) -> Vec<(i64, f64)> {
    let mut dice = Dice(seed);
    let place = |t: i64| 50.0 + 20.0 * (std::f64::consts::TAU * (t % 96) as f64 / 96.0).sin();
    (0..count).map(|t| (START + t * QUARTER, place(t) + dice.uniform())).collect()
}

fn shuffled(mut pairs: Vec<(i64, f64)>, seed: u64) -> Vec<(i64, f64)> {
    let mut dice = Dice(seed);
    for i in (1..pairs.len()).rev() {
        pairs.swap(i, (dice.next() % (i as u64 + 1)) as usize);
    }
    pairs
}

fn state(pairs: &[(i64, f64)], limit: usize) -> SeriesState {
    let mut state = SeriesState::new(limit);
    pairs.iter().for_each(|&(time, value)| state.push(time, value));
    state
}

fn options(hours: i64, model: AggregateModel) -> AggregateOptions {
    AggregateOptions { horizon: hours * 4 * QUARTER, quantiles: Quantile::deciles(), resolution: None, seasons: None, model }
}

#[test]
fn any_order_and_any_split_give_the_same_bytes() {
    for limit in [40_000, 700, 1] {
        let all = pairs(3000, 1);
        let whole = state(&all, limit).to_bytes();
        for seed in 0..4 {
            assert_eq!(state(&shuffled(all.clone(), seed), limit).to_bytes(), whole);
            let mixed = shuffled(all.clone(), seed);
            let mut merged = SeriesState::new(limit);
            for part in mixed.chunks(1 + (Dice(seed).next() % 900) as usize).rev() {
                let mut half = state(part, limit);
                if seed % 2 == 0 {
                    half = SeriesState::from_bytes(&half.to_bytes()).unwrap();
                }
                merged.merge(&half);
            }
            assert_eq!(merged.to_bytes(), whole, "limit {limit}, seed {seed}");
        }
    }
}

#[test]
fn bytes_come_back_and_only_ours_are_taken() {
    let mut dice = Dice(3);
    let odd: Vec<(i64, f64)> = (0..500).map(|_| ((dice.next() >> 20) as i64 - (1 << 42), dice.uniform() - 0.5)).collect();
    for pairs in [vec![], vec![(i64::MIN, 1.0), (0, -0.0), (i64::MAX, 2.0)][1..].to_vec(), pairs(3000, 2), odd] {
        let mut given = state(&pairs, 5000);
        let bytes = given.to_bytes();
        let mut back = SeriesState::from_bytes(&bytes).unwrap();
        assert_eq!(back.to_bytes(), bytes);
        let (mut sorted, found) = (pairs.clone(), back.points().unwrap());
        sorted.sort_by_key(|pair| pair.0);
        assert_eq!(found, sorted);
        for cut in 0..bytes.len().min(200) {
            assert!(matches!(SeriesState::from_bytes(&bytes[..cut]), Err(AggregateError::Bytes { .. })), "{cut}");
        }
        for at in 0..bytes.len().min(300) {
            let mut bent = bytes.clone();
            bent[at] ^= 1 << (at % 8);
            if let Ok(mut state) = SeriesState::from_bytes(&bent) {
                assert!(state.points().is_ok_and(|points| points.is_sorted_by(|a, b| a.0 < b.0)) || state.points().is_err());
            }
        }
    }
    let regular = state(&pairs(2880, 4), 40_000).to_bytes();
    assert!(regular.len() < 2880 * 9 + 60, "{}", regular.len());
}

#[test]
fn a_state_stays_within_its_bytes() {
    for limit in [10, 1000, 3000] {
        for given in [pairs(9000, 5), shuffled(pairs(9000, 5), 6), pairs(9000, 5).into_iter().rev().collect()] {
            let mut state = SeriesState::new(limit);
            for &(time, value) in &given {
                state.push(time, value);
                assert!(state.size() <= SeriesState::most_bytes(limit), "{} of {}", state.size(), SeriesState::most_bytes(limit));
            }
            assert_eq!(state.points().unwrap(), pairs(9000, 5)[9000 - limit..]);
        }
    }
    // 30 days of quarter hours in order: what 100,000 groups hold is 100,000 times this.
    let month = state(&pairs(2880, 5), 36_000).size();
    assert!(month < 33_000, "{month}");
}

#[test]
fn the_same_pair_twice_is_one_and_two_values_clash() {
    let all = pairs(300, 7);
    let mut twice = state(&all, 500);
    twice.merge(&state(&all, 500));
    assert_eq!(twice.to_bytes(), state(&all, 500).to_bytes());
    for at in [0, 150, 299] {
        let mut clashing = state(&all, 500);
        clashing.push(all[at].0, 1e6);
        clashing = SeriesState::from_bytes(&clashing.to_bytes()).unwrap();
        let clash = clashing.points().unwrap_err();
        assert!(clash.to_string().contains("two different values at 2026-01-"), "{clash}");
    }
    // A clash older than what is kept is no longer anybody's concern.
    let mut old = state(&all, 100);
    old.push(all[3].0, 1e6);
    assert_eq!(old.points().unwrap().len(), 100);
}

#[test]
fn grid_seasons_and_times_are_found() {
    let all = pairs(2880, 8);
    let mut plans = AggregatePlans::default();
    for model in [AggregateModel::Blend, AggregateModel::Mstl, AggregateModel::Linear, AggregateModel::SeasonalNaive] {
        let holed: Vec<(i64, f64)> =
            all.iter().copied().filter(|(time, _)| (time / QUARTER) % 11 != 0 || *time == all[2879].0).collect();
        let points = state(&shuffled(holed, 9), 5000).finish(&options(48, model), &mut plans).unwrap();
        assert_eq!(points.len(), 192 * 9);
        for (i, point) in points.iter().enumerate() {
            let step = (i / 9) as i64;
            assert_eq!(point.time, START + (2880 + step) * QUARTER);
            let truth = 50.5 + 20.0 * (std::f64::consts::TAU * (step % 96) as f64 / 96.0).sin();
            assert!((point.value - truth).abs() < 2.5, "{model:?} {i}: {} for {truth}", point.value);
        }
        assert!(plans.bytes() > 0);
        let again = state(&all, 5000).finish(&options(48, model), &mut plans).unwrap();
        let fresh = state(&all, 5000).finish(&options(48, model), &mut AggregatePlans::default()).unwrap();
        assert_eq!(again, fresh, "a kept plan changes nothing");
    }
}

#[test]
fn what_cannot_be_forecast_is_refused_with_a_remedy() {
    let mut plans = AggregatePlans::default();
    let mut finish = |pairs: &[(i64, f64)], options: &AggregateOptions| state(pairs, 5000).finish(options, &mut plans);
    let (all, fair) = (pairs(2880, 10), options(48, AggregateModel::Blend));
    assert_eq!(finish(&[], &fair).unwrap_err(), AggregateError::TooFew { known: 0, needed: 16 });
    assert_eq!(finish(&all[..15], &fair).unwrap_err(), AggregateError::TooFew { known: 15, needed: 16 });
    assert!(matches!(finish(&all, &options(0, AggregateModel::Blend)), Err(AggregateError::Span { what: "horizon", .. })));
    let far = AggregateOptions { horizon: i64::MAX, ..fair.clone() };
    assert!(matches!(finish(&all, &far), Err(AggregateError::Span { what: "horizon", .. })));
    let odd = AggregateOptions { seasons: Some(vec![QUARTER * 3 / 2]), ..fair.clone() };
    assert!(matches!(finish(&all, &odd), Err(AggregateError::Span { what: "season", .. })));
    let long = AggregateOptions { seasons: Some(vec![QUARTER * 2000]), ..fair.clone() };
    assert!(matches!(finish(&all, &long), Err(AggregateError::Panel(PanelError::TooShort { .. }))));
    let mut sparse = all[..20].to_vec();
    sparse.push((START + 40_000 * QUARTER, 1.0));
    assert!(matches!(finish(&sparse, &fair), Err(AggregateError::Panel(PanelError::TooFew { .. }))));
    let end = [(i64::MAX - 50 * QUARTER, 1.0), (i64::MAX, 2.0)];
    assert!(matches!(finish(&[&all[..20], &end[..]].concat(), &fair), Err(AggregateError::End { .. })));
    // Two hours of minutes have no season; the level is still carried on, with its band.
    let short: Vec<(i64, f64)> = (0..120).map(|t| (t * 60_000_000, 5.0 + (t % 3) as f64)).collect();
    let points = finish(&short, &options(1, AggregateModel::Blend)).unwrap();
    assert!(points.len() == 60 * 9 && points.iter().all(|point| (4.0..8.0).contains(&point.value)));
}

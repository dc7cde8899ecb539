//! Scenarios: they keep the quantiles they are drawn from and the dependence of the past.

use super::{Marginal, Sampler, ScenarioError, ScenarioRequest, SplitMix, quantile_of};
use crate::domain::Quantile;

const FREE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

fn quantiles(list: &[f64]) -> Vec<Quantile> {
    list.iter().map(|p| Quantile::new(*p).unwrap()).collect()
}

fn request(count: usize, seed: u64) -> ScenarioRequest {
    ScenarioRequest { count, seed, half_life_steps: 6.0 }
}

/// Two series over 24 steps whose errors are slow waves that go together.
fn logs(issues: usize) -> [Vec<Vec<f64>>; 2] {
    let mut random = SplitMix::at(3, 0, 0);
    let mut both = [Vec::new(), Vec::new()];
    for _ in 0..issues {
        let (mut level, mut other) = (random.unit() - 0.5, random.unit() - 0.5);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..24 {
            level = 0.95 * level + 0.3 * (random.unit() - 0.5);
            other = 0.95 * other + 0.3 * (random.unit() - 0.5);
            a.push(level);
            b.push(0.9 * level + 0.3 * other);
        }
        both[0].push(a);
        both[1].push(b);
    }
    both
}

fn slices(rows: &[Vec<f64>]) -> Vec<&[f64]> {
    rows.iter().map(Vec::as_slice).collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let dot = |x: &[f64], mx: f64, y: &[f64], my: f64| x.iter().zip(y).map(|(u, v)| (u - mx) * (v - my)).sum::<f64>();
    dot(a, ma, b, mb) / (dot(a, ma, a, ma) * dot(b, mb, b, mb)).sqrt()
}

#[test]
fn scenarios_have_the_quantiles_they_were_drawn_from() {
    let both = logs(150);
    let [first, second] = [slices(&both[0]), slices(&both[1])];
    let probabilities = quantiles(&[0.1, 0.25, 0.5, 0.75, 0.9]);
    let rows: Vec<Vec<f64>> = (0..24).map(|k| vec![1.0, 3.0, 4.0, 9.0, 10.0 + f64::from(k)]).collect();
    let marginals = [&first, &second].map(|errors| Marginal { rows: &rows, errors, bounds: (0.0, 20.0) });
    let drawn = Sampler::new(&marginals, &probabilities, &request(400, 1)).unwrap().scenarios();
    for series in 0..2 {
        for (step, row) in rows.iter().enumerate() {
            for (wanted, quantile) in row.iter().zip(&probabilities).take(4) {
                let made = drawn.quantile(series, step, *quantile);
                assert!((made - wanted).abs() < 0.1, "{made} is not {wanted}");
            }
            assert!(drawn.at(series, step).iter().all(|v| (0.0..=20.0).contains(v)));
        }
    }
}

#[test]
fn neighbours_in_time_and_space_go_together_as_they_did() {
    let both = logs(200);
    let past = [slices(&both[0]), slices(&both[1])];
    let rows = vec![vec![-1.0, 0.0, 1.0]; 24];
    let marginals = [0, 1].map(|at| Marginal { rows: &rows, errors: &past[at], bounds: FREE });
    let drawn = Sampler::new(&marginals, &quantiles(&[0.1, 0.5, 0.9]), &request(200, 5)).unwrap().scenarios();
    let column = |at: usize, step: usize| -> Vec<f64> { both[at].iter().map(|row| row[step]).collect() };
    for step in [0, 5, 17] {
        let (was, is) = (correlation(&column(0, step), &column(1, step)), correlation(drawn.at(0, step), drawn.at(1, step)));
        assert!((was - is).abs() < 0.06 && is > 0.8, "across: {was} became {is}");
        let (was, is) =
            (correlation(&column(0, step), &column(0, step + 4)), correlation(drawn.at(0, step), drawn.at(0, step + 4)));
        assert!((was - is).abs() < 0.08 && is > 0.6, "along: {was} became {is}");
    }
}

#[test]
fn normal_quantiles_have_normal_tails() {
    let both = logs(100);
    let errors = slices(&both[0]);
    let rows = vec![vec![-1.281_551_565_5, 0.0, 1.281_551_565_5]; 24];
    let marginals = [Marginal { rows: &rows, errors: &errors, bounds: FREE }];
    let sampler = Sampler::new(&marginals, &quantiles(&[0.1, 0.5, 0.9]), &request(1000, 2)).unwrap();
    let mut values = sampler.draw(0, 3);
    values.sort_by(f64::total_cmp);
    for (probability, wanted) in [(0.01, -2.326_35), (0.05, -1.644_85), (0.3, -0.524_40), (0.975, 1.959_96)] {
        let made = quantile_of(&values, Quantile::new(probability).unwrap());
        assert!((made - wanted).abs() < 0.01, "{probability}: {made} is not {wanted}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_else_is_drawn() {
    let both = logs(60);
    let past = [slices(&both[0]), slices(&both[1])];
    let rows = vec![vec![1.0, 2.0, 3.0]; 24];
    let taus = quantiles(&[0.1, 0.5, 0.9]);
    let marginals = [0, 1].map(|at| Marginal { rows: &rows, errors: &past[at], bounds: FREE });
    let draw = |count, seed| Sampler::new(&marginals, &taus, &request(count, seed)).unwrap().scenarios();
    assert_eq!(draw(100, 9), draw(100, 9));
    assert_ne!(draw(100, 9), draw(100, 10));
    let alone = Sampler::new(&marginals[..1], &taus, &request(100, 9)).unwrap();
    assert_eq!(alone.draw(0, 7), draw(100, 9).at(0, 7));
}

#[test]
fn a_series_without_a_past_wanders_slowly() {
    let rows = vec![vec![-1.0, 0.0, 1.0]; 24];
    let marginals = [Marginal { rows: &rows, errors: &[], bounds: FREE }, Marginal { rows: &rows, errors: &[], bounds: FREE }];
    let drawn = Sampler::new(&marginals, &quantiles(&[0.1, 0.5, 0.9]), &request(2000, 4)).unwrap().scenarios();
    let after = |steps: usize| correlation(drawn.at(0, 2), drawn.at(0, 2 + steps));
    assert!((after(6) - 0.5).abs() < 0.06, "{}", after(6));
    assert!((after(18) - 0.125).abs() < 0.06, "{}", after(18));
    assert!(correlation(drawn.at(0, 2), drawn.at(1, 2)).abs() < 0.06);
}

#[test]
fn gaps_are_bridged_and_missing_steps_stay_missing() {
    let [mut errors, _] = logs(80);
    errors[3][10] = f64::NAN;
    errors[4] = vec![f64::NAN; 24];
    errors[5].truncate(6);
    let mut rows = vec![vec![1.0, 2.0, 3.0]; 24];
    rows[20][1] = f64::NAN;
    let errors = slices(&errors);
    let marginals = [Marginal { rows: &rows, errors: &errors, bounds: FREE }];
    let drawn = Sampler::new(&marginals, &quantiles(&[0.1, 0.5, 0.9]), &request(80, 1)).unwrap().scenarios();
    assert!(drawn.at(0, 20).iter().all(|v| v.is_nan()));
    assert!(drawn.at(0, 10).iter().all(|v| v.is_finite()));
    let coarse = drawn.coarser(6);
    assert_eq!((coarse.steps(), coarse.count()), (4, 80));
    assert!((coarse.at(0, 1)[7] - drawn.path(0, 7)[6..12].iter().sum::<f64>() / 6.0).abs() < 1e-12);
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let rows = vec![vec![1.0, 2.0, 3.0]; 24];
    let [a, b] = [logs(30), logs(31)].map(|[first, _]| first);
    let [a, b] = [slices(&a), slices(&b)];
    let of = |marginals: &[Marginal<'_>], taus: &[f64], count| {
        Sampler::new(marginals, &quantiles(taus), &request(count, 1)).map(|_| ()).unwrap_err()
    };
    let fine = Marginal { rows: &rows, errors: &a, bounds: FREE };
    let other = Marginal { rows: &rows, errors: &b, bounds: FREE };
    assert!(matches!(of(&[fine], &[0.1, 0.9], 50), ScenarioError::Row { values: 3, quantiles: 2, .. }));
    assert!(matches!(of(&[fine, other], &[0.1, 0.5, 0.9], 50), ScenarioError::Issues { issues: 30, others: 31, .. }));
    assert!(matches!(of(&[fine], &[0.1, 0.5, 0.9], 3), ScenarioError::Few { count: 3, .. }));
}

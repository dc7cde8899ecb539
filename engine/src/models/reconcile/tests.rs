//! Reconciliation: equal to the golden numbers, coherent for any tree, and honest about what is missing.

use super::{Covariance, Hierarchy, Node, Projection, ReconcileError, Series};
use crate::domain::{AssetId, Quantile, Quantity};
use crate::models::{Marginal, Sampler, ScenarioRequest, quantile_of};
use proptest::prelude::{ProptestConfig, prop_assert, proptest};

const FREE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

fn series(name: &str) -> Series {
    Series { asset_id: AssetId::parse(name).unwrap(), quantity: Quantity::ACTIVE_POWER }
}

fn node(name: &str, parts: &[(&str, f64)]) -> Node {
    Node { series: series(name), parts: parts.iter().map(|(part, factor)| (series(part), *factor)).collect(), bounds: FREE }
}

/// Net load of a nation whose wind has two plants, the first of two turbines.
fn nation() -> Hierarchy {
    let nodes = vec![
        node("net", &[("load", 1.0), ("wind", -1.0), ("solar", -1.0)]),
        node("load", &[]),
        node("wind", &[("p1", 1.0), ("p2", 1.0)]),
        node("solar", &[]),
        node("p1", &[("t1", 1.0), ("t2", 1.0)]),
        node("p2", &[]),
        node("t1", &[]),
        node("t2", &[]),
    ];
    Hierarchy::new(nodes).unwrap()
}

#[test]
fn sums_are_added_up_through_all_levels() {
    let tree = nation();
    let names: Vec<&str> = tree.bottoms().iter().map(|&at| tree.nodes()[at].series.asset_id.as_str()).collect();
    assert_eq!(names, ["load", "solar", "p2", "t1", "t2"]);
    assert_eq!(tree.sums()[0], [1.0, -1.0, -1.0, -1.0, -1.0]);
    assert_eq!(tree.sums()[4], [0.0, 0.0, 0.0, 1.0, 1.0]);
    let calm = tree.without(&[series("t1"), series("t2")]).unwrap();
    assert_eq!(calm.len(), 5, "a plant without turbines is gone");
    assert_eq!(calm.sums()[0], [1.0, -1.0, -1.0]);
}

#[test]
fn hierarchies_that_cannot_be_are_refused() {
    let of = |nodes: Vec<Node>| Hierarchy::new(nodes).unwrap_err();
    assert!(matches!(of(vec![node("a", &[]), node("a", &[])]), ReconcileError::Twice { .. }));
    assert!(matches!(of(vec![node("a", &[("b", 1.0)])]), ReconcileError::UnknownPart { .. }));
    assert!(matches!(of(vec![node("a", &[("b", 0.0)]), node("b", &[])]), ReconcileError::Factor { .. }));
    let circle = of(vec![node("a", &[("b", 1.0)]), node("b", &[("a", 1.0)])]).to_string();
    assert!(circle.contains("active_power of a"), "{circle}");
}

/// hierarchicalforecast 1.5.3 on two hierarchies, four methods; `tests/golden/reconcile.py` wrote the file.
#[test]
fn reconciled_as_hierarchicalforecast_does() {
    let text = include_str!("../../../../tests/golden/reconcile.csv");
    let rows = |case: &str, kind: &str| -> Vec<Vec<f64>> {
        let start = format!("{case},{kind},");
        let numbers = |line: &str| line[start.len()..].split(',').map(|cell| cell.parse().unwrap()).collect();
        text.lines().filter(|line| line.starts_with(&start)).map(numbers).collect()
    };
    let mut compared = 0;
    for case in ["nation", "net"] {
        let sums = rows(case, "sum");
        let first = sums.len() - sums[0].len();
        let name = |at: usize| format!("n{at}");
        let parts = |at: usize| -> Vec<(Series, f64)> {
            let terms = sums[at].iter().enumerate().filter(|(_, factor)| at < first && **factor != 0.0);
            terms.map(|(column, factor)| (series(&name(first + column)), *factor)).collect()
        };
        let nodes = (0..sums.len()).map(|at| Node { series: series(&name(at)), parts: parts(at), bounds: FREE });
        let tree = Hierarchy::new(nodes.collect()).unwrap();
        assert_eq!(tree.sums(), sums);
        let errors = rows(case, "error");
        let layout = tree.layout(&vec![true; tree.len()]);
        let methods = [
            ("ols", Covariance::alike(tree.len())),
            ("wls_struct", Covariance::structural(&tree)),
            ("wls_var", Covariance::variance(&tree, &errors).unwrap()),
            ("mint_shrink", Covariance::shrunk(&tree, &errors, 1.0).unwrap()),
        ];
        for (method, covariance) in methods {
            let projection = Projection::new(&layout, &covariance).unwrap();
            for (base, wanted) in rows(case, "base").iter().zip(rows(case, method)) {
                let mut made = base.clone();
                projection.apply(&mut made, &vec![FREE; tree.len()]).unwrap();
                for (a, b) in made.iter().zip(&wanted) {
                    assert!((a - b).abs() < 1e-5, "{case}, {method}: {made:?} is not {wanted:?}");
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, 4 * (4 * 8 + 3 * 6));
}

/// Largest violation of any sum whose parts are all known.
fn violation(tree: &Hierarchy, values: &[f64]) -> f64 {
    let gap = |(at, node): (usize, &Node)| {
        let parts = node.parts.iter().map(|(part, factor)| factor * values[tree.position(part).unwrap()]);
        let gap = values[at] - parts.sum::<f64>();
        if node.parts.is_empty() || gap.is_nan() { 0.0 } else { gap.abs() }
    };
    tree.nodes().iter().enumerate().map(gap).fold(0.0, f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn what_is_known_adds_up(
        base in proptest::collection::vec(-1e5_f64..1e5, 8),
        deviations in proptest::collection::vec(0.0_f64..1e4, 8),
        errors in proptest::collection::vec(proptest::collection::vec(-1e3_f64..1e3, 8), 0..60),
        present in proptest::collection::vec(proptest::bool::weighted(0.8), 8),
        capped: bool,
        own: bool,
    ) {
        let tree = nation();
        let mut covariance = Covariance::fit(&tree, &errors, 1.0).unwrap();
        if own {
            covariance = covariance.scaled(&deviations);
        }
        let layout = tree.layout(&present);
        let bounds = vec![if capped { (0.0, 2e4) } else { FREE }; 8];
        let mut values: Vec<f64> = base.iter().zip(&present).map(|(v, is)| if *is { *v } else { f64::NAN }).collect();
        Projection::new(&layout, &covariance).unwrap().apply(&mut values, &bounds).unwrap();
        prop_assert!(violation(&tree, &values) < 1e-6, "{values:?}");
        for (at, value) in values.iter().enumerate() {
            prop_assert!(value.is_finite() == layout.is_known(at), "{at}: {values:?}");
            prop_assert!(!present[at] || value.is_finite(), "own forecasts are kept: {values:?}");
        }
        let again = values.clone();
        let mut twice = values.clone();
        twice.iter_mut().zip(&present).filter(|(_, is)| !**is).for_each(|(v, _)| *v = f64::NAN);
        Projection::new(&layout, &covariance).unwrap().apply(&mut twice, &[FREE; 8]).unwrap();
        for (a, b) in again.iter().zip(&twice).filter(|(a, _)| a.is_finite()) {
            prop_assert!((a - b).abs() < 1e-6 * (1.0 + a.abs()), "what is coherent stays: {again:?}, {twice:?}");
        }
    }
}

#[test]
fn absent_series_follow_or_are_left_out() {
    let tree = nation();
    let covariance = Covariance::alike(8);
    let made = |gone: &[usize]| {
        let present: Vec<bool> = (0..8).map(|at| !gone.contains(&at)).collect();
        let mut values = vec![70.0, 100.0, 20.0, 10.0, 12.0, 8.0, 5.0, 7.0];
        gone.iter().for_each(|&at| values[at] = f64::NAN);
        let layout = tree.layout(&present);
        Projection::new(&layout, &covariance).unwrap().apply(&mut values, &[FREE; 8]).unwrap();
        values
    };
    let whole = made(&[]);
    assert!(whole.iter().zip([70.0, 100.0, 20.0, 10.0, 12.0, 8.0, 5.0, 7.0]).all(|(a, b)| (a - b).abs() < 1e-9));
    // Sums, and a single part, follow from the others; two turbines of one plant do not, and their plant keeps its own value.
    for gone in [&[0_usize][..], &[0, 2], &[2, 4], &[6], &[1], &[0, 2, 6]] {
        let values = made(gone);
        assert!(values.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-9), "{gone:?}: {values:?}");
    }
    let values = made(&[6, 7]);
    assert!(values[6].is_nan() && values[7].is_nan());
    assert!((values[4] - 12.0).abs() < 1e-9, "not squeezed to nothing: {values:?}");
    let values = made(&[4, 6, 2]);
    assert!(values[6].is_finite() && (values[4] + 8.0 - 20.0).abs() < 1e-9, "by way of the nation: {values:?}");
}

/// A small normal generator of the test's own.
struct Noise(u64);

impl Noise {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as f64 + 0.5) / (1_u64 << 31) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Errors of the eight forecasts: a share of the parts' errors, a common part, and something of their own, skewed for wind.
fn errors(noise: &mut Noise) -> Vec<f64> {
    let weather = noise.normal();
    [9.0, 6.0, 4.0, 3.0, 2.5, 2.0, 2.0, 1.5]
        .iter()
        .enumerate()
        .map(|(at, size)| {
            let own = noise.normal();
            let skewed = if at == 2 || at > 3 { (0.7 * own).exp() - (0.245_f64).exp() } else { own };
            size * (0.5 * weather * if at < 2 { -1.0 } else { 1.0 } + skewed)
        })
        .collect()
}

/// 80 % bands of base forecasts that are right on average still cover 80 % once they are those of reconciled scenarios; means
/// that are unbiased stay so, and get better.
#[test]
fn coverage_and_means_survive() {
    let tree = nation();
    let mut noise = Noise(7);
    let probabilities: Vec<f64> = (1..20).map(|i| f64::from(i) / 20.0).collect();
    let quantiles: Vec<Quantile> = probabilities.iter().map(|p| Quantile::new(*p).unwrap()).collect();
    let marks: Vec<Vec<f64>> = (0..8)
        .map(|at| {
            let mut sample: Vec<f64> = (0..20_000).map(|_| errors(&mut noise)[at]).collect();
            sample.sort_by(f64::total_cmp);
            quantiles.iter().map(|q| quantile_of(&sample, *q)).collect()
        })
        .collect();
    let layout = tree.layout(&[true; 8]);
    let rounds = 4000;
    let mut past: Vec<Vec<f64>> = Vec::new();
    let (mut inside, mut bias, mut squares, mut before) = ([0_usize; 8], [0.0; 8], [0.0; 8], [0.0; 8]);
    for round in 0..rounds {
        // Another past now and then: one of 400 issues alone leaves two points of doubt in the coverage.
        if round % 100 == 0 {
            past = (0..400).map(|_| errors(&mut noise)).collect();
        }
        let covariance = Covariance::fit(&tree, &past, 1.0).unwrap();
        assert!(covariance.shrinkage() > 0.0 && covariance.shrinkage() < 0.5, "{}", covariance.shrinkage());
        let projection = Projection::new(&layout, &covariance).unwrap();
        let logs: Vec<Vec<&[f64]>> = (0..8).map(|at| past.iter().map(|row| &row[at..=at]).collect()).collect();
        let bottoms: Vec<f64> = (0..5).map(|_| 100.0 * noise.unit()).collect();
        let truth: Vec<f64> = tree.sums().iter().map(|row| row.iter().zip(&bottoms).map(|(a, b)| a * b).sum()).collect();
        let base: Vec<f64> = truth.iter().zip(errors(&mut noise)).map(|(truth, error)| truth - error).collect();
        let rows: Vec<Vec<Vec<f64>>> = (0..8).map(|at| vec![marks[at].iter().map(|mark| base[at] + mark).collect()]).collect();
        let marginals: Vec<Marginal<'_>> =
            rows.iter().zip(&logs).map(|(rows, errors)| Marginal { rows, errors, bounds: FREE }).collect();
        let request = ScenarioRequest { count: 200, seed: round, half_life_steps: 6.0 };
        let sampler = Sampler::new(&marginals, &quantiles, &request).unwrap();
        let drawn: Vec<Vec<f64>> = (0..8).map(|at| sampler.draw(at, 0)).collect();
        let mut made = vec![Vec::new(); 8];
        for scenario in 0..200 {
            let mut values: Vec<f64> = drawn.iter().map(|of| of[scenario]).collect();
            projection.apply(&mut values, &[FREE; 8]).unwrap();
            assert!(violation(&tree, &values) < 1e-6);
            made.iter_mut().zip(&values).for_each(|(of, value)| of.push(*value));
        }
        let mut means = base.clone();
        projection.apply(&mut means, &[FREE; 8]).unwrap();
        for at in 0..8 {
            made[at].sort_by(f64::total_cmp);
            let band = (quantile_of(&made[at], quantiles[1]), quantile_of(&made[at], quantiles[17]));
            inside[at] += usize::from(truth[at] >= band.0 && truth[at] <= band.1);
            bias[at] += (means[at] - truth[at]) / rounds as f64;
            squares[at] += (means[at] - truth[at]).powi(2) / rounds as f64;
            before[at] += (base[at] - truth[at]).powi(2) / rounds as f64;
        }
    }
    for at in 0..8 {
        let coverage = inside[at] as f64 / rounds as f64;
        assert!((0.77..=0.83).contains(&coverage), "node {at}: {coverage}");
        assert!(bias[at].abs() < 4.0 * (squares[at] / rounds as f64).sqrt(), "node {at}: {}", bias[at]);
        assert!(squares[at] < 1.01 * before[at], "node {at}: {} was {}", squares[at], before[at]);
    }
    let total = |squares: [f64; 8]| squares.iter().sum::<f64>();
    assert!(total(squares) < 0.8 * total(before), "{} was {}", total(squares), total(before));
}

/// Correlations of what was never known together can contradict each other; variances cannot.
#[test]
fn contradicting_correlations_do_not_stop_a_forecast() {
    let tree = Hierarchy::new(vec![node("a", &[("b", 1.0), ("c", 1.0)]), node("b", &[]), node("c", &[])]).unwrap();
    let mut rows = Vec::new();
    for i in 0..300 {
        let x = f64::from(i % 7) - 3.0;
        rows.push([[x, x, f64::NAN], [x, f64::NAN, x], [f64::NAN, x, -x]][i as usize % 3].to_vec());
    }
    let covariance = Covariance::shrunk(&tree, &rows, 1.0).unwrap();
    let layout = tree.layout(&[true; 3]);
    let mut values = vec![10.0, 4.0, 5.0];
    Projection::new(&layout, &covariance).unwrap().apply(&mut values, &[FREE; 3]).unwrap();
    assert!(values.iter().all(|v| (0.0..20.0).contains(v)) && violation(&tree, &values) < 1e-6, "{values:?}");
}

#[test]
fn certain_values_stay() {
    let tree = Hierarchy::new(vec![node("a", &[("b", 1.0), ("c", 1.0)]), node("b", &[]), node("c", &[])]).unwrap();
    let covariance = Covariance::alike(3).scaled(&[2.0, 0.0, 1.0]);
    let layout = tree.layout(&[true; 3]);
    let mut values = vec![15.0, 0.0, 10.0];
    Projection::new(&layout, &covariance).unwrap().apply(&mut values, &[FREE, (0.0, 0.0), FREE]).unwrap();
    assert_eq!(values[1], 0.0, "dark is dark");
    assert!((values[2] - 11.0).abs() < 1e-6 && values[0] == values[2], "{values:?}");
}

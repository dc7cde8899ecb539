//! Planted structure a forest must find, and what it must keep: order, bytes, sums, sizes.

use super::{Forest, Rows, Seeded, TreeOptions};

const DECILES: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// Numbers in `[0, 1)`.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut seeded = Seeded(seed);
    (0..count).map(|_| (seeded.next() >> 40) as f32 / (1u64 << 24) as f32).collect()
}

fn fitted(values: &[f32], width: usize, targets: &[f64], options: &TreeOptions) -> Forest {
    Forest::fit(Rows { width, values }, targets, &vec![1.0; targets.len()], &DECILES, options).unwrap()
}

#[test]
fn finds_an_interaction_no_line_can_follow() {
    let values = numbers(4000 * 3, 7);
    let truth = |row: &[f32]| if (row[0] > 0.5) == (row[1] > 0.3) { 1.0 } else { -1.0 };
    let targets: Vec<f64> = values.chunks(3).map(|row| truth(row) + 0.1 * f64::from(row[2] - 0.5)).collect();
    let forest = fitted(&values, 3, &targets, &TreeOptions { column_share: 1.0, ..TreeOptions::default() });
    let fresh = numbers(500 * 3, 8);
    let rows = Rows { width: 3, values: &fresh };
    let wrong = forest.predict(rows).iter().enumerate().filter(|(i, p)| (p.mean - truth(rows.row(*i))).abs() > 0.3).count();
    assert!(wrong < 25, "{wrong} of 500");
}

#[test]
fn quantiles_follow_a_spread_that_changes_and_never_cross() {
    let values = numbers(8000 * 2, 3);
    let noise = numbers(8000, 4);
    let targets: Vec<f64> =
        values.chunks(2).zip(&noise).map(|(row, e)| f64::from((e - 0.5) * if row[0] > 0.5 { 4.0 } else { 1.0 })).collect();
    let forest = fitted(&values, 2, &targets, &TreeOptions { column_share: 1.0, ..TreeOptions::default() });
    let out = forest.predict(Rows { width: 2, values: &[0.25, 0.5, 0.75, 0.5] });
    let width = |i: usize| out[i].quantiles[8] - out[i].quantiles[0];
    assert!((width(0) - 0.8).abs() < 0.15 && (width(1) - 3.2).abs() < 0.5, "{} {}", width(0), width(1));
    let fresh = numbers(300 * 2, 5);
    for prediction in forest.predict(Rows { width: 2, values: &fresh }) {
        assert!(prediction.quantiles.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}

#[test]
fn missing_values_say_something_of_their_own() {
    let mut values = numbers(3000, 9);
    let mut targets = Vec::new();
    for (i, value) in values.iter_mut().enumerate() {
        if i % 3 == 0 {
            *value = f32::NAN;
        }
        targets.push(if value.is_nan() { 5.0 } else { f64::from(*value) });
    }
    let forest = fitted(&values, 1, &targets, &TreeOptions::default());
    let out = forest.predict(Rows { width: 1, values: &[f32::NAN, 0.9, 0.1] });
    assert!((out[0].mean - 5.0).abs() < 0.1 && (out[1].mean - 0.9).abs() < 0.15 && (out[2].mean - 0.1).abs() < 0.15);
}

#[test]
fn same_rows_give_same_bytes_and_bytes_give_the_forest_back() {
    let values = numbers(2000 * 4, 1);
    let targets: Vec<f64> = values.chunks(4).map(|row| f64::from(row[0] * row[1] + row[2])).collect();
    let run = |seed| fitted(&values, 4, &targets, &TreeOptions { rounds: 20, seed, ..TreeOptions::default() });
    let (one, two, other) = (run(1), run(1), run(2));
    let bytes = one.state();
    assert!(bytes == two.state() && bytes != other.state());
    assert_eq!(Forest::from_state(&bytes).as_ref(), Some(&one));
    for cut in [0, 3, 4, 40, bytes.len() - 4] {
        assert!(Forest::from_state(&bytes[..cut]).is_none(), "{cut}");
    }
    let mut broken = bytes.clone();
    let node = 4 * (4 + 18 + 10 + 1) + 8;
    broken[node..node + 4].copy_from_slice(&0u32.to_le_bytes());
    assert!(Forest::from_state(&broken).is_none(), "a node that points at itself");
}

#[test]
fn contributions_sum_to_what_is_predicted() {
    let (values, noise) = (numbers(2000 * 4, 11), numbers(2000, 12));
    let targets: Vec<f64> = values.chunks(4).zip(&noise).map(|(row, e)| f64::from(3.0 * row[0] + row[1] + e - 0.5)).collect();
    let forest = fitted(&values, 4, &targets, &TreeOptions::default());
    let rows = Rows { width: 4, values: &values };
    for (output, of) in [(None, 0), (Some(0), 1), (Some(8), 2)] {
        let told = forest.contributions(rows, output);
        for ((base, shares), prediction) in told.iter().zip(forest.predict(rows)).step_by(97) {
            let said = [prediction.mean, prediction.quantiles[0], prediction.quantiles[8]][of];
            assert!((base + shares.iter().sum::<f64>() - said).abs() < 1e-4);
        }
    }
    let (base, shares) = &forest.contributions(Rows { width: 4, values: &[0.95, 0.5, 0.5, 0.5] }, None)[0];
    assert!((base - 2.0).abs() < 0.1, "the mean of all rows, {base}");
    assert!(shares[0] > 0.5 && shares[2].abs() < 0.2, "{shares:?}");
    let kept = Forest::from_state(&forest.state()).unwrap();
    assert_eq!(kept.contributions(rows, Some(4)), forest.contributions(rows, Some(4)));
}

#[test]
fn stops_early_on_noise_and_weights_decide() {
    let values = numbers(3000 * 2, 21);
    let noise: Vec<f64> = numbers(3000, 22).iter().map(|v| f64::from(*v)).collect();
    let options = TreeOptions { holdout: 0.2, gap: 10, ..TreeOptions::default() };
    assert!(fitted(&values, 2, &noise, &options).rounds() < 60);
    let targets: Vec<f64> = (0..3000).map(|i| if i % 2 == 0 { 1.0 } else { 9.0 }).collect();
    let weights: Vec<f64> = (0..3000).map(|i| if i % 2 == 0 { 1.0 } else { 0.0 }).collect();
    let one = Forest::fit(Rows { width: 2, values: &values }, &targets, &weights, &DECILES, &TreeOptions::default()).unwrap();
    assert!((one.predict(Rows { width: 2, values: &values[..2] })[0].mean - 1.0).abs() < 1e-3);
}

#[test]
fn too_little_is_refused() {
    let (rows, options) = (Rows { width: 1, values: &[1.0; 50] }, TreeOptions::default());
    assert!(Forest::fit(rows, &[1.0; 50], &[1.0; 50], &DECILES, &options).is_none());
    let (rows, many) = (Rows { width: 1, values: &[1.0; 500] }, [0.5; 16]);
    assert!(Forest::fit(rows, &[1.0; 500], &[1.0; 500], &many, &options).is_none());
    assert!(rows.len() == 500 && !rows.is_empty());
}

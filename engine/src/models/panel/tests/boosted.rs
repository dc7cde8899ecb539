//! Trees pooled over a panel.

use super::{HISTORY, HORIZON, grid, judge, series};
use crate::domain::Quantile;
use crate::models::boosting::TreeOptions;
use crate::models::panel::{BoostedOptions, BoostedPanel, Grid, PanelError, PanelForecaster};

fn few() -> BoostedOptions {
    BoostedOptions { rows: 20_000, trees: TreeOptions { rounds: 60, ..TreeOptions::default() } }
}

fn panel(count: u64) -> Vec<f64> {
    (0..count).flat_map(|kind| series(kind).0).collect()
}

#[test]
fn bands_cover_and_the_error_is_below_the_naive() {
    let mut model = BoostedPanel::fit(&grid(), &Quantile::deciles(), &panel(60), &few()).unwrap();
    let (error, inside) = judge(&mut model, 0..60);
    assert!(error < 0.8 && (0.74..0.88).contains(&inside), "{error} {inside}");
    // Series of the same kinds it has not learnt from.
    let (error, inside) = judge(&mut model, 60..90);
    assert!(error < 0.85 && (0.72..0.9).contains(&inside), "{error} {inside}");
}

#[test]
fn any_order_of_quantiles_and_none_give_the_same_median() {
    let all = panel(6);
    let asked = [0.9, 0.5, 0.1].map(|q| Quantile::new(q).unwrap());
    let mut model = BoostedPanel::fit(&grid(), &asked, &all, &few()).unwrap();
    let (mut path, mut bands) = (vec![0.0; HORIZON], vec![0.0; 3 * HORIZON]);
    let mut holed = all[..HISTORY].to_vec();
    holed[1000..1300].fill(f64::NAN);
    for history in [&all[..HISTORY], &holed] {
        model.forecast(history, &mut path, &mut bands).unwrap();
        for (row, middle) in bands.chunks_exact(3).zip(&path) {
            assert!(row[0] >= row[1] && row[1] >= row[2] && row[1] == *middle, "{row:?}");
        }
    }
    let mut outer = BoostedPanel::fit(&grid(), &asked[..1], &all, &few()).unwrap();
    outer.forecast(&all[..HISTORY], &mut path, &mut bands[..HORIZON]).unwrap();
    assert!(
        path.iter().zip(&bands).all(|(middle, high)| middle <= high) && path.iter().zip(&bands).any(|(middle, high)| middle < high)
    );
    let mut again = BoostedPanel::fit(&grid(), &asked[..1], &all, &few()).unwrap();
    let mut other = vec![0.0; HORIZON];
    again.forecast(&all[..HISTORY], &mut other, &mut bands[..HORIZON]).unwrap();
    assert_eq!(path, other, "the same panel and seed give the same forest");
}

#[test]
fn more_series_than_rows_are_learnt_from_evenly() {
    let small = Grid { length: 300, horizon: 12, seasons: vec![24], phase: 0 };
    let level = |i: usize| if i < 400 { 1.0 } else { 3.0 };
    let value = |i: usize, t: usize| level(i) * (10.0 + ((t % 24) as f64 - 12.0).abs());
    let all: Vec<f64> = (0..800).flat_map(|i| (0..300).map(move |t| value(i, t))).collect();
    let options = BoostedOptions { rows: 500, trees: TreeOptions { least: 20, ..few().trees } };
    let mut model = BoostedPanel::fit(&small, &[], &all, &options).unwrap();
    let mut paths = vec![0.0; 800 * 12];
    model.forecast_all(&all, &mut paths, &mut []).unwrap();
    for (i, path) in paths.chunks_exact(12).enumerate() {
        assert!(path.iter().enumerate().all(|(k, v)| (v - value(i, 300 + k)).abs() < 0.5 * level(i)), "{i}: {path:?}");
    }
}

#[test]
fn what_cannot_be_learnt_from_says_so() {
    let short = Grid { length: 7 * 96 * 2, horizon: 7 * 96 + 1, ..grid() };
    let refusal = BoostedPanel::fit(&short, &[], &vec![1.0; short.length], &few()).unwrap_err();
    assert!(matches!(refusal, PanelError::TooShort { needed: 1345, .. }), "{refusal}");
    let refusal = BoostedPanel::fit(&grid(), &[], &[1.0; 100], &few()).unwrap_err();
    assert!(matches!(refusal, PanelError::Slices { given: 100, .. }), "{refusal}");
    let refusal = BoostedPanel::fit(&grid(), &[], &vec![f64::NAN; HISTORY], &few()).unwrap_err();
    assert!(matches!(refusal, PanelError::Unsolvable { .. }), "{refusal}");
}

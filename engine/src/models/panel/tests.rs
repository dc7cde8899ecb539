//! Panels on made series: load, sun and wind as the peers' generator makes them, and series whose forecast is known.

mod boosted;
mod states;

use super::{Decomposition, Grid, LinearPanel, MstlPanel, PanelError, PanelForecaster, SeasonalPanel, quantile_of};
use crate::domain::Quantile;
use augurs::{Fit, Predict, ets::AutoETS, mstl::MSTLModel};
use std::f64::consts::TAU;

/// A generator of numbers (splitmix64, Steele, Lea and Flood 2014).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Nearly normal: twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

const DAY: usize = 96;
const HISTORY: usize = 30 * DAY;
const HORIZON: usize = 192;

fn grid() -> Grid {
    Grid { length: HISTORY, horizon: HORIZON, seasons: vec![DAY, 7 * DAY], phase: 0 }
}

/// 30 days of load, sun or wind and the two days after, as gen_data.py of the peers makes them.
fn series(kind: u64) -> (Vec<f64>, Vec<f64>) {
    let mut dice = Dice(kind + 11);
    let (mut slow, scale) = (0.0, 0.5 + dice.uniform());
    let value = |t: usize| {
        slow = 0.97 * slow + dice.normal();
        let turn = (t % DAY) as f64 / DAY as f64;
        let raw = match kind % 3 {
            0 => {
                let weekend = if t / DAY % 7 >= 5 { 60.0 } else { 0.0 };
                500.0 + 120.0 * (TAU * (turn - 0.3)).sin() + 40.0 * (2.0 * TAU * turn).sin() - weekend + 5.0 * slow
            }
            1 => 900.0 * (TAU * (turn - 0.25)).sin().max(0.0) * (0.8 + 0.05 * slow.clamp(-4.0, 4.0)),
            _ => (600.0 + 60.0 * slow).clamp(0.0, 2000.0),
        };
        raw.max(0.0) * scale
    };
    let all: Vec<f64> = (0..HISTORY + HORIZON).map(value).collect();
    (all[..HISTORY].to_vec(), all[HISTORY..].to_vec())
}

/// Mean absolute scaled error and share of truths within the outer quantiles.
fn judge(model: &mut dyn PanelForecaster, kinds: std::ops::Range<u64>) -> (f64, f64) {
    let width = model.quantiles().len();
    let (mut path, mut bands) = (vec![0.0; HORIZON], vec![0.0; HORIZON * width]);
    let (mut error, mut inside, count) = (0.0, 0.0, (kinds.end - kinds.start) as f64);
    for kind in kinds {
        let (history, truth) = series(kind);
        model.forecast(&history, &mut path, &mut bands).expect("enough history");
        error += scaled(&history, &truth, &path);
        let hit = |(row, value): &(&[f64], &f64)| row[0] <= **value && **value <= row[width - 1];
        inside += bands.chunks_exact(width).zip(&truth).filter(hit).count() as f64 / HORIZON as f64;
        assert!(bands.chunks_exact(width).all(|row| row.is_sorted()), "crossing quantiles");
        assert!(path.iter().chain(&bands).all(|v| v.is_finite() && *v >= 0.0));
    }
    (error / count, inside / count)
}

fn scaled(history: &[f64], truth: &[f64], path: &[f64]) -> f64 {
    let apart: f64 = history[DAY..].iter().zip(history).map(|(a, b)| (a - b).abs()).sum();
    let error: f64 = truth.iter().zip(path).map(|(a, b)| (a - b).abs()).sum();
    (error / truth.len() as f64) / (apart / (history.len() - DAY) as f64)
}

fn models() -> Vec<Box<dyn PanelForecaster>> {
    let deciles = Quantile::deciles();
    vec![
        Box::new(SeasonalPanel::new(&grid(), DAY, &deciles).unwrap()),
        Box::new(MstlPanel::new(&grid(), &deciles).unwrap()),
        Box::new(LinearPanel::new(&grid(), &deciles).unwrap()),
    ]
}

#[test]
fn stl_is_that_of_statsmodels() {
    let rows: Vec<[f64; 3]> = include_str!("../../../../tests/golden/stl.csv")
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect::<Vec<f64>>().try_into().unwrap())
        .collect();
    let values: Vec<f64> = rows.iter().map(|row| row[0]).collect();
    let mut parts = Decomposition::with_jumps(values.len(), &[12], &[7], |window| if window > 13 { 3 } else { 2 });
    parts.fit(&values);
    for (t, [_, trend, seasonal]) in rows.iter().enumerate() {
        assert!((parts.trend[t] - trend).abs() < 1e-9, "trend at {t}: {} and {trend}", parts.trend[t]);
        assert!((parts.seasonal[0][t] - seasonal).abs() < 1e-9, "season at {t}: {} and {seasonal}", parts.seasonal[0][t]);
    }
}

#[test]
fn bands_cover_and_models_beat_the_naive() {
    let judged: Vec<(f64, f64)> = models().iter_mut().map(|model| judge(&mut **model, 0..90)).collect();
    for (error, inside) in &judged {
        assert!((0.74..0.88).contains(inside), "{judged:?}");
        assert!(*error < 1.1, "{judged:?}");
    }
    assert!(judged[1].0 < 0.85 * judged[0].0 && judged[2].0 < 0.85 * judged[0].0, "{judged:?}");
}

#[test]
fn mstl_errs_no_more_than_that_of_augurs() {
    let mut ours = MstlPanel::new(&grid(), &[]).unwrap();
    let (mut path, mut sums) = (vec![0.0; HORIZON], [0.0; 2]);
    for kind in 0..6 {
        let (history, truth) = series(kind);
        ours.forecast(&history, &mut path, &mut []).unwrap();
        sums[0] += scaled(&history, &truth, &path);
        let trend = AutoETS::new(1, "ZZN").unwrap().into_trend_model();
        let theirs = MSTLModel::new(vec![DAY, 7 * DAY], trend).fit(&history).unwrap().predict(HORIZON, None).unwrap();
        sums[1] += scaled(&history, &truth, &theirs.point);
    }
    assert!(sums[0] <= sums[1], "{sums:?}");
}

#[test]
fn what_only_repeats_is_repeated_exactly() {
    let repeating = |t: usize| 10.0 + (t % DAY) as f64 * 0.25 + if t / DAY % 7 == 2 { 5.0 } else { 0.0 };
    let history: Vec<f64> = (0..HISTORY).map(repeating).collect();
    let deciles = Quantile::deciles();
    let mut path = vec![0.0; HORIZON];
    let mut bands = vec![0.0; HORIZON * 9];
    let mut mstl = MstlPanel::new(&grid(), &deciles).unwrap();
    mstl.forecast(&history, &mut path, &mut bands).unwrap();
    for (k, value) in path.iter().enumerate() {
        assert!((value - repeating(HISTORY + k)).abs() < 0.4, "{k}: {value} for {}", repeating(HISTORY + k));
    }
    let mut weekly = SeasonalPanel::new(&grid(), 7 * DAY, &deciles).unwrap();
    weekly.forecast(&history, &mut path, &mut bands).unwrap();
    assert!(path.iter().enumerate().all(|(k, value)| *value == repeating(HISTORY + k)));
    assert!(bands.chunks_exact(9).zip(&path).all(|(row, value)| row[0] == *value && row[8] == *value));
}

#[test]
fn noise_is_given_no_season() {
    let mut dice = Dice(5);
    let history: Vec<f64> = (0..HISTORY).map(|_| 100.0 + dice.normal()).collect();
    let mut path = vec![0.0; HORIZON];
    for model in &mut models()[1..] {
        model.forecast(&history, &mut path, &mut vec![0.0; HORIZON * 9]).unwrap();
        let off = path.iter().map(|value| (value - 100.0).abs()).fold(0.0, f64::max);
        assert!(off < 0.5, "{}: {off}", model.name());
    }
}

#[test]
fn gaps_change_little_and_gapless_rules_stay() {
    for kind in 0..3 {
        let (history, truth) = series(kind);
        let mut holed = history.clone();
        let mut dice = Dice(kind);
        for value in &mut holed {
            if dice.uniform() < 0.1 {
                *value = if dice.uniform() < 0.5 { f64::NAN } else { f64::INFINITY };
            }
        }
        holed[700..900].fill(f64::NAN);
        let (mut path, mut bands) = (vec![0.0; HORIZON], vec![0.0; HORIZON * 9]);
        for mut model in models() {
            model.forecast(&history, &mut path, &mut bands).unwrap();
            let whole = scaled(&history, &truth, &path);
            model.forecast(&holed, &mut path, &mut bands).unwrap();
            assert!(path.iter().chain(&bands).all(|value| value.is_finite()), "{}", model.name());
            let gaps = scaled(&history, &truth, &path);
            assert!((gaps - whole).abs() < 0.15 + 0.15 * whole, "{} of {kind}: {whole} became {gaps}", model.name());
        }
    }
}

#[test]
fn a_series_is_forecast_the_same_alone_and_among_others() {
    let count = 4;
    let panel: Vec<f64> = (0..count).flat_map(|kind| series(kind).0).collect();
    for (mut model, mut fresh) in models().into_iter().zip(models()) {
        let mut paths = vec![0.0; count as usize * HORIZON];
        let mut bands = vec![0.0; paths.len() * 9];
        model.forecast_all(&panel, &mut paths, &mut bands).unwrap();
        let (mut path, mut band) = (vec![1.0; HORIZON], vec![2.0; HORIZON * 9]);
        fresh.forecast(&panel[3 * HISTORY..], &mut path, &mut band).unwrap();
        assert_eq!(paths[3 * HORIZON..], path, "{}", model.name());
        assert_eq!(bands[27 * HORIZON..], band, "{}", model.name());
        let wrong = model.forecast_all(&panel, &mut paths[1..], &mut bands).unwrap_err();
        assert!(matches!(wrong, PanelError::Slices { what: "paths", series: 4, .. }), "{wrong}");
    }
}

#[test]
fn what_is_too_short_or_empty_says_so() {
    let short = Grid { length: 600, ..grid() };
    let refusals = [
        SeasonalPanel::new(&short, 7 * DAY, &[]).unwrap_err(),
        MstlPanel::new(&short, &[]).unwrap_err(),
        LinearPanel::new(&short, &[]).unwrap_err(),
    ];
    for (refusal, needed) in refusals.iter().zip([1344, 1344, 2016]) {
        assert!(matches!(refusal, PanelError::TooShort { length: 600, .. }), "{refusal}");
        assert!(refusal.to_string().contains(&format!("needs {needed} steps")), "{refusal}");
    }
    let unordered = Grid { seasons: vec![96, 24], ..grid() };
    assert!(matches!(MstlPanel::new(&unordered, &[]), Err(PanelError::Grid { .. })));
    let mut panel = series(0).0;
    panel.extend(vec![f64::NAN; HISTORY]);
    let (mut paths, mut bands) = (vec![0.0; 2 * HORIZON], vec![0.0; 18 * HORIZON]);
    for mut model in models() {
        let empty = model.forecast_all(&panel, &mut paths, &mut bands).unwrap_err();
        assert!(matches!(empty, PanelError::TooFew { series: 1, known: 0, needed: 1440, .. }), "{empty}");
    }
}

#[test]
fn shapes_of_all_sizes_are_forecast() {
    for seasons in [vec![], vec![2], vec![3], vec![7], vec![2, 4], vec![24, 100], vec![12, 365], vec![24, 168, 336]] {
        let longest = seasons.last().copied().unwrap_or(1);
        for (length, horizon) in [((3 * longest).max(16), 1), (3 * longest + 17, 2 * longest + 5), (5 * longest + 40, 7)] {
            let grid = Grid { length, horizon, seasons: seasons.clone(), phase: 1 };
            let history: Vec<f64> = (0..length).map(|t| -3.0 + (t % longest) as f64 + ((t * t) % 17) as f64 * 0.1).collect();
            let quantiles = [Quantile::new(0.9).unwrap(), Quantile::new(0.5).unwrap()];
            let mut models: Vec<Box<dyn PanelForecaster>> = vec![
                Box::new(SeasonalPanel::new(&grid, longest, &quantiles).unwrap()),
                Box::new(MstlPanel::new(&grid, &quantiles).unwrap()),
                Box::new(LinearPanel::new(&grid, &quantiles).unwrap()),
            ];
            for model in &mut models {
                let (mut path, mut bands) = (vec![f64::NAN; horizon], vec![f64::NAN; 2 * horizon]);
                model.forecast(&history, &mut path, &mut bands).unwrap();
                assert!(path.iter().chain(&bands).all(|v| v.is_finite()), "{} {seasons:?} {length} {horizon}", model.name());
                assert!(bands.chunks_exact(2).all(|row| row[0] >= row[1]), "{} {seasons:?} {length}", model.name());
            }
        }
    }
}

#[test]
fn quantiles_lie_between_ranks() {
    assert_eq!(quantile_of(&[1.0, 2.0, 4.0], 0.75), 3.0);
    assert_eq!(quantile_of(&[], 0.75), 0.0);
}

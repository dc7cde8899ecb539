//! The power-curve residual of very many rows: one table look-up a row.
//!
//! In: a driver (wind speed, irradiance) and power, rows to learn from. Out: how many spreads a row lies from the curve. The curve is that of `curve`
//! (IEC 61400-12-1, method of bins, medians), laid out as straight pieces of equal width so that no row searches. Deliberately not here: air density,
//! neighbours, alarms: those are `power`'s and `evidence`'s.

use super::curve::Curve;

/// Pieces per bin of the curve.
const FINER: f64 = 4.0;
/// Least spread, share of the largest expected power.
const LEAST_SPREAD: f64 = 0.005;

/// A learnt curve as a table of straight pieces.
#[derive(Debug, Clone, PartialEq)]
pub struct CurveScan {
    per_unit: f64,
    last: f64,
    /// Of each piece: expected power at its start over the spread, its slope, one over the spread.
    pieces: Vec<[f64; 4]>,
}

impl CurveScan {
    /// Learns from the rows in which `learn` holds and both values are finite, in bins of `width` driver units; `None` with fewer than three bins of
    /// twenty rows.
    pub fn fit(driver: &[f64], power: &[f64], width: f64, learn: impl Fn(usize) -> bool) -> Option<Self> {
        let curve = Curve::fit(driver, power, width, learn)?;
        let bins = &curve.bins;
        let (first, end) = (bins.first()?, bins.last()?);
        let floor = LEAST_SPREAD * end.expected_kw.abs().max(1e-9);
        let step = width / FINER;
        let count = ((end.wind_speed + 0.5 * width) / step).ceil() as usize + 1;
        // Beyond the bins that were seen the outermost one stands.
        let expected = |at: f64| curve.power(at.clamp(first.wind_speed, end.wind_speed));
        let spread = |at: f64| {
            let next = bins.partition_point(|bin| bin.wind_speed < at).min(bins.len() - 1);
            bins[next].spread_kw.max(bins[next.saturating_sub(1)].spread_kw).max(floor)
        };
        let piece = |i: usize| {
            let (from, to) = (i as f64 * step, (i + 1) as f64 * step);
            let unit = 1.0 / spread(f64::midpoint(from, to));
            let slope = (expected(to) - expected(from)) / step;
            // power/spread - (expected(from) + slope (v - from))/spread, as one multiply-add each.
            [unit, slope * unit, (expected(from) - slope * from) * unit, 0.0]
        };
        let pieces: Vec<[f64; 4]> = (0..count).map(piece).collect();
        Some(Self { per_unit: 1.0 / step, last: (count - 1) as f64, pieces })
    }

    /// Spreads each row lies above its curve, into `out`; NaN where a value is missing. The shortest of the three slices counts.
    pub fn score(&self, driver: &[f64], power: &[f64], out: &mut [f64]) {
        for ((slot, v), p) in out.iter_mut().zip(driver).zip(power) {
            // A missing driver reads the first piece and stays missing by arithmetic.
            let piece = self.pieces[(v * self.per_unit).clamp(0.0, self.last) as usize];
            *slot = p * piece[0] - (v * piece[1] + piece[2]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CurveScan;

    #[test]
    fn agrees_with_the_curve_and_stays_missing() {
        let wobble = |i: usize| ((i * 37) % 101) as f64 - 50.0;
        let driver: Vec<f64> = (0..40_000).map(|i| (i % 2000) as f64 / 100.0).collect();
        let power: Vec<f64> = driver.iter().enumerate().map(|(i, v)| (v * 100.0).min(1500.0) + 0.4 * wobble(i)).collect();
        let scan = CurveScan::fit(&driver, &power, 0.5, |i| i < 30_000).unwrap();
        let mut out = vec![0.0; 6];
        let wind = [8.0, 8.0, f64::NAN, 8.0, 400.0, -3.0];
        let made = [800.0, 500.0, 500.0, f64::NAN, 1500.0, 0.0];
        scan.score(&wind, &made, &mut out);
        assert!(out[0].abs() < 1.0 && out[1] < -10.0, "{out:?}");
        assert!(out[2].is_nan() && out[3].is_nan());
        assert!(out[4].abs() < 1.5, "above the last bin the last one stands: {out:?}");
        assert!(CurveScan::fit(&driver, &power, 0.5, |i| i < 10).is_none());
    }
}

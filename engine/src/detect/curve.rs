//! A binned power curve: median and spread of power per half metre per second (or per 25 W/m² for solar).
//!
//! In: a driver and power, rows to learn from. Out: expected power by linear interpolation between bin middles, and
//! the driver a given power stands for. Source: IEC 61400-12-1 (method of bins), medians in place of means.

use super::health::CurveBin;
use super::regression::centre_and_spread;

/// Fewest rows that make a bin.
const LEAST: usize = 20;

/// Power by driver.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Curve {
    pub(crate) bins: Vec<CurveBin>,
    width: f64,
}

impl Curve {
    /// Learns from the rows where both are finite; `None` with fewer than three full bins.
    pub(crate) fn fit(driver: &[f64], power: &[f64], width: f64, rows: impl Fn(usize) -> bool) -> Option<Self> {
        let mut heaps: Vec<Vec<f64>> = Vec::new();
        for (i, (x, y)) in driver.iter().zip(power).enumerate() {
            if rows(i) && x.is_finite() && y.is_finite() && *x >= 0.0 && *x < 400.0 * width {
                let bin = (x / width) as usize;
                if heaps.len() <= bin {
                    heaps.resize(bin + 1, Vec::new());
                }
                heaps[bin].push(*y);
            }
        }
        let mut top = f64::NEG_INFINITY;
        let bins: Vec<CurveBin> = heaps
            .into_iter()
            .enumerate()
            .filter(|(_, heap)| heap.len() >= LEAST)
            .map(|(bin, heap)| {
                let count = heap.len();
                let (centre, spread_kw) = centre_and_spread(heap);
                top = top.max(centre);
                CurveBin { wind_speed: (bin as f64 + 0.5) * width, expected_kw: top, spread_kw, count }
            })
            .collect();
        (bins.len() >= 3).then_some(Self { bins, width })
    }

    /// Expected power; NaN for NaN and beyond what training saw, except above a curve that has become flat.
    pub(crate) fn power(&self, driver: f64) -> f64 {
        let (Some(first), Some(last)) = (self.bins.first(), self.bins.last()) else { return f64::NAN };
        let flat = self.bins.iter().rev().nth(1).is_some_and(|bin| bin.expected_kw > 0.95 * last.expected_kw);
        if driver < first.wind_speed - 0.5 * self.width || (driver > last.wind_speed + 0.5 * self.width && !flat) {
            return f64::NAN;
        }
        self.between(driver, |bin| bin.wind_speed, |bin| bin.expected_kw)
    }

    /// The most the machine makes: the last bin.
    pub(crate) fn top(&self) -> f64 {
        self.bins.last().map_or(f64::INFINITY, |bin| bin.expected_kw)
    }

    /// The driver at which the curve reaches `power`.
    pub(crate) fn driver(&self, power: f64) -> f64 {
        self.between(power, |bin| bin.expected_kw, |bin| bin.wind_speed)
    }

    fn between(&self, at: f64, x: impl Fn(&CurveBin) -> f64, y: impl Fn(&CurveBin) -> f64) -> f64 {
        if at.is_nan() {
            return f64::NAN;
        }
        let next = self.bins.partition_point(|bin| x(bin) < at);
        match (next.checked_sub(1).and_then(|i| self.bins.get(i)), self.bins.get(next)) {
            (Some(low), Some(high)) => {
                let span = x(high) - x(low);
                let share = if span > 0.0 { (at - x(low)) / span } else { 0.0 };
                y(low) + share * (y(high) - y(low))
            }
            (Some(end), None) | (None, Some(end)) => y(end),
            (None, None) => f64::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Curve;

    #[test]
    fn reads_both_ways() {
        let driver: Vec<f64> = (0..2000).map(|i| f64::from(i % 200) / 10.0).collect();
        let power: Vec<f64> = driver.iter().map(|v| (v * 100.0).min(1500.0)).collect();
        let curve = Curve::fit(&driver, &power, 0.5, |_| true).unwrap();
        assert!((curve.power(8.0) - 800.0).abs() < 30.0);
        assert!((curve.driver(800.0) - 8.0).abs() < 0.3);
        assert_eq!(curve.power(50.0), 1500.0);
        assert!(curve.power(f64::NAN).is_nan());
        assert!(Curve::fit(&driver, &power, 0.5, |i| i < 5).is_none());
    }
}

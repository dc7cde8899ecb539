//! Feature rows of one or many origins, with the base they correct and the scale they work in.
//!
//! In: rows pushed by the builders of loads, wind and solar. Out: [`FeatureMatrix`]. A linear model over it predicts
//! `base + scale × (row · coefficients)`.

use super::Group;
use super::group::Features;

/// Rows for a linear model.
///
/// # Shape
/// `values` holds `rows × width` numbers, row by row; `base` and `scale` one per row. NaN is a missing feature. The first
/// `plain` columns never need a weather forecast; a row has weather when its last column is known.
/// # Units
/// `base` and `scale` in the target's unit; features without unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FeatureMatrix {
    /// Features per row; 0 until the first row.
    pub width: usize,
    /// Leading columns that need no weather.
    pub plain: usize,
    /// Row-major features.
    pub values: Vec<f64>,
    /// What the model corrects.
    pub base: Vec<f64>,
    /// What a feature of one is worth.
    pub scale: Vec<f64>,
    /// What each column speaks of; empty for rows copied from another matrix.
    pub groups: Vec<Group>,
}

impl FeatureMatrix {
    /// Adds a row whose plain columns say what they speak of; the others are weather.
    pub(super) fn add(&mut self, plain: &Features, weather: &[f64], base: f64, scale: f64) {
        if self.base.is_empty() {
            self.groups = plain.groups();
            self.groups.resize(plain.values().len() + weather.len(), Group::Weather);
        }
        self.push(plain.values(), weather, base, scale);
    }

    /// Adds a row of plain and weather features; a row of another width than the first is padded with NaN or cut.
    pub fn push(&mut self, plain: &[f64], weather: &[f64], base: f64, scale: f64) {
        if self.base.is_empty() {
            self.plain = plain.len();
            self.width = plain.len() + weather.len();
        }
        let take = |from: &[f64], count: usize, into: &mut Vec<f64>| {
            into.extend((0..count).map(|i| from.get(i).copied().filter(|v| v.is_finite()).unwrap_or(f64::NAN)));
        };
        take(plain, self.plain, &mut self.values);
        take(weather, self.width - self.plain, &mut self.values);
        self.base.push(base);
        self.scale.push(scale);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.base.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.base.is_empty()
    }

    /// One row.
    pub fn row(&self, index: usize) -> &[f64] {
        let from = (index * self.width).min(self.values.len());
        &self.values[from..(from + self.width).min(self.values.len())]
    }

    /// True where the row has weather features and the newest run spoke of its time.
    pub fn has_weather(&self, index: usize) -> bool {
        self.width > self.plain && self.row(index).last().is_some_and(|v| v.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::FeatureMatrix;

    #[test]
    fn rows_keep_the_first_width() {
        let mut matrix = FeatureMatrix::default();
        matrix.push(&[1.0], &[2.0], 0.0, 1.0);
        matrix.push(&[3.0], &[], 0.0, 1.0);
        assert_eq!((matrix.len(), matrix.row(0)), (2, [1.0, 2.0].as_slice()));
        assert!(matrix.has_weather(0) && !matrix.has_weather(1) && matrix.row(9).is_empty());
    }
}

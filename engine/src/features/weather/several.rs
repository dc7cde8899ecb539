//! What several sources say about one hour: their mean, how far they are apart, and the newest of them.
//!
//! In: one row per source. Out: one row of three times the width. Directions are averaged as directions (Mardia and Jupp 2000,
//! 2.2 and 2.3): the mean of 350° and 10° is north.

use crate::domain::Quantity;

/// Mean, standard deviation and newest value of each quantity over the sources that have it, and the age of the newest. `said` holds
/// values and hours since the run started, and is not empty.
pub(super) fn together(quantities: &[Quantity], said: &[(Vec<f64>, f64)]) -> (Vec<f64>, f64) {
    let (mut means, mut spreads) = (Vec::with_capacity(3 * quantities.len()), Vec::with_capacity(quantities.len()));
    for (column, quantity) in quantities.iter().enumerate() {
        let values: Vec<f64> = said.iter().map(|(row, _)| row[column]).filter(|v| v.is_finite()).collect();
        let of = if is_direction(quantity) { directions } else { numbers };
        let (mean, spread) = if values.is_empty() { (f64::NAN, f64::NAN) } else { of(&values) };
        means.push(mean);
        spreads.push(if values.len() > 1 { spread } else { f64::NAN });
    }
    let newest = said.iter().min_by(|a, b| a.1.total_cmp(&b.1));
    let newest_or_mean = |column: usize| newest.map(|(row, _)| row[column]).filter(|v| v.is_finite()).unwrap_or(means[column]);
    let last: Vec<f64> = (0..quantities.len()).map(newest_or_mean).collect();
    means.extend(spreads);
    means.extend(last);
    (means, newest.map_or(f64::NAN, |(_, age)| *age))
}

fn is_direction(quantity: &Quantity) -> bool {
    quantity.name().starts_with(Quantity::WIND_DIRECTION.name())
}

fn numbers(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt())
}

/// Mean direction in [0, 360) and circular standard deviation, both in degrees.
fn directions(values: &[f64]) -> (f64, f64) {
    let (sin, cos) = values.iter().map(|v| v.to_radians().sin_cos()).fold((0.0, 0.0), |sum, v| (sum.0 + v.0, sum.1 + v.1));
    let length = (sin.hypot(cos) / values.len() as f64).min(1.0);
    (sin.atan2(cos).to_degrees().rem_euclid(360.0), (-2.0 * length.max(1e-6).ln()).max(0.0).sqrt().to_degrees())
}

#[cfg(test)]
mod tests {
    use super::together;
    use crate::domain::Quantity;

    #[test]
    fn sources_are_averaged_and_directions_go_round_north() {
        let quantities = [Quantity::WIND_SPEED, Quantity::WIND_DIRECTION, Quantity::GHI];
        let said = [(vec![4.0, 350.0, f64::NAN], 18.0), (vec![8.0, 10.0, 300.0], 6.0)];
        let (row, age) = together(&quantities, &said);
        assert_eq!((age, row.len(), row[0], row[2], row[3]), (6.0, 9, 6.0, 300.0, 2.0));
        assert!(row[1].min(360.0 - row[1]) < 1e-9 && (row[4] - 10.0).abs() < 0.1, "{row:?}");
        assert!(row[5].is_nan(), "one voice has no spread");
        assert_eq!(row[6..], [8.0, 10.0, 300.0]);
        let (older, _) = together(&quantities, std::slice::from_ref(&said[0]));
        assert_eq!((older[0], older[6]), (4.0, 4.0));
    }
}

//! A sensor that repeats one value: alive on the wire, dead in the machine.
//!
//! In: a column that never rests while the machine runs. Out: per row the length of the present run of equal values
//! over the length training never came near. Deliberately not here: `quality`, which flags the single values.

use super::fleet::Fleet;
use crate::domain::Quantity;

/// Bounds of the run that raises the alarm, rows.
const SHORTEST: usize = 6;
const LONGEST: usize = 36;

/// A run length no healthy sensor reached in training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frozen {
    pub(crate) quantity: Quantity,
    limit: usize,
}

impl Frozen {
    /// Learns the longest run of equal values; `None` where the column is absent.
    pub(crate) fn fit(fleet: &Fleet, member: usize, until: usize, quantity: &Quantity) -> Option<Self> {
        let column = fleet.column(member, quantity)?;
        let longest = runs(&column[..until.min(column.len())], |i| fleet.states[member][i].runs()).into_iter().max()?;
        (longest > 0).then(|| Self { quantity: quantity.clone(), limit: (2 * longest).clamp(SHORTEST, LONGEST) })
    }

    /// Name of the part: the sensor itself.
    pub(crate) fn component(&self) -> String {
        match self.quantity.name() {
            "wind_speed" => "anemometer".into(),
            name => format!("{}_sensor", name.trim_end_matches("_temp")),
        }
    }

    /// Present run over the limit, per row; 1 and more is frozen.
    pub(crate) fn score(&self, fleet: &Fleet, member: usize) -> Vec<f64> {
        let Some(column) = fleet.column(member, &self.quantity) else { return vec![0.0; fleet.len] };
        runs(column, |i| fleet.states[member][i].runs()).into_iter().map(|n| n as f64 / self.limit as f64).collect()
    }
}

/// Length of the run of equal non-zero values that ends at each row; gaps and rest neither lengthen nor break it.
fn runs(column: &[f64], counts: impl Fn(usize) -> bool) -> Vec<usize> {
    let (mut last, mut run) = (f64::NAN, 0_usize);
    let step = |(i, v): (usize, &f64)| {
        if v.is_finite() {
            if *v != last || *v == 0.0 {
                last = *v;
                run = 1;
            } else if counts(i) {
                run += 1;
            }
        }
        run
    };
    column.iter().enumerate().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn counts_equal_values_over_gaps() {
        let nan = f64::NAN;
        assert_eq!(runs(&[1.0, 2.0, 2.0, nan, 2.0, 3.0, 0.0, 0.0], |_| true), [1, 1, 2, 2, 3, 1, 1, 1]);
        assert_eq!(runs(&[2.0, 2.0, 2.0], |i| i != 1), [1, 1, 2]);
    }
}

//! Energy registers: a count that only rises, until somebody replaces the meter or it runs over.
//!
//! In: `active_energy`, NaN = missing. Out: whether it is a register at all (energy of intervals falls as often as it rises), and the
//! rows from which it counts anew: a difference across such a row is no energy.

/// Steps a judgement needs.
const LEAST: usize = 50;
/// Share of steps that may fall in a register.
const FALLS: f64 = 0.01;
/// A register is this many times what it gains in a step.
const LARGE: f64 = 20.0;

/// Rows at which a register is lower than before; none where the column is no register.
pub(super) fn resets(values: &[f64]) -> Vec<usize> {
    if !is_register(values) {
        return Vec::new();
    }
    let known: Vec<usize> = (0..values.len()).filter(|&row| values[row].is_finite()).collect();
    let falls = known.windows(2).filter(|pair| values[pair[1]] < values[pair[0]] - rounding(values[pair[0]]));
    falls.map(|pair| pair[1]).collect()
}

/// True for a count that rises, with few falls.
pub(super) fn is_register(values: &[f64]) -> bool {
    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let steps = known.windows(2).map(|w| w[1] - w[0]).filter(|d| *d != 0.0);
    let (mut n, mut falls, mut gain) = (0_usize, 0_usize, 0.0);
    for step in steps {
        n += 1;
        falls += usize::from(step < 0.0);
        gain += step.max(0.0);
    }
    let largest = known.iter().copied().fold(0.0, f64::max);
    n >= LEAST && falls as f64 <= FALLS * n as f64 + 2.0 && falls * 10 < n && largest * n as f64 > LARGE * gain
}

/// Registers are sometimes sent as 32-bit numbers, which are rounded.
fn rounding(value: f64) -> f64 {
    value.abs() * 1e-6
}

#[cfg(test)]
mod tests {
    use super::{is_register, resets};

    #[test]
    fn a_register_that_starts_anew_is_flagged_there() {
        let mut count: Vec<f64> = (0..500).map(|i| 1000.0 + 2.5 * f64::from(i) + 0.3 * f64::from(i * i % 5)).collect();
        assert!(is_register(&count) && resets(&count).is_empty());
        let at = count[300];
        count[300..].iter_mut().for_each(|v| *v -= at);
        count[120] = f64::NAN;
        assert_eq!(resets(&count), [300]);
    }

    #[test]
    fn energy_of_intervals_is_no_register() {
        let energy: Vec<f64> = (0..500).map(|i| 50.0 + 40.0 * (f64::from(i) / 20.0).sin()).collect();
        assert!(!is_register(&energy) && resets(&energy).is_empty());
        assert!(!is_register(&[0.0; 400]));
    }
}

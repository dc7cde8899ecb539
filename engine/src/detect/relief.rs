//! When an alarm about much missing power may end although no strong wind has come since.
//!
//! A cap shows only where more than the cap is expected, so its own chart can wait for days to see it gone. Two things
//! tell sooner: power above all that was seen while the alarm stood, and, where the loss was a share that light wind
//! showed too, the end of the light-wind alarm. In: both alarms and the power balance. Out: the shortened alarm.

use super::attribution::PowerBalance;

/// Rows above the ceiling that end a cap: an hour of ten-minute rows.
const ABOVE: usize = 6;
/// A row is above the ceiling by this share of rated power.
const CLEAR: f64 = 0.04;
/// Expected share of rated power below which a cap of any use does not bind,
const LIGHT: f64 = 0.25;
/// and the share of power missing there that no cap explains.
const SHARE: f64 = 0.08;
/// Rows in light wind that make such a share believable.
const ROWS: usize = 24;

/// Takes back `high` from the row on at which its cause is seen to be gone, until its own chart ends it.
pub(crate) fn relieve(high: &mut [bool], partial: &[bool], power: &PowerBalance) {
    let (mut ceiling, mut above, mut gone) = (0.0_f64, 0, false);
    let (mut expected, mut actual, mut rows) = (0.0, 0.0, 0);
    let mut was = false;
    for i in 0..high.len() {
        if !high[i] {
            was = false;
            continue;
        }
        if !was {
            (ceiling, above, gone, expected, actual, rows) = (0.0, 0, false, 0.0, 0.0, 0);
            was = true;
        }
        let (e, a) = (power.expected[i], power.actual[i]);
        if !gone && e.is_finite() && a.is_finite() {
            let share = e / power.rated;
            if a > ceiling + CLEAR * power.rated && ceiling > 0.0 {
                above += 1;
            } else if share >= 0.45 && above == 0 {
                ceiling = ceiling.max(a);
            }
            if (0.07..LIGHT).contains(&share) {
                (expected, actual, rows) = (expected + e, actual + a, rows + 1);
            }
            let lightly = rows >= ROWS && actual < (1.0 - SHARE) * expected;
            let ended = lightly && i > 0 && partial[i - 1] && !partial[i];
            gone = above >= ABOVE || ended;
        }
        if gone {
            high[i] = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::relieve;
    use crate::detect::attribution::PowerBalance;

    fn balance(actual: Vec<f64>, expected: Vec<f64>) -> PowerBalance {
        let air = vec![10.0; actual.len()];
        PowerBalance { actual, expected, air, rated: 2000.0, is_turbine: true }
    }

    #[test]
    fn power_above_the_cap_ends_it() {
        let expected = vec![1200.0; 60];
        let actual: Vec<f64> = (0..60).map(|i| if i < 30 { 700.0 } else { 1150.0 }).collect();
        let mut high = vec![true; 60];
        relieve(&mut high, &[false; 60], &balance(actual, expected.clone()));
        assert_eq!(high.iter().filter(|on| **on).count(), 35, "six rows later");
        let mut still = vec![true; 60];
        relieve(&mut still, &[false; 60], &balance(vec![700.0; 60], expected));
        assert!(still.iter().all(|on| *on));
    }

    #[test]
    fn the_end_of_a_share_in_light_wind_ends_it_too() {
        let expected: Vec<f64> = (0..90).map(|i| if i < 30 { 1200.0 } else { 300.0 }).collect();
        let actual: Vec<f64> = (0..90).map(|i| expected[i] * if i < 60 { 0.7 } else { 1.0 }).collect();
        let partial: Vec<bool> = (0..90).map(|i| i < 70).collect();
        let mut high = vec![true; 90];
        relieve(&mut high, &partial, &balance(actual, expected));
        assert_eq!(high.iter().position(|on| !on), Some(70));
    }
}

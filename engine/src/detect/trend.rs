//! Where a warming part is heading: when its excess over the expected will have eaten up what is left to a limit.
//!
//! In: observed and expected temperature since the onset of an incident. Out: an [`Outlook`], a band and never one number.
//! The slope comes from six-hour means by least squares; its error is widened by their lag-one correlation (Bartlett,
//! 1935), since heat comes in slow waves. The limit is a margin above the hottest reading of the training part: limits of
//! makers differ and few are told. Deliberately not here: transformers, whose limits the loading guide knows.

use super::Outlook;
use crate::domain::Frame;
use crate::domain::Quantity;
use jiff::SignedDuration;
use std::ops::Range;

/// Kelvin above the hottest reading of the training part, where a controller would soon warn.
const HEADROOM: f64 = 5.0;
/// Hours of one mean.
const BIN_HOURS: f64 = 6.0;
/// Fewest means that make a slope.
const LEAST_BINS: usize = 8;
/// Days over which the slope is taken, and over which the hottest hour counts.
const DAYS: f64 = 10.0;
/// Nothing is said beyond this, days.
const HORIZON_DAYS: f64 = 90.0;
/// Five and ninety-five percent of a normal law.
const NINETY: f64 = 1.645;

/// The limit that readings of a healthy year imply: their 99.9th percentile and a margin; NaN without readings.
pub(crate) fn hottest(readings: &[f64]) -> f64 {
    let mut known: Vec<f64> = readings.iter().copied().filter(|v| v.is_finite()).collect();
    if known.is_empty() {
        return f64::NAN;
    }
    let place = ((known.len() - 1) as f64 * 0.999) as usize;
    let (_, high, _) = known.select_nth_unstable_by(place, f64::total_cmp);
    *high + HEADROOM
}

/// The outlook as of the last of `rows`; `None` where the excess does not grow, or reaches nothing within ninety days.
pub(crate) fn outlook(
    frame: &Frame,
    quantity: &Quantity,
    (observed, expected): (&[f64], &[f64]),
    limit: f64,
    rows: Range<usize>,
) -> Option<Outlook> {
    let hours = frame.resolution.hours();
    let first = rows.end.saturating_sub((24.0 * DAYS / hours) as usize).max(rows.start);
    let wide = ((BIN_HOURS / hours) as usize).max(1);
    let excess = |i: usize| observed[i] - expected[i];
    let mut bins: Vec<(f64, f64)> = Vec::new();
    for start in (first..rows.end).step_by(wide) {
        let known: Vec<usize> = (start..(start + wide).min(rows.end)).filter(|&i| excess(i).is_finite()).collect();
        if !known.is_empty() {
            let count = known.len() as f64;
            let time = known.iter().map(|&i| i as f64).sum::<f64>() / count * hours;
            bins.push((time, known.iter().map(|&i| excess(i)).sum::<f64>() / count));
        }
    }
    if bins.len() < LEAST_BINS || !limit.is_finite() {
        return None;
    }
    let count = bins.len() as f64;
    let middle = bins.iter().map(|b| b.0).sum::<f64>() / count;
    let height = bins.iter().map(|b| b.1).sum::<f64>() / count;
    let wide: f64 = bins.iter().map(|b| (b.0 - middle).powi(2)).sum();
    let slope = bins.iter().map(|b| (b.0 - middle) * (b.1 - height)).sum::<f64>() / wide;
    let rest: Vec<f64> = bins.iter().map(|b| b.1 - height - slope * (b.0 - middle)).collect();
    let energy: f64 = rest.iter().map(|r| r * r).sum();
    let lag = rest.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / energy.max(1e-12);
    let lag = lag.clamp(0.0, 0.9);
    let error = (energy / (count - 2.0) / wide * (1.0 + lag) / (1.0 - lag)).sqrt();
    let last = rows.end.checked_sub(1)?;
    let now = frame.time(last);
    let present = height + slope * (last as f64 * hours - middle);
    let warmest = (first..rows.end).map(|i| expected[i]).filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    let level = warmest + present;
    let at = |pace: f64| {
        let needed = if level >= limit { 0.0 } else { (limit - level) / pace };
        let soon = (level >= limit || pace > 0.0) && needed <= 24.0 * HORIZON_DAYS;
        soon.then(|| now.saturating_add(SignedDuration::from_secs_f64(needed * 3600.0)).ok())?
    };
    Some(Outlook {
        quantity: quantity.clone(),
        limit,
        level,
        earliest: at(slope + NINETY * error)?,
        median: at(slope),
        latest: at(slope - NINETY * error),
    })
}

#[cfg(test)]
mod tests {
    use super::{hottest, outlook};
    use crate::domain::{Asset, AssetId, AssetKind, Frame, Quantity, Resolution, from_micros};
    use std::collections::BTreeMap;

    fn frame(len: usize) -> Frame {
        let asset = Asset::new(AssetId::parse("T1").unwrap(), AssetKind::WindTurbine);
        Frame::new(asset, from_micros(0), Resolution::parse("PT10M").unwrap(), vec![0; len], BTreeMap::new())
    }

    #[test]
    fn a_band_holds_the_true_time_and_needs_growth() {
        let len = 5 * 144;
        let frame = frame(len);
        let expected: Vec<f64> = (0..len).map(|i| 60.0 + 5.0 * (i as f64 / 40.0).sin()).collect();
        // Two kelvin a day, with ripples of half a kelvin; the hottest hour expects 65.
        let warm = |rate: f64| -> Vec<f64> {
            (0..len).map(|i| expected[i] + rate * i as f64 / 144.0 + 0.5 * (i as f64 / 31.0).sin()).collect()
        };
        let grows = outlook(&frame, &Quantity::GEARBOX_BEARING_TEMP, (&warm(2.0), &expected), 85.0, 0..len).unwrap();
        // 65 + 10 now, ten more at two a day.
        let days = |t: crate::domain::Timestamp| t.duration_since(frame.time(len - 1)).as_secs_f64() / 86_400.0;
        assert!((grows.level - 75.0).abs() < 1.0, "{}", grows.level);
        assert!((days(grows.median.unwrap()) - 5.0).abs() < 0.7);
        assert!(grows.earliest < grows.median.unwrap() && grows.median < grows.latest);
        assert_eq!(outlook(&frame, &Quantity::GEARBOX_BEARING_TEMP, (&warm(-2.0), &expected), 85.0, 0..len), None);
        assert_eq!(outlook(&frame, &Quantity::GEARBOX_BEARING_TEMP, (&warm(2.0), &expected), 85.0, 0..144), None, "too short");
    }

    #[test]
    fn one_wild_reading_sets_no_limit() {
        let mut readings = vec![50.0; 5000];
        readings[7] = 900.0;
        assert_eq!(hottest(&readings), 55.0);
        assert!(hottest(&[f64::NAN]).is_nan());
    }
}

//! What a connection code asks plants and consumers to bear, as data: bands of frequency and voltage with the minutes each
//! must be borne, and rates of change of frequency.
//!
//! Source: Regulation (EU) 2016/631 (RfG), Continental Europe: article 13(1), table 2 (frequency), article 16(2), tables 6.1 and
//! 6.2 (voltage from 110 to 300 kV and from 300 to 400 kV); where it leaves a range to the operator, the least it allows. Morocco is
//! synchronous with that area. Below 110 kV: EN 50160, ±10 %. Rates: ENTSO-E, guidance on rate of change of frequency withstand (2018).

/// A band of values and how long it must be borne.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Infinite for normal operation.
    pub(super) minutes: f64,
}

const fn band(low: f64, high: f64, minutes: f64) -> Band {
    Band { low, high, minutes }
}

/// Shares of the nominal frequency: 47.5, 48.5, 49, 51, 51.5 Hz of 50.
const FREQUENCY: [Band; 4] =
    [band(0.95, 0.97, 30.0), band(0.97, 0.98, 30.0), band(0.98, 1.02, f64::INFINITY), band(1.02, 1.03, 30.0)];

/// Shares of the nominal voltage.
const BELOW_110_KV: [Band; 1] = [band(0.9, 1.1, f64::INFINITY)];
const UP_TO_300_KV: [Band; 3] = [band(0.85, 0.9, 60.0), band(0.9, 1.118, f64::INFINITY), band(1.118, 1.15, 20.0)];
const ABOVE_300_KV: [Band; 3] = [band(0.85, 0.9, 60.0), band(0.9, 1.05, f64::INFINITY), band(1.05, 1.1, 20.0)];

/// Seconds a rate is taken over, and the Hz/s of a 50 Hz grid that must be borne.
pub(super) const RATES: [(f64, f64); 3] = [(0.5, 2.0), (1.0, 1.5), (2.0, 1.25)];

/// Voltages between phases in use, V (IEC 60038 and the levels of the Moroccan grid), and low voltage to neutral.
const LEVELS: [f64; 19] = [
    230.0, 400.0, 690.0, 3300.0, 5500.0, 6600.0, 11_000.0, 15_000.0, 20_000.0, 22_000.0, 30_000.0, 33_000.0, 60_000.0, 63_000.0,
    90_000.0, 110_000.0, 150_000.0, 225_000.0, 400_000.0,
];

/// Bands of frequency as shares of the nominal one.
pub(super) const fn frequency() -> &'static [Band] {
    &FREQUENCY
}

/// Bands of voltage as shares of the nominal one, which is in V.
pub(super) fn voltage(nominal: f64) -> &'static [Band] {
    match nominal {
        v if v < 110_000.0 => &BELOW_110_KV,
        v if v < 300_000.0 => &UP_TO_300_KV,
        _ => &ABOVE_300_KV,
    }
}

/// 50 or 60 Hz, whichever is nearer.
pub(super) fn nominal_frequency(usual: f64) -> f64 {
    if usual < 55.0 { 50.0 } else { 60.0 }
}

/// The level in use that is nearest, if it is within 8 %; else what is usual there.
pub(super) fn nominal_voltage(usual: f64) -> f64 {
    let nearest = LEVELS.into_iter().min_by(|a, b| (a / usual).ln().abs().total_cmp(&(b / usual).ln().abs()));
    nearest.filter(|level| (level / usual - 1.0).abs() < 0.08).unwrap_or(usual)
}

/// Minutes a value must be borne; nought beyond all bands.
pub(super) fn minutes(bands: &[Band], share: f64) -> f64 {
    let holds = bands.iter().filter(|band| share >= band.low - 1e-9 && share <= band.high + 1e-9);
    holds.map(|band| band.minutes).fold(0.0, f64::max)
}

/// The band of normal operation.
pub(super) fn normal(bands: &[Band]) -> Band {
    bands.iter().copied().find(|band| band.minutes.is_infinite()).unwrap_or(band(0.9, 1.1, f64::INFINITY))
}

#[cfg(test)]
mod tests {
    use super::{frequency, minutes, nominal_voltage, normal, voltage};

    #[test]
    fn the_table_says_what_the_code_says() {
        let hertz = |f: f64| minutes(frequency(), f / 50.0);
        let found = [47.4, 47.5, 48.6, 49.0, 50.0, 51.0, 51.2, 51.5, 51.6].map(hertz);
        assert_eq!(found, [0.0, 30.0, 30.0, f64::INFINITY, f64::INFINITY, f64::INFINITY, 30.0, 30.0, 0.0]);
        let kv = |nominal: f64, kv: f64| minutes(voltage(nominal), kv * 1000.0 / nominal);
        assert_eq!([kv(225e3, 190.0), kv(225e3, 195.0), kv(225e3, 250.0), kv(225e3, 255.0)], [0.0, 60.0, f64::INFINITY, 20.0]);
        assert_eq!([kv(400e3, 425.0), kv(400e3, 350.0), kv(22e3, 24.3)], [20.0, 60.0, 0.0]);
        assert_eq!(normal(voltage(60e3)).high, 1.1);
    }

    #[test]
    fn levels_are_recognised() {
        assert_eq!([229e3, 61.2e3, 21.8e3, 408e3].map(nominal_voltage), [225e3, 60e3, 22e3, 400e3]);
        assert_eq!(nominal_voltage(47_000.0), 47_000.0);
    }
}

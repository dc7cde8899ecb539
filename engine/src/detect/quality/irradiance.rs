//! Irradiance beyond what the sun above the place can give, and components that do not add up.
//!
//! In: `ghi`, `dni`, `dhi` of an asset with a place. Out: marks per quantity. Source: Long and Shi (2008), "An automated quality
//! assessment and control algorithm for surface radiation measurements", Open Atmos. Sci. J. 2, the limits of BSRN: physically
//! possible, extremely rare (upper limits; a sensor's own heat radiation at night is below the lower ones every clear night), and
//! the closure of the three components and the diffuse share. Deliberately not here: tilted planes, for which there are no limits.

use super::Reason;
use crate::domain::Frame;
use crate::domain::IntervalLabel;
use crate::domain::Quantity;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::domain::solar::SOLAR_CONSTANT;
use crate::domain::solar::day_of_year;
use crate::domain::solar::extraterrestrial_normal;
use crate::domain::solar::zenith;

/// What is less than this is not possible, W/m².
const LEAST: f64 = -4.0;
/// The sun is looked up this often within an interval, seconds at most between.
const EVERY: i64 = 900;

/// Where the sun is in one row, over its interval.
#[derive(Debug, Clone, Copy)]
struct Sun {
    /// Mean cosine of the zenith angle, 0 below the horizon.
    cosine: f64,
    /// The largest of it.
    most: f64,
    /// Irradiance across the beam above the air, W/m².
    beam: f64,
}

/// Marks of one quantity of the frame; empty where it is no irradiance or the place is unknown.
pub(super) fn implausible(frame: &Frame, quantity: &Quantity) -> Vec<Option<Reason>> {
    let limits: fn(Sun) -> (f64, f64) = match quantity.name() {
        // Long and Shi, table 1: physically possible, extremely rare.
        "ghi" => |s| (s.beam * 1.5 * s.most.powf(1.2) + 100.0, s.beam * 1.2 * s.most.powf(1.2) + 50.0),
        "dhi" => |s| (s.beam * 0.95 * s.most.powf(1.2) + 50.0, s.beam * 0.75 * s.most.powf(1.2) + 30.0),
        "dni" => |s| (s.beam, s.beam * 0.95 * s.most.powf(0.2) + 10.0),
        _ => return Vec::new(),
    };
    let (Some(values), Some(suns)) = (frame.column(quantity), suns(frame)) else { return Vec::new() };
    let [ghi, dni, dhi] = [Quantity::GHI, Quantity::DNI, Quantity::DHI].map(|q| frame.column(&q));
    let of = |column: Option<&[f64]>, row: usize| column.map_or(f64::NAN, |c| c[row]);
    let judge = |row: usize| {
        let (value, sun) = (values[row], suns[row]);
        if !value.is_finite() || sun.beam.is_nan() {
            return None;
        }
        let (possible, rare) = limits(sun);
        if value < LEAST || value > possible {
            return Some(Reason::Impossible);
        }
        let (whole, beam, diffuse) = (of(ghi, row), of(dni, row), of(dhi, row));
        // One flag for what does not add up: at the sum, or at the part that is greater than the sum.
        let apart = match quantity.name() {
            "ghi" => does_not_close(whole, beam, diffuse, sun),
            "dhi" => diffuse_above_global(whole, diffuse, sun),
            _ => false,
        };
        if apart {
            return Some(Reason::Closure);
        }
        (value > rare).then_some(Reason::Rare)
    };
    (0..values.len()).map(judge).collect()
}

/// Long and Shi, table 2: the sum of the components within 8 % (15 % with a low sun), where there is light.
fn does_not_close(whole: f64, beam: f64, diffuse: f64, sun: Sun) -> bool {
    let sum = beam * sun.cosine + diffuse;
    let within = if sun.cosine > 75_f64.to_radians().cos() { 0.08 } else { 0.15 };
    sum > 50.0 && sun.cosine > 0.0 && (whole / sum - 1.0).abs() > within
}

/// Long and Shi, table 2: diffuse at most 5 % above global (10 % with a low sun), where there is light.
fn diffuse_above_global(whole: f64, diffuse: f64, sun: Sun) -> bool {
    let most = if sun.cosine > 75_f64.to_radians().cos() { 1.05 } else { 1.10 };
    whole > 50.0 && sun.cosine > 0.0 && diffuse / whole > most
}

/// The sun of every row; `None` without a place.
fn suns(frame: &Frame) -> Option<Vec<Sun>> {
    let place = frame.asset.location?;
    let step = frame.resolution.seconds();
    let label = frame.asset.attributes.get("interval_label").and_then(|text| IntervalLabel::parse(text).ok()).unwrap_or_default();
    let lead = match label {
        IntervalLabel::Beginning => 0,
        IntervalLabel::Ending => -step,
        IntervalLabel::Instant => -step / 2,
    };
    if step > 6 * 3600 {
        return None;
    }
    let looks = (step / EVERY).max(1);
    let sun = |row: usize| {
        let start = micros(frame.time(row)) / 1_000_000 + lead;
        let cosines = (0..looks).map(|k| {
            let at = start + step * (2 * k + 1) / (2 * looks);
            zenith(from_micros(at * 1_000_000), place).to_radians().cos().max(0.0)
        });
        let (sum, most) = cosines.fold((0.0, 0.0_f64), |(sum, most), c| (sum + c, most.max(c)));
        Sun { cosine: sum / looks as f64, most, beam: extraterrestrial_normal(day_of_year(frame.time(row)), SOLAR_CONSTANT) }
    };
    Some((0..frame.len).map(sun).collect())
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::tests::frame_of;
    use super::implausible;
    use crate::domain::Frame;
    use crate::domain::Location;
    use crate::domain::Quantity;
    use crate::domain::solar::clearsky_ghi;
    use crate::domain::solar::zenith;

    const PLACE: Location = Location { latitude: 30.93, longitude: -6.9 };

    /// Three clear days of ten minutes: global of the clear sky, a fifth of it diffuse, and the beam that closes them.
    fn clear(spoil: impl Fn(usize, &mut [f64; 3])) -> Frame {
        let empty = frame_of(vec![(Quantity::GHI, vec![0.0; 432])], "PT10M", "2023-06-01T00:00:00Z");
        let mut columns = [vec![], vec![], vec![]];
        for row in 0..432 {
            let middle = empty.time(row) + jiff::SignedDuration::from_mins(5);
            let ghi = clearsky_ghi(middle, PLACE);
            let cosine = zenith(middle, PLACE).to_radians().cos();
            let mut values =
                [ghi, if cosine > 0.05 { 0.8 * ghi / cosine } else { 0.0 }, if cosine > 0.05 { 0.2 * ghi } else { ghi }];
            spoil(row, &mut values);
            columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        }
        let names = [Quantity::GHI, Quantity::DNI, Quantity::DHI];
        let mut frame = frame_of(names.into_iter().zip(columns).collect(), "PT10M", "2023-06-01T00:00:00Z");
        frame.asset.location = Some(PLACE);
        frame
    }

    fn marks(frame: &Frame, quantity: &Quantity) -> Vec<(usize, Reason)> {
        implausible(frame, quantity).into_iter().enumerate().filter_map(|(row, mark)| Some((row, mark?))).collect()
    }

    #[test]
    fn a_clear_sky_passes() {
        let frame = clear(|_, _| {});
        for quantity in [Quantity::GHI, Quantity::DNI, Quantity::DHI] {
            assert!(marks(&frame, &quantity).is_empty(), "{quantity}");
        }
        assert!(implausible(&frame, &Quantity::POA_GLOBAL).is_empty());
    }

    #[test]
    fn light_at_night_too_much_light_and_a_sum_that_is_none_are_told_apart() {
        let frame = clear(|row, values| match row {
            0 => values[0] = 300.0,
            1 => values[0] = -9.0,
            72 => *values = [1400.0, 1300.0, 150.0],
            74 => values[0] *= 0.7,
            76 => values[2] = 1.2 * values[0],
            _ => {}
        });
        assert_eq!(
            marks(&frame, &Quantity::GHI),
            [(0, Reason::Impossible), (1, Reason::Impossible), (74, Reason::Closure), (76, Reason::Closure)]
        );
        assert_eq!(marks(&frame, &Quantity::DHI).iter().map(|mark| mark.0).collect::<Vec<_>>(), [76]);
        assert_eq!(marks(&frame, &Quantity::DNI), [(72, Reason::Rare)]);
    }
}

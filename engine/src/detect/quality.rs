//! Is the datum good? Flags for values that are out of range, frozen, jumping, made up, held at a ceiling or missing.
//!
//! In: one frame. Out: [`QualityFlag`]s for the table `quality_flags`, at most one per value: the first reason in the
//! order of [`Reason`]. It looks at the whole frame (a run is flagged from its first row), so it cleans data and judges
//! no machine; that is `watch`. Nights and rest are zeros and are never stale. Source: pvanalytics 0.2, `quality`.

mod run;
mod spike;

use crate::domain::AssetId;
use crate::domain::Frame;
use crate::domain::Quality;
use crate::domain::Quantities;
use crate::domain::Quantity;
use crate::domain::Timestamp;
use run::equal_runs;
use run::linear_runs;
use spike::clipped;
use spike::outliers;
use spike::spikes;

/// What is wrong with a value, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Outside what physics or the asset's capacity allows.
    OutOfRange,
    /// The same non-zero value again and again.
    Stale,
    /// On a straight line between its neighbours: filled in by somebody.
    Interpolated,
    /// A jump there and back.
    Spike,
    /// Held at a ceiling.
    Clipped,
    /// Far from anything seen in the series.
    Outlier,
    /// No value where the grid expects one.
    Gap,
}

impl Reason {
    /// The word stored in `quality_flags.reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutOfRange => "out_of_range",
            Self::Stale => "stale",
            Self::Gap => "gap",
            Self::Spike => "spike",
            Self::Interpolated => "interpolated",
            Self::Clipped => "clipped",
            Self::Outlier => "outlier",
        }
    }

    /// What the value is worth.
    pub const fn quality(self) -> Quality {
        match self {
            Self::OutOfRange | Self::Gap => Quality::Invalid,
            Self::Interpolated => Quality::Estimated,
            Self::Stale | Self::Spike | Self::Clipped | Self::Outlier => Quality::Questionable,
        }
    }
}

/// One row of `quality_flags`.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityFlag {
    /// Whose value.
    pub asset: AssetId,
    /// Which column.
    pub quantity: Quantity,
    /// Time of the row.
    pub time: Timestamp,
    /// `Invalid` for what cannot be true, `Estimated` for filled values, else `Questionable`.
    pub quality: Quality,
    /// What is wrong.
    pub reason: Reason,
    /// The value as it came, NaN for a gap.
    pub raw_value: f64,
}

/// Knobs of the quality checks.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityOptions {
    /// Equal non-zero values in a row that count as stale.
    pub stale_run: usize,
    /// Equal non-zero increments in a row that count as interpolated.
    pub linear_run: usize,
    /// Robust deviations of an increment, there and back, that count as a spike.
    pub spike: f64,
    /// Standard deviations from the mean that count as an outlier.
    pub outlier: f64,
    /// Power beyond this many times the capacity is out of range, on either side of zero.
    pub over_capacity: f64,
}

impl Default for QualityOptions {
    fn default() -> Self {
        Self { stale_run: 6, linear_run: 5, spike: 12.0, outlier: 4.5, over_capacity: 1.5 }
    }
}

/// Columns that stand still by nature: orders, codes and registers.
const STEADY: [Quantity; 4] =
    [Quantity::TURBINE_STATUS, Quantity::ACTIVE_POWER_LIMIT, Quantity::ACTIVE_ENERGY, Quantity::PRECIPITATION];
/// Columns that wrap or swing by nature: a jump means nothing.
const SWINGING: [Quantity; 4] =
    [Quantity::WIND_DIRECTION, Quantity::NACELLE_DIRECTION, Quantity::BLADE_PITCH_ANGLE, Quantity::TRACKER_ANGLE];

/// Flags of one frame, by quantity, then time. A gap of many rows has a flag at its first row only.
pub fn quality_flags(frame: &Frame, known: &Quantities, options: &QualityOptions) -> Vec<QualityFlag> {
    let mut out = Vec::new();
    for quantity in frame.quantities() {
        let Some(column) = frame.column(quantity) else { continue };
        let reasons = reasons(frame, quantity, column, known, options);
        out.extend(reasons.into_iter().enumerate().filter_map(|(row, reason)| {
            let reason = reason?;
            Some(QualityFlag {
                asset: frame.asset.id.clone(),
                quantity: quantity.clone(),
                time: frame.time(row),
                quality: reason.quality(),
                reason,
                raw_value: column[row],
            })
        }));
    }
    out
}

fn reasons(
    frame: &Frame,
    quantity: &Quantity,
    column: &[f64],
    known: &Quantities,
    options: &QualityOptions,
) -> Vec<Option<Reason>> {
    let mut out: Vec<Option<Reason>> = vec![None; column.len()];
    let mut mark = |rows: Vec<bool>, reason: Reason| {
        for (slot, hit) in out.iter_mut().zip(rows) {
            if hit {
                *slot = Some(slot.map_or(reason, |held| held.min(reason)));
            }
        }
    };
    let (low, high) = range(frame, quantity, known, options);
    mark(column.iter().map(|v| v.is_finite() && !(low..=high).contains(v)).collect(), Reason::OutOfRange);
    mark((0..column.len()).map(|i| column[i].is_nan() && (i == 0 || column[i - 1].is_finite())).collect(), Reason::Gap);
    if STEADY.contains(quantity) {
        return out;
    }
    let good: Vec<f64> = column.iter().map(|v| if (low..=high).contains(v) { *v } else { f64::NAN }).collect();
    mark(equal_runs(&good, options.stale_run), Reason::Stale);
    mark(linear_runs(&good, options.linear_run), Reason::Interpolated);
    if !SWINGING.contains(quantity) {
        mark(spikes(&good, options.spike), Reason::Spike);
        mark(outliers(&good, options.outlier), Reason::Outlier);
    }
    if *quantity == Quantity::ACTIVE_POWER && frame.asset.kind.is_producer() {
        mark(clipped(&good), Reason::Clipped);
    }
    out
}

/// The physical range; for power of a machine of known capacity that of the machine.
fn range(frame: &Frame, quantity: &Quantity, known: &Quantities, options: &QualityOptions) -> (f64, f64) {
    let (low, high) = known.get(quantity.name()).map_or((f64::NEG_INFINITY, f64::INFINITY), |(_, info)| info.range);
    let power = [Quantity::ACTIVE_POWER, Quantity::AVAILABLE_POWER, Quantity::ACTIVE_POWER_LIMIT].contains(quantity);
    match frame.asset.capacity_kw.filter(|capacity| power && *capacity > 0.0) {
        Some(capacity) => (low.max(-options.over_capacity * capacity), high.min(options.over_capacity * capacity)),
        None => (low, high),
    }
}

#[cfg(test)]
mod tests {
    use super::{Quality, QualityOptions, Reason, quality_flags};
    use crate::domain::Asset;
    use crate::domain::AssetId;
    use crate::domain::AssetKind;
    use crate::domain::Frame;
    use crate::domain::Quantities;
    use crate::domain::Quantity;
    use crate::domain::Resolution;
    use crate::domain::from_micros;
    use std::collections::BTreeMap;

    /// Ten days of a solar day with a little texture, nights at zero.
    fn sunny() -> Vec<f64> {
        let day = |i: usize| ((i % 96) as f64 - 24.0) / 48.0;
        let sun = |i: usize| if (0.0..1.0).contains(&day(i)) { (day(i) * std::f64::consts::PI).sin() } else { 0.0 };
        (0..960).map(|i| 100.0 * sun(i) * (1.0 + 0.05 * ((i * i) as f64 * 0.7).sin())).collect()
    }

    fn reasons(values: &[f64]) -> Vec<(usize, Reason)> {
        let mut asset = Asset::new(AssetId::parse("I1").unwrap(), AssetKind::PvInverter);
        asset.capacity_kw = Some(150.0);
        let columns = BTreeMap::from([(Quantity::ACTIVE_POWER, values.to_vec())]);
        let frame = Frame::new(asset, from_micros(0), Resolution::parse("PT15M").unwrap(), vec![0; values.len()], columns);
        let flags = quality_flags(&frame, &Quantities::standard(), &QualityOptions::default());
        flags.into_iter().map(|f| (frame.index_at(f.time), f.reason)).collect()
    }

    #[test]
    fn clean_days_and_nights_have_no_flags() {
        assert_eq!(reasons(&sunny()), []);
    }

    #[test]
    fn planted_faults_are_found_where_they_are() {
        let mut values = sunny();
        let stale = values[40];
        values[41..48].fill(stale);
        values[140] = 400.0;
        values[236..240].fill(f64::NAN);
        values[334] = -90.0;
        let step = (values[440] - values[430]) / 10.0;
        for i in 431..440 {
            values[i] = values[430] + step * (i - 430) as f64;
        }
        let found = reasons(&values);
        let of = |reason: Reason| found.iter().filter(|f| f.1 == reason).map(|f| f.0).collect::<Vec<_>>();
        assert_eq!(of(Reason::Stale), (40..48).collect::<Vec<_>>());
        assert_eq!(of(Reason::OutOfRange), [140]);
        assert_eq!(of(Reason::Gap), [236]);
        assert_eq!(of(Reason::Spike), [334]);
        assert_eq!(of(Reason::Interpolated), (430..=440).collect::<Vec<_>>());
        assert_eq!(found.len(), 8 + 1 + 1 + 1 + 11, "{found:?}");
        assert_eq!(Reason::Interpolated.quality(), Quality::Estimated);
    }
}

//! A meter against the sum of what it measures: the inverters of a plant, the turbines of a farm, the feeders of a region.
//!
//! In: frames of the meter and its parts, in as many pieces as memory allows. Out: flags on days whose energies are not in their usual
//! ratio (losses and own use make it other than one). Steps in which a part is missing count on neither side.

use super::super::regression::centre_and_spread;
use super::QualityFlag;
use super::Reason;
use crate::domain::Asset;
use crate::domain::AssetKind;
use crate::domain::Frame;
use crate::domain::Quantity;
use crate::domain::from_micros;
use crate::domain::micros;
use std::collections::BTreeMap;

/// Days that make a usual ratio.
const LEAST_DAYS: usize = 20;
/// Hours of a day in which all are there.
const LEAST_HOURS: f64 = 4.0;
/// Smallest day that is compared, as a share of the largest.
const LEAST_SHARE: f64 = 0.03;
/// How far a day may lie from the usual ratio: a share of it, and robust deviations of the days.
const APART: f64 = 0.05;
const DEVIATIONS: f64 = 8.0;
/// Ratios between which the parts can be those of the meter.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = 0.5..=1.5;

/// A meter and what it measures.
#[derive(Debug, Clone, PartialEq)]
pub struct MeterOf {
    /// The meter, plant or region.
    pub whole: Asset,
    /// What adds up to it, at least two.
    pub parts: Vec<Asset>,
    /// The quantity that adds up.
    pub quantity: Quantity,
}

/// Every asset that has parts to compare it with: plants and their meters with machines, regions with the meters in them.
pub fn meters(assets: &[Asset]) -> Vec<MeterOf> {
    let machine = |asset: &Asset| matches!(asset.kind, AssetKind::WindTurbine | AssetKind::PvInverter);
    let of = |whole: &Asset| {
        let below = |asset: &&Asset| asset.parent_id.as_ref() == Some(&whole.id);
        let beside = |asset: &&Asset| asset.parent_id.is_some() && asset.parent_id == whole.parent_id;
        let (parts, quantity): (Vec<&Asset>, Quantity) = match whole.kind {
            AssetKind::WindPlant | AssetKind::PvPlant => {
                (assets.iter().filter(below).filter(|a| machine(a)).collect(), Quantity::ACTIVE_POWER)
            }
            AssetKind::Region => (assets.iter().filter(below).filter(|a| a.kind == AssetKind::Meter).collect(), Quantity::LOAD),
            AssetKind::Meter => {
                let own: Vec<&Asset> = assets.iter().filter(below).filter(|a| machine(a)).collect();
                let parts = if own.is_empty() { assets.iter().filter(beside).filter(|a| machine(a)).collect() } else { own };
                (parts, Quantity::ACTIVE_POWER)
            }
            _ => return None,
        };
        (parts.len() >= 2).then(|| MeterOf { whole: whole.clone(), parts: parts.into_iter().cloned().collect(), quantity })
    };
    assets.iter().filter_map(of).collect()
}

/// Daily energies of a meter and of its parts.
#[derive(Debug)]
pub struct Balance {
    of: MeterOf,
    days: BTreeMap<i64, Day>,
}

#[derive(Debug, Clone, Copy)]
struct Day {
    first: i64,
    last: i64,
    whole: f64,
    parts: f64,
    hours: f64,
}

impl Balance {
    /// Nothing compared yet.
    pub const fn new(of: MeterOf) -> Self {
        Self { of, days: BTreeMap::new() }
    }

    /// Adds a piece of history: frames of the meter and of its parts, in any order. Pieces must not overlap.
    pub fn add(&mut self, frames: &[Frame]) {
        let step = frames.iter().map(|f| f.resolution.seconds()).max().unwrap_or(0);
        let find = |asset: &Asset| frames.iter().find(|f| f.asset.id == asset.id).and_then(|f| steps(f, &self.of.quantity, step));
        let Some(whole) = find(&self.of.whole) else { return };
        let parts: Option<Vec<_>> = self.of.parts.iter().map(find).collect();
        let Some(parts) = parts else { return };
        for (at, own) in whole {
            let sum = parts.iter().map(|part| part.get(&at).copied()).sum::<Option<f64>>();
            let Some(sum) = sum else { continue };
            let (first, hours) = (at * step, step as f64 / 3600.0);
            let day =
                self.days.entry(first.div_euclid(86_400)).or_insert(Day { first, last: first, whole: 0.0, parts: 0.0, hours: 0.0 });
            *day = Day {
                first: day.first.min(first),
                last: day.last.max(first),
                whole: day.whole + own * hours,
                parts: day.parts + sum * hours,
                hours: day.hours + hours,
            };
        }
    }

    /// One flag on the meter per day that is not in the usual ratio, with the energy of the parts expected by it left to the reader:
    /// `raw_value` is what the meter says beyond them, kWh.
    pub fn flags(&self) -> Vec<QualityFlag> {
        let largest = self.days.values().map(|day| day.parts.abs()).fold(0.0, f64::max);
        let large = |day: &&Day| day.hours >= LEAST_HOURS && day.parts.abs() > LEAST_SHARE * largest;
        let ratios: Vec<f64> = self.days.values().filter(large).map(|day| day.whole / day.parts).collect();
        if ratios.len() < LEAST_DAYS {
            return Vec::new();
        }
        let (usual, spread) = centre_and_spread(ratios);
        if !PLAUSIBLE.contains(&usual.abs()) {
            return Vec::new();
        }
        let apart = (APART * usual.abs()).max(DEVIATIONS * spread);
        let odd = self.days.values().filter(large).filter(|day| (day.whole / day.parts - usual).abs() > apart);
        odd.map(|day| QualityFlag {
            asset: self.of.whole.id.clone(),
            quantity: self.of.quantity.clone(),
            time: from_micros(day.first * 1_000_000),
            until: (day.last > day.first).then(|| from_micros(day.last * 1_000_000)),
            quality: Reason::MeterMismatch.quality(),
            reason: Reason::MeterMismatch,
            raw_value: day.whole - usual * day.parts,
        })
        .collect()
    }
}

/// Means over steps of that many seconds in which every row is there, by number of the step since 1970.
fn steps(frame: &Frame, quantity: &Quantity, step: i64) -> Option<BTreeMap<i64, f64>> {
    let own = frame.resolution.seconds();
    let values = frame.column(quantity)?;
    if step == 0 || step % own != 0 {
        return None;
    }
    let mut sums: BTreeMap<i64, (f64, i64)> = BTreeMap::new();
    let start = micros(frame.start) / 1_000_000;
    for (row, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
        let sum = sums.entry((start + own * row as i64).div_euclid(step)).or_default();
        *sum = (sum.0 + value, sum.1 + 1);
    }
    Some(sums.into_iter().filter(|(_, (_, n))| *n == step / own).map(|(at, (sum, n))| (at, sum / n as f64)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::frame;
    use super::{Balance, Frame, meters};
    use crate::domain::Asset;
    use crate::domain::AssetId;
    use crate::domain::AssetKind;

    fn plant() -> Vec<Asset> {
        let asset = |id: &str, kind, parent: Option<&str>| {
            let mut asset = Asset::new(AssetId::parse(id).unwrap(), kind);
            asset.parent_id = parent.map(|p| AssetId::parse(p).unwrap());
            asset
        };
        vec![
            asset("P", AssetKind::PvPlant, None),
            asset("I1", AssetKind::PvInverter, Some("P")),
            asset("I2", AssetKind::PvInverter, Some("P")),
            asset("M", AssetKind::Meter, Some("P")),
        ]
    }

    /// Sixty days of two inverters at ten minutes and a meter of hours that sees 98 % of them.
    fn frames(meter: impl Fn(usize, f64) -> f64) -> Vec<Frame> {
        let inverter = |k: f64| (0..60 * 144).map(move |i| k * (60.0 + 30.0 * (i as f64 / 50.0).sin())).collect::<Vec<_>>();
        let (a, b) = (inverter(1.0), inverter(1.1));
        let hour = |h: usize| (0..6).map(|k| a[6 * h + k] + b[6 * h + k]).sum::<f64>() / 6.0;
        let whole: Vec<f64> = (0..60 * 24).map(|h| meter(h / 24, 0.98 * hour(h) + 0.1 * (h % 7) as f64)).collect();
        let mut out = vec![
            frame(&a, "PT10M", "2026-01-01T00:00:00Z"),
            frame(&b, "PT10M", "2026-01-01T00:00:00Z"),
            frame(&whole, "PT1H", "2026-01-01T00:00:00Z"),
        ];
        for (frame, asset) in out.iter_mut().zip(&plant()[1..]) {
            frame.asset = asset.clone();
        }
        out
    }

    fn days(frames: &[Frame]) -> Vec<String> {
        let of = meters(&plant()).into_iter().find(|of| of.whole.id.as_str() == "M").unwrap();
        let mut balance = Balance::new(of);
        balance.add(frames);
        balance.flags().iter().map(|flag| flag.time.to_string()).collect()
    }

    #[test]
    fn days_out_of_the_usual_ratio_are_flagged() {
        assert_eq!(meters(&plant()).len(), 2);
        assert!(days(&frames(|_, v| v)).is_empty());
        assert_eq!(days(&frames(|day, v| if day == 30 { 0.85 * v } else { v })), ["2026-01-31T00:00:00Z"]);
        assert_eq!(days(&frames(|day, v| if day == 30 { -v } else { v })).len(), 1);
    }

    #[test]
    fn an_inverter_that_is_silent_is_no_mismatch() {
        let mut silent = frames(|_, v| v);
        let values: Vec<f64> = silent[1].column(&super::Quantity::ACTIVE_POWER).unwrap().to_vec();
        let gap: Vec<f64> = values.iter().enumerate().map(|(i, v)| if (3000..3100).contains(&i) { f64::NAN } else { *v }).collect();
        let asset = silent[1].asset.clone();
        silent[1] = frame(&gap, "PT10M", "2026-01-01T00:00:00Z");
        silent[1].asset = asset;
        assert!(days(&silent).is_empty());
        assert!(days(&silent[..2]).is_empty());
    }
}

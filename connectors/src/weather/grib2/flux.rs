//! Totals of radiation since some time, taken apart into means over the steps between them.
//!
//! In: energies over stretches of one run that begin together (ECMWF's since the start of the run, GFS's since the last multiple of six
//! hours), in any order, of any number of files. Out: cells: the mean flux of each step, at its beginning.

use super::super::cells::Cells;
use super::super::cells::Run;
use super::shown;
use engine::domain::AssetId;
use engine::domain::Quantities;
use engine::source::Reject;
use std::collections::BTreeMap;

/// Longest mean that says something about its hours, in microseconds (6 h, the longest step of the large centres' public files).
const LONGEST: i64 = 6 * 3_600_000_000;

/// Energy over a stretch, J/m².
#[derive(Debug, Clone, Copy)]
pub(super) struct Total {
    pub(super) quantity: &'static str,
    /// Microseconds UTC.
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) energy: f64,
}

/// Energies by run, asset, quantity and beginning, each with its ends.
#[derive(Debug, Default)]
pub(in crate::weather) struct Fluxes {
    totals: BTreeMap<(Run, AssetId, &'static str, i64), BTreeMap<i64, f64>>,
}

impl Fluxes {
    /// Takes one total; that of an empty stretch (step 0) says nothing.
    pub(super) fn put(&mut self, run: &Run, asset: &AssetId, total: Total) {
        if total.to > total.from {
            let key = (run.clone(), asset.clone(), total.quantity, total.from);
            self.totals.entry(key).or_default().insert(total.to, total.energy);
        }
    }

    /// Hands over the mean fluxes of all steps and forgets the totals.
    pub(in crate::weather) fn empty_into(&mut self, cells: &mut Cells, rejects: &mut Vec<Reject>) {
        let quantities = Quantities::standard();
        for ((run, asset, quantity, from), ends) in std::mem::take(&mut self.totals) {
            let (mut before, mut held) = (from, 0.0);
            for (to, energy) in ends {
                let (start, mean) = (before, (energy - held) / ((to - before) as f64 / 1e6));
                (before, held) = (to, energy);
                if to - start > LONGEST {
                    let detail = format!(
                        "{quantity} for {asset} is one mean from {} to {}; give the files of the steps between as well, in the same command",
                        shown(start),
                        shown(to)
                    );
                    rejects.push(Reject { line: None, reason: "long_interval", detail, raw: String::new() });
                    continue;
                }
                // Differences of packed totals are a little below nought at night.
                let mean = if (-20.0..0.0).contains(&mean) { 0.0 } else { mean };
                cells.check_and_put((&run, start, &asset), (quantity, mean), &quantities, rejects);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_become_means_of_their_steps_whatever_their_order() {
        let hour = 3_600_000_000;
        let run = Run { source: "x".into(), init: 0, known: 6 * hour };
        let asset = AssetId::parse("a").unwrap();
        let mut fluxes = Fluxes::default();
        for (from, to, energy) in [(0, 3, 3.6e6), (0, 1, 0.36e6), (0, 0, 0.0), (0, 6, 3.5e6), (6, 9, 10.8e6), (9, 24, 1e6)] {
            fluxes.put(&run, &asset, Total { quantity: "ghi", from: from * hour, to: to * hour, energy });
        }
        let (mut cells, mut rejects) = (Cells::default(), Vec::new());
        fluxes.empty_into(&mut cells, &mut rejects);
        let batch = cells.into_batch().unwrap().unwrap();
        let ghi = arrow::array::AsArray::as_primitive::<arrow::datatypes::Float64Type>(&batch["ghi"]);
        assert_eq!(ghi.values().to_vec(), [100.0, 450.0, 0.0, 1000.0]);
        assert_eq!((rejects.len(), rejects[0].reason), (1, "long_interval"));
        assert!(rejects[0].detail.contains("1970-01-01T09:00:00Z"), "{}", rejects[0].detail);
    }
}

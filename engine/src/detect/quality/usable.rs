//! Frames without the values nobody should learn from.
//!
//! In: frames and their flags. Out: the same frames, NaN where a flag speaks against learning ([`Reason::bars_learning`]).

use super::QualityFlag;
use super::QualityOptions;
use super::quality_flags;
use crate::domain::Frame;
use crate::domain::Quantities;
use crate::domain::Timestamp;
use std::collections::BTreeMap;

/// The frame without the values that `flags` (those of its asset) bar from learning.
#[must_use]
pub fn usable(frame: &Frame, flags: &[QualityFlag]) -> Frame {
    let mut columns: BTreeMap<_, Vec<f64>> =
        frame.quantities().filter_map(|quantity| Some((quantity.clone(), frame.column(quantity)?.to_vec()))).collect();
    for flag in flags.iter().filter(|flag| flag.asset == frame.asset.id && flag.reason.bars_learning()) {
        let (first, last) = (frame.index_at(flag.time), frame.index_at(flag.until.unwrap_or(flag.time)));
        if let Some(column) = columns.get_mut(&flag.quantity) {
            for value in column.iter_mut().take(last + 1).skip(first) {
                *value = f64::NAN;
            }
        }
    }
    Frame::new(frame.asset.clone(), frame.start, frame.resolution, frame.available_at.clone(), columns)
}

/// The frame as it is fit to learn from before `train_until`: rows before it are judged by themselves and cleaned, rows from it on
/// stay as they came, so that nothing after `train_until` has a say in what is learnt.
#[must_use]
pub fn fit_to_learn_from(frame: &Frame, known: &Quantities, options: &QualityOptions, train_until: Timestamp) -> Frame {
    let end = frame.index_at(train_until);
    let cut = |column: &[f64]| column[..end].to_vec();
    let columns = frame.quantities().filter_map(|q| Some((q.clone(), cut(frame.column(q)?)))).collect();
    let before = Frame::new(frame.asset.clone(), frame.start, frame.resolution, frame.available_at[..end].to_vec(), columns);
    usable(frame, &quality_flags(&before, known, options))
}

#[cfg(test)]
mod tests {
    use super::super::tests::frame;
    use super::{QualityOptions, fit_to_learn_from};
    use crate::domain::Quantities;
    use crate::domain::Quantity;

    #[test]
    fn what_is_bad_is_left_out_of_learning_and_what_comes_later_is_not_touched() {
        let mut values: Vec<f64> =
            (0..960).map(|i| 50.0 + 40.0 * (f64::from(i) / 20.0).sin() + 0.3 * f64::from(i * i % 7)).collect();
        values[100..120].fill(33.3);
        values[700..720].fill(44.4);
        let all = frame(&values, "PT15M", "2026-01-01T00:00:00Z");
        let clean = fit_to_learn_from(&all, &Quantities::standard(), &QualityOptions::default(), all.time(480));
        let column = clean.column(&Quantity::ACTIVE_POWER).unwrap();
        assert!(column[100..120].iter().all(|v| v.is_nan()));
        assert!(column[700..720].iter().all(|v| *v == 44.4));
        assert_eq!(column.iter().filter(|v| v.is_nan()).count(), 20);
    }
}

//! One column on the target's grid, with sums that make means cheap, and who knew what when.
//!
//! In: values and the moment each became known. Out: a [`Channel`] that can be masked for an issue time, a [`Series`] that
//! answers values, means and the last known value. The mask here is the telemetry leak filter of the forecasting rooms.

use super::Calendar;
use super::mask::Edit;
use super::normal::{Normal, Scale};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Day and edge an envelope was worked out for, see [`super::envelope`].
type EnvelopeKey = (usize, usize);

/// Dense values with prefix sums; NaN is missing.
#[derive(Debug)]
pub struct Series {
    values: Vec<f64>,
    sums: Vec<f64>,
    counts: Vec<u32>,
    last: Vec<u32>,
    /// Envelopes that were asked for: they depend on nothing but the values before their edge.
    envelopes: Mutex<BTreeMap<EnvelopeKey, Arc<Vec<f64>>>>,
}

impl Series {
    /// Prefix sums over `values`.
    pub fn new(values: Vec<f64>) -> Self {
        let (mut sums, mut counts, mut last) = (vec![0.0], vec![0u32], vec![u32::MAX]);
        let (mut sum, mut count, mut newest) = (0.0, 0u32, u32::MAX);
        for (i, &value) in values.iter().enumerate() {
            if value.is_finite() {
                sum += value;
                count += 1;
                newest = i as u32;
            }
            sums.push(sum);
            counts.push(count);
            last.push(newest);
        }
        Self { values, sums, counts, last, envelopes: Mutex::default() }
    }

    /// The envelope of that key, worked out by `of` the first time.
    pub(super) fn envelope(&self, key: EnvelopeKey, of: impl FnOnce() -> Vec<f64>) -> Arc<Vec<f64>> {
        let held = || self.envelopes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = held().get(&key) {
            return Arc::clone(found);
        }
        let made = Arc::new(of());
        held().insert(key, Arc::clone(&made));
        made
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Value of row `index`, NaN outside.
    pub fn get(&self, index: usize) -> f64 {
        self.values.get(index).copied().unwrap_or(f64::NAN)
    }

    /// Mean of the known values in `[from, to)`, NaN when there are none.
    pub fn mean(&self, from: usize, to: usize) -> f64 {
        let to = to.min(self.values.len());
        if from >= to {
            return f64::NAN;
        }
        let count = self.counts[to] - self.counts[from];
        if count == 0 { f64::NAN } else { (self.sums[to] - self.sums[from]) / f64::from(count) }
    }

    /// Known values in `[from, to)`.
    pub fn known(&self, from: usize, to: usize) -> usize {
        let to = to.min(self.values.len());
        if from >= to { 0 } else { (self.counts[to] - self.counts[from]) as usize }
    }

    /// Index of the last known value before `end`.
    pub fn last_before(&self, end: usize) -> Option<usize> {
        let newest = self.last[end.min(self.values.len())];
        (newest != u32::MAX).then_some(newest as usize)
    }

    /// Values of `[from, to)`.
    pub fn slice(&self, from: usize, to: usize) -> &[f64] {
        let to = to.min(self.values.len());
        &self.values[from.min(to)..to]
    }
}

/// A column and, per row, the first origin (grid index) at which the row may be used; and values that change at later origins.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    base: Arc<Series>,
    first_seen: Vec<u32>,
    normal: Arc<OnceLock<Normal>>,
    /// By when they are seen.
    edits: Arc<[Edit]>,
    /// The edition asked for last: origins mostly rise.
    edition: Arc<Mutex<Option<Edition>>>,
}

/// A column after its first so many edits.
#[derive(Debug, Clone)]
struct Edition {
    edits: usize,
    base: Arc<Series>,
    normal: Arc<OnceLock<Normal>>,
}

/// A column as known at an origin, with the normal that goes with it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// The values.
    pub(crate) series: Arc<Series>,
    shared: Arc<OnceLock<Normal>>,
    base: Arc<Series>,
    own: Arc<OnceLock<Normal>>,
}

impl Known {
    /// The calendar normal of the rows known before `edge`, and the edge its anomalies may be read to. That of the whole column
    /// serves as long as no row before the edge is masked; a few masked rows at the end move the edge back, more of them make
    /// the masked column learn its own.
    pub(crate) fn normal(&self, calendar: &Calendar, slots: usize, scale: Scale, edge: usize) -> (&Normal, usize) {
        let same = |to: usize| self.base.known(0, to) == self.series.known(0, to);
        let (mut low, mut high) = (edge.saturating_sub(2 * slots), edge);
        if same(low) {
            while low < high {
                let middle = (low + high).div_ceil(2);
                if same(middle) { low = middle } else { high = middle - 1 }
            }
            return (self.shared.get_or_init(|| Normal::fit(&self.base, calendar, slots, scale)), low);
        }
        (self.own.get_or_init(|| Normal::fit(&self.series, calendar, slots, scale)), edge)
    }
}

impl Channel {
    pub(crate) fn new(values: Vec<f64>, first_seen: Vec<u32>) -> Self {
        let (edits, edition) = (Arc::new([]), Arc::default());
        Self { base: Arc::new(Series::new(values)), first_seen, normal: Arc::default(), edits, edition }
    }

    /// The same column with values that change at later origins, by when they are seen.
    pub(crate) fn edited(self, edits: Vec<Edit>) -> Self {
        Self { edits: edits.into(), ..self }
    }

    /// The column as known at origin `origin`: shared where every earlier row was known, masked where not.
    pub(crate) fn known_at(&self, origin: usize) -> Known {
        let Edition { base, normal: shared, .. } = self.edition(self.edits.partition_point(|edit| edit.seen as usize <= origin));
        Known { series: self.masked(&base, origin), shared, base, own: Arc::default() }
    }

    fn masked(&self, base: &Arc<Series>, origin: usize) -> Arc<Series> {
        let end = origin.min(base.len());
        if self.first_seen[..end].iter().all(|&seen| seen as usize <= origin) {
            return Arc::clone(base);
        }
        let masked = (0..end).map(|i| if self.first_seen[i] as usize <= origin { base.get(i) } else { f64::NAN });
        Arc::new(Series::new(masked.collect()))
    }

    /// The column after its first `edits` edits.
    fn edition(&self, edits: usize) -> Edition {
        if edits == 0 {
            return Edition { edits, base: Arc::clone(&self.base), normal: Arc::clone(&self.normal) };
        }
        let mut held = self.edition.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(edition) = held.as_ref().filter(|edition| edition.edits == edits) {
            return edition.clone();
        }
        let mut values = self.base.slice(0, self.base.len()).to_vec();
        for edit in &self.edits[..edits] {
            values[edit.row as usize] = edit.value;
        }
        held.insert(Edition { edits, base: Arc::new(Series::new(values)), normal: Arc::default() }).clone()
    }

    /// Usual publication delay in steps, from the newest rows known at `origin`: their median lag beyond one step, at most
    /// `most`; a longer one means a bulk import and counts as none.
    pub(crate) fn delay(&self, origin: usize, most: usize) -> usize {
        let end = origin.min(self.base.len());
        let mut lags: Vec<usize> = (end.saturating_sub(1000)..end)
            .filter(|&i| self.first_seen[i] as usize <= origin && self.base.get(i).is_finite())
            .map(|i| (self.first_seen[i] as usize).saturating_sub(i + 1))
            .collect();
        lags.sort_unstable();
        let median = lags.get(lags.len() / 2).copied().unwrap_or(0);
        if median > most { 0 } else { median }
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, Edit, Series};

    #[test]
    fn means_skip_holes() {
        let series = Series::new(vec![1.0, f64::NAN, 3.0]);
        assert_eq!(series.mean(0, 3), 2.0);
        assert!(series.mean(1, 2).is_nan());
        assert_eq!(series.last_before(2), Some(0));
        assert_eq!(series.last_before(0), None);
    }

    #[test]
    fn edits_count_from_the_origin_that_sees_them() {
        let edit = |seen, value| Edit { seen, row: 1, value };
        let channel = Channel::new(vec![1.0, 2.0, 3.0], vec![1, 2, 3]).edited(vec![edit(3, f64::NAN), edit(5, 4.0)]);
        assert_eq!(channel.known_at(2).series.get(1), 2.0);
        assert!(channel.known_at(3).series.get(1).is_nan() && channel.known_at(4).series.get(1).is_nan());
        assert_eq!((channel.known_at(5).series.get(1), channel.known_at(2).series.get(1)), (4.0, 2.0));
    }

    #[test]
    fn late_rows_are_blank_until_known() {
        let channel = Channel::new(vec![1.0, 2.0, 3.0, 4.0], vec![1, 4, 3, 4]);
        assert!(channel.known_at(3).series.get(1).is_nan());
        assert_eq!(channel.known_at(4).series.get(1), 2.0);
        assert_eq!(channel.delay(4, 10), 0);
    }
}

//! The CARE score of fault detection: Coverage, Accuracy, Reliability, Earliness, and the one figure made of them.
//!
//! In: per event the flagged rows, the rows of normal status, where the event lies. Out: [`EventScore`], [`CareScore`]. Source: Gück et al.
//! (2024), CARE to Compare, Data 9(12) 138, as the package energy-fault-detector 0.8.1 computes it (where they differ, the package counts: weights
//! fall from a quarter of the event, not from half). Deliberately not here: who flagged the rows, and from which files they come.

use std::ops::Range;

/// The criticality at which an event counts as detected: twelve hours of ten-minute rows.
pub const CARE_CRITICALITY: u32 = 72;
/// The counter goes no higher.
const CEILING: u32 = 1000;
/// β of both F-scores: precision weighs more than recall.
const BETA: f64 = 0.5;
/// Weights of coverage, earliness, reliability and accuracy.
const WEIGHTS: [f64; 4] = [1.0, 1.0, 1.0, 2.0];
/// At or below this accuracy a detector is no better than a coin, and the score is its accuracy.
const COIN: f64 = 0.5;

/// The rows of one prediction window, in order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CareRows<'a> {
    /// Flagged by the detector.
    pub anomalous: &'a [bool],
    /// Of a status in which a flag counts; as long as `anomalous`.
    pub normal: &'a [bool],
    /// Rows of the event.
    pub event: Range<usize>,
    /// True where the event led to a fault; false for a stretch known to be quiet.
    pub is_fault: bool,
}

/// What one event adds to the score.
#[derive(Debug, Clone, PartialEq)]
pub struct EventScore {
    /// True for a fault.
    pub is_fault: bool,
    /// F0.5 of the rows of normal status; `None` for a quiet event.
    pub coverage: Option<f64>,
    /// Share of rows of normal status that were left alone; `None` for a fault, and where no row has normal status.
    pub accuracy: Option<f64>,
    /// Share of the event's rows that were flagged, early ones weighing more; `None` for a quiet event or one without rows.
    pub earliness: Option<f64>,
    /// Highest criticality up to the end of the event.
    pub criticality: u32,
    /// Rows from the first one at which it counted as detected to the end of the event.
    pub lead: Option<usize>,
}

impl EventScore {
    /// True where the criticality reached [`CARE_CRITICALITY`].
    pub const fn detected(&self) -> bool {
        self.lead.is_some()
    }
}

/// The four scores of many events and the one made of them; `None` where there was nothing to judge.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CareScore {
    /// The one figure; needs at least one fault and one quiet event.
    pub care: Option<f64>,
    /// Mean over faults.
    pub coverage: Option<f64>,
    /// Mean over quiet events.
    pub accuracy: Option<f64>,
    /// F0.5 over events.
    pub reliability: Option<f64>,
    /// Mean over faults.
    pub earliness: Option<f64>,
    /// Faults.
    pub faults: usize,
    /// Faults detected.
    pub detected: usize,
    /// Quiet events.
    pub quiet: usize,
    /// Quiet events in which the criticality was reached all the same.
    pub alarmed: usize,
}

/// Judges one event. Rows beyond the shorter of the two vectors are not there.
pub fn care_event(rows: &CareRows<'_>) -> EventScore {
    let len = rows.anomalous.len().min(rows.normal.len());
    let event = rows.event.start.min(len)..rows.event.end.min(len);
    let (mut hit, mut wrong, mut missed, mut left) = (0_usize, 0_usize, 0_usize, 0_usize);
    for i in (0..len).filter(|&i| rows.normal[i]) {
        match (rows.is_fault && event.contains(&i), rows.anomalous[i]) {
            (true, true) => hit += 1,
            (true, false) => missed += 1,
            (false, true) => wrong += 1,
            (false, false) => left += 1,
        }
    }
    let (mut counter, mut top, mut first) = (0_u32, 0_u32, None);
    for i in (0..event.end).filter(|&i| rows.normal[i]) {
        counter = if rows.anomalous[i] { (counter + 1).min(CEILING) } else { counter.saturating_sub(1) };
        top = top.max(counter);
        if first.is_none() && counter >= CARE_CRITICALITY {
            first = Some(i);
        }
    }
    EventScore {
        is_fault: rows.is_fault,
        coverage: rows.is_fault.then(|| f_score(hit, wrong, missed)),
        accuracy: (!rows.is_fault && left + wrong > 0).then(|| left as f64 / (left + wrong) as f64),
        earliness: if rows.is_fault { earliness(rows.anomalous.get(event.clone()).unwrap_or_default()) } else { None },
        criticality: top,
        lead: first.map(|i| event.end - i),
    }
}

/// Puts events together.
pub fn care_score(events: &[EventScore]) -> CareScore {
    let count = |fault: bool| events.iter().filter(|e| e.is_fault == fault).count();
    let found = |fault: bool| events.iter().filter(|e| e.is_fault == fault && e.detected()).count();
    let (faults, quiet, detected, alarmed) = (count(true), count(false), found(true), found(false));
    let coverage = mean(events.iter().filter_map(|e| e.coverage));
    let accuracy = mean(events.iter().filter_map(|e| e.accuracy));
    let earliness = mean(events.iter().filter_map(|e| e.earliness));
    let reliability = (faults > 0).then(|| f_score(detected, alarmed, faults - detected));
    let care = match (coverage, earliness, reliability, accuracy) {
        (Some(_), Some(_), Some(_), Some(_)) if detected + alarmed == 0 => Some(0.0),
        (Some(_), Some(_), Some(_), Some(accuracy)) if accuracy <= COIN => Some(accuracy),
        (Some(c), Some(e), Some(r), Some(a)) => {
            let sum: f64 = [c, e, r, a].iter().zip(WEIGHTS).map(|(score, weight)| score * weight).sum();
            Some(sum / WEIGHTS.iter().sum::<f64>())
        }
        _ => None,
    };
    CareScore { care, coverage, accuracy, reliability, earliness, faults, detected, quiet, alarmed }
}

/// Fβ from true positives, false positives and false negatives; 0 where there is neither.
fn f_score(hit: usize, wrong: usize, missed: usize) -> f64 {
    let square = BETA * BETA;
    let below = (1.0 + square) * hit as f64 + square * missed as f64 + wrong as f64;
    if below > 0.0 { (1.0 + square) * hit as f64 / below } else { 0.0 }
}

/// Weighted share of flagged rows: full weight in the first quarter, then a straight line to nearly nothing.
fn earliness(anomalous: &[bool]) -> Option<f64> {
    let n = anomalous.len();
    let weight = |i: usize| if 4 * i < n { 1.0 } else { (1.0 - (4 * i) as f64 / (4 * n - 1) as f64) / 0.75 };
    let all: f64 = (0..n).map(weight).sum();
    let seen: f64 = anomalous.iter().enumerate().filter(|(_, on)| **on).map(|(i, _)| weight(i)).sum();
    (all > 0.0).then(|| seen / all)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_usize);
    for value in values {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::{CareRows, care_event, care_score};

    fn score(anomalous: &[bool], normal: &[bool], event: std::ops::Range<usize>, is_fault: bool) -> super::EventScore {
        care_event(&CareRows { anomalous, normal, event, is_fault })
    }

    #[test]
    fn worked_by_hand() {
        // Rows 2 to 5 are the fault; 3 to 6 are flagged; row 5 is a service stop. So 2 hits, 1 wrong, 1 missed.
        let on = |i: usize| (3..7).contains(&i);
        let anomalous: Vec<bool> = (0..8).map(on).collect();
        let normal: Vec<bool> = (0..8).map(|i| i != 5).collect();
        let fault = score(&anomalous, &normal, 2..6, true);
        assert_eq!(fault.coverage, Some(1.25 * 2.0 / (1.25 * 2.0 + 0.25 + 1.0)));
        assert_eq!((fault.accuracy, fault.criticality, fault.lead), (None, 2, None));
        // Weights of four rows: 1, then 1 - 4i/15 over 3/4: 44/45, 28/45, 12/45. Earliness looks at all rows of the event.
        let weights = [1.0, 44.0 / 45.0, 28.0 / 45.0, 12.0 / 45.0];
        let expected = (weights[1] + weights[2] + weights[3]) / weights.iter().sum::<f64>();
        assert!((fault.earliness.unwrap() - expected).abs() < 1e-12);
        let quiet = score(&anomalous, &normal, 2..6, false);
        assert_eq!((quiet.coverage, quiet.accuracy, quiet.earliness), (None, Some(4.0 / 7.0), None));
    }

    #[test]
    fn seventy_two_rows_detect_and_stops_hold_the_counter() {
        let rows = 200;
        let all = vec![true; rows];
        let flagged: Vec<bool> = (0..rows).map(|i| (10..82).contains(&i)).collect();
        let found = score(&flagged, &all, 0..rows, true);
        assert_eq!((found.criticality, found.lead), (72, Some(rows - 81)));
        let one_less: Vec<bool> = (0..rows).map(|i| (10..81).contains(&i)).collect();
        assert!(!score(&one_less, &all, 0..rows, true).detected());
        let stopped: Vec<bool> = (0..rows).map(|i| !(20..30).contains(&i)).collect();
        assert_eq!(score(&flagged, &stopped, 0..rows, true).criticality, 62);
        assert!(!score(&flagged, &all, 0..40, true).detected(), "what comes after the event does not count");
    }

    #[test]
    fn the_score_falls_back_as_the_package_does() {
        let n = vec![true; 100];
        let (on, off) = (vec![true; 100], vec![false; 100]);
        let half: Vec<bool> = (0..100).map(|i| i % 2 == 0).collect();
        let fault = score(&on, &n, 0..100, true);
        let perfect = care_score(&[fault.clone(), score(&off, &n, 0..100, false)]);
        assert_eq!((perfect.care, perfect.coverage, perfect.reliability), (Some(1.0), Some(1.0), Some(1.0)));
        let asleep = care_score(&[score(&off, &n, 0..100, true), score(&off, &n, 0..100, false)]);
        assert_eq!((asleep.care, asleep.accuracy), (Some(0.0), Some(1.0)));
        let coin = care_score(&[fault.clone(), score(&half, &n, 0..100, false)]);
        assert_eq!(coin.care, Some(0.5));
        let alarmed = care_score(&[fault.clone(), score(&on, &n, 0..100, false)]);
        assert_eq!((alarmed.care, alarmed.alarmed, alarmed.reliability), (Some(0.0), 1, Some(1.25 / 2.25)));
        let one_sided = care_score(&[fault]);
        assert_eq!((one_sided.care, one_sided.coverage, one_sided.accuracy), (None, Some(1.0), None));
        assert_eq!(care_score(&[]).care, None);
    }
}

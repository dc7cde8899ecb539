//! The watch over any series that no model of ours knows: a meter, a server, a road.
//!
//! In: every column of an asset, whatever its unit. Out: a surprise between 0 and 1 per row, and one incident per event. It
//! goes on learning after the training end, from rows it has judged; the training part only sets the pace (how far rows lie
//! apart, how long an event rests). Deliberately not here: assets with a model of their own.

mod expect;
mod season;
mod surprise;
mod tail;

#[cfg(test)]
mod tests;

use super::Evidence;
use super::Incident;
use super::Severity;
use super::fleet::Fleet;
use super::specialist::Comparison;
use super::specialist::Opinion;
use super::specialist::Specialist;
use crate::domain::AssetKind;
use crate::domain::Quantity;
use surprise::LINE;
use surprise::Stream;

/// Fewest training rows of a series.
pub(crate) const LEAST: usize = 30;
/// An event rests for this share of the training rows: news that comes more often is the way the series is.
const REST: f64 = 0.2;
/// Bounds of the rest, rows.
const SHORTEST_REST: f64 = 12.0;
const LONGEST_REST: f64 = 700.0;

/// All columns of one asset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AnySeries {
    columns: Vec<Pace>,
}

/// One column and how it comes.
#[derive(Debug, Clone, PartialEq)]
struct Pace {
    quantity: Quantity,
    spacing: i64,
    rest: usize,
}

impl AnySeries {
    /// Learns how the rows before `until` come; `None` for machines that have models, and without enough rows.
    pub(crate) fn fit(fleet: &Fleet, member: usize, until: usize) -> Option<Self> {
        let frame = &fleet.frames[member];
        let machine = matches!(frame.asset.kind, AssetKind::WindTurbine | AssetKind::PvInverter | AssetKind::PvTracker);
        if machine && frame.column(&Quantity::ACTIVE_POWER).is_some() {
            return None;
        }
        let columns: Vec<Pace> = frame.quantities().filter_map(|quantity| pace(fleet, member, quantity, until)).collect();
        (!columns.is_empty()).then_some(Self { columns })
    }
}

fn pace(fleet: &Fleet, member: usize, quantity: &Quantity, until: usize) -> Option<Pace> {
    let column = fleet.column(member, quantity)?;
    let rows: Vec<usize> = (0..until.min(column.len())).filter(|&i| column[i].is_finite()).collect();
    if rows.len() < LEAST {
        return None;
    }
    let mut gaps: Vec<usize> = rows.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    let spacing = gaps.get(gaps.len() / 2).map_or(1, |gap| *gap) as i64 * fleet.resolution.seconds();
    let rest = (REST * rows.len() as f64).clamp(SHORTEST_REST, LONGEST_REST) as usize;
    Some(Pace { quantity: quantity.clone(), spacing, rest })
}

impl Specialist for AnySeries {
    fn judge(&self, fleet: &Fleet, member: usize, from: usize) -> Opinion {
        let mut out = Opinion { anomaly: vec![false; fleet.len], score: vec![0.0; fleet.len], ..Opinion::default() };
        for pace in &self.columns {
            if let Some(column) = fleet.column(member, &pace.quantity) {
                one_column(fleet, member, from, pace, column, &mut out);
            }
        }
        out.incidents.sort_by_key(|incident| incident.opened_at);
        out
    }
}

fn one_column(fleet: &Fleet, member: usize, from: usize, pace: &Pace, column: &[f64], out: &mut Opinion) {
    let frame = &fleet.frames[member];
    let mut stream = Stream::new(pace.spacing, pace.rest);
    let mut expected = vec![f64::NAN; fleet.len];
    let mut open: Option<(Incident, usize)> = None;
    let name = pace.quantity.name();
    for (row, value) in column.iter().enumerate().filter(|(_, value)| value.is_finite()) {
        let time = frame.time(row);
        let surprise = stream.next(time.as_second(), *value);
        expected[row] = surprise.expected;
        out.score[row] = out.score[row].max(surprise.score);
        out.anomaly[row] |= surprise.score >= LINE;
        if let Some((mut incident, rest)) = open.take() {
            if rest == 0 && !surprise.event {
                incident.closed_at = Some(time);
                out.incidents.extend((row >= from).then_some(incident));
            } else {
                incident.score = incident.score.max(surprise.score);
                open = Some((incident, if surprise.event { pace.rest } else { rest - 1 }));
            }
        } else if surprise.event {
            let evidence = Evidence {
                signal: name.to_owned(),
                quantity: pace.quantity.clone(),
                observed: Some(*value),
                expected: Some(surprise.expected).filter(|v| v.is_finite()),
                share: 1.0,
            };
            let incident = Incident {
                severity: Severity::Info,
                score: surprise.score,
                detector: "surprise",
                evidence: vec![evidence],
                ..Incident::new(frame.asset.id.clone(), name, "unusual_value", time, time)
            };
            open = Some((incident, pace.rest));
        }
    }
    out.incidents.extend(open.map(|(incident, _)| incident));
    out.signals.push(Comparison {
        quantity: pace.quantity.clone(),
        component: name.to_owned(),
        observed: column.to_vec(),
        expected,
    });
}

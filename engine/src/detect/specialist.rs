//! The seam for watches that judge an asset as a whole and bring their own incidents: any series, transformers, the grid.
//!
//! In: a fleet and one of its members. Out: an [`Opinion`]. Deliberately not here: machines with models of their parts and a
//! criticality counter (`watch`).

use super::Detection;
use super::Health;
use super::HealthSignal;
use super::Incident;
use super::Point;
use super::fleet::Fleet;
use super::grid::Grid;
use super::stream::AnySeries;
use super::transformer::Transformer;
use crate::domain::Quantity;
use std::ops::Range;

/// Judges one asset by its own rules.
pub(crate) trait Specialist: std::fmt::Debug + Send + Sync {
    /// Every row and the incidents whose end is not before row `from`. Row `t` depends on rows up to `t` only.
    fn judge(&self, fleet: &Fleet, member: usize, from: usize) -> Opinion;
}

/// What a specialist says; vectors of the fleet's length.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Opinion {
    /// True where something is wrong.
    pub(crate) anomaly: Vec<bool>,
    /// How much.
    pub(crate) score: Vec<f64>,
    /// By opening time.
    pub(crate) incidents: Vec<Incident>,
    /// What was expected of the watched quantities.
    pub(crate) signals: Vec<Comparison>,
}

/// Observed against expected, stored unit, NaN where there is none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) quantity: Quantity,
    pub(crate) component: String,
    pub(crate) observed: Vec<f64>,
    pub(crate) expected: Vec<f64>,
}

/// Those that know the kind of the member and found enough in rows before `until`.
pub(crate) fn specialists(fleet: &Fleet, member: usize, until: usize) -> Vec<Box<dyn Specialist>> {
    let mut out: Vec<Box<dyn Specialist>> = Vec::new();
    out.extend(Transformer::fit(fleet, member, until).map(|one| Box::new(one) as Box<dyn Specialist>));
    out.extend(Grid::fit(fleet, member, until).map(|one| Box::new(one) as Box<dyn Specialist>));
    out
}

/// The watch over any series, for a member nobody else knows.
pub(crate) fn any_series(fleet: &Fleet, member: usize, until: usize) -> Option<Box<dyn Specialist>> {
    AnySeries::fit(fleet, member, until).map(|one| Box::new(one) as Box<dyn Specialist>)
}

/// Adds to `out` what the specialists of a member say of rows from `first` on, and incidents from row `since` on that were
/// not over before `first`.
pub(crate) fn report(
    all: &[Box<dyn Specialist>],
    fleet: &Fleet,
    member: usize,
    (since, first): (usize, usize),
    out: &mut Detection,
) {
    let frame = &fleet.frames[member];
    let opinions: Vec<Opinion> = all.iter().map(|one| one.judge(fleet, member, since)).collect();
    for row in (first..fleet.len).filter(|&i| fleet.present(member, i)) {
        out.points.push(Point {
            asset: frame.asset.id.clone(),
            time: frame.time(row),
            anomaly: opinions.iter().any(|one| one.anomaly[row]),
            score: opinions.iter().map(|one| one.score[row]).fold(0.0, f64::max),
        });
    }
    let from = frame.time(first);
    let news = opinions.into_iter().flat_map(|one| one.incidents).filter(|i| i.closed_at.is_none_or(|closed| closed >= from));
    out.incidents.extend(news);
}

/// Adds what the specialists of a member expected within `rows` to its page, with the score of their verdict.
pub(crate) fn compare(all: &[Box<dyn Specialist>], fleet: &Fleet, member: usize, rows: Range<usize>, out: &mut Health) {
    for opinion in all.iter().map(|one| one.judge(fleet, member, rows.start)) {
        out.signals.extend(opinion.signals.into_iter().map(|signal| HealthSignal {
            times: rows.clone().map(|i| fleet.frames[member].time(i)).collect(),
            observed: signal.observed[rows.clone()].to_vec(),
            expected: signal.expected[rows.clone()].to_vec(),
            score: opinion.score[rows.clone()].to_vec(),
            quantity: signal.quantity,
            component: signal.component,
        }));
    }
}

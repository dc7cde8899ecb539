//! What adds up to what: any signed tree of series, and the equations that hold among those that have a forecast.
//!
//! In: nodes, each a series and the parts it is the signed sum of: turbines of a plant, plants of a region, regions of a nation,
//! or net load = load − wind − solar. A series may be a part of several others. Out: the summing matrix, and a [`Layout`]: which
//! series follow from which. Not here: how much each one is believed (`covariance`).

use super::ReconcileError;
use crate::domain::{AssetId, Quantity};
use std::collections::BTreeMap;
use std::fmt;

/// Coefficients below this are noise of elimination; true ones are signs and small sums of signs.
const NOISE: f64 = 1e-9;

/// One forecastable thing: a quantity of an asset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// Whose.
    pub asset_id: AssetId,
    /// Of what.
    pub quantity: Quantity,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.quantity, self.asset_id)
    }
}

/// A series and what it is the sum of.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Which series.
    pub series: Series,
    /// Parts with their factors, mostly 1 or −1; empty for a series at the bottom.
    pub parts: Vec<(Series, f64)>,
    /// Least and largest possible value, stored unit: `[0, capacity]` of a plant; infinite where nothing is known.
    pub bounds: (f64, f64),
}

/// Nodes whose parts are known, without circles.
///
/// # Shape
/// The summing matrix has a row per node, in the order given, and a column per bottom node, in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Hierarchy {
    nodes: Vec<Node>,
    bottoms: Vec<usize>,
    sums: Vec<Vec<f64>>,
    heights: Vec<usize>,
}

impl Hierarchy {
    /// Checks the nodes and adds the parts up.
    ///
    /// # Errors
    /// [`ReconcileError`]: a series twice, a part that is no node, a factor that is zero or not a number, a circle.
    pub fn new(nodes: Vec<Node>) -> Result<Self, ReconcileError> {
        let mut places = BTreeMap::new();
        for (at, node) in nodes.iter().enumerate() {
            if places.insert(&node.series, at).is_some() {
                return Err(ReconcileError::Twice { series: node.series.to_string() });
            }
        }
        let mut parts: Vec<Vec<(usize, f64)>> = Vec::with_capacity(nodes.len());
        for node in &nodes {
            let mut row = Vec::with_capacity(node.parts.len());
            for (part, factor) in &node.parts {
                let names = || (node.series.to_string(), part.to_string());
                let &at = places.get(part).ok_or_else(|| {
                    let (series, part) = names();
                    ReconcileError::UnknownPart { series, part }
                })?;
                if !factor.is_finite() || *factor == 0.0 {
                    let (series, part) = names();
                    return Err(ReconcileError::Factor { series, part, factor: *factor });
                }
                row.push((at, *factor));
            }
            parts.push(row);
        }
        let bottoms: Vec<usize> = (0..nodes.len()).filter(|&at| parts[at].is_empty()).collect();
        let mut heights: Vec<Option<usize>> = parts.iter().map(|row| row.is_empty().then_some(0)).collect();
        let mut sums = vec![vec![0.0; bottoms.len()]; nodes.len()];
        for (column, &at) in bottoms.iter().enumerate() {
            sums[at][column] = 1.0;
        }
        // Each round settles the nodes whose parts are settled; a round that settles none has met a circle.
        while let Some(open) = heights.iter().position(Option::is_none) {
            let ready: Vec<usize> = (0..nodes.len())
                .filter(|&at| heights[at].is_none() && parts[at].iter().all(|&(part, _)| heights[part].is_some()))
                .collect();
            if ready.is_empty() {
                return Err(ReconcileError::Circle { series: nodes[open].series.to_string() });
            }
            for at in ready {
                heights[at] = parts[at].iter().filter_map(|&(part, _)| heights[part]).max().map(|height| height + 1);
                for &(part, factor) in &parts[at] {
                    let below = sums[part].clone();
                    sums[at].iter_mut().zip(below).for_each(|(sum, value)| *sum += factor * value);
                }
            }
        }
        let heights = heights.into_iter().flatten().collect();
        Ok(Self { nodes, bottoms, sums, heights })
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True without nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The nodes, in the order given.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Place of a series.
    pub fn position(&self, series: &Series) -> Option<usize> {
        self.nodes.iter().position(|node| node.series == *series)
    }

    /// The summing matrix: value of a node = Σ over the bottom nodes of coefficient × value.
    pub fn sums(&self) -> &[Vec<f64>] {
        &self.sums
    }

    /// Places of the bottom nodes: the columns of [`Self::sums`].
    pub fn bottoms(&self) -> &[usize] {
        &self.bottoms
    }

    /// The same hierarchy as if these series did not exist: sums are then over the others. For an asset that is known to
    /// produce nothing; one that merely has no forecast is left out by [`Self::layout`], which does not take it for zero.
    ///
    /// # Errors
    /// As [`Self::new`]; none if this hierarchy was sound.
    pub fn without(&self, gone: &[Series]) -> Result<Self, ReconcileError> {
        let mut nodes = self.nodes.clone();
        let mut gone: Vec<Series> = gone.to_vec();
        // A sum that loses its last part is gone too, and may be the last part of another.
        while !gone.is_empty() {
            nodes.retain(|node| !gone.contains(&node.series));
            let mut emptied = Vec::new();
            for node in nodes.iter_mut().filter(|node| !node.parts.is_empty()) {
                node.parts.retain(|(part, _)| !gone.contains(part));
                if node.parts.is_empty() {
                    emptied.push(node.series.clone());
                }
            }
            gone = emptied;
        }
        Self::new(nodes)
    }

    /// What follows from what when only the `present` nodes have a forecast.
    ///
    /// Gauss–Jordan elimination of `node − Σ coefficient × bottom = 0`, absent series first: an equation that still holds an absent
    /// series afterwards says nothing about the present ones and is dropped. So a plant that lacks one turbine's forecast is
    /// not squeezed to the sum of the others.
    pub fn layout(&self, present: &[bool]) -> Layout {
        let n = self.len();
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for at in (0..n).filter(|&at| self.heights[at] > 0) {
            let mut row = vec![0.0; n];
            row[at] = 1.0;
            for (&bottom, value) in self.bottoms.iter().zip(&self.sums[at]) {
                row[bottom] -= value;
            }
            rows.push(row);
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|&at| (present[at], usize::MAX - self.heights[at], at));
        let mut pivots: Vec<usize> = Vec::new();
        for &column in &order {
            let done = pivots.len();
            let largest = (done..rows.len()).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()));
            let Some(chosen) = largest.filter(|&row| rows[row][column].abs() > NOISE) else { continue };
            rows.swap(done, chosen);
            let scale = rows[done][column];
            rows[done].iter_mut().for_each(|cell| *cell /= scale);
            let pivot = rows[done].clone();
            for (at, row) in rows.iter_mut().enumerate() {
                let factor = row[column];
                if at != done && factor.abs() > NOISE {
                    row.iter_mut().zip(&pivot).for_each(|(cell, p)| *cell -= factor * p);
                    row[column] = 0.0;
                }
            }
            pivots.push(column);
        }
        let (mut known, mut bound) = (present.to_vec(), vec![false; n]);
        let (mut dependent, mut implied) = (Vec::new(), Vec::new());
        for (&pivot, row) in pivots.iter().zip(&rows) {
            let others = || (0..n).filter(|&at| at != pivot && row[at].abs() > NOISE);
            if others().any(|at| !present[at]) {
                continue;
            }
            let equation = Equation { node: pivot, terms: others().map(|at| (at, -row[at])).collect() };
            known[pivot] = true;
            if present[pivot] {
                bound[pivot] = true;
                equation.terms.iter().for_each(|&(at, _)| bound[at] = true);
                dependent.push(equation);
            } else {
                implied.push(equation);
            }
        }
        Layout { dependent, implied, known, bound, present: present.to_vec() }
    }
}

/// `node = Σ factor × term`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Equation {
    pub(super) node: usize,
    pub(super) terms: Vec<(usize, f64)>,
}

/// Which nodes have a forecast, which of them follow from the others, and which absent ones do.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Equations among present nodes: the constraints of the reconciliation.
    pub(super) dependent: Vec<Equation>,
    /// Equations that give an absent node from present ones.
    pub(super) implied: Vec<Equation>,
    known: Vec<bool>,
    bound: Vec<bool>,
    present: Vec<bool>,
}

impl Layout {
    /// Whether a node has its own forecast.
    pub fn is_present(&self, node: usize) -> bool {
        self.present[node]
    }

    /// Whether a node has its own forecast, or one that follows from the others.
    pub fn is_known(&self, node: usize) -> bool {
        self.known[node]
    }

    /// Whether a sum speaks of a node and other present ones; the rest stay as they were issued.
    pub fn is_bound(&self, node: usize) -> bool {
        self.bound[node]
    }

    pub(super) fn len(&self) -> usize {
        self.present.len()
    }

    /// Writes the nodes that follow from others; NaN where nothing is known.
    pub(super) fn complete(&self, values: &mut [f64]) {
        for equation in self.dependent.iter().chain(&self.implied) {
            values[equation.node] = equation.terms.iter().map(|&(at, factor)| factor * values[at]).sum();
        }
        values.iter_mut().zip(&self.known).filter(|(_, known)| !**known).for_each(|(value, _)| *value = f64::NAN);
    }
}

//! Features as bytes: at most 254 steps of about equal numbers of rows, and bin 0 for what is missing.
//!
//! In: rows. Out: [`Bins`], column by column.

use super::Rows;

/// Rows looked at for the edges of a column.
const LOOKED_AT: usize = 8192;

/// Binned columns.
#[derive(Debug, Clone)]
pub(super) struct Bins {
    /// Upper edges of the bins 1, 2, …; the last bin has none.
    pub(super) edges: Vec<Vec<f32>>,
    columns: Vec<Vec<u8>>,
}

impl Bins {
    /// Bins the `kept` rows into at most `most` bins a column.
    pub(super) fn of(rows: Rows<'_>, kept: &[usize], most: usize) -> Self {
        let most = most.clamp(3, 255) - 1;
        let (mut edges, mut columns) = (Vec::with_capacity(rows.width), Vec::with_capacity(rows.width));
        let stride = kept.len().div_ceil(LOOKED_AT).max(1);
        for column in 0..rows.width {
            let value = |&row: &usize| rows.values[row * rows.width + column];
            let mut seen: Vec<f32> = kept.iter().step_by(stride).map(value).filter(|v| v.is_finite()).collect();
            seen.sort_by(f32::total_cmp);
            let edge = edges_of(&seen, most);
            columns.push(kept.iter().map(|row| bin(&edge, value(row))).collect());
            edges.push(edge);
        }
        Self { edges, columns }
    }

    /// Bins of a column, row by row.
    pub(super) fn column(&self, column: usize) -> &[u8] {
        &self.columns[column]
    }

    /// Number of columns.
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }
}

/// Where a value belongs.
fn bin(edges: &[f32], value: f32) -> u8 {
    if value.is_finite() { edges.partition_point(|edge| *edge < value) as u8 + 1 } else { 0 }
}

/// Rising edges between at most `most` groups of sorted values; equal values share a group.
fn edges_of(sorted: &[f32], most: usize) -> Vec<f32> {
    let mut edges: Vec<f32> = Vec::new();
    let mut distinct: Vec<f32> = sorted.to_vec();
    distinct.dedup();
    if distinct.len() <= most {
        edges.extend(distinct.windows(2).map(|pair| between(pair[0], pair[1])));
    } else {
        for group in 1..most {
            let at = sorted.len() * group / most;
            let next = sorted[at..].iter().find(|v| **v > sorted[at - 1]);
            let Some(next) = next else { break };
            let edge = between(sorted[at - 1], *next);
            if edges.last().is_none_or(|last| *last < edge) {
                edges.push(edge);
            }
        }
    }
    edges
}

/// A value at or above `low` and below `high`.
fn between(low: f32, high: f32) -> f32 {
    let middle = low + (high - low) * 0.5;
    if middle.is_finite() && middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    use super::{Bins, edges_of};
    use crate::models::boosting::Rows;

    #[test]
    fn edges_part_values_and_missing_has_its_own_bin() {
        assert_eq!(edges_of(&[1.0, 1.0, 2.0, 4.0], 10), [1.5, 3.0]);
        let many: Vec<f32> = (0..1000).map(|i| i as f32).collect();
        let edges = edges_of(&many, 10);
        assert!(edges.len() == 9 && edges.windows(2).all(|pair| pair[0] < pair[1]));
        let skewed: Vec<f32> = (0..1000).map(|i| if i < 900 { 0.0 } else { i as f32 }).collect();
        assert!(edges_of(&skewed, 10).first().is_some_and(|edge| (0.0..900.0).contains(edge)));
        let rows = Rows { width: 2, values: &[1.0, f32::NAN, 3.0, 7.0, 2.0, 7.0] };
        let bins = Bins::of(rows, &[0, 1, 2], 255);
        assert_eq!((bins.column(0), bins.column(1)), ([1, 3, 2].as_slice(), [0, 1, 1].as_slice()));
    }
}

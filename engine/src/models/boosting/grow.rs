//! One tree: leaf by leaf, always the leaf whose best cut gains most.
//!
//! In: bins, packed ranks of the rows. Out: a [`Grown`] tree over bins with its sampled rows sorted by leaf, then a [`Tree`] over
//! values.

use super::bins::Bins;
use super::histogram::{Histogram, Split};
use super::leaf::Leaves;
use super::{Seeded, TreeOptions};

/// A cut in a finished tree; children are nodes, or leaves when negative (`-1 - leaf`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    pub(super) column: u32,
    pub(super) edge: f32,
    pub(super) missing_left: bool,
    pub(super) left: i32,
    pub(super) right: i32,
    /// Share of the sampled rows that went left.
    pub(super) share: f32,
}

/// A tree over values. Without nodes it is one leaf.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// Where the corrections of the first leaf begin, and how many each leaf has.
    pub(super) from: usize,
    pub(super) outputs: usize,
}

impl Tree {
    pub(super) fn leaves(&self) -> usize {
        self.nodes.len() + 1
    }

    /// Where the corrections of the row's leaf begin.
    pub(super) fn leaf(&self, row: &[f32]) -> usize {
        let mut at = if self.nodes.is_empty() { -1 } else { 0 };
        while at >= 0 {
            at = self.nodes[at as usize].next(row);
        }
        self.from + (-1 - at) as usize * self.outputs
    }

    /// Expected correction of one output at every node; `corrections` are those of the forest.
    pub(super) fn expected(&self, corrections: &[f32], output: usize) -> Vec<f64> {
        let mut expected = vec![0.0; self.nodes.len()];
        // Children stand behind their parents, so going backwards every child is known before its parent.
        for (at, node) in self.nodes.iter().enumerate().rev() {
            let of = |child: i32| self.value(child, &expected, corrections, output);
            expected[at] = f64::from(node.share) * of(node.left) + (1.0 - f64::from(node.share)) * of(node.right);
        }
        expected
    }

    fn value(&self, at: i32, expected: &[f64], corrections: &[f32], output: usize) -> f64 {
        match usize::try_from(at) {
            Ok(node) => expected[node],
            Err(_) => f64::from(corrections[self.from + (-1 - at) as usize * self.outputs + output]),
        }
    }

    /// Adds what each cut on the row's path changed to the share of its feature; returns the value at the root. `expected` are the
    /// values of [`Tree::expected`] for the same output.
    pub(super) fn follow(&self, row: &[f32], expected: &[f64], corrections: &[f32], output: usize, shares: &mut [f64]) -> f64 {
        let value = |at: i32| self.value(at, expected, corrections, output);
        let mut at = if self.nodes.is_empty() { -1 } else { 0 };
        let root = value(at);
        while at >= 0 {
            let node = &self.nodes[at as usize];
            let next = node.next(row);
            shares[node.column as usize] += value(next) - value(at);
            at = next;
        }
        root
    }
}

impl Node {
    fn next(&self, row: &[f32]) -> i32 {
        let value = row[self.column as usize];
        let left = if value.is_finite() { value <= self.edge } else { self.missing_left };
        if left { self.left } else { self.right }
    }
}

/// A tree over bins.
#[derive(Debug)]
pub(super) struct Grown<'a> {
    nodes: Vec<(Split, i32, i32)>,
    /// Sampled rows, leaf after leaf.
    pub(super) order: &'a [u32],
    /// `[from, to)` of each leaf in `order`.
    pub(super) ranges: Vec<(usize, usize)>,
}

impl Grown<'_> {
    /// The leaf of any row.
    pub(super) fn leaf_of(&self, bins: &Bins, row: usize) -> usize {
        let mut at = if self.nodes.is_empty() { -1 } else { 0 };
        while at >= 0 {
            let (split, left, right) = &self.nodes[at as usize];
            at = if goes_left(split, bins.column(split.column)[row]) { *left } else { *right };
        }
        (-1 - at) as usize
    }

    /// The tree over values; the corrections of its leaves, `outputs` each, begin at `from` in the forest's.
    pub(super) fn finish(&self, bins: &Bins, outputs: usize, from: usize) -> Tree {
        let mut held: Vec<(usize, usize)> = vec![(0, 0); self.nodes.len()];
        // Children stand behind their parents, so going backwards every child is counted before its parent.
        for at in (0..self.nodes.len()).rev() {
            let rows = |child: i32| match usize::try_from(child) {
                Ok(node) => held[node].0 + held[node].1,
                Err(_) => {
                    let (from, to) = self.ranges[(-1 - child) as usize];
                    to - from
                }
            };
            held[at] = (rows(self.nodes[at].1), rows(self.nodes[at].2));
        }
        let node = |((split, left, right), (lefts, rights)): (&(Split, i32, i32), &(usize, usize))| Node {
            column: split.column as u32,
            edge: match split.bin {
                0 => f32::NEG_INFINITY,
                bin => bins.edges[split.column][usize::from(bin) - 1],
            },
            missing_left: split.missing_left,
            left: *left,
            right: *right,
            share: *lefts as f32 / (lefts + rights).max(1) as f32,
        };
        Tree { nodes: self.nodes.iter().zip(&held).map(node).collect(), from, outputs }
    }
}

fn goes_left(split: &Split, bin: u8) -> bool {
    if bin == 0 { split.missing_left } else { bin <= split.bin }
}

/// What growing needs, kept from tree to tree.
#[derive(Debug)]
pub(super) struct Grower<'a> {
    bins: &'a Bins,
    shares: &'a [f32],
    options: &'a TreeOptions,
    stride: usize,
    seeded: Seeded,
    order: Vec<u32>,
    words: Vec<u64>,
    spare: (Vec<u32>, Vec<u64>),
}

struct Leaf {
    from: usize,
    to: usize,
    histogram: Histogram,
    best: Option<Split>,
    /// The node that points here, and whether by its left arm.
    above: Option<(usize, bool)>,
}

impl<'a> Grower<'a> {
    pub(super) fn new(bins: &'a Bins, shares: &'a [f32], options: &'a TreeOptions) -> Self {
        let stride = bins.edges.iter().map(|edges| edges.len() + 2).max().unwrap_or(2);
        let seeded = Seeded(options.seed);
        Self { bins, shares, options, stride, seeded, order: Vec::new(), words: Vec::new(), spare: Default::default() }
    }

    /// Samples rows and columns and grows a tree on the ranks of `leaves`; `None` when too few rows were sampled.
    pub(super) fn grow(&mut self, leaves: &mut Leaves<'_>, rows: usize) -> Option<Grown<'_>> {
        let (bins, options) = (self.bins, self.options);
        self.order.clear();
        self.order.extend((0..rows as u32).filter(|&row| self.seeded.chance(self.shares[row as usize])));
        let most = self.order.len();
        if most < 2 * options.least {
            return None;
        }
        self.words.clear();
        self.words.extend(self.order.iter().map(|&row| leaves.rank(row as usize)));
        let mut columns: Vec<usize> = (0..bins.width()).filter(|_| self.seeded.chance(options.column_share)).collect();
        if columns.is_empty() {
            columns = (0..bins.width()).collect();
        }
        let (least, penalty, spread) = (options.least as f64, f64::from(options.penalty), f64::from(options.spread));
        let stride = self.stride;
        let best = |histogram: &Histogram| histogram.best(&columns, stride, least, penalty, spread);
        let histogram = Histogram::sum(bins, &columns, stride, &self.order, &self.words);
        let mut open = vec![Leaf { from: 0, to: most, best: best(&histogram), histogram, above: None }];
        let mut nodes: Vec<(Split, i32, i32)> = Vec::new();
        while open.len() < options.leaves {
            let gain = |leaf: &Leaf| leaf.best.map_or(0.0, |split| split.gain);
            let Some(at) = (0..open.len()).max_by(|&a, &b| gain(&open[a]).total_cmp(&gain(&open[b])).then(b.cmp(&a))) else {
                break;
            };
            let Some(split) = open[at].best else { break };
            let Leaf { from, to, histogram, above, .. } = open.swap_remove(at);
            let middle = self.part(from, to, &split);
            let node = nodes.len();
            link(&mut nodes, above, node as i32);
            nodes.push((split, 0, 0));
            let small = if middle - from <= to - middle { (from, middle) } else { (middle, to) };
            let part = Histogram::sum(bins, &columns, stride, &self.order[small.0..small.1], &self.words[small.0..small.1]);
            let rest = histogram.without(&part);
            let (left, right) = if small.0 == from { (part, rest) } else { (rest, part) };
            open.push(Leaf { from, to: middle, best: best(&left), histogram: left, above: Some((node, true)) });
            open.push(Leaf { from: middle, to, best: best(&right), histogram: right, above: Some((node, false)) });
        }
        open.sort_by_key(|leaf| leaf.from);
        for (index, leaf) in open.iter().enumerate() {
            link(&mut nodes, leaf.above, -1 - index as i32);
        }
        let ranges = open.iter().map(|leaf| (leaf.from, leaf.to)).collect();
        Some(Grown { nodes, order: &self.order, ranges })
    }

    /// Sorts the rows `[from, to)` into those that go left and those that go right, each in their order; returns the border.
    fn part(&mut self, from: usize, to: usize, split: &Split) -> usize {
        let column = self.bins.column(split.column);
        let (rows, words) = &mut self.spare;
        rows.clear();
        words.clear();
        let mut middle = from;
        for i in from..to {
            let (row, word) = (self.order[i], self.words[i]);
            if goes_left(split, column[row as usize]) {
                self.order[middle] = row;
                self.words[middle] = word;
                middle += 1;
            } else {
                rows.push(row);
                words.push(word);
            }
        }
        self.order[middle..to].copy_from_slice(rows);
        self.words[middle..to].copy_from_slice(words);
        middle
    }
}

fn link(nodes: &mut [(Split, i32, i32)], above: Option<(usize, bool)>, child: i32) {
    if let Some((node, left)) = above {
        *(if left { &mut nodes[node].1 } else { &mut nodes[node].2 }) = child;
    }
}

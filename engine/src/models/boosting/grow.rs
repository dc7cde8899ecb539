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
    /// Expected correction of the mean here.
    pub(super) value: f32,
}

/// A tree over values. Without nodes it is one leaf.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// Correction of the mean in each leaf.
    pub(super) means: Vec<f32>,
    /// Where the corrections of the first leaf begin, and how many each leaf has.
    pub(super) from: usize,
    pub(super) outputs: usize,
}

impl Tree {
    pub(super) fn leaves(&self) -> usize {
        self.means.len()
    }

    /// Where the corrections of the row's leaf begin.
    pub(super) fn leaf(&self, row: &[f32]) -> usize {
        let mut at = if self.nodes.is_empty() { -1 } else { 0 };
        while at >= 0 {
            at = self.nodes[at as usize].next(row);
        }
        self.from + (-1 - at) as usize * self.outputs
    }

    /// Adds what each cut on the row's path changed to the share of its feature; returns the value at the root.
    pub(super) fn follow(&self, row: &[f32], shares: &mut [f64]) -> f64 {
        let value = |at: i32| f64::from(if at < 0 { self.means[(-1 - at) as usize] } else { self.nodes[at as usize].value });
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

    /// The tree over values; `corrections` are those of its leaves, to be found at `from` in the forest's.
    pub(super) fn finish(&self, bins: &Bins, corrections: &[f32], outputs: usize, from: usize) -> Tree {
        let means: Vec<f32> = corrections.iter().step_by(outputs).copied().collect();
        let mut held: Vec<(f64, f64)> = vec![(0.0, 0.0); self.nodes.len()];
        // Children stand behind their parents, so going backwards every child is summed before its parent.
        for at in (0..self.nodes.len()).rev() {
            let of = |child: i32| match usize::try_from(child) {
                Ok(node) => held[node],
                Err(_) => {
                    let (leaf, (a, b)) = ((-1 - child) as usize, self.ranges[(-1 - child) as usize]);
                    ((b - a) as f64, f64::from(means[leaf]) * (b - a) as f64)
                }
            };
            let ((m, x), (n, y)) = (of(self.nodes[at].1), of(self.nodes[at].2));
            held[at] = (m + n, x + y);
        }
        let node = |((split, left, right), (rows, sum)): (&(Split, i32, i32), &(f64, f64))| Node {
            column: split.column as u32,
            edge: match split.bin {
                0 => f32::NEG_INFINITY,
                bin => bins.edges[split.column][usize::from(bin) - 1],
            },
            missing_left: split.missing_left,
            left: *left,
            right: *right,
            value: (sum / rows.max(1.0)) as f32,
        };
        Tree { nodes: self.nodes.iter().zip(&held).map(node).collect(), means, from, outputs }
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

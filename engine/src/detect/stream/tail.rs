//! How rare is a value on one side of a distribution that is still being learnt: counts that fade, and a tail beyond them.
//!
//! In: one statistic per row, as a log-like size (see [`size`]). Out: −log10 of the probability of a value at least as
//! large. Below the 98 % point it is counted, above it falls exponentially in the log-like size, that is as a power law in
//! the value: heavy tails stay heavy. Constant cost per row. Source: Siffer et al. (2017), KDD, peaks over a threshold.

/// Width of a bin of sizes.
const WIDTH: f64 = 0.04;
/// Bins, up to a size of 20: a value 2×10⁸ times the spread.
const BINS: usize = 500;
/// Share of rows that make the tail.
const TAIL: f64 = 0.02;
/// Rows that the prior for the mean excess counts for.
const PRIOR: f64 = 6.0;
/// Rows after which a count has faded to a half.
const HALF_LIFE: f64 = 6000.0;
/// The table is drawn up anew after this many rows.
const REFRESH: u32 = 16;

/// Log-like size of a value in spreads: linear near nought, logarithmic far out, with its sign.
pub(super) fn size(spreads: f64) -> f64 {
    spreads.asinh()
}

/// One side of one statistic.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    counts: Vec<f64>,
    rarity: Vec<f64>,
    weight: f64,
    total: f64,
    due: u32,
    line: f64,
    excess: f64,
}

impl Tail {
    pub(super) fn new() -> Self {
        Self { counts: vec![0.0; BINS], rarity: vec![0.0; BINS], weight: 1.0, total: 0.0, due: 0, line: 0.0, excess: 1.0 }
    }

    /// −log10 of the probability of a size of at least `value`; 0 before anything is known.
    pub(super) fn rarity(&self, value: f64) -> f64 {
        if value <= 0.0 || self.total <= 0.0 {
            return 0.0;
        }
        // What shares the bin of the line has company that was counted.
        if bin(value) > bin(self.line) {
            return (value - self.line) / self.excess * std::f64::consts::LOG10_E - TAIL.log10();
        }
        self.rarity[bin(value)].min(-TAIL.log10())
    }

    /// Takes a value in; what lies on the other side of nought counts as nought.
    pub(super) fn learn(&mut self, value: f64) {
        self.counts[bin(value)] += self.weight;
        self.total += self.weight;
        self.weight *= (std::f64::consts::LN_2 / HALF_LIFE).exp();
        if self.weight > 1e9 {
            let scale = 1.0 / self.weight;
            self.counts.iter_mut().for_each(|count| *count *= scale);
            self.total *= scale;
            self.weight = 1.0;
        }
        if self.due == 0 {
            self.draw_up();
            self.due = REFRESH;
        }
        self.due -= 1;
    }

    fn draw_up(&mut self) {
        let (mut above, mut excess, mut line) = (0.0, 0.0, None);
        let mut median = 0.0;
        for at in (0..BINS).rev() {
            let count = self.counts[at];
            let value = (at as f64 + 0.5) * WIDTH;
            if line.is_none() {
                excess += count * value;
            }
            above += count;
            self.rarity[at] = -((above + 0.5 * self.weight) / (self.total + self.weight)).min(1.0).log10();
            if line.is_none() && above >= TAIL * self.total {
                line = Some(at as f64 * WIDTH);
                excess -= above * at as f64 * WIDTH;
                self.excess = excess / self.weight;
                median = above / self.weight;
            }
        }
        let rows = median;
        let line = line.unwrap_or(0.0);
        // An exponential body would put the 98 % point at ln 50 mean excesses above nought.
        let prior = (line / TAIL.recip().ln()).max(WIDTH);
        self.line = line.max(WIDTH);
        self.excess = ((self.excess + PRIOR * prior) / (rows + PRIOR)).max(WIDTH);
    }
}

fn bin(value: f64) -> usize {
    ((value.max(0.0) / WIDTH) as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::{Tail, size};

    /// Quantiles of an exponential law in a scrambled order: a sample without chance.
    fn exponential(n: usize) -> impl Iterator<Item = f64> {
        (0..n).map(move |i| -(1.0 - ((i * 7919 % n) as f64 + 0.5) / n as f64).ln())
    }

    #[test]
    fn rarities_are_probabilities() {
        let mut tail = Tail::new();
        exponential(4001).for_each(|v| tail.learn(v));
        for (value, expected) in [(0.7, 0.30), (2.3, 1.0), (4.6, 2.0), (9.2, 4.0)] {
            let found = tail.rarity(value);
            assert!((found - expected).abs() < 0.12 * expected + 0.04, "{value}: {found} for {expected}");
        }
        assert_eq!(tail.rarity(-1.0), 0.0);
        assert_eq!(Tail::new().rarity(3.0), 0.0);
    }

    #[test]
    fn what_comes_often_stops_being_rare() {
        let mut tail = Tail::new();
        exponential(2000).for_each(|v| tail.learn(0.2 * v));
        let first = tail.rarity(size(50.0));
        for _ in 0..40 {
            tail.learn(size(50.0));
        }
        assert!(first > 8.0, "{first}");
        assert!(tail.rarity(size(50.0)) < 3.0, "{}", tail.rarity(size(50.0)));
    }
}

//! Numbers that look random and are the same for a seed on every machine: SplitMix64 (Steele, Lea and Flood 2014).
//!
//! In: a seed. Out: numbers below a bound. For tests; the engine itself draws nothing.

/// A stream of numbers.
#[derive(Debug, Clone)]
pub(in crate::store) struct Chance(u64);

impl Chance {
    /// The stream of a seed.
    pub(in crate::store) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub(in crate::store) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`; 0 when the bound is 0.
    pub(in crate::store) const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// True once in `n`.
    pub(in crate::store) const fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

//! Chance, in named sub-streams: each asset draws from its own, so that adding one asset leaves the others as they were.
//!
//! In: the seed of the fleet and a name. Out: numbers, and AR(1) processes made of them. The generator is ChaCha8, the same on
//! every machine and in every version of `rand_chacha`.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// A generator that belongs to one name under one seed.
#[derive(Debug, Clone)]
pub(super) struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of that name.
    pub(super) fn new(seed: u64, name: &str) -> Self {
        // FNV-1a, 64 bit: fixed by its publication, unlike the hasher of the standard library.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&hash.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A standard normal draw.
    pub(super) fn normal(&mut self) -> f64 {
        self.0.sample(StandardNormal)
    }

    /// A uniform draw from `[low, high)`.
    pub(super) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.random::<f64>()
    }

    /// True with that probability; always draws once.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.0.random::<f64>() < probability
    }

    /// −1 or 1.
    pub(super) fn sign(&mut self) -> f64 {
        if self.chance(0.5) { -1.0 } else { 1.0 }
    }

    /// An index below `len`; 0 when `len` is 0.
    pub(super) fn index(&mut self, len: usize) -> usize {
        ((self.0.random::<f64>() * len as f64) as usize).min(len.saturating_sub(1))
    }
}

/// A stationary first-order autoregression, sampled every `step` seconds.
#[derive(Debug, Clone)]
pub(super) struct Ar1 {
    value: f64,
    keep: f64,
    kick: f64,
}

impl Ar1 {
    /// A process of standard deviation `sd` whose memory fades by 1/e in `tau` hours; starts in its stationary law.
    pub(super) fn new(stream: &mut Stream, sd: f64, tau: f64, step: i64) -> Self {
        let keep = (-(step as f64) / (tau * 3600.0)).exp();
        Self { value: sd * stream.normal(), keep, kick: sd * (1.0 - keep * keep).sqrt() }
    }

    /// One step on; returns the new value.
    pub(super) fn next(&mut self, stream: &mut Stream) -> f64 {
        self.value = self.keep * self.value + self.kick * stream.normal();
        self.value
    }
}

/// A first-order lag: what a thermal mass does to its target.
#[derive(Debug, Clone)]
pub(super) struct Lag {
    value: Option<f64>,
    share: f64,
}

impl Lag {
    /// A lag with time constant `tau` hours; starts at its first target.
    pub(super) fn new(tau: f64, step: i64) -> Self {
        Self { value: None, share: 1.0 - (-(step as f64) / (tau * 3600.0)).exp() }
    }

    /// One step towards `target`; returns where it stands.
    pub(super) fn next(&mut self, target: f64) -> f64 {
        let value = self.value.map_or(target, |now| now + self.share * (target - now));
        self.value = Some(value);
        value
    }
}

/// Share of a standard normal below `z`, to 2e-4 (logistic approximation, Bowling et al. 2009, JIEM 2(1)).
pub(super) fn normal_share(z: f64) -> f64 {
    1.0 / (1.0 + (-(1.5976 * z + 0.07056 * z * z * z)).exp())
}

#[cfg(test)]
mod tests {
    use super::{Ar1, Stream, normal_share};

    #[test]
    fn streams_repeat_and_differ_by_name_and_seed() {
        let draw = |seed, name| Stream::new(seed, name).normal();
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
    }

    #[test]
    fn an_ar1_keeps_its_spread() {
        let mut stream = Stream::new(7, "ar");
        let mut process = Ar1::new(&mut stream, 2.0, 1.0, 600);
        let n = 100_000;
        let square: f64 = (0..n).map(|_| process.next(&mut stream).powi(2)).sum::<f64>() / f64::from(n);
        assert!((square.sqrt() - 2.0).abs() < 0.1, "{square}");
        assert!((normal_share(1.0) - 0.8413).abs() < 3e-4);
    }
}

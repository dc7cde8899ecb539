//! Lost strings among dust, rain and washing: a filter over the share lost, one step a day.
//!
//! In: a day's level of every inverter (log, against clean). Out: per inverter the probability that strings are missing, the share
//! and the soiling ratio behind it. A lost string is a step down of a share that stays through rain and washing; dust is a slow drift
//! in proportion to each inverter's exposure; rain cleans in proportion to the dirt; washing makes one inverter clean. The state is
//! the share lost (a grid) with the dirt that share implies: a switching filter with collapsed moments (Kim 1994). Deliberately not
//! here: which rows make a level (`normal`), incidents (`scan`).

use super::normal::InverterNormal;
use super::statistics::median;

/// Log level of modules that rain or a crew just cleaned, and its scatter: a film and the first day's dust stay.
pub(super) const WASHED: (f64, f64) = (-0.0085, 0.007);
/// Chance a day that a crew washes an inverter: out of the blue; while others were washed within three days.
const WASH: (f64, f64) = (0.004, 0.2);
/// Days of a crew's round: washed longer ago means in the round before.
const ROUND: u32 = 10;
/// Certainty that all others being washed can give about one that is not seen.
const MOST_UNSEEN: f64 = 0.95;
/// Chance a day to lose strings, to get them back, to lose more or fewer.
const LOSE: f64 = 0.001;
const REPAIR: f64 = 0.02;
const CHANGE: f64 = 0.01;
/// Chance that a day's level says nothing, and how far off it may then be.
const ODD: (f64, f64) = (0.02, 0.06);
/// Days in a row on which odd levels are believed to be a new state.
const STUBBORN: u32 = 4;

/// How the plant's dirt moved since the day before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Move {
    /// Log ratio lost where the exposure is one; negative when all got brighter.
    Dust(f64),
    /// Share of the dirt that went.
    Rain(f64),
    /// All at this log level, unless they were cleaner.
    Reset(f64),
}

impl Move {
    /// Log level a day on.
    pub(super) fn apply(self, dirt: f64, exposure: f64) -> f64 {
        match self {
            Self::Dust(rate) => dirt - exposure * rate,
            Self::Rain(share) => (1.0 - (1.0 - share) * (1.0 - dirt.exp())).max(0.05).ln(),
            Self::Reset(level) => dirt.max(level),
        }
    }
}

/// Belief about one inverter.
#[derive(Debug, Clone)]
pub(super) struct Belief {
    shares: Vec<f64>,
    /// Probability of each share.
    weight: Vec<f64>,
    /// Log soiling ratio under each share.
    dirt: Vec<f64>,
    /// Variance of the dirt.
    variance: f64,
    odd_days: u32,
    /// Chance that it was washed in the last step.
    pub(super) washed: f64,
    /// Days since it was seen to be washed.
    since_wash: u32,
    /// Chance that it came back into sight as one that had been washed.
    pub(super) returned: f64,
    unseen: Unseen,
}

/// What a crew may have done to an inverter while it told nothing of its modules: days of heat, silence, a stuck tracker.
#[derive(Debug, Clone, Copy, Default)]
struct Unseen {
    /// Chance that it was washed since it was last seen.
    chance: f64,
    /// Log soiling ratio if so, and its variance.
    dirt: f64,
    variance: f64,
}

impl Unseen {
    /// A day on, on which the crew washed this share of those it had not washed yet.
    fn step(&mut self, how: Move, exposure: f64, moved: f64, share: f64) {
        let before = self.chance;
        self.dirt = how.apply(self.dirt, exposure).min(0.02);
        self.variance += moved * moved;
        let now = (1.0 - before) * share.min(MOST_UNSEEN);
        self.chance = before + now;
        if now > 0.0 {
            let fresh = now / self.chance;
            self.dirt += fresh * (WASHED.0 - self.dirt);
            self.variance += fresh * (WASHED.1 * WASHED.1 - self.variance);
        }
    }
}

impl Belief {
    /// All strings there and a first level; `strings` in parallel if known.
    pub(super) fn new(strings: Option<f64>) -> Self {
        let mut shares = vec![0.0];
        match strings {
            Some(n) => shares.extend((1..=12).map(|k| f64::from(k) / n).filter(|s| *s < 0.5)),
            // Without the number: any share that dust cannot hide, finer than the noise of a day.
            None => shares.extend(std::iter::successors(Some(0.025), |s| Some(s + spacing(*s))).take_while(|s| *s < 0.6)),
        }
        let count = shares.len();
        let mut weight = vec![0.0; count];
        weight[0] = 1.0;
        Self {
            shares,
            weight,
            dirt: vec![0.0; count],
            variance: 0.01,
            odd_days: 0,
            washed: 0.0,
            since_wash: ROUND,
            returned: 0.0,
            unseen: Unseen::default(),
        }
    }

    /// Probability that strings are missing.
    pub(super) fn lost(&self) -> f64 {
        1.0 - self.weight[0]
    }

    /// Share missing, given that some are.
    pub(super) fn share(&self) -> f64 {
        let sum: f64 = self.weight.iter().zip(&self.shares).map(|(w, s)| w * s).sum();
        if self.lost() > 1e-9 { sum / self.lost() } else { 0.0 }
    }

    /// Soiling ratio.
    pub(super) fn ratio(&self) -> f64 {
        let seen: f64 = self.weight.iter().zip(&self.dirt).map(|(w, d)| w * d.exp()).sum();
        seen + self.unseen.chance * (self.unseen.dirt.exp() - seen)
    }

    /// Standard deviation of the soiling ratio.
    pub(super) fn deviation(&self) -> f64 {
        let p = self.unseen.chance;
        let apart = self.unseen.dirt - self.weight.iter().zip(&self.dirt).map(|(w, d)| w * d).sum::<f64>();
        ((1.0 - p) * self.variance + p * self.unseen.variance + p * (1.0 - p) * apart * apart).sqrt()
    }

    /// Log level against clean that the belief expects.
    pub(super) fn level(&self) -> f64 {
        let p = self.unseen.chance;
        let dirt = |k: usize| (1.0 - p) * self.dirt[k] + p * self.unseen.dirt;
        (0..self.shares.len()).map(|k| self.weight[k] * (dirt(k) + self.gone(k))).sum()
    }

    fn gone(&self, k: usize) -> f64 {
        (1.0 - self.shares[k]).ln()
    }

    fn likeliest(&self) -> usize {
        (0..self.weight.len()).max_by(|a, b| self.weight[*a].total_cmp(&self.weight[*b])).unwrap_or(0)
    }

    fn step(&mut self, seen: Option<f64>, how: Move, day: f64, crew: Crew, highest: f64, normal: &InverterNormal) {
        let wash = crew.chance;
        let moved = match how {
            Move::Dust(rate) => (0.12 * rate).abs(),
            Move::Rain(_) | Move::Reset(_) => 0.004,
        };
        let before = self.variance + moved * moved + 0.0005_f64.powi(2);
        let dirt: Vec<f64> = self.dirt.iter().map(|d| how.apply(*d, normal.exposure).min(0.02)).collect();
        (self.washed, self.returned) = (0.0, 0.0);
        self.since_wash = self.since_wash.saturating_add(1);
        let Some(seen) = seen else {
            self.dirt = dirt;
            self.variance = before.min(0.01);
            self.unseen.step(how, normal.exposure, moved, crew.share);
            return;
        };
        let mut unseen = std::mem::take(&mut self.unseen);
        unseen.step(how, normal.exposure, moved, 0.0);
        let noise = day.max(normal.noise).powi(2);
        let count = self.shares.len();
        let harmonic: f64 = (1..count).map(|k| 1.0 / k as f64).sum();
        let (mut weight, mut mean) = (vec![0.0; count], vec![0.0; count]);
        let (mut total, mut odd, mut washed, mut returned) = (0.0, 0.0, 0.0, 0.0);
        let gain = before / (before + noise);
        for from in (0..count).filter(|&k| self.weight[k] > 1e-12) {
            for to in 0..count {
                let change = match (from, to) {
                    (a, b) if a == b => 1.0 - if a == 0 { LOSE } else { REPAIR + CHANGE },
                    (0, b) => LOSE / b as f64 / harmonic,
                    (_, 0) => REPAIR,
                    (_, b) => CHANGE / b as f64 / harmonic,
                };
                let implied = seen - self.gone(to);
                let over = (implied.exp() - highest).max(0.0) / 0.01;
                let prior = self.weight[from] * change * (-0.5 * over * over).exp();
                // Between two shares of the grid lies half a step.
                let grid = if from == to { 0.0 } else { (0.5 * spacing(self.shares[from].max(self.shares[to]))).powi(2) };
                let back =
                    prior * unseen.chance * (1.0 - ODD.0) * normal_density(implied - unseen.dirt, unseen.variance + noise + grid);
                let prior = prior * (1.0 - unseen.chance);
                let stay = prior * (1.0 - wash) * (1.0 - ODD.0) * normal_density(implied - dirt[from], before + noise + grid);
                let clean = if dirt[from] < -0.015 {
                    prior * wash * normal_density(implied - WASHED.0, WASHED.1 * WASHED.1 + noise)
                } else {
                    0.0
                };
                weight[to] += stay + clean + back;
                mean[to] += stay * (dirt[from] + gain * (implied - dirt[from])) + (clean + back) * implied;
                total += stay + clean + back;
                returned += back;
                washed += clean;
            }
            let off = seen - self.gone(from) - dirt[from];
            let strange = self.weight[from] * ODD.0 * normal_density(off, ODD.1 * ODD.1);
            weight[from] += strange;
            mean[from] += strange * dirt[from];
            total += strange;
            odd += strange;
        }
        if total < 1e-30 {
            odd = 1.0;
        } else {
            for k in 0..count {
                self.dirt[k] = if weight[k] > 1e-300 { mean[k] / weight[k] } else { seen - self.gone(k) };
                self.weight[k] = weight[k] / total;
            }
            odd /= total;
            self.washed = washed / total;
            self.returned = returned / total;
            if self.washed > 0.5 {
                self.since_wash = 0;
            }
            self.variance = (odd * before + (1.0 - odd) * before * (1.0 - gain)).max(1e-8);
        }
        self.odd_days = if odd > 0.5 { self.odd_days + 1 } else { 0 };
        if self.odd_days >= STUBBORN {
            // Something of another shape happened, for example dust from a road: believe the level, keep the strings.
            // Modules cleaner than clean mean that the strings are back.
            let kept = self.likeliest();
            let kept = if (seen - self.gone(kept)).exp() > highest + 0.01 { 0 } else { kept };
            for k in 0..count {
                self.dirt[k] = (seen - self.gone(k)).min(0.02);
                self.weight[k] = if k == kept { 1.0 } else { 0.0 };
            }
            self.variance = noise;
            self.odd_days = 0;
        }
    }
}

/// Distance to the next share of the grid: finer than the noise of a day where that matters.
fn spacing(share: f64) -> f64 {
    (0.04 * share).max(0.005)
}

fn normal_density(x: f64, variance: f64) -> f64 {
    (-0.5 * x * x / variance).exp() / (variance * std::f64::consts::TAU).sqrt()
}

/// What the crew is likely to have done today.
#[derive(Debug, Clone, Copy)]
struct Crew {
    /// Chance that it washed a given inverter.
    chance: f64,
    /// Share washed of those that it had not washed in this round.
    share: f64,
}

/// All inverters of a plant.
#[derive(Debug, Clone)]
pub(super) struct Strings {
    pub(super) beliefs: Vec<Belief>,
    washing: u32,
}

/// What one day told about the plant as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) how: Move,
    /// Inverters that a crew washed, more likely than not.
    pub(super) washed: usize,
}

impl Strings {
    pub(super) fn new(strings: impl Iterator<Item = Option<f64>>) -> Self {
        Self { beliefs: strings.map(Belief::new).collect(), washing: 0 }
    }

    /// One day on: `seen` are log levels against each inverter's clean one, `rain` whether any fell.
    pub(super) fn step(&mut self, seen: &[Option<f64>], rain: bool, normal: &[InverterNormal]) -> Step {
        let rows: Vec<(f64, f64, f64)> = self
            .beliefs
            .iter()
            .zip(seen)
            .zip(normal)
            .filter_map(|((b, seen), n)| {
                let k = b.likeliest();
                Some((b.dirt[k], (*seen)? - b.gone(k), n.exposure))
            })
            .collect();
        let (how, scatter) = plant_move(&rows, rain);
        let others = median(rows.iter().map(|(_, now, _)| now.exp()).collect());
        let highest = if others.is_finite() { others.max(1.0) + 0.008 } else { 1.01 };
        let wash = if self.washing > 0 { WASH.1 } else { WASH.0 };
        // A crew in the middle of its round shows in several inverters at once.
        let jump = rows.iter().filter(|(old, now, e)| now - how.apply(*old, *e) > 0.03).count();
        let wash = if jump >= 2 { WASH.1.max(wash) } else { wash };
        let crew = Crew { chance: wash, share: 0.0 };
        for ((belief, seen), normal) in self.beliefs.iter_mut().zip(seen).zip(normal).filter(|((_, seen), _)| seen.is_some()) {
            belief.step(*seen, how, scatter, crew, highest, normal);
        }
        // Those in sight tell how far the crew came in its round; the others it may have washed as well.
        let ripe = |(b, seen): &(&Belief, &Option<f64>)| seen.is_some() && (b.since_wash == 0 || b.since_wash > ROUND);
        let ripe: Vec<u32> = self.beliefs.iter().zip(seen).filter(ripe).map(|(b, _)| b.since_wash).collect();
        let share = ripe.iter().filter(|days| **days == 0).count() as f64 / ripe.len().max(1) as f64;
        let crew = Crew { chance: wash, share };
        for ((belief, seen), normal) in self.beliefs.iter_mut().zip(seen).zip(normal).filter(|((_, seen), _)| seen.is_none()) {
            belief.step(*seen, how, scatter, crew, highest, normal);
        }
        let washed = self.beliefs.iter().filter(|b| b.washed > 0.5).count();
        self.washing = if washed > 0 { 4 } else { self.washing.saturating_sub(1) };
        Step { how, washed }
    }
}

/// The movement that most inverters share, and how much they scatter about it.
fn plant_move(rows: &[(f64, f64, f64)], rain: bool) -> (Move, f64) {
    if rows.len() < 3 {
        return (Move::Dust(0.003), 0.01);
    }
    let each = |f: &dyn Fn(&(f64, f64, f64)) -> f64| -> Vec<f64> { rows.iter().map(f).collect() };
    let dust = Move::Dust(median(each(&|(old, now, e)| (old - now) / e)));
    let mut tried = vec![(dust, 0.0)];
    let dirty: Vec<f64> =
        rows.iter().filter(|r| r.0 < -0.01).map(|(old, now, _)| 1.0 - (1.0 - now.exp()) / (1.0 - old.exp())).collect();
    // Cleaning without rain on the gauge is possible (dew, a gauge that is blocked) but has to fit better.
    let price = if rain { 0.0 } else { 0.002 };
    if 2 * dirty.len() > rows.len() {
        tried.push((Move::Rain(median(dirty).clamp(0.0, 1.3)), price));
    }
    tried.push((Move::Reset(median(each(&|r| r.1))), price));
    let off = |how: Move| -> f64 { median(each(&|(old, now, e)| (now - how.apply(*old, *e)).abs())) };
    let best = tried.into_iter().map(|(how, price)| (how, off(how), price)).min_by(|a, b| (a.1 + a.2).total_cmp(&(b.1 + b.2)));
    best.map_or((dust, 0.01), |(how, off, _)| (how, (1.4826 * off).max(0.001)))
}

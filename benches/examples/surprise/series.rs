//! Series made here that look like what servers, machines, roads and towns report, with what is wrong in them and where.
//!
//! In: a seed. Out: labelled series of eleven families. Each has oddities nobody labelled, as real ones do: bursts, slow
//! wander, quiet hours. No public data is in here.

/// One labelled series.
pub(crate) struct Series {
    pub(crate) family: &'static str,
    pub(crate) seconds: Vec<i64>,
    pub(crate) values: Vec<f64>,
    /// Rows about which something is wrong.
    pub(crate) labels: Vec<usize>,
}

/// Chance from a seed: Knuth's MMIX generator.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03);
        for _ in 0..8 {
            chance.unit();
        }
        chance
    }

    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal, by twelve uniforms.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn pick(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n - 1)
    }

    /// Heavy-tailed, at least 1; the smaller the exponent the heavier.
    fn pareto(&mut self, exponent: f64) -> f64 {
        (1.0 - self.unit()).powf(-1.0 / exponent)
    }
}

/// What can go wrong.
#[derive(Clone, Copy)]
enum Fault {
    Spike,
    Up,
    Down,
    Flat,
    Noisy,
    Quiet,
    Dropout,
    Ramp,
    OddDay,
    Faster,
}

struct Maker {
    chance: Chance,
    values: Vec<f64>,
    labels: Vec<usize>,
    per_day: f64,
    spread: f64,
}

impl Maker {
    fn new(seed: u64, n: usize, per_day: f64) -> Self {
        Self { chance: Chance::new(seed), values: vec![0.0; n], labels: Vec::new(), per_day, spread: 1.0 }
    }

    fn add(&mut self, each: impl Fn(f64, usize) -> f64) -> &mut Self {
        let per_day = self.per_day;
        self.values.iter_mut().enumerate().for_each(|(i, v)| *v += each(i as f64 / per_day, i));
        self
    }

    fn noise(&mut self, spread: f64, memory: f64) -> &mut Self {
        let keep = if memory > 0.0 { (-1.0 / memory).exp() } else { 0.0 };
        let (mut state, fresh) = (0.0, (1.0 - keep * keep).sqrt());
        for value in &mut self.values {
            state = keep * state + fresh * spread * self.chance.normal();
            *value += state;
        }
        self
    }

    /// Bursts that are part of life.
    fn bursts(&mut self, per_day: f64, height: f64, exponent: f64, rows: usize) -> &mut Self {
        let n = self.values.len();
        for i in 0..n {
            if self.chance.unit() < per_day / self.per_day {
                let top = height * self.chance.pareto(exponent);
                for (k, value) in self.values[i..(i + rows).min(n)].iter_mut().enumerate() {
                    *value += top * (-(k as f64) / (rows as f64 / 3.0)).exp();
                }
            }
        }
        self
    }

    /// `count` faults of the given kinds, apart from each other and after the first fifth.
    fn faults(&mut self, count: usize, kinds: &[Fault], strength: f64) -> &mut Self {
        let n = self.values.len();
        for k in 0..count {
            let room = 0.76 / count as f64;
            let at = ((0.2 + room * k as f64 + room * self.chance.between(0.1, 0.75)) * n as f64) as usize;
            let kind = kinds[self.chance.pick(kinds.len())];
            self.fault(at, kind, strength);
            self.labels.push(at);
        }
        self
    }

    fn fault(&mut self, at: usize, kind: Fault, strength: f64) {
        let n = self.values.len();
        let day = (self.per_day as usize).max(12);
        let long = (n / 30).max(12);
        let size = strength * self.spread * self.chance.between(0.8, 1.4);
        let end = |rows: usize| (at + rows).min(n);
        match kind {
            Fault::Spike => self.values[at..end(1 + self.chance.pick(4))].iter_mut().for_each(|v| *v += 1.6 * size),
            Fault::Up => self.values[at..end(long)].iter_mut().for_each(|v| *v += 0.8 * size),
            Fault::Down => self.values[at..end(long)].iter_mut().for_each(|v| *v -= 0.8 * size),
            Fault::Flat => {
                let held = self.values[at];
                self.values[at..end(long)].fill(held);
            }
            Fault::Dropout => {
                let low = self.values.iter().copied().fold(f64::INFINITY, f64::min);
                self.values[at..end(long / 3 + 2)].fill(low);
            }
            Fault::Noisy => {
                for i in at..end(long) {
                    let extra = 0.5 * size * self.chance.normal();
                    self.values[i] += extra;
                }
            }
            Fault::Quiet => {
                let centre = self.values[at..end(long)].iter().sum::<f64>() / (end(long) - at) as f64;
                self.values[at..end(long)].iter_mut().for_each(|v| *v = centre + 0.1 * (*v - centre));
            }
            Fault::Ramp => {
                let rows = 2 * long;
                for (k, value) in self.values[at.saturating_sub(long)..end(long)].iter_mut().enumerate() {
                    *value -= 1.5 * size * (k as f64 / rows as f64).powi(2);
                }
            }
            Fault::OddDay => {
                let shift = if self.chance.unit() < 0.5 { 0.45 } else { 1.5 };
                self.values[at..end(day)].iter_mut().for_each(|v| *v *= shift);
            }
            Fault::Faster => {
                let copy: Vec<f64> = self.values[at..end(2 * long)].to_vec();
                for (k, value) in self.values[at..end(long)].iter_mut().enumerate() {
                    *value = copy[(2 * k).min(copy.len() - 1)];
                }
            }
        }
    }

    fn floor(&mut self, low: f64) -> &mut Self {
        self.values.iter_mut().for_each(|v| *v = v.max(low));
        self
    }

    fn counts(&mut self) -> &mut Self {
        self.values.iter_mut().for_each(|v| *v = v.max(0.0).round());
        self
    }

    fn finish(&mut self, family: &'static str, ragged: bool) -> Series {
        let step = 86_400.0 / self.per_day;
        let mut now = 1_400_000_000.0 + (self.chance.unit() * 86_400.0).floor();
        let mut seconds = Vec::with_capacity(self.values.len());
        for _ in 0..self.values.len() {
            seconds.push(now as i64);
            now += step;
            if ragged && self.chance.unit() < 0.15 {
                now += step * (1 + self.chance.pick(6)) as f64;
            }
        }
        Series { family, seconds, values: std::mem::take(&mut self.values), labels: std::mem::take(&mut self.labels) }
    }
}

fn working(day: f64) -> f64 {
    let hour = day.fract() * 24.0;
    if (9.0..18.0).contains(&hour) { 1.0 } else { 0.0 }
}

fn wave(day: f64, phase: f64) -> f64 {
    ((day - phase) * std::f64::consts::TAU).sin()
}

fn town(day: f64) -> f64 {
    let weekend = day.rem_euclid(7.0) >= 5.0;
    let morning = (-((day.fract() - 0.34) / 0.06).powi(2)).exp() * if weekend { 0.3 } else { 1.0 };
    let evening = (-((day.fract() - 0.79) / 0.11).powi(2)).exp() * if weekend { 1.2 } else { 1.0 };
    0.25 + 0.6 * morning + evening + 0.25 * wave(day, 0.4)
}

/// All series of a seed.
pub(crate) fn all(seed: u64) -> Vec<Series> {
    use Fault::*;
    let mut out = Vec::new();
    let mut made = 0;
    let mut maker = |n: usize, per_day: f64| {
        made += 1;
        Maker::new(seed * 1000 + made, n, per_day)
    };
    for kind in [Flat, Up, Down, OddDay, Spike] {
        let mut m = maker(4032, 288.0);
        m.spread = 20.0;
        m.add(|d, _| 20.0 + 60.0 * working(d)).noise(if matches!(kind, Up | Spike) { 0.0 } else { 2.0 }, 0.0);
        m.fault(2900, kind, 3.0);
        m.labels.push(2900);
        out.push(m.finish("made", false));
    }
    for noise in [0.0, 3.0, 8.0] {
        let mut m = maker(4032, 288.0);
        out.push(m.add(|d, _| 40.0 + 30.0 * working(d)).noise(noise, 0.0).finish("clean", false));
    }
    for k in 0..12 {
        let mut m = maker(4032, 288.0);
        let level = m.chance.between(1.0, 60.0);
        let noise = level * m.chance.between(0.02, 0.2);
        m.spread = noise * 2.5;
        m.add(|_, _| level).noise(noise, 0.0).noise(noise, 40.0).bursts(if k % 3 == 0 { 2.0 } else { 0.3 }, 3.0 * noise, 2.5, 3);
        out.push(m.faults(1 + k % 3, &[Up, Down, Spike, Noisy, Flat, Up], 4.0).floor(0.0).finish("cpu", false));
    }
    for _ in 0..4 {
        let mut m = maker(4032, 288.0);
        m.spread = 4e6;
        m.add(|d, _| 2e5 + 1e5 * wave(d, 0.2)).noise(4e4, 0.0).bursts(12.0, 6e5, 1.8, 4);
        out.push(m.faults(2, &[Up, Spike, Dropout], 5.0).floor(0.0).finish("network", false));
    }
    for _ in 0..4 {
        let mut m = maker(4032, 288.0);
        m.spread = 4.0;
        m.add(|d, _| 45.0 + wave(d, 0.1)).noise(1.6, 3.0).bursts(4.0, 3.0, 3.0, 2);
        out.push(m.faults(3, &[Up, Spike, Spike, Noisy], 4.0).finish("latency", false));
    }
    for k in 0..3 {
        let mut m = maker(22_000, 288.0);
        m.spread = 9.0;
        m.add(|d, _| 88.0 + 2.0 * wave(d, 0.3)).noise(1.0, 2.0).noise(7.0, 300.0);
        out.push(m.faults(3 + k % 2, &[Dropout, Ramp, Down, Ramp], 5.0).finish("machine", false));
    }
    for _ in 0..2 {
        let mut m = maker(7267, 24.0);
        m.spread = 4.0;
        m.add(|d, _| 70.0 + 2.0 * wave(d, 0.6) + 3.0 * wave(d / 120.0, 0.0)).noise(0.6, 1.0).noise(2.5, 60.0);
        out.push(m.faults(2, &[Dropout, Up, Down], 3.5).finish("ambient", false));
    }
    for _ in 0..2 {
        let mut m = maker(10_320, 48.0);
        m.add(|d, _| 16_000.0 * town(d)).noise(500.0, 6.0);
        out.push(m.faults(5, &[OddDay], 1.0).finish("demand", false));
    }
    for k in 0..6 {
        let mut m = maker(1_600, 24.0);
        m.spread = 0.06;
        m.add(|d, _| 0.1 + 0.01 * wave(d, 0.5)).noise(0.02, 0.0).bursts(0.3, 0.05, 2.5, 1);
        out.push(m.faults(1 + k % 3, &[Spike, Up, Noisy], 4.0).floor(0.0).finish("clicks", false));
    }
    for k in 0..7 {
        let mut m = maker(if k == 6 { 1_127 } else { 2_500 }, 144.0);
        m.spread = 12.0;
        m.add(|d, _| 75.0 - 18.0 * town(d)).noise(5.0, 2.0);
        out.push(m.faults(1 + k % 3, &[Down, Spike, Up, Quiet], 3.5).finish("traffic", true));
    }
    for k in 0..8 {
        let mut m = maker(15_800, 288.0);
        let level = m.chance.between(3.0, 40.0);
        m.spread = level * 4.0;
        m.add(|d, _| level * (1.0 + 0.7 * wave(d, 0.3))).noise(0.3 * level, 0.0).bursts(3.0, level, 1.9, 4);
        out.push(m.faults(2 + k % 3, &[Spike, Up, Spike, Noisy], 6.0).counts().finish("posts", false));
    }
    for k in 0..3 {
        let mut m = maker(if k == 0 { 1_882 } else { 5_315 }, 288.0);
        m.spread = 0.12;
        m.add(|_, i| 0.1 + 0.05 * ((i as f64 / 9.0).sin())).noise(0.02, 0.0).bursts(6.0, 0.03, 3.0, 1);
        out.push(m.faults(2, &[Faster, Quiet, Noisy], 3.0).finish("agent", k == 0));
    }
    out
}

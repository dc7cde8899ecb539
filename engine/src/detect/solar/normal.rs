//! What is normal for a plant and each of its inverters, learnt from the training part.
//!
//! In: a [`Plant`] and its [`Light`], rows before the training end. Out: [`Normal`]: temperature coefficient, AC curve, voltage,
//! heat sink, clean level, share of the dust. Deliberately not here: any verdict.

use super::light::Light;
use super::plant::Inverter;
use super::plant::Known;
use super::plant::Plant;
use super::sink::Sink;
use super::statistics::least_squares;
use super::statistics::median;
use super::statistics::quantile;
use super::statistics::spread;
use super::strings::WASHED;
use std::ops::Range;

/// Power at or above this share of the rating is clipped.
const CLIPPED: f64 = 0.97;
/// Voltage this far above that of the maximum power point: the inverter holds the modules back.
const HELD_VOLTAGE: f64 = 1.03;
/// Light below which neither ratio nor temperature term is worth much, W/m².
const DIM: f64 = 250.0;
/// Lower than this the modules shade and the glass mirrors, degrees.
const LOW_SUN: f64 = 8.0;
/// Minutes of usable rows that make a day.
const LEAST_MINUTES: i64 = 60;
/// A rise from one day to the next that only water explains, log.
const WASH_STEP: f64 = 0.04;
/// The level that this share of the days stays below is that of modules just cleaned.
const CLEAN: f64 = 0.985;

/// What is normal for a plant.
#[derive(Debug, Clone)]
pub(super) struct Normal {
    /// The inverters it was learnt from.
    pub(super) known: Vec<Known>,
    /// Change of power per °C.
    pub(super) gamma: f64,
    /// Usual ratio of the two light sensors, and how its days scatter (log).
    pub(super) ratio: Option<(f64, f64)>,
    /// Day of the plant on which the clean level held, for ageing.
    pub(super) clean_day: f64,
    pub(super) inverters: Vec<InverterNormal>,
    /// Degrees off the set-point that no healthy tracker shows.
    pub(super) tracker_limit: f64,
}

/// What is normal for one inverter.
#[derive(Debug, Clone)]
pub(super) struct InverterNormal {
    /// AC power = a + b·DC + c·DC².
    ac: [f64; 3],
    /// Voltage = a + b·warmth.
    volts: Option<[f64; 2]>,
    pub(super) sink: Option<Sink>,
    /// Log of DC power over the plant's yield, clean.
    pub(super) clean: f64,
    /// Dust relative to the plant's.
    pub(super) exposure: f64,
    /// Set-point that means "not limited".
    pub(super) free: f64,
    /// Scatter of one day's level about the plant's.
    pub(super) noise: f64,
}

impl InverterNormal {
    /// AC power from DC power, below every limit.
    pub(super) fn to_ac(&self, dc: f64, rated: f64) -> f64 {
        (self.ac[0] + self.ac[1] * dc + self.ac[2] * dc * dc).clamp(0.0, rated)
    }

    /// True where the voltage tells when the modules are held back, so that the other rows of a hot inverter are as good as any.
    pub(super) const fn tells_held(&self) -> bool {
        self.volts.is_some()
    }

    /// True where a set-point is below the free one.
    pub(super) fn limited(&self, limit: f64) -> bool {
        limit < 0.995 * self.free
    }

    /// True where the inverter keeps the modules off their maximum power point: their voltage rises above that of the light and heat
    /// they have. Without a voltage, wherever power is near a limit.
    pub(super) fn held(&self, inverter: &Inverter, light: &Light, row: usize) -> bool {
        let power = inverter.power[row];
        let volts = inverter.volts[row];
        let near = |share: f64| power >= share * inverter.rated || power >= share * inverter.limit[row];
        match self.volts {
            Some([a, b]) if volts.is_finite() => volts > HELD_VOLTAGE * (a + b * light.warmth[row]) || near(0.999),
            _ => near(CLIPPED),
        }
    }
}

#[cfg(test)]
impl InverterNormal {
    /// An inverter without losses, for tests.
    pub(super) const fn clean_one() -> Self {
        Self { ac: [0.0, 1.0, 0.0], volts: None, sink: None, clean: 0.0, exposure: 1.0, free: f64::INFINITY, noise: 0.002 }
    }
}

/// Rows that say how good the modules are: bright, steady, not held back.
pub(super) fn usable(plant: &Plant, light: &Light, row: usize) -> bool {
    let poa = &plant.station.poa;
    let steady = |other: usize| poa.get(other).is_none_or(|v| (v - poa[row]).abs() < 0.12 * poa[row]);
    poa[row] > DIM && light.elevation(row) > LOW_SUN && steady(row + 1) && steady(row.wrapping_sub(1))
}

/// Log of DC power over the plant's yield on one day, from the rows that `good` lets through; the median row decides.
pub(super) fn level(
    plant: &Plant,
    light: &Light,
    gamma: f64,
    inverter: &Inverter,
    rows: Range<usize>,
    good: impl Fn(usize) -> bool,
) -> Option<f64> {
    let each = rows.filter(|&i| usable(plant, light, i) && good(i)).map(|i| inverter.dc[i] / light.yield_of(plant, i, gamma));
    let values: Vec<f64> = each.filter(|v| v.is_finite() && *v > 0.0).map(f64::ln).collect();
    (values.len() >= plant.rows(LEAST_MINUTES)).then(|| median(values))
}

impl Normal {
    /// Learns from rows before `until`; `None` where fewer than three inverters can be learnt.
    pub(super) fn fit(plant: &Plant, light: &Light, until: usize) -> Option<Self> {
        let mut inverters: Vec<InverterNormal> = plant.inverters.iter().map(|i| electric(plant, light, i, until)).collect();
        let gamma = gamma(plant, light, &inverters, until);
        for (own, inverter) in inverters.iter_mut().zip(&plant.inverters) {
            let limited = |row: usize| inverter.limit[row] < 0.995 * own.free;
            own.sink = Sink::fit(plant, inverter, until, limited);
        }
        let days = plant.days.iter().take_while(|d| d.end <= until);
        let levels: Vec<Vec<Option<f64>>> = days
            .map(|rows| {
                let each = plant.inverters.iter().zip(&inverters);
                let one = |(i, n): (&Inverter, &InverterNormal)| {
                    level(plant, light, gamma, i, rows.clone(), |row| !n.held(i, light, row) && i.power[row] > 0.01 * i.rated)
                };
                each.map(one).collect()
            })
            .collect();
        let clean_day = cleanliness(&levels, &mut inverters)?;
        let ratios: Vec<f64> =
            plant.days.iter().take_while(|d| d.end <= until).filter_map(|d| light.day_ratio(d.clone())).map(f64::ln).collect();
        let ratio = (ratios.len() >= 20).then(|| (median(ratios.clone()), spread(&ratios)));
        let known = plant.inverters.iter().map(|i| Known { asset: i.asset.clone(), rated: i.rated, has_dc: i.has_dc });
        let known = known.collect();
        Some(Self { known, gamma, ratio, clean_day, inverters, tracker_limit: tracker_limit(plant, until) })
    }
}

fn electric(plant: &Plant, light: &Light, inverter: &Inverter, until: usize) -> InverterNormal {
    let free = inverter.limit[..until].iter().copied().filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    let free = if free.is_finite() { free } else { inverter.rated };
    let below = |row: usize| inverter.power[row] < CLIPPED * inverter.rated && inverter.limit[row] >= 0.995 * free;
    let bright = |row: usize| plant.station.poa[row] > DIM && inverter.power[row] > 0.02 * inverter.rated && below(row);
    let bright: Vec<usize> = (0..until).filter(|&row| bright(row)).collect();
    let line = |rows: &mut dyn Iterator<Item = usize>| least_squares(rows.map(|i| ([1.0, light.warmth[i]], inverter.volts[i])));
    // Twice: rows held back by heat or a set-point nobody reported stand above the line and fall out.
    let volts = line(&mut bright.iter().copied()).and_then(|[a, b]| {
        let near = |i: &usize| (inverter.volts[*i] / (a + b * light.warmth[*i]) - 1.0).abs() < 0.03;
        line(&mut bright.iter().copied().filter(near))
    });
    let mut own = InverterNormal { ac: [0.0, 1.0, 0.0], volts, sink: None, clean: 0.0, exposure: 1.0, free, noise: 0.005 };
    let loaded = (0..until).filter(|&i| inverter.power[i] > 0.02 * inverter.rated && !own.held(inverter, light, i));
    let curve = least_squares(loaded.map(|i| ([1.0, inverter.dc[i], inverter.dc[i].powi(2)], inverter.power[i])));
    own.ac = curve.unwrap_or([0.0, 1.0, 0.0]);
    own
}

/// The coefficient that makes the levels within a day most alike; kept within what modules have.
fn gamma(plant: &Plant, light: &Light, inverters: &[InverterNormal], until: usize) -> f64 {
    let mut rows: Vec<(usize, usize)> = Vec::new();
    for day in plant.days.iter().filter(|d| d.end <= until) {
        for (k, inverter) in plant.inverters.iter().enumerate().step_by(3) {
            let good =
                |&i: &usize| usable(plant, light, i) && plant.station.poa[i] > 400.0 && !inverters[k].held(inverter, light, i);
            rows.extend(day.clone().filter(good).map(|i| (k, i)));
        }
    }
    let day_of: Vec<usize> = plant.days.iter().enumerate().flat_map(|(d, range)| std::iter::repeat_n(d, range.len())).collect();
    let cost = |gamma: f64| {
        let mut groups: std::collections::BTreeMap<(usize, usize), (f64, f64, f64)> = std::collections::BTreeMap::new();
        for &(k, i) in &rows {
            let value = (plant.inverters[k].dc[i] / light.yield_of(plant, i, gamma)).ln();
            if value.is_finite() {
                let sums = groups.entry((k, day_of[i])).or_default();
                *sums = (sums.0 + 1.0, sums.1 + value, sums.2 + value * value);
            }
        }
        groups.values().map(|(n, s, q)| q - s * s / n).sum::<f64>()
    };
    if rows.len() < 500 {
        return -0.0037;
    }
    let candidates = (0..9).map(|k| -0.0025 - 0.00025 * f64::from(k));
    candidates.min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap_or(-0.0037)
}

/// Fills in clean level, exposure and noise from the levels by day; the day for which the clean level stands.
fn cleanliness(levels: &[Vec<Option<f64>>], inverters: &mut [InverterNormal]) -> Option<f64> {
    let of_plant = |day: &Vec<Option<f64>>, off: &[f64]| {
        let known: Vec<f64> = day.iter().zip(off).filter_map(|(v, o)| v.map(|v| v - o)).collect();
        (2 * known.len() > day.len()).then(|| median(known))
    };
    let mut off = vec![0.0; inverters.len()];
    // The cleanest days tell how the inverters compare; a second round with levelled inverters tells those days better.
    for _ in 0..2 {
        let plant: Vec<Option<f64>> = levels.iter().map(|day| of_plant(day, &off)).collect();
        let known: Vec<f64> = plant.iter().flatten().copied().collect();
        if known.len() < 20 {
            return None;
        }
        let best = quantile(known, 0.8);
        for (k, own) in off.iter_mut().enumerate() {
            let clean = levels.iter().zip(&plant).filter_map(|(day, p)| p.filter(|p| *p >= best).and_then(|p| Some(day[k]? - p)));
            let gaps: Vec<f64> = clean.collect();
            if !gaps.is_empty() {
                *own = median(gaps);
            }
        }
    }
    let plant: Vec<Option<f64>> = levels.iter().map(|day| of_plant(day, &off)).collect();
    let known: Vec<f64> = plant.iter().flatten().copied().collect();
    // Rain and crews leave a film: the best days are not quite clean.
    let best = quantile(known, CLEAN);
    let clean = best - WASHED.0;
    let middle: Vec<f64> = (0..levels.len()).filter(|&d| plant[d].is_some_and(|p| p >= best - 0.01)).map(|d| d as f64).collect();
    let clean = clean + washes(levels, &off, clean).unwrap_or(0.0);
    for (k, own) in inverters.iter_mut().enumerate() {
        own.clean = clean + off[k];
        let pairs = levels.iter().zip(&plant).filter_map(|(day, p)| Some((day[k]? - own.clean, (*p)? - clean)));
        let pairs: Vec<(f64, f64)> = pairs.collect();
        let dusty: Vec<f64> = pairs.iter().filter(|(_, p)| *p < -0.025).map(|(own, p)| own / p).collect();
        if dusty.len() >= 10 {
            own.exposure = median(dusty).clamp(0.5, 1.8);
        }
        let rest: Vec<f64> = pairs.windows(2).map(|w| (w[1].0 - w[0].0) - own.exposure * (w[1].1 - w[0].1)).collect();
        own.noise = (spread(&rest) / 2.0_f64.sqrt()).clamp(0.0015, 0.05);
    }
    Some(middle.iter().sum::<f64>() / middle.len().max(1) as f64)
}

/// How far above a first guess the clean level is, by the days on which a crew washed a few of the inverters: those tell it best, as
/// the film they leave is known and the days are many. `None` with fewer than six.
fn washes(levels: &[Vec<Option<f64>>], off: &[f64], clean: f64) -> Option<f64> {
    let mut found = Vec::new();
    for days in levels.windows(2) {
        let rose = |k: &usize| days[1][*k].zip(days[0][*k]).is_some_and(|(now, before)| now - before > WASH_STEP);
        let risen: Vec<usize> = (0..off.len()).filter(rose).collect();
        if 2 * risen.len() <= off.len() {
            found.extend(risen.iter().filter_map(|&k| Some(days[1][k]? - off[k] - clean - WASHED.0)));
        }
    }
    // Farther off than this it was no washing.
    found.retain(|gap| gap.abs() < 0.03);
    (found.len() >= 6).then(|| median(found))
}

fn tracker_limit(plant: &Plant, until: usize) -> f64 {
    let off = |t: &super::plant::Tracker| -> Vec<f64> {
        (0..until).map(|i| (t.angle[i] - t.goal[i]).abs()).filter(|v| v.is_finite()).collect()
    };
    let worst = plant.trackers.iter().map(off).filter(|v| !v.is_empty()).map(|v| quantile(v, 0.999)).fold(0.0, f64::max);
    (2.0 * worst).clamp(3.0, 10.0)
}

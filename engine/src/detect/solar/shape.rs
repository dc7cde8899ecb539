//! Stuck trackers and wrong clocks, read from the shape of an inverter's day.
//!
//! In: the last hours of one inverter in [`Ground`]. Out: which of three stories fits them: as expected, a tracker stuck at some
//! angle, a clock that is off by some minutes. A story wins by fitting much better than the others, so clouds, dust and heat, which fit
//! none, open nothing. Deliberately not here: what a tracker itself reports (`tracker`).

use super::ground::Ground;
use super::ground::NOTHING;
use super::outage::Change;

/// Minutes looked at, and between looks.
const WINDOW: i64 = 180;
const EVERY: i64 = 30;
/// Minutes in which the onset is looked for.
const BACK: i64 = 900;
/// Minutes of it that must be usable.
const USABLE: i64 = 100;
/// Mean miss, as a share of the rating, below which the day is as expected.
const MISS: f64 = 0.04;
/// A story must miss by less than this share of what "as expected" misses, and the other story by this factor more.
const BETTER: f64 = 0.4;
const CLEARER: f64 = 1.4;
/// Dust, storms, washing and lost strings since yesterday may scale the day by this much, in so many steps.
const SCALE: (f64, f64) = (0.75, 1.4);
const SCALES: u32 = 26;
/// Clock errors tried, minutes.
const SHIFTS: [i64; 9] = [15, 20, 25, 30, 45, 60, 75, 90, 120];
/// Lowest sun in which power says something, degrees.
const LOW_SUN: f64 = -2.0;

/// What explains the last hours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Story {
    /// Tracker stuck at this angle.
    Stuck(f64),
    /// Times of the rows are late by this many rows (early when negative).
    Late(i64),
}

/// Looks in a row that must tell the same story before it is believed, and looks without its trace before it is over.
const LOOKS: u32 = 2;
const GONE: u32 = 8;

/// A clock that is right again within so many minutes was none: no clock mends itself over night, but a stuck tracker looks early in
/// the evening and late in the morning. For so many minutes after that no clock is believed.
const BRIEF: i64 = 36 * 60;
const WARY: i64 = 5 * 24 * 60;

/// Memory of one inverter.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    pub(super) open: Option<Story>,
    /// A story heard, how often in a row, and the first row of it.
    heard: Option<(Story, u32, usize)>,
    gone: u32,
    /// Row at which the open story was first believed.
    since: usize,
    /// Row at which a clock turned out to be none.
    refuted: Option<usize>,
}

/// What a look at an inverter told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    pub(super) score: f64,
    pub(super) change: Option<Change>,
}

impl Shape {
    /// True on the rows at which an inverter is looked at.
    pub(super) fn due(ground: &Ground<'_>, row: usize) -> bool {
        row.is_multiple_of(ground.plant.rows(EVERY)) && ground.light.elevation(row) > LOW_SUN - 6.0
    }

    /// Forgets what was open: somebody else knows better.
    pub(super) fn forget(&mut self) {
        *self = Self { refuted: self.refuted, ..Self::default() };
    }

    pub(super) fn look(&mut self, ground: &Ground<'_>, k: usize, row: usize) -> Option<Look> {
        let rows = window(ground, k, row)?;
        let hours = Hours { ground, k, rows: &rows };
        // Most looks end here: scales can only make the miss smaller.
        let unscaled = hours.mean_miss(None, 1.0);
        if self.open.is_none() && unscaled < MISS {
            self.heard = None;
            return Some(Look { score: (unscaled / MISS).min(0.99), change: None });
        }
        let plain = hours.told(None);
        let score = plain / MISS;
        if let Some(story) = self.open {
            let told = hours.told(Some(story));
            // Only hours in which the fault would show can say that it is over.
            if told > plain + 0.02 && plain < 0.5 * told {
                self.gone += 1;
            } else if plain > told + 0.02 && told < 0.5 * plain {
                self.gone = 0;
            }
            if self.gone >= GONE {
                if matches!(story, Story::Late(_)) && row - self.since < ground.plant.rows(BRIEF) {
                    self.refuted = Some(row);
                }
                self.forget();
                return Some(Look { score, change: Some(Change::Close) });
            }
            return Some(Look { score: score.max(1.0), change: None });
        }
        let quiet = Some(Look { score: score.min(0.99), change: None });
        let clocks = self.refuted.is_none_or(|at| row - at > ground.plant.rows(WARY));
        let story = if plain < MISS { None } else { hours.story(plain, clocks) };
        self.heard = match (story, self.heard) {
            (None, _) => None,
            (Some(new), Some((old, count, first))) if new.like(old) => Some((new, count + 1, first)),
            (Some(new), _) => Some((new, 1, rows[0])),
        };
        let Some((story, count, first)) = self.heard else { return quiet };
        if count < LOOKS {
            return quiet;
        }
        let first = since(ground, k, row, story).map_or(first, |row| row.min(first));
        self.forget();
        (self.open, self.since) = (Some(story), row);
        Some(Look { score, change: Some(Change::Open(first)) })
    }
}

impl Story {
    fn like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Stuck(_), Self::Stuck(_)) => true,
            (Self::Late(a), Self::Late(b)) => a.signum() == b.signum(),
            _ => false,
        }
    }
}

/// Usable rows of the last hours with sun; `None` for too few, or where a set-point blurs them.
fn window(ground: &Ground<'_>, k: usize, row: usize) -> Option<Vec<usize>> {
    let plant = ground.plant;
    let inverter = &plant.inverters[k];
    let from = (row + 1).saturating_sub(plant.rows(WINDOW));
    let good = |&i: &usize| {
        let bright = ground.free[k][i] > NOTHING * inverter.rated || inverter.power[i] > NOTHING * inverter.rated;
        bright && inverter.here[i] && !ground.idle[k][i] && ground.free[k][i].is_finite()
    };
    if (from..=row).any(|i| ground.limited[i]) {
        return None;
    }
    let rows: Vec<usize> = (from..=row).filter(good).collect();
    (rows.len() >= plant.rows(USABLE)).then_some(rows)
}

/// First row of the last hours from which on the story fits better than that all is well; for the energy only.
fn since(ground: &Ground<'_>, k: usize, row: usize, story: Story) -> Option<usize> {
    let plant = ground.plant;
    let good = |&i: &usize| {
        ground.free[k][i] > NOTHING * plant.inverters[k].rated && ground.plant.inverters[k].here[i] && !ground.idle[k][i]
    };
    let rows: Vec<usize> = ((row + 1).saturating_sub(plant.rows(BACK))..=row).filter(good).collect();
    let hours = Hours { ground, k, rows: &rows };
    let (pairs, light) = hours.lay(None);
    let plain = hours.misses(&pairs, &light, 1.0);
    let (pairs, light) = hours.lay(Some(story));
    let told = hours.misses(&pairs, &light, 1.0);
    if plain.len() != told.len() || plain.len() + 2 != rows.len() {
        return None;
    }
    let (mut sum, mut best) = (0.0, None);
    for i in (0..plain.len()).rev() {
        sum += plain[i] - told[i];
        if best.is_none_or(|(most, _)| sum > most) {
            best = Some((sum, rows[i]));
        }
    }
    best.map(|(_, row)| row)
}

/// The last hours of one inverter.
struct Hours<'a> {
    ground: &'a Ground<'a>,
    k: usize,
    rows: &'a [usize],
}

impl Hours<'_> {
    /// The story that fits much better than that all is well, than the other story, and than a step of the level.
    fn story(&self, plain: f64, clocks: bool) -> Option<Story> {
        let step = self.ground.plant.step;
        let late = SHIFTS.iter().map(|m| m * 60 / step).flat_map(|n| [n, -n]).filter(|n| *n != 0).map(Story::Late);
        let late = self.best(late.filter(|_| clocks));
        let stuck = self.best((-8..=8).map(|n| Story::Stuck(7.5 * f64::from(n))));
        let (winner, other) = match (late, stuck) {
            (Some(l), Some(s)) if l.1 <= s.1 => (l, s.1),
            (Some(l), Some(s)) => (s, l.1),
            (Some(one), None) | (None, Some(one)) => (one, f64::INFINITY),
            (None, None) => return None,
        };
        let other = other.min(self.step());
        (winner.1 < BETTER * plain && other > CLEARER * winner.1).then_some(winner.0)
    }

    fn best(&self, stories: impl Iterator<Item = Story>) -> Option<(Story, f64)> {
        let told = stories.map(|story| (story, self.told(Some(story))));
        told.filter(|(_, miss)| miss.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Mean miss of a story, share of the rating, under the scale that suits it best.
    fn told(&self, story: Option<Story>) -> f64 {
        let (pairs, light) = self.lay(story);
        scales().map(|scale| self.mean(&self.misses(&pairs, &light, scale))).min_by(f64::total_cmp).unwrap_or(f64::INFINITY)
    }

    fn mean_miss(&self, story: Option<Story>, scale: f64) -> f64 {
        let (pairs, light) = self.lay(story);
        self.mean(&self.misses(&pairs, &light, scale))
    }

    fn mean(&self, off: &[f64]) -> f64 {
        if off.len() < self.rows.len() / 2 { f64::INFINITY } else { off.iter().sum::<f64>() / off.len() as f64 }
    }

    /// Rows of the inverter with the rows they are compared with, and the light of the latter.
    fn lay(&self, story: Option<Story>) -> (Vec<(usize, usize)>, Vec<f64>) {
        let shift = if let Some(Story::Late(rows)) = story { rows } else { 0 };
        // Never past the last row: an early clock is compared with rows of the inverter that came before.
        let (back, ahead) = (usize::try_from(shift).unwrap_or(0), usize::try_from(-shift).unwrap_or(0));
        let pairs: Vec<(usize, usize)> =
            self.rows.iter().filter_map(|&i| Some((i.checked_sub(ahead)?, i.checked_sub(back)?))).collect();
        let light = pairs.iter().map(|(_, model)| self.light(*model, story)).collect();
        (pairs, light)
    }

    /// Mean miss of a level that steps once within the hours: a string that burns, a crew that washes.
    fn step(&self) -> f64 {
        let pairs: Vec<(usize, usize)> = self.rows.iter().map(|&i| (i, i)).collect();
        let light: Vec<f64> = self.rows.iter().map(|&i| self.light(i, None)).collect();
        let mut before: Vec<f64> = Vec::new();
        let mut after: Vec<f64> = Vec::new();
        for scale in scales() {
            let off = self.misses(&pairs, &light, scale);
            let total: f64 = off.iter().sum();
            before.resize(off.len() + 1, f64::INFINITY);
            after.resize(off.len() + 1, f64::INFINITY);
            let mut sum = 0.0;
            for at in 0..=off.len() {
                before[at] = before[at].min(sum);
                after[at] = after[at].min(total - sum);
                sum += off.get(at).copied().unwrap_or(0.0);
            }
        }
        let sums = before.iter().zip(&after).map(|(a, b)| a + b);
        sums.fold(f64::INFINITY, f64::min) / before.len().saturating_sub(1).max(1) as f64
    }

    /// Light in the plane that a story gives a row, W/m².
    fn light(&self, row: usize, story: Option<Story>) -> f64 {
        let (light, plant) = (self.ground.light, self.ground.plant);
        let poa = plant.station.poa[row].max(0.0);
        match story {
            Some(Story::Stuck(angle)) => light.stuck(plant, row, angle, self.ground.sensor * poa) / self.ground.sensor,
            _ => poa,
        }
    }

    /// Absolute difference of power and story, share of the rating; both smoothed over three rows against passing clouds.
    fn misses(&self, pairs: &[(usize, usize)], light: &[f64], scale: f64) -> Vec<f64> {
        let inverter = &self.ground.plant.inverters[self.k];
        let each = pairs.iter().zip(light).map(|((own, model), light)| {
            (inverter.power[*own].max(0.0) - self.ground.at_light(self.k, *model, scale * light)) / inverter.rated
        });
        let off: Vec<f64> = each.collect();
        off.windows(3).map(|w| (w.iter().sum::<f64>() / 3.0).abs()).filter(|v| v.is_finite()).collect()
    }
}

/// Scales tried: dust, storms and washing since yesterday, lost strings.
fn scales() -> impl Iterator<Item = f64> {
    (0..=SCALES).map(|n| SCALE.0 + (SCALE.1 - SCALE.0) * f64::from(n) / f64::from(SCALES))
}

//! A plant day by day: rows first, then what the whole day tells.
//!
//! In: [`Plant`], [`Light`], [`Normal`]. Out: episodes, soiling, degradation, scores per row. Rows of a day are judged with levels from
//! the days before; a day is judged when it is over. Deliberately not here: the verdicts (the detectors beside this file), energy
//! (`episode`).

use super::Degradation;
use super::SoilingDay;
use super::ageing::PRIOR;
use super::ageing::degradation;
use super::derate::Cooling;
use super::episode::Episode;
use super::episode::Kind;
use super::ground::Ground;
use super::history::History;
use super::light::Light;
use super::normal::Normal;
use super::normal::level;
use super::onset::onset;
use super::outage::Change;
use super::outage::Silence;
use super::outage::Standstill;
use super::plant::Plant;
use super::pyranometer::Sensors;
use super::shape::Shape;
use super::shape::Story;
use super::statistics::median;
use super::strings::Move;
use super::strings::Strings;
use super::tracker::Following;
use crate::domain::AssetId;
use std::ops::Range;

/// Probability of lost strings that opens, on this many judged days in a row, and the one that closes.
const SURE: f64 = 0.97;
const SURE_DAYS: u32 = 2;
const OVER: f64 = 0.3;
/// Rain of a day that can clean, mm.
const RAIN: f64 = 0.2;
/// Dust of a day that is a storm.
const STORM: f64 = 0.02;

/// Memory of one inverter.
#[derive(Debug, Clone, Default)]
struct Unit {
    silence: Silence,
    standstill: Standstill,
    cooling: Cooling,
    shape: Shape,
    sure: u32,
    open: Vec<(Name, usize)>,
}

/// What can be open at an inverter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Comms,
    Trip,
    Derate,
    Clock,
    Stall,
    Strings,
}

/// All that is known after the last row.
pub(super) struct Scan<'a> {
    pub(super) ground: Ground<'a>,
    pub(super) episodes: Vec<Episode>,
    pub(super) soiling: Vec<SoilingDay>,
    pub(super) degradation: Degradation,
    /// Excess over the limit of the station, by row.
    pub(super) station: Vec<f64>,
    units: Vec<Unit>,
    follows: Vec<Following>,
    /// Episodes of trackers whose inverter nobody names.
    stalls: Vec<Option<usize>>,
    strings: Strings,
    sensors: Sensors,
    clean_days: Vec<(f64, f64)>,
    history: History,
    plant_wide: Silence,
    silent: Option<usize>,
    drift: Option<usize>,
    curtailed: Option<usize>,
    cleaning: Option<(Kind, usize)>,
}

impl<'a> Scan<'a> {
    /// Judges every row.
    pub(super) fn run(plant: &'a Plant, light: &'a Light, normal: &'a Normal) -> Self {
        let mut scan = Self {
            ground: Ground::new(plant, light, normal),
            episodes: Vec::new(),
            soiling: Vec::new(),
            degradation: degradation(&plant.id, &[]),
            station: vec![0.0; plant.len],
            units: vec![Unit::default(); plant.inverters.len()],
            follows: vec![Following::default(); plant.trackers.len()],
            stalls: vec![None; plant.trackers.len()],
            strings: Strings::new(plant.inverters.iter().map(|i| i.strings)),
            sensors: Sensors::default(),
            clean_days: Vec::new(),
            history: History::default(),
            plant_wide: Silence::default(),
            silent: None,
            drift: None,
            curtailed: None,
            cleaning: None,
        };
        for day in 0..plant.days.len() {
            scan.day(day);
        }
        scan.degradation = degradation(&plant.id, &scan.clean_days);
        scan
    }

    fn day(&mut self, day: usize) {
        let rows = self.ground.plant.days[day].clone();
        let age = self.age(day);
        let each = self.strings.beliefs.iter().zip(&self.ground.normal.inverters);
        let levels: Vec<f64> = each.map(|(belief, normal)| normal.clean + age + belief.level()).collect();
        self.ground.expect(rows.clone(), &levels, self.sensors.correction());
        for unit in &mut self.units {
            unit.standstill.new_day();
        }
        for row in rows.clone() {
            self.row(row);
        }
        if self.ground.plant.complete(day) {
            self.dusk(day, rows);
        }
    }

    /// Log of the clean level against the training part's.
    fn age(&self, day: usize) -> f64 {
        PRIOR.0 * (day as f64 - self.ground.normal.clean_day) / 365.25
    }

    fn row(&mut self, row: usize) {
        let plant = self.ground.plant;
        let none = self.ground.reporting[row] == 0.0;
        let least = Silence::least(&self.ground);
        match self.plant_wide.row(least, !none, true, row) {
            Some(Change::Open(from)) => self.silent = Some(self.open(None, plant.id.clone(), Kind::Comms, from, row)),
            Some(Change::Close) => close(&mut self.episodes, self.silent.take(), row),
            None => {}
        }
        self.order(row);
        self.trackers(row);
        for k in 0..self.units.len() {
            let id = plant.inverters[k].asset.id.clone();
            let here = plant.inverters[k].here[row];
            let others = self.ground.reporting[row] >= 0.5;
            if let Some(change) = self.units[k].silence.row(least, here, others, row) {
                self.apply(k, Name::Comms, Kind::Comms, id.clone(), change, row);
            }
            if !here {
                self.ground.busy[k][row] = true;
                continue;
            }
            let shifted = self.is_open(k, Name::Clock);
            if shifted {
                self.units[k].standstill = Standstill::default();
            } else if let Some(change) = self.units[k].standstill.row(&self.ground, k, row) {
                self.apply(k, Name::Trip, Kind::Trip, id.clone(), change, row);
            }
            let (score, change) = self.units[k].cooling.row(&self.ground, k, row);
            self.raise(k, row, score.min(10.0));
            if let Some(change) = change {
                self.apply(k, Name::Derate, Kind::Derate, id.clone(), change, row);
            }
            let still = self.units[k].standstill.open || self.units[k].standstill.suspect();
            self.ground.idle[k][row] = still || self.units[k].cooling.hot();
            let own = plant.trackers.iter().position(|t| t.inverter == Some(k)).map(|n| &self.follows[n]);
            let told = own.is_some_and(|f| f.open || f.off()) || self.ground.idle[k][row];
            if !told && Shape::due(&self.ground, row) {
                self.look(k, row);
            }
            if self.units[k].open.iter().any(|(name, _)| *name != Name::Strings) {
                self.ground.busy[k][row] = true;
            }
            if !self.units[k].open.is_empty() {
                self.raise(k, row, 1.0);
            }
        }
    }

    /// Set-points inform: one stretch for the plant.
    fn order(&mut self, row: usize) {
        let plant = self.ground.plant;
        let held = plant.inverters.iter().zip(&self.ground.normal.inverters).filter(|(i, n)| n.limited(i.limit[row])).count();
        let held = 2 * held > plant.inverters.len();
        match self.curtailed {
            None if held => self.curtailed = Some(self.open(None, plant.id.clone(), Kind::Curtailment, row, row)),
            Some(_) if !held => close(&mut self.episodes, self.curtailed.take(), row),
            _ => {}
        }
    }

    /// Every tracker against its set-point.
    fn trackers(&mut self, row: usize) {
        let (plant, limit) = (self.ground.plant, self.ground.normal.tracker_limit);
        let least = Following::least(plant.step);
        for (n, tracker) in plant.trackers.iter().enumerate() {
            let (angle, goal) = (tracker.angle[row], tracker.goal[row]);
            let Some((_, Some(change))) = self.follows[n].row(angle, goal, limit, least, row) else { continue };
            let told = vec![("tracker_angle", Some(angle), Some(goal), 0.7)];
            match (tracker.inverter, change) {
                // What the day's shape has opened already stays open until the tracker follows again.
                (Some(k), Change::Open(_)) if self.is_open(k, Name::Stall) => {}
                (Some(k), _) => {
                    self.apply(k, Name::Stall, Kind::Stall, tracker.asset.id.clone(), change, row);
                    match change {
                        Change::Open(_) => self.tell(k, Name::Stall, told),
                        Change::Close => self.units[k].shape.forget(),
                    }
                }
                (None, Change::Open(from)) => {
                    let episode = self.open(None, tracker.asset.id.clone(), Kind::Stall, from, row);
                    self.episodes[episode].evidence = told;
                    self.stalls[n] = Some(episode);
                }
                (None, Change::Close) => close(&mut self.episodes, self.stalls[n].take(), row),
            }
        }
    }

    fn look(&mut self, k: usize, row: usize) {
        let plant = self.ground.plant;
        let mut shape = std::mem::take(&mut self.units[k].shape);
        let before = shape.open;
        let look = shape.look(&self.ground, k, row);
        let story = shape.open.or(before);
        self.units[k].shape = shape;
        let Some(look) = look else { return };
        self.raise(k, row, look.score.min(10.0));
        let Some((change, story)) = look.change.zip(story) else { return };
        match story {
            Story::Stuck(angle) => {
                let tracker = plant.trackers.iter().find(|t| t.inverter == Some(k));
                let id = tracker.map_or_else(|| plant.inverters[k].asset.id.clone(), |t| t.asset.id.clone());
                let goal = Some(self.ground.light.angle[row]).filter(|v| v.is_finite());
                self.apply(k, Name::Stall, Kind::Stall, id, change, row);
                if change != Change::Close {
                    self.tell(k, Name::Stall, vec![("tracker_angle", Some(angle), goal, 0.3)]);
                }
            }
            Story::Late(_) => self.apply(k, Name::Clock, Kind::Clock, plant.inverters[k].asset.id.clone(), change, row),
        }
        if let (Change::Open(from), Some((_, episode))) = (change, self.units[k].open.last()) {
            let from = from.min(self.episodes[*episode].started);
            self.ground.busy[k][from..=row].fill(true);
        }
    }

    /// The day is over.
    fn dusk(&mut self, day: usize, rows: Range<usize>) {
        let (plant, light, normal) = (self.ground.plant, self.ground.light, self.ground.normal);
        let now = rows.end.min(plant.len - 1);
        if let Some(usual) = normal.ratio {
            let (score, change) = self.sensors.day(light.day_ratio(rows.clone()), usual);
            // What a day told stands in the rows of the next one.
            if let Some(next) = plant.days.get(day + 1) {
                self.station[next.clone()].fill(score.min(10.0));
            }
            match change {
                Some(Change::Open(days)) => {
                    let from = plant.days[day.saturating_sub(days)].start;
                    let episode = self.open(None, plant.station.id.clone(), Kind::Pyranometer, from, now);
                    self.episodes[episode].evidence = vec![("poa_global", None, None, 1.0)];
                    self.drift = Some(episode);
                }
                Some(Change::Close) => close(&mut self.episodes, self.drift.take(), now),
                None => {}
            }
        }
        // The level is power over what the sensor reads; a sensor that reads low makes it look high.
        let age = self.age(day) + self.sensors.correction().ln();
        let seen: Vec<Option<f64>> = (0..plant.inverters.len())
            .map(|k| {
                let (inverter, own) = (&plant.inverters[k], &normal.inverters[k]);
                let good = |row: usize| !self.ground.busy[k][row] && !own.held(inverter, light, row) && inverter.power[row] > 0.01 * inverter.rated;
                Some(level(plant, light, normal.gamma, inverter, rows.clone(), good)? - own.clean - age)
            })
            .collect();
        let rain: f64 = plant.station.rain[rows.clone()].iter().filter(|v| v.is_finite()).sum();
        let step = self.strings.step(&seen, rain > RAIN, &normal.inverters);
        self.history.push(step.how, seen.clone());
        for (k, seen) in seen.iter().enumerate() {
            self.judge_strings(k, seen.is_some(), day, now);
        }
        let storm = matches!(step.how, Move::Dust(rate) if rate > STORM);
        let kind = if storm { Some(Kind::Storm) } else { (step.washed > 0).then_some(Kind::Washing) };
        self.clean(kind, rows.start, now);
        let ratios: Vec<f64> = self.strings.beliefs.iter().map(|b| b.ratio().min(1.0)).collect();
        let ratio = ratios.iter().sum::<f64>() / ratios.len() as f64;
        let deviation = self.strings.beliefs.iter().map(super::strings::Belief::deviation).sum::<f64>() / ratios.len() as f64;
        let band = 1.645 * (deviation.powi(2) + 0.006_f64.powi(2)).sqrt();
        self.soiling.push(SoilingDay {
            date: plant.date(day),
            asset_id: plant.id.clone(),
            ratio,
            low: (ratio - band).max(0.0),
            high: (ratio + band).min(1.0),
        });
        let cleaned = matches!(step.how, Move::Rain(share) if share > 0.9) || matches!(step.how, Move::Reset(_));
        let all = cleaned && ratio > 0.98;
        let clean: Vec<f64> = (0..seen.len()).filter(|&k| all || self.strings.beliefs[k].washed > 0.5).filter_map(|k| seen[k]).collect();
        if !clean.is_empty() {
            self.clean_days.push((day as f64 / 365.25, median(clean) + self.age(day)));
        }
    }

    fn judge_strings(&mut self, k: usize, seen: bool, day: usize, now: usize) {
        let (plant, lost, mut share) = (self.ground.plant, self.strings.beliefs[k].lost(), self.strings.beliefs[k].share());
        if seen {
            self.units[k].sure = if lost >= SURE { self.units[k].sure + 1 } else { 0 };
        }
        let rows = plant.days[day].clone();
        let id = plant.inverters[k].asset.id.clone();
        if !self.is_open(k, Name::Strings) {
            if self.units[k].sure >= SURE_DAYS {
                let started = self.stepped(k, day, -1.0).unwrap_or(rows.start);
                share = self.history.share(k, self.day_of(started, day), day, &self.ground.normal.inverters[k]).unwrap_or(share);
                self.apply(k, Name::Strings, Kind::Strings(share), id, Change::Open(started), now);
                let amps = self.current(k, rows, share);
                self.tell(k, Name::Strings, amps);
            }
        } else if lost < OVER {
            let found = self.units[k].open.iter().find(|(n, _)| *n == Name::Strings).map(|(_, episode)| *episode);
            if let Some(episode) = found {
                let ended = self.stepped(k, day, 1.0).filter(|row| *row > self.episodes[episode].opened);
                self.episodes[episode].ended = ended;
            }
            self.apply(k, Name::Strings, Kind::Strings(0.0), id, Change::Close, now);
        } else if lost > SURE
            && let Some((_, episode)) = self.units[k].open.iter().find(|(n, _)| *n == Name::Strings)
        {
            let started = self.day_of(self.episodes[*episode].started, day);
            if let Some(share) = self.history.share(k, started, day, &self.ground.normal.inverters[k]) {
                self.episodes[*episode].kind = Kind::Strings(share);
            }
        }
    }

    /// Row of the largest step down or up of the last days.
    fn stepped(&self, k: usize, day: usize, sign: f64) -> Option<usize> {
        let step = self.history.step(k, day, sign, &self.ground.normal.inverters[k])?;
        let days = &self.ground.plant.days;
        let before = step.before + self.age(day) + self.sensors.correction().ln();
        onset(&self.ground, k, days[step.from].start..days[step.to].end, before, step.size)
    }

    /// The day of a row, at most `day`.
    fn day_of(&self, row: usize, day: usize) -> usize {
        self.ground.plant.days[..=day].partition_point(|range| range.end <= row).min(day)
    }

    /// Current of the day's bright rows, as measured and with all strings.
    fn current(&self, k: usize, rows: Range<usize>, share: f64) -> Vec<(&'static str, Option<f64>, Option<f64>, f64)> {
        let inverter = &self.ground.plant.inverters[k];
        let bright = rows.filter(|&i| super::normal::usable(self.ground.plant, self.ground.light, i));
        let amps: Vec<f64> = bright.map(|i| inverter.dc[i] * 1000.0 / inverter.volts[i]).filter(|v| v.is_finite()).collect();
        if amps.is_empty() {
            return Vec::new();
        }
        let mean = amps.iter().sum::<f64>() / amps.len() as f64;
        vec![("current", Some(mean), Some(mean / (1.0 - share)), 0.8)]
    }

    /// Storms and washing inform: one stretch of days each.
    fn clean(&mut self, kind: Option<Kind>, from: usize, now: usize) {
        match (self.cleaning, kind) {
            (Some((old, _)), Some(new)) if old == new => {}
            (old, new) => {
                close(&mut self.episodes, old.map(|(_, episode)| episode), now);
                let id = self.ground.plant.id.clone();
                self.cleaning = new.map(|kind| (kind, self.open(None, id, kind, from, now)));
            }
        }
    }

    fn is_open(&self, k: usize, name: Name) -> bool {
        self.units[k].open.iter().any(|(open, _)| *open == name)
    }

    fn raise(&mut self, k: usize, row: usize, score: f64) {
        let slot = &mut self.ground.score[k][row];
        *slot = slot.max(score);
    }

    fn tell(&mut self, k: usize, name: Name, evidence: Vec<(&'static str, Option<f64>, Option<f64>, f64)>) {
        if let Some((_, episode)) = self.units[k].open.iter().find(|(open, _)| *open == name) {
            self.episodes[*episode].evidence = evidence;
        }
    }

    fn open(&mut self, inverter: Option<usize>, asset: AssetId, kind: Kind, started: usize, opened: usize) -> usize {
        let started = started.min(opened);
        let (ended, closed, evidence) = (None, None, Vec::new());
        self.episodes.push(Episode { asset, inverter, kind, started, opened, ended, closed, score: 1.0, evidence });
        self.episodes.len() - 1
    }

    fn apply(&mut self, k: usize, name: Name, kind: Kind, asset: AssetId, change: Change, row: usize) {
        match change {
            Change::Open(_) if self.is_open(k, name) => {}
            Change::Open(from) => {
                let episode = self.open(Some(k), asset, kind, from, row);
                self.units[k].open.push((name, episode));
                if name != Name::Strings {
                    self.ground.busy[k][from.min(row)..=row].fill(true);
                    if matches!(name, Name::Trip | Name::Derate) {
                        self.ground.idle[k][from.min(row)..=row].fill(true);
                    }
                }
            }
            Change::Close => {
                let found = self.units[k].open.iter().position(|(open, _)| *open == name);
                close(&mut self.episodes, found.map(|at| self.units[k].open.remove(at).1), row);
            }
        }
    }
}

fn close(episodes: &mut [Episode], which: Option<usize>, row: usize) {
    if let Some(episode) = which.and_then(|at| episodes.get_mut(at)) {
        episode.closed = Some(row);
    }
}

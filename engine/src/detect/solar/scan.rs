//! A plant day by day: rows first, then what the whole day tells.
//!
//! In: [`Plant`], [`Light`], [`Normal`]. Out: episodes, soiling, degradation, scores per row. Rows of a day are judged with levels from
//! the days before. Deliberately not here: what a whole day tells (`dusk`), the verdicts (the detectors beside this file), energy
//! (`episode`).

mod dusk;

use super::Degradation;
use super::SoilingDay;
use super::ageing::PRIOR;
use super::ageing::degradation;
use super::clipping::Clipping;
use super::derate::Cooling;
use super::episode::Episode;
use super::episode::Kind;
use super::ground::Ground;
use super::history::History;
use super::light::Light;
use super::normal::Normal;
use super::outage::Change;
use super::outage::Silence;
use super::outage::Standstill;
use super::plant::Plant;
use super::pyranometer::Sensors;
use super::shape::Shape;
use super::shape::Story;
use super::strings::Strings;
use super::tracker::Following;
use crate::domain::AssetId;

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
    clipping: Clipping,
    clipped: Option<usize>,
    dirty: Option<usize>,
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
            clipping: Clipping::default(),
            clipped: None,
            dirty: None,
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
            if self.units[k].open.iter().any(|(name, _)| self.blinds(k, *name)) {
                self.ground.busy[k][row] = true;
            }
            if !self.units[k].open.is_empty() {
                self.raise(k, row, 1.0);
            }
        }
    }

    /// Set-points and inverters at their rating inform: one stretch for the plant.
    fn order(&mut self, row: usize) {
        let plant = self.ground.plant;
        let held = plant.inverters.iter().zip(&self.ground.normal.inverters).filter(|(i, n)| n.limited(i.limit[row])).count();
        let held = 2 * held > plant.inverters.len();
        match self.curtailed {
            None if held => self.curtailed = Some(self.open(None, plant.id.clone(), Kind::Curtailment, row, row)),
            Some(_) if !held => close(&mut self.episodes, self.curtailed.take(), row),
            _ => {}
        }
        match self.clipping.row(&self.ground, row) {
            Some(Change::Open(from)) => self.clipped = Some(self.open(None, plant.id.clone(), Kind::Clipping, from, row)),
            Some(Change::Close) => close(&mut self.episodes, self.clipped.take(), row),
            None => {}
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

    /// Whether the modules of an inverter cannot be judged while this is open.
    fn blinds(&self, k: usize, name: Name) -> bool {
        match name {
            Name::Strings => false,
            Name::Derate => !self.ground.normal.inverters[k].tells_held(),
            Name::Comms | Name::Trip | Name::Clock | Name::Stall => true,
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
                if self.blinds(k, name) {
                    self.ground.busy[k][from.min(row)..=row].fill(true);
                }
                if matches!(name, Name::Trip | Name::Derate) {
                    self.ground.idle[k][from.min(row)..=row].fill(true);
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

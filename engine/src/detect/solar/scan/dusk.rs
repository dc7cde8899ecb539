//! What a whole day tells once it is over: levels, strings, dust, washing, the two light sensors.
//!
//! In: the rows of the day in a [`Scan`]. Out: changes to it, from the first row of the next day on. Deliberately not here: verdicts by
//! row (`scan`), the filter over lost strings (`strings`).

use super::Kind;
use super::Name;
use super::Scan;
use super::close;
use crate::detect::solar::SoilingDay;
use crate::detect::solar::normal::level;
use crate::detect::solar::normal::usable;
use crate::detect::solar::onset::onset;
use crate::detect::solar::outage::Change;
use crate::detect::solar::statistics::median;
use crate::detect::solar::strings::Belief;
use crate::detect::solar::strings::Move;
use std::ops::Range;

/// Probability of lost strings that opens, on this many judged days in a row, and the one that closes.
const SURE: f64 = 0.97;
const SURE_DAYS: u32 = 2;
const OVER: f64 = 0.3;
/// Rain of a day that can clean, mm.
const RAIN: f64 = 0.2;
/// Dust of a day that is a storm.
const STORM: f64 = 0.02;
/// What a day of rain gives back of the light that is told.
const GAINED: f64 = 0.01;
/// Share of the light that dust leaves, at most, when a wash is worth a thought, and when there is none to speak of any more.
const DIRTY: f64 = 0.95;
const CLEAN: f64 = 0.97;

impl Scan<'_> {
    /// The day is over.
    pub(super) fn dusk(&mut self, day: usize, rows: Range<usize>) {
        let (plant, light, normal) = (self.ground.plant, self.ground.light, self.ground.normal);
        let now = rows.end;
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
                let good = |row: usize| {
                    !self.ground.busy[k][row] && !own.held(inverter, light, row) && inverter.power[row] > 0.01 * inverter.rated
                };
                Some(level(plant, light, normal.gamma, inverter, rows.clone(), good)? - own.clean - age)
            })
            .collect();
        let fell = plant.station.rain[rows.clone()].iter().copied().filter(|v| v.is_finite());
        let rain = fell.reduce(|a, b| a + b).map(|sum| sum > RAIN);
        let step = self.strings.step(&seen, rain, &normal.inverters);
        let washed = self.strings.beliefs.iter().map(|b| b.washed > 0.5 || b.returned > 0.5).collect();
        self.history.push(step.how, seen.clone(), washed);
        for (k, seen) in seen.iter().enumerate() {
            self.judge_strings(k, seen.is_some(), day, now);
        }
        let ratios: Vec<f64> = self.strings.beliefs.iter().map(|b| b.ratio().min(1.0)).collect();
        let ratio = ratios.iter().sum::<f64>() / ratios.len() as f64;
        let deviation = self.strings.beliefs.iter().map(Belief::deviation).sum::<f64>() / ratios.len() as f64;
        let band = 1.645 * (deviation.powi(2) + 0.006_f64.powi(2)).sqrt();
        let gained = self.soiling.last().is_some_and(|before| ratio > before.ratio + GAINED);
        let kind = match step.how {
            Move::Dust(rate) if rate > STORM => Some(Kind::Storm),
            Move::Rain(_) | Move::Reset(_) if rain == Some(true) && gained => Some(Kind::Rain),
            _ => (step.washed > 0).then_some(Kind::Washing),
        };
        self.clean(kind, rows.start, now);
        self.dirt(ratio, ratio + band, rows.start, now);
        self.soiling.push(SoilingDay {
            date: plant.date(day),
            asset_id: plant.id.clone(),
            ratio,
            low: (ratio - band).max(0.0),
            high: (ratio + band).min(1.0),
        });
        let cleaned = matches!(step.how, Move::Rain(share) if share > 0.9) || matches!(step.how, Move::Reset(_));
        let all = cleaned && ratio > 0.98;
        let clean: Vec<f64> =
            (0..seen.len()).filter(|&k| all || self.strings.beliefs[k].washed > 0.5).filter_map(|k| seen[k]).collect();
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
        let bright = rows.filter(|&i| usable(self.ground.plant, self.ground.light, i));
        let amps: Vec<f64> = bright.map(|i| inverter.dc[i] * 1000.0 / inverter.volts[i]).filter(|v| v.is_finite()).collect();
        if amps.is_empty() {
            return Vec::new();
        }
        let mean = amps.iter().sum::<f64>() / amps.len() as f64;
        vec![("current", Some(mean), Some(mean / (1.0 - share)), 0.8)]
    }

    /// Dust that takes a twentieth of the light or more informs, until it is gone.
    fn dirt(&mut self, ratio: f64, high: f64, from: usize, now: usize) {
        if self.dirty.is_none() && high < DIRTY {
            self.dirty = Some(self.open(None, self.ground.plant.id.clone(), Kind::Dirty, from, now));
        } else if ratio > CLEAN {
            close(&mut self.episodes, self.dirty.take(), now);
        }
        if let Some(episode) = self.dirty {
            self.episodes[episode].evidence = vec![("soiling_ratio", Some(ratio), Some(1.0), 1.0)];
        }
    }

    /// Storms, washing and rain that cleans inform: one stretch of days each.
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
}

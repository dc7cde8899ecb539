//! The rows of a plant as the detectors see them: expected power, the other inverters, heat sinks, who is out of service.
//!
//! In: [`Plant`], [`Light`], [`Normal`]; levels as the days go by. Out: [`Ground`]. Every figure of a row comes from rows up to it.
//! Deliberately not here: verdicts.

use super::light::Light;
use super::normal::Normal;
use super::plant::Plant;
use super::statistics::median;
use std::ops::Range;

/// Below this share of the rating an inverter gives nothing.
pub(super) const NOTHING: f64 = 0.01;
/// Above this share of the rating the sun is up for everyone.
pub(super) const SUNNY: f64 = 0.07;
/// Minutes after a set-point in which a heat sink still remembers it.
const MEMORY: i64 = 120;

/// Columns by inverter, then row.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    pub(super) plant: &'a Plant,
    pub(super) light: &'a Light,
    pub(super) normal: &'a Normal,
    /// Power a healthy inverter with the same dust would give without set-point, kW.
    pub(super) free: Vec<Vec<f64>>,
    /// Median power over rating of the inverters that report.
    pub(super) peers: Vec<f64>,
    /// Share of inverters that report.
    pub(super) reporting: Vec<f64>,
    /// What the healthy inverters make of what is expected of them (clouds, heat); 1 where unknown.
    pub(super) usual: Vec<f64>,
    /// Heat sink above expectation and above the other inverters', K.
    pub(super) heat: Vec<Vec<f64>>,
    /// A set-point holds the plant or held it within two hours.
    pub(super) limited: Vec<bool>,
    /// Rows that say nothing about modules and strings: out of service, silent, stuck, shifted.
    pub(super) busy: Vec<Vec<bool>>,
    /// Levels of today, see [`Ground::expect`].
    levels: Vec<f64>,
    /// What the plane's sensor must be multiplied by today.
    pub(super) sensor: f64,
    /// Rows in which the inverter stood still or held back for heat: their shape says nothing about trackers and clocks.
    pub(super) idle: Vec<Vec<bool>>,
    /// Evidence over its limit, largest of all signals.
    pub(super) score: Vec<Vec<f64>>,
}

impl<'a> Ground<'a> {
    pub(super) fn new(plant: &'a Plant, light: &'a Light, normal: &'a Normal) -> Self {
        let (count, len) = (plant.inverters.len(), plant.len);
        let peers = (0..len).map(|row| {
            let each = plant.inverters.iter().filter(|i| i.here[row]).map(|i| i.power[row] / i.rated);
            median(each.collect())
        });
        let reporting = (0..len).map(|row| plant.inverters.iter().filter(|i| i.here[row]).count() as f64 / count.max(1) as f64);
        let mut since = usize::MAX;
        let limited = (0..len).map(|row| {
            let held = plant.inverters.iter().zip(&normal.inverters).filter(|(i, n)| n.limited(i.limit[row])).count();
            since = if 2 * held > count { 0 } else { since.saturating_add(1) };
            since < plant.rows(MEMORY)
        });
        let limited = limited.collect();
        let mut heat: Vec<Vec<f64>> = plant
            .inverters
            .iter()
            .zip(&normal.inverters)
            .map(|(i, n)| match &n.sink {
                Some(sink) => sink.expected(plant, i).iter().zip(&i.sink).map(|(expected, seen)| seen - expected).collect(),
                None => vec![f64::NAN; len],
            })
            .collect();
        // The lag knows nothing of rows that did not come.
        for (own, inverter) in heat.iter_mut().zip(&plant.inverters) {
            let mut since = 0;
            for (row, value) in own.iter_mut().enumerate() {
                since = if inverter.here[row] { since + 1 } else { 0 };
                if since < plant.rows(MEMORY) {
                    *value = f64::NAN;
                }
            }
        }
        for row in 0..len {
            let all = median(heat.iter().map(|h| h[row]).filter(|v| v.is_finite()).collect());
            for own in &mut heat {
                own[row] -= all;
            }
        }
        Self {
            peers: peers.collect(),
            reporting: reporting.collect(),
            limited,
            heat,
            free: vec![vec![f64::NAN; len]; count],
            usual: vec![1.0; len],
            busy: vec![vec![false; len]; count],
            idle: vec![vec![false; len]; count],
            score: vec![vec![0.0; len]; count],
            levels: vec![0.0; count],
            sensor: 1.0,
            plant,
            light,
            normal,
        }
    }

    /// Fills in what is expected in `rows`: `levels` are logs of DC power over the plant's yield, `sensor` corrects the light.
    pub(super) fn expect(&mut self, rows: Range<usize>, levels: &[f64], sensor: f64) {
        self.sensor = sensor;
        self.levels = levels.iter().map(|level| level + sensor.ln()).collect();
        for row in rows {
            let light = self.light.yield_of(self.plant, row, self.normal.gamma) * sensor;
            let mut shares = Vec::with_capacity(levels.len());
            for (k, level) in levels.iter().enumerate() {
                let inverter = &self.plant.inverters[k];
                self.free[k][row] = self.normal.inverters[k].to_ac(level.exp() * light, inverter.rated);
                let expected = self.expected(k, row);
                if expected > 0.05 * inverter.rated && inverter.here[row] {
                    shares.push(inverter.power[row] / expected);
                }
            }
            let usual = median(shares);
            self.usual[row] = if usual.is_finite() { usual.clamp(0.5, 1.3) } else { 1.0 };
        }
    }

    /// Power of an inverter as dusty as today under `poa` W/m² in the plane, without set-point, kW, at most the rating.
    pub(super) fn at_light(&self, inverter: usize, row: usize, poa: f64) -> f64 {
        let dc = self.levels[inverter].exp() * poa / 1000.0 * (1.0 + self.normal.gamma * self.light.warmth[row]);
        self.normal.inverters[inverter].to_ac(dc, self.plant.inverters[inverter].rated)
    }

    /// Expected power under the set-point, before what is usual in that row, kW.
    pub(super) fn expected(&self, inverter: usize, row: usize) -> f64 {
        let limit = self.plant.inverters[inverter].limit[row];
        // A silent inverter's set-point is that of the others.
        let limit = if limit.is_finite() { limit } else { self.limit(row) };
        if limit.is_finite() { self.free[inverter][row].min(limit) } else { self.free[inverter][row] }
    }

    /// Expected power with what the others make of it, kW.
    pub(super) fn healthy(&self, inverter: usize, row: usize) -> f64 {
        (self.expected(inverter, row) * self.usual[row]).min(self.plant.inverters[inverter].rated)
    }

    fn limit(&self, row: usize) -> f64 {
        median(self.plant.inverters.iter().map(|i| i.limit[row]).filter(|v| v.is_finite()).collect())
    }
}

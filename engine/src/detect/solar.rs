//! The watch over solar plants: inverters against each other and against the light, strings, trackers, clocks, dust.
//!
//! In: frames of a plant with at least three inverters and a weather station that measures the plane of the modules; trackers if there
//! are any, each device at its own pace. Out: incidents, one verdict per row, [`SoilingDay`]s, [`Degradation`]. Causal: rows are judged
//! with levels from the days before, days when they are over, limits come from the training part. Deliberately not here: turbines and
//! plants without a station (`watch`).

mod ageing;
mod clipping;
mod derate;
mod episode;
mod ground;
mod health;
mod history;
mod light;
mod normal;
mod onset;
mod operating;
mod outage;
mod plant;
mod pyranometer;
mod scan;
mod shape;
mod sink;
mod statistics;
mod strings;
mod tracker;

use super::Detection;
use super::Health;
use super::OperatingRow;
use super::Point;
use crate::domain::AssetId;
use crate::domain::Frame;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use light::Light;
use normal::Normal;
use plant::Plant;
use scan::Scan;

/// Dust on a plant on one day.
#[derive(Debug, Clone, PartialEq)]
pub struct SoilingDay {
    /// UTC date of the plant's noon.
    pub date: jiff::civil::Date,
    /// The plant.
    pub asset_id: AssetId,
    /// Share of the light that passes the dust, mean of the inverters; 1 is clean.
    pub ratio: f64,
    /// In nine of ten cases not less.
    pub low: f64,
    /// In nine of ten cases not more.
    pub high: f64,
}

/// How the level of a plant's clean modules changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Degradation {
    /// The plant.
    pub asset_id: AssetId,
    /// Share of the power per year, negative when it falls.
    pub per_year: f64,
    /// Lower end of the 95 % band.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Rains and rounds of the crew it rests on; with few of them it is the published one.
    pub rounds: usize,
}

/// What is normal for every solar plant of a fleet.
#[derive(Debug)]
pub(crate) struct SolarWatch {
    plants: Vec<(AssetId, Normal)>,
    members: Vec<AssetId>,
}

impl SolarWatch {
    /// Learns from rows before `until`; plants with too little to learn from are left out.
    pub(crate) fn fit(frames: &[Frame], until: Timestamp) -> Self {
        let parents = plant::parents(frames);
        let fitted = parents.iter().filter_map(|id| {
            let plant = Plant::learn(frames, id, until)?;
            let light = Light::new(&plant);
            Some((id.clone(), Normal::fit(&plant, &light, plant.row(until))?))
        });
        let plants: Vec<(AssetId, Normal)> = fitted.collect();
        let ids: Vec<AssetId> = plants.iter().map(|(id, _)| id.clone()).collect();
        let members = frames.iter().filter(|f| plant::belongs(f, frames, &ids)).map(|f| f.asset.id.clone()).collect();
        Self { plants, members }
    }

    /// Assets that are watched here and nowhere else.
    pub(crate) fn members(&self) -> &[AssetId] {
        &self.members
    }

    /// Adds verdicts for all rows at or after `from` and incidents that were open then and opened at or after `since`.
    pub(crate) fn scan(&self, frames: &[Frame], from: Timestamp, since: Timestamp, out: &mut Detection) {
        for (id, normal) in &self.plants {
            let Some(plant) = Plant::new(frames, id, &normal.known) else { continue };
            let light = Light::new(&plant);
            let scan = Scan::run(&plant, &light, normal);
            points(&scan, frames, from, out);
            let news = scan.episodes.iter().map(|episode| episode.incident(&scan.ground));
            out.incidents.extend(news.filter(|i| i.opened_at >= since && i.closed_at.is_none_or(|closed| closed >= from)));
            let first = from.to_zoned(jiff::tz::TimeZone::UTC).date();
            out.soiling.extend(scan.soiling.into_iter().filter(|day| day.date >= first));
            out.degradation.push(scan.degradation);
        }
    }

    /// What every inverter was doing at or after `from`.
    pub(crate) fn operating(&self, frames: &[Frame], from: Timestamp) -> Vec<OperatingRow> {
        let mut out = Vec::new();
        for (id, normal) in &self.plants {
            let Some(plant) = Plant::new(frames, id, &normal.known) else { continue };
            let light = Light::new(&plant);
            let scan = Scan::run(&plant, &light, normal);
            for (k, inverter) in plant.inverters.iter().enumerate() {
                let rows = (plant.row(from)..plant.len).map(|row| OperatingRow {
                    asset: inverter.asset.id.clone(),
                    time: plant.time(row),
                    state: scan.operating(k, row),
                });
                out.extend(rows);
            }
        }
        out
    }

    /// What the page of an asset shows; `None` where it is not watched here.
    pub(crate) fn health(&self, asset: &AssetId, frames: &[Frame], range: TimeRange) -> Option<Health> {
        let own = frames.iter().find(|f| f.asset.id == *asset).filter(|_| self.members.contains(asset))?;
        let above = own.asset.parent_id.as_ref()?;
        let over = frames.iter().find(|f| f.asset.id == *above).and_then(|f| f.asset.parent_id.as_ref());
        let (id, normal) = self.plants.iter().find(|(id, _)| id == above || Some(id) == over)?;
        let plant = Plant::new(frames, id, &normal.known)?;
        let light = Light::new(&plant);
        let scan = Scan::run(&plant, &light, normal);
        Some(scan.health(asset, plant.row(range.start())..plant.row(range.end())))
    }
}

/// One verdict per row that an inverter, tracker or station sent.
fn points(scan: &Scan<'_>, frames: &[Frame], from: Timestamp, out: &mut Detection) {
    let plant = scan.ground.plant;
    let frame = |id: &AssetId| frames.iter().find(|f| f.asset.id == *id);
    let mut add = |id: &AssetId, score: &[f64]| {
        let Some(frame) = frame(id) else { return };
        for i in (frame.index_at(from)..frame.len).filter(|&i| frame.available_at[i] != i64::MAX) {
            let time = frame.time(i);
            let score = score.get(plant.row(time)).copied().unwrap_or(0.0).max(0.0);
            out.points.push(Point { asset: id.clone(), time, anomaly: score >= 1.0, score });
        }
    };
    for (k, inverter) in plant.inverters.iter().enumerate() {
        add(&inverter.asset.id, &scan.ground.score[k]);
        for tracker in plant.trackers.iter().filter(|t| t.inverter == Some(k)) {
            add(&tracker.asset.id, &scan.ground.score[k]);
        }
    }
    add(&plant.station.id, &scan.station);
}

#[cfg(test)]
mod tests;

//! The source: lanes that poll, an inlet that makes pages of what they bring.
//!
//! In: settings and points. Out: [`Source`]. The cursor holds the events that are active, so that an alarm that ended while we were down
//! still gets its end. Values have no cursor: a register knows only now. Not here: polling.

use super::Settings;
use super::item;
use super::lane::{Lane, Presence};
use super::plan::Bounds;
use super::said::Change;
use super::unit::Unit;
use crate::live::{Assembly, Inlet, Link, Phase, Points};
use async_trait::async_trait;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Source;
use engine::source::SourceError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Pieces that wait for a page.
const ROOM: usize = 64;

/// One active event, as the cursor keeps it: by address and message, since numbers change with the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Active {
    address: String,
    asset: String,
    message: Option<String>,
    time: i64,
}

/// A running connection.
#[derive(Debug)]
pub(super) struct Reader {
    settings: Settings,
    points: Arc<Points>,
    link: Link,
    inlet: Option<Inlet<Change>>,
    lanes: JoinSet<()>,
    active: BTreeMap<(u32, Option<String>), i64>,
}

impl Reader {
    /// Not connected yet; the first page does that.
    pub(super) fn new(settings: Settings, points: Arc<Points>, link: Link) -> Self {
        Self { settings, points, link, inlet: None, lanes: JoinSet::new(), active: BTreeMap::new() }
    }

    fn start(&mut self, after: Option<&Cursor>) -> Result<Inlet<Change>, SourceError> {
        let held: Vec<Active> = after.and_then(|cursor| serde_json::from_str(&cursor.0).ok()).unwrap_or_default();
        let mut by_point: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for (index, point) in (0..).zip(self.points.points()) {
            by_point.insert((&point.address, self.points.asset_of(index).as_str()), index);
        }
        for active in held {
            if let Some(&point) = by_point.get(&(active.address.as_str(), active.asset.as_str())) {
                self.active.insert((point, active.message), active.time);
            }
        }
        let mut assembly = Assembly::new(self.points.clone(), self.link.clone());
        for ((point, message), time) in &self.active {
            assembly.restore(*point, *time, message.clone());
        }
        let (sender, inlet) = Inlet::new(assembly, ROOM);
        self.lanes = JoinSet::new();
        self.link.enter(Phase::Connecting);
        for mut lane in lanes(&self.settings, &self.points, &self.link)? {
            for said in lane.units.iter_mut().flat_map(|unit| unit.said_mut()) {
                let point = said.point();
                let own = self.active.keys().filter(|(held, _)| *held == point);
                own.for_each(|(_, message)| said.was_active(message.clone()));
            }
            self.lanes.spawn(lane.run(sender.clone()));
        }
        Ok(inlet)
    }

    fn cursor(&self) -> Result<Cursor, SourceError> {
        let name = |point: &u32| (self.points.points()[*point as usize].address.clone(), self.points.asset_of(*point).to_string());
        let list: Vec<Active> = (self.active.iter())
            .map(|((point, message), time)| {
                let (address, asset) = name(point);
                Active { address, asset, message: message.clone(), time: *time }
            })
            .collect();
        let problem = |error: serde_json::Error| SourceError::Format { place: self.link.name().into(), problem: error.to_string() };
        serde_json::to_string(&list).map(Cursor).map_err(problem)
    }
}

#[async_trait]
impl Source for Reader {
    fn name(&self) -> &str {
        self.link.name()
    }

    async fn next_page(&mut self, after: Option<Cursor>) -> Result<Page, SourceError> {
        if let Some(ended) = self.lanes.try_join_next() {
            // Lanes end when they are told to, never of themselves. Asked again, all begin anew.
            self.lanes.abort_all();
            self.inlet = None;
            let why = ended.err().map_or_else(|| "it ended".into(), |error| error.to_string());
            let problem =
                format!("a poll stopped ({why}); this is a fault of Chergui: please report it with the log. Polling begins anew");
            return Err(SourceError::Format { place: self.link.name().into(), problem });
        }
        let inlet = match self.inlet.take() {
            Some(inlet) => inlet,
            None => self.start(after.as_ref())?,
        };
        let inlet = self.inlet.insert(inlet);
        let gathered = inlet.gather().await?;
        let has_changed = !gathered.marks.is_empty();
        for Change { point, message, time, is_active } in gathered.marks {
            if is_active {
                self.active.entry((point, message)).or_insert(time);
            } else {
                self.active.remove(&(point, message));
            }
        }
        let cursor = if has_changed { Some(self.cursor()?) } else { None };
        Ok(Page { rows: gathered.rows, rejects: gathered.rejects, cursor, bytes_read: 0, done: false })
    }

    async fn close(&mut self) {
        self.lanes.shutdown().await;
        self.link.enter(Phase::Closed);
    }
}

/// The lanes of a configuration: for every host as many connections as set, its units dealt out among them.
pub(super) fn lanes(settings: &Settings, points: &Points, link: &Link) -> Result<Vec<Lane>, SourceError> {
    let mut units: BTreeMap<_, BTreeMap<u8, Vec<item::Item>>> = BTreeMap::new();
    for addressed in item::read(settings, points)? {
        units.entry(addressed.host).or_default().entry(addressed.unit).or_default().push(addressed.item);
    }
    let presence = Arc::new(Presence::new(link.clone()));
    let bounds = Bounds { most: settings.max_registers, gap: settings.gap };
    let mut lanes = Vec::new();
    for (host, units) in units {
        let count = usize::from(settings.connections).min(units.len()).max(1);
        let mut dealt: Vec<Vec<Unit>> = (0..count).map(|_| Vec::new()).collect();
        for (index, (id, items)) in units.into_iter().enumerate() {
            dealt[index % count].push(Unit::new(host.clone(), id, items, bounds, settings.sunspec.base));
        }
        lanes.extend(dealt.into_iter().map(|units| Lane {
            host: host.clone(),
            units,
            every: settings.every(),
            patience: settings.patience(),
            link: link.clone(),
            presence: presence.clone(),
        }));
    }
    Ok(lanes)
}

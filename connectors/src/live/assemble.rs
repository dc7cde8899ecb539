//! Samples become rows: one per asset and time, wide, in stored units, with flags for what is not good.
//!
//! In: [`Sample`]s and [`Notice`]s in any order. Out: [`Rows`] of one page: the assets once, readings by kind, quality flags, events.
//! The hot path of every live source: a hash and a store per value. Not here: when a page ends.

use super::Link;
use super::rows::{self, EventRow, FlagRow, Kind};
use super::{Notice, Points, Sample, Target};
use engine::domain::Quality;
use engine::domain::Table;
use engine::domain::from_micros;
use engine::domain::micros;
use engine::source::Reject;
use engine::source::Rows;
use engine::source::SourceError;
use hashbrown::HashMap;
use std::borrow::Cow;
use std::sync::Arc;

/// A source's clock may be this far ahead; a time beyond it is refused, since it would hide what comes until then.
const AHEAD: i64 = 600_000_000;
/// A time before 2000-01-01 is a clock that was never set: arrival counts instead, and the value is questionable.
const NEVER_SET: i64 = 946_684_800_000_000;

/// What our own sources say of a device that did not answer: nothing was heard with it.
const UNREACHED: [&str; 4] = ["comms_lost", "no_response", "gateway_path_unavailable", "gateway_no_response"];
/// Rejects of one page that are kept; of the others the number.
const MOST_REJECTS: usize = 1000;
/// Bytes of a reject's text, and of what it shows.
const MOST_TEXT: usize = 1000;
const MOST_RAW: usize = 4096;
/// Events that are remembered as raised; beyond them the end of one is not told apart from one that never began.
const MOST_RAISED: usize = 100_000;

/// Lines of one batch that a live tail shows.
const SHOWN: usize = 200;

/// The page being filled.
#[derive(Debug)]
pub struct Assembly {
    points: Arc<Points>,
    link: Link,
    /// Per point: table, column, factor, offset, range. `None`: an event.
    slots: Vec<Option<Slot>>,
    kinds: Vec<Kind>,
    flags: Vec<FlagRow>,
    /// The last flag of each point in this page, to lengthen it.
    last_flag: HashMap<u32, usize>,
    events: Vec<EventRow>,
    /// When each point's event was raised, while it is active.
    raised: HashMap<(u32, Option<String>), i64>,
    rejects: Vec<Reject>,
    /// Rejects beyond those that are kept.
    more_rejects: usize,
    is_announced: bool,
    values: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    kind: usize,
    column: usize,
    asset: u32,
    scale: f64,
    offset: f64,
    range: (f64, f64),
}

impl Assembly {
    /// An empty page for these points.
    pub fn new(points: Arc<Points>, link: Link) -> Self {
        let mut kinds: Vec<Kind> = Vec::new();
        let mut slots = Vec::with_capacity(points.points().len());
        for point in points.points() {
            let Target::Value { quantity, scale, offset, range } = &point.target else {
                slots.push(None);
                continue;
            };
            let kind = points.assets()[point.asset as usize].kind;
            let place = kinds.iter().position(|held| held.kind == kind).unwrap_or_else(|| {
                kinds.push(Kind::new(kind));
                kinds.len() - 1
            });
            let held = &mut kinds[place];
            let column = held.quantities.iter().position(|known| known == quantity).unwrap_or_else(|| {
                held.quantities.push(quantity.clone());
                held.columns.push(Vec::new());
                held.quantities.len() - 1
            });
            slots.push(Some(Slot { kind: place, column, asset: point.asset, scale: *scale, offset: *offset, range: *range }));
        }
        Self {
            points,
            link,
            slots,
            kinds,
            flags: Vec::new(),
            last_flag: HashMap::new(),
            events: Vec::new(),
            raised: HashMap::new(),
            rejects: Vec::new(),
            more_rejects: 0,
            is_announced: false,
            values: 0,
        }
    }

    /// Values and events taken since the last page.
    pub const fn len(&self) -> usize {
        self.values
    }

    /// True when the page would hold nothing.
    pub const fn is_empty(&self) -> bool {
        self.values == 0 && self.rejects.is_empty()
    }

    /// Adds values. A point that is an event is raised by a value other than 0 and reset by 0.
    pub fn take(&mut self, samples: &[Sample]) {
        let now = micros(self.link.now());
        let (mut newest, mut bad, mut heard) = (None, 0, 0);
        for sample in samples {
            heard += u64::from(!UNREACHED.contains(&&*sample.reason));
            let Some(slot) = self.slots.get(sample.point as usize).copied() else { continue };
            let Some((time, is_stamped)) = self.time(sample.point, sample.time, now) else { continue };
            newest = newest.max(sample.time.filter(|_| is_stamped));
            let Some(slot) = slot else {
                if !sample.value.is_nan() && sample.quality != Quality::Invalid {
                    let is_active = sample.value != 0.0;
                    self.event(sample.point, time, None, is_active);
                }
                continue;
            };
            self.values += 1;
            let stored = slot.scale * sample.value + slot.offset;
            let (value, quality, raw, reason) = if sample.quality == Quality::Invalid || sample.value.is_nan() {
                let reason = if sample.reason.is_empty() { Cow::Borrowed("no_value") } else { sample.reason.clone() };
                (f64::NAN, Quality::Invalid, stored, reason)
            } else if !(slot.range.0..=slot.range.1).contains(&stored) {
                (f64::NAN, Quality::Invalid, stored, Cow::Borrowed("out_of_range"))
            } else if sample.time.is_some() && !is_stamped && sample.quality == Quality::Good {
                (stored, Quality::Questionable, stored, Cow::Borrowed("clock_not_set"))
            } else {
                (stored, sample.quality, stored, sample.reason.clone())
            };
            let kind = &mut self.kinds[slot.kind];
            let row = kind.row(slot.asset, time);
            if !value.is_nan() {
                kind.columns[slot.column][row] = value;
            }
            if quality != Quality::Good {
                bad += 1;
                self.flag(FlagRow { time, until: None, point: sample.point, quality, raw, reason });
            } else if !self.last_flag.is_empty() {
                // A good value between two bad ones ends the stretch.
                self.last_flag.remove(&sample.point);
            }
        }
        self.link.received(heard, bad, newest);
        if self.link.is_watched() {
            samples.iter().take(SHOWN).for_each(|sample| self.show(sample));
        }
    }

    /// A line for who watches.
    fn show(&self, sample: &Sample) {
        let Some(point) = self.points.points().get(sample.point as usize) else { return };
        self.link.tell(|| {
            let time = sample.time.map_or_else(|| "-".into(), |time| from_micros(time).to_string());
            let what = match &point.target {
                Target::Value { quantity, .. } => quantity.name(),
                Target::Event { message } => message,
            };
            let (asset, address) = (self.points.asset_of(sample.point), &point.address);
            format!("{time} {asset} {what} {} {} {} [{address}]", sample.value, sample.quality.name(), sample.reason)
        });
    }

    /// Adds a message; an active one is raised, one that is not is the end of the same message.
    pub fn notice(&mut self, notice: Notice) {
        let now = micros(self.link.now());
        if let Some((time, is_stamped)) = self.time(notice.point, notice.time, now) {
            self.event(notice.point, time, notice.message, notice.is_active);
            self.link.received(1, 0, notice.time.filter(|_| is_stamped));
        }
    }

    /// An active message of an earlier run: nothing was heard.
    pub(crate) fn restore(&mut self, point: u32, time: i64, message: Option<String>) {
        self.event(point, time, message, true);
    }

    /// Adds something that could not be read.
    pub fn reject(&mut self, mut reject: Reject) {
        clip(&mut reject.detail, MOST_TEXT);
        clip(&mut reject.raw, MOST_RAW);
        self.link.rejected(&reject.detail);
        if self.rejects.len() < MOST_REJECTS {
            self.rejects.push(reject);
        } else {
            self.more_rejects += 1;
        }
    }

    /// When it counts, and whether that is the source's own time. `None`: refused.
    fn time(&mut self, point: u32, time: Option<i64>, now: i64) -> Option<(i64, bool)> {
        match time {
            Some(time) if time > now + AHEAD => {
                let known = self.points.points().get(point as usize)?;
                let detail = format!(
                    "{}: {} says {}, which is {} s ahead of this clock; set the clock of the source, or ours",
                    known.place,
                    self.points.asset_of(point),
                    from_micros(time),
                    (time - now) / 1_000_000
                );
                let raw = known.address.clone();
                self.link.skewed(time - now);
                self.reject(Reject { line: None, reason: "in_future", detail, raw });
                None
            }
            Some(time) if time >= NEVER_SET => Some((time, true)),
            _ => Some((now, false)),
        }
    }

    fn event(&mut self, point: u32, time: i64, message: Option<String>, is_active: bool) {
        let known = &self.points.points()[point as usize];
        let own = match (&message, &known.target) {
            (Some(message), _) => message.clone(),
            (None, Target::Event { message }) => message.clone(),
            (None, Target::Value { quantity, .. }) => quantity.to_string(),
        };
        let key = (point, message);
        let asset = &self.points.assets()[known.asset as usize].id;
        let held = self.raised.remove(&key).or_else(|| self.link.still_raised(asset, &own));
        let row = match (is_active, held) {
            (true, Some(raised)) => {
                self.raised.insert(key, raised);
                return;
            }
            (true, None) => {
                if self.raised.len() < MOST_RAISED {
                    self.raised.insert(key, time);
                }
                EventRow { time, asset: known.asset, reset_at: None, message: own }
            }
            // The end of an earlier one, told again.
            (false, Some(raised)) if time < raised => {
                self.raised.insert(key, raised);
                return;
            }
            (false, Some(raised)) => EventRow { time: raised, asset: known.asset, reset_at: Some(time), message: own },
            // Normal all along, as every interrogation says: nothing to tell.
            (false, None) => return,
        };
        self.events.push(row);
        self.values += 1;
    }

    /// Consecutive flags of one point for one reason are one stretch.
    fn flag(&mut self, row: FlagRow) {
        if let Some(&last) = self.last_flag.get(&row.point) {
            let held = &mut self.flags[last];
            if held.quality == row.quality && held.reason == row.reason && row.time >= held.time {
                held.until = Some(row.time).filter(|until| *until > held.time).max(held.until);
                return;
            }
        }
        self.last_flag.insert(row.point, self.flags.len());
        self.flags.push(row);
    }

    /// The page; what follows begins a new one.
    ///
    /// # Errors
    /// [`SourceError::Domain`] for rows that are no readings; never with checked points.
    pub fn finish(&mut self) -> Result<(Vec<Rows>, Vec<Reject>), SourceError> {
        let refused = |cause| SourceError::Domain { place: self.link.name().into(), cause };
        let mut rows = Vec::new();
        if !self.is_announced {
            rows.push(Rows::Assets(self.points.assets().to_vec()));
        }
        let now = micros(self.link.now());
        for kind in &mut self.kinds {
            if !kind.times.is_empty() {
                rows.push(Rows::Readings(rows::readings(kind, &self.points, now).map_err(refused)?));
            }
        }
        if !self.flags.is_empty() {
            rows.push(Rows::Other(Table::QualityFlags, rows::flags(&self.flags, &self.points).map_err(refused)?));
        }
        if !self.events.is_empty() {
            rows.push(Rows::Other(Table::Events, rows::events(&self.events, &self.points).map_err(refused)?));
        }
        self.is_announced = true;
        self.flags.clear();
        self.last_flag.clear();
        self.events.clear();
        self.values = 0;
        let mut rejects = std::mem::take(&mut self.rejects);
        let more = std::mem::take(&mut self.more_rejects);
        if more > 0 {
            let detail = format!("{}: {more} more could not be read; they are like those before", self.link.name());
            rejects.push(Reject { line: None, reason: "more", detail, raw: String::new() });
        }
        Ok((rows, rejects))
    }
}

/// Cuts a text where a character ends.
fn clip(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

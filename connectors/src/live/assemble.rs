//! Samples become rows: one per asset and time, wide, in stored units, with flags for what is not good.
//!
//! In: [`Sample`]s and [`Notice`]s in any order. Out: [`Rows`] of one page: the assets once, readings by kind, quality flags, events.
//! The hot path of every live source: a hash and a store per value. Not here: when a page ends.

use super::Link;
use super::{Notice, Points, Sample, Target};
use crate::file::batch;
use crate::file::nullable;
use arrow::array::ArrayRef;
use arrow::array::Float64Array;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use engine::domain::AssetKind;
use engine::domain::DomainError;
use engine::domain::Quality;
use engine::domain::Quantity;
use engine::domain::Readings;
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

#[derive(Debug)]
struct Kind {
    kind: AssetKind,
    quantities: Vec<Quantity>,
    rows: HashMap<(u32, i64), usize>,
    times: Vec<i64>,
    assets: Vec<u32>,
    columns: Vec<Vec<f64>>,
    last: (u32, i64, usize),
}

#[derive(Debug)]
struct FlagRow {
    time: i64,
    until: Option<i64>,
    point: u32,
    quality: Quality,
    raw: f64,
    reason: Cow<'static, str>,
}

#[derive(Debug)]
struct EventRow {
    time: i64,
    asset: u32,
    reset_at: Option<i64>,
    message: String,
}

impl Kind {
    fn row(&mut self, asset: u32, time: i64) -> usize {
        if self.last.0 == asset && self.last.1 == time && self.last.2 < self.times.len() {
            return self.last.2;
        }
        let next = self.times.len();
        let row = *self.rows.entry((asset, time)).or_insert(next);
        if row == next {
            self.times.push(time);
            self.assets.push(asset);
            for column in &mut self.columns {
                column.push(f64::NAN);
            }
        }
        self.last = (asset, time, row);
        row
    }
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
                let (rows, last) = (HashMap::new(), (u32::MAX, 0, usize::MAX));
                kinds.push(Kind {
                    kind,
                    quantities: Vec::new(),
                    rows,
                    times: Vec::new(),
                    assets: Vec::new(),
                    columns: Vec::new(),
                    last,
                });
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
        let (mut newest, mut bad) = (None, 0);
        for sample in samples {
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
            }
        }
        self.link.received(samples.len() as u64, bad, newest);
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

    /// Adds something that could not be read.
    pub fn reject(&mut self, reject: Reject) {
        self.link.rejected(&reject.detail);
        self.rejects.push(reject);
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
                self.raised.insert(key, time);
                EventRow { time, asset: known.asset, reset_at: None, message: own }
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
                rows.push(Rows::Readings(readings(kind, &self.points, now).map_err(refused)?));
            }
        }
        if !self.flags.is_empty() {
            rows.push(Rows::Other(Table::QualityFlags, self.flag_batch().map_err(refused)?));
        }
        if !self.events.is_empty() {
            rows.push(Rows::Other(Table::Events, self.event_batch().map_err(refused)?));
        }
        self.is_announced = true;
        self.flags.clear();
        self.last_flag.clear();
        self.events.clear();
        self.values = 0;
        Ok((rows, std::mem::take(&mut self.rejects)))
    }

    fn flag_batch(&self) -> Result<arrow::array::RecordBatch, DomainError> {
        let quantity = |point: u32| match &self.points.points()[point as usize].target {
            Target::Value { quantity, .. } => quantity.name(),
            Target::Event { .. } => "",
        };
        let arrays: Vec<ArrayRef> = vec![
            times(self.flags.iter().map(|row| Some(row.time)).collect()),
            Arc::new(self.flags.iter().map(|row| Some(self.points.asset_of(row.point).as_str())).collect::<StringArray>()),
            Arc::new(self.flags.iter().map(|row| Some(quantity(row.point))).collect::<StringArray>()),
            Arc::new(self.flags.iter().map(|row| Some(row.quality.name())).collect::<StringArray>()),
            Arc::new(self.flags.iter().map(|row| Some(row.raw).filter(|raw| raw.is_finite())).collect::<Float64Array>()),
            Arc::new(self.flags.iter().map(|row| Some(row.reason.as_ref())).collect::<StringArray>()),
            times(self.flags.iter().map(|row| row.until).collect()),
        ];
        batch(Table::QualityFlags.name(), Table::QualityFlags.base_schema(), arrays)
    }

    fn event_batch(&self) -> Result<arrow::array::RecordBatch, DomainError> {
        let name = |asset: u32| self.points.assets()[asset as usize].id.as_str();
        let arrays: Vec<ArrayRef> = vec![
            times(self.events.iter().map(|row| Some(row.time)).collect()),
            Arc::new(self.events.iter().map(|row| Some(name(row.asset))).collect::<StringArray>()),
            times(self.events.iter().map(|row| row.reset_at).collect()),
            Arc::new(self.events.iter().map(|row| Some(row.message.as_str())).collect::<StringArray>()),
        ];
        batch(Table::Events.name(), Table::Events.base_schema(), arrays)
    }
}

fn times(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

fn readings(kind: &mut Kind, points: &Points, now: i64) -> Result<Readings, DomainError> {
    let mut fields: Vec<Field> = Table::Telemetry(kind.kind).base_schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    let names: StringArray = kind.assets.iter().map(|&asset| Some(points.assets()[asset as usize].id.as_str())).collect();
    let available_at = vec![Some(now); kind.times.len()];
    let stamps = std::mem::take(&mut kind.times).into_iter().map(Some).collect();
    let mut arrays: Vec<ArrayRef> = vec![times(stamps), Arc::new(names), times(available_at)];
    for (quantity, column) in kind.quantities.iter().zip(&mut kind.columns) {
        let values = std::mem::take(column);
        if values.iter().any(|value| !value.is_nan()) {
            fields.push(Field::new(quantity.name(), DataType::Float64, true));
            arrays.push(Arc::new(nullable(values)));
        }
    }
    kind.assets.clear();
    kind.rows.clear();
    kind.last = (u32::MAX, 0, usize::MAX);
    Readings::from_checked_ids(kind.kind, batch(kind.kind.name(), Schema::new(fields), arrays)?)
}

//! The hot path: a body line by line. Lines of one body repeat their tags, fields and times, so what was read once is compared, not read.
//!
//! In: a body and its plan. Out: [`Lines`]. A line's series (measurement and tags) is looked for first where it followed last time;
//! its fields first in the order of the line before; its time first as that of the line before. Not here: what names mean.

use super::LinePlan;
use super::Lines;
use super::MOST_REJECTS;
use super::Precision;
use super::columns::Columns;
use super::fault::Fault;
use super::fault::shown;
use super::fields::Layout;
use super::number;
use super::scan;
use super::series::Named;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Timestamp;
use engine::domain::from_micros;
use engine::domain::micros;
use engine::source::Reject;
use hashbrown::HashMap;
use hashbrown::HashSet;
use memchr::memchr;

/// Raw text kept of a reject, bytes.
const MOST_RAW: usize = 1024;

#[derive(Debug)]
pub(super) struct Body<'p, 'b, F> {
    pub(super) plan: &'p LinePlan,
    body: &'b [u8],
    precision: Precision,
    now: i64,
    latest: i64,
    find: F,
    series: Vec<Series<'b>>,
    by_key: HashMap<&'b [u8], u32>,
    last: u32,
    pub(super) layouts: Vec<Layout<'b>>,
    by_layout: HashMap<(&'b [u8], u32), u32>,
    pub(super) tables: Vec<Columns>,
    by_kind: HashMap<AssetKind, u32>,
    ids: Vec<AssetId>,
    by_id: HashMap<AssetId, (u32, AssetKind)>,
    /// Assets to register once they have a row, by position in `ids`.
    fresh: HashMap<u32, Asset>,
    time: (&'b [u8], i64),
    pub(super) said: HashSet<(&'b [u8], &'b [u8], &'static str)>,
    pub(super) number: u64,
    pub(super) out: Lines,
}

/// Measurement and tags met before.
#[derive(Debug)]
struct Series<'b> {
    key: &'b [u8],
    /// The series that came after it last time.
    next: u32,
    place: Place,
}

/// Where rows of a series go: positions of its layout, table and asset.
#[derive(Debug, Clone, Copy)]
struct Place {
    layout: u32,
    table: u32,
    asset: u32,
}

impl<'p, 'b, F: FnMut(&str) -> Option<AssetKind>> Body<'p, 'b, F> {
    pub(super) fn new(
        plan: &'p LinePlan,
        body: &'b [u8],
        precision: Precision,
        now: Timestamp,
        latest: Timestamp,
        find: F,
    ) -> Self {
        Self {
            plan,
            body,
            precision,
            now: micros(now),
            latest: micros(latest),
            find,
            series: Vec::new(),
            by_key: HashMap::new(),
            last: 0,
            layouts: Vec::new(),
            by_layout: HashMap::new(),
            tables: Vec::new(),
            by_kind: HashMap::new(),
            ids: Vec::new(),
            by_id: HashMap::new(),
            fresh: HashMap::new(),
            time: (&[], 0),
            said: HashSet::new(),
            number: 0,
            out: Lines::default(),
        }
    }

    pub(super) fn read(mut self) -> Lines {
        let mut at = 0;
        while at < self.body.len() {
            self.number += 1;
            let end = memchr(b'\n', &self.body[at..]).map_or(self.body.len(), |length| at + length);
            at = self.step(at, end) + 1;
        }
        for table in 0..self.tables.len() {
            self.flush(table);
        }
        let stored = |name: &str| self.out.readings.iter().any(|readings| readings.batch().column_by_name(name).is_some());
        let declare = std::mem::take(&mut self.out.declare).into_iter().filter(|(name, _)| stored(name)).collect();
        self.out.declare = declare;
        self.out
    }

    /// Takes the line from `start` to `end`; says where what it took ends, which is later when a string runs over line ends.
    #[inline]
    fn step(&mut self, start: usize, end: usize) -> usize {
        let body = self.body;
        let start = scan::past_blanks(&body[..end], start);
        let line = without_return(&body[start..end]);
        if matches!(line.first(), None | Some(b'#')) {
            return end;
        }
        self.out.lines += 1;
        let fault = match self.line(line) {
            Ok(()) => return end,
            Err(fault) => fault,
        };
        if let Fault::OpenQuote(_, from) = fault
            && let Some(longer) = scan::end_of_strings(body, start + from, start + self.plan.longest_line())
            && self.line(without_return(&body[start..longer])).is_ok()
        {
            self.number += memchr::memchr_iter(b'\n', &body[end..longer]).count() as u64;
            return longer;
        }
        self.out.rejected_total += 1;
        self.refuse(line, fault);
        end
    }

    /// Reads a line and keeps its row, or changes nothing but what was learnt of names.
    #[inline]
    fn line(&mut self, line: &'b [u8]) -> Result<(), Fault<'b>> {
        if line.len() > self.plan.longest_line() {
            return Err(Fault::TooLong(line.len(), self.plan.longest_line()));
        }
        let index = self.series_of(line)?;
        let Series { key, place, .. } = self.series[index as usize];
        let row = self.row(line, key.len(), place);
        let table = &mut self.tables[place.table as usize];
        match row {
            Ok(time) => {
                if table.keep(time, place.asset) {
                    self.flush(place.table as usize);
                }
                Ok(())
            }
            Err(fault) => {
                table.forget();
                Err(fault)
            }
        }
    }

    #[inline]
    fn series_of(&mut self, line: &'b [u8]) -> Result<u32, Fault<'b>> {
        let expected = self.series.get(self.last as usize).map_or(0, |series| series.next);
        let hit = |series: &Series<'_>| line.get(series.key.len()) == Some(&b' ') && line.starts_with(series.key);
        let index = match self.series.get(expected as usize) {
            Some(series) if hit(series) => expected,
            _ => {
                let end = scan::unescaped(line, b' ', 0).ok_or(Fault::NoFields)?;
                let index = match self.by_key.get(&line[..end]) {
                    Some(&index) => index,
                    None => self.learn(&line[..end])?,
                };
                if let Some(last) = self.series.get_mut(self.last as usize) {
                    last.next = index;
                }
                index
            }
        };
        self.last = index;
        Ok(index)
    }

    /// A series met for the first time. Those at fault are not kept: a body of nothing else must not grow.
    #[cold]
    fn learn(&mut self, key: &'b [u8]) -> Result<u32, Fault<'b>> {
        let named = Named::read(self.plan, key)?;
        let name = named.asset()?;
        let (asset, kind) = match (self.find)(&name) {
            Some(kind) => {
                let id = named.id()?;
                (self.asset(&id, kind), kind)
            }
            None => {
                let asset = named.registration()?;
                match self.by_id.get(&asset.id) {
                    Some(&held) => held,
                    None => {
                        let position = self.asset(&asset.id, asset.kind);
                        let kind = asset.kind;
                        self.fresh.insert(position, asset);
                        (position, kind)
                    }
                }
            }
        };
        let table = match self.by_kind.get(&kind) {
            Some(&table) => table,
            None => {
                self.tables.push(Columns::new(kind));
                let table = position(self.tables.len());
                self.by_kind.insert(kind, table);
                table
            }
        };
        let layout = match self.by_layout.get(&(named.measurement, table)) {
            Some(&layout) => layout,
            None => {
                self.layouts.push(Layout::new(named.measurement));
                let layout = position(self.layouts.len());
                self.by_layout.insert((named.measurement, table), layout);
                layout
            }
        };
        self.series.push(Series { key, next: 0, place: Place { layout, table, asset } });
        let index = position(self.series.len());
        self.series[index as usize].next = index + 1;
        self.by_key.insert(key, index);
        Ok(index)
    }

    fn asset(&mut self, id: &AssetId, kind: AssetKind) -> u32 {
        if let Some(&(held, _)) = self.by_id.get(id) {
            return held;
        }
        self.ids.push(id.clone());
        let index = position(self.ids.len());
        self.by_id.insert(id.clone(), (index, kind));
        index
    }

    /// Fields and time of a line, from `at`, where the series ends. Returns the time.
    #[inline]
    fn row(&mut self, line: &'b [u8], at: usize, place: Place) -> Result<i64, Fault<'b>> {
        let (layout, table) = (place.layout as usize, place.table as usize);
        let mut at = scan::past_blanks(line, at);
        if at >= line.len() {
            return Err(Fault::NoFields);
        }
        let (mut guess, mut kept) = (0, false);
        let time = loop {
            let slot = match self.layouts[layout].is_at(guess, &line[at..]) {
                true => guess,
                false => self.slot(layout, table, &line[at..])?,
            };
            guess = slot + 1;
            let field = self.layouts[layout].name(slot);
            at += field.len() + 1;
            let value = &line[at..];
            match value.first() {
                Some(b'0'..=b'9' | b'-' | b'.') => match number::number(value) {
                    Some((found, length)) => {
                        at += length;
                        kept |= self.put(layout, table, slot, found, &value[..length])?;
                    }
                    None => return Err(not_a_value(field, value)),
                },
                Some(b'"') => {
                    let length = scan::closing_quote(value, 1).ok_or(Fault::OpenQuote(field, at + 1))?;
                    at += length + 1;
                    kept |= self.put_text(layout, table, slot, &value[1..length]);
                }
                _ => {
                    let length = token(value);
                    let found = match &value[..length] {
                        b"t" | b"T" | b"true" | b"True" | b"TRUE" => 1.0,
                        b"f" | b"F" | b"false" | b"False" | b"FALSE" => 0.0,
                        _ => return Err(not_a_value(field, value)),
                    };
                    at += length;
                    kept |= self.put(layout, table, slot, found, &value[..length])?;
                }
            }
            match line.get(at) {
                Some(b',') => at += 1,
                Some(b' ' | b'\t') => break self.time_of(&line[at..])?,
                None => break self.now,
                Some(_) => return Err(Fault::FieldEnd(&line[at..])),
            }
        };
        if kept { Ok(time) } else { Err(Fault::NoKnownField) }
    }

    #[inline]
    fn time_of(&mut self, text: &'b [u8]) -> Result<i64, Fault<'b>> {
        if text == self.time.0 {
            return Ok(self.time.1);
        }
        let trimmed = text.trim_ascii();
        if trimmed.is_empty() {
            return Ok(self.now);
        }
        let time = self.instant(trimmed).ok_or(Fault::Time(trimmed))?;
        if time > self.latest {
            return Err(Fault::Future(time));
        }
        self.time = (text, time);
        Ok(time)
    }

    /// A time as written, in microseconds.
    fn instant(&self, text: &[u8]) -> Option<i64> {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        if !digits.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        self.precision.micros(std::str::from_utf8(text).ok()?.parse().ok()?)
    }

    fn flush(&mut self, table: usize) {
        if !self.fresh.is_empty() {
            for &asset in self.tables[table].assets() {
                self.out.register.extend(self.fresh.remove(&asset));
            }
        }
        let available_at = (!self.plan.is_known_when_measured()).then_some(self.now);
        self.out.readings.extend(self.tables[table].take(&self.ids, available_at));
    }

    /// Records a line that is not kept.
    #[cold]
    fn refuse(&mut self, line: &[u8], fault: Fault<'b>) {
        if self.out.rejects.len() >= MOST_REJECTS {
            return;
        }
        let key = scan::unescaped(line, b' ', 0).map_or(line, |end| &line[..end]);
        let asset = self.by_key.get(key).map(|&index| &self.ids[self.series[index as usize].place.asset as usize]);
        let who = asset.map_or_else(|| shown(key), |id| id.as_str().into());
        let time =
            line.rsplit(|byte| matches!(byte, b' ' | b'\t')).find(|part| !part.is_empty()).and_then(|part| self.instant(part));
        let when = time.map_or_else(|| "without a time".into(), |time| format!("at {}", from_micros(time)));
        self.reject(fault.reason(), format!("{who} {when}: {}", fault.sentence()), line);
    }

    pub(super) fn reject(&mut self, reason: &'static str, detail: String, raw: &[u8]) {
        if self.out.rejects.len() < MOST_REJECTS {
            let raw = String::from_utf8_lossy(&raw[..raw.len().min(MOST_RAW)]).into_owned();
            self.out.rejects.push(Reject { line: Some(self.number), reason, detail, raw });
        }
    }
}

/// Position of the last element of a list of this length. A body of 4 GiB is not taken, so it fits.
fn position(length: usize) -> u32 {
    u32::try_from(length - 1).unwrap_or(u32::MAX)
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Length of what stands before a comma or a blank.
fn token(value: &[u8]) -> usize {
    value.iter().position(|byte| matches!(byte, b',' | b' ' | b'\t')).unwrap_or(value.len())
}

#[cold]
fn not_a_value<'b>(field: &'b [u8], value: &'b [u8]) -> Fault<'b> {
    let value = &value[..token(value)];
    let word = value.strip_prefix(b"-").or_else(|| value.strip_prefix(b"+")).unwrap_or(value);
    let is_word = ["nan", "inf", "infinity"].iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
    if is_word { Fault::NotFinite(field, value) } else { Fault::Number(field, value) }
}

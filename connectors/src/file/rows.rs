//! From rows of cells to rows of quantities: clock, asset, numbers, limits, flags, second rows.
//!
//! In: a [`Record`] and the checked mapping. Out: rows in the page, rejects with line and reason. One bad cell costs that
//! cell (null, a flag and a reject); a bad time or asset costs the row. Not here: reading files, building batches.

use super::assets::FileAssets;
use super::layout::Layout;
use super::page::{Flag, PageRows, Row};
use super::record::{Number, Numbers, Record, TimeCell};
use super::twins::{LookBack, Released, Rule, Seen};
use crate::mapping::{Clock, Duplicates, Lane, Mapping, Value};
use engine::domain::AssetKind;
use engine::domain::IntervalLabel;
use engine::domain::Quality;
use engine::domain::Timestamp;
use engine::domain::from_micros;
use engine::domain::micros;
use engine::source::Reject;
use engine::source::Rows;
use engine::source::SourceError;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What turns records into pages.
#[derive(Debug)]
pub(crate) struct Assembler {
    mapping: Mapping,
    place: String,
    layout: Layout,
    numbers: Numbers,
    assets: FileAssets,
    /// The asset that a comment of the file names.
    own: Option<u32>,
    /// The asset of each lane that names one.
    lane_assets: Vec<Option<u32>>,
    latest: Option<i64>,
    page: PageRows,
    rejects: Vec<Reject>,
    cells: Vec<f64>,
    cell_flags: Vec<(usize, Flag)>,
    values: Vec<f64>,
    seen: Seen,
    look_back: BTreeMap<u64, LookBack>,
    rules: Vec<Rule>,
    /// Cells that said "not a number".
    pub(crate) not_a_number: u64,
}

impl Assembler {
    /// `named` is the asset that the file itself names.
    pub(crate) fn new(
        mapping: &Mapping,
        layout: Layout,
        place: &str,
        named: Option<&str>,
        options: &super::FileOptions,
    ) -> Result<Self, SourceError> {
        let mut assets = FileAssets::new(mapping, &options.assets, &options.keep)?;
        let mut page = PageRows::default();
        if !assets.by_site() {
            mapping.assets.iter().for_each(|asset| page.asset(asset.clone()));
        }
        let mut lane_assets = Vec::new();
        for lane in &mapping.lanes {
            let Some(id) = &lane.asset else {
                lane_assets.push(None);
                continue;
            };
            let (index, fresh) = assets
                .enter(id.clone(), lane.kind)
                .map_err(|fault| SourceError::Mapping { place: mapping.place.clone(), problem: fault.detail })?;
            fresh.into_iter().for_each(|asset| page.asset(asset));
            lane_assets.push(Some(index));
        }
        let own = named
            .map(|name| assets.find(name, mapping))
            .transpose()
            .map_err(|fault| SourceError::Mapping { place: format!("{}: {place}", mapping.place), problem: fault.detail })?;
        let own = own.map(|(index, fresh)| {
            fresh.into_iter().for_each(|asset| page.asset(asset));
            index
        });
        let rules = mapping.lanes.iter().map(|lane| rule(lane, mapping)).collect();
        Ok(Self {
            numbers: Numbers::new(&mapping.format),
            mapping: mapping.clone(),
            place: place.into(),
            layout,
            assets,
            own,
            lane_assets,
            latest: options.now.map(micros),
            page,
            rejects: Vec::new(),
            cells: Vec::new(),
            cell_flags: Vec::new(),
            values: Vec::new(),
            seen: Seen::default(),
            look_back: BTreeMap::new(),
            rules,
            not_a_number: 0,
        })
    }

    pub(crate) fn reject(&mut self, line: u64, reason: &'static str, detail: String, raw: String) {
        self.rejects.push(Reject { line: Some(line), reason, detail, raw });
    }

    /// Takes one row; only `duplicates.policy = "error"` can fail.
    pub(crate) fn take(&mut self, record: &impl Record) -> Result<(), SourceError> {
        let row_asset = match self.layout.asset.map(|column| self.assets.find(record.text(column), &self.mapping)) {
            None => self.own,
            Some(Ok((index, fresh))) => {
                fresh.into_iter().for_each(|asset| self.page.asset(asset));
                Some(index)
            }
            Some(Err(fault)) => {
                self.reject(record.line(), fault.reason, fault.detail, record.raw());
                return Ok(());
            }
        };
        if row_asset.is_some_and(|asset| self.assets.passed_over(asset)) {
            return Ok(());
        }
        let time = match read_time(&self.mapping.time, &self.layout.time, record) {
            Ok(time) => time,
            Err(detail) => {
                self.reject(record.line(), "bad_time", detail, record.raw());
                return Ok(());
            }
        };
        if self.latest.is_some_and(|latest| time > latest) {
            let detail = format!("{} lies in the future; check the clock and the zone of the mapping", from_micros(time));
            self.reject(record.line(), "in_future", detail, record.raw());
            return Ok(());
        }
        let available_at = match (&self.mapping.available_at, &self.layout.available_at) {
            (Some((clock, _)), Some(columns)) => match read_time(clock, columns, record) {
                Ok(time) => Some(time),
                Err(detail) => {
                    self.reject(record.line(), "bad_time", format!("available_at: {detail}"), record.raw());
                    return Ok(());
                }
            },
            _ => None,
        };
        self.read_cells(record, time, row_asset);
        for lane in 0..self.mapping.lanes.len() {
            let Some(asset) = self.lane_assets.get(lane).copied().flatten().or(row_asset) else { continue };
            if self.assets.passed_over(asset) {
                continue;
            }
            self.take_lane(lane, asset, time, available_at, record)?;
        }
        Ok(())
    }

    fn read_cells(&mut self, record: &impl Record, time: i64, row_asset: Option<u32>) {
        self.cells.clear();
        self.cell_flags.clear();
        for (index, (cell, &column)) in self.mapping.cells.iter().zip(&self.layout.cells).enumerate() {
            let mut flag = |raw: Option<f64>, reason: &str| {
                let flag = Flag { quantity: cell.quantity.clone(), quality: Quality::Invalid, raw, reason: reason.into() };
                self.cell_flags.push((index, flag));
                f64::NAN
            };
            let value = match record.number(column, &self.numbers) {
                Number::Missing => f64::NAN,
                Number::Nan => {
                    self.not_a_number += 1;
                    f64::NAN
                }
                Number::Value(raw) => {
                    let value = cell.scale * raw + cell.offset;
                    match cell.invalid.iter().find(|invalid| raw >= invalid.low && raw <= invalid.high) {
                        Some(invalid) => flag(Some(value), &invalid.reason),
                        None if !(cell.range.0..=cell.range.1).contains(&value) => {
                            flag(value.is_finite().then_some(value), "out_of_range")
                        }
                        None => value,
                    }
                }
                Number::Bad => {
                    let detail = format!(
                        "{}{}: {:?} in column {:?} is not a number; the rest of the row was taken",
                        row_asset.map(|asset| format!("{} at ", self.assets.name(asset))).unwrap_or_default(),
                        from_micros(time),
                        record.text(column),
                        cell.column
                    );
                    self.rejects.push(Reject { line: Some(record.line()), reason: "bad_number", detail, raw: record.raw() });
                    flag(None, "bad_number")
                }
            };
            self.cells.push(value);
        }
    }

    fn take_lane(
        &mut self,
        lane: usize,
        asset: u32,
        time: i64,
        available_at: Option<i64>,
        record: &impl Record,
    ) -> Result<(), SourceError> {
        self.values.clear();
        let mut flags = Vec::new();
        for (_, value) in &self.mapping.lanes[lane].values {
            self.values.push(match value {
                Value::Cell(index) => {
                    flags.extend(self.cell_flags.iter().filter(|(cell, _)| cell == index).map(|(_, flag)| flag.clone()));
                    self.cells[*index]
                }
                Value::Sum(terms) => terms.iter().map(|&index| self.cells[index]).sum(),
            });
        }
        let line = record.line();
        let series = (lane as u64) << 32 | u64::from(asset);
        match &self.mapping.duplicates {
            Duplicates::Last => {}
            Duplicates::LeastJump { .. } => {
                let row = Row { lane, asset, time, available_at, line, values: self.values.clone(), flags, moved: false };
                let mut out = Released::default();
                self.look_back.entry(series).or_default().push(row, &self.rules[lane], &mut out);
                self.release(out);
                return Ok(());
            }
            policy => {
                if !self.seen.insert(series, time, self.mapping.resolution.seconds() * 1_000_000) {
                    let detail = format!("{} at {} was already read in this file", self.assets.name(asset), from_micros(time));
                    if matches!(policy, Duplicates::Error) {
                        let problem = format!("{detail}; the mapping says duplicates.policy = \"error\"");
                        return Err(SourceError::Format { place: format!("{} line {line}", self.place), problem });
                    }
                    self.reject(line, "duplicate_key", detail, record.raw());
                    return Ok(());
                }
            }
        }
        let values = std::mem::take(&mut self.values);
        self.put(lane, asset, time, available_at, &values, flags);
        self.values = values;
        Ok(())
    }

    fn put(&mut self, lane: usize, asset: u32, time: i64, available_at: Option<i64>, values: &[f64], flags: Vec<Flag>) {
        let lanes = &self.mapping.lanes;
        let by_site = self.assets.by_site();
        let own = if by_site { self.assets.kind(asset) } else { lanes[lane].kind };
        let Some(kind) = own.or_else(|| self.assets.kind(asset)) else { return };
        let known = available_at.unwrap_or_else(|| match self.mapping.label {
            IntervalLabel::Beginning => time.saturating_add(self.mapping.resolution.seconds() * 1_000_000),
            IntervalLabel::Ending | IntervalLabel::Instant => time,
        });
        let assets = &self.assets;
        let lane_assets = &self.lane_assets;
        self.page
            .push(kind, lanes, lane, asset, time, known, values, |lane| feeds(lane, kind, by_site, lanes, lane_assets, assets));
        for flag in flags {
            self.page.flag(time, asset, flag);
        }
    }

    fn release(&mut self, out: Released) {
        for mut row in out.rows {
            if row.moved {
                let lane = &self.mapping.lanes[row.lane];
                let moved = lane.values.iter().zip(&row.values).filter(|(_, value)| value.is_finite());
                row.flags.extend(moved.map(|((quantity, _), &value)| Flag {
                    quantity: quantity.clone(),
                    quality: Quality::Questionable,
                    raw: Some(value),
                    reason: "moved_twin".into(),
                }));
            }
            self.put(row.lane, row.asset, row.time, row.available_at, &row.values, row.flags);
        }
        for row in out.lost {
            let detail = format!(
                "{} at {}: another row has the same key and the slot before is taken; the later row was kept",
                self.assets.name(row.asset),
                from_micros(row.time)
            );
            self.reject(row.line, "duplicate_key", detail, format!("{:?}", row.values));
        }
    }

    /// The page so far; at the end of the file also what was held back.
    pub(crate) fn finish(&mut self, end: bool) -> Result<(Vec<Rows>, Vec<Reject>), SourceError> {
        if end {
            for (series, mut look_back) in std::mem::take(&mut self.look_back) {
                let mut out = Released::default();
                look_back.finish(&self.rules[(series >> 32) as usize], &mut out);
                self.release(out);
            }
        }
        let rows = self.page.finish(&self.assets.ids);
        let rows = rows.map_err(|cause| SourceError::Domain { place: self.place.clone(), cause })?;
        Ok((rows, std::mem::take(&mut self.rejects)))
    }
}

fn feeds(lane: &Lane, kind: AssetKind, by_site: bool, lanes: &[Lane], lane_assets: &[Option<u32>], assets: &FileAssets) -> bool {
    let index = lanes.iter().position(|held| std::ptr::eq(held, lane)).unwrap_or(0);
    match lane_assets.get(index).copied().flatten() {
        Some(asset) if by_site => assets.kind(asset) == Some(kind),
        None if by_site => true,
        _ => lane.kind == Some(kind),
    }
}

fn rule(lane: &Lane, mapping: &Mapping) -> Rule {
    let step = mapping.resolution.seconds() * 1_000_000;
    let Duplicates::LeastJump { shift, jump } = &mapping.duplicates else {
        return Rule { shift: 0, step, jump: Vec::new() };
    };
    let slot = |quantity| lane.values.iter().position(|(held, _)| held == quantity);
    Rule { shift: *shift, step, jump: jump.iter().filter_map(|jump| Some((slot(&jump.quantity)?, jump.scale))).collect() }
}

fn read_time(clock: &Clock, columns: &[usize], record: &impl Record) -> Result<i64, String> {
    let text: Cow<'_, str> = match columns {
        [column] => match record.time(*column) {
            TimeCell::Text(text) => text.into(),
            TimeCell::Instant(micros) => return within_years(micros, || micros.to_string()),
            TimeCell::Wall(wall) => {
                let wall = within_years(wall, || wall.to_string())?;
                return clock.wall(wall).map_err(|fault| format!("the time {} {}", from_micros(wall), fault.text()));
            }
        },
        _ => columns.iter().map(|&column| record.text(column)).collect::<Vec<_>>().join(" ").into(),
    };
    let micros = clock.read(&text).map_err(|fault| format!("{text:?} {}", fault.text()))?;
    within_years(micros, || format!("{text:?}"))
}

fn within_years(micros: i64, shown: impl Fn() -> String) -> Result<i64, String> {
    match Timestamp::from_microsecond(micros) {
        Ok(_) => Ok(micros),
        Err(_) => Err(format!("{} lies outside the years -9999 to 9999", shown())),
    }
}

//! One event's rows as columns on a regular grid.
//!
//! In: `datasets/<event>.csv`. Out: [`CareTable`], averages only (minima, maxima and deviations of the same sensors quadruple the work and say little
//! more), on the grid of `id`, so that a hole in the ids is a stretch of missing values. Rows may come in any order.

use super::CareError;
use super::CareEvent;
use super::CareFarm;
use super::fields::Fields;
use super::fields::number;
use super::sensor::split;
use engine::detect::{Column, Role};
use std::ops::Range;

/// Columns that are no sensors.
const ADMINISTRATION: [&str; 5] = ["time_stamp", "asset_id", "id", "train_test", "status_type_id"];
/// A grid may be this many times longer than its rows before the ids are taken for mere numbers.
const SPARSE: i64 = 4;

/// One sensor column.
#[derive(Debug, Clone, PartialEq)]
pub struct CareColumn {
    /// As in the file.
    pub name: String,
    /// What it is to the machine.
    pub role: Role,
    /// One per grid row, NaN where there is none.
    pub values: Vec<f64>,
}

/// One event, read.
#[derive(Debug, Clone, PartialEq)]
pub struct CareTable {
    /// The asset, as the file names it.
    pub asset: String,
    /// `id` of each grid row; `None` where the file has no row.
    pub ids: Vec<Option<i64>>,
    /// True for rows of the training part.
    pub train: Vec<bool>,
    /// Status of each row, -1 where it is missing.
    pub status: Vec<i16>,
    /// Sensors.
    pub columns: Vec<CareColumn>,
}

impl CareFarm {
    /// Reads one event of this farm.
    ///
    /// # Errors
    /// [`CareError`] with the file, line and remedy.
    pub fn load(&self, event: &CareEvent) -> Result<CareTable, CareError> {
        let mut rows = Fields::open(&event.path)?;
        let id = rows.column("id")?;
        let part = rows.column("train_test")?;
        let status = rows.column("status_type_id")?;
        let asset = rows.optional("asset_id");
        let chosen = chosen(rows.header());
        let mut table =
            CareTable { asset: String::new(), ids: Vec::new(), train: Vec::new(), status: Vec::new(), columns: Vec::new() };
        let mut values = vec![Vec::new(); chosen.len()];
        while rows.next()? {
            let train = match rows.cell(part) {
                b"train" => true,
                b"prediction" | b"test" => false,
                _ => return Err(rows.fault(part, "`train` or `prediction`")),
            };
            if table.ids.is_empty() {
                table.asset = asset.map(|at| rows.text(at)).unwrap_or_default();
            }
            table.ids.push(Some(rows.integer(id)?));
            table.train.push(train);
            table.status.push(if rows.cell(status).is_empty() { -1 } else { i16::try_from(rows.integer(status)?).unwrap_or(-1) });
            for (column, at) in values.iter_mut().zip(&chosen) {
                column.push(number(rows.cell(*at)));
            }
        }
        if !table.train.contains(&true) || !table.train.contains(&false) {
            let what = "rows of both parts are needed, `train` and `prediction`, in train_test";
            return Err(CareError::Empty { path: rows.path().to_owned(), what });
        }
        let named = chosen.iter().zip(values).map(|(at, values)| {
            let name = rows.header()[*at].clone();
            CareColumn { role: self.sensors.role(&name), name, values }
        });
        table.columns = named.collect();
        table.lay_out();
        Ok(table)
    }
}

impl CareTable {
    /// Grid rows of the prediction part that the file has, in order of `id`.
    pub fn prediction(&self) -> impl Iterator<Item = usize> {
        (0..self.ids.len()).filter(|&i| !self.train[i] && self.ids[i].is_some())
    }

    /// Rows in which the status is one of `normal`.
    pub fn normal(&self, normal: &[i16]) -> Vec<bool> {
        self.status.iter().map(|code| normal.contains(code)).collect()
    }

    /// Where the event lies among the rows of [`Self::prediction`].
    pub fn event_rows(&self, event: &CareEvent) -> Range<usize> {
        let before = |limit: i64| self.prediction().filter(|&i| self.ids[i].is_some_and(|id| id < limit)).count();
        before(event.first_id)..before(event.last_id.saturating_add(1))
    }

    /// The sensors, as detectors take them.
    pub fn sensors(&self) -> Vec<Column<'_>> {
        self.columns.iter().map(|c| Column { name: &c.name, role: c.role, values: &c.values }).collect()
    }

    /// Sorts by id and opens the holes.
    fn lay_out(&mut self) {
        let known: Vec<i64> = self.ids.iter().flatten().copied().collect();
        let (Some(&low), Some(&high)) = (known.iter().min(), known.iter().max()) else { return };
        let mut order: Vec<usize> = (0..known.len()).collect();
        order.sort_by_key(|&i| known[i]);
        let doubled = order.windows(2).any(|pair| known[pair[0]] == known[pair[1]]);
        let span = high.saturating_sub(low).saturating_add(1);
        let dense = doubled || span > SPARSE.saturating_mul(known.len() as i64);
        let len = if dense { known.len() } else { usize::try_from(span).unwrap_or(known.len()) };
        let place = |rank: usize, row: usize| if dense { rank } else { usize::try_from(known[row] - low).unwrap_or(rank) };
        if len == known.len() && order.is_sorted() {
            return;
        }
        let mut source = vec![None; len];
        for (rank, &row) in order.iter().enumerate() {
            source[place(rank, row)] = Some(row);
        }
        // A hole belongs to the part before it.
        let mut part = true;
        let train = source.iter().map(|row| {
            part = row.map_or(part, |row: usize| self.train[row]);
            part
        });
        let train = train.collect();
        self.status = source.iter().map(|row| row.map_or(-1, |row| self.status[row])).collect();
        self.ids = source.iter().map(|row| row.and_then(|row| self.ids[row])).collect();
        self.train = train;
        for column in &mut self.columns {
            column.values = source.iter().map(|row| row.map_or(f64::NAN, |row| column.values[row])).collect();
        }
    }
}

/// Averages; of a sensor without one, whatever there is.
fn chosen(header: &[String]) -> Vec<usize> {
    let average = |name: &str| header.iter().any(|other| split(other) == (name, "avg"));
    let wanted = |name: &String| {
        let (sensor, statistic) = split(name);
        !ADMINISTRATION.contains(&name.as_str()) && (statistic == "avg" || !average(sensor))
    };
    (0..header.len()).filter(|&i| wanted(&header[i])).collect()
}

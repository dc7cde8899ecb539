//! Rows one by one: what JSON, NDJSON and CSV share. Each row is checked; good ones become columns per asset kind.
//!
//! In: texts and numbers of a row. Out: [`Decoded`]. Arrow is read by columns, in `ipc`.

use super::Decoded;
use super::Rejected;
use super::letters::clip;
use super::units::Conversions;
use crate::error::Code;
use crate::error::Problem;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::DomainError;
use engine::domain::Quantities;
use engine::domain::Quantity;
use engine::domain::Readings;
use engine::domain::Timestamp;
use engine::domain::micros;
use engine::domain::parse_time;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Unknown names of one body whose nearest name is looked for; looking costs a walk over all names.
const MOST_LOOKED_UP: usize = 20;
/// Bytes of a name that are looked at and said back; no name of ours is longer than 64.
const LONGEST_NAME: usize = 100;

/// Tells the kind of a known asset, or says what is wrong; the second argument allows looking for the nearest name.
pub(crate) type Find = Arc<dyn Fn(&str, bool) -> Result<(AssetId, AssetKind), Problem> + Send + Sync>;

/// What rows are checked against.
#[derive(Clone)]
pub(crate) struct Checks {
    pub(crate) known: Quantities,
    /// Units that were given beside the body.
    pub(crate) units: Conversions,
    pub(crate) find: Find,
    pub(crate) now: Timestamp,
    /// Later times are refused.
    pub(crate) latest: Timestamp,
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").field("now", &self.now).field("latest", &self.latest).finish_non_exhaustive()
    }
}

/// A checked row.
pub(crate) struct Row {
    pub(crate) asset: AssetId,
    pub(crate) kind: AssetKind,
    pub(crate) time: Timestamp,
    pub(crate) values: Vec<(Quantity, f64)>,
}

/// The names in a body, each looked up once.
pub(crate) struct Names<'a> {
    checks: &'a Checks,
    assets: HashMap<String, Result<(AssetId, AssetKind), Problem>>,
    quantities: HashMap<String, Result<Quantity, Problem>>,
    unknown: usize,
}

impl<'a> Names<'a> {
    pub(crate) fn new(checks: &'a Checks) -> Self {
        Self { checks, assets: HashMap::new(), quantities: HashMap::new(), unknown: 0 }
    }

    pub(crate) fn asset(&mut self, id: &str) -> Result<(AssetId, AssetKind), Problem> {
        let id = clip(id, LONGEST_NAME);
        if let Some(found) = self.assets.get(id) {
            return found.clone();
        }
        let found = (self.checks.find)(id, self.unknown < MOST_LOOKED_UP);
        self.unknown += usize::from(found.is_err());
        self.assets.insert(id.into(), found.clone());
        found
    }

    pub(crate) fn quantity(&mut self, name: &str) -> Result<Quantity, Problem> {
        let name = clip(name, LONGEST_NAME);
        if let Some(found) = self.quantities.get(name) {
            return found.clone();
        }
        let plain = || DomainError::Quantity { name: name.into(), nearest: None };
        let found = if self.unknown < MOST_LOOKED_UP {
            self.checks.known.get(name).map(|(quantity, _)| quantity.clone())
        } else {
            let known = Quantity::parse(name).ok().filter(|quantity| self.checks.known.iter().any(|(known, _)| known == quantity));
            known.ok_or_else(plain)
        };
        self.unknown += usize::from(found.is_err());
        let found = found.map_err(Problem::from);
        self.quantities.insert(name.into(), found.clone());
        found
    }
}

/// Gathers rows.
pub(crate) struct Rows {
    by_kind: BTreeMap<AssetKind, Columns>,
    decoded: Decoded,
}

/// Rows of one asset kind, as columns of one length.
#[derive(Default)]
struct Columns {
    times: Vec<i64>,
    asset_ids: Vec<String>,
    values: BTreeMap<Quantity, Vec<Option<f64>>>,
}

impl Rows {
    pub(crate) fn new() -> Self {
        Self { by_kind: BTreeMap::new(), decoded: Decoded::default() }
    }

    /// Rows seen so far.
    pub(crate) const fn seen(&self) -> usize {
        self.decoded.rows
    }

    /// Takes the next row, good or bad; `raw` is asked for the text of a bad one.
    pub(crate) fn take(&mut self, row: Result<Row, Problem>, line: Option<u64>, raw: impl FnOnce() -> (Option<String>, String)) {
        let index = self.decoded.rows;
        self.decoded.rows += 1;
        match row {
            Ok(row) => self.by_kind.entry(row.kind).or_default().push(row),
            Err(problem) => self.decoded.reject(|| {
                let (asset, raw) = raw();
                Rejected { index, line, code: problem.code().row().0, detail: problem.detail().into(), asset, raw }
            }),
        }
    }

    /// All rows; those of `now` became known then.
    pub(crate) fn finish(mut self, now: Timestamp) -> Result<Decoded, Problem> {
        for (kind, columns) in self.by_kind {
            let available_at = vec![micros(now); columns.times.len()];
            let values = columns.values.into_iter().collect();
            self.decoded.readings.push(Readings::from_columns(kind, columns.times, columns.asset_ids, available_at, values)?);
        }
        Ok(self.decoded)
    }
}

impl Columns {
    fn push(&mut self, row: Row) {
        let rows = self.times.len();
        self.times.push(micros(row.time));
        self.asset_ids.push(row.asset.to_string());
        for (quantity, value) in row.values {
            let column = self.values.entry(quantity).or_default();
            column.resize(rows, None);
            column.push(Some(value));
        }
        for column in self.values.values_mut() {
            column.resize(rows + 1, None);
        }
    }
}

/// The time of a row: RFC 3339, not in the future.
pub(crate) fn time(asset: &AssetId, text: &str, latest: Timestamp) -> Result<Timestamp, Problem> {
    let time = parse_time(clip(text, 64))?;
    if time > latest { Err(future(asset.as_str(), time, latest)) } else { Ok(time) }
}

/// The problem of a time in the future.
pub(crate) fn future(asset: &str, time: Timestamp, latest: Timestamp) -> Problem {
    let remedy = "check the sender's clock and time zone, and send readings, not forecasts";
    Problem::new(Code::BadTime, format!("{asset}: {time} is in the future (now is taken until {latest}); {remedy}"))
}

/// The problem of a value that is NaN or infinite.
pub(crate) fn not_finite(asset: &str, quantity: &Quantity, time: Timestamp, value: impl fmt::Display) -> Problem {
    let (asset, time, value) = (asset.into(), time.to_string(), value.to_string());
    DomainError::NotFinite { asset, quantity: quantity.name().into(), time, value }.into()
}

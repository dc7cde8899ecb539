//! What people know about an asset that no sensor tells: outages, curtailments, maintenance, holidays, events.
//!
//! In: rows of `annotations`, each a revision. Out: [`Annotation`]s as they stood at a time. Asset, kind and start name an annotation;
//! a later row with the same three corrects it or withdraws it from its own `available_at` on, and nothing is erased. What follows
//! for a forecast is in `features`.

use super::{ASSET_ID, AVAILABLE_AT, Asset, AssetId, DomainError, Table, TimeRange, Timestamp, from_micros, micros};
use arrow::array::{Array, AsArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// `state` of the row that takes an annotation back.
const WITHDRAWN: &str = "withdrawn";

/// What kind of thing was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AnnotationKind {
    /// Taken out of service, wholly or in part.
    PlannedOutage,
    /// Held down by an order although it could give more.
    Curtailment,
    /// A day that is not like others.
    Holiday,
    /// Worth knowing; nothing follows from it.
    Event,
    /// Worked on, perhaps while running.
    Maintenance,
}

impl AnnotationKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::PlannedOutage, Self::Curtailment, Self::Holiday, Self::Event, Self::Maintenance];

    /// The word stored in `annotations.kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PlannedOutage => "planned_outage",
            Self::Curtailment => "curtailment",
            Self::Holiday => "holiday",
            Self::Event => "event",
            Self::Maintenance => "maintenance",
        }
    }

    /// Reads the word.
    ///
    /// # Errors
    /// [`DomainError::Choice`].
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        let known = "planned_outage, curtailment, holiday, event, maintenance";
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| DomainError::Choice { field: "annotation kind", text: text.into(), known })
    }

    /// True where the power measured meanwhile does not say what the asset could have given.
    pub const fn holds_down(self) -> bool {
        matches!(self, Self::PlannedOutage | Self::Curtailment | Self::Maintenance)
    }
}

/// One revision of an annotation.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// About whom; `None` is the whole site.
    pub asset: Option<AssetId>,
    /// What kind of thing.
    pub kind: AnnotationKind,
    /// First instant it holds.
    pub start: Timestamp,
    /// First instant it no longer holds; `None`: until withdrawn.
    pub end: Option<Timestamp>,
    /// Power that is left meanwhile, kW.
    pub capacity_kw: Option<f64>,
    /// In somebody's words; empty when there are none.
    pub text: String,
    /// From when on we know this revision.
    pub available_at: Timestamp,
    /// This revision takes the annotation back.
    pub withdrawn: bool,
    /// Name of the key it came in with; `None` for imported rows.
    pub author: Option<String>,
}

impl Annotation {
    /// Name of the annotation, the same for all its revisions: 16 hexadecimal digits made of asset, kind and start.
    pub fn id(&self) -> String {
        let asset = self.asset.as_ref().map_or("", AssetId::as_str);
        let digest = Sha256::digest(format!("{asset}\n{}\n{}", self.kind.name(), micros(self.start)));
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Checks a new annotation of an asset.
    ///
    /// # Errors
    /// [`DomainError::EmptyRange`]; [`DomainError::AnnotationCapacity`] for a power below zero, not below the rated power, or
    /// beside a kind that has none.
    pub fn checked(self, asset: &Asset) -> Result<Self, DomainError> {
        if let Some(end) = self.end {
            TimeRange::new(self.start, end)?;
        }
        let Some(given) = self.capacity_kw else { return Ok(self) };
        let rated = asset.capacity_kw.filter(|rated| rated.is_finite() && *rated > 0.0);
        let remedy = match rated {
            _ if !self.kind.holds_down() => "leave it out: only outages, curtailments and maintenance leave less power".into(),
            _ if !given.is_finite() || given < 0.0 => "write the power that is left in kW, 0 when there is none".into(),
            Some(rated) if given >= rated => format!("it must be below the rated power of {rated} kW, or there is nothing to note"),
            _ => return Ok(self),
        };
        let (asset, kind, start) = (asset.id.to_string(), self.kind.name(), self.start.to_string());
        Err(DomainError::AnnotationCapacity { asset, kind, start, given, remedy })
    }

    /// Power that is left meanwhile, kW: as stated, none in an outage that states nothing; `None` where nobody knows.
    pub fn limit_kw(&self) -> Option<f64> {
        match self.kind {
            AnnotationKind::PlannedOutage => Some(self.capacity_kw.unwrap_or(0.0)),
            AnnotationKind::Curtailment | AnnotationKind::Maintenance => self.capacity_kw,
            AnnotationKind::Holiday | AnnotationKind::Event => None,
        }
    }

    /// True when it holds at some instant of `[from, to)`, microseconds.
    pub fn meets(&self, from: i64, to: i64) -> bool {
        micros(self.start) < to && self.end.is_none_or(|end| micros(end) > from)
    }

    /// The annotations as they stood at `issue_time`: revisions with `available_at <= issue_time`, the newest of each, without
    /// those withdrawn by then; by asset, kind and start. **The** leak filter of the house for annotations.
    pub fn known_at(revisions: &[Self], issue_time: Timestamp) -> Vec<&Self> {
        let mut newest: BTreeMap<(&Option<AssetId>, AnnotationKind, Timestamp), &Self> = BTreeMap::new();
        for revision in revisions.iter().filter(|revision| revision.available_at <= issue_time) {
            let held = newest.entry((&revision.asset, revision.kind, revision.start)).or_insert(revision);
            if revision.available_at >= held.available_at {
                *held = revision;
            }
        }
        newest.into_values().filter(|annotation| !annotation.withdrawn).collect()
    }

    /// Rows of `annotations`.
    ///
    /// # Errors
    /// [`DomainError::Column`] when Arrow refuses the columns.
    pub fn to_batch(revisions: &[Self]) -> Result<RecordBatch, DomainError> {
        let time = |of: fn(&Self) -> Option<Timestamp>| {
            let values: TimestampMicrosecondArray = revisions.iter().map(|revision| of(revision).map(micros)).collect();
            Arc::new(values.with_timezone("UTC")) as Arc<dyn Array>
        };
        let text = |of: fn(&Self) -> Option<&str>| Arc::new(revisions.iter().map(of).collect::<StringArray>()) as Arc<dyn Array>;
        let columns = vec![
            text(|row| row.asset.as_ref().map(AssetId::as_str)),
            time(|row| Some(row.start)),
            time(|row| row.end),
            text(|row| Some(row.kind.name())),
            text(|row| (!row.text.is_empty()).then_some(row.text.as_str())),
            time(|row| Some(row.available_at)),
            Arc::new(revisions.iter().map(|row| row.capacity_kw).collect::<Float64Array>()),
            text(|row| row.withdrawn.then_some(WITHDRAWN)),
            text(|row| row.author.as_deref()),
        ];
        RecordBatch::try_new(Arc::new(Table::Annotations.base_schema()), columns).map_err(|error| DomainError::Column {
            table: Table::Annotations.name().into(),
            column: "all".into(),
            expected: "columns of one length, in the table's types".into(),
            found: error.to_string(),
        })
    }

    /// Revisions from rows with the base columns of `annotations`. A row that does not say when it became known counts as known when
    /// it was over, or from its start while it has no end. Rows of other kinds, with an end before their start or with a capacity
    /// below zero stay in the table and are passed over with a warning.
    pub fn from_batch(batch: &RecordBatch) -> Vec<Self> {
        let text = |name: &str| batch[name].as_string::<i32>();
        let time = |name: &str| batch[name].as_primitive::<TimestampMicrosecondType>();
        let at = |name: &str, row: usize| time(name).is_valid(row).then(|| from_micros(time(name).value(row)));
        let word = |name: &str, row: usize| text(name).is_valid(row).then(|| text(name).value(row).to_owned());
        let capacity = batch["capacity_kw"].as_primitive::<Float64Type>();
        let read = |row: usize| -> Result<Self, DomainError> {
            let (start, end) = (from_micros(time("start").value(row)), at("end", row));
            if let Some(end) = end {
                TimeRange::new(start, end)?;
            }
            let asset = word(ASSET_ID, row).map(|id| AssetId::parse(&id)).transpose()?;
            let kind = AnnotationKind::parse(text("kind").value(row))?;
            let capacity_kw = capacity.is_valid(row).then(|| capacity.value(row));
            if let Some(given) = capacity_kw.filter(|given| !given.is_finite() || *given < 0.0) {
                let remedy = "the power that is left is 0 kW or more".into();
                let (asset, start) = (asset.map_or_else(String::new, |id| id.to_string()), start.to_string());
                return Err(DomainError::AnnotationCapacity { asset, kind: kind.name(), start, given, remedy });
            }
            Ok(Self {
                asset,
                kind,
                start,
                end,
                capacity_kw,
                text: word("note", row).unwrap_or_default(),
                available_at: at(AVAILABLE_AT, row).or(end).unwrap_or(start),
                withdrawn: word("state", row).as_deref() == Some(WITHDRAWN),
                author: word("author", row),
            })
        };
        let said = |read: Result<Self, DomainError>| read.map_err(|error| tracing::warn!(%error, "an annotation is passed over"));
        (0..batch.num_rows()).filter_map(|row| said(read(row)).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Annotation, AnnotationKind, Asset, AssetId, Timestamp};
    use crate::domain::AssetKind;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn outage(known: &str) -> Annotation {
        Annotation {
            asset: Some(AssetId::parse("T01").unwrap()),
            kind: AnnotationKind::PlannedOutage,
            start: time("2026-03-10T06:00:00Z"),
            end: Some(time("2026-03-10T18:00:00Z")),
            capacity_kw: None,
            text: "gearbox".into(),
            available_at: time(known),
            withdrawn: false,
            author: Some("ana".into()),
        }
    }

    #[test]
    fn the_newest_known_revision_counts_until_it_is_withdrawn() {
        let first = outage("2026-03-01T00:00:00Z");
        let longer =
            Annotation { end: Some(time("2026-03-11T18:00:00Z")), available_at: time("2026-03-05T00:00:00Z"), ..first.clone() };
        let gone = Annotation { withdrawn: true, available_at: time("2026-03-07T00:00:00Z"), ..longer.clone() };
        assert!(first.id() == gone.id() && first.id().len() == 16);
        let all = [gone, first.clone(), longer.clone()];
        let known = |at: &str| Annotation::known_at(&all, time(at)).into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(known("2026-02-28T23:59:59Z"), []);
        assert_eq!(known("2026-03-01T00:00:00Z"), [first]);
        assert_eq!(known("2026-03-06T00:00:00Z"), [longer]);
        assert_eq!(known("2026-03-07T00:00:00Z"), []);
    }

    #[test]
    fn rows_come_back_as_they_were_written_and_odd_ones_are_passed_over() {
        let site = Annotation { asset: None, end: None, text: String::new(), author: None, ..outage("2026-03-01T00:00:00Z") };
        let rows = [outage("2026-03-01T00:00:00Z"), Annotation { withdrawn: true, capacity_kw: Some(3.5), ..site }];
        assert_eq!(Annotation::from_batch(&Annotation::to_batch(&rows).unwrap()), rows);
        let upside_down = Annotation { end: Some(time("2026-03-09T00:00:00Z")), ..rows[0].clone() };
        let below_zero = Annotation { capacity_kw: Some(-1.0), ..rows[0].clone() };
        assert_eq!(Annotation::from_batch(&Annotation::to_batch(&[upside_down, below_zero]).unwrap()), []);
    }

    #[test]
    fn a_capacity_is_below_the_rated_power_and_only_where_it_means_something() {
        let mut asset = Asset::new(AssetId::parse("T01").unwrap(), AssetKind::WindTurbine);
        asset.capacity_kw = Some(2000.0);
        let with = |kind, capacity_kw| Annotation { kind, capacity_kw, ..outage("2026-03-01T00:00:00Z") };
        assert!(with(AnnotationKind::Curtailment, Some(1500.0)).checked(&asset).is_ok());
        for (kind, capacity) in
            [(AnnotationKind::Curtailment, 2000.0), (AnnotationKind::PlannedOutage, -1.0), (AnnotationKind::Holiday, 5.0)]
        {
            let error = with(kind, Some(capacity)).checked(&asset).unwrap_err().to_string();
            assert!(error.contains("T01") && error.contains("2026-03-10T06:00:00Z"), "{error}");
        }
        let empty = Annotation { end: Some(time("2026-03-10T06:00:00Z")), ..outage("2026-03-01T00:00:00Z") };
        assert!(empty.checked(&asset).is_err());
        assert_eq!(
            (with(AnnotationKind::PlannedOutage, None).limit_kw(), with(AnnotationKind::Curtailment, None).limit_kw()),
            (Some(0.0), None)
        );
    }
}

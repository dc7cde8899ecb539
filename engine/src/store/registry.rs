//! The small tables that are held whole in memory: assets, and the quantities a site declared.
//!
//! In: assets and declarations. Out: the same, from memory. Each change rewrites its Delta table in one commit.

use super::StoreError;
use super::delta::Change;
use super::delta::DeltaFiles;
use super::place::Place;
use super::read::collect;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::DomainError;
use crate::domain::Location;
use crate::domain::Quantities;
use crate::domain::Quantity;
use crate::domain::Unit;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::Float64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use datafusion::execution::context::SessionContext;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Columns of `assets`.
pub(super) fn assets_schema() -> Schema {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let real = |name: &str| Field::new(name, DataType::Float64, true);
    Schema::new(vec![
        text("id", false),
        text("kind", false),
        text("parent_id", true),
        text("name", false),
        real("latitude"),
        real("longitude"),
        real("capacity_kw"),
        text("timezone", false),
        text("attributes", false),
    ])
}

/// Columns of `quantities`.
pub(super) fn quantities_schema() -> Schema {
    Schema::new(vec![Field::new("name", DataType::Utf8, false), Field::new("unit", DataType::Utf8, false)])
}

/// One small table.
#[derive(Debug)]
pub(super) struct Registry {
    name: &'static str,
    delta: DeltaFiles,
}

impl Registry {
    /// Opens the table and reads all of it.
    pub(super) async fn open(
        name: &'static str,
        place: &Place,
        schema: Schema,
        key: &'static [&'static str],
        reader: &SessionContext,
    ) -> Result<(Self, Vec<RecordBatch>), StoreError> {
        let delta = DeltaFiles::open(name, place, schema, key, "").await?;
        let view = delta.view("");
        let rows = collect(reader, view, &[], &[]).await;
        let rows = rows.map_err(|cause| StoreError::Read { table: name.into(), cause: Box::new(cause) })?;
        Ok((Self { name, delta }, rows))
    }

    /// The files.
    pub(super) const fn delta(&self) -> &DeltaFiles {
        &self.delta
    }

    /// After a failure that left open what the table holds: reads it again.
    pub(super) async fn catch_up(&mut self) -> Result<(), StoreError> {
        self.delta.catch_up().await
    }

    /// Puts these rows in place of all others.
    pub(super) async fn replace(&mut self, rows: Result<RecordBatch, ArrowError>) -> Result<(), StoreError> {
        let rows = rows.map_err(|cause| StoreError::Arrow { table: self.name.into(), cause })?;
        self.delta.catch_up().await?;
        let remove = self.delta.files().to_vec();
        self.delta.commit(Change { add: vec![rows], remove, ..Change::default() }).await
    }
}

/// The rows of `assets`.
pub(super) fn assets_batch(assets: &BTreeMap<AssetId, Asset>) -> Result<RecordBatch, ArrowError> {
    let text =
        |value: fn(&Asset) -> String| Arc::new(assets.values().map(|a| Some(value(a))).collect::<StringArray>()) as Arc<dyn Array>;
    let real = |value: fn(&Asset) -> Option<f64>| Arc::new(assets.values().map(value).collect::<Float64Array>()) as Arc<dyn Array>;
    let parents = assets.values().map(|a| a.parent_id.as_ref().map(AssetId::as_str)).collect::<StringArray>();
    let columns = vec![
        text(|a| a.id.to_string()),
        text(|a| a.kind.name().to_owned()),
        Arc::new(parents),
        text(|a| a.name.clone()),
        real(|a| a.location.map(|l| l.latitude)),
        real(|a| a.location.map(|l| l.longitude)),
        real(|a| a.capacity_kw),
        text(|a| a.timezone.clone()),
        text(|a| serde_json::json!(a.attributes).to_string()),
    ];
    RecordBatch::try_new(Arc::new(assets_schema()), columns)
}

/// Assets back from the rows of `assets`.
pub(super) fn read_assets(batches: &[RecordBatch]) -> Result<BTreeMap<AssetId, Asset>, DomainError> {
    let mut assets = BTreeMap::new();
    for batch in batches {
        let text = |name: &str| batch[name].as_string::<i32>();
        let real = |name: &str, row: usize| {
            let column = batch[name].as_primitive::<Float64Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        for row in 0..batch.num_rows() {
            let mut asset = Asset::new(AssetId::parse(text("id").value(row))?, AssetKind::parse(text("kind").value(row))?);
            let parent = text("parent_id");
            asset.parent_id = parent.is_valid(row).then(|| AssetId::parse(parent.value(row))).transpose()?;
            asset.name = text("name").value(row).into();
            asset.location =
                real("latitude", row).zip(real("longitude", row)).map(|(latitude, longitude)| Location { latitude, longitude });
            asset.capacity_kw = real("capacity_kw", row);
            asset.timezone = text("timezone").value(row).into();
            asset.attributes = serde_json::from_str(text("attributes").value(row)).unwrap_or_default();
            assets.insert(asset.id.clone(), asset);
        }
    }
    Ok(assets)
}

/// The rows of `quantities`: what the site declared beyond the standard ones.
pub(super) fn quantities_batch(declared: &BTreeMap<Quantity, Unit>) -> Result<RecordBatch, ArrowError> {
    let names = declared.keys().map(|q| Some(q.name())).collect::<StringArray>();
    let units = declared.values().map(|u| Some(u.name())).collect::<StringArray>();
    RecordBatch::try_new(Arc::new(quantities_schema()), vec![Arc::new(names), Arc::new(units)])
}

/// Declarations back from the rows of `quantities`.
pub(super) fn read_quantities(batches: &[RecordBatch]) -> Result<(Quantities, BTreeMap<Quantity, Unit>), DomainError> {
    let (mut known, mut declared) = (Quantities::standard(), BTreeMap::new());
    for batch in batches {
        for row in 0..batch.num_rows() {
            let unit = Unit::parse(batch["unit"].as_string::<i32>().value(row))?;
            declared.insert(known.declare(batch["name"].as_string::<i32>().value(row), unit)?, unit);
        }
    }
    Ok((known, declared))
}

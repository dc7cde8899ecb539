//! Loads the peers' `scada.parquet` and `market.parquet` into a store, through the same import as a user's file.
//!
//! `cargo run -p benches --example load_scada -- DIRECTORY STORE`: DIRECTORY holds the two files, STORE is a new data directory.
//! Wind rows go to `wind_turbine`, solar rows to `pv_inverter`, prices to the quantity `price` of twenty `wind_plant`s. Prints one
//! JSON line: rows, wall and CPU seconds, bytes on disk.

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema};
use engine::domain::{Asset, AssetId, AssetKind, Readings, Table, Unit};
use engine::store::{Store, StoreOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Rows of one import, about those of a file.
const ROWS: usize = 2_000_000;

/// Their column, our quantity.
const WIND: &[(&str, &str)] =
    &[("power_kw", "active_power"), ("wind_speed", "wind_speed"), ("temp_c", "temp_air"), ("status", "turbine_status")];
const SOLAR: &[(&str, &str)] =
    &[("power_kw", "active_power"), ("irradiance", "poa_global"), ("temp_c", "temp_air"), ("status", "status")];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, root] = arguments.as_slice() else {
        eprintln!("usage: load_scada DIRECTORY STORE");
        return Ok(());
    };
    let (began, cpu) = (Instant::now(), benches::cpu_seconds());
    let store = Store::open(StoreOptions::new(root)).await?;
    store.declare("status", Unit::parse("code")?).await?;
    store.declare("price", Unit::parse("1")?).await?;
    let mut assets = BTreeMap::new();
    let mut rows = 0;
    let mut pending: Vec<RecordBatch> = Vec::new();
    let file = File::open(Path::new(directory).join("scada.parquet"))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(100_000).build()?;
    for batch in reader {
        pending.push(batch?);
        if pending.iter().map(RecordBatch::num_rows).sum::<usize>() >= ROWS {
            rows += import(&store, &std::mem::take(&mut pending), &mut assets).await?;
        }
    }
    rows += import(&store, &pending, &mut assets).await?;
    let file = File::open(Path::new(directory).join("market.parquet"))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(1_000_000).build()?;
    for batch in reader {
        let batch = batch?;
        rows += store.import(readings(AssetKind::WindPlant, &batch, "site", &[("price", "price")])?).await?.inserted;
    }
    store.upsert_assets(assets.into_values().collect()).await?;
    store.compact().await?;
    let bytes: u64 = store.stats().tables.iter().map(|table| table.bytes).sum();
    let files: usize = store.stats().tables.iter().map(|table| table.files).sum();
    let (wall, cpu) = (began.elapsed().as_secs_f64(), benches::cpu_seconds() - cpu);
    println!(
        "{{\"job\":\"load_scada\",\"rows\":{rows},\"wall_s\":{wall:.2},\"cpu_s\":{cpu:.2},\"files\":{files},\"bytes\":{bytes}}}"
    );
    Ok(())
}

/// One commit per kind; notes the assets and their sites.
async fn import(store: &Store, batches: &[RecordBatch], assets: &mut BTreeMap<AssetId, Asset>) -> Result<usize, Box<dyn Error>> {
    let Some(first) = batches.first() else { return Ok(0) };
    let all = arrow::compute::concat_batches(&first.schema(), batches)?;
    let (ids, sites) = (all["asset_id"].as_string::<i32>(), all["site"].as_string::<i32>());
    let mut inserted = 0;
    for (name, kind, columns) in [("wind", AssetKind::WindTurbine, WIND), ("solar", AssetKind::PvInverter, SOLAR)] {
        let mask: BooleanArray = all["kind"].as_string::<i32>().iter().map(|kind| Some(kind == Some(name))).collect();
        for row in (0..all.num_rows()).filter(|&row| mask.value(row)).take(1000) {
            let site = AssetId::parse(sites.value(row))?;
            let mut asset = Asset::new(AssetId::parse(ids.value(row))?, kind);
            asset.parent_id = Some(site.clone());
            assets.insert(asset.id.clone(), asset);
            assets.insert(site.clone(), Asset::new(site, AssetKind::WindPlant));
        }
        let rows = filter_record_batch(&all, &mask)?;
        inserted += store.import(readings(kind, &rows, "asset_id", columns)?).await?.inserted;
    }
    Ok(inserted)
}

fn readings(kind: AssetKind, rows: &RecordBatch, id: &str, columns: &[(&str, &str)]) -> Result<Readings, Box<dyn Error>> {
    let base = Table::Telemetry(kind).base_schema();
    let mut fields: Vec<Field> = base.fields().iter().map(|field| field.as_ref().clone()).collect();
    let ids: StringArray = rows[id].as_string::<i32>().clone();
    let mut arrays: Vec<ArrayRef> = vec![Arc::clone(&rows["time"]), Arc::new(ids), Arc::clone(&rows["time"])];
    for (theirs, ours) in columns {
        let values = cast(&rows[*theirs], &DataType::Float64)?;
        let values: &Float64Array = values.as_primitive();
        fields.push(Field::new(*ours, DataType::Float64, true));
        arrays.push(Arc::new(values.clone()));
    }
    Ok(Readings::new(kind, RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)?)
}

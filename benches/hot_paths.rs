//! The hot paths on data made here: reading a vendor's CSV, writing and asking the store, issuing a forecast, judging a farm.
//!
//! `make bench` times them; `.ci/run` runs each once. Ratios against other programs on the same file are in `peers/`.

use connectors::file::{FileOptions, FileSource};
use connectors::mapping::Mapping;
use criterion::{Criterion, criterion_group, criterion_main};
use datasets::simulate::{FleetOptions, Simulator};
use engine::detect::{Watch, WatchOptions};
use engine::domain::{AssetKind, Frame, FrameBuilder, Quantile, Quantities, Quantity, Readings, Resolution, Timestamp};
use engine::evaluate::{GateRequest, gate};
use engine::features::{Target, TargetKind};
use engine::query::{Session, SessionOptions};
use engine::store::{Store, StoreOptions};
use jiff::SignedDuration;
use std::fmt::Write as _;
use std::time::Duration;

const MAPPING: &str = "name = \"bench\"\nkind = \"wind_turbine\"\nresolution = \"PT10M\"\n[time]\ncolumn = \"time\"\nformat = \"rfc3339\"\n[asset]\ncolumn = \"asset\"\n[[column]]\nname = \"p\"\nquantity = \"active_power\"\nunit = \"kW\"\n[[column]]\nname = \"ws\"\nquantity = \"wind_speed\"\nunit = \"m/s\"\n";

fn read_csv(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("rows.csv");
    let mut text = "time,asset,p,ws\n".to_owned();
    for row in 0..50_000_i64 {
        let time = Timestamp::from_second(1_700_000_000 + row / 4 * 600).expect("a time of this century");
        writeln!(text, "{time},T{},{}.5,7.25", row % 4, row % 2000).expect("a string grows");
    }
    std::fs::write(&path, text).expect("the temporary directory takes a file");
    let mapping = Mapping::parse(MAPPING, "bench", &Quantities::standard()).expect("the mapping is good");
    criterion.bench_function("csv_50k_rows", |bencher| {
        bencher.iter(|| {
            let mut source = FileSource::open(&path, &mapping, &FileOptions::default()).expect("the file is there");
            while !source.read_page().expect("every row is good").done {}
        });
    });
}

/// A small fleet and its telemetry.
fn fleet(days: u32) -> (Simulator, Vec<Readings>) {
    let mut wish = FleetOptions::moroccan(1);
    (wish.turbines, wish.inverters, wish.trackers) = (4, 2, 1);
    wish.end = wish.start + SignedDuration::from_hours(24 * i64::from(days));
    let mut simulator = Simulator::new(wish).expect("the wish is good");
    let end = simulator.options().end;
    let chunk = simulator.next_chunk(end).expect("the fleet runs");
    (simulator, chunk.readings)
}

fn frames(simulator: &Simulator, readings: &[Readings], kind: AssetKind) -> Vec<Frame> {
    let mut builder = FrameBuilder::new(Resolution::from_seconds(600).expect("600 is positive"));
    readings.iter().filter(|batch| batch.kind() == kind).for_each(|batch| builder.push(batch));
    builder.finish(simulator.assets())
}

fn ask_store(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (simulator, readings) = fleet(10);
    let session = runtime.block_on(async {
        let store = Store::open(StoreOptions::new(directory.path())).await.expect("an empty store opens");
        store.upsert_assets(simulator.assets().to_vec()).await.expect("assets are stored");
        for batch in readings {
            store.import(batch).await.expect("telemetry is stored");
        }
        Session::new(store, SessionOptions::default()).expect("a session")
    });
    let hourly = "SELECT asset_id, time_bucket(INTERVAL '1 hour', time) AS hour, avg(active_power) FROM wind_turbine GROUP BY 1, 2";
    criterion.bench_function("sql_hourly_means", |bencher| {
        bencher.iter(|| runtime.block_on(session.sql(hourly)).expect("the statement is good"));
    });
}

fn forecast(criterion: &mut Criterion) {
    let (simulator, readings) = fleet(60);
    let now = simulator.options().end;
    let frame = frames(&simulator, &readings, AssetKind::Region).remove(0);
    let target = Target {
        frame,
        quantity: Quantity::LOAD,
        kind: TargetKind::Load,
        interval_label: engine::domain::IntervalLabel::Beginning,
        weather: engine::domain::WeatherForecasts::default(),
        observations: Vec::new(),
        circumstances: engine::features::Circumstances::default(),
    };
    let request = GateRequest {
        now,
        horizon: SignedDuration::from_hours(24),
        quantiles: Quantile::deciles(),
        every: SignedDuration::from_hours(24),
    };
    let served = gate(&target, &request).expect("sixty days are enough");
    criterion.bench_function("forecast_issue_24h", |bencher| bencher.iter(|| served.issue(&target, now).expect("a forecast")));
}

fn watch(criterion: &mut Criterion) {
    let (simulator, readings) = fleet(60);
    let frames = frames(&simulator, &readings, AssetKind::WindTurbine);
    let until = simulator.options().start + SignedDuration::from_hours(24 * 40);
    let fitted = Watch::fit(&frames, until, &WatchOptions::default()).expect("forty days are enough");
    criterion.bench_function("watch_scan_4_turbines_60_days", |bencher| bencher.iter(|| fitted.scan(&frames, until)));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
    targets = read_csv, ask_store, forecast, watch
}
criterion_main!(benches);

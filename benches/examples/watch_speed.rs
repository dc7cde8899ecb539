//! What watching very many turbines costs: learning and judging a farm with the watch, and one ten-minute tick of every asset with carried state.
//!
//! `watch_speed [FARMS] [TURBINES] [DAYS]`: simulated farms, DAYS of ten-minute rows each, two thirds to learn from. One JSON line per job, one thread. `scan` is
//! what a cycle costs that goes over the whole history; `tick` is what one costs that carries its state. Figures for 10,000 turbines are stated for two
//! cores beside the number really run.

use engine::detect::{
    Column, FittedSubspace, Role, RowVerdict, Scratch, Subspace, SubspaceOptions, SubspaceState, Watch, WatchOptions,
};
use engine::domain::{Asset, AssetId, AssetKind, Frame, Quantity, Resolution, Timestamp};
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

/// Assets the figures are stated for.
const FLEET: f64 = 10_000.0;
/// Cores they are stated for.
const CORES: f64 = 2.0;
/// Rows a day.
const DAY: usize = 144;
/// Ticks that are timed, one after another.
const TICKS: usize = 6;

/// One asset's carried watch.
struct Carried {
    fitted: FittedSubspace,
    state: SubspaceState,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse::<usize>());
    let (farms, turbines, days) = (number(2)?, number(50)?, number(120)?);
    let rows = days * DAY;
    let learnt = rows * 2 / 3;
    let mut watch = Spent::default();
    let mut scan = Spent::default();
    let mut fit = Spent::default();
    let mut carried = Vec::new();
    let mut incidents = 0;
    for farm in 0..farms {
        let frames = simulated(farm, turbines, rows)?;
        let until = frames[0].time(learnt);
        let fitted = watch.time(|| Watch::fit(&frames, until, &WatchOptions::default()))?;
        incidents += scan.time(|| fitted.scan(&frames, until)).incidents.len();
        let judged = rows - TICKS;
        for frame in &frames {
            let columns = columns(frame, 0..rows);
            let learn: Vec<bool> = (0..rows).map(|i| i < learnt).collect();
            let options = SubspaceOptions::default();
            let fitted = fit.time(|| Subspace::fit(&columns, &learn, 1.0 / 6.0, &options))?;
            let mut state = fitted.begin();
            let mut out = vec![RowVerdict::default(); judged];
            fitted.advance(&mut state, &mut Scratch::default(), &columns, 0..judged, &vec![true; judged], &mut out)?;
            carried.push((Carried { fitted, state }, columns_owned(frame, judged..rows)));
        }
    }
    let assets = farms * turbines;
    // As many assets as the fleet has, each with its own model and state: those of the farms again and again.
    let copies = (FLEET as usize).div_ceil(assets);
    let mut fleet: Vec<(Carried, usize)> = Vec::with_capacity(copies * assets);
    for _ in 0..copies {
        for (source, (one, _)) in carried.iter().enumerate() {
            fleet.push((Carried { fitted: one.fitted.clone(), state: one.state.clone() }, source));
        }
    }
    fleet.truncate(FLEET as usize);
    let mut tick = Spent::default();
    let mut flagged = 0;
    for step in 0..TICKS {
        flagged += tick.time(|| round(&mut fleet, &carried, step))?;
    }
    let per_core = |seconds: f64, of: f64| seconds / of * FLEET / CORES;
    let common = serde_json::json!({ "job": "watch", "peer": "chergui", "farms": farms, "turbines": turbines, "days": days });
    let print = |part: &str, spent: &Spent, n: f64, fleet_s: f64, more: serde_json::Value| {
        println!(
            "{}",
            serde_json::json!({ "of": &common, "part": part, "wall_s": spent.wall, "cpu_s": spent.cpu, "assets_per_cpu_s": n / spent.cpu,
                "fleet_on_two_cores_s": fleet_s, "more": more })
        );
    };
    let n = assets as f64;
    print("watch_fit", &watch, n, per_core(watch.cpu, n), serde_json::json!({ "rows_per_cpu_s": n * learnt as f64 / watch.cpu }));
    let more = serde_json::json!({ "rows_per_cpu_s": n * rows as f64 / scan.cpu, "incidents": incidents });
    print("watch_scan_of_all_rows", &scan, n, per_core(scan.cpu, n), more);
    print("subspace_fit", &fit, n, per_core(fit.cpu, n), serde_json::json!({ "rows_per_cpu_s": n * learnt as f64 / fit.cpu }));
    let (one, count) = (tick.cpu / TICKS as f64, fleet.len() as f64);
    let more =
        serde_json::json!({ "ticks": TICKS, "fleet": fleet.len(), "flagged": flagged, "micros_per_asset": one / count * 1e6 });
    print("subspace_tick", &Spent { wall: tick.wall / TICKS as f64, cpu: one }, count, per_core(one, count), more);
    Ok(())
}

/// One new row for every asset.
fn round(fleet: &mut [(Carried, usize)], carried: &[(Carried, Rows)], step: usize) -> Result<usize, Box<dyn Error>> {
    let mut scratch = Scratch::default();
    let mut flagged = 0;
    for (one, source) in fleet {
        let rows = &carried[*source].1;
        let columns: Vec<Column<'_>> =
            rows.iter().map(|(name, role, values)| Column { name, role: *role, values: &values[step..=step] }).collect();
        let mut out = [RowVerdict::default()];
        one.fitted.advance(&mut one.state, &mut scratch, &columns, 0..1, &[true], &mut out)?;
        flagged += usize::from(out[0].anomaly);
    }
    Ok(flagged)
}

/// Time spent on one kind of work.
#[derive(Default)]
struct Spent {
    wall: f64,
    cpu: f64,
}

impl Spent {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (began, cpu) = (Instant::now(), benches::cpu_seconds());
        let result = work();
        self.wall += began.elapsed().as_secs_f64();
        self.cpu += benches::cpu_seconds() - cpu;
        result
    }
}

/// Columns with their names, roles and values.
type Rows = Vec<(&'static str, Role, Vec<f64>)>;

const ROLES: [(Quantity, &str, Role); 7] = [
    (Quantity::WIND_SPEED, "wind_speed", Role::Wind),
    (Quantity::ACTIVE_POWER, "active_power", Role::Power),
    (Quantity::TEMP_AIR, "temp_air", Role::Ambient),
    (Quantity::NACELLE_DIRECTION, "nacelle_direction", Role::Angle),
    (Quantity::BLADE_PITCH_ANGLE, "blade_pitch_angle", Role::Angle),
    (Quantity::GEARBOX_BEARING_TEMP, "gearbox_bearing_temp", Role::Part),
    (Quantity::GENERATOR_WINDING_TEMP, "generator_winding_temp", Role::Part),
];

fn columns(frame: &Frame, rows: std::ops::Range<usize>) -> Vec<Column<'_>> {
    let one = |(quantity, name, role): &(Quantity, &'static str, Role)| {
        Some(Column { name, role: *role, values: &frame.column(quantity)?[rows.clone()] })
    };
    ROLES.iter().filter_map(one).collect()
}

fn columns_owned(frame: &Frame, rows: std::ops::Range<usize>) -> Rows {
    ROLES.iter().filter_map(|(quantity, name, role)| Some((*name, *role, frame.column(quantity)?[rows.clone()].to_vec()))).collect()
}

/// Turbines of one farm in one wind, each with its own gusts and temper.
fn simulated(farm: usize, turbines: usize, rows: usize) -> Result<Vec<Frame>, Box<dyn Error>> {
    let start: Timestamp = "2025-01-01T00:00:00Z".parse()?;
    let mut seed = 1 + farm as u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
    };
    let mut wind = vec![0.0_f64; rows];
    let mut level = 0.0;
    for (i, value) in wind.iter_mut().enumerate() {
        level = 0.99 * level + 0.3 * next();
        *value = (8.0 + 2.0 * (i as f64 / 900.0).sin() + level).max(0.0);
    }
    let mut frames = Vec::with_capacity(turbines);
    for turbine in 0..turbines {
        let mut asset = Asset::new(AssetId::parse(&format!("F{farm:03}T{turbine:02}"))?, AssetKind::WindTurbine);
        asset.parent_id = Some(AssetId::parse(&format!("F{farm:03}"))?);
        asset.capacity_kw = Some(2000.0);
        let temper = next();
        let mut values: Vec<Vec<f64>> = vec![Vec::with_capacity(rows); ROLES.len() + 1];
        let (mut bearing, mut winding) = (30.0, 30.0);
        for (i, wind) in wind.iter().enumerate() {
            let speed = (wind + 0.5 * next()).max(0.0);
            let power = 2000.0 * ((speed - 3.0) / 9.0).clamp(0.0, 1.0).powi(2) * (1.0 + 0.02 * temper) + 15.0 * next();
            let air = 12.0 + 8.0 * (i as f64 / 8000.0).sin() + 4.0 * (i as f64 / 144.0 * std::f64::consts::TAU).sin();
            let load = power.max(0.0) / 2000.0;
            bearing += 0.1 * (25.0 + 0.6 * air + 25.0 * load * load - bearing);
            winding += 0.2 * (25.0 + 0.5 * air + 45.0 * load - winding);
            let row = [
                speed,
                power,
                air,
                (i as f64 * 0.3 + 5.0 * next()).rem_euclid(360.0),
                if speed > 12.0 { 2.0 * (speed - 12.0) } else { -1.0 } + 0.1 * next(),
                bearing + 0.4 * next(),
                winding + 0.5 * next(),
                if speed < 3.0 { 2.0 } else { 0.0 },
            ];
            for (column, value) in values.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let names = ROLES.iter().map(|(quantity, ..)| quantity.clone()).chain([Quantity::TURBINE_STATUS]);
        let columns: BTreeMap<Quantity, Vec<f64>> = names.zip(values).collect();
        frames.push(Frame::new(asset, start, Resolution::parse("PT10M")?, vec![0; rows], columns));
    }
    Ok(frames)
}

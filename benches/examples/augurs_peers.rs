//! What augurs' outlier and changepoint detectors find of faults and shifts, beside what the watch and the quality checks find.
//!
//! `augurs_peers [DATASET LABELS]` (feature `peers`). Peers: a fleet made here with faults written into its last third, or a dataset
//! directory with `labels.csv` (asset_id, component, mode, onset, end), its last half judged. MAD and DBSCAN get means of 1 to 72 hours as they are,
//! beside the middle of the fleet, and beside what a machine usually stands from there; stopped and held rows are left out, twelve outlying
//! hours more than quiet ones are an alarm. Of all those, and of eleven sensitivities, the one that scores best on the truth is
//! printed: the watch gets no such help. Shifts: daily values of three years, half of them with one step; BOCPD and ArgpCP get them as
//! they are and with the season taken out, and are chosen the same way. A change within seven days of the truth is found.

use augurs::changepoint::{DefaultArgpcpDetector, Detector, NormalGammaDetector, dist::NormalGamma};
use augurs::outlier::{DbscanDetector, MADDetector, OutlierDetector, OutlierOutput};
use benches::cpu_seconds;
use datasets::directory::{DatasetDirectory, Filter};
use engine::detect::{Reason, Watch, WatchOptions, history_flags};
use engine::domain::{Asset, AssetId, AssetKind, Frame, Quantity, Resolution, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;

type Failure = Box<dyn std::error::Error>;

/// Quantities that peers are compared by, and the faults that show in them.
const GROUPS: [(Quantity, &[&str]); 3] = [
    (Quantity::ACTIVE_POWER, &["pitch_offset", "yaw_misalignment", "icing", "power_derate"]),
    (Quantity::GEARBOX_BEARING_TEMP, &["bearing_overheat"]),
    (Quantity::GENERATOR_WINDING_TEMP, &["winding_overheat"]),
];
const SENSITIVITIES: [f64; 11] = [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/// Hours of the means.
const WINDOWS: [usize; 4] = [1, 6, 24, 72];
const VIEWS: [&str; 3] = ["as it is", "beside the middle", "beside the middle and the usual"];
/// Outlying hours more than quiet ones that raise an alarm, as the watch counts.
const ALARM: usize = 12;
const RATED: f64 = 2000.0;

/// A labelled fault, hours since the fleet began.
struct Fault {
    asset: usize,
    mode: String,
    hours: std::ops::Range<usize>,
}

struct Fleet {
    frames: Vec<Frame>,
    faults: Vec<Fault>,
    until: Timestamp,
}

/// What a detector found.
#[derive(Clone, Default)]
struct Score {
    what: String,
    found: usize,
    of: usize,
    wrong: usize,
    cpu: f64,
    days: f64,
}

impl Score {
    fn f1(&self) -> f64 {
        2.0 * self.found as f64 / (self.found + self.wrong + self.of).max(1) as f64
    }

    fn print(&self, about: &str) {
        let precision = self.found as f64 / (self.found + self.wrong).max(1) as f64;
        let (found, of, wrong, recall) = (self.found, self.of, self.wrong, self.found as f64 / self.of.max(1) as f64);
        let days = if self.days > 0.0 { format!(", {:.1} days off", self.days) } else { String::new() };
        println!(
            "{about}: {}: {found} of {of} found, {wrong} false, precision {precision:.2}, recall {recall:.2}, F1 {:.2}{days}, {:.3} CPU s",
            self.what,
            self.f1(),
            self.cpu
        );
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let fleet = match arguments.as_slice() {
        [dataset, labels] => read(Path::new(dataset), Path::new(labels))?,
        [] => simulated(16, 300)?,
        _ => return Err("augurs_peers [DATASET LABELS]".into()),
    };
    peers(&fleet)?;
    if arguments.is_empty() {
        shifts()?;
    }
    Ok(())
}

fn peers(fleet: &Fleet) -> Result<(), Failure> {
    let began = cpu_seconds();
    let watch = Watch::fit(&fleet.frames, fleet.until, &WatchOptions::default())?;
    let incidents = watch.scan(&fleet.frames, fleet.until).incidents;
    let spent = cpu_seconds() - began;
    let hour = |time: Timestamp| (time.duration_since(fleet.frames[0].start).as_secs_f64() / 3600.0) as usize;
    for (quantity, modes) in &GROUPS {
        let place = |id: &AssetId| fleet.frames.iter().position(|frame| frame.asset.id == *id);
        let mine = incidents.iter().filter(|one| modes.contains(&one.mode.as_str()));
        let alarms: Vec<(usize, usize)> = mine.filter_map(|one| Some((place(&one.asset_id)?, hour(one.opened_at)))).collect();
        judge("watch (all signals)".into(), &alarms, fleet, modes, spent).print(quantity.name());
        let (mut mad, mut dbscan) = (Score::default(), Score::default());
        for (view, name) in VIEWS.iter().enumerate() {
            for hours in WINDOWS {
                let series = series(fleet, quantity, view, hours, hour(fleet.until));
                let rows: Vec<&[f64]> = series.iter().map(|one| &one[hour(fleet.until)..]).collect();
                for sensitivity in SENSITIVITIES {
                    let trial = |kind: &str, best: &mut Score, work: &dyn Fn() -> Option<OutlierOutput>| {
                        let began = cpu_seconds();
                        let Some(out) = work() else { return };
                        let cpu = cpu_seconds() - began;
                        let what = format!("{kind}, {name}, {hours} h, sensitivity {sensitivity}");
                        let score = judge(what, &alarms_of(&out, &rows, hour(fleet.until)), fleet, modes, cpu);
                        if best.what.is_empty() || score.f1() > best.f1() {
                            *best = score;
                        }
                    };
                    trial("augurs MAD", &mut mad, &|| run(&MADDetector::with_sensitivity(sensitivity).ok()?, &rows));
                    trial("augurs DBSCAN", &mut dbscan, &|| run(&DbscanDetector::with_sensitivity(sensitivity).ok()?, &rows));
                }
            }
        }
        mad.print(quantity.name());
        dbscan.print(quantity.name());
    }
    Ok(())
}

fn run<D: OutlierDetector>(detector: &D, rows: &[&[f64]]) -> Option<OutlierOutput> {
    detector.detect(&detector.preprocess(rows).ok()?).ok()
}

/// Alarms of each asset: up by one on an outlying hour, down on a quiet one, raised at [`ALARM`], over at nought.
fn alarms_of(out: &OutlierOutput, rows: &[&[f64]], first: usize) -> Vec<(usize, usize)> {
    let mut alarms = Vec::new();
    for (asset, series) in out.series_results.iter().enumerate() {
        let mut outlying = vec![false; rows[asset].len()];
        for interval in &series.outlier_intervals.intervals {
            outlying[interval.start..interval.end.unwrap_or(rows[asset].len())].fill(true);
        }
        let (mut count, mut open) = (0, false);
        for (hour, odd) in outlying.into_iter().enumerate().filter(|(hour, _)| rows[asset][*hour].is_finite()) {
            count = if odd { (count + 1).min(2 * ALARM) } else { usize::saturating_sub(count, 1) };
            if !open && count >= ALARM {
                alarms.push((asset, first + hour));
                open = true;
            }
            open &= count > 0;
        }
    }
    alarms
}

/// An alarm in a fault of the group finds it; one in another fault of the asset, or within a day of its end, is neither right nor false.
fn judge(what: String, alarms: &[(usize, usize)], fleet: &Fleet, modes: &[&str], cpu: f64) -> Score {
    let within = |fault: &Fault, (asset, hour): (usize, usize), after: usize| {
        fault.asset == asset && (fault.hours.start..fault.hours.end + after).contains(&hour)
    };
    let ours: Vec<&Fault> = fleet.faults.iter().filter(|fault| modes.contains(&fault.mode.as_str())).collect();
    let found = ours.iter().filter(|fault| alarms.iter().any(|alarm| within(fault, *alarm, 0))).count();
    let wrong = alarms.iter().filter(|alarm| !fleet.faults.iter().any(|fault| within(fault, **alarm, 24))).count();
    Score { what, found, of: ours.len(), wrong, cpu, days: 0.0 }
}

/// Hourly rows of trailing means by asset, in one of the [`VIEWS`]; `learnt` hours say what is usual.
fn series(fleet: &Fleet, quantity: &Quantity, view: usize, hours: usize, learnt: usize) -> Vec<Vec<f64>> {
    let mut out: Vec<Vec<f64>> = fleet.frames.iter().map(|frame| trailing(frame, quantity, hours)).collect();
    if view > 0 {
        for hour in 0..out[0].len() {
            let middle = median(out.iter().map(|one| one[hour]).collect());
            out.iter_mut().for_each(|one| one[hour] -= middle);
        }
    }
    if view > 1 {
        for one in &mut out {
            let usual = median(one[..learnt].to_vec());
            one.iter_mut().for_each(|value| *value -= usual);
        }
    }
    out
}

fn trailing(frame: &Frame, quantity: &Quantity, hours: usize) -> Vec<f64> {
    let per_hour = (3600 / frame.resolution.seconds()) as usize;
    let none = vec![f64::NAN; frame.len];
    let column = |quantity| frame.column(quantity).unwrap_or(&none);
    let (values, status, limit) = (column(quantity), column(&Quantity::TURBINE_STATUS), column(&Quantity::ACTIVE_POWER_LIMIT));
    let free = limit.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let held = |i: usize| status[i] >= 0.5 || limit[i] < 0.995 * free;
    let usable = |i: &usize| values[*i].is_finite() && !held(*i);
    let one = |hour: usize| {
        let rows = (hour + 1).saturating_sub(hours) * per_hour..(hour + 1) * per_hour;
        let known: Vec<f64> = rows.filter(usable).map(|i| values[i]).collect();
        if 2 * known.len() < hours * per_hour { f64::NAN } else { known.iter().sum::<f64>() / known.len() as f64 }
    };
    (0..frame.len / per_hour).map(one).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.retain(|v| v.is_finite());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn read(dataset: &Path, labels: &Path) -> Result<Fleet, Failure> {
    let filter = Filter { assets: Vec::new(), quantities: Vec::new(), weather: false };
    let frames = DatasetDirectory::open(dataset)?.load(&filter)?.frames;
    let first = frames.first().ok_or("the dataset has no rows")?;
    let until = first.time(first.len / 2);
    let mut faults = Vec::new();
    for line in std::fs::read_to_string(labels)?.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [asset, _, mode, onset, end, ..] = cells.as_slice() else { return Err(format!("not a label: {line}").into()) };
        let hour = |text: &str| -> Result<usize, Failure> {
            Ok((text.parse::<Timestamp>()?.duration_since(first.start).as_secs_f64() / 3600.0) as usize)
        };
        let asset = frames.iter().position(|f| f.asset.id.as_str() == *asset).ok_or_else(|| format!("no frame of {asset}"))?;
        faults.push(Fault { asset, mode: (*mode).into(), hours: hour(onset)?..hour(end)? });
    }
    Ok(Fleet { frames, faults, until })
}

/// Turbines in one wind, each sited a little differently; in the last third every one has a fault of eight days, one has none.
fn simulated(turbines: usize, days: usize) -> Result<Fleet, Failure> {
    let start: Timestamp = "2025-01-01T00:00:00Z".parse()?;
    let (rows, mut next) = (days * 144, chance(11));
    let mut level = 0.0;
    let mut direction = 200.0;
    let weather: Vec<(f64, f64)> = (0..rows)
        .map(|i| {
            level = 0.995 * level + 0.25 * next();
            direction += 3.0 * next();
            ((8.0 + 2.0 * (i as f64 / 900.0).sin() + level).max(0.0), f64::rem_euclid(direction, 360.0))
        })
        .collect();
    let (mut frames, mut faults) = (Vec::new(), Vec::new());
    let kinds = ["pitch_offset", "power_derate", "bearing_overheat", "pitch_offset", "winding_overheat"];
    for turbine in 0..turbines {
        let mut asset = Asset::new(AssetId::parse(&format!("T{turbine:02}"))?, AssetKind::WindTurbine);
        (asset.parent_id, asset.capacity_kw) = (Some(AssetId::parse("farm")?), Some(RATED));
        let kind = kinds[turbine % kinds.len()];
        let begin = days * 2 / 3 + 5 + (turbine * 37) % (days / 3 - 15);
        let ill = if turbine > 0 { begin * 144..(begin + 8) * 144 } else { 0..0 };
        if !ill.is_empty() {
            faults.push(Fault { asset: turbine, mode: kind.into(), hours: begin * 24..(begin + 8) * 24 });
        }
        let (siting, faces, strength) = (1.0 + 0.08 * next(), 180.0 * next(), 0.06 * (1.0 + next()));
        let quantities = [
            Quantity::WIND_SPEED,
            Quantity::ACTIVE_POWER,
            Quantity::TEMP_AIR,
            Quantity::NACELLE_DIRECTION,
            GROUPS[1].0.clone(),
            GROUPS[2].0.clone(),
        ];
        let mut columns: Vec<Vec<f64>> = vec![Vec::with_capacity(rows); quantities.len()];
        let (mut gust, mut bearing, mut winding) = (0.0, 30.0, 30.0);
        for (i, (wind, direction)) in weather.iter().enumerate() {
            gust = 0.95 * gust + 0.25 * next();
            let lee = 1.0 - strength * (1.0 + (direction - faces).to_radians().cos());
            let speed = (wind * siting * lee + gust).max(0.0);
            let free = RATED * ((speed - 3.0) / 9.0).clamp(0.0, 1.0).powi(2);
            let (told, done) = (ill.contains(&i), (i - ill.start.min(i)) as f64 / ill.len().max(1) as f64);
            let power = match kind {
                "pitch_offset" if told => 0.9 * free,
                "power_derate" if told => free.min(0.35 * RATED),
                _ => free,
            };
            let air = 12.0 + 8.0 * (i as f64 / 8000.0).sin() + 4.0 * (i as f64 / 144.0 * std::f64::consts::TAU).sin();
            let load = power / RATED;
            bearing += 0.1 * (25.0 + 0.6 * air + 25.0 * load * load - bearing);
            winding += 0.2 * (25.0 + 0.5 * air + 45.0 * load - winding);
            let heat = |mode: &str, top: f64| if told && kind == mode { top * done * load.sqrt() } else { 0.0 };
            let hot = (bearing + heat("bearing_overheat", 14.0), winding + heat("winding_overheat", 16.0));
            let row = [
                (speed + 0.3 * next()).max(0.0),
                power + 20.0 * next(),
                air,
                (direction + 3.0 * next()).rem_euclid(360.0),
                hot.0 + 0.5 * next(),
                hot.1 + 0.6 * next(),
            ];
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        let columns: BTreeMap<Quantity, Vec<f64>> = quantities.into_iter().zip(columns).collect();
        frames.push(Frame::new(asset, start, Resolution::parse("PT10M")?, vec![0; rows], columns));
    }
    let until = frames[0].time(days * 2 / 3 * 144);
    Ok(Fleet { frames, faults, until })
}

/// Chance in [-1, 1), the same for the same seed.
fn chance(mut seed: u64) -> impl FnMut() -> f64 {
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
    }
}

const DAYS: usize = 1096;
const SERIES: usize = 40;

/// Daily values with a season, weeks, and weather that lasts; every second one has a step of 15 to 50 per cent.
fn stepped(number: usize) -> (Vec<f64>, Option<usize>) {
    let mut next = chance(100 + number as u64);
    let at = 60 + ((DAYS - 120) as f64 * (0.5 + 0.5 * next())) as usize;
    let size = 1.0 + (0.325 + 0.175 * next()) * if next() > 0.0 { 1.0 } else { -1.0 };
    let mut weather = 0.0;
    let day = |d: usize| {
        weather = 0.7 * weather + 0.7 * next();
        let season = (std::f64::consts::TAU * d as f64 / 365.2425).cos();
        let plain = 100.0 - 30.0 * season + 8.0 * weather - if d % 7 < 2 { 8.0 } else { 0.0 };
        if number.is_multiple_of(2) && d >= at { plain * size } else { plain }
    };
    ((0..DAYS).map(day).collect(), (number.is_multiple_of(2)).then_some(at))
}

fn shifts() -> Result<(), Failure> {
    let truth: Vec<(Vec<f64>, Option<usize>)> = (0..SERIES).map(stepped).collect();
    let ours = |values: &[f64]| -> Result<Vec<usize>, Failure> {
        let asset = Asset::new(AssetId::parse("M1")?, AssetKind::Meter);
        let hours: Vec<f64> =
            (0..values.len() * 24).map(|h| values[h / 24] * (1.0 + 0.1 * ((h % 24) as f64 - 11.5) / 11.5)).collect();
        let columns = BTreeMap::from([(Quantity::LOAD, hours)]);
        let start = "2022-01-01T00:00:00Z".parse()?;
        let frame = Frame::new(asset, start, Resolution::parse("PT1H")?, vec![0; values.len() * 24], columns);
        let shifts = history_flags(&frame).into_iter().filter(|flag| flag.reason == Reason::Shift);
        Ok(shifts.map(|flag| (flag.time.duration_since(start).as_secs_f64() / 86_400.0).round() as usize).collect())
    };
    compare("level shifts", &truth, &ours)?.print("shifts");
    let mut best = [Score::default(), Score::default()];
    for plain in [false, true] {
        let view = if plain { "season taken out" } else { "as it is" };
        for hazard in [100.0, 250.0, 10_000.0, 1e6] {
            let bocpd = |values: &[f64]| {
                let mut detector = NormalGammaDetector::normal_gamma(hazard, NormalGamma::new_unchecked(0.0, 1.0, 1.0, 1.0));
                Ok(detector.detect_changepoints(&standard(values, plain)))
            };
            keep(&mut best[0], compare(&format!("augurs BOCPD (normal-gamma), {view}, hazard {hazard}"), &truth, &bocpd)?);
        }
        let argpcp = |values: &[f64]| Ok(DefaultArgpcpDetector::default().detect_changepoints(&standard(values, plain)));
        keep(&mut best[1], compare(&format!("augurs ArgpCP, {view}"), &truth, &argpcp)?);
    }
    best.iter().for_each(|score| score.print("shifts"));
    Ok(())
}

fn keep(best: &mut Score, now: Score) {
    if best.what.is_empty() || now.f1() > best.f1() {
        *best = now;
    }
}

type Finder<'a> = &'a dyn Fn(&[f64]) -> Result<Vec<usize>, Failure>;

fn compare(what: &str, truth: &[(Vec<f64>, Option<usize>)], find: Finder<'_>) -> Result<Score, Failure> {
    let mut score = Score { what: what.into(), ..Score::default() };
    let began = cpu_seconds();
    for (values, at) in truth {
        // The first value is no change, though some call it one.
        let found: Vec<usize> = find(values)?.into_iter().filter(|day| *day > 7).collect();
        let near = at.and_then(|at| found.iter().map(|day| day.abs_diff(at)).filter(|off| *off <= 7).min());
        score.of += usize::from(at.is_some());
        score.found += usize::from(near.is_some());
        score.days += near.unwrap_or(0) as f64;
        score.wrong += found.iter().filter(|day| at.is_none_or(|at| day.abs_diff(at) > 7)).count();
    }
    score.cpu = cpu_seconds() - began;
    score.days /= score.found.max(1) as f64;
    Ok(score)
}

/// Mean nought, variance one; `plain` without the harmonics of the year and the weekdays, which three whole years tell well enough.
fn standard(values: &[f64], plain: bool) -> Vec<f64> {
    let mut out = values.to_vec();
    let n = out.len() as f64;
    let mean = out.iter().sum::<f64>() / n;
    out.iter_mut().for_each(|v| *v -= mean);
    if plain {
        for k in [1.0, 2.0] {
            for phase in [0.0, std::f64::consts::FRAC_PI_2] {
                let wave = |d: usize| (k * std::f64::consts::TAU * d as f64 / 365.2425 + phase).cos();
                let share = out.iter().enumerate().map(|(d, v)| v * wave(d)).sum::<f64>() * 2.0 / n;
                out.iter_mut().enumerate().for_each(|(d, v)| *v -= share * wave(d));
            }
        }
        for weekday in 0..7 {
            let those: Vec<f64> = out.iter().skip(weekday).step_by(7).copied().collect();
            let usual = those.iter().sum::<f64>() / those.len() as f64;
            out.iter_mut().skip(weekday).step_by(7).for_each(|v| *v -= usual);
        }
    }
    let spread = (out.iter().map(|v| v * v).sum::<f64>() / n).sqrt();
    out.into_iter().map(|v| v / spread).collect()
}

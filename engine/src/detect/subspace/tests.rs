//! A machine with an operating point, two thermal bodies and a spare sensor: planted faults are found and named, habits are not.

use super::{Column, Role, RowVerdict, Scratch, Subspace, SubspaceError, SubspaceOptions};

const ROWS: usize = 12_000;
const TRAIN: usize = 8_000;

struct Machine {
    wind: Vec<f64>,
    power: Vec<f64>,
    air: Vec<f64>,
    bearing: Vec<f64>,
    winding: [Vec<f64>; 2],
    counts: Vec<bool>,
}

/// Uniform noise from a seed, -1 to 1.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 30) as f64 - 1.0
    }
}

fn machine() -> Machine {
    let mut next = noise(11);
    let (mut gust, mut heat, mut slow) = (0.0, 40.0, 0.0);
    let mut m = Machine {
        wind: Vec::new(),
        power: Vec::new(),
        air: Vec::new(),
        bearing: Vec::new(),
        winding: [Vec::new(), Vec::new()],
        counts: vec![true; ROWS],
    };
    for i in 0..ROWS {
        let day = i as f64 / 144.0 * std::f64::consts::TAU;
        gust = 0.97 * gust + 0.6 * next();
        slow = 0.995 * slow + 0.05 * next();
        let wind = (8.0 + 3.0 * (day / 5.3).sin() + gust).max(0.0);
        let power = (2000.0 * ((wind - 3.0) / 9.0).clamp(0.0, 1.0).powi(2) + 20.0 * next()).max(-5.0);
        let air = 12.0 + 8.0 * (day / 60.0).sin() + 4.0 * day.sin();
        heat += 0.12 * (20.0 + 0.7 * air + 25.0 * (power / 2000.0).powi(2) - heat);
        m.wind.push(wind);
        m.power.push(power);
        m.air.push(air);
        m.bearing.push(heat + 0.4 * next() + slow);
        let load = power.max(0.0) / 2000.0;
        for winding in &mut m.winding {
            winding.push(30.0 + 0.5 * air + 40.0 * load + 0.5 * next() + 2.0 * slow);
        }
    }
    m
}

impl Machine {
    fn columns(&self) -> Vec<Column<'_>> {
        let column = |name, role, values| Column { name, role, values };
        vec![
            column("wind_speed_3_avg", Role::Wind, &self.wind[..]),
            column("power_30_avg", Role::Power, &self.power),
            column("sensor_0_avg", Role::Ambient, &self.air),
            column("sensor_11_avg", Role::Part, &self.bearing),
            column("sensor_15_avg", Role::Part, &self.winding[0]),
            column("sensor_16_avg", Role::Part, &self.winding[1]),
        ]
    }

    fn fitted(&self) -> super::FittedSubspace {
        let learn: Vec<bool> = (0..ROWS).map(|i| i < TRAIN && self.counts[i]).collect();
        Subspace::fit(&self.columns(), &learn, 1.0 / 6.0, &SubspaceOptions::default()).unwrap()
    }

    fn score(&self, fitted: &super::FittedSubspace) -> Vec<RowVerdict> {
        fitted.score(&self.columns(), &self.counts).unwrap()
    }
}

#[test]
fn a_healthy_machine_is_left_alone_and_a_warm_bearing_is_found_and_named() {
    let mut machine = machine();
    let fitted = machine.fitted();
    assert_eq!(fitted.watched().collect::<Vec<_>>(), ["power_30_avg", "sensor_11_avg", "sensor_15_avg", "sensor_16_avg"]);
    let quiet = machine.score(&fitted).iter().filter(|v| v.anomaly).count();
    assert!(quiet < ROWS / 100, "{quiet} rows of a healthy machine");
    let fault = 9_000..10_500;
    for i in fault.clone() {
        machine.bearing[i] += 4.0 * (machine.power[i].max(0.0) / 2000.0).sqrt();
    }
    let verdicts = machine.score(&fitted);
    let found = verdicts[fault.clone()].iter().filter(|v| v.anomaly).count();
    assert!(found > fault.len() / 2, "{found} of {}", fault.len());
    assert!(verdicts[ROWS - 300..].iter().all(|v| !v.anomaly), "it is well again");
    let mut state = fitted.begin();
    let mut out = vec![RowVerdict::default(); ROWS];
    fitted.advance(&mut state, &mut Scratch::default(), &machine.columns(), 0..fault.end, &machine.counts, &mut out).unwrap();
    let evidence = fitted.evidence(&state, 2);
    let first = &evidence[0];
    assert_eq!(first.quantity.name(), "sensor_11_avg");
    assert!(first.observed.unwrap() > first.expected.unwrap() + 1.0 && first.share > 0.5, "{evidence:?}");
}

#[test]
fn a_broken_relation_is_found_where_each_sensor_alone_is_usual() {
    let mut machine = machine();
    let fitted = machine.fitted();
    // Both windings wander together by about a degree; one of them alone does not.
    for value in &mut machine.winding[0][9_000..10_500] {
        *value += 2.0;
    }
    let verdicts = machine.score(&fitted);
    let found = verdicts[9_000..10_500].iter().filter(|v| v.anomaly).count();
    assert!(found > 700, "{found}");
}

#[test]
fn the_past_does_not_change_and_ticks_equal_a_scan() {
    let mut machine = machine();
    let fitted = machine.fitted();
    for value in &mut machine.bearing[9_000..9_400] {
        *value += 6.0;
    }
    let whole = machine.score(&fitted);
    let cut = 9_317;
    let short: Vec<Column<'_>> = machine.columns().iter().map(|c| Column { values: &c.values[..cut], ..*c }).collect();
    assert_eq!(fitted.score(&short, &machine.counts[..cut]).unwrap(), whole[..cut]);
    let mut state = fitted.begin();
    let mut out = vec![RowVerdict::default(); cut];
    fitted.advance(&mut state, &mut Scratch::default(), &machine.columns(), 0..cut, &machine.counts, &mut out).unwrap();
    // From here on every row is its own call on a frame of one row, as a live watch makes it.
    for (i, verdict) in whole.iter().enumerate().skip(cut).take(300) {
        let tick: Vec<Column<'_>> = machine.columns().iter().map(|c| Column { values: &c.values[i..=i], ..*c }).collect();
        let mut one = [RowVerdict::default()];
        fitted.advance(&mut state, &mut Scratch::default(), &tick, 0..1, &[machine.counts[i]], &mut one).unwrap();
        assert_eq!(one[0], *verdict, "row {i}");
    }
    assert_eq!(machine.fitted(), fitted, "same input, same model");
}

#[test]
fn stops_gaps_and_idle_rows_tell_nothing() {
    let mut machine = machine();
    let fitted = machine.fitted();
    for i in 9_000..9_300 {
        machine.counts[i] = false;
        machine.bearing[i] = 120.0;
    }
    for column in [&mut machine.winding[0], &mut machine.bearing] {
        column[9_500..9_800].fill(f64::NAN);
    }
    let verdicts = machine.score(&fitted);
    assert!(verdicts[9_000..9_300].iter().all(|v| !v.anomaly), "a service stop is judged by nobody");
    assert!(verdicts[9_500..9_800].iter().all(|v| !v.anomaly && v.score.is_finite()), "silence is no fault");
}

#[test]
fn refuses_what_it_cannot_learn_or_does_not_know() {
    let machine = machine();
    let options = SubspaceOptions::default();
    let short: Vec<bool> = (0..ROWS).map(|i| i < 200).collect();
    let error = Subspace::fit(&machine.columns(), &short, 1.0 / 6.0, &options).unwrap_err();
    assert!(matches!(error, SubspaceError::TooShort { .. }), "{error}");
    let flat = vec![7.0; ROWS];
    let column = |name| Column { name, role: Role::Part, values: &flat[..] };
    let error = Subspace::fit(&[column("a"), column("b")], &vec![true; ROWS], 1.0 / 6.0, &options).unwrap_err();
    assert_eq!(error, SubspaceError::NothingToWatch { columns: 2 });
    assert!(Subspace::fit(&[], &[], 1.0 / 6.0, &options).is_err());
    let mut other = machine.columns();
    other.swap(3, 4);
    let error = machine.fitted().score(&other, &machine.counts).unwrap_err();
    assert!(error.to_string().contains("sensor_11_avg was expected in place 3, found sensor_15_avg"), "{error}");
}

/// The same machine as somebody sees it who knows nothing about its columns.
fn anonymous(values: &[Vec<f64>]) -> Vec<Column<'_>> {
    let names = ["p", "q", "r", "s"];
    values.iter().zip(names).map(|(values, name)| Column { name, role: Role::Part, values }).collect()
}

#[test]
fn columns_without_any_role_are_watched_by_their_plane_alone() {
    let machine = machine();
    let [first, second] = machine.winding;
    let mut values = vec![machine.power, machine.bearing, first, second];
    let learn: Vec<bool> = (0..ROWS).map(|i| i < TRAIN).collect();
    let fitted = Subspace::fit(&anonymous(&values), &learn, 1.0 / 6.0, &SubspaceOptions::default()).unwrap();
    // One winding falls where the others rise, as with its wires the wrong way round, and stays between the lowest and the highest it ever read. With no
    // operating point Q adds up all that is off the plane, such as the bearing's lag: a few degrees between the windings are lost in it, this is not.
    let (low, high) = values[3][..TRAIN].iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    for value in &mut values[3][9_000..10_500] {
        *value = low + high - *value;
    }
    let counts = vec![true; ROWS];
    let verdicts = fitted.score(&anonymous(&values), &counts).unwrap();
    assert!(verdicts[..9_000].iter().all(|v| !v.anomaly), "nothing before it");
    let found = verdicts[9_000..10_500].iter().filter(|v| v.anomaly).count();
    assert!(found > 700, "{found}");
    let mut alone = fitted.clone();
    alone.paces.iter_mut().for_each(|pace| (pace.inside, pace.off) = (f64::INFINITY, f64::INFINITY));
    let verdicts = alone.score(&anonymous(&values), &counts).unwrap();
    assert!(verdicts.iter().all(|v| !v.anomaly), "each sensor alone is usual");
}

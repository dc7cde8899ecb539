//! All that is asked of one column, in the order in which it is asked.
//!
//! In: a frame and one of its columns. Out: one reason per row ([`marks`]), stretches that stand beside them ([`beside`]) and those
//! that need a long history ([`from_history`], [`units`]).

use super::QualityOptions;
use super::Reason;
use super::bound::Stretch;
use super::clip::clipped;
use super::clip::limited;
use super::clock::clock_shifts;
use super::counter::is_register;
use super::counter::resets;
use super::days::Days;
use super::gap::gaps;
use super::irradiance::implausible;
use super::level::level_shifts;
use super::rest::is_steady;
use super::rest::resting;
use super::run::equal_runs;
use super::run::linear_runs;
use super::shape::shape_shifts;
use super::sign::rating;
use super::sign::turned_over;
use super::spike::beyond;
use super::spike::outliers;
use super::spike::spikes;
use super::spike::unseen;
use super::unit::Scale;
use super::unit::unit_jumps;
use crate::domain::AssetKind;
use crate::domain::Frame;
use crate::domain::Quantities;
use crate::domain::Quantity;
use crate::domain::solar::zenith;

/// Columns that wrap or swing by nature: a jump means nothing.
const SWINGING: [Quantity; 4] =
    [Quantity::WIND_DIRECTION, Quantity::NACELLE_DIRECTION, Quantity::BLADE_PITCH_ANGLE, Quantity::TRACKER_ANGLE];
/// Power that moves by less than this share of the capacity is no spike.
const SPIKE_FLOOR: f64 = 0.02;

/// One reason per row, the first of [`Reason`] where several hold.
pub(super) fn marks(
    frame: &Frame,
    quantity: &Quantity,
    values: &[f64],
    known: &Quantities,
    options: &QualityOptions,
) -> Vec<Option<Reason>> {
    let mut out: Vec<Option<Reason>> = vec![None; values.len()];
    let mut mark = |rows: Vec<bool>, reason: Reason| {
        for (slot, hit) in out.iter_mut().zip(rows) {
            if hit {
                *slot = Some(slot.map_or(reason, |held| held.min(reason)));
            }
        }
    };
    let (low, high) = known.get(quantity.name()).map_or((f64::NEG_INFINITY, f64::INFINITY), |(_, info)| info.range);
    let capacity = frame.asset.capacity_kw.filter(|capacity| is_power(quantity) && *capacity > 0.0);
    let most = capacity.map_or(f64::INFINITY, |capacity| options.over_capacity * capacity);
    let alone = |row: usize| {
        let within = |row: Option<usize>| row.and_then(|row| values.get(row)).is_none_or(|v| v.is_nan() || v.abs() <= most);
        within(row.checked_sub(1)) && within(Some(row + 1))
    };
    let mut units = vec![false; values.len()];
    for stretch in self::units(frame, quantity, values) {
        units[stretch.first..=stretch.last].fill(true);
    }
    let outside = |row: usize| {
        let value = values[row];
        value.is_finite() && (!(low..=high).contains(&value) || (value.abs() > most && !alone(row)))
    };
    let out_of_range: Vec<bool> = (0..values.len()).map(outside).collect();
    let turned = sign_errors(frame, quantity, values);
    let bad = |row: usize| units[row] || out_of_range[row] || turned.get(row) == Some(&true) || values[row].abs() > most;
    let good: Vec<f64> = (0..values.len()).map(|row| if bad(row) { f64::NAN } else { values[row] }).collect();
    mark(gaps(frame, values), Reason::Gap);
    if let Some(capacity) = capacity.filter(|_| *quantity == Quantity::ACTIVE_POWER && frame.asset.kind.is_producer()) {
        let bad = |row: usize| units[row] || out_of_range[row] || turned.get(row) == Some(&true);
        let others: Vec<f64> = (0..values.len()).map(|row| if bad(row) { f64::NAN } else { values[row] }).collect();
        mark(beyond(&others, capacity, options.over_rating), Reason::Outlier);
    }
    mark(out_of_range, Reason::OutOfRange);
    mark(units, Reason::UnitJump);
    mark(turned, Reason::SignError);
    for (slot, reason) in out.iter_mut().zip(implausible(frame, quantity)) {
        *slot = [*slot, reason].into_iter().flatten().min();
    }
    let mut mark = |rows: Vec<bool>, reason: Reason| {
        for (slot, _) in out.iter_mut().zip(rows).filter(|(_, hit)| *hit) {
            *slot = Some(slot.map_or(reason, |held| held.min(reason)));
        }
    };
    if is_steady(quantity) {
        return out;
    }
    let mut stuck = equal_runs(&good, options.stale_run, resting(frame, quantity, &good));
    if *quantity == Quantity::ACTIVE_POWER {
        let held = limited(&good, &stuck, frame.resolution.steps_per_day());
        stuck.iter_mut().zip(&held).for_each(|(stuck, held)| *stuck &= !held);
        mark(held, Reason::Clipped);
    }
    mark(stuck, Reason::Stale);
    mark(linear_runs(&good, options.linear_run), Reason::Interpolated);
    if !SWINGING.contains(quantity) {
        let found = spikes(&good, options.spike, capacity.map_or(0.0, |capacity| SPIKE_FLOOR * capacity));
        let unseen_by_all = witnesses(quantity).iter().filter_map(|other| frame.column(other)).fold(found, unseen);
        mark(unseen_by_all, Reason::Spike);
        if capacity.is_none() {
            mark(outliers(&good, options.outlier), Reason::Outlier);
        }
    }
    if *quantity == Quantity::ACTIVE_POWER && is_solar(frame.asset.kind) {
        mark(clipped(&good, capacity), Reason::Clipped);
    }
    out
}

/// Stretches beside the marks: registers that count anew.
pub(super) fn beside(frame: &Frame, quantity: &Quantity, values: &[f64]) -> Vec<Stretch> {
    let counts = *quantity == Quantity::ACTIVE_ENERGY && frame.resolution.seconds() < 7 * 86_400;
    let rows = if counts { resets(values) } else { Vec::new() };
    rows.into_iter().map(|row| Stretch { first: row, reason: Reason::CounterReset, last: row }).collect()
}

/// Stretches that only a long history shows: levels and clocks.
pub(super) fn from_history(frame: &Frame, quantity: &Quantity, values: &[f64]) -> Vec<Stretch> {
    let solar = is_solar(frame.asset.kind) && *quantity == Quantity::ACTIVE_POWER;
    let light = matches!(quantity.name(), "ghi" | "poa_global");
    let load = matches!(quantity.name(), "load" | "net_load");
    let energy = *quantity == Quantity::ACTIVE_ENERGY && !is_register(values);
    let metered = frame.asset.kind == AssetKind::Meter && *quantity == Quantity::ACTIVE_POWER;
    let mut out = Vec::new();
    if (solar || light || load || energy || metered)
        && let Some(days) = Days::new(frame, 0)
    {
        let shifts = level_shifts(&days.means(values), days.epoch);
        let rows = shifts.into_iter().map(|day| days.of(day).start);
        out.extend(rows.map(|row| Stretch { first: row, reason: Reason::Shift, last: row }));
    }
    let off = match () {
        () if solar || light => clock_shifts(frame, values),
        () if load => shape_shifts(frame, values),
        () => Vec::new(),
    };
    out.extend(off.into_iter().map(|(first, last)| Stretch { first, reason: Reason::TimeShift, last }));
    out
}

/// Stretches in another unit.
pub(super) fn units(frame: &Frame, quantity: &Quantity, values: &[f64]) -> Vec<Stretch> {
    let scale = match quantity.name() {
        "active_power" | "reactive_power" | "load" | "net_load" | "available_power" => Scale::Power,
        "active_energy" if !is_register(values) => Scale::Power,
        "temp_air" | "ambient_temp" => Scale::Air,
        name if name.contains("temp") => Scale::Machine,
        _ => return Vec::new(),
    };
    let jumps = Days::new(frame, 0).map_or_else(Vec::new, |days| unit_jumps(values, &days, scale));
    jumps.into_iter().map(|(first, last)| Stretch { first, reason: Reason::UnitJump, last }).collect()
}

/// Rows of a producer that take in what they should give; empty for others. A machine without wind or sun produces nothing.
fn sign_errors(frame: &Frame, quantity: &Quantity, values: &[f64]) -> Vec<bool> {
    let machine = matches!(frame.asset.kind, AssetKind::WindTurbine | AssetKind::PvInverter);
    let produces =
        *quantity == Quantity::ACTIVE_POWER && (machine || matches!(frame.asset.kind, AssetKind::WindPlant | AssetKind::PvPlant));
    let Some(rated) = rating(values, frame.asset.capacity_kw).filter(|_| produces) else { return Vec::new() };
    let wind = frame.column(&Quantity::WIND_SPEED);
    let sun = frame.column(&Quantity::POA_GLOBAL).or_else(|| frame.column(&Quantity::GHI));
    let resource = |row: usize| {
        let calm = wind.is_some_and(|wind| wind[row] < 3.0) || sun.is_some_and(|sun| sun[row] < 20.0);
        let night =
            frame.asset.location.filter(|_| is_solar(frame.asset.kind)).is_some_and(|at| zenith(frame.time(row), at) > 92.0);
        if calm || night { 0.0 } else { f64::NAN }
    };
    turned_over(values, rated, resource)
}

/// Other sensors of the same asset that see what moves this one, each by a wire of its own.
fn witnesses(quantity: &Quantity) -> &'static [Quantity] {
    match quantity.name() {
        "active_power" => &[Quantity::WIND_SPEED, Quantity::POA_GLOBAL, Quantity::GHI, Quantity::CURRENT],
        "wind_speed" | "ghi" | "poa_global" => &[Quantity::ACTIVE_POWER],
        "current" => &[Quantity::ACTIVE_POWER, Quantity::POA_GLOBAL],
        "voltage" => &[Quantity::CURRENT, Quantity::ACTIVE_POWER],
        _ => &[],
    }
}

fn is_power(quantity: &Quantity) -> bool {
    [Quantity::ACTIVE_POWER, Quantity::AVAILABLE_POWER, Quantity::ACTIVE_POWER_LIMIT].contains(quantity)
}

const fn is_solar(kind: AssetKind) -> bool {
    matches!(kind, AssetKind::PvInverter | AssetKind::PvPlant)
}

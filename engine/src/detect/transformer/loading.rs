//! How hard a transformer is driven: load factor, hot spot, life lost per day, and how long until the oil reaches its limit.
//!
//! In: load and, where measured, air and oil temperatures of one member; `cooling` (ONAN, ONAF) and `paper` (kraft, upgraded)
//! from the asset's attributes, the rated power from its capacity. Out: columns by row. Rise and time constant of the oil
//! are fitted to the training part where oil and air are measured. Deliberately not here: incidents.

use super::super::fleet::Fleet;
use super::super::regression::median;
use super::thermal::Characteristics;
use super::thermal::Cooling;
use super::thermal::Loading;
use super::thermal::Thermal;
use super::thermal::ageing;
use super::thermal::limits;
use crate::domain::Quantity;

/// Rows that are worth fitting to.
const LEAST_ROWS: usize = 400;
/// Air temperature where nobody measures it: the yearly mean the standard reckons with, °C.
const USUAL_AIR: f64 = 20.0;

/// One transformer's rating.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rating {
    pub(super) quantity: Quantity,
    pub(super) rated: f64,
    pub(super) characteristics: Characteristics,
    upgraded: bool,
    pub(super) normal: Loading,
    pub(super) emergency: Loading,
}

/// By row; NaN before anything is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Strain {
    pub(super) load: Vec<f64>,
    pub(super) air: Vec<f64>,
    pub(super) top_oil: Vec<f64>,
    pub(super) hot_spot: Vec<f64>,
    /// Days of life lost in the last 24 hours.
    pub(super) life: Vec<f64>,
    pub(super) state: Vec<Thermal>,
}

impl Rating {
    /// `None` without a stated rating or a load.
    pub(super) fn of(fleet: &Fleet, member: usize, until: usize) -> Option<Self> {
        let asset = &fleet.frames[member].asset;
        let rated = asset.capacity_kw.filter(|kw| *kw > 0.0)?;
        let quantity = [Quantity::ACTIVE_POWER, Quantity::LOAD].into_iter().find(|q| fleet.column(member, q).is_some())?;
        let attribute = |name: &str| asset.attributes.get(name).map(|text| text.to_ascii_lowercase());
        let cooling = match attribute("cooling").as_deref() {
            Some("onaf" | "ofaf" | "odaf") => Cooling::Onaf,
            _ if rated <= 2500.0 => Cooling::OnanSmall,
            _ => Cooling::Onan,
        };
        let (normal, emergency) = limits(rated);
        let upgraded = attribute("paper").is_some_and(|paper| paper.contains("upgraded"));
        let characteristics = cooling.characteristics();
        let mut rating = Self { quantity, rated, characteristics, upgraded, normal, emergency };
        rating.characteristics = rating.fitted(fleet, member, until).unwrap_or(characteristics);
        Some(rating)
    }

    fn inputs(&self, fleet: &Fleet, member: usize) -> (Vec<f64>, Vec<f64>) {
        let reactive = fleet.column(member, &Quantity::REACTIVE_POWER);
        let kva = |i: usize, p: &f64| match reactive.map(|q| q[i]).filter(|q| q.is_finite()) {
            Some(q) => p.hypot(q),
            None => p.abs(),
        };
        let load = fleet.column(member, &self.quantity).unwrap_or_default();
        let load = load.iter().enumerate().map(|(i, p)| kva(i, p) / self.rated).collect();
        let air = [Quantity::AMBIENT_TEMP, Quantity::TEMP_AIR].iter().find_map(|q| fleet.column(member, q));
        let mut last = USUAL_AIR;
        let air = (0..fleet.len)
            .map(|i| {
                last = air.map(|air| air[i]).filter(|t| t.is_finite()).unwrap_or(last);
                last
            })
            .collect();
        (load, air)
    }

    /// Oil rise and time constant that fit the training part best; the other characteristics stay.
    fn fitted(&self, fleet: &Fleet, member: usize, until: usize) -> Option<Characteristics> {
        [Quantity::AMBIENT_TEMP, Quantity::TEMP_AIR].iter().find_map(|q| fleet.column(member, q))?;
        let oil = fleet.column(member, &Quantity::TOP_OIL_TEMP)?;
        let (load, air) = self.inputs(fleet, member);
        let usable: Vec<usize> = (0..until.min(oil.len())).filter(|&i| oil[i].is_finite() && load[i].is_finite()).collect();
        if usable.len() < LEAST_ROWS {
            return None;
        }
        let mut best: Option<(f64, Characteristics)> = None;
        for minutes in (0..10).map(|step| 40.0 * 1.3_f64.powi(step)) {
            // The oil follows its end linearly, so two runs give level and slope for every rise.
            let run = |rise: f64| {
                let trial =
                    Characteristics { oil_rise: rise, minutes: (minutes / self.characteristics.k.0, 7.0), ..self.characteristics };
                walk(&trial, &load[..until.min(load.len())], &air, fleet.resolution.hours() * 60.0)
            };
            let (cold, warm) = (run(0.0), run(10.0));
            let slopes = usable.iter().map(|&i| (warm[i].top_oil - cold[i].top_oil) / 10.0);
            let (mut above, mut below) = (0.0, 0.0);
            for (slope, &i) in slopes.clone().zip(&usable) {
                above += slope * (oil[i] - cold[i].top_oil);
                below += slope * slope;
            }
            let rise = (above / below.max(1e-9)).clamp(5.0, 100.0);
            let misses = slopes.zip(&usable).map(|(slope, &i)| (oil[i] - cold[i].top_oil - rise * slope).abs());
            let miss = median(misses.collect());
            if best.as_ref().is_none_or(|(least, _)| miss < *least) {
                let minutes = (minutes / self.characteristics.k.0, self.characteristics.minutes.1);
                best = Some((miss, Characteristics { oil_rise: rise, minutes, ..self.characteristics }));
            }
        }
        best.map(|(_, characteristics)| characteristics)
    }

    /// Works out every row; measured oil stands where it is known.
    pub(super) fn strain(&self, fleet: &Fleet, member: usize) -> Strain {
        let (load, air) = self.inputs(fleet, member);
        let hours = fleet.resolution.hours();
        let mut state = walk(&self.characteristics, &load, &air, hours * 60.0);
        if let Some(oil) = fleet.column(member, &Quantity::TOP_OIL_TEMP) {
            for (state, oil) in state.iter_mut().zip(oil).filter(|(_, oil)| oil.is_finite()) {
                state.top_oil = *oil;
            }
        }
        let hot_spot: Vec<f64> = state.iter().map(Thermal::hot_spot).collect();
        let rows = (24.0 / hours).round().max(1.0) as usize;
        let mut sum = 0.0;
        let lost: Vec<f64> =
            hot_spot.iter().map(|hot| ageing(*hot, self.upgraded)).map(|v| if v.is_finite() { v } else { 0.0 }).collect();
        let life = (0..lost.len()).map(|i| {
            sum += lost[i];
            if i >= rows {
                sum -= lost[i - rows];
            }
            sum.max(0.0) / rows as f64
        });
        Strain { life: life.collect(), top_oil: state.iter().map(|s| s.top_oil).collect(), hot_spot, load, air, state }
    }

    /// Hours until the top oil reaches `limit` if load and air stay as in `row`, the load times `factor`; `None` if never.
    pub(super) fn hours_to(&self, strain: &Strain, row: usize, factor: f64, limit: f64) -> Option<f64> {
        let mut now = strain.state[row];
        let load = strain.load[row] * factor;
        for minute in 0..2880_u32 {
            if now.top_oil >= limit {
                return Some(f64::from(minute) / 60.0);
            }
            now = self.characteristics.after(now, load, strain.air[row], 1.0);
        }
        None
    }
}

/// The states of all rows, from a steady beginning; a missing load stays as it was.
fn walk(characteristics: &Characteristics, load: &[f64], air: &[f64], minutes: f64) -> Vec<Thermal> {
    let mut last = load.iter().copied().find(|load| load.is_finite()).unwrap_or(0.0);
    let mut now = characteristics.steady(last, air.first().copied().unwrap_or(USUAL_AIR));
    let step = |(load, air): (&f64, &f64)| {
        if load.is_finite() {
            last = *load;
        }
        now = characteristics.after(now, last, *air, minutes);
        now
    };
    load.iter().zip(air).map(step).collect()
}

//! The watch over the grid: frequency and voltage outside what the connection code calls normal, and for how long.
//!
//! In: frames of kind bus, meter or region with a frequency or a voltage. Out: incidents `frequency_excursion`,
//! `voltage_excursion` and `rate_of_change` of the component `grid`, each with its deepest value and its minutes against those that
//! must be borne. Nominal values: the attributes `nominal_frequency` (Hz) and `nominal_voltage` (V), else from the training
//! part. Deliberately not here: dips shorter than a row, flicker, harmonics.

mod code;

#[cfg(test)]
mod tests;

use super::Evidence;
use super::Incident;
use super::Severity;
use super::fleet::Fleet;
use super::regression::median;
use super::specialist::Comparison;
use super::specialist::Opinion;
use super::specialist::Specialist;
use super::state::stretches;
use crate::domain::AssetKind;
use crate::domain::Quantity;
use code::Band;

/// Minutes an excursion must be over to be over.
const CALM_MINUTES: f64 = 1.0;
/// Fewest training rows a nominal value is read from.
const LEAST_ROWS: usize = 30;

/// What is watched at one place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid {
    watched: Vec<Watched>,
}

/// One quantity with its bands, as shares of the nominal value.
#[derive(Debug, Clone, PartialEq)]
struct Watched {
    quantity: Quantity,
    nominal: f64,
    bands: &'static [Band],
}

impl Grid {
    /// `None` for other kinds and where there is neither a frequency nor a voltage.
    pub(crate) fn fit(fleet: &Fleet, member: usize, until: usize) -> Option<Self> {
        let asset = &fleet.frames[member].asset;
        if !matches!(asset.kind, AssetKind::Bus | AssetKind::Meter | AssetKind::Region) {
            return None;
        }
        let nominal = |quantity: &Quantity, attribute: &str, from_usual: fn(f64) -> f64| {
            let column = fleet.column(member, quantity)?;
            let stated = asset.attributes.get(attribute).and_then(|text| text.trim().parse::<f64>().ok()).filter(|v| *v > 0.0);
            stated.or_else(|| {
                let rows = &column[..until.min(column.len())];
                let known: Vec<f64> = rows.iter().copied().filter(|v| v.is_finite() && *v > 0.0).collect();
                (known.len() >= LEAST_ROWS).then(|| from_usual(median(known)))
            })
        };
        let frequency = nominal(&Quantity::FREQUENCY, "nominal_frequency", code::nominal_frequency).map(|nominal| Watched {
            quantity: Quantity::FREQUENCY,
            nominal,
            bands: code::frequency(),
        });
        let voltage = nominal(&Quantity::VOLTAGE, "nominal_voltage", code::nominal_voltage).map(|nominal| Watched {
            quantity: Quantity::VOLTAGE,
            nominal,
            bands: code::voltage(nominal),
        });
        let watched: Vec<Watched> = frequency.into_iter().chain(voltage).collect();
        (!watched.is_empty()).then_some(Self { watched })
    }
}

impl Specialist for Grid {
    fn judge(&self, fleet: &Fleet, member: usize, from: usize) -> Opinion {
        let mut out = Opinion { anomaly: vec![false; fleet.len], score: vec![0.0; fleet.len], ..Opinion::default() };
        for watched in &self.watched {
            let Some(column) = fleet.column(member, &watched.quantity) else { continue };
            watched.excursions(fleet, member, from, column, &mut out);
            if watched.quantity == Quantity::FREQUENCY {
                watched.rates(fleet, member, from, column, &mut out);
            }
            out.signals.push(Comparison {
                quantity: watched.quantity.clone(),
                component: "grid".to_owned(),
                observed: column.to_vec(),
                expected: vec![watched.nominal; fleet.len],
            });
        }
        out.incidents.sort_by_key(|incident| incident.opened_at);
        out
    }
}

impl Watched {
    /// How far from normal, as a share of the way to the edge of the normal band; more than 1 is outside.
    fn distance(&self, value: f64) -> f64 {
        let (share, normal) = (value / self.nominal, code::normal(self.bands));
        if share >= 1.0 { (share - 1.0) / (normal.high - 1.0) } else { (1.0 - share) / (1.0 - normal.low) }
    }

    fn excursions(&self, fleet: &Fleet, member: usize, from: usize, column: &[f64], out: &mut Opinion) {
        let frame = &fleet.frames[member];
        let minutes = fleet.resolution.seconds() as f64 / 60.0;
        let outside = |value: f64| code::minutes(self.bands, value / self.nominal).is_finite();
        let on = lasting(column, (CALM_MINUTES / minutes).ceil().max(1.0) as usize, outside);
        for (row, value) in column.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            out.score[row] = out.score[row].max(self.distance(*value).min(10.0));
            out.anomaly[row] |= outside(*value);
        }
        for (open, end) in stretches(fleet.len, 1, |row| on[row]).into_iter().filter(|(_, end)| *end > from) {
            let rows: Vec<usize> = (open..end).filter(|&i| column[i].is_finite() && outside(column[i])).collect();
            let Some(&deepest) =
                rows.iter().max_by(|&&a, &&b| self.distance(column[a]).total_cmp(&self.distance(column[b])).then(b.cmp(&a)))
            else {
                continue;
            };
            let borne = |row: usize| code::minutes(self.bands, column[row] / self.nominal);
            let used = self.used(&rows.iter().map(|&row| borne(row)).collect::<Vec<f64>>(), minutes);
            let beyond = borne(deepest) <= 0.0;
            let name = self.quantity.name();
            let measure = |signal: String, observed: f64, expected: f64, share: f64| Evidence {
                signal,
                quantity: self.quantity.clone(),
                observed: Some(observed),
                expected: Some(expected),
                share,
            };
            out.incidents.push(Incident {
                closed_at: (end < fleet.len).then(|| frame.time(end)),
                severity: if beyond || used >= 1.0 { Severity::Critical } else { Severity::Warning },
                score: self.distance(column[deepest]).clamp(1.0, 10.0),
                detector: "grid_code",
                evidence: vec![
                    measure(name.to_owned(), column[deepest], self.nominal, 0.7),
                    measure(format!("{name}_excursion_minutes"), rows.len() as f64 * minutes, borne(deepest), 0.3),
                ],
                ..Incident::new(frame.asset.id.clone(), "grid", &format!("{name}_excursion"), frame.time(open), frame.time(open))
            });
        }
    }

    /// Largest share of its time that a band has used, rows of `minutes` each. A row counts for milder bands as well: who bore
    /// 48.4 Hz for half an hour need not bear 48.7 Hz after it.
    fn used(&self, borne: &[f64], minutes: f64) -> f64 {
        let bands = self.bands.iter().map(|band| band.minutes).filter(|limit| limit.is_finite());
        let shares = bands.map(|limit| borne.iter().filter(|minutes| **minutes <= limit).count() as f64 * minutes / limit);
        shares.fold(0.0, f64::max)
    }

    /// Frequency that changes faster than must be borne; only where rows are two seconds apart at most.
    fn rates(&self, fleet: &Fleet, member: usize, from: usize, column: &[f64], out: &mut Opinion) {
        let frame = &fleet.frames[member];
        let seconds = fleet.resolution.seconds() as f64;
        let spans: Vec<(usize, f64)> = code::RATES
            .into_iter()
            .filter(|(span, _)| *span >= seconds)
            .map(|(span, rate)| ((span / seconds).round() as usize, rate * self.nominal / 50.0))
            .collect();
        if spans.is_empty() {
            return;
        }
        let rate = |row: usize, span: usize| {
            let before = row.checked_sub(span).map_or(f64::NAN, |row| column[row]);
            (column[row] - before) / (span as f64 * seconds)
        };
        let share = |row: usize| {
            let shares = spans.iter().map(|&(span, most)| (rate(row, span) / most).abs()).filter(|share| share.is_finite());
            shares.fold(0.0, f64::max)
        };
        let shares: Vec<f64> = (0..fleet.len).map(share).collect();
        let on = lasting(&shares, (60.0 * CALM_MINUTES / seconds).ceil() as usize, |share| share >= 1.0);
        for (row, share) in shares.iter().enumerate().filter(|(_, share)| **share >= 1.0) {
            out.score[row] = out.score[row].max(share.min(10.0));
            out.anomaly[row] = true;
        }
        for (open, end) in stretches(fleet.len, 1, |row| on[row]).into_iter().filter(|(_, end)| *end > from) {
            let Some(steepest) = (open..end).max_by(|&a, &b| shares[a].total_cmp(&shares[b]).then(b.cmp(&a))) else { continue };
            let fast = spans.iter().map(|&(span, most)| (rate(steepest, span), most)).filter(|(rate, _)| rate.is_finite());
            let Some((found, most)) = fast.max_by(|a, b| (a.0.abs() / a.1).total_cmp(&(b.0.abs() / b.1))) else { continue };
            out.incidents.push(Incident {
                closed_at: (end < fleet.len).then(|| frame.time(end)),
                severity: Severity::Critical,
                score: shares[steepest].min(10.0),
                detector: "grid_code",
                evidence: vec![Evidence {
                    signal: "frequency_rate_hz_per_s".to_owned(),
                    quantity: Quantity::FREQUENCY,
                    observed: Some(found),
                    expected: Some(most.copysign(found)),
                    share: 1.0,
                }],
                ..Incident::new(frame.asset.id.clone(), "grid", "rate_of_change", frame.time(open), frame.time(open))
            });
        }
    }
}

/// True from a row outside until `calm` known rows inside have followed; rows without a value change nothing.
fn lasting(values: &[f64], calm: usize, outside: impl Fn(f64) -> bool) -> Vec<bool> {
    let mut quiet = calm;
    let step = |value: &f64| {
        if value.is_finite() {
            quiet = if outside(*value) { 0 } else { (quiet + 1).min(calm) };
        }
        quiet < calm
    };
    values.iter().map(step).collect()
}

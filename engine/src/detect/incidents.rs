//! From alarms to incidents: one counter per asset, an incident from 72 to 0, and events that only inform.
//!
//! In: alarms by row, operating states, power balance of one asset. Out: the verdict of every row and the incidents.
//! An incident is a living record: its name and its energy use rows up to the last one seen, or its closing.

use super::Evidence;
use super::Incident;
use super::OperatingState;
use super::Severity;
use super::attribution::COLD;
use super::attribution::Cause;
use super::attribution::PowerBalance;
use super::attribution::SMALL_LOSS;
use super::attribution::energy_lost;
use super::attribution::verdict;
use super::criticality::Criticality;
use super::criticality::Turn;
use super::fleet::Fleet;
use super::state::State;
use super::state::counts;
use super::state::stretches;
use super::trend::outlook;
use crate::domain::Quantity;

/// Modes in which power is missing; the others cost none until the machine stops.
const COSTLY: [&str; 5] = ["pitch_offset", "yaw_misalignment", "icing", "power_derate", "underperformance"];
/// Energy lost above which an incident is critical, hours of rated power.
const CRITICAL_HOURS: f64 = 4.0;

/// Hours of running over which power must be missing to call it ice.
const ICE_HOURS: f64 = 6.0;

/// All alarms of one asset.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) causes: Vec<Cause>,
    pub(crate) power: Option<PowerBalance>,
    /// Degrees beside the neighbours; empty where nobody measures it.
    pub(crate) heading: Vec<f64>,
    /// Rows at which a heading reference moved.
    pub(crate) steps: Vec<usize>,
}

impl Condition {
    /// True where something is wrong. A stopped or silent machine is judged by nobody.
    pub(crate) fn anomalies(&self, fleet: &Fleet, member: usize) -> Vec<bool> {
        let any = |i: usize| self.causes.iter().any(|c| c.on[i]) && fleet.states[member][i].judged() && fleet.present(member, i);
        (0..fleet.len).map(any).collect()
    }

    /// Largest evidence over its limit.
    pub(crate) fn score(&self, row: usize) -> f64 {
        self.causes.iter().map(|c| c.score[row]).fold(0.0, f64::max)
    }

    /// Incidents of the asset from row `from` on, in order of opening.
    pub(crate) fn incidents(&self, fleet: &Fleet, member: usize, limit: u32, from: usize) -> Vec<Incident> {
        let anomalies = self.anomalies(fleet, member);
        let normal = counts(&fleet.frames[member], &fleet.states[member]);
        let mut counter = Criticality::new(limit);
        let mut out = Vec::new();
        let mut opened = None;
        let mut rise = from;
        for i in from..fleet.len {
            if counter.is_quiet() {
                rise = i;
            }
            match counter.step(anomalies[i], normal[i]) {
                Turn::Opened => opened = Some((rise, i)),
                Turn::Closed => {
                    if let Some((rise, open)) = opened.take() {
                        out.extend(self.incident(fleet, member, rise, open, Some(i)));
                    }
                }
                Turn::Nothing => {}
            }
        }
        if let Some((rise, open)) = opened {
            out.extend(self.incident(fleet, member, rise, open, None));
        }
        out.extend(self.information(fleet, member, from));
        out.sort_by(|a, b| a.opened_at.cmp(&b.opened_at).then_with(|| a.mode.cmp(&b.mode)));
        out
    }

    fn incident(&self, fleet: &Fleet, member: usize, rise: usize, open: usize, close: Option<usize>) -> Option<Incident> {
        let last = close.unwrap_or(fleet.len - 1);
        let verdict = verdict(&self.causes, self.power.as_ref(), &self.heading, 24.0 / fleet.resolution.hours(), rise, last)?;
        let cause = &self.causes[verdict.cause];
        let first_on = (rise..=open).find(|&i| cause.on[i]);
        let start = first_on.map_or(rise, |i| cause.onset[i].min(i)).min(open);
        let score = (rise..=last).map(|i| self.score(i)).fold(0.0, f64::max);
        let costly = COSTLY.contains(&verdict.mode.as_str());
        let energy = self.power.as_ref().filter(|_| costly).map_or(0.0, |power| {
            let on = |i: usize| i < first_on.unwrap_or(0) || cause.on[i];
            energy_lost(power, fleet.resolution.hours(), start, last, on)
        });
        let rated = self.power.as_ref().map_or(f64::INFINITY, |power| power.rated);
        let hot = verdict.mode.ends_with("overheat");
        let severity =
            if energy > CRITICAL_HOURS * rated || (hot && score >= 8.0) { Severity::Critical } else { Severity::Warning };
        let frame = &fleet.frames[member];
        let evidence = verdict.contributors.iter().map(|(spoke, share)| {
            let cause = &self.causes[*spoke];
            let rows: Vec<usize> = (rise..=last).filter(|&i| cause.on[i] && cause.observed[i].is_finite()).collect();
            let both: Vec<usize> = rows.iter().copied().filter(|&i| cause.expected[i].is_finite()).collect();
            // The same rows for either figure wherever there is an expectation.
            let told = if both.is_empty() { &rows } else { &both };
            Evidence {
                signal: cause.name.clone(),
                quantity: cause.quantity.clone(),
                observed: mean(told.iter().map(|&i| cause.observed[i]), &cause.quantity),
                expected: mean(both.iter().map(|&i| cause.expected[i]), &cause.quantity),
                share: *share,
            }
        });
        let outlook = match close {
            Some(_) => None,
            None => outlook(frame, &cause.quantity, (&cause.observed, &cause.expected), cause.limit, start..last + 1),
        };
        Some(Incident {
            closed_at: close.map(|i| frame.time(i)),
            severity,
            score,
            energy_lost_kwh: energy,
            evidence: evidence.collect(),
            outlook,
            ..Incident::new(frame.asset.id.clone(), &verdict.component, &verdict.mode, frame.time(start), frame.time(open))
        })
    }

    /// Marks rows in which a free machine makes much less than it should while it is cold.
    pub(crate) fn mark_ice(&self, states: &mut [OperatingState], hours: f64) {
        let Some(power) = self.power.as_ref().filter(|power| power.is_turbine) else { return };
        let missing = power.loses(SMALL_LOSS, ICE_HOURS / hours);
        for (i, state) in states.iter_mut().enumerate().filter(|(_, state)| **state == OperatingState::Normal) {
            if missing[i] && power.air[i] < COLD && self.causes.iter().any(|c| c.is_power && c.on[i]) {
                *state = OperatingState::Icing;
            }
        }
    }

    /// Events nobody needs to repair.
    fn information(&self, fleet: &Fleet, member: usize, from: usize) -> Vec<Incident> {
        let frame = &fleet.frames[member];
        let states = &fleet.states[member];
        let hour = ((1.0 / fleet.resolution.hours()) as usize).max(1);
        let note = |component: &str, mode: &str, start: usize, open: usize, close: Option<usize>| Incident {
            closed_at: close.map(|i| frame.time(i)),
            severity: Severity::Info,
            score: 0.0,
            ..Incident::new(frame.asset.id.clone(), component, mode, frame.time(start), frame.time(open))
        };
        let kinds = [
            (State::Limited, "grid", "curtailment"),
            (State::Service, "asset", "maintenance"),
            (State::NoData, "communication", "comms_loss"),
            (State::Down, "asset", "downtime"),
        ];
        let mut out = Vec::new();
        for (state, component, mode) in kinds {
            for (start, end) in stretches(fleet.len, hour, |i| states[i] == state) {
                if start + hour > from {
                    out.push(note(component, mode, start, start + hour - 1, (end < fleet.len).then_some(end)));
                }
            }
        }
        out.extend(self.steps.iter().filter(|i| **i >= from).map(|&i| note("yaw", "northing_step", i, i, Some(i))));
        out
    }
}

/// Mean of values, on the circle for directions; `None` of nothing.
fn mean(values: impl Iterator<Item = f64>, quantity: &Quantity) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    let count = (!values.is_empty()).then_some(values.len() as f64)?;
    if !quantity.name().ends_with("_direction") {
        return Some(values.iter().sum::<f64>() / count);
    }
    let (x, y) = values.iter().map(|v| v.to_radians()).fold((0.0, 0.0), |(x, y), v| (x + v.cos(), y + v.sin()));
    Some(y.atan2(x).to_degrees().rem_euclid(360.0))
}

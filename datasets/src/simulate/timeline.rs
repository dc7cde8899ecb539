//! When each asset fails, is serviced, curtailed or silent: a plan drawn window by window from the asset's own streams.
//!
//! In: seed, asset, profile, the show around the live start. Out: what holds at a time, and labels of what has ended. A window of
//! sixty days is drawn whole when time enters it, so playing in steps or at once plans the same. At most one fault at a time.

use super::fault::Confounder;
use super::fault::FaultLabel;
use super::fault::FaultMode;
use super::random::Stream;
use engine::domain::AssetId;
use engine::domain::from_micros;

const DAY: i64 = 86_400;
const HOUR: i64 = 3600;
/// Days in a window.
const WINDOW: i64 = 60;

/// What happens to a kind of asset: expected numbers in each window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    pub(super) modes: &'static [FaultMode],
    /// Probability of a fault in a window.
    pub(super) faults: f64,
    pub(super) maintenance: f64,
    pub(super) downtime: f64,
    pub(super) comms_gaps: f64,
    pub(super) curtailments: f64,
    /// Probability that a service leaves the nacelle's north elsewhere.
    pub(super) northing: f64,
}

/// Times shared by all timelines of a fleet, seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) fault_from: i64,
    pub(super) live: i64,
    pub(super) step: i64,
    /// False: the plan stands, faults have no effect and no label.
    pub(super) effects: bool,
}

/// A planned fault.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    pub(super) mode: FaultMode,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) magnitude: f64,
    /// −1 or 1.
    pub(super) sign: f64,
    /// The reading hides what is wrong.
    pub(super) hidden: bool,
    lost: f64,
}

impl Fault {
    /// How far it has come at `t`, 0 to 1.
    pub(super) fn progress(&self, t: i64) -> f64 {
        ((t - self.start) as f64 / (self.end - self.start).max(1) as f64).clamp(0.0, 1.0)
    }
}

/// A planned event that is no fault.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) kind: EventKind,
    pub(super) start: i64,
    pub(super) end: i64,
    /// Curtailment: share of capacity left. Northing step: degrees.
    pub(super) amount: f64,
    /// Curtailment: the status word says so. Comms gap: rows are absent instead of empty.
    pub(super) plain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventKind {
    Curtailment,
    Maintenance,
    Downtime,
    CommsGap,
    NorthingStep,
}

impl EventKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Curtailment => "curtailment",
            Self::Maintenance => "maintenance",
            Self::Downtime => "downtime",
            Self::CommsGap => "comms_gap",
            Self::NorthingStep => "northing_step",
        }
    }
}

/// The plan of one asset.
#[derive(Debug)]
pub(super) struct Timeline {
    asset_id: AssetId,
    seed: u64,
    profile: Profile,
    span: Span,
    next_window: i64,
    faults: Vec<Fault>,
    events: Vec<Event>,
    ended_faults: Vec<FaultLabel>,
    ended_events: Vec<Confounder>,
}

impl Timeline {
    /// A plan with the asset's part of the show: `(mode, start and end in hours from the midnight (UTC) before the live start,
    /// magnitude)`.
    pub(super) fn new(seed: u64, asset_id: AssetId, profile: Profile, span: Span, show: &[(FaultMode, i64, i64, f64)]) -> Self {
        let mut timeline = Self {
            asset_id,
            seed,
            profile,
            span,
            next_window: 0,
            faults: Vec::new(),
            events: Vec::new(),
            ended_faults: Vec::new(),
            ended_events: Vec::new(),
        };
        for &(mode, start, end, magnitude) in show {
            let midnight = span.live.div_euclid(DAY) * DAY;
            let (start, end) = (midnight + start * HOUR, midnight + end * HOUR);
            if start >= span.fault_from {
                timeline.add_fault(Fault { mode, start, end, magnitude, sign: 1.0, hidden: false, lost: 0.0 });
            }
        }
        timeline
    }

    /// Plans as far as `t` and files what has ended by then.
    pub(super) fn advance(&mut self, t: i64) {
        while self.origin() + self.next_window * WINDOW * DAY <= t {
            self.plan(self.next_window);
            self.next_window += 1;
        }
        let id = &self.asset_id;
        let (ended, effects) = (&mut self.ended_faults, self.span.effects);
        self.faults.retain(|fault| {
            if effects && fault.end <= t {
                ended.push(label(id, fault));
            }
            fault.end > t
        });
        let (ended, start) = (&mut self.ended_events, self.span.start);
        self.events.retain(|event| {
            if event.end <= t && event.end > start {
                ended.push(confounder(id, event));
            }
            event.end > t
        });
    }

    /// The fault that is at work at `t`.
    pub(super) fn fault(&self, t: i64) -> Option<&Fault> {
        self.faults.iter().find(|f| self.span.effects && f.start <= t && t < f.end)
    }

    /// The event of that kind that holds at `t`.
    pub(super) fn event(&self, kind: EventKind, t: i64) -> Option<&Event> {
        self.events.iter().find(|e| e.kind == kind && e.start <= t && t < e.end)
    }

    /// The northing step that begins in the step at `t`, degrees.
    pub(super) fn northing_step(&self, t: i64) -> f64 {
        let begins = |e: &&Event| e.kind == EventKind::NorthingStep && t <= e.start && e.start < t + self.span.step;
        self.events.iter().filter(begins).map(|e| e.amount).sum()
    }

    /// Books energy on the fault at work.
    pub(super) fn charge(&mut self, t: i64, kwh: f64) {
        if let Some(fault) = self.faults.iter_mut().find(|f| f.start <= t && t < f.end) {
            fault.lost += kwh;
        }
    }

    /// Sets how bad the fault at work is, where that is known only when it happens.
    pub(super) fn set_magnitude(&mut self, t: i64, magnitude: f64) {
        if let Some(fault) = self.faults.iter_mut().find(|f| f.start <= t && t < f.end) {
            fault.magnitude = magnitude;
        }
    }

    /// Hands over what has ended since the last call.
    pub(super) fn drain(&mut self, labels: &mut Vec<FaultLabel>, confounders: &mut Vec<Confounder>) {
        labels.append(&mut self.ended_faults);
        confounders.append(&mut self.ended_events);
    }

    /// What has begun before `t` and not ended; faults carry the energy lost so far and their planned end.
    pub(super) fn open(&self, t: i64, labels: &mut Vec<FaultLabel>, confounders: &mut Vec<Confounder>) {
        if self.span.effects {
            labels.extend(self.faults.iter().filter(|f| f.start < t).map(|f| label(&self.asset_id, f)));
        }
        confounders.extend(self.events.iter().filter(|e| e.start < t).map(|e| confounder(&self.asset_id, e)));
    }

    fn origin(&self) -> i64 {
        self.span.start.div_euclid(DAY) * DAY
    }

    fn plan(&mut self, window: i64) {
        let from = self.origin() + window * WINDOW * DAY;
        let profile = self.profile;
        let mut stream = Stream::new(self.seed, &format!("plan/{}/{window}", self.asset_id));
        let fails = stream.chance(profile.faults);
        if let Some(&mode) = profile.modes.get(stream.index(profile.modes.len())) {
            let facts = mode.facts();
            let length = self.floor((stream.uniform(facts.days.0, facts.days.1) * DAY as f64) as i64).max(self.span.step);
            let last = WINDOW as f64 - length as f64 / DAY as f64 - 2.0;
            let mut start = from + stream.uniform(0.0, last) as i64 * DAY;
            // Drives and inverters fail at work, by day; bearings do not mind the hour.
            let hours = if profile.modes.len() == FaultMode::TURBINE.len() { (0.0, 24.0) } else { (8.0, 15.0) };
            start += self.floor((stream.uniform(hours.0, hours.1) * HOUR as f64) as i64);
            let magnitude = stream.uniform(facts.magnitude.0, facts.magnitude.1);
            let (sign, hidden) = (stream.sign(), stream.chance(0.5));
            let end = start + length;
            let clash = self.faults.iter().any(|f| f.start - 3 * DAY < end && start < f.end + 3 * DAY);
            if fails && start >= self.span.fault_from && !clash {
                self.add_fault(Fault { mode, start, end, magnitude, sign, hidden, lost: 0.0 });
            }
        }
        let mut stream = Stream::new(self.seed, &format!("events/{}/{window}", self.asset_id));
        for (kind, expected) in [
            (EventKind::Maintenance, profile.maintenance),
            (EventKind::Downtime, profile.downtime),
            (EventKind::CommsGap, profile.comms_gaps),
            (EventKind::Curtailment, profile.curtailments),
        ] {
            let count = expected.floor() as usize + usize::from(stream.chance(expected.fract()));
            for _ in 0..count {
                self.add_event(kind, from, &mut stream);
            }
        }
    }

    fn add_fault(&mut self, fault: Fault) {
        if self.profile.maintenance > 0.0 {
            let visit = fault.end + 5 * HOUR;
            let kind = EventKind::Maintenance;
            self.events.push(Event { kind, start: fault.end, end: visit, amount: 0.0, plain: true });
        }
        self.faults.push(fault);
    }

    fn add_event(&mut self, kind: EventKind, from: i64, stream: &mut Stream) {
        let hours = match kind {
            EventKind::Maintenance => (2.0_f64, 8.0_f64),
            EventKind::Downtime => (0.5, 6.0),
            EventKind::CommsGap => (0.5, 36.0),
            EventKind::Curtailment | EventKind::NorthingStep => (2.0, 12.0),
        };
        let length = self.floor((stream.uniform(hours.0.ln(), hours.1.ln()).exp() * HOUR as f64) as i64).max(self.span.step);
        let start_hour = if kind == EventKind::Maintenance { stream.uniform(7.0, 12.0) } else { stream.uniform(0.0, 24.0) };
        let start = from + stream.uniform(0.0, 57.0) as i64 * DAY + self.floor((start_hour * HOUR as f64) as i64);
        let (amount, plain) = (stream.uniform(0.3, 0.8), stream.chance(0.5));
        let (steps_north, turn) = (stream.chance(self.profile.northing), stream.sign() * stream.uniform(6.0, 20.0));
        let end = start + length;
        let near_fault = self.faults.iter().any(|f| f.start - DAY < end && start < f.end + DAY);
        let near_event = self.events.iter().any(|e| e.start - 3 * HOUR < end && start < e.end + 3 * HOUR);
        if near_event || (near_fault && kind != EventKind::Curtailment) {
            return;
        }
        self.events.push(Event { kind, start, end, amount, plain });
        if kind == EventKind::Maintenance && steps_north && end >= self.span.start {
            let kind = EventKind::NorthingStep;
            self.events.push(Event { kind, start: end, end: end + 7 * DAY, amount: turn, plain });
        }
    }

    /// A time or length on the grid.
    fn floor(&self, seconds: i64) -> i64 {
        seconds.div_euclid(self.span.step) * self.span.step
    }
}

fn label(id: &AssetId, fault: &Fault) -> FaultLabel {
    let facts = fault.mode.facts();
    FaultLabel {
        asset_id: id.clone(),
        component: facts.component,
        mode: facts.mode,
        start: from_micros(fault.start * 1_000_000),
        end: from_micros(fault.end * 1_000_000),
        magnitude: fault.magnitude,
        energy_lost_kwh: fault.lost,
    }
}

fn confounder(id: &AssetId, event: &Event) -> Confounder {
    let (start, end) = (from_micros(event.start * 1_000_000), from_micros(event.end * 1_000_000));
    Confounder { asset_id: id.clone(), kind: event.kind.name(), start, end }
}

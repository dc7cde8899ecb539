//! Controller logs: hundreds of lines a day become few episodes, and fewer still are told.
//!
//! In: lines of any number of machines, the incidents of other detectors. Out: every line with its episode and incident, episodes, and an
//! incident per episode worth a person's time. Lines of one machine belong to one episode until it has been quiet for some hours; what a
//! line is worth follows from the rarity of its template there and from whether the machine stopped; while somebody works on the machine
//! nothing is told. Each machine has a budget: the more was told lately, the rarer the next must be. Causal: an episode is known
//! when it opens and told when a notable line of it is read, never at a line that adds nothing; lines that come later change nothing
//! before.

mod rarity;
mod template;

use super::Evidence;
use super::Incident;
use crate::domain::AssetId;
use crate::domain::LogLine;
use crate::domain::Quantity;
use crate::domain::Timestamp;
use jiff::SignedDuration;
use rarity::Rarity;
use std::collections::BTreeMap;
use template::Kind;
use template::component;

/// Who raises these incidents, as in `anomalies.detector`.
pub const ALARM_LOG: &str = "alarm_log";
/// Lines this long before an incident began belong under it.
pub const BEFORE: SignedDuration = SignedDuration::from_hours(24);
/// Surprise from which a line opens an episode, bits: it comes on fewer than one day in sixteen.
const NOTABLE: f64 = 4.0;
/// Surprise from which an episode is told while the budget is untouched, bits: fewer than one day in 90.
const TELL: f64 = 6.5;
/// What a stop adds, bits.
const STOP: f64 = 3.0;
/// What is told already makes the next one dearer, bits per notice.
const DEARER: f64 = 1.5;
/// Notices a machine may save up.
const SAVED: f64 = 2.0;
/// Somebody is there for this long after a line of theirs.
const SERVICE: SignedDuration = SignedDuration::from_hours(4);
/// Most signals of an incident.
const SIGNALS: usize = 5;
/// Signals this close, bits, are as rare as each other: the one that came first goes first (first-out, ISA-18.2).
const ALIKE: f64 = 0.5;

/// How logs are collapsed.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmLogOptions {
    /// Incidents told per machine and day at most, in the long run.
    pub per_day: f64,
    /// Quiet time that ends an episode.
    pub gap: SignedDuration,
    /// Nothing is told before this; rarity is learnt all the same.
    pub tell_from: Timestamp,
}

impl Default for AlarmLogOptions {
    fn default() -> Self {
        Self { per_day: 0.3, gap: SignedDuration::from_hours(6), tell_from: Timestamp::MIN }
    }
}

/// A line and where it was put.
#[derive(Debug, Clone, PartialEq)]
pub struct FiledLine {
    /// As written; exact repeats are one line.
    pub line: LogLine,
    /// Without values.
    pub template: String,
    /// How often it was written at that time.
    pub repeats: u32,
    /// Place in [`AlarmLog::episodes`].
    pub episode: usize,
    /// Opening of the incident of its asset that it belongs under.
    pub incident: Option<Timestamp>,
}

/// Lines of one machine that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEpisode {
    /// Whose.
    pub asset_id: AssetId,
    /// The line that opened it.
    pub message: String,
    /// The same without values.
    pub template: String,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When it had been quiet for long enough; `None` while it lasts.
    pub closed_at: Option<Timestamp>,
    /// Its lines, repeats too.
    pub lines: u64,
    /// False where it holds only what comes all the time.
    pub notable: bool,
    /// True where the machine stopped in it.
    pub stopped: bool,
    /// Bits of surprise of its rarest line, and what a stop adds.
    pub rank: f64,
    /// True where it became an incident of its own.
    pub notified: bool,
    /// Opening of the incident of its asset that it belongs under.
    pub incident: Option<Timestamp>,
}

/// Logs, collapsed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlarmLog {
    /// Every line, by time, then asset.
    pub lines: Vec<FiledLine>,
    /// Every episode, in the order of opening.
    pub episodes: Vec<LogEpisode>,
    /// One incident per notified episode, in the order of opening.
    pub incidents: Vec<Incident>,
}

/// A machine while its log is read.
#[derive(Debug)]
struct Machine {
    /// Largest set-point seen, or rated power, kW.
    rated: f64,
    open: Option<usize>,
    /// Last line that keeps the open episode open.
    alive: Timestamp,
    attended: Option<Timestamp>,
    /// Notices in hand, as of `counted`.
    budget: f64,
    counted: Timestamp,
    /// Incident of the open episode.
    told: Option<usize>,
    signals: Vec<(f64, String)>,
}

/// Collapses lines. `rated_kw` are rated powers of machines where known, `found` the incidents of other detectors: while one of its asset
/// is open nothing is told again, and lines from a day before it began belong under it.
pub fn alarm_log(lines: &[LogLine], rated_kw: &BTreeMap<AssetId, f64>, found: &[Incident], options: &AlarmLogOptions) -> AlarmLog {
    let mut sorted: Vec<&LogLine> = lines.iter().collect();
    sorted.sort();
    let mut others: BTreeMap<&AssetId, Vec<&Incident>> = BTreeMap::new();
    for incident in found.iter().filter(|incident| !incident.is_information()) {
        others.entry(&incident.asset_id).or_default().push(incident);
    }
    let mut log = AlarmLog::default();
    let mut rarity = Rarity::default();
    let mut machines: BTreeMap<&AssetId, Machine> = BTreeMap::new();
    for instant in sorted.chunk_by(|a, b| a.time == b.time && a.asset_id == b.asset_id) {
        let Some(first) = instant.first() else { continue };
        let machine = machines.entry(&first.asset_id).or_insert_with(|| Machine {
            rated: rated_kw.get(&first.asset_id).copied().unwrap_or(0.0),
            open: None,
            alive: first.time,
            attended: None,
            budget: SAVED,
            counted: first.time,
            told: None,
            signals: Vec::new(),
        });
        let busy = others.get(&first.asset_id).is_some_and(|incidents| {
            incidents.iter().any(|i| i.opened_at <= first.time && i.closed_at.is_none_or(|closed| closed > first.time))
        });
        machine.take(instant, busy, &mut rarity, &mut log, options);
    }
    let end = sorted.last().map(|line| line.time);
    for machine in machines.values_mut() {
        if let Some(end) = end {
            machine.close_if_quiet(end, &mut log, options);
        }
    }
    file(&mut log, &others);
    log
}

impl Machine {
    /// Reads the lines of one instant.
    fn take(&mut self, instant: &[&LogLine], busy: bool, rarity: &mut Rarity, log: &mut AlarmLog, options: &AlarmLogOptions) {
        let Some(now) = instant.first().map(|line| line.time) else { return };
        self.close_if_quiet(now, log, options);
        let days = now.duration_since(self.counted).as_secs_f64() / 86_400.0;
        (self.budget, self.counted) = ((self.budget + days * options.per_day).min(SAVED), now);
        let mut read = Vec::with_capacity(instant.len());
        for repeated in instant.chunk_by(|a, b| a.message == b.message) {
            let Some(line) = repeated.first() else { continue };
            if let Some(kw) = template::set_point(&line.message) {
                self.rated = self.rated.max(kw);
            }
            let seen = template::read(&line.message, self.rated);
            let bits = if seen.kind == Kind::Idle { 0.0 } else { rarity.surprise(&line.asset_id, &seen.template, now) };
            if seen.kind == Kind::Service {
                self.attended = Some(now);
            }
            read.push((*line, seen, bits, repeated.len()));
        }
        let mut news = false;
        for (line, seen, bits, repeats) in read {
            let notable = match seen.kind {
                Kind::Idle | Kind::Restricted | Kind::Service => false,
                Kind::Stop => true,
                Kind::Other => bits >= NOTABLE,
            };
            let place = self.episode(line, &seen.template, notable, now, log);
            let episode = &mut log.episodes[place];
            episode.lines += repeats as u64;
            news |= notable;
            if notable {
                episode.stopped |= seen.kind == Kind::Stop;
                self.signals.push((bits, seen.template.clone()));
                let rarest = self.signals.iter().map(|signal| signal.0).fold(0.0, f64::max);
                episode.rank = rarest + if episode.stopped { STOP } else { 0.0 };
            }
            if notable || !episode.notable {
                self.alive = now;
            }
            let repeats = u32::try_from(repeats).unwrap_or(u32::MAX);
            log.lines.push(FiledLine { line: line.clone(), template: seen.template, repeats, episode: place, incident: None });
        }
        // What was held back while somebody was there, or for the budget, is not told by the passing of time.
        if news {
            self.tell(now, busy, log, options);
        }
    }

    /// The episode a line goes to: the open one, or a new one.
    fn episode(&mut self, line: &LogLine, template: &str, notable: bool, now: Timestamp, log: &mut AlarmLog) -> usize {
        if let Some(open) = self.open
            && (log.episodes[open].notable || !notable)
        {
            return open;
        }
        if let Some(routine) = self.open {
            log.episodes[routine].closed_at = Some(now);
        }
        let place = log.episodes.len();
        log.episodes.push(LogEpisode {
            asset_id: line.asset_id.clone(),
            message: line.message.clone(),
            template: template.to_owned(),
            opened_at: now,
            closed_at: None,
            lines: 0,
            notable,
            stopped: false,
            rank: 0.0,
            notified: false,
            incident: None,
        });
        (self.open, self.told) = (Some(place), None);
        self.signals.clear();
        place
    }

    fn close_if_quiet(&mut self, now: Timestamp, log: &mut AlarmLog, options: &AlarmLogOptions) {
        let Some(open) = self.open else { return };
        if now.duration_since(self.alive) > options.gap {
            let end = self.alive.saturating_add(options.gap).unwrap_or(now);
            log.episodes[open].closed_at = Some(end);
            if let Some(incident) = self.told {
                log.incidents[incident].closed_at = Some(end);
            }
            (self.open, self.told) = (None, None);
        }
    }

    /// Tells the open episode if it is worth it, or tells more of it.
    fn tell(&mut self, now: Timestamp, busy: bool, log: &mut AlarmLog, options: &AlarmLogOptions) {
        let Some(open) = self.open else { return };
        let episode = &mut log.episodes[open];
        let needed = TELL + DEARER * (SAVED - self.budget);
        if self.told.is_none() {
            let attended = self.attended.is_some_and(|at| now.duration_since(at) <= SERVICE);
            if !episode.notable || busy || attended || now < options.tell_from || episode.rank < needed || self.budget < 1.0 {
                return;
            }
            self.budget -= 1.0;
            (episode.notified, episode.incident) = (true, Some(now));
            self.told = Some(log.incidents.len());
            let new = Incident::new(episode.asset_id.clone(), "controller", "controller_warning", episode.opened_at, now);
            log.incidents.push(Incident { detector: ALARM_LOG, ..new });
        }
        let Some(incident) = self.told.and_then(|told| log.incidents.get_mut(told)) else { return };
        incident.score = incident.score.max(episode.rank / TELL);
        incident.mode = if episode.stopped { "controller_stop" } else { "controller_warning" }.to_owned();
        let mut loudest: Vec<&(f64, String)> = self.signals.iter().filter(|signal| signal.0 > 0.0).collect();
        let rank = |bits: f64| (bits / ALIKE).round();
        loudest.sort_by(|a, b| rank(b.0).total_cmp(&rank(a.0)));
        loudest.truncate(SIGNALS);
        // The most telling line that names a part names it.
        let part = loudest.iter().map(|signal| component(&signal.1)).find(|part| *part != "controller");
        incident.component = part.unwrap_or("controller").to_owned();
        let total: f64 = loudest.iter().map(|signal| signal.0).sum();
        let evidence = loudest.iter().map(|(bits, template)| Evidence {
            signal: template.replace([',', ';', '"'], " "),
            quantity: Quantity::TURBINE_STATUS,
            observed: None,
            expected: None,
            share: bits / total,
        });
        incident.evidence = evidence.collect();
    }
}

/// Puts lines and episodes under incidents: those of other detectors first, then their episode's own.
fn file(log: &mut AlarmLog, others: &BTreeMap<&AssetId, Vec<&Incident>>) {
    let under = |asset: &AssetId, time: Timestamp| {
        let of = others.get(asset)?.iter();
        let covers = |i: &&&Incident| {
            let from = i.started_at.saturating_sub(BEFORE).unwrap_or(Timestamp::MIN);
            from <= time && i.closed_at.is_none_or(|closed| time <= closed)
        };
        of.filter(covers).map(|i| i.opened_at).min()
    };
    for episode in &mut log.episodes {
        if episode.incident.is_none() {
            episode.incident = under(&episode.asset_id, episode.opened_at);
        }
    }
    for filed in &mut log.lines {
        let own = log.episodes[filed.episode].incident.filter(|_| log.episodes[filed.episode].notified);
        filed.incident = own.or_else(|| under(&filed.line.asset_id, filed.line.time));
    }
}

#[cfg(test)]
mod tests;

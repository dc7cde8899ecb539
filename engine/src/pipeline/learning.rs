//! Which part of its past the watch of a plant is learnt from, and when it is learnt anew.
//!
//! In: the past there is, `now`. Out: the fitted watch and the telemetry from its first learnt row on. The period is kept in the ledger:
//! a restart learns the same again, and every cycle begins at the same row, so that an incident keeps its name. Learnt anew when the
//! past has doubled, when the period is old and nothing is open, when it is no longer stored, or when a machine came that it did not
//! know.

use super::Pipeline;
use super::PipelineError;
use super::PipelineOptions;
use super::forecasting::blocking;
use super::grid_time;
use super::resolution;
use crate::detect::FittedWatch;
use crate::detect::Watch;
use crate::detect::WatchOptions;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::Frame;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::store::ledger::LearntPeriod;
use jiff::SignedDuration;
use std::sync::Arc;

/// What is judged when a watch is learnt, at most: the newest part.
const JUDGED: SignedDuration = SignedDuration::from_hours(24 * 90);
/// A period this much longer ago than the history models see is old.
const OLD: SignedDuration = SignedDuration::from_hours(24 * 90);
/// An open incident keeps an old period for so long at most.
const WAITS: SignedDuration = SignedDuration::from_hours(24 * 365);
/// How often the period is thought about.
const LOOK: SignedDuration = SignedDuration::from_hours(24);

/// A fitted watch, and what it was learnt from.
#[derive(Debug, Clone)]
pub(super) struct Learnt {
    pub(super) watch: Arc<FittedWatch>,
    pub(super) period: LearntPeriod,
    /// When the period was last thought about.
    looked: Timestamp,
}

impl Pipeline {
    /// The fitted watch of a plant and its telemetry from the first learnt row up to `now`; `None` while there is too little to learn
    /// from.
    pub(super) async fn watch(
        &self,
        plant: &str,
        assets: &[Asset],
        now: Timestamp,
    ) -> Result<Option<(Learnt, Vec<Frame>)>, PipelineError> {
        let held = self.held(plant).await;
        if let Some(learnt) = held.as_ref().filter(|learnt| now.duration_since(learnt.looked) < LOOK) {
            let frames = self.telemetry(assets, learnt.period.from, now).await?;
            return Ok((!frames.is_empty()).then(|| (learnt.clone(), frames)));
        }
        // The ledger has what the cycles settled on; what a question about the past was answered with does not bind them.
        let known = match &self.ledger {
            Some(ledger) => ledger.learnt_period(plant).await?,
            None => held.as_ref().map(|learnt| learnt.period),
        };
        let frames = self.telemetry(assets, self.options.earliest(now), now).await?;
        let starts: Vec<Timestamp> = frames.iter().map(|frame| frame.start).collect();
        let Some(begin) = starts.iter().min().copied() else { return Ok(None) };
        let fresh = fresh(begin, now, &self.options);
        let outgrown = |period: &LearntPeriod, busy: bool| {
            fresh.is_some_and(|(_, until)| is_outgrown(period, &starts, until, now, busy, &self.options))
        };
        let period = match known {
            Some(period) if !outgrown(&period, self.is_busy(assets).await?) => period,
            _ => {
                let Some((from, until)) = fresh else { return Ok(None) };
                LearntPeriod { from, until: grid_time(until, resolution(&assets[0])), at: now }
            }
        };
        let frames = if period.from == begin { frames } else { self.telemetry(assets, period.from, now).await? };
        if let Some(learnt) = held.filter(|learnt| learnt.period == period) {
            let learnt = self.hold(plant, Learnt { looked: now, ..learnt }).await;
            return Ok(Some((learnt, frames)));
        }
        let options =
            WatchOptions { false_alarms_per_asset_year: self.options.false_alarms_per_asset_year, ..WatchOptions::default() };
        let (watch, frames) = blocking(plant, move || {
            let watch = Watch::fit(&frames, period.until, &options)?;
            Ok((Arc::new(watch), frames))
        })
        .await?;
        let learnt = self.hold(plant, Learnt { watch, period, looked: now }).await;
        Ok(Some((learnt, frames)))
    }

    /// The watch of a plant if it is fitted.
    pub(super) async fn held(&self, plant: &str) -> Option<Learnt> {
        self.watches.read().await.get(plant).cloned()
    }

    /// Notes in the ledger what the watch of a plant was learnt from, if that is news there.
    pub(super) async fn keep_period(&self, plant: &str) -> Result<(), PipelineError> {
        let (Some(ledger), Some(learnt)) = (&self.ledger, self.held(plant).await) else { return Ok(()) };
        if ledger.learnt_period(plant).await? != Some(learnt.period) {
            ledger.save_learnt_period(plant, &learnt.period).await?;
        }
        Ok(())
    }

    async fn hold(&self, plant: &str, learnt: Learnt) -> Learnt {
        self.watches.write().await.insert(plant.to_owned(), learnt.clone());
        learnt
    }

    /// Nothing where `now` lies before `from`.
    async fn telemetry(&self, assets: &[Asset], from: Timestamp, now: Timestamp) -> Result<Vec<Frame>, PipelineError> {
        let Some(first) = assets.first().filter(|_| from < now) else { return Ok(Vec::new()) };
        Ok(self.store.frames(assets, Some(TimeRange::new(from, now)?), resolution(first), None).await?)
    }

    /// True while something is open at one of the assets.
    async fn is_busy(&self, assets: &[Asset]) -> Result<bool, PipelineError> {
        let ids: Vec<AssetId> = assets.iter().map(|asset| asset.id.clone()).collect();
        let open = self.store.open_anomalies(&ids).await?;
        Ok(open.iter().any(|row| !crate::detect::INFORMATION.contains(&row.mode.as_str())))
    }
}

impl PipelineOptions {
    /// The first instant that a watch could be learnt from.
    fn earliest(&self, now: Timestamp) -> Timestamp {
        now.saturating_sub(self.history).unwrap_or(Timestamp::MIN)
    }
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// What would be learnt now from a past that begins at `begin`: all but the newest part of it.
fn fresh(begin: Timestamp, now: Timestamp, options: &PipelineOptions) -> Option<(Timestamp, Timestamp)> {
    let past = now.duration_since(begin);
    let learning = SignedDuration::from_secs_f64(past.as_secs_f64() * options.learning_share).max(past - JUDGED);
    (learning >= options.least_learning).then(|| (begin, later(begin, learning)))
}

/// True when `period` should give way to one that would end at `until`; `starts` are the first rows of the machines.
fn is_outgrown(
    period: &LearntPeriod,
    starts: &[Timestamp],
    until: Timestamp,
    now: Timestamp,
    busy: bool,
    options: &PipelineOptions,
) -> bool {
    let Some(begin) = starts.iter().min().copied() else { return false };
    let learnt = period.until.duration_since(period.from);
    let gone = later(begin, options.least_learning) > period.until;
    let doubled = until.duration_since(begin) >= 2 * learnt;
    let age = now.duration_since(period.from) - options.history;
    let old = age > if busy { WAITS } else { OLD };
    let newcomer = |start: &Timestamp| {
        let enough = |until| later(*start, options.least_learning) <= until;
        enough(until) && !enough(period.until)
    };
    gone || doubled || old || starts.iter().any(newcomer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::parse_time;

    fn day(day: i64) -> Timestamp {
        later(parse_time("2026-01-01T00:00:00Z").unwrap(), SignedDuration::from_hours(24 * day))
    }

    #[test]
    fn a_period_is_kept_until_the_past_has_doubled_or_it_is_old_or_a_machine_came() {
        let options = PipelineOptions::default();
        assert_eq!(fresh(day(0), day(49), &options), None, "0.6 of 49 days are fewer than 30");
        let (from, until) = fresh(day(0), day(60), &options).unwrap();
        assert_eq!((from, until), (day(0), day(36)));
        let period = LearntPeriod { from, until, at: day(60) };
        let due = |starts: &[Timestamp], now: i64, busy: bool| {
            let begin = starts.iter().min().copied().unwrap().max(options.earliest(day(now)));
            is_outgrown(&period, starts, fresh(begin, day(now), &options).unwrap().1, day(now), busy, &options)
        };
        assert!(!due(&[day(0)], 110, false), "66 days against 36");
        assert!(due(&[day(0)], 120, false), "72 days against 36");
        // 400 days end 90 days before now, where the newest part begins.
        let whole = fresh(day(0), day(400), &options).unwrap();
        assert_eq!(whole, (day(0), day(310)));
        let period = LearntPeriod { from: whole.0, until: whole.1, at: day(400) };
        let due = |starts: &[Timestamp], now: i64, busy: bool| {
            let held: Vec<Timestamp> = starts.iter().map(|start| (*start).max(options.earliest(day(now)))).collect();
            let until = fresh(*held.iter().min().unwrap(), day(now), &options).unwrap().1;
            is_outgrown(&period, &held, until, day(now), busy, &options)
        };
        assert!(!due(&[day(0), day(0)], 490, false));
        assert!(due(&[day(0), day(0)], 491, false), "old");
        assert!(!due(&[day(0), day(0)], 520, true), "old, but something is open");
        assert!(!due(&[day(0), day(350)], 460, false), "20 days of the newcomer would be learnt");
        assert!(due(&[day(0), day(350)], 471, false), "31 days of the newcomer would be learnt");
        assert!(due(&[day(290)], 410, false), "what was learnt is no longer there");
    }
}

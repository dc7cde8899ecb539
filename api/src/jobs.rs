//! The clock and everything that runs by it: new forecasts every hour, a watch cycle every hour, refits every week or when errors drift,
//! the outbox, InfluxDBs, live connections.
//!
//! The only place that decides *when*; *what* is done lives in the pipeline. Time is the site's: the wall clock, or the demo's,
//! which runs faster. A cycle that fails is logged with its asset and tried again in the next round.

mod forecasts;
mod influx_read;
mod influx_write;
mod plants;
mod upkeep;

use crate::delivery::deliver_until_stopped;
use crate::hub::Event;
use crate::state::AppState;
use engine::domain::Timestamp;
use engine::pipeline::Pipeline;
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What time it is for the site. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Pace>);

#[derive(Debug)]
enum Pace {
    Wall,
    Played { from: Timestamp, since: Instant, speed: f64 },
}

impl Clock {
    /// The wall clock.
    pub fn wall() -> Self {
        Self(Arc::new(Pace::Wall))
    }

    /// A clock that shows `from` now and runs `speed` times as fast as the wall's.
    pub fn played(from: Timestamp, speed: f64) -> Self {
        Self(Arc::new(Pace::Played { from, since: Instant::now(), speed }))
    }

    /// The time it is.
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Pace::Wall => Timestamp::now(),
            Pace::Played { from, since, speed } => {
                let passed = SignedDuration::try_from(since.elapsed().mul_f64(*speed)).unwrap_or(SignedDuration::ZERO);
                from.saturating_add(passed).unwrap_or(*from)
            }
        }
    }

    /// How long a stretch of site time takes on the wall, at most `longest`.
    fn real(&self, site: SignedDuration, longest: Duration) -> Duration {
        let real = Duration::try_from(site).unwrap_or(Duration::ZERO);
        let real = match &*self.0 {
            Pace::Wall => real,
            Pace::Played { speed, .. } => real.div_f64(speed.max(1e-3)),
        };
        real.clamp(Duration::from_millis(200), longest)
    }
}

/// How often things are done, in site time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Between forecasts.
    pub forecast_every: SignedDuration,
    /// Between refits of the forecast models; each is judged anew by the naive gate.
    pub refit_every: SignedDuration,
    /// How far back issues that were missed while the program was down are made up.
    pub make_up: SignedDuration,
    /// Between watch cycles.
    pub watch_every: SignedDuration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            forecast_every: SignedDuration::from_hours(1),
            refit_every: SignedDuration::from_hours(24 * 7),
            make_up: SignedDuration::from_hours(48),
            watch_every: SignedDuration::from_hours(1),
        }
    }
}

/// Starts all jobs; they end when `state.stopping` is cancelled. Forecasts of the past instants `looking_back` are made
/// first, for a page that would otherwise have nothing to compare.
pub fn start(state: &AppState, pipeline: &Pipeline, clock: &Clock, schedule: &Schedule, looking_back: Vec<Timestamp>) {
    // Before anything is issued, so that it hears everything.
    influx_write::start(state);
    influx_read::start(state);
    plants::start(state);
    tokio::spawn(forecasts::run(state.clone(), pipeline.clone(), clock.clone(), schedule.clone(), looking_back));
    tokio::spawn(watches(state.clone(), pipeline.clone(), clock.clone(), schedule.watch_every));
    tokio::spawn(keys(state.clone()));
    tokio::spawn(upkeep::run(state.clone(), clock.clone()));
    match state.outbox() {
        Ok(outbox) => drop(tokio::spawn(deliver_until_stopped(state.clone(), outbox))),
        Err(error) => tracing::error!(%error, "webhooks are off"),
    }
}

/// Keys that `chergui key` made or withdrew meanwhile.
async fn keys(state: AppState) {
    loop {
        tokio::select! {
            () = state.stopping.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(20)) => {}
        }
        if let Err(error) = state.authority.reload().await {
            tracing::error!(%error, "the API keys could not be read again");
        }
    }
}

async fn watches(state: AppState, pipeline: Pipeline, clock: Clock, every: SignedDuration) {
    loop {
        watch_round(&state, &pipeline, clock.now()).await;
        if !next_round(&state, &clock, every).await {
            return;
        }
    }
}

/// How long to wait after so many failures in a row, at least one: a second, then twice as long each time, up to five minutes.
fn back_off(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(16)).min(Duration::from_secs(300))
}

/// Waits for the next multiple of `every` in site time; false when the server stops.
async fn next_round(state: &AppState, clock: &Clock, every: SignedDuration) -> bool {
    let step = every.as_secs().max(1);
    let next = (clock.now().as_second().div_euclid(step) + 1).saturating_mul(step);
    let due = Timestamp::from_second(next).unwrap_or(Timestamp::MAX);
    loop {
        let left = due.duration_since(clock.now());
        if left <= SignedDuration::ZERO {
            return true;
        }
        tokio::select! {
            () = state.stopping.cancelled() => return false,
            () = tokio::time::sleep(clock.real(left, Duration::from_secs(60))) => {}
        }
    }
}

/// One round of the watch: incidents stored, and raised as alerts where people should hear of them.
async fn watch_round(state: &AppState, pipeline: &Pipeline, now: Timestamp) {
    let cycle = pipeline.watch_cycle(now).await;
    for (plant, error) in cycle.failures {
        tracing::warn!(plant, %error, "not watched");
    }
    match state.alerts.take_in_round(&cycle.incidents, &state.store.assets(), &cycle.judged, now).await {
        Ok(round) => {
            for error in round.refused {
                tracing::error!(%error, "alert could not be kept");
            }
        }
        Err(error) => tracing::error!(%error, "alerts could not be kept; the next round tries again"),
    }
    state.hub.publish(Event::Telemetry { now });
}

#[cfg(test)]
mod tests {
    use super::{Duration, back_off};

    #[test]
    fn waits_double_up_to_five_minutes() {
        let seconds = [1, 2, 9, 10, u32::MAX].map(|failures| back_off(failures).as_secs());
        assert_eq!(seconds, [1, 2, 256, 300, 300]);
        assert_eq!(back_off(0), Duration::from_secs(1));
    }
}

//! Cycles on a real store: nothing lost by keeping rows, models that outlive the process, hours made up for, drift, fall-backs.

use super::Pipeline;
use crate::domain::{
    Asset, AssetId, AssetKind, Forecast, NoteCode, Quantity, Readings, Timestamp, from_micros, micros, parse_time,
};
use crate::pipeline::PipelineOptions;
use crate::store::ledger::{FitReason, Ledger};
use crate::store::{Store, StoreOptions};
use jiff::SignedDuration;
use std::collections::BTreeSet;
use tempfile::TempDir;

const HOUR: i64 = 3_600_000_000;
const EVERY: SignedDuration = SignedDuration::from_hours(1);
const WEEK: SignedDuration = SignedDuration::from_hours(24 * 7);

struct Place {
    home: TempDir,
    store: Store,
}

fn start() -> i64 {
    micros(parse_time("2026-01-05T00:00:00Z").unwrap())
}

fn at(hour: i64) -> Timestamp {
    from_micros(start() + hour * HOUR)
}

fn noise(i: i64) -> f64 {
    crate::features::sample::noise(usize::try_from(i + 1000).unwrap())
}

fn load(hour: i64) -> f64 {
    1000.0 + 200.0 * (hour as f64 / 24.0 * std::f64::consts::TAU).sin() + 20.0 * noise(hour)
}

/// Rows of an asset at these hours, each known `late` hours after its end.
async fn put(store: &Store, id: &str, hours: impl Iterator<Item = i64>, late: i64, value: impl Fn(i64) -> f64) {
    let hours: Vec<i64> = hours.collect();
    let times = hours.iter().map(|hour| start() + hour * HOUR).collect();
    let known = hours.iter().map(|hour| start() + (hour + 1 + late) * HOUR).collect();
    let values = hours.iter().map(|hour| Some(value(*hour))).collect();
    let ids = vec![id.to_owned(); hours.len()];
    let rows = Readings::from_columns(AssetKind::Region, times, ids, known, vec![(Quantity::LOAD, values)]).unwrap();
    store.append(rows).await.unwrap();
}

impl Place {
    async fn with(ids: &[&str], days: i64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions::new(home.path().join("store"))).await.unwrap();
        let asset = |id: &&str| {
            let mut asset = Asset::new(AssetId::parse(id).unwrap(), AssetKind::Region);
            asset.attributes.insert("resolution".into(), "PT1H".into());
            asset
        };
        store.upsert_assets(ids.iter().map(asset).collect()).await.unwrap();
        for id in ids {
            put(&store, id, 0..days * 24, 0, load).await;
        }
        Self { home, store }
    }

    /// A pipeline as a process that just started has it.
    async fn pipeline(&self) -> Pipeline {
        let ledger = Ledger::open(self.home.path()).await.unwrap();
        self.alone().registered(ledger)
    }

    fn alone(&self) -> Pipeline {
        let options = PipelineOptions { history: SignedDuration::from_hours(24 * 45), ..PipelineOptions::default() };
        Pipeline::new(self.store.clone(), PipelineOptions { horizon: SignedDuration::from_hours(30), ..options })
    }

    fn asset(&self, id: &str) -> Asset {
        self.store.asset(&AssetId::parse(id).unwrap()).unwrap()
    }

    async fn stored(&self, id: &str, hour: i64) -> Option<Forecast> {
        self.store.forecast_issued(&AssetId::parse(id).unwrap(), &Quantity::LOAD, at(hour)).await.unwrap()
    }
}

#[tokio::test]
async fn rows_that_were_kept_are_those_that_would_be_read() {
    let place = Place::with(&["A", "B"], 50).await;
    let kept = place.alone();
    let asset = place.asset("A");
    let end = 50 * 24;
    let check = async |hour: i64| {
        let one = kept.target(&asset, &Quantity::LOAD, at(hour)).await.unwrap();
        let two = place.alone().target(&asset, &Quantity::LOAD, at(hour)).await.unwrap();
        assert_eq!(format!("{one:?}"), format!("{two:?}"), "at {hour}");
    };
    check(end).await;
    for hour in 0..100 {
        put(&place.store, "A", end + hour..end + hour + 1, 0, load).await;
        match hour {
            10 => put(&place.store, "B", end..end + 7, 3, load).await,
            20 => put(&place.store, "A", [end - 400, end + 3].into_iter(), 30, |_| 1.0).await,
            40 => place.store.flush().await.unwrap(),
            60 => put(&place.store, "B", [-30, end + 30].into_iter(), 0, load).await,
            _ => {}
        }
        if hour % 9 == 0 || [10, 20, 21, 60].contains(&hour) {
            check(end + hour + 1).await;
        }
    }
    // The past of the last days comes from what is kept, older times from the store, and neither spoils the next cycle.
    for hour in [end + 60, end - 200, end + 99, end + 100] {
        check(hour).await;
    }
}

#[tokio::test]
async fn a_restart_serves_the_same_model_at_once() {
    let place = Place::with(&["A"], 50).await;
    let first = place.pipeline().await;
    let now = 50 * 24;
    let cycle = first.forecast_cycle(at(now)).await;
    assert_eq!(cycle.verdicts.iter().map(|(_, reason)| *reason).collect::<Vec<_>>(), [FitReason::First]);
    assert!(cycle.issued[0].notes.is_empty() && cycle.failures.is_empty(), "{cycle:?}");
    put(&place.store, "A", now..now + 1, 0, load).await;
    let second = place.pipeline().await;
    let again = second.forecast_cycle(at(now + 1)).await;
    assert!(again.verdicts.is_empty(), "nothing is fitted after a restart");
    assert_eq!(again.issued[0].model_version, cycle.issued[0].model_version);
    let (without, _) = {
        let issue = super::Issue {
            asset: place.asset("A"),
            quantity: Quantity::LOAD,
            at: at(now + 1),
            horizon: SignedDuration::from_hours(30),
            quantiles: crate::domain::Quantile::deciles(),
        };
        first.issue(&issue).await.unwrap()
    };
    assert_eq!(without, again.issued[0], "the same bytes as without the restart");
    let ledger = Ledger::open(place.home.path()).await.unwrap();
    let rows = ledger.models(None, None).await.unwrap();
    assert_eq!((rows.len(), rows[0].served, rows[0].reason), (1, true, FitReason::First));
    assert_eq!(rows[0].version, again.issued[0].model_version);
    // Without its bytes the model is fitted from the same data, and is the same.
    let anew = place.alone().forecast_cycle(at(now)).await;
    assert_eq!(anew.issued[0], cycle.issued[0]);
    // The schedule goes by when it was fitted, whoever fitted it.
    let third = place.pipeline().await;
    third.forecast_cycle(at(now + 2)).await;
    assert!(third.refit_cycle(at(now + 2), WEEK).await.verdicts.is_empty());
    put(&place.store, "A", now + 1..now + 7 * 24, 0, load).await;
    let later = third.refit_cycle(at(now + 7 * 24), WEEK).await;
    assert_eq!(later.verdicts.iter().map(|(_, reason)| *reason).collect::<Vec<_>>(), [FitReason::Scheduled]);
    assert!(third.refit_cycle(at(now + 7 * 24 + 1), WEEK).await.verdicts.is_empty());
}

#[tokio::test]
async fn hours_that_were_missed_are_made_up_once_as_known_then() {
    let place = Place::with(&["A", "B"], 50).await;
    let now = 50 * 24;
    let before = place.pipeline().await;
    before.forecast_cycle(at(now)).await;
    drop(before);
    // Six hours pass; a row of the third comes a day late.
    put(&place.store, "A", (now..now + 6).filter(|hour| *hour != now + 2), 0, load).await;
    put(&place.store, "A", std::iter::once(now + 2), 24, load).await;
    put(&place.store, "B", now..now + 6, 0, load).await;
    let after = place.pipeline().await;
    let start = at(now + 6).checked_add(SignedDuration::from_mins(25)).unwrap();
    assert_eq!(after.forecast_cycle(start).await.issued.len(), 2);
    let back = SignedDuration::from_hours(48);
    let missed = after.missed(start, EVERY, back).await.unwrap();
    let times: Vec<Timestamp> = missed.iter().map(|missed| missed.at).collect();
    assert_eq!(times, [5, 4, 3, 2, 1].map(|hour| at(now + hour)), "newest first; the sixth is the one just issued");
    for one in missed {
        let cycle = after.make_up(one).await;
        assert_eq!((cycle.issued.len(), cycle.verdicts.len(), cycle.failures.len()), (2, 0, 0));
    }
    assert!(after.missed(start, EVERY, back).await.unwrap().is_empty());
    for id in ["A", "B"] {
        let asset = AssetId::parse(id).unwrap();
        let issues = place.store.issues(&asset, &Quantity::LOAD, 100).await.unwrap();
        let all: BTreeSet<Timestamp> = (0..=6).map(|hour| at(now + hour)).collect();
        assert_eq!((issues.len(), issues.into_iter().collect::<BTreeSet<_>>()), (7, all));
    }
    // As known then: the row that came a day late is not, and nothing of later hours.
    let made_up = place.stored("A", now + 4).await.unwrap();
    let other = Place::with(&["A", "B"], 50).await;
    put(&other.store, "A", [now, now + 1, now + 3].into_iter(), 0, load).await;
    put(&other.store, "A", std::iter::once(now + 2), 24, load).await;
    put(&other.store, "B", now..now + 4, 0, load).await;
    let then = other.pipeline().await;
    then.forecast_cycle(at(now)).await;
    let known = then.forecast_cycle(at(now + 4)).await;
    let asset = AssetId::parse("A").unwrap();
    assert_eq!(Some(&made_up), known.issued.iter().find(|forecast| forecast.asset_id == asset));
}

#[tokio::test]
async fn drifted_errors_lead_to_a_refit_and_not_more_than_one_a_day() {
    let place = Place::with(&["A"], 50).await;
    let pipeline = place.pipeline().await;
    let now = 50 * 24;
    let mut found = Vec::new();
    for hour in now..now + 72 {
        pipeline.forecast_cycle(at(hour)).await;
        // A third of the consumption leaves.
        put(&place.store, "A", hour..hour + 1, 0, |hour| 0.66 * load(hour)).await;
        for (_, reason) in pipeline.refit_cycle(at(hour), WEEK).await.verdicts {
            found.push((hour - now, reason));
        }
    }
    assert!(!found.is_empty() && found.iter().all(|(_, reason)| *reason == FitReason::Drift), "{found:?}");
    assert!((24..48).contains(&found[0].0), "a day until there is truth of a day ahead, then a few hours: {found:?}");
    assert!(found.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 24), "{found:?}");
    let rows = Ledger::open(place.home.path()).await.unwrap().models(None, None).await.unwrap();
    assert_eq!((rows[0].reason, rows.iter().filter(|row| row.served).count()), (FitReason::Drift, 1));
}

#[tokio::test]
async fn something_is_issued_whenever_anything_is_known() {
    let place = Place::with(&["old", "young", "never"], 0).await;
    let now = 40 * 24;
    put(&place.store, "old", 0..now, 0, load).await;
    put(&place.store, "young", now - 20..now, 0, load).await;
    let pipeline = place.pipeline().await;
    let codes = |cycle: &super::ForecastCycle, id: &str| -> Vec<NoteCode> {
        let found = cycle.issued.iter().find(|forecast| forecast.asset_id.as_str() == id).unwrap();
        assert!(found.values.iter().flatten().all(|value| value.is_finite()) && found.values.len() == 30);
        found.notes.iter().map(|note| note.code).collect()
    };
    let cycle = pipeline.forecast_cycle(at(now)).await;
    assert_eq!((codes(&cycle, "old"), codes(&cycle, "young")), (vec![], vec![NoteCode::LittleHistory]));
    assert_eq!(cycle.failures.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["never"]);
    // Telemetry stops for half a day: the note is stored with the forecast.
    let stale = pipeline.forecast_cycle(at(now + 12)).await;
    assert_eq!(codes(&stale, "old"), [NoteCode::TelemetryStale]);
    let stored = place.stored("old", now + 12).await.unwrap();
    assert_eq!((stored.notes[0].code, stored.notes[0].since), (NoteCode::TelemetryStale, Some(at(now))));
    assert_eq!(place.stored("old", now).await.unwrap().notes, []);
    // A refit that fails leaves the model before in its place, and the next forecast says so.
    let failing = at(now + 24 * 44);
    assert_eq!(pipeline.refit_cycle(failing, WEEK).await.failures.len(), 1);
    let after = pipeline.forecast_cycle(failing).await;
    assert!(codes(&after, "old").contains(&NoteCode::ModelUnavailable), "{:?}", after.issued);
}

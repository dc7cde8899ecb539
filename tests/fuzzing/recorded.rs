//! What live sources made of a recording, for targets to compare; promises that hold for every one of them are checked on the way.
//!
//! In: [`Replayed`]. Out: values by asset, quantity and time, everything else as text.

use connectors::live::Link;
use connectors::live::Points;
use connectors::live::Replayed;
use engine::domain::Quantities;
use engine::domain::Readings;
use engine::domain::Timestamp;
use engine::domain::from_micros;
use engine::source::Rows;
use std::collections::BTreeMap;
use std::sync::Arc;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000_000;
/// How far a source's clock may be ahead.
const AHEAD: i64 = 600_000_000;
/// A clock before 2000-01-01 was never set.
const NEVER_SET: i64 = 946_684_800_000_000;

/// Bits of a value by asset, quantity and time.
pub type Values = BTreeMap<(String, String, i64), u64>;

/// What a recording held.
#[derive(Debug, PartialEq, Eq)]
pub struct Held {
    /// Values that are some.
    pub values: Values,
    /// Flags and events.
    pub others: Vec<String>,
    /// Reasons and details.
    pub rejects: Vec<(&'static str, String)>,
    /// Why the line would have been given up.
    pub broken: Option<String>,
}

fn now() -> Timestamp {
    from_micros(NOW)
}

/// A connection whose clock stands.
pub fn link() -> Link {
    Link::new("fuzz", now)
}

/// A points file.
pub fn points(text: &str) -> Arc<Points> {
    Arc::new(Points::parse(text, "fuzz.toml", &Quantities::standard()).expect("the points are valid"))
}

/// Takes it apart.
pub fn held(replayed: &Replayed) -> Held {
    let (mut values, mut others) = (Values::new(), Vec::new());
    for rows in &replayed.rows {
        match rows {
            Rows::Readings(readings) => {
                assert_eq!(Readings::new(readings.kind(), readings.batch().clone()).as_ref(), Ok(readings), "the slow door agrees");
                for quantity in readings.quantities() {
                    let Some(column) = readings.values(&quantity) else { continue };
                    for (row, value) in column.iter().enumerate() {
                        let time = readings.times().value(row);
                        assert!((NEVER_SET..=NOW + AHEAD).contains(&time), "{time} is no time of a clock that is set");
                        let Some(value) = value else { continue };
                        assert!(value.is_finite(), "a value that is none is null");
                        values.insert((readings.asset_ids().value(row).into(), quantity.name().into(), time), value.to_bits());
                    }
                }
            }
            Rows::Other(table, batch) => {
                others.extend((0..batch.num_rows()).map(|row| format!("{table:?} {:?}", batch.slice(row, 1).columns())));
            }
            Rows::Assets(_) => {}
        }
    }
    for reject in &replayed.rejects {
        assert!(!reject.reason.is_empty() && !reject.detail.is_empty(), "a reject says why: {reject:?}");
    }
    let rejects = replayed.rejects.iter().map(|reject| (reject.reason, reject.detail.clone())).collect();
    assert!(replayed.broken.as_ref().is_none_or(|why| why.len() > 10), "what is broken is said: {:?}", replayed.broken);
    Held { values, others, rejects, broken: replayed.broken.clone() }
}

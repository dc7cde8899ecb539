//! Verdicts that were given once and are found again: the day a level began must not wander from one cycle to the next.
//!
//! In: a flag and what is stored about that series. Out: the flag under the time it was first stored with.

use super::QualityFlag;
use super::Reason;
use crate::domain::FlaggedValue;
use crate::domain::Timestamp;
use jiff::SignedDuration;

/// Levels nearer to each other than this are one.
const SAME_LEVEL: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Stretches nearer to each other than this are one.
const SAME_STRETCH: SignedDuration = SignedDuration::from_hours(24);

/// The flag as it was settled before, where one of the same reason is stored near it: with that one's time, and the later end.
#[must_use]
pub fn settle(mut flag: QualityFlag, stored: &[FlaggedValue]) -> QualityFlag {
    let slack = if flag.reason == Reason::Shift { SAME_LEVEL } else { SAME_STRETCH };
    let first = flag.time.saturating_sub(slack).unwrap_or(Timestamp::MIN);
    let last = flag.until.unwrap_or(flag.time).saturating_add(slack).unwrap_or(Timestamp::MAX);
    let same =
        |held: &&FlaggedValue| held.reason == flag.reason.name() && held.time <= last && held.until.unwrap_or(held.time) >= first;
    if let Some(held) = stored.iter().find(same) {
        if held.time != flag.time {
            // The value at another time is not known here; a null does not erase the stored one.
            flag.raw_value = f64::NAN;
        }
        flag.until = flag.until.max(held.until);
        flag.time = held.time;
    }
    flag
}

#[cfg(test)]
mod tests {
    use super::super::{QualityFlag, Reason};
    use super::settle;
    use crate::domain::{AssetId, FlaggedValue, Quality, Quantity, Timestamp, parse_time};

    fn time(day: &str) -> Timestamp {
        parse_time(&format!("{day}T00:00:00Z")).unwrap()
    }

    fn flag(reason: Reason, from: &str, until: Option<&str>) -> QualityFlag {
        QualityFlag {
            asset: AssetId::parse("I1").unwrap(),
            quantity: Quantity::ACTIVE_POWER,
            time: time(from),
            until: until.map(time),
            quality: reason.quality(),
            reason,
            raw_value: 1.0,
        }
    }

    fn held(reason: Reason, from: &str, until: Option<&str>) -> FlaggedValue {
        let (time, until) = (time(from), until.map(time));
        FlaggedValue { time, until, quality: Quality::Questionable, reason: reason.name().into() }
    }

    #[test]
    fn what_was_said_stays_and_only_grows() {
        let stored = [held(Reason::Stale, "2026-03-01", None), held(Reason::Shift, "2026-03-01", None)];
        let again = settle(flag(Reason::Shift, "2026-03-04", None), &stored);
        assert!(again.time == time("2026-03-01") && again.raw_value.is_nan());
        assert_eq!(settle(flag(Reason::Shift, "2026-06-04", None), &stored).time, time("2026-06-04"));
        let stored = [held(Reason::TimeShift, "2026-03-01", Some("2026-03-09"))];
        let longer = settle(flag(Reason::TimeShift, "2026-03-02", Some("2026-03-12")), &stored);
        assert_eq!((longer.time, longer.until), (time("2026-03-01"), Some(time("2026-03-12"))));
        let shorter = settle(flag(Reason::TimeShift, "2026-03-01", Some("2026-03-07")), &stored);
        assert_eq!((shorter.until, shorter.raw_value), (Some(time("2026-03-09")), 1.0));
    }
}

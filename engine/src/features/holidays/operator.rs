//! What the operator knows better than the calendar: days of the configuration, and holidays among the annotations.
//!
//! In: a [`Target`]. Out: the [`HolidayCalendar`] of its zone with the operator's days, each from when it was known. An annotation on
//! an asset holds for it and all below it; it is about the civil days it covers for twelve hours or more.

use super::{DayOverride, HolidayCalendar, days};
use crate::domain::{Annotation, AnnotationKind, DomainError, Timestamp, micros, time_zone};
use crate::features::{FeatureError, Target};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// Least part of a civil day an annotation covers to be about it, in microseconds.
const HALF_A_DAY: i64 = 12 * 3_600_000_000;
/// Longest annotation whose days are all taken.
const MOST_DAYS: usize = 366;

/// A row of the operator's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorDay {
    /// Where it holds, ISO 3166 (see [`HolidayCalendar::country`]); `None` is everywhere.
    pub country: Option<String>,
    /// What is so.
    pub day: DayOverride,
}

impl DayOverride {
    /// The words for kinds of days.
    pub const KINDS: [&'static str; 5] = ["holiday", "working_day", "ramadan", "eid_al_fitr", "eid_al_adha"];

    /// What `kind` says about `date`: a holiday, a working day, or the first day of Ramadan or of an Eid.
    ///
    /// # Errors
    /// [`DomainError::Choice`] for another word.
    pub fn named(kind: &str, date: Date) -> Result<Self, DomainError> {
        Ok(match kind {
            "holiday" => Self::Holiday(date),
            "working_day" => Self::WorkingDay(date),
            "ramadan" => Self::MonthBegins { month: 9, first: date },
            "eid_al_fitr" => Self::MonthBegins { month: 10, first: date },
            // The tenth of Dhu al-Hijja.
            "eid_al_adha" => Self::MonthBegins { month: 12, first: date.checked_sub(days(9)).unwrap_or(date) },
            other => {
                let known = "holiday, working_day, ramadan, eid_al_fitr, eid_al_adha";
                return Err(DomainError::Choice { field: "kind of day", text: other.into(), known });
            }
        })
    }
}

impl HolidayCalendar {
    /// The calendar of a target's zone, with the operator's days and the holidays noted by `newest`.
    ///
    /// # Errors
    /// [`FeatureError::TimeZone`].
    pub(crate) fn of(target: &Target, newest: Timestamp) -> Result<Self, FeatureError> {
        let asset = &target.frame.asset;
        let calendar = Self::of_zone(&asset.timezone);
        let (said, country) = (&target.circumstances, calendar.country());
        let here = |day: &OperatorDay| day.country.as_deref().is_none_or(|code| country == Some(code));
        let calendar = calendar.with_overrides(said.days.iter().filter(|day| here(day)).map(|day| day.day).collect());
        let about = |annotation: &&Annotation| {
            let holds = annotation.asset.as_ref().is_none_or(|id| *id == asset.id || said.above.contains(id));
            annotation.kind == AnnotationKind::Holiday && holds
        };
        let mut noted: Vec<&Annotation> = Annotation::known_at(&said.annotations, newest).into_iter().filter(about).collect();
        if noted.is_empty() {
            return Ok(calendar);
        }
        noted.sort_by_key(|annotation| annotation.available_at);
        let zone = time_zone(&asset.timezone)
            .map_err(|_| FeatureError::TimeZone { asset: asset.id.to_string(), zone: asset.timezone.clone() })?;
        let rows = noted.iter().flat_map(|annotation| {
            let from = zone.to_datetime(annotation.available_at);
            days_of(annotation, &zone).into_iter().map(move |day| (day, from))
        });
        Ok(calendar.with_announcements(rows.collect()))
    }
}

/// What an annotation says: the text `ramadan`, `eid_al_fitr`, `eid_al_adha` names what begins on its first day, `working_day` takes
/// holidays away; anything else makes them.
fn days_of(annotation: &Annotation, zone: &TimeZone) -> Vec<DayOverride> {
    let covered = |date: &Date| {
        let midnight = |date: Date| zone.to_ambiguous_timestamp(date.to_datetime(Time::midnight())).compatible().ok().map(micros);
        let (Some(from), Some(to)) = (midnight(*date), date.tomorrow().ok().and_then(midnight)) else { return false };
        let end = annotation.end.map_or(i64::MAX, micros);
        end.min(to).saturating_sub(micros(annotation.start).max(from)) >= HALF_A_DAY
    };
    let first = zone.to_datetime(annotation.start).date();
    let dates = first.series(days(1)).take(MOST_DAYS);
    let last = annotation.end.map_or(first, |end| zone.to_datetime(end).date());
    let dates: Vec<Date> = dates.take_while(|date| *date <= last).filter(covered).collect();
    let word = annotation.text.trim();
    match DayOverride::named(word, first) {
        Ok(DayOverride::MonthBegins { .. }) => {
            dates.first().and_then(|date| DayOverride::named(word, *date).ok()).into_iter().collect()
        }
        Ok(DayOverride::WorkingDay(_)) => dates.into_iter().map(DayOverride::WorkingDay).collect(),
        _ => dates.into_iter().map(DayOverride::Holiday).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Annotation, AnnotationKind, Date, DayOverride, HolidayCalendar, OperatorDay, Target, Timestamp};
    use crate::domain::AssetId;
    use crate::features::{Context, sample};
    use jiff::civil::date;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn holiday(asset: Option<&str>, (start, end): (&str, &str), text: &str, known: &str) -> Annotation {
        Annotation {
            asset: asset.map(|id| AssetId::parse(id).unwrap()),
            kind: AnnotationKind::Holiday,
            start: time(start),
            end: Some(time(end)),
            capacity_kw: None,
            text: text.into(),
            available_at: time(known),
            withdrawn: false,
            author: None,
        }
    }

    /// A town in Morocco.
    fn town(annotations: Vec<Annotation>) -> Target {
        let mut target = sample::load(30);
        target.frame.asset.timezone = "Africa/Casablanca".into();
        target.circumstances.above = vec![AssetId::parse("north").unwrap(), AssetId::parse("morocco").unwrap()];
        target.circumstances.annotations = annotations;
        target
    }

    fn holidays(target: &Target, newest: &str, days: &[Date]) -> Vec<f32> {
        let calendar = HolidayCalendar::of(target, time(newest)).unwrap();
        days.iter().map(|day| calendar.day(*day, date(2099, 1, 1).to_datetime(jiff::civil::Time::midnight())).holiday).collect()
    }

    #[test]
    fn a_holiday_holds_for_all_below_and_for_the_civil_days_it_covers_by_half() {
        let known = "2021-01-10T00:00:00Z";
        let days = [date(2021, 1, 19), date(2021, 1, 20), date(2021, 1, 21), date(2021, 1, 22)];
        let of = |asset, text| town(vec![holiday(asset, ("2021-01-20T00:00:00Z", "2021-01-22T00:00:00Z"), text, known)]);
        for asset in [Some("sample"), Some("morocco"), None] {
            assert_eq!(holidays(&of(asset, "mourning"), known, &days), [0.0, 1.0, 1.0, 0.0], "{asset:?}");
        }
        assert_eq!(holidays(&of(Some("south"), ""), known, &days), [0.0; 4]);
        assert_eq!(holidays(&of(None, ""), "2021-01-09T00:00:00Z", &days), [0.0; 4], "not yet known");
        let manifesto = holiday(None, ("2021-01-11T00:00:00Z", "2021-01-12T00:00:00Z"), "working_day", known);
        assert_eq!(holidays(&town(vec![manifesto]), known, &[date(2021, 1, 11)]), [0.0]);
    }

    #[test]
    fn a_feast_sighted_on_the_evening_moves_from_when_it_was_said() {
        // Ramadan of 2021 began on 13 or 14 April; here somebody says the 14th on the evening of the 12th, once too early.
        let said = "2021-04-12T19:30:00Z";
        let mut target = town(vec![holiday(Some("morocco"), ("2021-04-14T00:00:00Z", "2021-04-15T00:00:00Z"), "ramadan", said)]);
        target.frame.start = time("2021-04-01T00:00:00Z");
        let ramadan = |target: &Target, origin: &str| {
            let context = Context::new(target, 48, &[time("2021-04-13T00:00:00Z")]).unwrap();
            let at = |text: &str| context.index(time(text)).unwrap();
            ["2021-04-13T12:00:00Z", "2021-04-14T12:00:00Z"].map(|noon| context.calendar.seen(at(noon), at(origin)).kind.ramadan)
        };
        assert_eq!(ramadan(&target, "2021-04-12T19:00:00Z"), [0.5, 1.0]);
        assert_eq!(ramadan(&target, "2021-04-12T20:00:00Z"), [0.0, 1.0]);
        target.circumstances.annotations.clear();
        target.circumstances.days =
            vec![OperatorDay { country: Some("MA".into()), day: DayOverride::named("ramadan", date(2021, 4, 13)).unwrap() }];
        assert_eq!(ramadan(&target, "2021-04-12T20:00:00Z"), [1.0, 1.0]);
    }
}

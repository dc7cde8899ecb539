//! A maintenance plan as iCalendar (RFC 5545), for the calendars of the crews.
//!
//! In: a plan, a language, the time it is. Out: text, one event per visit. Times are instants in UTC: a calendar shows them by its own
//! clock, and no copy of a time zone's rules goes along that would be wrong after the next change of law. An event keeps its name
//! (`UID`) while its alert lives, so a newer plan moves it instead of adding another.

use engine::alert::InThreeLanguages;
use engine::domain::Timestamp;
use engine::pipeline::MaintenancePlan;
use icalendar::{Calendar, Component, Event, EventLike, Property};

/// Media type of a calendar.
pub(crate) const CALENDAR: &str = "text/calendar";

/// A language of the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    French,
    Arabic,
}

impl Language {
    /// The first of an `Accept-Language` that we speak; English when there is none.
    pub(crate) fn accepted(header: &str) -> Self {
        let weight = |part: &str| part.split(';').find_map(|p| p.trim().strip_prefix("q=")?.parse::<f64>().ok()).unwrap_or(1.0);
        let spoken = |part: &str| {
            let tag = part.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let language = match tag.split('-').next().unwrap_or_default() {
                "en" => Self::English,
                "fr" => Self::French,
                "ar" => Self::Arabic,
                _ => return None,
            };
            (weight(part) > 0.0).then_some((weight(part), language))
        };
        let best = header.split(',').filter_map(spoken).reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map_or(Self::English, |(_, language)| language)
    }

    fn of(self, texts: &InThreeLanguages) -> &str {
        match self {
            Self::English => &texts.en,
            Self::French => &texts.fr,
            Self::Arabic => &texts.ar,
        }
    }
}

/// The visits of a plan.
pub(crate) fn calendar(plan: &MaintenancePlan, language: Language, now: Timestamp) -> String {
    let mut calendar = Calendar::empty();
    for (name, value) in
        [("VERSION", "2.0"), ("PRODID", "-//Chergui//Maintenance plan//EN"), ("CALSCALE", "GREGORIAN"), ("METHOD", "PUBLISH")]
    {
        calendar.append_property(Property::new(name, value));
    }
    for (visit, why) in plan.plan.best.visits.iter().zip(&plan.reasons) {
        let alert = &plan.alerts[visit.jobs[0]];
        let also = visit.jobs[1..].iter().map(|&job| language.of(&plan.alerts[job].title));
        let works: Vec<&str> = std::iter::once(language.of(&alert.title)).chain(also).collect();
        let advice = visit.jobs.iter().map(|&job| language.of(&plan.alerts[job].advice));
        let text: Vec<&str> = std::iter::once(language.of(why)).chain(advice).collect();
        let crew = &plan.crews[visit.crew];
        let event = Event::new()
            .uid(&format!("{}@chergui", alert.id))
            .append_property(Property::new("DTSTAMP", instant(now)))
            .append_property(Property::new("DTSTART", instant(plan.time(visit.start))))
            .append_property(Property::new("DTEND", instant(plan.time(visit.end))))
            .summary(&format!("{} · {}: {}", crew, alert.asset_name, works.join(" + ")))
            .description(&text.join("\n"))
            .location(alert.asset_id.as_str())
            .categories([crew.as_str()])
            .done();
        calendar.push(event);
    }
    calendar.done().to_string()
}

fn instant(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn the_callers_language_counts() {
        assert_eq!(Language::accepted(""), Language::English);
        assert_eq!(Language::accepted("de, fr-MA;q=0.8, ar;q=0.9"), Language::Arabic);
        assert_eq!(Language::accepted("fr,en;q=0.5"), Language::French);
        assert_eq!(Language::accepted("ar;q=0, zh"), Language::English);
    }
}

//! What was amiss when a forecast was made, and what was done instead.
//!
//! In: a code, since when, until which step it matters. Out: a sentence for people, and the words that the table `forecasts` keeps. Whether
//! something is amiss is not decided here.

use super::{Timestamp, parse_time};

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoteCode {
    /// Nothing has been measured for a while.
    TelemetryStale,
    /// The newest weather run is old, or does not reach the end of the forecast.
    WeatherLate,
    /// No weather run speaks of any step.
    WeatherMissing,
    /// Models had little to learn from.
    LittleHistory,
    /// The model that should serve could not be fitted or used.
    ModelUnavailable,
}

impl NoteCode {
    /// Every code.
    pub const ALL: [Self; 5] =
        [Self::TelemetryStale, Self::WeatherLate, Self::WeatherMissing, Self::LittleHistory, Self::ModelUnavailable];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TelemetryStale => "telemetry_stale",
            Self::WeatherLate => "weather_late",
            Self::WeatherMissing => "weather_missing",
            Self::LittleHistory => "little_history",
            Self::ModelUnavailable => "model_unavailable",
        }
    }

    /// The code of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

/// A note on a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// What is amiss.
    pub code: NoteCode,
    /// Since when: the end of what was measured, the start of the newest weather run, the first fit that failed.
    pub since: Option<Timestamp>,
    /// Where in the forecast it begins or ends to matter: see [`Note::text`].
    pub step: Option<Timestamp>,
}

impl Note {
    /// A note without times.
    pub const fn new(code: NoteCode) -> Self {
        Self { code, since: None, step: None }
    }

    /// What it means for the forecast, in English.
    pub fn text(&self) -> String {
        let time = |time: Option<Timestamp>| time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string());
        let (since, step) = (time(self.since), time(self.step));
        match (self.code, self.step) {
            (NoteCode::TelemetryStale, Some(_)) => format!(
                "nothing was measured after {since}: steps before {step} are those of a forecast made then, as uncertain as that makes \
                 them; what is left of the first day is what usually happens (climatology), later steps rest on weather and calendar"
            ),
            (NoteCode::TelemetryStale, None) => format!(
                "nothing was measured after {since}, longer ago than a forecast reaches: the first day is what usually happens \
                 (climatology), later steps rest on weather and calendar"
            ),
            (NoteCode::WeatherLate, Some(_)) => {
                format!("the newest weather run started at {since}; steps from {step} on are forecast without weather")
            }
            (NoteCode::WeatherLate, None) => {
                format!("the newest weather run started at {since}: it covers all steps, but with the errors of an old run")
            }
            (NoteCode::WeatherMissing, _) => {
                "no weather run speaks of any step: the forecast rests on what the asset did before".to_owned()
            }
            (NoteCode::LittleHistory, _) if self.since.is_none() => {
                "nothing was measured yet: the forecast rests on the weather forecast and the rating of the plant".to_owned()
            }
            (NoteCode::LittleHistory, _) => {
                format!("measured since {since} only: few models could learn, and how uncertain they are is itself uncertain")
            }
            (NoteCode::ModelUnavailable, Some(_)) => {
                format!("the models could not be fitted anew at {since}: those fitted at {step} still serve")
            }
            (NoteCode::ModelUnavailable, None) => {
                "no fitted model could be used: what usually happens (climatology) is served instead".to_owned()
            }
        }
    }

    /// The word the table `forecasts` keeps: the code, `@` and the two times where there are any.
    fn word(&self) -> String {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        match (self.since, self.step) {
            (None, None) => self.code.name().to_owned(),
            (since, None) => format!("{}@{}", self.code.name(), time(since)),
            (since, step) => format!("{}@{}/{}", self.code.name(), time(since), time(step)),
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        let (name, times) = word.split_once('@').unwrap_or((word, ""));
        let (since, step) = times.split_once('/').unwrap_or((times, ""));
        Some(Self { code: NoteCode::parse(name)?, since: parse_time(since).ok(), step: parse_time(step).ok() })
    }

    /// Notes as the text the table `forecasts` keeps; `None` for none.
    pub fn write(notes: &[Self]) -> Option<String> {
        let words: Vec<String> = notes.iter().map(Self::word).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// Notes of such a text; words of a later version are passed over.
    pub fn read(text: &str) -> Vec<Self> {
        text.split_whitespace().filter_map(Self::of_word).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Note, NoteCode};

    #[test]
    fn notes_survive_their_text() {
        let (since, step) = ("2026-11-22T10:00:00Z".parse().ok(), "2026-11-23T10:00:00Z".parse().ok());
        let notes: Vec<Note> = NoteCode::ALL
            .into_iter()
            .flat_map(|code| {
                [(None, None), (since, None), (since, step), (None, step)].map(|(since, step)| Note { code, since, step })
            })
            .collect();
        let text = Note::write(&notes).unwrap();
        assert_eq!(Note::read(&text), notes, "{text}");
        assert!(notes.iter().all(|note| note.text().len() > 40 && !note.text().contains("  ")));
        assert_eq!((Note::write(&[]), Note::read("other@1 weather_late")), (None, vec![Note::new(NoteCode::WeatherLate)]));
    }
}

//! What to do about an alert: steps, hours and people per component and mode, editable by the site.
//!
//! In: TOML, the built-in text (`playbook.toml`) and a file of the site. Out: [`Playbook`], or an error with file, line and remedy.
//! Deliberately not here: titles and advice (`wording`), reading files (`api`).

use super::AlertError;
use super::wording::InThreeLanguages;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// The built-in playbook.
const BUILT_IN: &str = include_str!("playbook.toml");

/// Mode of the entry for everything that has none of its own.
const ANYTHING: &str = "*";

/// What one alert asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// In this order.
    pub steps: Vec<InThreeLanguages>,
    /// Hours on site, travel not counted.
    pub hours: f64,
    /// People needed at the same time.
    pub people: u32,
}

/// Work by component and mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Playbook {
    /// By mode and component; an empty component is any.
    entries: BTreeMap<(String, String), Work>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    work: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    mode: Spanned<String>,
    component: Option<Spanned<String>>,
    hours: Spanned<f64>,
    people: Spanned<u32>,
    steps: Spanned<Vec<Spanned<Step>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    en: String,
    fr: String,
    ar: String,
}

impl Default for Playbook {
    /// The built-in one.
    fn default() -> Self {
        let entries = read(BUILT_IN, "built-in playbook").expect("the built-in playbook is sound; a test reads it");
        Self { entries }
    }
}

impl Playbook {
    /// The built-in playbook with the entries of `text` instead of those of the same mode and component, and beside the others. `place`
    /// is what errors call it.
    ///
    /// # Errors
    /// [`AlertError::Playbook`] with the line and what would be right.
    pub fn edited(text: &str, place: &str) -> Result<Self, AlertError> {
        let mut playbook = Self::default();
        playbook.entries.extend(read(text, place)?);
        Ok(playbook)
    }

    /// What to do about that mode of that component: the entry of both, else that of the mode, else the general one.
    pub fn work(&self, component: &str, mode: &str) -> &Work {
        let known = |mode: &str, component: &str| self.entries.get(&(mode.to_owned(), component.to_owned()));
        let found = known(mode, component).or_else(|| known(mode, "")).or_else(|| known(ANYTHING, ""));
        found.expect("the built-in playbook has an entry for everything; a test reads it")
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// False: there is always the general entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn read(text: &str, place: &str) -> Result<BTreeMap<(String, String), Work>, AlertError> {
    let line = |offset: usize| text.get(..offset).unwrap_or(text).matches('\n').count() + 1;
    let wrong = |offset: usize, problem: String| AlertError::Playbook { place: place.into(), line: line(offset), problem };
    let written: Written = toml::from_str(text).map_err(|cause| {
        let remedy = "; an entry is [[work]] with mode, hours, people and steps = [{ en = \"…\", fr = \"…\", ar = \"…\" }]";
        wrong(cause.span().map_or(0, |span| span.start), format!("{}{remedy}", cause.message()))
    })?;
    let mut entries = BTreeMap::new();
    for entry in written.work {
        let at = entry.mode.span().start;
        let (mode, component) = (entry.mode.into_inner(), entry.component.map(Spanned::into_inner).unwrap_or_default());
        if mode.trim().is_empty() {
            return Err(wrong(at, "mode is empty; name one, or \"*\" for everything without an entry of its own".into()));
        }
        let hours = *entry.hours.get_ref();
        if !(hours > 0.0 && hours <= 1000.0) {
            return Err(wrong(
                entry.hours.span().start,
                format!("hours of {mode} is {hours}; write hours of work, above 0 and up to 1000"),
            ));
        }
        let people = *entry.people.get_ref();
        if !(1..=100).contains(&people) {
            return Err(wrong(
                entry.people.span().start,
                format!("people of {mode} is {people}; write how many are needed, 1 to 100"),
            ));
        }
        if entry.steps.get_ref().is_empty() {
            return Err(wrong(entry.steps.span().start, format!("{mode} has no steps; write at least one in en, fr and ar")));
        }
        let mut steps = Vec::new();
        for step in entry.steps.into_inner() {
            let at = step.span().start;
            let Step { en, fr, ar } = step.into_inner();
            if let Some((language, _)) =
                [("en", &en), ("fr", &fr), ("ar", &ar)].into_iter().find(|(_, text)| text.trim().is_empty())
            {
                return Err(wrong(at, format!("a step of {mode} says nothing in {language:?}; write it in all three languages")));
            }
            steps.push(InThreeLanguages { en, fr, ar });
        }
        if entries.insert((mode.clone(), component.clone()), Work { steps, hours, people }).is_some() {
            let of = if component.is_empty() { mode } else { format!("{mode} of {component}") };
            return Err(wrong(at, format!("there is already an entry for {of}; keep one of the two")));
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, Playbook, read};

    const STEP: &str = "steps = [{ en = \"a\", fr = \"b\", ar = \"c\" }]";

    #[test]
    fn the_built_in_playbook_is_sound_and_in_its_scripts() {
        let entries = read(BUILT_IN, "built-in").unwrap();
        assert!(entries.len() >= 20 && entries.contains_key(&("*".into(), String::new())));
        let arabic = |text: &str| text.chars().any(|c| ('\u{0600}'..='\u{06ff}').contains(&c));
        for ((mode, _), work) in &entries {
            for step in &work.steps {
                assert!(arabic(&step.ar) && !arabic(&step.en) && !arabic(&step.fr), "{mode}");
            }
        }
    }

    #[test]
    fn a_site_edits_it_and_the_nearest_entry_counts() {
        let own = format!(
            "[[work]]\nmode = \"icing\"\nhours = 1.5\npeople = 4\n{STEP}\n\n[[work]]\nmode = \"icing\"\ncomponent = \"mast\"\nhours = 2\npeople = 1\n{STEP}\n"
        );
        let playbook = Playbook::edited(&own, "site.toml").unwrap();
        assert_eq!((playbook.work("rotor", "icing").hours, playbook.work("rotor", "icing").people), (1.5, 4));
        assert_eq!(playbook.work("mast", "icing").hours, 2.0);
        assert_eq!(playbook.work("x", "howling"), Playbook::default().work("y", "*"));
        assert_ne!(playbook.work("gearbox", "bearing_overheat"), playbook.work("x", "howling"));
        assert_eq!(playbook.len(), Playbook::default().len() + 1);
    }

    #[test]
    fn faults_are_named_with_file_line_and_remedy() {
        let head = "[[work]]\nmode = \"icing\"\n";
        let cases = [
            (format!("{head}hours = 0\npeople = 2\n{STEP}"), "site.toml line 3", "above 0"),
            (format!("{head}hours = 1\npeople = 0\n{STEP}"), "line 4", "1 to 100"),
            (format!("{head}hours = 1\npeople = 2\nsteps = []"), "line 5", "at least one"),
            (format!("{head}hours = 1\npeople = 2\nsteps = [{{ en = \"a\", fr = \" \", ar = \"c\" }}]"), "line 5", "\"fr\""),
            (format!("{head}hours = 1\npeople = 2\nsteps = [{{ en = \"a\", fr = \"b\" }}]"), "line 5", "ar"),
            (format!("{head}hours = 1\npeople = 2\nwho = 3\n{STEP}"), "line 5", "who"),
            (format!("{head}hours = \"two\"\npeople = 2\n{STEP}"), "line 3", "[[work]]"),
            (format!("{head}hours = 1\npeople = 2\n{STEP}\n{head}hours = 1\npeople = 2\n{STEP}"), "line 7", "keep one"),
            (format!("{head}hours = 1\npeople 2\n"), "line 4", "[[work]]"),
        ];
        for (text, place, remedy) in cases {
            let error = Playbook::edited(&text, "site.toml").unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(remedy), "{text}\n{error}");
        }
    }
}

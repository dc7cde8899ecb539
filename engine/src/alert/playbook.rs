//! What to do about an alert: steps, hours, people and what becomes of the machine, per component and mode, editable by the site. Pages
//! show it and the maintenance plan reckons with it: there is no other table.
//!
//! In: TOML, the built-in text (`playbook.toml`) and a file of the site. Out: [`Playbook`], or an error with file, line and remedy.
//! Deliberately not here: titles and advice (`wording`), reading files (`api`).

use super::AlertError;
use super::wording::InThreeLanguages;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use toml::Spanned;

/// The built-in playbook.
const BUILT_IN: &str = include_str!("playbook.toml");

/// Mode of the entry for everything that has none of its own.
const ANYTHING: &str = "*";

/// By mode and component; an empty component is any.
type Entries = BTreeMap<(String, String), Work>;

/// What one alert asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// In this order.
    pub steps: Vec<InThreeLanguages>,
    /// Hours on site, travel not counted.
    pub hours: f64,
    /// People needed at the same time.
    pub people: u32,
    /// Somebody has to go there at all.
    pub visit: bool,
    /// The machine stands meanwhile.
    pub stops: bool,
    /// On a wind turbine somebody climbs.
    pub climbs: bool,
    /// Days the machine is down when the part fails before anybody came.
    pub days_down: f64,
}

/// Work by component and mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Playbook {
    entries: Entries,
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
    steps: Option<Spanned<Vec<Spanned<Step>>>>,
    visit: Option<bool>,
    stops: Option<bool>,
    climbs: Option<bool>,
    days_down: Option<Spanned<f64>>,
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
        let entries = read(BUILT_IN, "built-in playbook", Entries::new()).expect("the built-in playbook is sound; a test reads it");
        Self { entries }
    }
}

impl Playbook {
    /// The built-in playbook with the entries of `text` instead of those of the same mode and component, and beside the others. What an
    /// entry leaves out but hours and people is that of the nearest entry there was. `place` is what errors call it.
    ///
    /// # Errors
    /// [`AlertError::Playbook`] with the line and what would be right.
    pub fn edited(text: &str, place: &str) -> Result<Self, AlertError> {
        Ok(Self { entries: read(text, place, Self::default().entries)? })
    }

    /// What to do about that mode of that component: the entry of both, else that of the mode, else that of the component, else the
    /// general one.
    pub fn work(&self, component: &str, mode: &str) -> &Work {
        nearest(&self.entries, component, mode).expect("the built-in playbook has an entry for everything; a test reads it")
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

fn nearest<'a>(entries: &'a Entries, component: &str, mode: &str) -> Option<&'a Work> {
    let known = |mode: &str, component: &str| entries.get(&(mode.to_owned(), component.to_owned()));
    known(mode, component).or_else(|| known(mode, "")).or_else(|| known(ANYTHING, component)).or_else(|| known(ANYTHING, ""))
}

/// The entries of a text, on top of others.
fn read(text: &str, place: &str, mut entries: Entries) -> Result<Entries, AlertError> {
    let line = |offset: usize| text.get(..offset).unwrap_or(text).matches('\n').count() + 1;
    let wrong = |offset: usize, problem: String| AlertError::Playbook { place: place.into(), line: line(offset), problem };
    let written: Written = toml::from_str(text).map_err(|cause| {
        let remedy = "; an entry is [[work]] with mode, hours, people and steps = [{ en = \"…\", fr = \"…\", ar = \"…\" }]";
        wrong(cause.span().map_or(0, |span| span.start), format!("{}{remedy}", cause.message()))
    })?;
    let mut seen = BTreeSet::new();
    for entry in written.work {
        let at = entry.mode.span().start;
        let (mode, component) = (entry.mode.into_inner(), entry.component.map(Spanned::into_inner).unwrap_or_default());
        if mode.trim().is_empty() {
            return Err(wrong(at, "mode is empty; name one, or \"*\" for everything without an entry of its own".into()));
        }
        let key = (mode.clone(), component.clone());
        if !seen.insert(key.clone()) {
            let of = if component.is_empty() { mode } else { format!("{mode} of {component}") };
            return Err(wrong(at, format!("there is already an entry for {of}; keep one of the two")));
        }
        let hours = *entry.hours.get_ref();
        if !(hours > 0.0 && hours <= 1000.0) {
            let problem = format!("hours of {mode} is {hours}; write hours of work, above 0 and up to 1000");
            return Err(wrong(entry.hours.span().start, problem));
        }
        let people = *entry.people.get_ref();
        if !(1..=100).contains(&people) {
            let problem = format!("people of {mode} is {people}; write how many are needed, 1 to 100");
            return Err(wrong(entry.people.span().start, problem));
        }
        if let Some(days) = entry.days_down.as_ref().filter(|days| !(0.0..=365.0).contains(days.get_ref())) {
            let problem =
                format!("days_down of {mode} is {}; write days the machine is down after a failure, 0 to 365", days.get_ref());
            return Err(wrong(days.span().start, problem));
        }
        let base = nearest(&entries, &component, &mode);
        let steps = match (entry.steps, base) {
            (Some(steps), _) if steps.get_ref().is_empty() => {
                return Err(wrong(steps.span().start, format!("{mode} has no steps; write at least one in en, fr and ar")));
            }
            (Some(steps), _) => read_steps(steps.into_inner(), &mode, wrong)?,
            (None, Some(base)) => base.steps.clone(),
            (None, None) => return Err(wrong(at, format!("{mode} has no steps; write at least one in en, fr and ar"))),
        };
        let work = Work {
            steps,
            hours,
            people,
            visit: entry.visit.or(base.map(|work| work.visit)).unwrap_or(true),
            stops: entry.stops.or(base.map(|work| work.stops)).unwrap_or(true),
            climbs: entry.climbs.or(base.map(|work| work.climbs)).unwrap_or(true),
            days_down: entry.days_down.map(Spanned::into_inner).or(base.map(|work| work.days_down)).unwrap_or(1.0),
        };
        entries.insert(key, work);
    }
    Ok(entries)
}

fn read_steps(
    steps: Vec<Spanned<Step>>,
    mode: &str,
    wrong: impl Fn(usize, String) -> AlertError,
) -> Result<Vec<InThreeLanguages>, AlertError> {
    let one = |step: Spanned<Step>| {
        let at = step.span().start;
        let Step { en, fr, ar } = step.into_inner();
        let silent = [("en", &en), ("fr", &fr), ("ar", &ar)].into_iter().find(|(_, text)| text.trim().is_empty());
        if let Some((language, _)) = silent {
            let problem = format!("a step of {mode} says nothing in {language:?}; write it in all three languages");
            return Err(wrong(at, problem));
        }
        Ok(InThreeLanguages { en, fr, ar })
    };
    steps.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, Entries, Playbook, read};

    const STEP: &str = "steps = [{ en = \"a\", fr = \"b\", ar = \"c\" }]";

    #[test]
    fn the_built_in_playbook_is_sound_and_in_its_scripts() {
        let entries = read(BUILT_IN, "built-in", Entries::new()).unwrap();
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
    fn hours_and_people_are_enough_and_the_rest_stays_as_it_was() {
        let built_in = Playbook::default();
        let site = "[[work]]\nmode = \"soiling\"\nhours = 6\npeople = 3\n\n\
                    [[work]]\nmode = \"bearing_overheat\"\ncomponent = \"main_bearing\"\nhours = 9\npeople = 3\ndays_down = 12\n\n\
                    [[work]]\nmode = \"*\"\ncomponent = \"gearbox\"\nhours = 11\npeople = 4\nclimbs = false\nvisit = false\n";
        let playbook = Playbook::edited(site, "site.toml").unwrap();
        let (soiling, before) = (playbook.work("modules", "soiling"), built_in.work("modules", "soiling"));
        assert_eq!((soiling.hours, soiling.people), (6.0, 3));
        assert_eq!((&soiling.steps, soiling.stops, soiling.climbs), (&before.steps, false, false));
        let (bearing, before) = (playbook.work("main_bearing", "bearing_overheat"), built_in.work("x", "bearing_overheat"));
        assert_eq!((bearing.hours, bearing.days_down, &bearing.steps), (9.0, 12.0, &before.steps));
        assert!(bearing.climbs && bearing.stops && bearing.visit && before.days_down != 12.0);
        // The mode speaks before the component, the component before the general entry.
        assert_eq!(playbook.work("gearbox", "bearing_overheat"), built_in.work("gearbox", "bearing_overheat"));
        let unheard = playbook.work("gearbox", "howling");
        assert_eq!((unheard.hours, unheard.people, unheard.climbs, unheard.visit), (11.0, 4, false, false));
        assert_ne!(built_in.work("gearbox", "howling").hours, built_in.work("nacelle", "howling").hours);
    }

    #[test]
    fn nobody_is_sent_for_what_only_informs_or_is_the_grids() {
        let playbook = Playbook::default();
        for mode in ["curtailment", "maintenance", "northing_step", "unusual_value", "frequency_excursion", "voltage_excursion"] {
            assert!(!playbook.work("x", mode).visit, "{mode}");
        }
        assert!(playbook.work("x", "comms_loss").visit && playbook.work("gearbox", "bearing_overheat").visit);
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
            (format!("{head}hours = 1\npeople = 2\ndays_down = -1\n{STEP}"), "line 5", "0 to 365"),
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

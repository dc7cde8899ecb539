//! Filters and settings; the source itself is held to its contract in `tests/contracts/nats.rs`.

use super::Settings;
use super::filter::{cover, is_filter, matches};
use std::collections::BTreeSet;

#[test]
fn one_filter_covers_all_subjects() {
    let cases: &[(&[&str], Option<&str>)] = &[
        (&["plant.t01"], Some("plant.t01")),
        (&["plant.t01", "plant.t02"], Some("plant.*")),
        (&["plant.t01.data", "plant.t02.data"], Some("plant.*.data")),
        (&["plant.t01", "plant.t02.data"], Some("plant.>")),
        (&["plant.t01.a.b", "plant.t02.c"], Some("plant.>")),
        (&["plant", "plant.t02"], None),
        (&["a.b", "c.b"], Some("*.b")),
        (&["a", "b"], Some("*")),
        (&["a.b", "c.d.e"], None),
    ];
    for (subjects, expected) in cases {
        let all: BTreeSet<&str> = subjects.iter().copied().collect();
        let made = cover(&all);
        assert_eq!(made.as_deref(), *expected, "{subjects:?}");
        let filter = made.unwrap_or_else(|| ">".into());
        assert!(is_filter(&filter) && subjects.iter().all(|subject| matches(&filter, subject)), "{filter} {subjects:?}");
    }
    assert!(!matches("plant.*", "plant.t01.data") && !matches("plant.>", "plant") && !matches("a.b", "a"));
    for bad in ["", "a..b", "a.>.b", "a b", "a.b*", ".a"] {
        assert!(!is_filter(bad), "{bad:?}");
    }
}

#[test]
fn wrong_settings_are_refused_with_the_remedy() {
    let cases = [
        ("servers = []", "servers = [\"host:4222\"]"),
        ("servers = [\"nats://h:1\"]", "without `nats://`"),
        ("servers = [\"h:1\"]\nstream = \"a.b\"", "no dots"),
        ("servers = [\"h:1\"]\nconsumer = \"c\"", "give stream"),
        ("servers = [\"h:1\"]\nstream = \"s\"\nsubjects = [\"a\", \"b\"]", "one filter"),
        ("servers = [\"h:1\"]\nsubjects = [\"a..b\"]", "`*` is one level"),
        ("servers = [\"h:1\"]\nack_wait_s = 0", "give seconds"),
        ("servers = [\"h:1\"]\ntoken = \"t\"\nusername = \"u\"\npassword = \"p\"", "one of them"),
        ("servers = [\"h:1\"]\nusername = \"u\"", "give both"),
    ];
    for (text, remedy) in cases {
        let settings: Settings = toml::from_str(text).unwrap();
        let said = settings.examine().unwrap_err().to_string();
        assert!(said.contains(remedy), "{text}: {said}");
    }
}

//! Settings, addresses and places; the source itself is held to its contract in `tests/contracts/kafka.rs`.

use super::Settings;
use super::parts;
use super::places::Places;
use engine::source::Cursor;

#[test]
fn an_address_is_a_topic_and_maybe_a_key() {
    assert_eq!(parts("plant.t01"), Some(("plant.t01", None)));
    assert_eq!(parts("scada[WTG 01]"), Some(("scada", Some("WTG 01"))));
    assert_eq!(parts("scada[a[0]]"), Some(("scada", Some("a[0]"))));
    for bad in ["", "a/b", "scada[]", "scada[x", "a b", ".."] {
        assert_eq!(parts(bad), None, "{bad:?}");
    }
}

#[test]
fn places_are_a_cursor_and_back() {
    let mut places = Places::default();
    assert_eq!(places.cursor(), None);
    places.set(("b".into(), 10), 5);
    places.set(("b".into(), 2), i64::MAX);
    places.set(("a".into(), 0), 0);
    let cursor = places.cursor().unwrap();
    assert_eq!(cursor.0, r#"{"a":{"0":0},"b":{"2":9223372036854775807,"10":5}}"#);
    assert_eq!(Places::of(Some(&cursor), "here").unwrap(), places);
    assert_eq!((places.get(&("b".into(), 10)), places.get(&("b".into(), 3)), places.knows("a")), (Some(5), None, true));
    let said = Places::of(Some(&Cursor("17".into())), "here").unwrap_err().to_string();
    assert!(said.contains("another name"), "{said}");
}

#[test]
fn wrong_settings_are_refused_with_the_remedy() {
    let cases = [
        ("brokers = []", "brokers = [\"host:9092\"]"),
        ("brokers = [\"kafka://h:1\"]", "write host:port"),
        ("brokers = [\"h\"]", "write host:port"),
        ("brokers = [\"h:1\"]\nfetch_bytes = 1", "1024 to"),
        ("brokers = [\"h:1\"]\ntopics = [\"a b\"]", "is no topic"),
        ("brokers = [\"h:1\"]\ntls = { ca = \"x\", server_name = \"y\" }", "advertise"),
    ];
    for (text, remedy) in cases {
        let settings: Settings = toml::from_str(text).unwrap();
        let said = settings.examine().unwrap_err().to_string();
        assert!(said.contains(remedy), "{text}: {said}");
    }
}

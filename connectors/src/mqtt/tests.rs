//! Tests of what needs no broker: times, pointers, payloads, addresses; any bytes are taken without a panic.

use super::address::{Plan, metric};
use super::batch::Batch;
use super::broker::{Message, Trouble};
use super::clock::Reader;
use super::decode::Decoder;
use super::offer::Offers;
use super::payload::{Good, Pointer, Reading, of_json, of_text, quality};
use super::sparkplug::{Metric, Payload, Property, PropertySet, PropertyValue, Value as Wire, rebirth};
use super::{Clock, Settings, refusal};
use crate::live::Link;
use crate::live::Points;
use engine::domain::Quality;
use engine::domain::Quantities;
use engine::domain::Timestamp;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};
use std::sync::Arc;

const NOON: i64 = 1_780_315_200_000_000;

fn noon() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

#[test]
fn times_are_read_as_they_are_written() {
    let auto = Reader::new(Clock::Auto, None).unwrap();
    for written in [
        json!(1_780_315_200),
        json!(1_780_315_200.0),
        json!(1_780_315_200_000_i64),
        json!(NOON),
        json!(NOON * 1000),
        json!("1780315200"),
        json!("2026-06-01T12:00:00Z"),
        json!("2026-06-01 14:00:00+02:00"),
    ] {
        assert_eq!(auto.read(&written), Ok(NOON), "{written}");
    }
    assert_eq!(auto.read(&json!(1_780_315_200.25)), Ok(NOON + 250_000));
    for (written, remedy) in
        [(json!("2026-06-01T12:00:00"), "set timezone"), (json!("noon"), "ISO 8601"), (json!(true), "clock"), (json!([]), "clock")]
    {
        assert!(auto.read(&written).unwrap_err().contains(remedy), "{written}");
    }
    let morocco = Reader::new(Clock::Iso8601, Some("Europe/Paris")).unwrap();
    assert_eq!(morocco.read(&json!("2026-06-01T14:00:00")), Ok(NOON));
    assert!(morocco.read(&json!(1_780_315_200)).is_err(), "it was told to expect text");
    assert_eq!(Reader::new(Clock::UnixMs, None).unwrap().read(&json!(5)), Ok(5000));
    assert!(Reader::new(Clock::UnixS, None).unwrap().read(&json!(i64::MAX)).is_err());
    assert!(Reader::new(Clock::Auto, Some("Mars/Olympus")).is_err());
}

#[test]
fn pointers_are_those_of_rfc_6901() {
    // The document and the pointers of section 5.
    let document = json!({"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "m~n": 8, " ": 7});
    for (pointer, value) in [
        ("", document.clone()),
        ("/foo", json!(["bar", "baz"])),
        ("/foo/0", json!("bar")),
        ("/", json!(0)),
        ("/a~1b", json!(1)),
        ("/c%d", json!(2)),
        ("/m~0n", json!(8)),
        ("/ ", json!(7)),
    ] {
        assert_eq!(Pointer::parse(pointer).unwrap().find(&document), Some(&value), "{pointer}");
    }
    for nothing in ["/foo/2", "/foo/00", "/foo/+0", "/foo/-", "/no", "/foo/0/x"] {
        assert_eq!(Pointer::parse(nothing).unwrap().find(&document), None, "{nothing}");
    }
    assert!(Pointer::parse("foo").is_err());
}

#[test]
fn values_and_qualities_of_payloads() {
    for (text, reading) in [
        (" 12.5\n", Reading::Number(12.5)),
        ("1e3", Reading::Number(1000.0)),
        ("TRUE", Reading::Number(1.0)),
        ("off", Reading::Number(0.0)),
        ("NaN", Reading::Missing("not_a_number")),
        ("inf", Reading::Missing("not_a_number")),
        ("", Reading::Missing("empty")),
        ("unavailable", Reading::Missing("no_value")),
        ("Pitch fault", Reading::Text("Pitch fault".into())),
    ] {
        assert_eq!(of_text(text), reading, "{text}");
    }
    assert_eq!(of_json(&json!(null)), Reading::Missing("null_value"));
    assert_eq!(of_json(&json!({})), Reading::Unreadable);
    for (value, expected) in [
        (json!(true), Quality::Good),
        (json!("GOOD"), Quality::Good),
        (json!("Good, local override"), Quality::Good),
        (json!(192), Quality::Good),
        (json!("216"), Quality::Good),
        (json!(68), Quality::Questionable),
        (json!("uncertain"), Quality::Questionable),
        (json!("stale"), Quality::Questionable),
        (json!(0), Quality::Invalid),
        (json!("bad"), Quality::Invalid),
        (json!(null), Quality::Invalid),
    ] {
        assert_eq!(quality(&value, None).0, expected, "{value}");
    }
    let good = [Good::Code(0.0), Good::Word("a".into()), Good::Flag(false)];
    for (value, expected) in
        [(json!(0), Quality::Good), (json!("A"), Quality::Good), (json!(false), Quality::Good), (json!(192), Quality::Invalid)]
    {
        assert_eq!(quality(&value, Some(&good)).0, expected, "{value}");
    }
}

#[test]
fn signed_values_and_qualities_of_metrics() {
    let read =
        |value: Wire, datatype: u32| Metric { value: Some(value), datatype: Some(datatype), ..Metric::default() }.reading(None);
    for (value, datatype, number) in [
        (Wire::Int(0xFF), 1, -1.0),
        (Wire::Int(0xFFFF_FFFF), 1, -1.0),
        (Wire::Int(0xFFD8), 2, -40.0),
        (Wire::Int(0xFFFF_FFFE), 3, -2.0),
        (Wire::Int(0xFFFF_FFFE), 7, 4_294_967_294.0),
        (Wire::Long(u64::MAX), 4, -1.0),
        (Wire::Long(1 << 40), 8, 1_099_511_627_776.0),
        (Wire::Float(1.5), 9, 1.5),
        (Wire::Boolean(true), 11, 1.0),
    ] {
        assert_eq!(read(value.clone(), datatype), Reading::Number(number), "{value:?} {datatype}");
    }
    // Without a type of its own, that of the birth.
    assert_eq!(Metric { value: Some(Wire::Int(0xFF)), ..Metric::default() }.reading(Some(1)), Reading::Number(-1.0));
    assert_eq!(read(Wire::Double(f64::NAN), 10), Reading::Missing("not_a_number"));
    assert_eq!(Metric::default().reading(None), Reading::Missing("no_value"));
    for (code, expected) in [(192, Quality::Good), (500, Quality::Questionable), (0, Quality::Invalid), (64, Quality::Questionable)]
    {
        let property = Property { value: Some(PropertyValue::Int(code)), ..Property::default() };
        let properties = PropertySet { keys: vec!["x".into(), "Quality".into()], values: vec![Property::default(), property] };
        assert_eq!(Metric { properties: Some(properties), ..Metric::default() }.quality().0, expected, "{code}");
    }
    // More keys than values.
    let properties = PropertySet { keys: vec!["x".into(), "Quality".into()], values: vec![] };
    assert_eq!(Metric { properties: Some(properties), ..Metric::default() }.quality().0, Quality::Good);
    let command = Payload::decode(&*rebirth(5)).unwrap();
    let names: Vec<_> = command.metrics.iter().map(|metric| metric.name.as_deref()).collect();
    assert_eq!((names, command.seq), (vec![Some("Node Control/Rebirth")], None));
}

#[test]
fn addresses_of_metrics() {
    let parts = |address| metric(address).map(|found| (found.group, found.node, found.device, found.name));
    assert_eq!(parts("g/n:a/b:c"), Some(("g", "n", None, "a/b:c")));
    assert_eq!(parts("g/n/d:a"), Some(("g", "n", Some("d"), "a")));
    assert_eq!(parts("g/n/d/e:a"), None);
    assert_eq!(parts("g:a"), None);
    assert_eq!(parts("g/n#/x:y"), None);
}

#[test]
fn refusals_say_what_to_do() {
    for (trouble, remedy) in [
        (refusal::connack("BadUserNamePassword"), "correct username"),
        (refusal::connack("UnsupportedProtocolVersion"), "version = "),
        (refusal::connack("ClientIdentifierNotValid"), "client_id"),
    ] {
        assert!(matches!(&trouble, Trouble::Refused(text) if text.contains(remedy)), "{trouble:?}");
    }
    assert!(matches!(refusal::connack("ServerBusy"), Trouble::Lost(_)));
    assert!(matches!(refusal::state("code 'SessionTakenOver'"), Trouble::Lost(text) if text.contains("client_id")));
}

#[test]
fn settings_are_read_and_slips_refused() {
    let settings: Settings = toml::from_str("host = \"b\"\n[sparkplug]\n[tls]\nca = \"ca.pem\"").unwrap();
    assert_eq!(settings.address(), "mqtts://b:8883");
    assert!(!settings.sparkplug.as_ref().unwrap().request_rebirth, "nothing is written unless told");
    settings.examine().unwrap();
    for (slip, remedy) in [
        ("host = \"mqtt://b\"", "without `mqtt://`"),
        ("host = \"\"", "name or address"),
        ("host = \"b\"\nqos = 2", "0 or 1"),
        ("host = \"b\"\nkeep_alive_s = 0", "keep_alive_s"),
        ("host = \"b\"\nsession_expiry_s = 0", "session_expiry_s"),
        ("host = \"b\"\ntopics = [\"a/#/b\"]", "`#` the rest"),
        ("host = \"b\"\npassword = \"x\"", "give both"),
        ("host = \"b\"\nclient_id = \"\"", "client_id"),
    ] {
        let error = toml::from_str::<Settings>(slip).unwrap().examine().unwrap_err().to_string();
        assert!(error.contains(remedy), "{slip}: {error}");
    }
    assert!(toml::from_str::<Settings>("host = \"b\"\nhosts = 1").is_err());
}

const POINTS: &str = r#"
assets = [{ id = "t", kind = "wind_turbine" }]
points = [
    { address = "a#/v", asset = "t", quantity = "active_power", time = "/t", quality = "/q" },
    { address = "b", asset = "t", quantity = "wind_speed" },
    { address = "b", asset = "t", event = "Text" },
    { address = "g/n/d:m", asset = "t", quantity = "reactive_power" },
    { address = "g/n:m", asset = "t", event = "Bit" },
]
"#;

fn decoder() -> Decoder {
    let settings: Settings = serde_json::from_value(json!({"host": "b", "sparkplug": {}})).unwrap();
    let points = Points::parse(POINTS, "p", &Quantities::standard()).unwrap();
    let plan = Plan::new(&settings, &points).unwrap();
    assert_eq!(plan.filters, ["a", "b", "spBv1.0/g/+/n/#"]);
    Decoder::new(Arc::new(plan), Link::new("x", noon))
}

fn message(topic: &str, payload: Vec<u8>) -> Message {
    Message { topic: topic.to_owned().into(), payload: payload.into(), id: 1, is_retained: false, is_again: false }
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("v|t|q|value|unit|[a-z~/]{0,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn sparkplug() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        any::<u32>().prop_map(Wire::Int),
        any::<u64>().prop_map(Wire::Long),
        any::<f32>().prop_map(Wire::Float),
        any::<f64>().prop_map(Wire::Double),
        any::<bool>().prop_map(Wire::Boolean),
        ".{0,5}".prop_map(Wire::Text),
    ];
    let name = prop::option::of("m|bdSeq|[a-z]{0,3}");
    let metric =
        (name, prop::option::of(0..4_u64), prop::option::of(any::<u64>()), prop::option::of(0..20_u32), prop::option::of(value))
            .prop_map(|(name, alias, timestamp, datatype, value)| Metric {
                name,
                alias,
                timestamp,
                datatype,
                value,
                ..Metric::default()
            });
    (prop::option::of(any::<u64>()), prop::collection::vec(metric, 0..5), prop::option::of(any::<u64>()))
        .prop_map(|(timestamp, metrics, seq)| Payload { timestamp, metrics, seq }.encode_to_vec())
}

proptest! {
    #[test]
    fn any_bytes_are_taken(topic in "a|b|spBv1.0/g/(N|D)(BIRTH|DATA|DEATH)/n(/d)?", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (mut decoder, mut batch, mut offers) = (decoder(), Batch::default(), Offers::new(true));
        let message = message(&topic, bytes);
        decoder.message(&message, &mut batch);
        offers.see(&message);
    }

    #[test]
    fn any_document_is_taken(documents in prop::collection::vec(document(), 1..4)) {
        let (mut decoder, mut batch, mut offers) = (decoder(), Batch::default(), Offers::new(false));
        for document in documents {
            let document = json!({"v": document.clone(), "t": document.clone(), "q": document});
            let message = message("a", document.to_string().into_bytes());
            decoder.message(&message, &mut batch);
            prop_assert!(!batch.is_empty(), "a value or a reject: {}", document);
            offers.see(&message);
        }
    }

    #[test]
    fn any_course_of_births_and_deaths_is_taken(
        course in prop::collection::vec(("(N|D)(BIRTH|DATA|DEATH)", any::<bool>(), sparkplug()), 1..12)
    ) {
        let (mut decoder, mut batch, mut offers) = (decoder(), Batch::default(), Offers::new(true));
        for (kind, has_device, payload) in course {
            let message = message(&format!("spBv1.0/g/{kind}/n{}", if has_device { "/d" } else { "" }), payload);
            if let Some(rebirth) = decoder.message(&message, &mut batch) {
                prop_assert_eq!(rebirth.topic, "spBv1.0/g/NCMD/n");
            }
            offers.see(&message);
        }
    }
}

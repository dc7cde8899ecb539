//! OPC UA without a server: addresses, values, events, settings.

use super::*;
use crate::live::Sample;
use engine::domain::Quality;
use engine::domain::Quantities;
use opcua::types::{DataValue, DateTime, LocalizedText, NodeId, StatusCode, UAString, Variant};

fn points(address: &str, more: &str) -> Points {
    let text =
        format!("[[assets]]\nid = \"t\"\nkind = \"wind_turbine\"\n[[points]]\naddress = \"{address}\"\nasset = \"t\"\n{more}");
    Points::parse(&text, "plant.toml", &Quantities::standard()).unwrap()
}

const POWER: &str = "quantity = \"active_power\"\n";

fn settings(toml: &str) -> Settings {
    toml::from_str(toml).unwrap()
}

#[test]
fn addresses_are_read_and_namespaces_found_by_name() {
    let namespaces: Vec<String> = ["http://opcfoundation.org/UA/", "urn:server", "urn:a;b"].map(Into::into).into();
    for (address, node) in [
        ("ns=1;s=WTG01.Power", NodeId::new(1, "WTG01.Power")),
        ("i=2258", NodeId::new(0, 2258u32)),
        ("nsu=urn:server;i=7", NodeId::new(1, 7u32)),
        ("nsu=urn:a%3Bb;s=x", NodeId::new(2, "x")),
    ] {
        let wanted = address::wanted(&points(address, POWER)).unwrap();
        assert_eq!(wanted[0].node(&namespaces), Some(node.clone()), "{address}");
        let written = address::written(&node, &namespaces);
        assert_eq!(address::wanted(&points(&written, POWER)).unwrap()[0].node(&namespaces), Some(node), "{written}");
    }
    assert_eq!(address::wanted(&points("nsu=urn:gone;i=7", POWER)).unwrap()[0].node(&namespaces), None);
    for address in ["Power", "ns=x;i=1", "nsu=urn:a", "nsu=urn:a;ns=2;i=1", ""] {
        let error = address::wanted(&points(address, POWER)).unwrap_err().to_string();
        assert!(error.contains("point 1") && error.contains("ns=2;s=Name"), "{address}: {error}");
    }
    let error = address::wanted(&points("i=1", "quantity = \"active_power\"\nevents = true\n")).unwrap_err().to_string();
    assert!(error.contains("event = "), "{error}");
}

fn value(value: Variant, status: StatusCode) -> DataValue {
    let source_timestamp = Some(DateTime::from(116_444_736_000_000_000 + 1_780_315_200_000_000 * 10));
    DataValue { value: Some(value), status: Some(status), source_timestamp, ..DataValue::null() }
}

const NOON: Option<i64> = Some(1_780_315_200_000_000);

#[test]
fn values_keep_their_time_and_quality() {
    let good = |value| Sample::good(3, NOON, value);
    for (given, expected) in [
        (value(Variant::Double(1.5), StatusCode::Good), good(1.5)),
        (value(Variant::Boolean(true), StatusCode::Good), good(1.0)),
        (value(Variant::UInt64(7), StatusCode::GoodLocalOverride), good(7.0)),
        (value(Variant::from(vec![2.5f32]), StatusCode::Good), good(2.5)),
        (
            value(Variant::Float(2.0), StatusCode::UncertainLastUsableValue),
            Sample::of(3, NOON, 2.0, Quality::Questionable, "UncertainLastUsableValue"),
        ),
    ] {
        assert_eq!(decode::sample(3, &given), Ok(expected));
    }
    let missing = |given: DataValue| {
        let sample = decode::sample(3, &given).unwrap();
        assert!(sample.value.is_nan() && sample.time == NOON && sample.quality == Quality::Invalid, "{sample:?}");
        sample.reason
    };
    assert_eq!(missing(value(Variant::Double(1.0), StatusCode::BadNotConnected)), "BadNotConnected");
    assert_eq!(missing(value(Variant::Double(f64::NAN), StatusCode::Good)), "not_a_number");
    assert_eq!(missing(value(Variant::Empty, StatusCode::Good)), "no_value");
    assert_eq!(decode::sample(3, &value(Variant::from("text"), StatusCode::Good)), Err("a text"));
    assert_eq!(decode::sample(3, &value(Variant::from(vec![1, 2]), StatusCode::Good)), Err("an array of more or fewer than one"));
    // The source's time, else the server's, else none.
    let mut late = value(Variant::Int32(1), StatusCode::Good);
    late.server_timestamp = late.source_timestamp.take();
    assert_eq!(decode::sample(3, &late).unwrap().time, NOON);
    late.server_timestamp = Some(DateTime::null());
    assert_eq!(decode::sample(3, &late).unwrap().time, None);
    assert_eq!(decode::micros(&decode::date_time(1_780_315_200_123_456)), Some(1_780_315_200_123_456));
}

#[test]
fn an_alarm_ends_with_the_message_it_began_with() {
    let mut alarms = events::Alarms::default();
    let mut fields = |message: &str, active: Variant| {
        let time = Variant::from(decode::date_time(1_780_315_200_000_000));
        let fields = [
            time,
            Variant::from("WTG01"),
            Variant::from(LocalizedText::new("en", message)),
            Variant::UInt16(700),
            Variant::Empty,
            active,
            Variant::from(NodeId::new(2, 9u32)),
        ];
        let told = alarms.notices(1, &fields);
        told.into_iter().map(|notice| (notice.message.unwrap(), notice.is_active, notice.time)).collect::<Vec<_>>()
    };
    let hot = "WTG01: Gearbox hot".to_owned();
    assert_eq!(fields("Gearbox hot", Variant::Boolean(true)), [(hot.clone(), true, NOON)]);
    assert_eq!(fields("Gearbox hot", Variant::Boolean(true)), []);
    assert_eq!(fields("Gearbox normal", Variant::Boolean(false)), [(hot, false, NOON)]);
    let door = "WTG01: Door".to_owned();
    assert_eq!(fields("Door", Variant::Empty), [(door.clone(), true, NOON), (door, false, NOON)]);
    // Anything may come from a wire.
    assert_eq!(alarms.notices(1, &[]).len(), 2);
    assert_eq!(alarms.notices(1, &[Variant::Empty, Variant::String(UAString::null())]).len(), 2);
}

#[test]
fn settings_are_refused_with_the_remedy() {
    let url = "url = \"opc.tcp://plant:4840\"\n";
    let ours = settings(url);
    assert_eq!((ours.mode(), ours.queue(1000.0), ours.queue(0.0), ours.queue(1e9)), (Mode::None, 60, 10_000, 10));
    assert_eq!(settings(&format!("{url}security_policy = \"Basic256Sha256\"")).mode(), Mode::SignAndEncrypt);
    let points = points("i=1", POWER);
    assert!(ours.check(&points).is_ok());
    for (more, remedy) in [
        ("security_policy = \"Basic256Sha256\"\nsecurity_mode = \"None\"", "contradict"),
        ("username = \"a\"", "both username and password"),
        ("certificate = \"a.der\"", "both certificate and key"),
        ("publishing_interval_ms = 0", "1 or more"),
        ("username = \"a\"\npassword = \"b\"\nuser_certificate = \"c\"\nuser_key = \"d\"", "not both"),
    ] {
        let error = settings(&format!("{url}{more}")).check(&points).unwrap_err().to_string();
        assert!(error.contains(remedy), "{more}: {error}");
    }
    let error = settings("url = \"plant:4840\"").check(&points).unwrap_err().to_string();
    assert!(error.contains("opc.tcp://host:4840"), "{error}");
    let secret = settings("url = \"opc.tcp://me:hush@plant:4840\"\nusername = \"a\"\npassword = \"hush\"");
    assert!(!secret.peer().contains("hush") && !format!("{:?}", secret.password).contains("hush"), "{}", secret.peer());
    for (url, kept) in [
        ("opc.tpc://me:hush@plant:4840", "\"opc.tpc://plant:4840\""),
        ("opc.tpc://me:hu?sh@plant:4840/a?key=hush", "\"opc.tpc://plant:4840/a\""),
        ("opc.tcp://me:hu/@sh@plant:48400000", "\"opc.tcp://plant:48400000\""),
        ("me:hush://hush@plant", "\"plant\""),
        ("plant:4840?hush", "\"plant:4840\""),
    ] {
        let wrong = settings(&format!("url = \"{url}\""));
        let error = wrong.check(&points).unwrap_err().to_string();
        assert!(error.contains(kept) && !error.contains("hu"), "{url}: {error}");
        assert!(!wrong.peer().contains("hu"), "{url}: {}", wrong.peer());
    }
}

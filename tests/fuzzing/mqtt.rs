//! What a broker hands out: any topic and payload is rows or a reject, Sparkplug in any order, and good messages around them stay.
//!
//! In: messages parted by `%%%`, each a topic, a line end and a payload. Out: a panic when a promise of `connectors::mqtt` does not hold.

use super::recorded::Held;
use super::recorded::held;
use super::recorded::link;
use super::recorded::points;
use connectors::live::Points;
use connectors::mqtt::Settings;
use std::sync::Arc;
use std::sync::LazyLock;

const SEPARATOR: &[u8] = b"\n%%%\n";
const SETTINGS: &str = r#"
host = "broker"
[payload]
time = "/t"
quality = "/q"
[sparkplug]
"#;
const POINTS: &str = r#"
[[assets]]
id = "GOOD"
kind = "wind_turbine"
[[assets]]
id = "t01"
kind = "wind_turbine"
[[points]]
address = "good#/v"
asset = "GOOD"
quantity = "wind_speed"
[[points]]
address = "plain"
asset = "t01"
quantity = "wind_speed"
[[points]]
address = "json#/v"
asset = "t01"
quantity = "active_power"
[[points]]
address = "json#/a/0"
asset = "t01"
event = "Alarm"
[[points]]
address = "state"
asset = "t01"
event = "State"
[[points]]
address = "plant/n1/d1:Power"
asset = "t01"
quantity = "reactive_power"
[[points]]
address = "plant/n1:Alarm"
asset = "t01"
event = "Node alarm"
"#;
type Message<'a> = (&'a [u8], &'a [u8]);
const BEFORE: Message<'_> = (b"good", b"{\"v\": 7.5, \"t\": \"2026-01-01T00:00:01Z\"}");
const AFTER: Message<'_> = (b"good", b"{\"v\": 7.5, \"t\": \"2026-01-01T00:00:02Z\"}");

static PLANT: LazyLock<(Settings, Arc<Points>)> =
    LazyLock::new(|| (toml::from_str(SETTINGS).expect("the settings are TOML"), points(POINTS)));

/// Reads the messages in `data`, alone and between two that are good.
pub fn mqtt(data: &[u8]) {
    let messages = messages(data);
    let alone = read(&messages);
    assert_eq!(read(&messages), alone, "the same messages read twice");
    let among = read(&[&[BEFORE], &messages[..], &[AFTER]].concat());
    for second in [1, 2] {
        let key = ("GOOD".to_owned(), "wind_speed".to_owned(), 1_767_225_600_000_000 + second * 1_000_000);
        if !alone.values.contains_key(&key) {
            assert_eq!(among.values.get(&key), Some(&7.5_f64.to_bits()), "the message at second {second}");
        }
    }
    let mut others = among.values;
    others.retain(|(asset, _, _), _| asset != "GOOD");
    let mut expected = alone.values;
    expected.retain(|(asset, _, _), _| asset != "GOOD");
    assert_eq!((others, among.others, among.rejects), (expected, alone.others, alone.rejects), "beside good messages");
}

fn read(messages: &[Message<'_>]) -> Held {
    held(&PLANT.0.replay(PLANT.1.clone(), &link(), messages).expect("settings and points are valid"))
}

fn messages(mut data: &[u8]) -> Vec<Message<'_>> {
    let mut all = Vec::new();
    while !data.is_empty() {
        let end = data.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
        let (message, behind) = end.map_or((data, &[][..]), |end| (&data[..end], &data[end + SEPARATOR.len()..]));
        let end = message.iter().position(|byte| *byte == b'\n').unwrap_or(message.len());
        all.push((&message[..end], message.get(end + 1..).unwrap_or_default()));
        data = behind;
    }
    all
}

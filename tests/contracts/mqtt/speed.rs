//! How fast: printed, and asserted only that everything is there.
//!
//! In: messages that wait in the broker. Out: a line on standard error. Not here: wall times as assertions.

use super::super::drive::{Drive, Kept, points};
use super::{Mosquitto, NOON, SOON, live, settings};
use serde_json::json;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_read_to_its_end() {
    let is_long = std::env::var_os("CHERGUI_LONG").is_some();
    for (messages, values) in if is_long { [(20_000, 1), (5_000, 100)] } else { [(2_000, 1), (500, 100)] } {
        for version in ["5", "3.1.1"] {
            // What counts is our side: the broker does not save its backlog at every message here.
            let Some(broker) = Mosquitto::start(
                "allow_anonymous true\nmax_inflight_messages 1000\nautosave_on_changes false\nautosave_interval 0\n",
            ) else {
                return;
            };
            let mut text = String::from("assets = [{ id = \"t\", kind = \"wind_turbine\" }]\n[quantities]\n");
            (0..values).for_each(|n| text.push_str(&format!("speed_{n} = \"kW\"\n")));
            for n in 0..values {
                text.push_str(&format!(
                    "[[points]]\naddress = \"fast#/v{n}\"\nasset = \"t\"\nquantity = \"speed_{n}\"\ntime = \"/ts\"\n"
                ));
            }
            let (mut publisher, points) = (broker.publisher(), points(&text));
            let settings = settings(broker.port, json!({"version": version, "keep_alive_s": 20}));
            // The backlog is in the broker before the clock starts.
            let kept = live(&settings, &points, Kept::default()).await.close().await;
            publisher.0.ask(&json!({"do": "many", "topic": "fast", "messages": messages, "values": values, "start_ms": NOON}));
            publisher.wait();
            let began = Instant::now();
            let mut drive = Drive::resume(&settings, &points, kept);
            let all = messages * values;
            assert!(drive.until(6 * SOON, |drive| drive.kept.values.len() == all).await, "{} of {all}", drive.kept.arrivals);
            let took = began.elapsed().as_secs_f64();
            eprintln!(
                "MQTT {version}: {messages} messages of {values} values at QoS 1 in {took:.3} s, {:.0} values/s",
                all as f64 / took
            );
            let kept = drive.close().await;
            assert_eq!((kept.values.len(), kept.arrivals), (all, all));
        }
    }
}

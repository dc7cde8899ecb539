//! MQTT 5: every device publishes its values as JSON, once for each change.
//!
//! In: the board, a broker. Out: `plant/WTG01` with `{"time": …, "active_power": …}`, QoS 1. A value that is not there is null, and
//! `quality` says why. A broker that is away is waited for; what could not be sent meanwhile is not sent later. Not here: Sparkplug.

use super::board::Board;
use super::board::Reading;
use super::board::State;
use super::fleet::Device;
use engine::domain::from_micros;
use rumqttc_v5::AsyncClient;
use rumqttc_v5::Event;
use rumqttc_v5::MqttOptions;
use rumqttc_v5::Packet;
use rumqttc_v5::PublishOptions;
use rumqttc_v5::mqttbytes::QoS;
use serde_json::Map;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// Messages that may wait for the broker.
const WAITING: usize = 1024;
/// Between two attempts to reach the broker.
const AGAIN: Duration = Duration::from_secs(2);

/// The topic of a device.
pub(super) fn topic(device: &Device) -> String {
    format!("plant/{}", device.name)
}

/// Publishes until `stop`.
pub(super) async fn publish(host: String, port: u16, board: Arc<Board>, stop: CancellationToken) {
    let mut options = MqttOptions::new(format!("chergui-plant-{}", std::process::id()), (host.clone(), port));
    options.set_keep_alive(15);
    let (client, mut events) = AsyncClient::builder(options).capacity(WAITING).build();
    let is_connected = Arc::new(AtomicBool::new(false));
    let link = {
        let is_connected = is_connected.clone();
        async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        tracing::info!(host, port, "publishing to the MQTT broker");
                        is_connected.store(true, Ordering::Relaxed);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        is_connected.store(false, Ordering::Relaxed);
                        tracing::warn!(host, port, %error, "the MQTT broker is away; trying again");
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }
        }
    };
    let say = async {
        let mut news = board.follow();
        loop {
            let picture = match news.recv().await {
                Ok(picture) => picture,
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "the MQTT broker is too slow for this rate");
                    continue;
                }
                Err(RecvError::Closed) => return,
            };
            if !is_connected.load(Ordering::Relaxed) {
                continue;
            }
            for device in &board.fleet.devices {
                let Some(payload) = payload(&board, device, &picture) else { continue };
                if client.publish(topic(device), payload, PublishOptions::new(QoS::AtLeastOnce)).await.is_err() {
                    return;
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = link => {}
        () = say => {}
    }
}

/// A device's values; `None` while it is silent.
fn payload(board: &Board, device: &Device, picture: &[Reading]) -> Option<Vec<u8>> {
    let readings = picture.get(device.signals.clone())?;
    let first = readings.first()?;
    if readings.iter().all(|reading| reading.state == State::CommsLost) {
        return None;
    }
    let (mut message, mut quality) = (Map::new(), Map::new());
    message.insert("time".into(), from_micros(first.time).to_string().into());
    for ((_, signal), reading) in board.fleet.signals_of(device).zip(readings) {
        let value = match reading.good() {
            Some(value) if signal.is_alarm() => Value::Bool(value > 0.0),
            value => value.map_or(Value::Null, Value::from),
        };
        message.insert(signal.key().into(), value);
        if reading.state != State::Good {
            quality.insert(signal.key().into(), "sensor_failure".into());
        }
    }
    if !quality.is_empty() {
        message.insert("quality".into(), quality.into());
    }
    serde_json::to_vec(&message).ok()
}

//! One connection to a broker, whichever of the two protocol versions it speaks.
//!
//! In: the settings. Out: what is heard, one thing at a time; subscriptions and acknowledgements to the broker. A connection is used once: after
//! a trouble a new one is made, so that acknowledgements of the old one, whose packet ids mean nothing any more, can never be sent. The broker
//! sends unacknowledged messages again. Not here: when to connect again, and what a message means.

use super::Settings;
use super::Version;
use super::memory::{Nothing, OURS};
use super::refusal;
use crate::live;
use engine::source::SourceError;
use prost::bytes::Bytes;
use rumqttc_v4 as v4;
use rumqttc_v5 as v5;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

/// Messages the broker may send ahead of our acknowledgements (MQTT 5, 3.1.2.11.3; 3.1.1 leaves it to the broker).
const WINDOW: u16 = 4096;
/// Requests put on the wire at once: a page's acknowledgements are a few packets, not thousands.
const REQUESTS_AT_ONCE: usize = 512;
/// How long TCP, TLS and CONNACK may take together.
const CONNECTS_WITHIN: Duration = Duration::from_secs(10);
/// Topic filters in one SUBSCRIBE; brokers have limits.
const FILTERS_AT_ONCE: usize = 100;

/// A topic nobody has.
const NO_TOPIC: &str = "chergui/nothing";

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) topic: Bytes,
    pub(super) payload: Bytes,
    /// To be acknowledged under this number; 0: not at all (QoS 0).
    pub(super) id: u16,
    /// Sent because we subscribed, not because it is new.
    pub(super) is_retained: bool,
    /// Sent before, and not acknowledged.
    pub(super) is_again: bool,
}

/// What the broker does.
#[derive(Debug)]
pub(super) enum Heard {
    /// It took us in; true: it kept our session.
    Connected(bool),
    /// It answered a SUBSCRIBE; per filter what it has against it.
    Subscribed(Vec<Option<String>>),
    /// It has read everything up to [`Client::settle`].
    Settled,
    /// A message.
    Message(Message),
    /// Nothing of ours.
    Other,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A person must act; the text says how.
    Refused(String),
    /// Trying again may help.
    Lost(String),
}

/// The sending half.
#[derive(Debug, Clone)]
pub(super) enum Client {
    V4(v4::AsyncClient),
    V5(v5::AsyncClient),
}

/// The receiving half; nothing is sent or received but by [`Broker::hear`].
pub(super) enum Broker {
    V4(Box<v4::EventLoop>),
    V5(Box<v5::EventLoop>),
}

/// How a connection differs from the lasting one of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// The session is kept by the broker, messages are acknowledged by us.
    Lasting,
    /// A look: a client id of its own, nothing is kept, nothing needs an acknowledgement.
    Brief,
}

/// Makes both halves; connects when heard.
///
/// # Errors
/// [`SourceError::Mapping`] for TLS files that cannot be used.
pub(super) fn dial(settings: &Settings, name: &str, visit: Visit) -> Result<(Client, Broker), SourceError> {
    let place = settings.address();
    let tls = settings.tls.as_ref().map(|tls| Ok((tls.client(&place)?, tls.name(&settings.host, &place)?))).transpose()?;
    let is_lasting = visit == Visit::Lasting;
    let mut id = settings.client_id.clone().unwrap_or_else(|| format!("chergui-{name}"));
    if !is_lasting {
        id.push_str("-look");
    }
    let target = (settings.host.clone(), settings.port());
    let address = target.clone();
    let connector = move |_: String, _| reach(address.clone(), tls.clone());
    let password = settings.password.clone().unwrap_or_default().reveal().to_owned();
    match settings.version {
        Version::V311 => {
            let mut options = v4::MqttOptions::new(id, target);
            options.set_keep_alive(settings.keep_alive_s).set_max_request_batch(REQUESTS_AT_ONCE);
            options.set_max_packet_size(settings.max_packet_bytes as usize, settings.max_packet_bytes as usize);
            options.set_ack_mode(if is_lasting { v4::AckMode::Manual } else { v4::AckMode::Automatic });
            options.set_clean_session(!is_lasting).set_socket_connector(connector);
            if let Some(user) = &settings.username {
                options.set_credentials(user.clone(), password);
            }
            let (client, events) = v4::AsyncClient::builder(options).unbounded().build();
            Ok((Client::V4(client), Broker::V4(Box::new(events))))
        }
        Version::V5 => {
            let mut options = v5::MqttOptions::new(id.clone(), target);
            options.set_keep_alive(settings.keep_alive_s).set_max_request_batch(REQUESTS_AT_ONCE);
            options.set_max_packet_size(Some(settings.max_packet_bytes)).set_receive_maximum(Some(WINDOW));
            options.set_incoming_packet_size_limit(v5::IncomingPacketSizeLimit::Bytes(settings.max_packet_bytes));
            options.set_ack_mode(if is_lasting { v5::AckMode::Manual } else { v5::AckMode::Automatic });
            options.set_clean_start(!is_lasting).set_session_expiry_interval(is_lasting.then_some(settings.session_expiry_s));
            if is_lasting {
                let memory = Nothing { client_id: id, session_expiry_s: settings.session_expiry_s };
                options.set_session_store(memory).set_outgoing_inflight_upper_limit(OURS);
            }
            options.set_connect_timeout(CONNECTS_WITHIN).set_socket_connector(connector);
            if let Some(user) = &settings.username {
                options.set_credentials(user.clone(), password);
            }
            let (client, events) = v5::AsyncClient::builder(options).unbounded().build();
            Ok((Client::V5(client), Broker::V5(Box::new(events))))
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

type Tls = (Arc<ClientConfig>, rustls_pki_types::ServerName<'static>);

async fn reach((host, port): (String, u16), tls: Option<Tls>) -> io::Result<Box<dyn Stream>> {
    let connected = tokio::time::timeout(CONNECTS_WITHIN, async {
        let tcp = live::connect(&host, port).await?;
        Ok(match tls {
            None => Box::new(tcp) as Box<dyn Stream>,
            Some((config, name)) => Box::new(TlsConnector::from(config).connect(name, tcp).await?),
        })
    });
    connected.await.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 10 s")))
}

impl Client {
    /// Subscribes; the answers come in this order, one per chunk of the result.
    pub(super) fn subscribe(&self, filters: &[String], qos: u8) -> Vec<Vec<String>> {
        let chunks: Vec<Vec<String>> = filters.chunks(FILTERS_AT_ONCE).map(<[String]>::to_vec).collect();
        for chunk in &chunks {
            let sent = match self {
                Self::V4(client) => {
                    let qos = if qos == 0 { v4::QoS::AtMostOnce } else { v4::QoS::AtLeastOnce };
                    client.try_subscribe_many(chunk.iter().map(|filter| v4::SubscribeFilter::new(filter.clone(), qos))).is_ok()
                }
                Self::V5(client) => {
                    let qos = if qos == 0 { v5::QoS::AtMostOnce } else { v5::QoS::AtLeastOnce };
                    let filters = chunk.iter().map(|filter| {
                        // Retained values again at every reconnect would be old news (3.8.3.1).
                        let rule = v5::RetainForwardRule::OnNewSubscribe;
                        v5::SubscribeFilterInput::new(filter.clone(), qos).retain_forward_rule(rule)
                    });
                    client.try_subscribe_many(filters).is_ok()
                }
            };
            // A connection that is gone says so when it is heard.
            tracing::trace!(sent, filters = chunk.len(), "subscribe");
        }
        chunks
    }

    /// Acknowledges in order. False: the connection is gone, and the broker will send them again.
    pub(super) fn acknowledge(&self, ids: &[u16]) -> bool {
        ids.iter().all(|&id| match self {
            Self::V4(client) => client.try_manual_ack(v4::ManualAck::PubAck(v4::PubAck::new(id))).is_ok(),
            Self::V5(client) => client.try_manual_ack(v5::ManualAck::PubAck(v5::PubAck::new(id, None))).is_ok(),
        })
    }

    /// Publishes at QoS 0. The only caller asks a Sparkplug node to be born again.
    pub(super) fn publish(&self, topic: &str, payload: Vec<u8>) -> bool {
        match self {
            Self::V4(client) => client.try_publish(topic, payload, v4::PublishOptions::at_most_once()).is_ok(),
            Self::V5(client) => client.try_publish(topic, payload, v5::PublishOptions::at_most_once()).is_ok(),
        }
    }

    /// Asks for something whose answer proves that the broker has read what we sent before: to end a subscription that does not exist.
    pub(super) fn settle(&self) -> bool {
        match self {
            Self::V4(client) => client.try_unsubscribe(NO_TOPIC).is_ok(),
            Self::V5(client) => client.try_unsubscribe(NO_TOPIC).is_ok(),
        }
    }

    /// Leaves once what was asked for before is on the wire.
    pub(super) fn leave(&self) -> bool {
        match self {
            Self::V4(client) => client.try_disconnect().is_ok(),
            Self::V5(client) => client.try_disconnect().is_ok(),
        }
    }
}

impl Broker {
    /// The next thing. Ends the connection with a trouble; it is not to be heard again after that.
    pub(super) async fn hear(&mut self) -> Result<Heard, Trouble> {
        match self {
            Self::V4(events) => match events.poll().await {
                Ok(v4::Event::Incoming(v4::Packet::Publish(publish))) => Ok(Heard::Message(Message {
                    id: if publish.qos == v4::QoS::AtMostOnce { 0 } else { publish.pkid },
                    topic: publish.topic,
                    payload: publish.payload,
                    is_retained: publish.retain,
                    is_again: publish.dup,
                })),
                Ok(v4::Event::Incoming(v4::Packet::ConnAck(answer))) => Ok(Heard::Connected(answer.session_present)),
                Ok(v4::Event::Incoming(v4::Packet::SubAck(answer))) => {
                    let refused = |code: &v4::SubscribeReasonCode| match code {
                        v4::SubscribeReasonCode::Success(_) => None,
                        v4::SubscribeReasonCode::Failure => Some("refused".into()),
                    };
                    Ok(Heard::Subscribed(answer.return_codes.iter().map(refused).collect()))
                }
                Ok(v4::Event::Incoming(v4::Packet::UnsubAck(_))) => Ok(Heard::Settled),
                Ok(_) => Ok(Heard::Other),
                Err(v4::ConnectionError::ConnectionRefused(code)) => Err(refusal::connack(&format!("{code:?}"))),
                Err(v4::ConnectionError::Io(error)) => Err(refusal::io(&error)),
                Err(error) => Err(refusal::state(&error.to_string())),
            },
            Self::V5(events) => match events.poll().await {
                Ok(v5::Event::Incoming(v5::Packet::Publish(publish))) => Ok(Heard::Message(Message {
                    id: if publish.qos == v5::QoS::AtMostOnce { 0 } else { publish.pkid },
                    topic: publish.topic,
                    payload: publish.payload,
                    is_retained: publish.retain,
                    is_again: publish.dup,
                })),
                Ok(v5::Event::Incoming(v5::Packet::ConnAck(answer))) => Ok(Heard::Connected(answer.session_present)),
                Ok(v5::Event::Incoming(v5::Packet::SubAck(answer))) => {
                    let refused = |code: &v5::SubscribeReasonCode| match code {
                        v5::SubscribeReasonCode::Success(_) => None,
                        other => Some(format!("{other:?}")),
                    };
                    Ok(Heard::Subscribed(answer.return_codes.iter().map(refused).collect()))
                }
                Ok(v5::Event::Incoming(v5::Packet::UnsubAck(_))) => Ok(Heard::Settled),
                Ok(_) => Ok(Heard::Other),
                Err(v5::ConnectionError::ConnectionRefused(code)) => Err(refusal::connack(&format!("{code:?}"))),
                Err(v5::ConnectionError::MqttState(v5::StateError::ConnFail { reason })) => {
                    Err(refusal::connack(&format!("{reason:?}")))
                }
                Err(v5::ConnectionError::Io(error)) => Err(refusal::io(&error)),
                Err(error) => Err(refusal::state(&error.to_string())),
            },
        }
    }
}

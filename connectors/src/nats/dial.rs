//! One connection to a server, and why there is none.
//!
//! In: the settings. Out: a client, and word when its link is lost; a [`Trouble`]. The client's own reconnecting is not used: a lost link is
//! made anew by who called, so that its state is told in one place. Not here: when to try again.

use super::Settings;
use super::filter;
use crate::live::Link;
use crate::live::Points;
use crate::mqtt;
use async_nats::Client;
use async_nats::ConnectErrorKind;
use async_nats::ConnectOptions;
use async_nats::Event;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::AckPolicy;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::ConsumerErrorKind;
use async_nats::jetstream::stream::Stream;
use engine::source::SourceError;
use std::time::Duration;
use tokio::sync::watch;

/// How long the server may take to take us in.
const CONNECTS_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to answer a request.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// A silent line is noticed after three of these.
const PINGS_EVERY: Duration = Duration::from_secs(3);
/// Messages on the way that are not acknowledged. A page is stored meanwhile.
const UNACKNOWLEDGED: i64 = 4096;
/// Messages kept for a subscription without a stream; beyond it the client drops them and says so.
const ROOM: usize = 16_384;

/// Why a link ended, or could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A person must act; the text says how.
    Refused(String),
    /// Trying again may help.
    Lost(String),
}

impl Trouble {
    pub(super) fn error(self, settings: &Settings) -> SourceError {
        match self {
            Self::Refused(problem) => settings.wrong(problem),
            Self::Lost(problem) => SourceError::Io { place: settings.address(), cause: std::io::Error::other(problem) },
        }
    }
}

/// What the client noticed.
#[derive(Debug, Clone, Default)]
pub(super) struct Noticed {
    /// Why the link is lost, if it is.
    pub(super) lost: Option<String>,
    /// What the server has against a request of ours.
    pub(super) complaint: Option<String>,
    /// Times that messages were dropped because we were slow.
    pub(super) dropped: u64,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Dialled {
    pub(super) client: Client,
    pub(super) noticed: watch::Receiver<Noticed>,
}

/// Connects once.
pub(super) async fn dial(settings: &Settings, link: &Link) -> Result<Dialled, Trouble> {
    let (notice, noticed) = watch::channel(Noticed::default());
    let mut options = ConnectOptions::new()
        .name(format!("chergui {}", link.name()))
        .connection_timeout(CONNECTS_WITHIN)
        .request_timeout(Some(ANSWERS_WITHIN))
        .ping_interval(PINGS_EVERY)
        .subscription_capacity(ROOM)
        .max_reconnects(1)
        .ignore_discovered_servers()
        .event_callback(move |event| {
            notice.send_modify(|noticed| match event {
                Event::Disconnected | Event::Closed | Event::LameDuckMode => {
                    noticed.lost.get_or_insert_with(|| format!("the server's link: {event}"));
                }
                Event::ServerError(error) => noticed.complaint = Some(error.to_string()),
                Event::SlowConsumer(_) => noticed.dropped = noticed.dropped.saturating_add(1),
                Event::Connected | Event::Draining | Event::ClientError(_) => {}
            });
            std::future::ready(())
        });
    if let (Some(user), Some(password)) = (&settings.username, &settings.password) {
        options = options.user_and_password(user.clone(), password.reveal().into());
    }
    if let Some(token) = &settings.token {
        options = options.token(token.reveal().into());
    }
    if let Some(path) = &settings.credentials {
        let read = options.credentials_file(path).await;
        options = read.map_err(|error| Trouble::Refused(format!("credentials {}: {error}", path.display())))?;
    }
    if let Some(tls) = &settings.tls {
        let config = tls.client(&settings.address()).map_err(|error| Trouble::Refused(error.to_string()))?;
        options = options.require_tls(true).tls_client_config((*config).clone());
    }
    let connected = tokio::time::timeout(CONNECTS_WITHIN * 2, options.connect(settings.servers.clone())).await;
    let client = connected.map_err(|_| Trouble::Lost("no answer within 10 s; is there a NATS server at this port?".into()))?;
    let client = client.map_err(|error| {
        let text = error.to_string();
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => Trouble::Refused(format!(
                "the server does not let us in ({text}); correct username, password, token or credentials"
            )),
            ConnectErrorKind::ServerParse => Trouble::Refused(format!("servers: {text}; write host:port")),
            ConnectErrorKind::Tls => {
                Trouble::Refused(format!("{text}; does the server speak TLS here, and is tls.ca its authority?"))
            }
            _ => Trouble::Lost(text),
        }
    })?;
    Ok(Dialled { client, noticed })
}

/// The stream of the settings.
pub(super) async fn stream(client: &Client, name: &str) -> Result<Stream, Trouble> {
    let context = async_nats::jetstream::new(client.clone());
    context.get_stream(name).await.map_err(|error| match error.kind() {
        GetStreamErrorKind::JetStream(cause) if cause.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            Trouble::Refused(format!("there is no stream {name:?}; `nats stream ls` lists them"))
        }
        GetStreamErrorKind::JetStream(cause) => Trouble::Refused(format!("stream {name:?}: {cause}")),
        _ if error.to_string().contains("no responders") => {
            Trouble::Refused("the server has no JetStream for this account; enable it, or leave stream out".into())
        }
        _ => Trouble::Lost(format!("stream {name:?}: {error}")),
    })
}

/// The filter of the consumer; "": everything.
pub(super) fn filter(settings: &Settings, points: &Points) -> String {
    settings.subjects.first().cloned().or_else(|| filter::cover(&mqtt::topics(points))).unwrap_or_default()
}

/// Our durable consumer of the stream, made where it is not there.
pub(super) async fn consumer(
    settings: &Settings,
    stream: &Stream,
    name: &str,
    filter: String,
) -> Result<async_nats::jetstream::consumer::Consumer<pull::Config>, Trouble> {
    let config = pull::Config {
        durable_name: Some(name.into()),
        deliver_policy: match settings.start {
            super::Start::All => DeliverPolicy::All,
            super::Start::New => DeliverPolicy::New,
        },
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(u64::from(settings.ack_wait_s)),
        max_ack_pending: UNACKNOWLEDGED,
        filter_subject: filter,
        ..pull::Config::default()
    };
    stream.create_consumer(config).await.map_err(|error| match error.kind() {
        ConsumerErrorKind::JetStream(cause) => {
            let remedy = "give another name under consumer, or delete it: it keeps the place and cannot be made to begin elsewhere";
            Trouble::Refused(format!("consumer {name:?}: {cause}; {remedy}"))
        }
        ConsumerErrorKind::InvalidName => Trouble::Refused(format!("consumer {name:?} is no name; give another")),
        _ => Trouble::Lost(format!("consumer {name:?}: {error}")),
    })
}

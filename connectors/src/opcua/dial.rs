//! From settings to a session: asks what the server offers, chooses, checks trust, signs in.
//!
//! In: settings. Out: a session of the client library and the stream that drives it. The library tries again only when it is polled, so
//! that every attempt is ours to see and to wait for. Not here: subscriptions.

use super::trouble::Trouble;
use super::{Mode, Settings, pki};
use futures::StreamExt;
use futures::stream::BoxStream;
use opcua::client::transport::{ConnectorBuilder, TransportPollResult};
use opcua::client::{ClientBuilder, ClientConfig, Session, SessionBuilder, SessionConnectMode, SessionPollResult};
use opcua::core::ResponseMessage;
use opcua::crypto::{CertificateStore, SecurityPolicy};
use opcua::sync::RwLock;
use opcua::types::{
    ByteString, EndpointDescription, GetEndpointsRequest, MessageSecurityMode, RequestHeader, StatusCode, UAString, UserTokenType,
};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// What drives a session; nothing moves unless it is polled.
pub(super) type Events = BoxStream<'static, Result<SessionPollResult, StatusCode>>;

/// Longest message taken from a server, bytes. A page of history of our size is well below.
const LONGEST_MESSAGE: usize = 64 << 20;
/// Chunks of a message, at most.
const MOST_CHUNKS: usize = 8192;
/// Elements of an array, at most: values of one message.
const LONGEST_ARRAY: usize = 500_000;
/// The registered port (IEC 62541-6, 7.2).
const PORT: u16 = 4840;
/// How long the server keeps our session and subscription while the line is cut, ms.
pub(super) const SESSION_KEPT: u32 = 600_000;

fn config(settings: &Settings) -> ClientConfig {
    ClientBuilder::new()
        .application_name("Chergui")
        .application_uri(settings.application_uri.as_str())
        .product_uri("urn:chergui")
        .session_name("chergui")
        .pki_dir(&settings.pki_dir)
        .max_array_length(LONGEST_ARRAY)
        .max_message_size(LONGEST_MESSAGE)
        .max_chunk_count(MOST_CHUNKS)
        .max_byte_string_length(1 << 20)
        .request_timeout(settings.timeout())
        .session_timeout(SESSION_KEPT)
        .keep_alive_interval(settings.timeout())
        .max_failed_keep_alive_count(0)
        .recreate_subscriptions(false)
        // Endlessly and at once: the waits are ours, between two polls.
        .session_retry_limit(-1)
        .session_retry_initial(Duration::ZERO)
        .into_config()
}

/// What the server offers (GetEndpoints, IEC 62541-4, 5.4.4).
pub(super) async fn endpoints(settings: &Settings) -> Result<Vec<EndpointDescription>, Trouble> {
    let doing = "asking the server what it offers";
    let late = |_| Trouble::passing(format!("{doing}: no answer within {} s; is it an OPC UA server?", settings.timeout_s));
    match tokio::time::timeout(settings.timeout(), ask_endpoints(settings)).await.map_err(late)? {
        Ok(offered) => Ok(offered),
        // Where nobody listens, the library says less than the system.
        Err(error) => Err(match reach(settings).await {
            Err(cause) => Trouble::passing(cause.to_string()),
            Ok(()) => Trouble::of(settings, doing, &error),
        }),
    }
}

async fn ask_endpoints(settings: &Settings) -> Result<Vec<EndpointDescription>, opcua::types::Error> {
    let config = config(settings);
    // An empty store: this first question goes without security, as the standard has it.
    let store = Arc::new(RwLock::new(CertificateStore::new(&settings.pki_dir)));
    let channel = SessionBuilder::new(&config).connect_to_endpoint_directly(settings.url.as_str())?.build_channel(store)?;
    let connector = settings.url.as_str().build()?;
    let mut events = channel.connect_no_retry(&connector).await?;
    let request = GetEndpointsRequest {
        request_header: RequestHeader { request_handle: channel.request_handle(), ..RequestHeader::default() },
        endpoint_url: UAString::from(settings.url.as_str()),
        locale_ids: None,
        profile_uris: None,
    };
    let answer = channel.send(request, settings.timeout());
    tokio::pin!(answer);
    let response = loop {
        tokio::select! {
            answer = &mut answer => break answer?,
            polled = events.poll() => if let TransportPollResult::Closed(status) = polled {
                return Err(opcua::types::Error::new(status, "the server closed the connection"));
            },
        }
    };
    channel.close_channel().await;
    // Lets the good-bye out; a server that does not take it loses nothing.
    drop(
        tokio::time::timeout(Duration::from_millis(200), async {
            while !matches!(events.poll().await, TransportPollResult::Closed(_)) {}
        })
        .await,
    );
    match response {
        ResponseMessage::GetEndpoints(response) if response.response_header.service_result.is_good() => {
            Ok(response.endpoints.unwrap_or_default())
        }
        ResponseMessage::GetEndpoints(response) => {
            Err(opcua::types::Error::new(response.response_header.service_result, "the server refused GetEndpoints"))
        }
        ResponseMessage::ServiceFault(fault) => Err(opcua::types::Error::new(fault.response_header.service_result, "refused")),
        other => Err(opcua::types::Error::new(StatusCode::BadUnknownResponse, format!("answered with {}", other.type_name()))),
    }
}

/// One line per endpoint: `Basic256Sha256 SignAndEncrypt (anonymous, username)`.
pub(super) fn listed(endpoints: &[EndpointDescription]) -> String {
    let one = |endpoint: &EndpointDescription| {
        let users = endpoint.user_identity_tokens.iter().flatten().map(|token| match token.token_type {
            UserTokenType::Anonymous => "anonymous",
            UserTokenType::UserName => "username",
            UserTokenType::Certificate => "certificate",
            UserTokenType::IssuedToken => "issued token",
        });
        let mut users: Vec<_> = users.collect();
        users.dedup();
        let policy = SecurityPolicy::from_uri(endpoint.security_policy_uri.as_ref());
        let policy = if policy == SecurityPolicy::Unknown { endpoint.security_policy_uri.to_string() } else { policy.to_string() };
        format!("{policy} {:?} ({})", endpoint.security_mode, users.join(", "))
    };
    let mut lines: Vec<_> = endpoints.iter().map(one).collect();
    lines.dedup();
    lines.join("; ")
}

/// The endpoint the settings ask for.
pub(super) fn choose(settings: &Settings, endpoints: &[EndpointDescription]) -> Result<EndpointDescription, Trouble> {
    let mode = match settings.mode() {
        Mode::None => MessageSecurityMode::None,
        Mode::Sign => MessageSecurityMode::Sign,
        Mode::SignAndEncrypt => MessageSecurityMode::SignAndEncrypt,
    };
    let policy = pki::policy(settings.security_policy);
    let fits = |endpoint: &&EndpointDescription| {
        endpoint.security_mode == mode
            && SecurityPolicy::from_uri(endpoint.security_policy_uri.as_ref()) == policy
            && endpoint.endpoint_url.as_ref().starts_with("opc.tcp:")
    };
    let user = match (&settings.username, &settings.user_certificate) {
        (Some(_), _) => UserTokenType::UserName,
        (_, Some(_)) => UserTokenType::Certificate,
        _ => UserTokenType::Anonymous,
    };
    let takes =
        |endpoint: &&EndpointDescription| endpoint.user_identity_tokens.iter().flatten().any(|token| token.token_type == user);
    let mut fitting = endpoints.iter().filter(fits).peekable();
    if fitting.peek().is_none() {
        return Err(Trouble::lasting(format!(
            "the server does not offer security_policy {:?} with security_mode {:?}; it offers: {}",
            settings.security_policy,
            settings.mode(),
            listed(endpoints)
        )));
    }
    let mut chosen = fitting.find(takes).cloned().ok_or_else(|| {
        Trouble::lasting(format!("the server does not take {user:?} sign-in with this security; it offers: {}", listed(endpoints)))
    })?;
    // A server behind a gateway names a host that only it can reach.
    chosen.endpoint_url = UAString::from(reachable(&settings.url, chosen.endpoint_url.as_ref()));
    Ok(chosen)
}

/// Our host and port with the server's path.
fn reachable(ours: &str, theirs: &str) -> String {
    let (Ok(mut url), Ok(named)) = (url::Url::parse(ours), url::Url::parse(theirs)) else { return ours.to_owned() };
    if url.path().trim_matches('/').is_empty() {
        url.set_path(named.path());
    }
    url.into()
}

/// A session that is not connected yet, and what drives it.
pub(super) async fn session(settings: &Settings) -> Result<(Arc<Session>, Events), Trouble> {
    let mut endpoint = choose(settings, &endpoints(settings).await?)?;
    let user = pki::user(settings)?;
    let (settings, mut chosen) = (settings.clone(), endpoint.clone());
    // Making a key takes a second; nobody else shall wait for it.
    let made = tokio::task::spawn_blocking(move || {
        let store = pki::store(&settings, &chosen);
        if settings.mode() == Mode::None && settings.username.is_none() && settings.user_certificate.is_none() {
            // Unneeded without security, and often broken: it must not stand in the way.
            chosen.server_certificate = ByteString::null();
        }
        store.map(|store| (store, chosen, settings))
    });
    let (store, chosen, settings) = made.await.map_err(|error| Trouble::passing(format!("reading certificates: {error}")))??;
    endpoint.server_certificate = chosen.server_certificate;
    let config = config(&settings);
    let (session, events) = SessionBuilder::new(&config)
        .user_identity_token(user)
        .connect_to_endpoint_directly(endpoint)
        .and_then(|builder| builder.build(Arc::new(RwLock::new(store))))
        .map_err(|error| Trouble::of(&settings, "preparing the session", &error))?;
    Ok((session, events.enter().boxed()))
}

/// How a session came to be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// It is a new one.
    New,
    /// The old one goes on, with its subscriptions.
    Same,
    /// No answer yet; the attempt goes on when it is polled again.
    Stuck,
}

/// Polls until connected, or until the time is up.
pub(super) async fn connected(settings: &Settings, events: &mut Events) -> Result<Reached, Trouble> {
    let doing = "connecting";
    let wait = async {
        loop {
            match events.next().await {
                Some(Ok(SessionPollResult::Reconnected(SessionConnectMode::NewSession(_)))) => return Ok(Reached::New),
                Some(Ok(SessionPollResult::Reconnected(_))) => return Ok(Reached::Same),
                Some(Ok(SessionPollResult::ReconnectFailed(status)) | Err(status)) => {
                    return Err(Trouble::status(settings, doing, status));
                }
                Some(Ok(SessionPollResult::ConnectionLost(status))) => return Err(Trouble::status(settings, doing, status)),
                Some(Ok(_)) => {}
                None => return Err(Trouble::passing("the session ended")),
            }
        }
    };
    tokio::time::timeout(settings.timeout(), wait).await.unwrap_or(Ok(Reached::Stuck))
}

/// Makes a connection to the server's port, and closes it at once.
pub(super) async fn reach(settings: &Settings) -> io::Result<()> {
    let url = url::Url::parse(&settings.url).map_err(io::Error::other)?;
    let host = url.host_str().ok_or_else(|| io::Error::other("the url has no host"))?;
    let connected = crate::live::connect(host.trim_matches(['[', ']']), url.port().unwrap_or(PORT));
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", settings.timeout_s));
    tokio::time::timeout(settings.timeout(), connected).await.map_err(late)?.map(drop)
}

/// Nobody answered.
pub(super) fn no_answer(settings: &Settings) -> Trouble {
    Trouble::passing(format!("connecting: no answer within {} s", settings.timeout_s))
}

/// Polls until the line is lost.
pub(super) async fn carry(settings: &Settings, events: &mut Events) -> Trouble {
    loop {
        match events.next().await {
            Some(Ok(SessionPollResult::ConnectionLost(StatusCode::Good))) | None => {
                return Trouble::passing("the connection was closed");
            }
            Some(Ok(SessionPollResult::ConnectionLost(status)) | Err(status)) => {
                return Trouble::status(settings, "the connection was lost", status);
            }
            Some(Ok(_)) => {}
        }
    }
}

/// A session for one visit, driven by a task of its own.
pub(super) struct Visit {
    pub(super) session: Arc<Session>,
    driver: JoinHandle<()>,
}

impl Visit {
    /// Connects.
    pub(super) async fn begin(settings: &Settings) -> Result<Self, Trouble> {
        let (session, mut events) = session(settings).await?;
        if connected(settings, &mut events).await? == Reached::Stuck {
            return Err(no_answer(settings));
        }
        let held = settings.clone();
        let driver = tokio::spawn(async move { drop(carry(&held, &mut events).await) });
        Ok(Self { session, driver })
    }

    /// Leaves in good order.
    pub(super) async fn end(self) {
        drop(tokio::time::timeout(Duration::from_secs(2), self.session.disconnect()).await);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

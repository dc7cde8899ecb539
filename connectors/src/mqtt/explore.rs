//! A look at a broker: does it let us in, what do its clients publish.
//!
//! In: the settings. Out: a [`Probe`], or [`Found`] things. Under a client id of its own, so that a running source keeps its connection and
//! its session. Not here: what a message offers ([`super::offer`]).

use super::Settings;
use super::Version;
use super::address::Plan;
use super::broker::{self, Broker, Client, Heard, Message, Trouble, Visit};
use super::offer::Offers;
use super::sparkplug;
use crate::live::Found;
use crate::live::Link;
use crate::live::Probe;
use engine::source::SourceError;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::timeout_at;

/// How long a probe listens.
const LISTENS: Duration = Duration::from_secs(2);
/// How long it may take to be let in.
const ADMITS_WITHIN: Duration = Duration::from_secs(12);
/// Where brokers say who they are, by custom.
const ABOUT: &str = "$SYS/broker/version";

struct Visitor<'a> {
    settings: &'a Settings,
    client: Client,
    broker: Broker,
    /// What came while the subscriptions were being answered: retained messages.
    early: Vec<Message>,
}

impl<'a> Visitor<'a> {
    async fn enter(settings: &'a Settings, link: &Link, filters: &[String]) -> Result<Self, SourceError> {
        let (client, broker) = broker::dial(settings, link.name(), Visit::Brief)?;
        let mut visitor = Self { settings, client, broker, early: Vec::new() };
        let by = Instant::now() + ADMITS_WITHIN;
        let mut asked = None;
        loop {
            let heard = timeout_at(by, visitor.broker.hear()).await;
            match heard.unwrap_or_else(|_| Err(Trouble::Lost("no answer to CONNECT; is there an MQTT broker at this port?".into())))
            {
                Ok(Heard::Connected(_)) => {
                    let chunks = visitor.client.subscribe(filters, settings.qos);
                    // By custom only, and often forbidden: its answer does not count.
                    visitor.client.subscribe(&[ABOUT.to_owned()], 0);
                    asked = Some(chunks.into_iter());
                }
                Ok(Heard::Subscribed(answers)) => {
                    let Some(chunk) = asked.as_mut().and_then(Iterator::next) else { return Ok(visitor) };
                    if let Some((filter, problem)) =
                        chunk.iter().zip(&answers).find_map(|(filter, no)| Some((filter, no.as_ref()?)))
                    {
                        let remedy = "let the broker's access list allow this client to read it";
                        return Err(settings.wrong(format!("subscription to {filter} refused: {problem}; {remedy}")));
                    }
                }
                Ok(Heard::Message(message)) => visitor.early.push(message),
                Ok(Heard::Settled | Heard::Other) => {}
                Err(trouble) => return Err(visitor.error(trouble)),
            }
        }
    }

    fn error(&self, trouble: Trouble) -> SourceError {
        let place = self.settings.address();
        match trouble {
            Trouble::Refused(problem) => SourceError::Mapping { place, problem },
            Trouble::Lost(problem) => SourceError::Io { place, cause: std::io::Error::other(problem) },
        }
    }

    /// Messages until the time is up.
    async fn listen(&mut self, until: Instant, mut each: impl FnMut(&Client, Message)) -> Result<(), SourceError> {
        for message in std::mem::take(&mut self.early) {
            each(&self.client, message);
        }
        loop {
            match timeout_at(until, self.broker.hear()).await {
                Err(_) => return Ok(()),
                Ok(Ok(Heard::Message(message))) => each(&self.client, message),
                Ok(Ok(_)) => {}
                Ok(Err(trouble)) => return Err(self.error(trouble)),
            }
        }
    }

    async fn leave(mut self) {
        let until = Instant::now() + Duration::from_millis(500);
        if self.client.leave() {
            while matches!(timeout_at(until, self.broker.hear()).await, Ok(Ok(_))) {}
        }
    }
}

/// Signs in, subscribes, listens for a moment.
pub(super) async fn probe(settings: &Settings, plan: &Plan, link: &Link) -> Result<Probe, SourceError> {
    let mut visitor = Visitor::enter(settings, link, &plan.filters).await?;
    let (mut about, mut messages, mut topics) = (None, 0_u64, BTreeSet::new());
    let heard = visitor
        .listen(Instant::now() + LISTENS, |_, message| {
            let topic = String::from_utf8_lossy(&message.topic).into_owned();
            if topic == ABOUT {
                about = Some(String::from_utf8_lossy(&message.payload).into_owned());
            } else {
                messages += 1;
                topics.insert(topic);
            }
        })
        .await;
    heard?;
    visitor.leave().await;
    let wanted = plan.routes.len();
    let seen = plan.routes.keys().filter(|topic| topics.contains(*topic)).count();
    let version = if settings.version == Version::V5 { "MQTT 5" } else { "MQTT 3.1.1" };
    let of_topics = if wanted == 0 { String::new() } else { format!(", {seen} of {wanted} topics of the points among them") };
    Ok(Probe {
        peer: about.unwrap_or_else(|| format!("a broker of {version}")),
        says: format!("{version}: signed in, subscribed; {messages} messages in {} s{of_topics}", LISTENS.as_secs()),
    })
}

/// Listens and lists what could be points.
pub(super) async fn discover<'t>(
    settings: &Settings,
    link: &Link,
    tell: &(dyn Fn(&'t str) + Send + Sync),
) -> Result<Vec<Found>, SourceError> {
    let filters = match (&settings.sparkplug, settings.topics.as_slice()) {
        (Some(spec), []) => vec![format!("spBv1.0/{}/#", spec.group)],
        (None, []) => vec!["#".to_owned()],
        (_, topics) => topics.to_vec(),
    };
    let mut visitor = Visitor::enter(settings, link, &filters).await?;
    tell("signed in and subscribed; listening for discover_s");
    let asks = settings.sparkplug.as_ref().is_some_and(|spec| spec.request_rebirth);
    let end = Instant::now() + Duration::from_secs(u64::from(settings.discover_s));
    let mut offers = Offers::new(settings.sparkplug.is_some());
    let mut asked = BTreeSet::new();
    let heard = visitor.listen(end, |client, message| {
        let Some(node) = offers.see(&message) else { return };
        let millis = u64::try_from(link.now_micros() / 1000).unwrap_or_default();
        if asks && asked.insert(node.clone()) && !client.publish(&node, sparkplug::rebirth(millis)) {
            tell("a node could not be asked for its birth");
        }
    });
    heard.await?;
    visitor.leave().await;
    offers.complaints().into_iter().for_each(tell);
    Ok(offers.found())
}

//! A look at a server: does it let us in, what is in the stream.
//!
//! In: the settings. Out: a [`Probe`], or [`Found`] things. A stream is looked at by asking for the last message of each subject: no consumer is
//! made, nothing is acknowledged. Not here: what a message offers ([`crate::mqtt`]).

use super::Settings;
use super::dial::{self, Dialled, Trouble};
use super::filter;
use crate::live::Found;
use crate::live::Link;
use crate::live::Points;
use crate::live::Probe;
use crate::mqtt;
use crate::mqtt::Sight;
use async_nats::Client;
use engine::source::SourceError;
use futures::StreamExt;
use futures::TryStreamExt;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use tokio::time::timeout_at;

/// How long a probe listens.
const LISTENS: Duration = Duration::from_secs(2);
/// Subjects whose last message is asked for.
const MOST: usize = 5000;

/// Signs in, looks at the stream or listens for a moment.
pub(super) async fn probe(settings: &Settings, points: &Points, link: &Link) -> Result<Probe, SourceError> {
    let refused = |trouble: Trouble| trouble.error(settings);
    let Dialled { client, .. } = dial::dial(settings, link).await.map_err(refused)?;
    let about = client.server_info();
    let wanted = mqtt::topics(points);
    let says = match &settings.stream {
        Some(name) => {
            let subjects = subjects(&client, name, "").await.map_err(refused)?;
            let there = wanted.iter().filter(|subject| subjects.contains_key(**subject)).count();
            let messages: usize = subjects.values().sum();
            format!("stream {name} holds {messages} messages; {there} of {} subjects of the points among them", wanted.len())
        }
        None => {
            let filters: Vec<String> = wanted.iter().map(|subject| (*subject).to_owned()).collect();
            let mut seen = std::collections::BTreeSet::new();
            let messages = listen(&client, &filters, LISTENS, |subject, _| {
                seen.insert(subject.to_owned());
            });
            let messages = messages.await.map_err(refused)?;
            let there = wanted.iter().filter(|subject| seen.contains(**subject)).count();
            format!("{messages} messages in 2 s, {there} of {} subjects of the points among them", wanted.len())
        }
    };
    Ok(Probe { peer: format!("NATS {} ({})", about.version, about.server_name), says: format!("signed in; {says}") })
}

/// The last message of each subject, or what is heard.
pub(super) async fn discover(
    settings: &Settings,
    link: &Link,
    tell: &(dyn for<'a> Fn(&'a str) + Send + Sync),
) -> Result<Vec<Found>, SourceError> {
    let refused = |trouble: Trouble| trouble.error(settings);
    let Dialled { client, .. } = dial::dial(settings, link).await.map_err(refused)?;
    let mut sight = Sight::new();
    let mut names = std::collections::BTreeSet::new();
    match &settings.stream {
        Some(name) => {
            let filter = settings.subjects.first().map_or(">", String::as_str);
            let stream = dial::stream(&client, name).await.map_err(refused)?;
            let subjects = subjects(&client, name, filter).await.map_err(refused)?;
            tell(&format!("stream {name}: {} subjects", subjects.len()));
            for subject in subjects.into_keys().filter(|subject| filter::matches(filter, subject)).take(MOST) {
                match stream.get_last_raw_message_by_subject(&subject).await {
                    Ok(message) => sight.see(&subject, &message.payload),
                    Err(error) => tell(&format!("{subject}: its last message cannot be read: {error}")),
                }
                names.insert(subject);
            }
        }
        None => {
            let known = async_nats::jetstream::new(client.clone()).stream_names().try_collect::<Vec<_>>().await;
            if let Some(known) = known.ok().filter(|known| !known.is_empty()) {
                tell(&format!("streams: {}; set stream to read one of them", known.join(", ")));
            }
            let filters = if settings.subjects.is_empty() { vec![">".to_owned()] } else { settings.subjects.clone() };
            tell("listening for discover_s");
            let lasts = Duration::from_secs(u64::from(settings.discover_s));
            let heard = listen(&client, &filters, lasts, |subject, payload| {
                // Replies and the server's own talk.
                if !subject.starts_with(['_', '$']) {
                    sight.see(subject, payload);
                    names.insert(subject.to_owned());
                }
            });
            heard.await.map_err(refused)?;
        }
    }
    sight.complaints().iter().for_each(|line| tell(line));
    Ok(sight.found(|subject| names.contains(subject)))
}

async fn subjects(client: &Client, stream: &str, filter: &str) -> Result<BTreeMap<String, usize>, Trouble> {
    let lost = |error: &dyn std::fmt::Display| Trouble::Lost(format!("stream {stream:?}: {error}"));
    let filter = if filter.is_empty() { ">" } else { filter };
    let info = dial::stream(client, stream).await?.info_with_subjects(filter).await.map_err(|error| lost(&error))?;
    info.try_collect().await.map_err(|error| lost(&error))
}

async fn listen(
    client: &Client,
    filters: &[String],
    lasts: Duration,
    mut each: impl FnMut(&str, &[u8]) + Send,
) -> Result<u64, Trouble> {
    let mut all = Vec::with_capacity(filters.len());
    for filter in filters {
        let subscribed = client.subscribe(filter.clone()).await;
        all.push(subscribed.map_err(|error| Trouble::Lost(format!("subscription to {filter}: {error}")))?);
    }
    let (mut messages, until) = (0, Instant::now() + lasts);
    let mut all = futures::stream::select_all(all);
    while let Ok(Some(message)) = timeout_at(until, all.next()).await {
        messages += 1;
        each(&message.subject, &message.payload);
    }
    Ok(messages)
}

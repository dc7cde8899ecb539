//! A look at a cluster: does it let us in, what do topics hold.
//!
//! In: the settings. Out: a [`Probe`], or [`Found`] things from the newest records of each partition. Not here: what a record offers
//! ([`crate::mqtt`]).

use super::Settings;
use super::dial::{self, ANSWERS_WITHIN, Trouble, answer};
use crate::live::Found;
use crate::live::Points;
use crate::live::Probe;
use crate::mqtt::Sight;
use engine::source::SourceError;
use rskafka::client::Client;
use rskafka::client::partition::OffsetAt;
use rskafka::client::partition::PartitionClient;
use rskafka::client::partition::UnknownTopicHandling;
use rskafka::topic::Topic;
use std::collections::BTreeSet;

/// Records looked at in each partition.
const NEWEST: i64 = 200;
/// Keys of a topic that become addresses of their own; with more a key is no device but an event's number.
const KEYS: usize = 200;

/// Signs in, counts what the points' topics hold.
pub(super) async fn probe(settings: &Settings, points: &Points) -> Result<Probe, SourceError> {
    let look = async {
        let client = dial::dial(settings).await?;
        let there = answer("topics", ANSWERS_WITHIN, client.list_topics()).await?;
        let mut says = Vec::new();
        for wanted in super::topics(points) {
            let Some(topic) = there.iter().find(|topic| topic.name == wanted) else {
                says.push(format!("{wanted} is not there"));
                continue;
            };
            let mut records = 0_i64;
            for number in &topic.partitions {
                let (_, first, end) = reach(&client, topic, *number).await?;
                records = records.saturating_add(end.saturating_sub(first));
            }
            says.push(format!("{wanted}: {} partitions, {records} records", topic.partitions.len()));
        }
        Ok((there.len(), says))
    };
    let (topics, says) = look.await.map_err(|trouble: Trouble| trouble.error(settings))?;
    Ok(Probe { peer: format!("Kafka with {topics} topics"), says: format!("signed in; {}", says.join(", ")) })
}

async fn reach(client: &Client, topic: &Topic, number: i32) -> Result<(PartitionClient, i64, i64), Trouble> {
    let made = client.partition_client(&topic.name, number, UnknownTopicHandling::Error);
    let partition = answer(&format!("{}, partition {number}", topic.name), ANSWERS_WITHIN, made).await?;
    let first = answer("offsets", ANSWERS_WITHIN, partition.get_offset(OffsetAt::Earliest)).await?;
    let end = answer("offsets", ANSWERS_WITHIN, partition.get_offset(OffsetAt::Latest)).await?;
    Ok((partition, first, end))
}

/// The newest records of each partition.
pub(super) async fn discover(
    settings: &Settings,
    tell: &(dyn for<'a> Fn(&'a str) + Send + Sync),
) -> Result<Vec<Found>, SourceError> {
    let refused = |trouble: Trouble| trouble.error(settings);
    let client = dial::dial(settings).await.map_err(refused)?;
    let mut there = answer("topics", ANSWERS_WITHIN, client.list_topics()).await.map_err(refused)?;
    if !settings.topics.is_empty() {
        there.retain(|topic| settings.topics.contains(&topic.name));
    }
    tell(&format!("{} topics", there.len()));
    let (mut sight, mut names) = (Sight::new(), BTreeSet::new());
    for topic in &there {
        let mut records = Vec::new();
        for number in &topic.partitions {
            match newest(&client, topic, *number, settings.fetch_bytes).await {
                Ok(read) => records.extend(read),
                Err(trouble) => tell(&trouble.error(settings).to_string()),
            }
        }
        let key = |record: &rskafka::record::Record| {
            let key = String::from_utf8(record.key.clone()?).ok()?;
            (!key.is_empty() && !key.contains(['#', ']', '\n'])).then_some(key)
        };
        let keys: BTreeSet<_> = records.iter().map(key).collect();
        let by_key = !keys.contains(&None) && keys.len() <= KEYS;
        for record in &records {
            let Some(value) = &record.value else { continue };
            let name = match key(record).filter(|_| by_key) {
                Some(key) => format!("{}[{key}]", topic.name),
                None => topic.name.clone(),
            };
            sight.see(&name, value);
            names.insert(name);
        }
    }
    sight.complaints().iter().for_each(|line| tell(line));
    Ok(sight.found(|name| names.contains(name)))
}

async fn newest(client: &Client, topic: &Topic, number: i32, bytes: u32) -> Result<Vec<rskafka::record::Record>, Trouble> {
    let (partition, first, end) = reach(client, topic, number).await?;
    let from = first.max(end.saturating_sub(NEWEST));
    if from >= end {
        return Ok(Vec::new());
    }
    let most = i32::try_from(bytes).unwrap_or(i32::MAX);
    let (records, _) = answer("fetch", ANSWERS_WITHIN, partition.fetch_records(from, 1..most, 1000)).await?;
    Ok(records.into_iter().map(|found| found.record).collect())
}

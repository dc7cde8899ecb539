//! The task that reads: one request per partition is always under way.
//!
//! In: the settings, where we stand. Out: pieces for the pages, each fetch followed by where we stand after it. When nobody takes pieces the
//! task waits, and asks for no more. Not here: saving the place, which is in the page's cursor.

use super::Settings;
use super::Start;
use super::dial::{self, ANSWERS_WITHIN, Trouble, answer};
use super::places::{Partition, Places};
use crate::bus::Task;
use crate::live::Link;
use crate::live::Phase;
use crate::live::Piece;
use crate::live::Points;
use crate::live::Retry;
use crate::mqtt::Reader;
use engine::source::SourceError;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rskafka::client::Client;
use rskafka::client::partition::OffsetAt;
use rskafka::client::partition::PartitionClient;
use rskafka::client::partition::UnknownTopicHandling;
use rskafka::record::RecordAndOffset;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Refusals in a row after which a person must act; a broker that starts refuses for a moment.
const REFUSALS: u32 = 3;
/// How long the broker waits for records before it answers that there are none.
const WAITS: Duration = Duration::from_secs(1);
/// Between two fetches of which the first gave nothing.
const RESTS: Duration = Duration::from_millis(50);
/// How often new partitions are looked for.
const LOOKS_EVERY: Duration = Duration::from_secs(60);
/// Offsets without a record of ours that are stepped over: ends of transactions, which take an offset each.
const STEPS: i64 = 4;

/// Where a partition stands after the pieces before it.
pub(super) type Mark = (Partition, i64);

/// What the task needs.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) settings: Settings,
    pub(super) points: Arc<Points>,
    pub(super) link: Link,
    pub(super) task: Task<Mark>,
    pub(super) places: Places,
}

/// Why a connection ended.
enum End {
    /// We are asked to leave.
    Closing,
    Trouble(Trouble),
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// What one request gave.
struct Fetched {
    client: Arc<PartitionClient>,
    partition: Partition,
    place: i64,
    records: Result<Vec<RecordAndOffset>, Trouble>,
}

impl Listener {
    /// Runs until closed, or until a person must act.
    pub(super) async fn run(mut self) {
        let mut reader = match Reader::new(&self.settings.payload, &self.points, self.link.clone()) {
            Ok(reader) => reader,
            Err(error) => return self.task.fail(&self.link, error).await,
        };
        let (mut retry, mut refusals) = (Retry::default(), 0);
        loop {
            self.link.enter(Phase::Connecting);
            let closing = self.task.closing.clone();
            let end = tokio::select! {
                biased;
                () = closing.cancelled() => return,
                end = self.connection(&mut reader, &mut retry) => end,
            };
            let error: SourceError = match end {
                Err(End::Trouble(trouble)) => {
                    refusals = if matches!(trouble, Trouble::Refused(_)) { refusals + 1 } else { 0 };
                    trouble.error(&self.settings)
                }
                Err(End::Closing) | Ok(()) => return,
            };
            self.link.lost(&error.to_string());
            if refusals >= REFUSALS {
                return self.task.fail(&self.link, error).await;
            }
            if !self.task.pause(retry.wait()).await {
                return;
            }
        }
    }

    async fn connection(&mut self, reader: &mut Reader, retry: &mut Retry) -> Result<(), End> {
        let client = dial::dial(&self.settings).await?;
        let mut known = BTreeSet::new();
        let mut fetches = FuturesUnordered::new();
        let mut looks = Instant::now();
        loop {
            if Instant::now() >= looks {
                let all = self.partitions(&client).await?;
                let new = all.into_iter().filter(|partition| known.insert(partition.clone())).collect();
                for (client, partition, place) in self.begin(&client, new).await? {
                    fetches.push(fetch(client, partition, place, self.settings.fetch_bytes));
                }
                looks = Instant::now() + LOOKS_EVERY;
                self.link.enter(Phase::Live);
            }
            // A request is under way for each partition, so there is always one to wait for.
            let Some(Fetched { client, partition, place, records }) = fetches.next().await else {
                return Err(Trouble::Lost("there is no partition to read".into()).into());
            };
            let place = match records {
                Ok(records) => {
                    retry.succeeded();
                    self.take(reader, &partition, place, &records).await?
                }
                Err(Trouble::OutOfRange) => self.find(&client, &partition, place, reader).await?,
                Err(trouble) => return Err(trouble.into()),
            };
            fetches.push(fetch(client, partition, place, self.settings.fetch_bytes));
        }
    }

    /// All partitions of the points' topics.
    async fn partitions(&self, client: &Client) -> Result<Vec<Partition>, Trouble> {
        let there = answer("topics", ANSWERS_WITHIN, client.list_topics()).await?;
        let mut all = Vec::new();
        for wanted in super::topics(&self.points) {
            let Some(topic) = there.iter().find(|topic| topic.name == wanted) else {
                let names = there.iter().map(|topic| topic.name.as_str());
                let near = engine::domain::nearest(&wanted, names).map(|near| format!(", nearest is {near:?}")).unwrap_or_default();
                let remedy = "make it, let the account see it, or correct the points";
                return Err(Trouble::Refused(format!("there is no topic {wanted:?}{near}; {remedy}")));
            };
            all.extend(topic.partitions.iter().map(|partition| (wanted.clone(), *partition)));
        }
        Ok(all)
    }

    /// Where partitions go on. Said at once and together, so that a topic that is read from now on is read from now on after a restart too.
    async fn begin(
        &mut self,
        client: &Client,
        partitions: Vec<Partition>,
    ) -> Result<Vec<(Arc<PartitionClient>, Partition, i64)>, End> {
        let (mut all, mut begun) = (Vec::new(), Vec::new());
        for partition in partitions {
            let (topic, number) = &partition;
            let made = client.partition_client(topic, *number, UnknownTopicHandling::Error);
            let client = Arc::new(answer(&format!("{topic}, partition {number}"), ANSWERS_WITHIN, made).await?);
            let place = match self.places.get(&partition) {
                Some(place) => place,
                None => {
                    // A partition that was added later was empty when the others began.
                    let is_latest = self.settings.start == Start::Latest && !self.places.knows(topic);
                    let at = if is_latest { OffsetAt::Latest } else { OffsetAt::Earliest };
                    let place = answer("offsets", ANSWERS_WITHIN, client.get_offset(at)).await?;
                    begun.push((partition.clone(), place));
                    place
                }
            };
            all.push((client, partition, place));
        }
        self.mark(begun).await?;
        Ok(all)
    }

    async fn mark(&mut self, marks: Vec<Mark>) -> Result<(), End> {
        let is_taken = self.task.hand_over(marks.iter().cloned().map(Piece::Mark)).await;
        if !is_taken {
            return Err(End::Closing);
        }
        for (partition, place) in marks {
            self.places.set(partition, place);
        }
        Ok(())
    }

    async fn take(
        &mut self,
        reader: &mut Reader,
        partition: &Partition,
        place: i64,
        records: &[RecordAndOffset],
    ) -> Result<i64, End> {
        let Some(last) = records.last() else { return Ok(place) };
        let mut keyed = String::new();
        for RecordAndOffset { record, .. } in records {
            let Some(value) = &record.value else { continue };
            let stamp = Some(record.timestamp.timestamp_micros());
            reader.read(&partition.0, value, stamp);
            if let Some(key) = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()) {
                keyed.clear();
                keyed.extend([partition.0.as_str(), "[", key, "]"]);
                reader.read(&keyed, value, stamp);
            }
        }
        if !self.task.hand_over(reader.pieces()).await {
            return Err(End::Closing);
        }
        let next = last.offset.saturating_add(1);
        self.mark(vec![(partition.clone(), next)]).await?;
        Ok(next)
    }

    /// Where to go on when the broker does not have our place.
    async fn find(&mut self, client: &PartitionClient, partition: &Partition, place: i64, reader: &mut Reader) -> Result<i64, End> {
        let first = answer("offsets", ANSWERS_WITHIN, client.get_offset(OffsetAt::Earliest)).await?;
        let end = answer("offsets", ANSWERS_WITHIN, client.get_offset(OffsetAt::Latest)).await?;
        if (first..=end).contains(&place) {
            return Err(Trouble::Lost(format!("offset {place} was refused, though {first} to {end} are there")).into());
        }
        let (topic, number) = partition;
        let story = if place < first {
            format!("offsets {place} to {} were deleted before they were read; keep records longer (retention.ms)", first - 1)
        } else {
            format!("offset {place} is beyond the end {end}: the topic was made anew, and is read from its beginning")
        };
        let detail = format!("{topic}, partition {number}: {story}");
        reader.reject("gap", detail, b"");
        if !self.task.hand_over(reader.pieces()).await {
            return Err(End::Closing);
        }
        self.mark(vec![(partition.clone(), first)]).await?;
        Ok(first)
    }
}

/// One request.
async fn fetch(client: Arc<PartitionClient>, partition: Partition, place: i64, bytes: u32) -> Fetched {
    let records = records(&client, place, bytes).await;
    if records.as_ref().is_ok_and(Vec::is_empty) {
        tokio::time::sleep(RESTS).await;
    }
    Fetched { client, partition, place, records }
}

async fn records(client: &PartitionClient, place: i64, bytes: u32) -> Result<Vec<RecordAndOffset>, Trouble> {
    let most = i32::try_from(bytes).unwrap_or(i32::MAX);
    let waits = i32::try_from(WAITS.as_millis()).unwrap_or(i32::MAX);
    let asked = client.fetch_records(place, 1..most, waits);
    let (records, end) = answer("fetch", WAITS + ANSWERS_WITHIN, asked).await?;
    if !records.is_empty() {
        return Ok(records);
    }
    // There is something, and it is no record: the end of a transaction, which the client leaves out. What is behind it is given only if all
    // before it is settled, so nothing is stepped over that may still come.
    for place in (1..=STEPS).map(|step| place.saturating_add(step)).take_while(|place| *place < end) {
        let (records, _) = answer("fetch", ANSWERS_WITHIN, client.fetch_records(place, 1..most, 0)).await?;
        if !records.is_empty() {
            return Ok(records);
        }
    }
    Ok(Vec::new())
}

//! The task that keeps the connection: connects, pulls or subscribes, reads, hands over.
//!
//! In: the settings. Out: pieces for the pages, with what acknowledges them; the client of the moment. When nobody takes pieces the task
//! waits, and pulls no more. Not here: acknowledging, which the next call for a page does.

use super::Settings;
use super::dial::{self, Dialled, Trouble};
use super::filter;
use crate::bus::Task;
use crate::live::Link;
use crate::live::Phase;
use crate::live::Piece;
use crate::live::Points;
use crate::live::Retry;
use crate::mqtt;
use crate::mqtt::Reader;
use async_nats::Client;
use async_nats::Message;
use async_nats::Subject;
use futures::FutureExt;
use futures::Stream;
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Refusals in a row after which a person must act; a server that starts refuses for a moment.
const REFUSALS: u32 = 3;
/// Messages asked for at once.
const PULLS: usize = 256;
/// How long a pull lasts at the server.
const PULL_LASTS: Duration = Duration::from_secs(20);
/// The server says at least this often that it is there; twice this without a word is a lost link.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// What acknowledges messages once their rows are stored: subjects to publish nothing to.
pub(super) type Acks = Vec<Subject>;

/// What the task needs.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) settings: Settings,
    pub(super) points: Arc<Points>,
    pub(super) link: Link,
    pub(super) task: Task<Acks>,
    /// The client of the moment, for acknowledgements.
    pub(super) client: watch::Sender<Option<Client>>,
}

/// Why a connection ended.
enum End {
    /// We are asked to leave.
    Closing,
    Trouble(Trouble),
}

/// A message of either kind.
struct Heard {
    message: Message,
    /// When the server got it, µs; only a stream knows.
    stamp: Option<i64>,
}

impl Listener {
    /// Runs until closed, or until a person must act.
    pub(super) async fn run(self) {
        let mut reader = match Reader::new(&self.settings.payload, &self.points, self.link.clone()) {
            Ok(reader) => reader,
            Err(error) => return self.task.fail(&self.link, error).await,
        };
        let (mut retry, mut refusals) = (Retry::default(), 0);
        loop {
            self.link.enter(Phase::Connecting);
            let end = self.connection(&mut reader, &mut retry).await;
            self.client.send_replace(None);
            let trouble = match end {
                End::Closing => return,
                End::Trouble(trouble) => trouble,
            };
            let address = self.settings.address();
            match trouble {
                Trouble::Refused(problem) => {
                    refusals += 1;
                    self.link.lost(&format!("{address}: {problem}"));
                    if refusals >= REFUSALS {
                        return self.task.fail(&self.link, self.settings.wrong(problem)).await;
                    }
                }
                Trouble::Lost(problem) => {
                    refusals = 0;
                    self.link.lost(&format!("{address}: {problem}"));
                }
            }
            if !self.task.pause(retry.wait()).await {
                return;
            }
        }
    }

    async fn connection(&self, reader: &mut Reader, retry: &mut Retry) -> End {
        let made = async {
            let dialled = dial::dial(&self.settings, &self.link).await?;
            let messages = match &self.settings.stream {
                Some(name) => self.pull(&dialled.client, name).await?,
                None => self.subscribe(&dialled.client).await?,
            };
            Ok((dialled, messages))
        };
        let (dialled, messages) = tokio::select! {
            biased;
            () = self.task.closing.cancelled() => return End::Closing,
            made = made => match made {
                Ok(made) => made,
                Err(trouble) => return End::Trouble(trouble),
            },
        };
        retry.succeeded();
        self.client.send_replace(Some(dialled.client.clone()));
        self.link.enter(Phase::Live);
        self.listen(dialled, messages, reader).await
    }

    async fn pull(&self, client: &Client, name: &str) -> Result<Messages, Trouble> {
        let stream = dial::stream(client, name).await?;
        let filter = dial::filter(&self.settings, &self.points);
        let consumer = dial::consumer(&self.settings, &stream, &self.settings.consumer(&self.link), filter).await?;
        let builder = consumer.stream().max_messages_per_batch(PULLS).expires(PULL_LASTS).heartbeat(HEARTBEAT);
        let pulled = builder.messages().await.map_err(|error| Trouble::Lost(format!("pull: {error}")))?;
        Ok(Box::pin(pulled.map(|message| {
            let message = message.map_err(|error| format!("pull: {error}"))?;
            let stamp = message.info().ok().and_then(|info| i64::try_from(info.published.unix_timestamp_nanos() / 1000).ok());
            Ok(Heard { message: message.message, stamp })
        })))
    }

    async fn subscribe(&self, client: &Client) -> Result<Messages, Trouble> {
        let mut subjects = self.settings.subjects.clone();
        if subjects.is_empty() {
            subjects.extend(mqtt::topics(&self.points).into_iter().map(Into::into));
        }
        let mut all = Vec::with_capacity(subjects.len());
        for subject in subjects.iter().filter(|own| !subjects.iter().any(|other| other != *own && filter::matches(other, own))) {
            let subscribed = client.subscribe(subject.clone()).await;
            all.push(subscribed.map_err(|error| Trouble::Lost(format!("subscription to {subject}: {error}")))?);
        }
        let flushed = client.flush().await;
        flushed.map_err(|error| Trouble::Lost(error.to_string()))?;
        Ok(Box::pin(futures::stream::select_all(all).map(|message| Ok(Heard { message, stamp: None }))))
    }

    async fn listen(&self, dialled: Dialled, mut messages: Messages, reader: &mut Reader) -> End {
        let Dialled { client, mut noticed } = dialled;
        let (mut dropped, mut read) = (0, 0_usize);
        loop {
            let heard = tokio::select! {
                biased;
                () = self.task.closing.cancelled() => {
                    // What was acknowledged goes out before the client is dropped.
                    if let Ok(Err(error)) = tokio::time::timeout(Duration::from_secs(1), client.flush()).await {
                        tracing::debug!(connection = self.link.name(), %error, "the last acknowledgements may not have arrived");
                    }
                    return End::Closing;
                }
                changed = noticed.changed() => {
                    let news = noticed.borrow_and_update().clone();
                    if news.lost.is_some() || changed.is_err() {
                        return End::Trouble(Trouble::Lost(news.lost.unwrap_or_else(|| "the client has ended".into())));
                    }
                    if let Some(complaint) = news.complaint {
                        let detail = format!("{}: {complaint}; let the account read it", self.settings.address());
                        reader.reject("refused_subject", detail, b"");
                    }
                    if news.dropped != dropped {
                        dropped = news.dropped;
                        let remedy = "messages were dropped; read a JetStream instead, which waits";
                        reader.reject("slow_consumer", format!("{}: we were too slow and {remedy}", self.settings.address()), b"");
                    }
                    None
                }
                heard = messages.next() => match heard {
                    Some(Ok(heard)) => Some(heard),
                    Some(Err(problem)) => return End::Trouble(Trouble::Lost(problem)),
                    None => return End::Trouble(Trouble::Lost("the server ended the subscription".into())),
                },
            };
            let (mut acks, mut trouble) = (Vec::new(), None);
            let mut next = heard;
            while let Some(Heard { message, stamp }) = next.take() {
                reader.read(&message.subject, &message.payload, stamp);
                acks.extend(message.reply.filter(|_| self.settings.stream.is_some()));
                read = read.wrapping_add(1);
                // What is there already is one batch.
                if read % PULLS != 0 {
                    match messages.next().now_or_never().flatten() {
                        Some(Ok(heard)) => next = Some(heard),
                        Some(Err(problem)) => trouble = Some(problem),
                        None => {}
                    }
                }
            }
            let marks = (!acks.is_empty()).then_some(Piece::Mark(acks));
            if !self.task.hand_over(reader.pieces().into_iter().chain(marks)).await {
                return End::Closing;
            }
            if let Some(problem) = trouble {
                return End::Trouble(Trouble::Lost(problem));
            }
        }
    }
}

type Messages = std::pin::Pin<Box<dyn Stream<Item = Result<Heard, String>> + Send>>;

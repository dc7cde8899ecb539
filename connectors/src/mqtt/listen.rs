//! The task that keeps the connection: connects, subscribes, hears, hands over.
//!
//! In: the settings, the plan. Out: pieces for the pages. Messages that are there at once are one batch; a batch is handed over as soon as the
//! broker pauses. When nobody takes pieces the task waits, and with it the broker. Not here: acknowledging, which the next call for a page does.

use super::Settings;
use super::address::Plan;
use super::batch::{Acks, Batch};
use super::broker::{self, Broker, Client, Heard, Trouble, Visit};
use super::decode::Decoder;
use super::nodes::Rebirth;
use super::sparkplug;
use crate::live::Link;
use crate::live::Phase;
use crate::live::Piece;
use crate::live::Retry;
use engine::source::SourceError;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Refusals in a row after which a person must act; a broker that starts refuses for a moment.
const REFUSALS: u32 = 3;
/// How long CONNACK and SUBACK may take.
const ADMITS_WITHIN: Duration = Duration::from_secs(15);
/// How long leaving in good order may take; a broker that saves its sessions at every change takes 30 ms for each acknowledgement.
const LEAVES_WITHIN: Duration = Duration::from_secs(5);
/// A node is asked for its birth at most this often.
const REBIRTHS_EVERY: Duration = Duration::from_secs(30);

/// What the task needs.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) settings: Settings,
    pub(super) plan: Arc<Plan>,
    pub(super) link: Link,
    pub(super) sender: mpsc::Sender<Piece<Acks>>,
    pub(super) closing: CancellationToken,
}

/// Why a connection ended.
enum End {
    /// We are asked to leave.
    Closing,
    Trouble(Trouble),
}

/// One connection's affairs.
struct Session {
    client: Client,
    /// Filters whose answer is due, in order.
    asked: VecDeque<Vec<String>>,
    refused: usize,
    is_admitted: bool,
    batch: Batch,
}

impl Listener {
    /// Runs until closed, or until a person must act.
    pub(super) async fn run(self) {
        let (mut retry, mut refusals) = (Retry::default(), 0);
        let mut decoder = Decoder::new(self.plan.clone(), self.link.clone());
        let mut asked = HashMap::new();
        loop {
            self.link.enter(Phase::Connecting);
            let end = match broker::dial(&self.settings, self.link.name(), Visit::Lasting) {
                Ok((client, broker)) => self.connection(client, broker, &mut decoder, &mut asked, &mut retry).await,
                Err(error) => return self.fail(error).await,
            };
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
                        return self.fail(SourceError::Mapping { place: address, problem }).await;
                    }
                }
                Trouble::Lost(problem) => {
                    refusals = 0;
                    self.link.lost(&format!("{address}: {problem}"));
                }
            }
            tokio::select! {
                () = tokio::time::sleep(retry.wait()) => {}
                () = self.closing.cancelled() => return,
            }
        }
    }

    async fn fail(&self, error: SourceError) {
        self.link.lost(&error.to_string());
        // If nobody listens any more there is nobody to tell.
        drop(self.sender.send(Piece::Failed(error)).await);
    }

    async fn connection(
        &self,
        client: Client,
        mut broker: Broker,
        decoder: &mut Decoder,
        asked: &mut HashMap<String, Instant>,
        retry: &mut Retry,
    ) -> End {
        let mut session = Session { client, asked: VecDeque::new(), refused: 0, is_admitted: false, batch: Batch::default() };
        let admitted_by = Instant::now() + ADMITS_WITHIN;
        loop {
            // The pause below must not drop the future that hears: a packet half read stays in it.
            let heard = {
                let mut hearing = pin!(broker.hear());
                loop {
                    tokio::select! {
                        biased;
                        () = self.closing.cancelled() => break None,
                        heard = &mut hearing => break Some(heard),
                        () = tokio::task::yield_now(), if !session.batch.is_empty() => {
                            if !self.hand_over(&mut session).await {
                                break None;
                            }
                        }
                        () = tokio::time::sleep_until(admitted_by), if !session.is_admitted => {
                            let problem = "no answer to CONNECT or SUBSCRIBE; is there an MQTT broker at this port?";
                            return End::Trouble(Trouble::Lost(problem.into()));
                        }
                    }
                }
            };
            let Some(heard) = heard else {
                self.leave(&session, &mut broker).await;
                return End::Closing;
            };
            match heard {
                Ok(Heard::Message(message)) => {
                    let rebirth = decoder.message(&message, &mut session.batch);
                    session.batch.done(message.id);
                    if let Some(rebirth) = rebirth {
                        self.ask(&session.client, rebirth, asked);
                    }
                    if session.batch.is_full() && !self.hand_over(&mut session).await {
                        self.leave(&session, &mut broker).await;
                        return End::Closing;
                    }
                }
                Ok(Heard::Connected(is_resumed)) => {
                    self.link.tell(|| format!("connected; session {}", if is_resumed { "resumed" } else { "new" }));
                    session.asked = session.client.subscribe(&self.plan.filters, self.settings.qos).into();
                }
                Ok(Heard::Subscribed(answers)) => {
                    if let Err(trouble) = self.subscribed(&mut session, &answers) {
                        return End::Trouble(trouble);
                    }
                    if session.is_admitted {
                        retry.succeeded();
                        self.link.enter(Phase::Live);
                    }
                }
                Ok(Heard::Settled | Heard::Other) => {}
                Err(trouble) => {
                    // What was decoded is handed over; its acknowledgements go nowhere, and it comes again.
                    return if self.hand_over(&mut session).await { End::Trouble(trouble) } else { End::Closing };
                }
            }
        }
    }

    /// Filters that are refused are told one by one; if all are, a person must act.
    fn subscribed(&self, session: &mut Session, answers: &[Option<String>]) -> Result<(), Trouble> {
        let Some(filters) = session.asked.pop_front() else { return Ok(()) };
        for (filter, problem) in filters.iter().zip(answers) {
            let Some(problem) = problem else { continue };
            session.refused += 1;
            let remedy = "let the broker's access list allow this client to read it";
            let detail = format!("{}: subscription to {filter} refused: {problem}; {remedy}", self.settings.address());
            session.batch.reject("refused_topic", detail, filter.as_bytes());
        }
        if session.asked.is_empty() {
            if session.refused > 0 && session.refused >= self.plan.filters.len() {
                let remedy = "let the broker's access list allow this client to read them";
                return Err(Trouble::Refused(format!("all {} subscriptions are refused; {remedy}", session.refused)));
            }
            session.is_admitted = true;
        }
        Ok(())
    }

    async fn hand_over(&self, session: &mut Session) -> bool {
        for piece in session.batch.take(&session.client) {
            tokio::select! {
                biased;
                sent = self.sender.send(piece) => if sent.is_err() { return false },
                () = self.closing.cancelled() => return false,
            }
        }
        true
    }

    /// Sends what was acknowledged, then DISCONNECT. The session stays with the broker.
    async fn leave(&self, session: &Session, broker: &mut Broker) {
        let ended = timeout(LEAVES_WITHIN, async {
            // A broker that still writes to a closed connection drops what it has not read of ours: the acknowledgements.
            if session.is_admitted && session.client.settle() {
                while !matches!(broker.hear().await, Ok(Heard::Settled) | Err(_)) {}
            }
            if session.client.leave() {
                while broker.hear().await.is_ok() {}
            }
        });
        if ended.await.is_err() {
            tracing::debug!(connection = self.link.name(), "the broker did not answer in time");
        }
    }

    fn ask(&self, client: &Client, rebirth: Rebirth, asked: &mut HashMap<String, Instant>) {
        if !self.settings.sparkplug.as_ref().is_some_and(|spec| spec.request_rebirth) {
            return;
        }
        let now = Instant::now();
        if asked.get(&rebirth.topic).is_some_and(|at| now.duration_since(*at) < REBIRTHS_EVERY) {
            return;
        }
        let millis = u64::try_from(self.link.now_micros() / 1000).unwrap_or_default();
        if client.publish(&rebirth.topic, sparkplug::rebirth(millis)) {
            tracing::info!(connection = self.link.name(), topic = rebirth.topic, "asked for a birth certificate");
            self.link.tell(|| format!("asked for a birth: {}", rebirth.topic));
            asked.insert(rebirth.topic, now);
        }
    }
}

//! The outbox: messages are written with the change they tell of, in one transaction, and sent afterwards, at least once.
//!
//! A message that fails waits `first_delay × 2^tries`, at most `longest_delay`, times `1/2 + jitter/2`; after `most_attempts` it is
//! dead and stays in the table for a person. A crash between sending and marking sends it again under the same id. In: the time,
//! a jitter. Out: [`Delivered`]. The loop that calls [`Outbox::deliver_due`] is the API's.

use super::Alert;
use super::AlertError;
use super::Notification;
use super::Notifier;
use super::NotifyError;
use super::Subscription;
use super::raise::new_id;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::store::ledger::Ledger;
use crate::store::ledger::LedgerError;
use jiff::SignedDuration;
use sqlx::SqliteConnection;
use std::collections::BTreeMap;
use std::sync::Arc;

/// When to try again and when to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Wait after the first failure.
    pub first_delay: SignedDuration,
    /// No wait is longer.
    pub longest_delay: SignedDuration,
    /// Tries before a message is dead, at least 1.
    pub most_attempts: u32,
}

impl Default for RetryPolicy {
    /// 5 s, 10 s, 20 s … at most an hour, 16 tries: a receiver may be away for about eight hours.
    fn default() -> Self {
        Self { first_delay: SignedDuration::from_secs(5), longest_delay: SignedDuration::from_hours(1), most_attempts: 16 }
    }
}

impl RetryPolicy {
    /// Wait after the `attempts`-th failure (counted from 1); `jitter` in `[0, 1]` spreads it between half and whole.
    pub fn delay(&self, attempts: u32, jitter: f64) -> SignedDuration {
        let doubled = self.first_delay.checked_mul(1_i32.checked_shl(attempts.saturating_sub(1).min(30)).unwrap_or(i32::MAX));
        let whole = doubled.unwrap_or(self.longest_delay).min(self.longest_delay);
        SignedDuration::try_from_secs_f64(whole.as_secs_f64() * (0.5 + 0.5 * jitter.clamp(0.0, 1.0))).unwrap_or(whole)
    }
}

/// What one round of delivery did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivered {
    /// Messages the receivers have.
    pub sent: usize,
    /// Messages that failed and will be tried again.
    pub postponed: usize,
    /// Messages given up now.
    pub dead: usize,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id, as every attempt carried it.
    pub id: String,
    /// Where it was to go.
    pub channel: String,
    /// What it told.
    pub event: String,
    /// About which alert.
    pub alert_id: String,
    /// Tries made.
    pub attempts: u32,
    /// What the last try said.
    pub last_error: String,
}

/// Delivers the messages of a ledger through one notifier per channel.
#[derive(Debug, Clone)]
pub struct Outbox {
    ledger: Ledger,
    notifiers: BTreeMap<String, Arc<dyn Notifier>>,
    policy: RetryPolicy,
}

struct Due {
    channel: String,
    attempts: u32,
    notification: Notification,
}

impl Outbox {
    /// An outbox over the ledger the book writes to.
    pub fn new(ledger: Ledger, notifiers: BTreeMap<String, Arc<dyn Notifier>>, policy: RetryPolicy) -> Self {
        Self { ledger, notifiers, policy }
    }

    /// Sends what is due at `now`, oldest first, at most 100 messages; channels do not wait for each other.
    ///
    /// # Errors
    /// [`AlertError::Ledger`] when the table cannot be read or marked; a receiver's failure is not an error but a postponement.
    pub async fn deliver_due(&self, now: Timestamp, mut jitter: impl FnMut() -> f64) -> Result<Delivered, AlertError> {
        let mut by_channel: BTreeMap<String, Vec<Due>> = BTreeMap::new();
        for due in self.due(now).await? {
            by_channel.entry(due.channel.clone()).or_default().push(due);
        }
        let spread: Vec<f64> = by_channel.iter().map(|_| jitter()).collect();
        let rounds =
            by_channel.iter().zip(spread).map(|((channel, dues), jitter)| self.deliver_channel(channel, dues, now, jitter));
        let mut total = Delivered::default();
        for round in futures::future::join_all(rounds).await {
            let one = round?;
            total =
                Delivered { sent: total.sent + one.sent, postponed: total.postponed + one.postponed, dead: total.dead + one.dead };
        }
        Ok(total)
    }

    /// Sends in order; the first failure that may pass postpones the rest of the channel's round too, without counting a try.
    async fn deliver_channel(&self, channel: &str, dues: &[Due], now: Timestamp, jitter: f64) -> Result<Delivered, AlertError> {
        let mut done = Delivered::default();
        for due in dues {
            let outcome = match self.notifiers.get(channel) {
                Some(notifier) => notifier.notify(&due.notification).await,
                None => Err(NotifyError::Unreachable {
                    target: channel.into(),
                    problem: "no such channel is configured now; add it again or wait until its messages are given up".into(),
                }),
            };
            let attempts = due.attempts.saturating_add(1);
            match outcome {
                Ok(()) => {
                    self.mark(due, "sent", attempts, now, None).await?;
                    done.sent += 1;
                }
                Err(error @ NotifyError::Permanent { .. }) => {
                    self.mark(due, "dead", attempts, now, Some(&error)).await?;
                    done.dead += 1;
                }
                Err(error) if attempts >= self.policy.most_attempts => {
                    self.mark(due, "dead", attempts, now, Some(&error)).await?;
                    done.dead += 1;
                }
                Err(error) => {
                    let next = now.saturating_add(self.policy.delay(attempts, jitter)).unwrap_or(Timestamp::MAX);
                    self.mark(due, "pending", attempts, next, Some(&error)).await?;
                    done.postponed += 1;
                    return Ok(done);
                }
            }
        }
        Ok(done)
    }

    /// When the next message is due, if any waits.
    ///
    /// # Errors
    /// [`AlertError::Ledger`].
    pub async fn next_due(&self) -> Result<Option<Timestamp>, AlertError> {
        let next: Option<i64> = sqlx::query_scalar("SELECT min(due_at) FROM outbox WHERE state = 'pending'")
            .fetch_one(self.ledger.pool())
            .await
            .map_err(LedgerError::sql("reading the outbox"))?;
        Ok(next.map(from_micros))
    }

    /// Messages that were given up, oldest first.
    ///
    /// # Errors
    /// [`AlertError::Ledger`].
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, AlertError> {
        let rows: Vec<(String, String, String, String, u32, Option<String>)> = sqlx::query_as(
            "SELECT id, channel, event, alert_id, attempts, last_error FROM outbox WHERE state = 'dead' ORDER BY created_at, id",
        )
        .fetch_all(self.ledger.pool())
        .await
        .map_err(LedgerError::sql("reading dead letters"))?;
        let letter = |(id, channel, event, alert_id, attempts, error): (_, _, _, _, _, Option<String>)| DeadLetter {
            id,
            channel,
            event,
            alert_id,
            attempts,
            last_error: error.unwrap_or_default(),
        };
        Ok(rows.into_iter().map(letter).collect())
    }

    async fn due(&self, now: Timestamp) -> Result<Vec<Due>, AlertError> {
        let rows: Vec<(String, String, String, String, i64, u32)> = sqlx::query_as(
            "SELECT id, channel, event, payload, created_at, attempts FROM outbox WHERE state = 'pending' AND due_at <= ?1 \
             ORDER BY created_at, id LIMIT 100",
        )
        .bind(micros(now))
        .fetch_all(self.ledger.pool())
        .await
        .map_err(LedgerError::sql("reading the outbox"))?;
        rows.into_iter()
            .map(|(id, channel, event, payload, at, attempts)| {
                let alert: Alert = serde_json::from_str(&payload)
                    .map_err(|_| LedgerError::Stored { column: "outbox.payload", text: payload.chars().take(200).collect() })?;
                Ok(Due { channel, attempts, notification: Notification { id, event, at: from_micros(at), alert } })
            })
            .collect()
    }

    async fn mark(
        &self,
        due: &Due,
        state: &str,
        attempts: u32,
        due_at: Timestamp,
        error: Option<&NotifyError>,
    ) -> Result<(), AlertError> {
        if let Some(error) = error {
            tracing::warn!(message_id = due.notification.id, channel = due.channel, attempts, state, %error, "message not delivered");
        }
        sqlx::query("UPDATE outbox SET state = ?2, attempts = ?3, due_at = ?4, last_error = ?5 WHERE id = ?1")
            .bind(&due.notification.id)
            .bind(state)
            .bind(attempts)
            .bind(micros(due_at))
            .bind(error.map(ToString::to_string))
            .execute(self.ledger.pool())
            .await
            .map_err(LedgerError::sql("marking a message"))?;
        Ok(())
    }
}

/// Writes one message per channel that wants `event`, inside the caller's transaction.
pub(super) async fn enqueue(
    to: &mut SqliteConnection,
    subscriptions: &[Subscription],
    alert: &Alert,
    event: &str,
    now: Timestamp,
) -> Result<(), AlertError> {
    let wants =
        |s: &&Subscription| alert.severity >= s.min_severity && (s.events.is_empty() || s.events.iter().any(|e| e == event));
    for subscription in subscriptions.iter().filter(wants) {
        let payload = serde_json::to_string(alert).map_err(|cause| AlertError::Json { id: alert.id.clone(), cause })?;
        sqlx::query(
            "INSERT INTO outbox (id, channel, event, alert_id, payload, state, attempts, due_at, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, 'pending', 0, ?6, ?6)",
        )
        .bind(format!("msg_{}", new_id(now)))
        .bind(&subscription.channel)
        .bind(event)
        .bind(&alert.id)
        .bind(payload)
        .bind(micros(now))
        .execute(&mut *to)
        .await
        .map_err(LedgerError::sql("writing to the outbox"))?;
    }
    Ok(())
}

//! Listening: publish requests out, messages in, none left out and none twice.
//!
//! In: a subscription. Out: pieces. Messages are numbered (IEC 62541-4, 5.13.1); a missing one is asked for again, and if the server has it
//! no more, history must fill the gap. A message is acknowledged when its page was stored. Not here: making the subscription.

use super::decode;
use super::events::{Alarms, MOST_NOTICES};
use super::source::Mark;
use super::subscribe::Subscription;
use super::task::{Progress, Task};
use super::trouble::Trouble;
use crate::live::Piece;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use opcua::client::services::{Publish, Republish};
use opcua::client::{Session, UARequest};
use opcua::types::{
    DataChangeNotification, Error, EventNotificationList, NotificationMessage, PublishResponse, StatusChangeNotification,
    StatusCode, SubscriptionAcknowledgement,
};
use std::future::Future;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// Requests the server may answer at any time.
const WINDOW: usize = 4;
/// Missing messages asked for again, at most; beyond it history is read.
const MOST_MISSING: u32 = 64;
/// Bits of a status: it is a data value's, and its queue overflowed (IEC 62541-4, 7.39.1).
const OVERFLOW: u32 = 0x480;
/// A publish request is answered when there is something to say; the watchdog watches, not this.
const NO_HURRY: Duration = Duration::from_secs(86_400);

/// Why listening ended.
#[derive(Debug)]
pub(super) enum End {
    /// Messages are missing for good, as [`Progress::lose`] was told; the subscription lives.
    Gap,
    /// The subscription is dead.
    Dead(String),
    /// The link is.
    Broken(Trouble),
}

/// Requests under way, each with the subscription it was sent for. They belong to the session: a server answers the oldest first, so those
/// of a subscription that died carry the first messages of the next.
pub(super) type Asked<'a> = FuturesUnordered<BoxFuture<'a, (u32, Result<PublishResponse, Error>)>>;

/// Listens until something ends it. `fill` reads what was missed meanwhile.
pub(super) async fn listen<'a>(
    task: &'a Task,
    session: &'a Session,
    asked: &mut Asked<'a>,
    subscription: &mut Subscription,
    progress: &Progress,
    alarms: &mut Alarms,
    fill: impl Future<Output = Option<i64>>,
) -> End {
    let mut window = WINDOW;
    let mut heard = Instant::now();
    let mut is_filled = false;
    tokio::pin!(fill);
    loop {
        while asked.len() < window {
            asked.push(publish(task, session, subscription.id).boxed());
        }
        let answer = tokio::select! {
            biased;
            answer = asked.next() => answer,
            newest = &mut fill, if !is_filled => {
                is_filled = true;
                progress.reached(newest, task.link.now_micros());
                progress.mended();
                task.link.enter(crate::live::Phase::Live);
                task.send(Piece::Mark(Mark { acknowledge: None, cursor: progress.cursor() })).await;
                continue;
            }
            () = tokio::time::sleep_until(heard + subscription.patience) => {
                return End::Dead(format!("neither data nor a sign of life for {} s; subscribing again", subscription.patience.as_secs()));
            }
        };
        // Several may have come at once, and the futures tell no order: the numbers do.
        let mut answers: Vec<_> = answer.into_iter().collect();
        while let Some(Some(more)) = asked.next().now_or_never() {
            answers.push(more);
        }
        heard = Instant::now();
        subscription.heard = heard;
        let mut messages = Vec::with_capacity(answers.len());
        for (asked_for, answer) in answers {
            match answer {
                Ok(response) if response.subscription_id == subscription.id => messages.push(response),
                // Of a subscription we gave up.
                Ok(_) => {}
                Err(error) => match error.status() {
                    StatusCode::BadTooManyPublishRequests => window = (window - 1).max(1),
                    StatusCode::BadTimeout => {}
                    // Said of the one before this.
                    StatusCode::BadNoSubscription | StatusCode::BadSubscriptionIdInvalid if asked_for != subscription.id => {}
                    StatusCode::BadNoSubscription | StatusCode::BadSubscriptionIdInvalid => {
                        return End::Dead("the server has ended the subscription; subscribing again".into());
                    }
                    _ => return End::Broken(Trouble::of(&task.settings, "waiting for values", &error)),
                },
            }
        }
        messages.sort_by_key(|response| response.notification_message.sequence_number);
        for response in messages {
            if let Some(end) = one(task, session, subscription, progress, alarms, response).await {
                return end;
            }
        }
    }
}

async fn publish(task: &Task, session: &Session, id: u32) -> (u32, Result<PublishResponse, Error>) {
    let stored = std::mem::take(&mut *task.stored.lock().unwrap_or_else(PoisonError::into_inner));
    let of_this = |(subscription_id, sequence_number): (u32, u32)| {
        (subscription_id == id).then_some(SubscriptionAcknowledgement { subscription_id, sequence_number })
    };
    let acknowledged = stored.into_iter().filter_map(of_this).collect();
    let answer = Publish::new(session).timeout(NO_HURRY).acks(acknowledged).send(session.channel()).await;
    if let Some(sent) = answer.as_ref().ok().and_then(|response| decode::micros(&response.response_header.timestamp)) {
        task.link.skewed(sent - task.link.now_micros());
    }
    (id, answer)
}

const fn next(number: u32) -> u32 {
    // 0 is never used (IEC 62541-4, 7.9).
    if number == u32::MAX { 1 } else { number + 1 }
}

async fn one(
    task: &Task,
    session: &Session,
    subscription: &mut Subscription,
    progress: &Progress,
    alarms: &mut Alarms,
    response: PublishResponse,
) -> Option<End> {
    let message = response.notification_message;
    let is_sign_of_life = message.notification_data.as_ref().is_none_or(Vec::is_empty);
    let (expected, number) = (next(subscription.last), message.sequence_number);
    if is_sign_of_life {
        // It carries the number of the next message: one we never saw lies behind us.
        if number != expected && number.wrapping_sub(expected) < u32::MAX / 2 {
            return mend(task, session, subscription, progress, alarms, number).await;
        }
        return None;
    }
    if number != expected {
        if number.wrapping_sub(expected) > u32::MAX / 2 {
            // Asked for again before, and now it came after all.
            return None;
        }
        match mend(task, session, subscription, progress, alarms, number).await {
            None => {}
            Some(End::Gap) => {
                let end = hand_over(task, subscription, progress, alarms, message).await;
                return end.or(Some(End::Gap));
            }
            // This one is asked for again too, after those before it.
            end => return end,
        }
    }
    hand_over(task, subscription, progress, alarms, message).await
}

/// Asks again for the messages before `number`. Those the server has no more are given up, the others are taken.
async fn mend(
    task: &Task,
    session: &Session,
    subscription: &mut Subscription,
    progress: &Progress,
    alarms: &mut Alarms,
    number: u32,
) -> Option<End> {
    let mut is_gap = false;
    if number.wrapping_sub(next(subscription.last)) > MOST_MISSING {
        give_up(task, subscription, progress, number.wrapping_sub(MOST_MISSING + 1)).await;
        is_gap = true;
    }
    for _ in 0..MOST_MISSING {
        let missing = next(subscription.last);
        if missing == number {
            break;
        }
        match again(session, subscription.id, missing).await {
            Ok(Some(message)) => {
                if let Some(end) = hand_over(task, subscription, progress, alarms, message).await {
                    return Some(end);
                }
            }
            Ok(None) if is_gap => subscription.last = missing,
            Ok(None) => {
                give_up(task, subscription, progress, missing).await;
                is_gap = true;
            }
            Err(error) => return Some(End::Broken(Trouble::of(&task.settings, "asking for a lost message", &error))),
        }
    }
    is_gap.then_some(End::Gap)
}

/// Goes on after a message that is lost: history fills the gap, and points that have none are told of.
async fn give_up(task: &Task, subscription: &mut Subscription, progress: &Progress, number: u32) {
    let told = subscription.blind.first().and_then(|first| {
        let problem = format!(
            "message {number} of the server did not arrive and is kept no more; {} points, this one and others, have no history to read what \
             was in it",
            subscription.blind.len()
        );
        task.refusal(*first, "message_lost", &problem)
    });
    let mut room = task.room(1).await;
    progress.lose();
    subscription.last = number;
    if let (Some(told), Some(place)) = (told, room.next()) {
        place.send(told);
    }
}

/// A message once more; `None`: the server has it no more.
async fn again(session: &Session, id: u32, number: u32) -> Result<Option<NotificationMessage>, Error> {
    match Republish::new(id, number, session).send(session.channel()).await {
        Ok(response) => {
            let message = response.notification_message;
            // Some answer with an empty message instead of a status.
            Ok(Some(message).filter(|message| message.sequence_number == number && message.notification_data.is_some()))
        }
        Err(error) => match error.status() {
            // Gone, or a server that says nothing twice.
            StatusCode::BadMessageNotAvailable
            | StatusCode::BadServiceUnsupported
            | StatusCode::BadNotImplemented
            | StatusCode::BadInternalError => Ok(None),
            _ => Err(error),
        },
    }
}

/// After the line was mended: what was sent into the cut. False: the subscription is gone.
pub(super) async fn catch_up(
    task: &Task,
    session: &Session,
    subscription: &mut Subscription,
    progress: &Progress,
    alarms: &mut Alarms,
) -> Result<bool, Trouble> {
    loop {
        match again(session, subscription.id, next(subscription.last)).await {
            Ok(Some(message)) => {
                if hand_over(task, subscription, progress, alarms, message).await.is_some() {
                    return Ok(false);
                }
            }
            // If there was more, the numbers will tell.
            Ok(None) => return Ok(true),
            Err(error) => {
                return match error.status() {
                    StatusCode::BadSubscriptionIdInvalid | StatusCode::BadNoSubscription => Ok(false),
                    _ => Err(Trouble::of(&task.settings, "asking for what was sent meanwhile", &error)),
                };
            }
        }
    }
}

/// Turns a message into pieces and hands them over. A cut may end this at any of its waits: only when all was handed over does the message
/// count, until then it is asked for again.
async fn hand_over(
    task: &Task,
    subscription: &mut Subscription,
    progress: &Progress,
    alarms: &mut Alarms,
    message: NotificationMessage,
) -> Option<End> {
    let number = message.sequence_number;
    let (mut newest, mut end) = (None, None);
    for data in message.notification_data.into_iter().flatten() {
        if let Some(changes) = data.inner_as::<DataChangeNotification>() {
            newest = newest.max(changed(task, subscription, changes).await);
        } else if let Some(list) = data.inner_as::<EventNotificationList>() {
            for event in list.events.iter().flatten() {
                let Some(point) = point(task, event.client_handle) else { continue };
                // Room first: what the alarms remember and what was handed over must not part when a cut ends this.
                let room = task.room(MOST_NOTICES).await;
                let notices = alarms.notices(point, event.event_fields.as_deref().unwrap_or_default());
                room.zip(notices).for_each(|(place, notice)| place.send(Piece::Notice(notice)));
            }
        } else if let Some(change) = data.inner_as::<StatusChangeNotification>()
            && change.status.is_bad()
        {
            end = Some(End::Dead(format!("the server ended the subscription: {}; subscribing again", decode::name(change.status))));
        }
    }
    progress.reached(newest, task.link.now_micros());
    task.send(Piece::Mark(Mark { acknowledge: Some((subscription.id, number)), cursor: progress.cursor() })).await;
    subscription.last = number;
    end
}

/// Hands changed values over; their newest time.
async fn changed(task: &Task, subscription: &mut Subscription, changes: &DataChangeNotification) -> Option<i64> {
    let items = changes.monitored_items.as_deref().unwrap_or_default();
    let mut samples = Vec::with_capacity(items.len());
    let (mut newest, mut overflown) = (None, None);
    for item in items {
        let Some(point) = point(task, item.client_handle) else { continue };
        match decode::sample(point, &item.value) {
            Ok(sample) => {
                newest = newest.max(sample.time);
                samples.push(sample);
            }
            Err(kind) => refuse(task, subscription, point, kind).await,
        }
        if item.value.status.is_some_and(|status| status.bits() & OVERFLOW == OVERFLOW) {
            overflown = Some(point);
        }
    }
    task.send(Piece::Samples(samples)).await;
    if let Some(point) = overflown {
        let problem = "the server's queue was full and values are lost; raise queue_size or sampling_interval_ms";
        task.reject(point, "overflow", problem).await;
    }
    newest
}

fn point(task: &Task, handle: u32) -> Option<u32> {
    handle.checked_sub(1).filter(|point| (*point as usize) < task.points.points().len())
}

async fn refuse(task: &Task, subscription: &mut Subscription, point: u32, kind: &str) {
    if subscription.refused.insert(point) {
        let problem = format!("the value is {kind}; a number or a boolean is read. Said once per subscription");
        task.reject(point, "bad_number", &problem).await;
    }
}

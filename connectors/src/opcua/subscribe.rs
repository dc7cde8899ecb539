//! A subscription with all points in it.
//!
//! In: points and a connected session. Out: a [`Subscription`]; points the server does not have are rejected one by one, the rest is read.
//! Not here: what arrives on it.

use super::address::Wanted;
use super::decode;
use super::dial::SESSION_KEPT;
use super::events;
use super::task::Task;
use super::trouble::Trouble;
use crate::live::Link;
use hashbrown::HashSet;
use opcua::client::services::{CreateMonitoredItems, CreateSubscription, DeleteSubscriptions};
use opcua::client::{Session, UARequest};
use opcua::types::{
    AttributeId, DataValue, MonitoredItemCreateRequest, MonitoredItemCreateResult, MonitoringMode, MonitoringParameters, NodeId,
    ReadValueId, StatusCode, TimestampsToReturn, VariableId, Variant,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Values of one message, at most: the server sends the rest in the next.
const MOST_PER_MESSAGE: u32 = 20_000;
/// Events a server keeps per object while the line is cut.
const EVENT_QUEUE: u32 = 1000;
/// Bit of AccessLevel: the server keeps a history we may read (IEC 62541-3, 8.57).
const HISTORY_READ: u32 = 4;

/// One subscription and how far it was read.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) id: u32,
    /// Number of the last message handed over; 0: none yet.
    pub(super) last: u32,
    /// It is dead when silent for so long.
    pub(super) patience: Duration,
    /// Points that were told to be no numbers; told once.
    pub(super) refused: HashSet<u32>,
    pub(super) history_per_call: usize,
    /// Points whose history the server does not keep, or that we may not read.
    pub(super) blind: Vec<u32>,
    /// When the server last said anything.
    pub(super) heard: Instant,
    /// How long its queues hold every value, as it granted them.
    pub(super) holds: Duration,
    pub(super) historic: Arc<[(u32, NodeId)]>,
    pub(super) server_ahead: i64,
    pub(super) link: Link,
}

impl Subscription {
    /// Points whose history the server keeps.
    pub(super) fn historic(&self) -> Arc<[(u32, NodeId)]> {
        self.historic.clone()
    }

    /// After a cut: true when a queue may be full before the server's next answer, and a history has what fell out of it.
    pub(super) fn may_have_overflown(&self, timeout: Duration) -> bool {
        !self.historic.is_empty() && self.heard.elapsed().saturating_add(timeout) >= self.holds
    }

    /// The later of the server's clock and ours, µs.
    pub(super) fn server_now(&self) -> i64 {
        self.link.now_micros().saturating_add(self.server_ahead.max(0))
    }
}

/// What a server says about itself when a session begins.
#[derive(Debug, Default)]
pub(super) struct Manners {
    pub(super) namespaces: Vec<String>,
    /// Server's clock minus ours, µs.
    ahead: i64,
    pub(super) per_read: usize,
    per_items: usize,
    per_history: usize,
}

/// A request for one attribute.
pub(super) fn attribute(node: NodeId, attribute: AttributeId) -> ReadValueId {
    ReadValueId { node_id: node, attribute_id: attribute as u32, ..ReadValueId::default() }
}

/// Reads in as many requests as the server wants; one value per request, in order.
pub(super) async fn read(
    session: &Session,
    wanted: &[ReadValueId],
    per_call: usize,
) -> Result<Vec<DataValue>, opcua::types::Error> {
    let mut values = Vec::with_capacity(wanted.len());
    for chunk in wanted.chunks(per_call.max(1)) {
        let answer = session.read(chunk, TimestampsToReturn::Both, 0.0).await?;
        if answer.len() != chunk.len() {
            let problem = format!("{} answers to {} questions", answer.len(), chunk.len());
            return Err(opcua::types::Error::new(StatusCode::BadUnknownResponse, problem));
        }
        values.extend(answer);
    }
    Ok(values)
}

/// Asks for namespaces, clock and limits.
pub(super) async fn manners(settings: &super::Settings, session: &Session, link: &Link) -> Result<Manners, Trouble> {
    let asked = [
        VariableId::Server_NamespaceArray,
        VariableId::Server_ServerStatus_CurrentTime,
        VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
        VariableId::Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData,
    ]
    .map(|id| attribute(NodeId::from(id), AttributeId::Value));
    let values = read(session, &asked, asked.len())
        .await
        .map_err(|error| Trouble::of(settings, "asking the server for its namespaces", &error))?;
    let value = |index: usize| values.get(index).and_then(|value| value.value.as_ref());
    let Some(Variant::Array(array)) = value(0) else {
        return Err(Trouble::passing("the server has no namespaces; it may still be starting"));
    };
    let name = |value: &Variant| if let Variant::String(text) = value { text.to_string() } else { String::new() };
    let now = link.now_micros();
    let theirs = match value(1) {
        Some(Variant::DateTime(time)) => decode::micros(time).unwrap_or(now),
        _ => now,
    };
    link.skewed(theirs - now);
    // 0 and absent both mean: no limit.
    let limit = |index: usize, ours: usize| match value(index).map(decode::number) {
        Some(Ok(Some(limit))) if limit >= 1.0 => ours.min(limit as usize),
        _ => ours,
    };
    let most = settings.items_per_call;
    Ok(Manners {
        namespaces: array.values.iter().map(name).collect(),
        ahead: theirs - now,
        per_read: limit(2, most),
        per_items: limit(3, most),
        per_history: limit(4, most),
    })
}

/// Subscribes to all points the server has.
pub(super) async fn subscribe(task: &Task, session: &Session) -> Result<Subscription, Trouble> {
    let settings = &task.settings;
    let manners = manners(settings, session, &task.link).await?;
    let mut found = Vec::with_capacity(task.wanted.len());
    for wanted in &*task.wanted {
        match wanted.node(&manners.namespaces) {
            Some(node) => found.push((wanted, node)),
            None => {
                let problem = format!("the server has no such namespace; it has {}", manners.namespaces.join(", "));
                task.reject(wanted.point, "unknown_address", &problem).await;
            }
        }
    }
    let historic = if settings.history { historic(task, session, &found, manners.per_read).await? } else { Vec::new() };
    let publishing = settings.publishing();
    let alive_every =
        u32::try_from(settings.watchdog_s * 1000 / 3 / u64::from(settings.publishing_interval_ms)).unwrap_or(u32::MAX).max(1);
    let made = CreateSubscription::new(session)
        .publishing_interval(publishing)
        .max_keep_alive_count(alive_every)
        .max_lifetime_count((SESSION_KEPT / settings.publishing_interval_ms).max(alive_every.saturating_mul(3)))
        .max_notifications_per_publish(MOST_PER_MESSAGE)
        .send(session.channel())
        .await
        .map_err(|error| Trouble::of(settings, "making a subscription", &error))?;
    let (mut blind, holds) = create(task, session, made.subscription_id, &found, manners.per_items).await?;
    if blind.is_empty() {
        let text =
            format!("none of the {} points exists at the server; compare their addresses with `discover`", task.wanted.len());
        return Err(Trouble::lasting(text));
    }
    let with_history: HashSet<u32> = historic.iter().map(|(point, _)| *point).collect();
    blind.retain(|point| !with_history.contains(point));
    // A sign of life comes every so often by the server's own word; two may be missed.
    let promised = made.revised_publishing_interval.max(1.0) * f64::from(made.revised_max_keep_alive_count.max(1)) * 2.0;
    let promised = Duration::from_millis(promised.clamp(0.0, 86_400_000.0) as u64);
    Ok(Subscription {
        id: made.subscription_id,
        last: 0,
        patience: promised.max(Duration::from_secs(settings.watchdog_s)),
        refused: HashSet::new(),
        history_per_call: manners.per_history,
        blind,
        heard: Instant::now(),
        holds,
        historic: historic.into(),
        server_ahead: manners.ahead,
        link: task.link.clone(),
    })
}

/// Which of the points the server keeps a history of.
async fn historic(
    task: &Task,
    session: &Session,
    found: &[(&Wanted, NodeId)],
    per_read: usize,
) -> Result<Vec<(u32, NodeId)>, Trouble> {
    let may = |wanted: &Wanted| !wanted.options.events && wanted.options.history.unwrap_or(true);
    let asked: Vec<_> = found.iter().filter(|(wanted, _)| may(wanted)).collect();
    let requests: Vec<_> = asked.iter().map(|(_, node)| attribute(node.clone(), AttributeId::UserAccessLevel)).collect();
    let levels = read(session, &requests, per_read)
        .await
        .map_err(|error| Trouble::of(&task.settings, "asking which variables have a history", &error))?;
    let has = |level: &DataValue| matches!(level.value, Some(Variant::Byte(level)) if u32::from(level) & HISTORY_READ != 0);
    Ok(asked
        .into_iter()
        .zip(levels)
        .filter(|(_, level)| has(level))
        .map(|((wanted, node), _)| (wanted.point, node.clone()))
        .collect())
}

/// Adds the points; those the server took, and how long its queues hold every value of them.
async fn create(
    task: &Task,
    session: &Session,
    id: u32,
    found: &[(&Wanted, NodeId)],
    per_call: usize,
) -> Result<(Vec<u32>, Duration), Trouble> {
    let (mut good, mut holds) = (Vec::new(), Duration::MAX);
    for chunk in found.chunks(per_call.max(1)) {
        let mut made = ask(task, session, id, chunk, false).await?;
        // A server without alarms may refuse to be asked for their fields.
        let plain: Vec<_> = (0..chunk.len()).filter(|&at| chunk[at].0.options.events && is_refused(made.get(at))).collect();
        if !plain.is_empty() {
            let again: Vec<_> = plain.iter().map(|&at| chunk[at].clone()).collect();
            for (at, item) in plain.into_iter().zip(ask(task, session, id, &again, true).await?) {
                made[at] = item;
            }
        }
        for ((wanted, _), item) in chunk.iter().zip(made) {
            let status = item.status_code;
            if status.is_bad() {
                let problem = format!("the server refuses it: {}; compare the address with `discover`", decode::name(status));
                task.reject(wanted.point, "unknown_address", &problem).await;
            } else {
                good.push(wanted.point);
                if !wanted.options.events {
                    holds = holds.min(queued(&item));
                }
            }
        }
    }
    Ok((good, holds))
}

fn is_refused(item: Option<&MonitoredItemCreateResult>) -> bool {
    item.is_some_and(|item| item.status_code.is_bad())
}

/// How long the queue of a variable holds its values: it is looked at so often, and not more.
fn queued(item: &MonitoredItemCreateResult) -> Duration {
    let ms = item.revised_sampling_interval * f64::from(item.revised_queue_size);
    Duration::from_millis(ms.clamp(0.0, 86_400_000.0) as u64)
}

async fn ask(
    task: &Task,
    session: &Session,
    id: u32,
    chunk: &[(&Wanted, NodeId)],
    is_plain: bool,
) -> Result<Vec<MonitoredItemCreateResult>, Trouble> {
    let items = chunk.iter().map(|(wanted, node)| item(task, wanted, node.clone(), is_plain)).collect();
    let made = CreateMonitoredItems::new(id, session)
        .timestamps_to_return(TimestampsToReturn::Both)
        .items_to_create(items)
        .send(session.channel())
        .await
        .map_err(|error| Trouble::of(&task.settings, "adding points to the subscription", &error))?;
    Ok(made.results.into_iter().map(|item| item.result).collect())
}

fn item(task: &Task, wanted: &Wanted, node: NodeId, is_plain: bool) -> MonitoredItemCreateRequest {
    let settings = &task.settings;
    let sampling_interval = wanted.options.sampling_interval_ms.unwrap_or(settings.sampling_ms());
    let mut parameters = MonitoringParameters {
        // 0 would let the library choose.
        client_handle: wanted.point.saturating_add(1),
        sampling_interval,
        queue_size: settings.queue(sampling_interval),
        discard_oldest: true,
        ..MonitoringParameters::default()
    };
    let mut what = AttributeId::Value;
    if wanted.options.events {
        what = AttributeId::EventNotifier;
        parameters.sampling_interval = 0.0;
        parameters.queue_size = EVENT_QUEUE;
        parameters.filter = events::filter(is_plain);
    }
    MonitoredItemCreateRequest::new(attribute(node, what), MonitoringMode::Reporting, parameters)
}

/// True when the server answers anything at all in time.
pub(super) async fn answers(session: &Session) -> bool {
    let asked = [attribute(NodeId::from(VariableId::Server_ServerStatus_CurrentTime), AttributeId::Value)];
    read(session, &asked, 1).await.is_ok()
}

/// Tells the server that a subscription is not needed any more; whether it hears that does not matter.
pub(super) async fn delete(session: &Session, subscription: &mut Option<Subscription>) {
    if let Some(old) = subscription.take() {
        drop(DeleteSubscriptions::new(session).subscription(old.id).send(session.channel()).await);
    }
}

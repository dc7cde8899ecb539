//! What was missed, from the server's history.
//!
//! In: points with a history and a stretch of time. Out: samples, before the cursor moves on. Raw values with continuation points
//! (IEC 62541-11, 6.4.3); a server that cuts short without one is asked from its last value on. Not here: what arrives now.

use super::decode;
use super::source::Mark;
use super::task::Task;
use crate::live::{Piece, Sample};
use opcua::client::{HistoryReadAction, Session};
use opcua::types::{
    ByteString, DataValue, Error, HistoryData, HistoryReadResult, HistoryReadValueId, NodeId, ReadRawModifiedDetails, StatusCode,
    TimestampsToReturn,
};
use std::sync::Arc;
use std::time::Duration;

/// Values of one variable per answer.
const PER_ANSWER: u32 = 5000;
/// Variables per request.
const PER_CALL: usize = 20;
/// Tries before a stretch is given up and said to be missing.
const TRIES: u32 = 3;
/// Wait between two of them.
const REST: Duration = Duration::from_secs(5);

/// Reads from `from` less the overlap to `until`, µs; the newest time found. What cannot be read is rejected with its reason, and does not
/// stand in the way of what arrives now.
pub(super) async fn fill(
    task: &Task,
    session: &Session,
    points: Arc<[(u32, NodeId)]>,
    from: Option<i64>,
    until: i64,
    per_call: usize,
) -> Option<i64> {
    let from = from?.saturating_sub(i64::try_from(task.settings.overlap_s).unwrap_or(0).saturating_mul(1_000_000));
    let mut newest = None;
    let mut pending: Vec<(u32, NodeId)> = points.to_vec();
    for attempt in 1..=TRIES {
        let mut failed = Vec::new();
        let mut problem = String::new();
        for chunk in pending.chunks(PER_CALL.min(per_call.max(1))) {
            if let Err(error) = stretch(task, session, chunk, from, until, &mut newest).await {
                problem = error.to_string();
                failed.extend_from_slice(chunk);
            }
        }
        pending = failed;
        if pending.is_empty() {
            break;
        }
        if attempt == TRIES {
            for (point, _) in &pending {
                let (from, until) = (engine::domain::from_micros(from), engine::domain::from_micros(until));
                task.reject(*point, "history_unread", &format!("history from {from} to {until} could not be read: {problem}"))
                    .await;
            }
            break;
        }
        task.link.tell(|| format!("history: {problem}; trying again"));
        tokio::time::sleep(REST).await;
    }
    newest
}

fn details(from: i64, until: i64) -> HistoryReadAction {
    HistoryReadAction::ReadRawModifiedDetails(ReadRawModifiedDetails {
        is_read_modified: false,
        start_time: decode::date_time(from),
        end_time: decode::date_time(until),
        num_values_per_node: PER_ANSWER,
        return_bounds: false,
    })
}

async fn ask(session: &Session, from: i64, until: i64, nodes: &[HistoryReadValueId]) -> Result<Vec<HistoryReadResult>, Error> {
    let results = session.history_read(details(from, until), TimestampsToReturn::Both, false, nodes).await?;
    if results.len() != nodes.len() {
        let problem = format!("{} answers to {} questions", results.len(), nodes.len());
        return Err(Error::new(StatusCode::BadUnknownResponse, problem));
    }
    Ok(results)
}

fn request(node: &NodeId, continuation_point: ByteString) -> HistoryReadValueId {
    HistoryReadValueId { node_id: node.clone(), continuation_point, ..HistoryReadValueId::default() }
}

async fn stretch(
    task: &Task,
    session: &Session,
    chunk: &[(u32, NodeId)],
    from: i64,
    until: i64,
    newest: &mut Option<i64>,
) -> Result<(), Error> {
    let nodes: Vec<_> = chunk.iter().map(|(_, node)| request(node, ByteString::null())).collect();
    let first = ask(session, from, until, &nodes).await?;
    for ((point, node), mut result) in chunk.iter().zip(first) {
        let mut start = from;
        loop {
            if result.status_code.is_bad() {
                match StatusCode::from_category(result.status_code.sub_code()) {
                    // Nothing there, or no history after all.
                    StatusCode::BadNoData | StatusCode::BadHistoryOperationUnsupported | StatusCode::BadNotSupported => break,
                    StatusCode::BadNoContinuationPoints => {
                        // Too many at once: this one alone, from where it stands.
                        result = only(ask(session, start, until, &[request(node, ByteString::null())]).await?)?;
                        if result.status_code.is_bad() {
                            return Err(Error::new(result.status_code, "history"));
                        }
                        continue;
                    }
                    status => return Err(Error::new(status, "history")),
                }
            }
            let (continuation, data) = (result.continuation_point, result.history_data);
            let values = data.into_inner_as::<HistoryData>().and_then(|data| data.data_values).unwrap_or_default();
            let (count, last) =
                (values.len(), values.last().and_then(|value| value.source_timestamp.as_ref().and_then(decode::micros)));
            *newest = (*newest).max(hand_over(task, *point, &values).await);
            let is_cut_short = count >= PER_ANSWER as usize && last.is_some_and(|last| last > start);
            let following = match last {
                _ if !continuation.is_null_or_empty() => request(node, continuation),
                Some(last) if is_cut_short => {
                    start = last;
                    request(node, ByteString::null())
                }
                _ => break,
            };
            result = only(ask(session, start, until, &[following]).await?)?;
        }
    }
    Ok(())
}

fn only(results: Vec<HistoryReadResult>) -> Result<HistoryReadResult, Error> {
    results.into_iter().next().ok_or_else(|| Error::new(StatusCode::BadUnknownResponse, "no answer"))
}

async fn hand_over(task: &Task, point: u32, values: &[DataValue]) -> Option<i64> {
    let samples: Vec<Sample> = values.iter().filter_map(|value| decode::sample(point, value).ok()).collect();
    let newest = samples.iter().filter_map(|sample| sample.time).max();
    if !samples.is_empty() {
        task.send(Piece::Samples(samples)).await;
        // Closes no gap yet: the cursor stays until all was read.
        task.send(Piece::Mark(Mark { acknowledge: None, cursor: None })).await;
    }
    newest
}

//! PI Web API: recorded values of streams (`GET streamsets/recorded`), and WebIds of paths (`GET points?path=`, `GET attributes?path=`).
//!
//! In: WebIds or paths. Out: samples with PI's quality: `Good`, `Questionable`, `Substituted`, and system states such as `I/O Timeout`
//! where a value should be. Source: PI Web API reference 2023, "StreamSet: GetRecordedAdHoc", "StreamValue". Not here: the rhythm.

use super::Settings;
use super::ask::Answer;
use super::client::Client;
use super::client::Refusal;
use super::leaf;
use super::rounds::Window;
use crate::live::Points;
use crate::live::Sample;
use crate::live::shown;
use engine::domain::Quality;
use engine::domain::from_micros;
use engine::source::Reject;
use engine::source::SourceError;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use url::Url;

/// Streams per request: WebIds are about 80 letters long, and servers take addresses of some thousands.
const TOGETHER: usize = 30;

/// The streams of a connection.
#[derive(Debug)]
pub(super) struct Plan {
    root: Url,
    max_count: usize,
    addresses: Vec<String>,
    /// WebIds of paths, as far as they were asked for.
    known: Mutex<HashMap<String, String>>,
}

/// No keys of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {}

/// An address below the root.
pub(super) fn below(root: &Url, path: &str) -> Url {
    let mut url = root.clone();
    url.set_path(&format!("{}/{path}", root.path().trim_end_matches('/')));
    url
}

impl Plan {
    pub(super) fn new(settings: &Settings, points: &Points) -> Result<Self, SourceError> {
        let wrong = |problem: String| SourceError::Mapping { place: settings.place(), problem };
        let root = Url::parse(&settings.url).map_err(|error| wrong(format!("url: {error}")))?;
        let mut addresses = Vec::new();
        for point in points.points() {
            point.options::<Keys>()?;
            let address = point.address.trim();
            let is_id = !address.is_empty() && address.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
            if !is_id && !address.starts_with(r"\\") {
                return Err(
                    point.wrong(r"the address is a WebId, or a path as \\server\tag or \\server\database\element|attribute")
                );
            }
            addresses.push(address.to_owned());
        }
        Ok(Self { root, max_count: settings.max_count, addresses, known: Mutex::new(HashMap::new()) })
    }

    pub(super) fn groups(&self) -> usize {
        self.addresses.len().div_ceil(TOGETHER)
    }

    pub(super) async fn ask(&self, client: &Client, window: Window, group: usize) -> Result<Answer, Refusal> {
        let first = group * TOGETHER;
        let members: Vec<usize> = (first..self.addresses.len().min(first + TOGETHER)).collect();
        let refusal = match self.together(client, window, &members).await {
            Err(refusal) if refusal.is_about_one && members.len() > 1 => refusal,
            answer => return answer,
        };
        // One address that PI does not know costs the whole request; alone, it costs itself.
        let mut all = Answer::default();
        let mut taken = 0;
        for member in &members {
            match self.together(client, window, &[*member]).await {
                Ok(answer) => {
                    taken += 1;
                    all.samples.extend(answer.samples);
                    answer.rejects.into_iter().for_each(|reject| all.reject(|| reject));
                    all.more_from = [all.more_from, answer.more_from].into_iter().flatten().min();
                }
                Err(refusal) if refusal.is_about_one => {
                    let raw = self.addresses[*member].clone();
                    all.reject(|| Reject { line: None, reason: "stream_refused", detail: refusal.to_string(), raw });
                }
                Err(refusal) => return Err(refusal),
            }
        }
        if taken == 0 { Err(refusal) } else { Ok(all) }
    }

    async fn together(&self, client: &Client, window: Window, members: &[usize]) -> Result<Answer, Refusal> {
        let mut url = below(&self.root, "streamsets/recorded");
        let mut ids = Vec::with_capacity(members.len());
        for member in members {
            ids.push(self.web_id(client, &self.addresses[*member]).await?);
        }
        {
            let mut query = url.query_pairs_mut();
            for id in &ids {
                query.append_pair("webId", id);
            }
            query.append_pair("startTime", &from_micros(window.from).to_string());
            query.append_pair("endTime", &from_micros(window.to).to_string());
            query.append_pair("boundaryType", "Inside");
            query.append_pair("maxCount", &self.max_count.to_string());
        }
        let value = client.get(&url).await?;
        let Some(streams) = value["Items"].as_array() else {
            return Err(Refusal::shape(&url, "the answer has no Items; is url the root of PI Web API?"));
        };
        let mut answer = Answer::default();
        for (at, (member, id)) in members.iter().zip(&ids).enumerate() {
            // A server may write another form of the same WebId; then the order tells.
            let named = streams.iter().find(|stream| stream["WebId"].as_str() == Some(id));
            match named.or_else(|| streams.get(at).filter(|_| streams.len() == members.len())) {
                Some(stream) => self.stream(stream, *member, window, &mut answer),
                None => {
                    let detail = format!("{}: the answer leaves this stream out", self.addresses[*member]);
                    answer.reject(|| Reject { line: None, reason: "stream_missing", detail, raw: id.clone() });
                }
            }
        }
        Ok(answer)
    }

    fn stream(&self, stream: &Value, member: usize, window: Window, answer: &mut Answer) {
        let address = &self.addresses[member];
        let reject = |answer: &mut Answer, reason, detail: String| {
            let raw = address.clone();
            answer.reject(|| Reject { line: None, reason, detail: format!("{address}: {detail}"), raw });
        };
        let Some(items) = stream["Items"].as_array() else {
            let told = [&stream["Errors"], &stream["Exception"]["Errors"]].into_iter().find_map(Value::as_array);
            let told = told.and_then(|errors| errors.first()?.as_str()).unwrap_or("it has no values, and PI does not say why");
            return reject(answer, "stream_refused", told.to_owned());
        };
        let mut last = None;
        for item in items {
            let Some(time) = leaf::time(&item["Timestamp"], 0) else {
                reject(answer, "bad_time", format!("{} is no time", shown(&item["Timestamp"])));
                continue;
            };
            last = last.max(Some(time));
            answer.samples.push(sample(member as u32, time, item));
        }
        if items.len() >= self.max_count
            && let Some(last) = last
        {
            // More values at one instant than fit into an answer cannot be had; the next instant can.
            let next = if last > window.from { last } else { last.saturating_add(1) };
            answer.more_from = Some(answer.more_from.map_or(next, |more| more.min(next)));
        }
    }

    async fn web_id(&self, client: &Client, address: &str) -> Result<String, Refusal> {
        if !address.starts_with('\\') {
            return Ok(address.to_owned());
        }
        if let Some(id) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(address) {
            return Ok(id.clone());
        }
        let mut url = below(&self.root, if address.contains('|') { "attributes" } else { "points" });
        url.query_pairs_mut().append_pair("path", address);
        let value = client.get(&url).await.map_err(|mut refusal| {
            refusal.problem = format!("{address}: {}", refusal.problem);
            refusal
        })?;
        let Some(id) = value["WebId"].as_str() else {
            return Err(Refusal::shape(&url, format!("{address}: the answer has no WebId; write the WebId as address")));
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(address.to_owned(), id.to_owned());
        Ok(id.to_owned())
    }
}

/// A value as PI writes it.
fn sample(point: u32, time: i64, item: &Value) -> Sample {
    let is = |key: &str| item[key].as_bool() == Some(true);
    let is_bad = item["Good"].as_bool() == Some(false);
    let value = &item["Value"];
    let (number, name) = match value {
        // A digital state: of a set of the tag's own, or of the system's in place of a value.
        Value::Object(state) => (state.get("Value").and_then(leaf::number), state.get("Name").and_then(Value::as_str)),
        _ => (leaf::number(value), None),
    };
    let is_system = value["IsSystem"].as_bool() == Some(true) || (name.is_some() && is_bad);
    match (number, name) {
        (_, Some(name)) if is_system => Sample::missing(point, Some(time), leaf::word(name)),
        (None, _) => Sample::missing(point, Some(time), if value.is_null() { "no_data" } else { "not_a_number" }),
        (Some(number), _) if is_bad => Sample::of(point, Some(time), number, Quality::Invalid, "bad"),
        (Some(number), _) if is("Questionable") => Sample::of(point, Some(time), number, Quality::Questionable, "questionable"),
        (Some(number), _) if is("Substituted") => Sample::of(point, Some(time), number, Quality::Estimated, "substituted"),
        (Some(number), _) => Sample::good(point, Some(time), number),
    }
}

//! History out of an InfluxDB 2 bucket, window by window, as a source of readings.
//!
//! In: a bucket, a stretch of time, the rules of `line_protocol`. Out: pages and a cursor. Memory is that of a page and a chunk, whatever
//! the window holds. Rows became known when they were measured, so that past forecasts can be made from them. Not here: how often.
//!
//! After a restart the window of the cursor is asked for again and the rows that were stored are passed over; where they are no longer
//! the same the whole window is read, which changes nothing in rows that are.

use super::annotated::AnnotatedCsv;
use super::cursor::Place;
use super::flux;
use super::rows;
use super::target::InfluxError;
use super::target::Target;
use crate::line::LinePlan;
use crate::line::Precision;
use async_trait::async_trait;
use engine::domain::Asset;
use engine::domain::AssetKind;
use engine::domain::Timestamp;
use engine::domain::Unit;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Rows;
use engine::source::Source;
use engine::source::SourceError;
use flate2::write::MultiGzDecoder;
use hashbrown::HashMap;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;
use std::collections::VecDeque;
use std::fmt;
use std::io::Write;
use std::time::Duration;
use url::Url;

/// Compressed bytes unpacked at a time: they may become a thousand times as many.
const PACKED: usize = 4096;

/// What to fetch.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistorySettings {
    /// Measurements to fetch; none means all of the bucket.
    #[serde(default)]
    pub measurements: Vec<String>,
    /// First instant, RFC 3339.
    pub start: Timestamp,
    /// First instant after the last, RFC 3339.
    pub stop: Timestamp,
    /// How much is asked for at a time, ISO 8601. Default `P1D`.
    #[serde(default = "a_day")]
    pub window: String,
    /// The server puts the fields of one time into one row. Default true; false for servers that cannot.
    #[serde(default = "yes")]
    pub pivot: bool,
    /// Rows per page, at least 1. Default 50,000.
    #[serde(default = "fifty_thousand")]
    pub page_rows: usize,
}

fn a_day() -> String {
    "P1D".into()
}

fn yes() -> bool {
    true
}

fn fifty_thousand() -> usize {
    50_000
}

/// A bucket being read.
pub struct History {
    name: String,
    server: String,
    target: Target,
    address: Url,
    settings: HistorySettings,
    window: SignedDuration,
    plan: LinePlan,
    assets: HashMap<String, AssetKind>,
    client: reqwest::Client,
    at: Place,
    answer: Option<Answer>,
    declared: Vec<(String, Unit)>,
    bytes: u64,
}

impl fmt::Debug for History {
    /// The token stays out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("name", &self.name).field("at", &self.at).finish_non_exhaustive()
    }
}

/// The answer about one window, as far as it has come.
struct Answer {
    response: reqwest::Response,
    unpack: Option<MultiGzDecoder<Vec<u8>>>,
    csv: AnnotatedCsv,
    lines: VecDeque<Vec<u8>>,
    ended: bool,
}

impl History {
    /// A source at the beginning of its stretch. `plan` says what tags and fields mean, `assets` are those of the site.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] for an address, a window or times that cannot be used.
    pub fn new(target: &Target, settings: &HistorySettings, plan: &LinePlan, assets: &[Asset]) -> Result<Self, SourceError> {
        let wrong = |problem: String| SourceError::Mapping { place: format!("InfluxDB bucket {:?}", target.bucket), problem };
        let mut address = target.address().map_err(|error| wrong(error.to_string()))?;
        let server = Target::place(&address);
        address.set_path("/api/v2/query");
        address.set_query(None);
        address.query_pairs_mut().append_pair("org", &target.org);
        let window = engine::domain::parse_duration(&settings.window).map_err(|error| wrong(format!("window: {error}")))?;
        if settings.stop <= settings.start {
            return Err(wrong(format!("stop {} is not after start {}", settings.stop, settings.start)));
        }
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(120))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("chergui/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            name: format!("influx {}", target.bucket),
            server,
            target: target.clone(),
            address,
            settings: settings.clone(),
            window,
            plan: plan.clone().known_when_measured(),
            assets: assets.iter().map(|asset| (asset.id.to_string(), asset.kind)).collect(),
            client,
            at: Place::start_of(settings.start),
            answer: None,
            declared: Vec::new(),
            bytes: 0,
        })
    }

    /// Quantities met so far that the site must declare before their page is stored; only with `declare`.
    pub fn declared(&self) -> &[(String, Unit)] {
        &self.declared
    }

    /// Start of the window that is being read, for a progress bar.
    pub const fn reached(&self) -> Timestamp {
        self.at.window
    }

    fn place(&self) -> String {
        format!("{} bucket {:?} from {}", self.server, self.target.bucket, self.at.window)
    }

    fn end_of(&self, window: Timestamp) -> Timestamp {
        window.checked_add(self.window).map_or(self.settings.stop, |end| end.min(self.settings.stop))
    }

    async fn ask(&self, window: Timestamp) -> Result<Answer, SourceError> {
        let Target { bucket, token, .. } = &self.target;
        let query = flux::window(bucket, &self.settings.measurements, window, self.end_of(window), self.settings.pivot);
        let dialect = json!({ "annotations": ["datatype", "group", "default"], "header": true, "delimiter": "," });
        let mut request =
            self.client.post(self.address.clone()).header("accept", "application/csv").header("accept-encoding", "gzip");
        if !token.is_empty() {
            request = request.header("authorization", format!("Token {token}"));
        }
        let sent = request.json(&json!({ "query": query, "type": "flux", "dialect": dialect })).send().await;
        let mut response = sent.map_err(|error| self.broken(error))?;
        let status = response.status().as_u16();
        if status != 200 {
            let mut text = Vec::new();
            while text.len() < 4096
                && let Ok(Some(chunk)) = response.chunk().await
            {
                text.extend_from_slice(&chunk);
            }
            return Err(self.refused(self.target.refusal(&self.server, status, &String::from_utf8_lossy(&text))));
        }
        let is_packed = response.headers().get("content-encoding").is_some_and(|encoding| encoding == "gzip");
        let unpack = is_packed.then(|| MultiGzDecoder::new(Vec::new()));
        Ok(Answer { response, unpack, csv: AnnotatedCsv::new(), lines: VecDeque::new(), ended: false })
    }

    fn broken(&self, error: reqwest::Error) -> SourceError {
        SourceError::Io { place: self.place(), cause: std::io::Error::other(error.without_url()) }
    }

    fn refused(&self, error: InfluxError) -> SourceError {
        match error.is_passing() {
            true => SourceError::Io { place: self.place(), cause: std::io::Error::other(error) },
            false => SourceError::Mapping { place: self.place(), problem: error.to_string() },
        }
    }

    /// Reads on until there are rows or the answer has ended.
    async fn fill(&mut self, answer: &mut Answer) -> Result<(), SourceError> {
        while answer.lines.is_empty() && !answer.ended {
            let chunk = answer.response.chunk().await.map_err(|error| self.broken(error))?;
            self.bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            answer.ended = chunk.is_none();
            answer.take(chunk.as_deref()).map_err(|problem| SourceError::Format { place: self.place(), problem })?;
        }
        Ok(())
    }

    /// The lines of the next page and the place after them. Leaves the answer for the page after, unless its window is done.
    async fn gather(&mut self) -> Result<(Vec<u8>, Place), SourceError> {
        let stored = self.at;
        let mut answer = match self.answer.take() {
            Some(answer) => answer,
            None => {
                let mut answer = self.ask(stored.window).await?;
                if !self.pass_over(&mut answer, stored).await? {
                    self.at = Place::start_of(stored.window);
                    answer = self.ask(stored.window).await?;
                }
                answer
            }
        };
        let mut place = self.at;
        let mut body = Vec::new();
        let last = place.rows + self.settings.page_rows.max(1) as u64;
        while place.rows < last {
            let Some(line) = answer.lines.pop_front() else {
                self.fill(&mut answer).await?;
                if answer.lines.is_empty() {
                    return Ok((body, Place::start_of(self.end_of(place.window))));
                }
                continue;
            };
            place = place.after(&line);
            body.extend_from_slice(&line);
            body.push(b'\n');
        }
        self.answer = Some(answer);
        Ok((body, place))
    }

    /// Passes over the rows that are stored; false where they are no longer those.
    async fn pass_over(&mut self, answer: &mut Answer, stored: Place) -> Result<bool, SourceError> {
        let mut seen = Place::start_of(stored.window);
        while seen.rows < stored.rows {
            match answer.lines.pop_front() {
                Some(line) => seen = seen.after(&line),
                None => {
                    self.fill(answer).await?;
                    if answer.lines.is_empty() {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(seen == stored)
    }
}

impl Answer {
    /// Takes a chunk, or the end.
    fn take(&mut self, chunk: Option<&[u8]>) -> Result<(), String> {
        let mut batches = Vec::new();
        match (&mut self.unpack, chunk) {
            (None, Some(chunk)) => self.csv.feed(chunk, &mut batches).map_err(|error| error.to_string())?,
            (Some(unpack), Some(chunk)) => {
                for piece in chunk.chunks(PACKED) {
                    unpack.write_all(piece).map_err(|error| format!("the gzip of the answer is damaged: {error}"))?;
                    let text = std::mem::take(unpack.get_mut());
                    self.csv.feed(&text, &mut batches).map_err(|error| error.to_string())?;
                }
            }
            (unpack, None) => {
                if let Some(unpack) = unpack {
                    unpack.try_finish().map_err(|error| format!("the gzip of the answer is cut off: {error}"))?;
                    let text = std::mem::take(unpack.get_mut());
                    self.csv.feed(&text, &mut batches).map_err(|error| error.to_string())?;
                }
                self.csv.finish(&mut batches).map_err(|error| error.to_string())?;
            }
        }
        for batch in &batches {
            rows::lines(batch, |line| self.lines.push_back(line.to_vec()))?;
        }
        Ok(())
    }
}

#[async_trait]
impl Source for History {
    fn name(&self) -> &str {
        &self.name
    }

    async fn next_page(&mut self, after: Option<Cursor>) -> Result<Page, SourceError> {
        if let Some(cursor) = after {
            let problem = || format!("{:?} is not a cursor of an InfluxDB history", cursor.0);
            let place = Place::read(&cursor).ok_or_else(|| SourceError::Format { place: self.name.clone(), problem: problem() })?;
            if place != self.at {
                (self.at, self.answer) = (place, None);
            }
        }
        let (mut rows, mut rejects) = (Vec::new(), Vec::new());
        if self.at.window < self.settings.stop {
            let (body, next) = self.gather().await?;
            let (stop, assets) = (self.settings.stop, &self.assets);
            let lines = self.plan.read(&body, Precision::Nanoseconds, stop, stop, |id| assets.get(id).copied());
            self.assets.extend(lines.register.iter().map(|asset| (asset.id.to_string(), asset.kind)));
            for declared in lines.declare {
                if !self.declared.contains(&declared) {
                    self.declared.push(declared);
                }
            }
            rows.extend((!lines.register.is_empty()).then_some(Rows::Assets(lines.register)));
            rows.extend(lines.readings.into_iter().map(Rows::Readings));
            rejects = lines.rejects;
            for reject in &mut rejects {
                reject.line = None;
            }
            self.at = next;
        }
        let done = self.at.window >= self.settings.stop;
        Ok(Page { rows, rejects, cursor: Some(self.at.cursor()), bytes_read: self.bytes, done })
    }
}

//! A fleet's load on a running server: line protocol in, readings and SQL out, each at its own pace. Cheap, so that it can share the machine.
//!
//! `load HOST:PORT KEY SECONDS [name=number ...]`, names and defaults below. Out: one JSON line: requests by status, latencies counted
//! from the moment a request was due, rows acknowledged. Rows of a batch differ from all others, so acknowledged rows can be counted
//! back. Not here: starting the server, its memory and CPU (benches/peers/mixed.py).

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What may be set, and what it is when it is not.
const SETTINGS: [(&str, f64); 8] = [
    ("rows_per_s", 100_000.0),
    ("batch", 5000.0),
    ("writers", 2.0),
    ("gets_per_s", 500.0),
    ("readers", 8.0),
    ("sqls_per_s", 5.0),
    // Time of the first batch, seconds since 1970. Each batch is one second later.
    ("first", 1_767_225_600.0),
    // What happened in these first seconds is not in the percentiles.
    ("warm_up", 0.0),
];

/// Statements sent in turn; the newest hour of the data, which begins at START, as a screen would ask.
const STATEMENTS: [&str; 3] = [
    "SELECT count(*) AS n, avg(active_power) AS p FROM wind_turbine WHERE asset_id = 'L00017' AND time >= 'START'",
    "SELECT asset_id, max(wind_speed) AS w FROM wind_turbine WHERE asset_id BETWEEN 'L00100' AND 'L00110' AND time >= 'START' GROUP BY asset_id",
    "SELECT date_bin(INTERVAL '1 minute', time) AS m, avg(active_power) AS p FROM wind_turbine WHERE asset_id = 'L00042' AND time >= 'START' GROUP BY m ORDER BY m DESC LIMIT 60",
];

/// One connection that stays open.
struct Connection {
    stream: BufReader<TcpStream>,
    address: String,
    key: String,
}

/// Status and whether `Retry-After` was there.
struct Answer {
    status: u16,
    retry_after: Option<f64>,
}

impl Connection {
    fn open(address: &str, key: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream: BufReader::new(stream), address: address.to_owned(), key: key.to_owned() })
    }

    fn request(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> std::io::Result<Answer> {
        let answered = self.exchange(method, path, kind, body);
        if answered.is_err() {
            *self = Self::open(&self.address, &self.key)?;
        }
        answered
    }

    fn exchange(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> std::io::Result<Answer> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            self.address,
            self.key,
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("not an answer: {line:?}")))?;
        let (mut length, mut chunked, mut retry_after) = (0, false, None);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(std::io::Error::other)?,
                "transfer-encoding" => chunked = value.trim() == "chunked",
                "retry-after" => retry_after = value.trim().parse().ok(),
                _ => {}
            }
        }
        while chunked {
            line.clear();
            self.stream.read_line(&mut line)?;
            let chunk = u64::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
            self.skip(chunk + 2)?;
            chunked = chunk > 0;
        }
        self.skip(length)?;
        Ok(Answer { status, retry_after })
    }

    fn skip(&mut self, bytes: u64) -> std::io::Result<()> {
        std::io::copy(&mut self.stream.by_ref().take(bytes), &mut std::io::sink()).map(drop)
    }
}

/// What one thread saw.
#[derive(Default)]
struct Seen {
    statuses: BTreeMap<u16, u64>,
    milliseconds: Vec<f32>,
    without_retry_after: u64,
}

impl Seen {
    fn note(&mut self, answer: &std::io::Result<Answer>, due: Instant, warm: bool) {
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        *self.statuses.entry(status).or_default() += 1;
        if warm {
            self.milliseconds.push(due.elapsed().as_secs_f32() * 1000.0);
        }
        let refused = matches!(answer, Ok(Answer { status: 429 | 503, retry_after: None }));
        self.without_retry_after += u64::from(refused);
    }

    fn json(mut all: Vec<Self>) -> String {
        let mut seen = all.pop().unwrap_or_default();
        for other in all {
            seen.milliseconds.extend(other.milliseconds);
            seen.without_retry_after += other.without_retry_after;
            other.statuses.into_iter().for_each(|(status, count)| *seen.statuses.entry(status).or_default() += count);
        }
        seen.milliseconds.sort_by(f32::total_cmp);
        let last = seen.milliseconds.len().saturating_sub(1);
        let share = |p: f64| seen.milliseconds.get((p * last as f64) as usize).copied().unwrap_or(f32::NAN);
        let statuses: Vec<String> = seen.statuses.iter().map(|(status, count)| format!("\"{status}\":{count}")).collect();
        format!(
            "{{\"statuses\":{{{}}},\"p50_ms\":{:.2},\"p99_ms\":{:.2},\"max_ms\":{:.2},\"refusals_without_retry_after\":{}}}",
            statuses.join(","),
            share(0.5),
            share(0.99),
            share(1.0),
            seen.without_retry_after
        )
    }
}

/// The given settings over the defaults.
fn settings(given: &[String]) -> Result<BTreeMap<&'static str, f64>, String> {
    let mut settings: BTreeMap<_, _> = SETTINGS.into_iter().collect();
    for text in given {
        let known = text.split_once('=').and_then(|(name, value)| {
            let name = SETTINGS.iter().find(|(known, _)| *known == name)?.0;
            Some((name, value.parse().ok()?))
        });
        let (name, value) = known.ok_or_else(|| format!("{text:?} is not one of {:?} with a number", SETTINGS.map(|s| s.0)))?;
        settings.insert(name, value);
    }
    Ok(settings)
}

/// Runs `step` every `gap` until `end`; late steps are made up for, so that a stall shows in all of them.
fn paced(begin: Instant, gap: Duration, end: Instant, mut step: impl FnMut(Instant)) {
    let mut due = begin;
    while due < end && Instant::now() < end + Duration::from_secs(5) {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        step(due);
        due += gap;
    }
}

/// One line per asset, all at one time that is put in later, and where in the text that is.
fn body(assets: usize) -> (Vec<u8>, Vec<usize>) {
    let (mut text, mut places) = (Vec::new(), Vec::new());
    for asset in 0..assets {
        let (power, wind) = (asset % 2000, asset % 25);
        text.extend(
            format!("wind_turbine,asset_id=L{asset:05} active_power={power}.5,wind_speed={wind}.25,rotor_speed=12.5 ").bytes(),
        );
        places.push(text.len());
        text.extend(b"0000000000\n");
    }
    (text, places)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, key, seconds, given @ ..] = arguments.as_slice() else {
        eprintln!("usage: load HOST:PORT KEY SECONDS [{}]", SETTINGS.map(|(name, value)| format!("{name}={value}")).join(" "));
        std::process::exit(2);
    };
    let settings = settings(given)?;
    let set = |name: &str| settings[name];
    let begin = Instant::now() + Duration::from_millis(200);
    let end = begin + Duration::from_secs_f64(seconds.parse()?);
    let warm = begin + Duration::from_secs_f64(set("warm_up"));
    let batch = set("batch") as usize;
    let (next, acknowledged) = (Arc::new(AtomicU64::new(set("first") as u64)), Arc::new(AtomicU64::new(0)));
    let every = |per_s: f64, threads: f64| Duration::from_secs_f64(if per_s > 0.0 { threads / per_s } else { 1e9 });
    let start = |thread: f64, gap: Duration, threads: f64| begin + gap.mul_f64(thread / threads);

    let mut writers = Vec::new();
    for thread in 0..set("writers") as u32 {
        let mut connection = Connection::open(address, key)?;
        let (next, acknowledged, (mut text, places)) = (Arc::clone(&next), Arc::clone(&acknowledged), body(batch));
        let gap = every(set("rows_per_s") / batch as f64, set("writers"));
        let first = start(f64::from(thread), gap, set("writers"));
        writers.push(thread::spawn(move || {
            let mut seen = Seen::default();
            paced(first, gap, end, |due| {
                let time = format!("{:010}", next.fetch_add(1, Ordering::Relaxed));
                places.iter().for_each(|&at| text[at..at + 10].copy_from_slice(time.as_bytes()));
                let answer = connection.request("POST", "/api/v2/write?precision=s", "text/plain", &text);
                if let Ok(Answer { status: 200..300, .. }) = &answer {
                    acknowledged.fetch_add(batch as u64, Ordering::Relaxed);
                }
                seen.note(&answer, due, due >= warm);
                if let Ok(Answer { retry_after: Some(seconds), .. }) = answer {
                    thread::sleep(Duration::from_secs_f64(seconds.clamp(0.0, 5.0)));
                }
            });
            seen
        }));
    }
    let mut readers = Vec::new();
    for thread in 0..set("readers") as u32 {
        let mut connection = Connection::open(address, key)?;
        let gap = every(set("gets_per_s"), set("readers"));
        let first = start(f64::from(thread), gap, set("readers"));
        let (mut asset, assets, mut turn) = (u64::from(thread) * 7919, batch as u64, thread);
        let next = Arc::clone(&next);
        readers.push(thread::spawn(move || {
            let mut seen = Seen::default();
            paced(first, gap, end, |due| {
                asset = (asset + 104_729) % assets;
                // What a screen asks again and again: three times the last minute of an asset, the asset, what is wrong.
                turn += 1;
                let path = match turn % 5 {
                    0 => format!("/api/v1/assets/L{asset:05}"),
                    1 => "/api/v1/alerts?limit=20".to_owned(),
                    _ => {
                        let newest = next.load(Ordering::Relaxed).saturating_sub(60);
                        let start = Timestamp::from_second(newest as i64).unwrap_or_default();
                        format!("/api/v1/readings?asset_id=L{asset:05}&quantity=active_power&start={start}&limit=100")
                    }
                };
                seen.note(&connection.request("GET", &path, "text/plain", b""), due, due >= warm);
            });
            seen
        }));
    }
    let mut connection = Connection::open(address, key)?;
    let gap = every(set("sqls_per_s"), 1.0);
    let newest = Arc::clone(&next);
    let asked = thread::spawn(move || {
        let (mut seen, mut turn) = (Seen::default(), 0);
        // A column is there from its first value on.
        paced(begin + Duration::from_secs(2), gap, end, |due| {
            let hour_ago = newest.load(Ordering::Relaxed).saturating_sub(3600);
            let start = Timestamp::from_second(hour_ago as i64).unwrap_or_default().to_string();
            let body = format!("{{\"sql\":\"{}\"}}", STATEMENTS[turn % STATEMENTS.len()].replace("START", &start));
            turn += 1;
            seen.note(&connection.request("POST", "/api/v1/sql", "application/json", body.as_bytes()), due, due >= warm);
        });
        seen
    });
    let join = |threads: Vec<thread::JoinHandle<Seen>>| threads.into_iter().filter_map(|thread| thread.join().ok()).collect();
    let (written, read, asked) = (Seen::json(join(writers)), Seen::json(join(readers)), Seen::json(join(vec![asked])));
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{{\"seconds\":{seconds:.1},\"rows_acknowledged\":{},\"batches\":{},\"write\":{written},\"get\":{read},\"sql\":{asked}}}",
        acknowledged.load(Ordering::Relaxed),
        next.load(Ordering::Relaxed) - set("first") as u64
    );
    Ok(())
}

//! `chergui tail`: what a connection of the running server brings, line by line, as it comes.
//!
//! In: the server's address and a key. Out: lines on standard output. Asks the server, so that the plant sees no second reader.

use super::{args, failure::Failure, serve, serve::say};
use clap::Args;
use futures::StreamExt;

#[derive(Debug, Args)]
pub(super) struct Tail {
    /// Name of the connection; without one, how all of them stand.
    name: Option<String>,
    /// Address of the server (default: the configuration's `bind`).
    #[arg(long, env = "CHERGUI_URL", value_name = "URL")]
    url: Option<String>,
    /// API key; a viewer's is enough.
    #[arg(long, env = "CHERGUI_KEY", value_name = "KEY", hide_env_values = true)]
    key: Option<String>,
    /// Stop after so many lines.
    #[arg(long, value_name = "N")]
    lines: Option<u64>,
}

pub(super) async fn run(place: &args::Place, options: Tail) -> Result<(), Failure> {
    let url = match options.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", serve::config(place)?.bind),
    };
    let path = options.name.as_ref().map_or_else(|| "connections".into(), |name| format!("connections/{name}/tail"));
    let mut request = reqwest::Client::new().get(format!("{url}/api/v1/{path}"));
    if let Some(key) = &options.key {
        request = request.bearer_auth(key);
    }
    let answer = request.send().await.map_err(|error| {
        Failure::Work(format!("{url} does not answer: {error}; is `chergui serve` running there? --url names another address"))
    })?;
    let status = answer.status();
    if !status.is_success() {
        let text = answer.text().await.unwrap_or_default();
        let detail = serde_json::from_str::<serde_json::Value>(&text).ok();
        let detail = detail.and_then(|body| Some(body.get("detail")?.as_str()?.to_owned())).unwrap_or(text);
        let hint = if status.as_u16() == 401 { "; give an API key with --key or CHERGUI_KEY" } else { "" };
        return Err(Failure::usage(format!("{url}: {status}: {detail}{hint}")));
    }
    if options.name.is_none() {
        let body: serde_json::Value = answer.json().await.map_err(Failure::work)?;
        overview(&body);
        return Ok(());
    }
    follow(answer, options.lines.unwrap_or(u64::MAX)).await
}

fn overview(body: &serde_json::Value) {
    let connections = body["connections"].as_array().map(Vec::as_slice).unwrap_or_default();
    if connections.is_empty() {
        say("no [[connection]] is configured; `chergui discover --help` shows how to begin");
    }
    for one in connections {
        let text = |key: &str| one[key].as_str().unwrap_or("-").to_owned();
        let seconds = |key: &str| one[key].as_f64().map_or_else(|| "-".into(), |s| format!("{s:.1} s"));
        say(&format!(
            "{:<20} {:<8} {:<12} {:>12} values  lag {:>9}  skew {:>8}  {}",
            text("name"),
            text("protocol"),
            text("phase"),
            one["values"],
            seconds("lag_s"),
            seconds("skew_s"),
            text("last_error")
        ));
    }
}

async fn follow(answer: reqwest::Response, most: u64) -> Result<(), Failure> {
    let mut chunks = answer.bytes_stream();
    let mut held = Vec::new();
    let mut shown = 0;
    while let Some(chunk) = chunks.next().await {
        held.extend_from_slice(&chunk.map_err(|error| Failure::Work(format!("the server went away: {error}")))?);
        while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = held.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            let text = line.strip_prefix("data: ").or_else(|| line.strip_prefix(": ").filter(|comment| *comment != "still here"));
            if let Some(text) = text {
                say(text);
                shown += u64::from(line.starts_with("data: "));
            }
            if shown >= most {
                return Ok(());
            }
        }
    }
    Ok(())
}

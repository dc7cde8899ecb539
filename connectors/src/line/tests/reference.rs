//! A second reader of one line, slow and plain, that the fast one is compared with.
//!
//! In: a line without line ends. Out: what must become of it under `register = true, declare = true`. Not here: strings over line ends.

use engine::domain::AssetId;
use engine::domain::Quantity;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Nothing,
    Bad,
    Row { asset: String, micros: i64, fields: BTreeMap<String, u64> },
}

/// `None` where the line is bad.
pub(super) fn outcome(line: &[u8], now: i64, latest: i64) -> Outcome {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let start = line.iter().position(|&byte| byte != b' ' && byte != b'\t').unwrap_or(line.len());
    let line = &line[start..];
    if line.is_empty() || line[0] == b'#' {
        return Outcome::Nothing;
    }
    row(line, now, latest).unwrap_or(Outcome::Bad)
}

/// True where the byte at `at` is one of `set` and stands for itself.
fn plain(line: &[u8], at: usize, set: &[u8]) -> bool {
    set.contains(&line[at]) && (at == 0 || line[at - 1] != b'\\')
}

fn until(line: &[u8], from: usize, set: &[u8]) -> usize {
    (from..line.len()).find(|&at| plain(&line[from..], at - from, set)).unwrap_or(line.len())
}

fn meant(raw: &[u8]) -> Option<String> {
    let text = String::from_utf8(raw.to_vec()).ok()?;
    Some(text.replace("\\,", ",").replace("\\=", "=").replace("\\ ", " "))
}

fn row(line: &[u8], now: i64, latest: i64) -> Option<Outcome> {
    let end = until(line, 0, b" ");
    let series = &line[..end];
    let measurement = until(series, 0, b",");
    if measurement == 0 {
        return None;
    }
    let (mut asset_id, mut asset) = (None, None);
    let mut at = measurement;
    while at < series.len() {
        let equals = until(series, at + 1, b",= ");
        if equals == at + 1 || equals == series.len() || series[equals] != b'=' {
            return None;
        }
        let stop = until(series, equals + 1, b",= ");
        if stop == equals + 1 || (stop < series.len() && series[stop] != b',') {
            return None;
        }
        let value = series[equals + 1..stop].to_vec();
        match meant(&series[at + 1..equals]).as_deref() {
            Some("asset_id") => asset_id = asset_id.or(Some(value)),
            Some("asset") => asset = asset.or(Some(value)),
            _ => {}
        }
        at = stop;
    }
    let asset = AssetId::parse(&meant(&asset_id.or(asset)?)?).ok()?.to_string();
    let blank = |at: usize| line.get(at).is_some_and(|byte| b" \t".contains(byte));
    let mut at = end;
    while blank(at) {
        at += 1;
    }
    let mut fields = BTreeMap::new();
    loop {
        let equals = until(line, at, b",= ");
        if equals >= line.len() || equals == at || line[equals] != b'=' {
            return None;
        }
        let name = meant(&line[at..equals]);
        at = equals + 1;
        if line.get(at) == Some(&b'"') {
            at += 1;
            while *line.get(at)? != b'"' {
                at += if line[at] == b'\\' { 2 } else { 1 };
            }
            at += 1;
        } else {
            let from = at;
            while at < line.len() && line[at] != b',' && !blank(at) {
                at += 1;
            }
            let value = value(std::str::from_utf8(&line[from..at]).ok()?)?;
            if let Some(name) = name.filter(|name| Quantity::parse(name).is_ok())
                && !["time", "asset_id", "available_at"].contains(&name.as_str())
            {
                fields.insert(name, (value + 0.0).to_bits());
            }
        }
        match line.get(at) {
            Some(b',') => at += 1,
            None | Some(b' ' | b'\t') => break,
            Some(_) => return None,
        }
    }
    let time = std::str::from_utf8(&line[at..]).ok()?.trim_matches([' ', '\t', '\r', '\n', '\x0c']);
    let micros = match time {
        "" => now,
        time if time.starts_with('+') => return None,
        time => time.parse::<i64>().ok()?.div_euclid(1000),
    };
    (!fields.is_empty() && micros <= latest).then_some(Outcome::Row { asset, micros, fields })
}

fn value(text: &str) -> Option<f64> {
    match text {
        "t" | "T" | "true" | "True" | "TRUE" => return Some(1.0),
        "f" | "F" | "false" | "False" | "FALSE" => return Some(0.0),
        _ => {}
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Some(integer) = text.strip_suffix('i') {
        return integer.parse::<i64>().ok().map(|value| value as f64);
    }
    if let Some(integer) = text.strip_suffix('u') {
        return integer.parse::<u64>().ok().map(|value| value as f64);
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

//! JSON of any making: rows with pointers into them, or the parallel arrays of Open-Meteo.
//!
//! In: pointers (RFC 6901). Out: samples. Not here: PI Web API.

use super::Settings;
use super::Shape;
use super::ask::Answer;
use super::client::Client;
use super::client::Refusal;
use super::leaf;
use super::rounds::Window;
use crate::live::Points;
use crate::live::shown;
use engine::domain::from_micros;
use engine::source::Reject;
use engine::source::SourceError;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;
use url::form_urlencoded::byte_serialize;

/// Keys of a point.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Keys {
    /// Stands for `{device}` in the address.
    device: Option<String>,
    /// `json`: rows this point is in: pointer = value.
    when: BTreeMap<String, toml::Value>,
    /// `open_meteo`: which of several locations, from 0.
    location: usize,
    /// Seconds added to the time: -3600 for means of the hour before.
    shift_s: i64,
}

#[derive(Debug)]
struct Leaf {
    point: u32,
    address: String,
    keys: Keys,
}

/// The requests of a connection.
#[derive(Debug)]
pub(super) struct Plan {
    url: String,
    shape: Shape,
    rows: String,
    time: Option<String>,
    /// Per request: the device and its points.
    groups: Vec<(String, Vec<Leaf>)>,
}

impl Plan {
    pub(super) fn new(settings: &Settings, points: &Points) -> Result<Self, SourceError> {
        let by_device = settings.url.contains("{device}");
        let mut groups: BTreeMap<String, Vec<Leaf>> = BTreeMap::new();
        for (index, point) in points.points().iter().enumerate() {
            let keys: Keys = point.options()?;
            let address = point.address.clone();
            if !address.starts_with('/') {
                return Err(point.wrong("the address is a pointer, as \"/power/value\""));
            }
            if keys.when.keys().any(|pointer| !pointer.starts_with('/')) {
                return Err(point.wrong("keys of when are pointers within the row, as when = { \"/turbine\" = \"T1\" }"));
            }
            let device = match (&keys.device, by_device) {
                (Some(device), true) => device.clone(),
                (None, false) => String::new(),
                (None, true) => return Err(point.wrong("device is missing: url has {device}")),
                (Some(_), false) => return Err(point.wrong("device is given, but url has no {device}")),
            };
            groups.entry(device).or_default().push(Leaf { point: index as u32, address, keys });
        }
        Ok(Self {
            url: settings.url.clone(),
            shape: settings.shape,
            rows: settings.rows.clone(),
            time: settings.time.clone(),
            groups: groups.into_iter().collect(),
        })
    }

    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    pub(super) async fn ask(&self, client: &Client, window: Window, group: usize) -> Result<Answer, Refusal> {
        let Some((device, leaves)) = self.groups.get(group) else { return Ok(Answer::default()) };
        let url = address(&self.url, window, device)?;
        let value = client.get(&url).await?;
        let mut answer = Answer::default();
        match self.shape {
            Shape::OpenMeteo => columns(&value, leaves, window, &mut answer),
            Shape::PiWebApi | Shape::Json => self.rows(&url, &value, leaves, &mut answer)?,
        }
        Ok(answer)
    }

    fn rows(&self, url: &Url, value: &Value, leaves: &[Leaf], answer: &mut Answer) -> Result<(), Refusal> {
        let Some(found) = value.pointer(&self.rows) else {
            return Err(Refusal::shape(
                url,
                format!("the answer has nothing at rows = {:?}; it has {}", self.rows, keys_of(value)),
            ));
        };
        let rows = found.as_array().map_or(std::slice::from_ref(found), Vec::as_slice);
        // Whether a row is of the point, and has a value at its address: who has no row in this window has nothing to tell.
        let mut met = vec![(false, false); leaves.len()];
        for (number, row) in rows.iter().enumerate() {
            let time = match &self.time {
                None => None,
                Some(pointer) => match row.pointer(pointer).and_then(|time| leaf::time(time, 0)) {
                    Some(time) => Some(time),
                    None => {
                        answer.reject(|| {
                            let found = row.pointer(pointer).map_or_else(|| "nothing".into(), shown);
                            let detail = format!("row {number}: {found} at {pointer} is no time");
                            Reject { line: None, reason: "bad_time", detail, raw: shown(row) }
                        });
                        continue;
                    }
                },
            };
            for (leaf, (is_its, has_value)) in leaves.iter().zip(&mut met) {
                if !leaf.keys.when.iter().all(|(pointer, wanted)| row.pointer(pointer).is_some_and(|found| is_same(found, wanted)))
                {
                    continue;
                }
                *is_its = true;
                if let Some(value) = row.pointer(&leaf.address) {
                    *has_value = true;
                    answer.samples.push(leaf::plain(leaf.point, time.map(|time| shifted(time, &leaf.keys)), value));
                }
            }
        }
        for (leaf, _) in leaves.iter().zip(met).filter(|(_, (is_its, has_value))| *is_its && !has_value) {
            answer.reject(|| absent(leaf, &keys_of(rows.first().unwrap_or(&Value::Null))));
        }
        Ok(())
    }
}

/// The address of a window.
pub(super) fn address(template: &str, window: Window, device: &str) -> Result<Url, Refusal> {
    let time = |micros: i64| byte_serialize(from_micros(micros).to_string().as_bytes()).collect::<String>();
    let device: String = byte_serialize(device.as_bytes()).collect();
    let text = template.replace("{from}", &time(window.from)).replace("{to}", &time(window.to)).replace("{device}", &device);
    Url::parse(&text).map_err(|error| Refusal {
        place: "url".into(),
        problem: format!("{error}; correct it"),
        away: None,
        is_too_much: false,
        is_about_one: false,
    })
}

/// Open-Meteo: `/hourly/temperature_2m` beside `/hourly/time`; what lies after the window is forecast, not measured.
fn columns(value: &Value, leaves: &[Leaf], window: Window, answer: &mut Answer) {
    for leaf in leaves {
        let place = value.as_array().map_or(Some(value), |places| places.get(leaf.keys.location));
        let section = place.zip(leaf.address.rsplit_once('/')).and_then(|(place, (section, name))| {
            let section = place.pointer(section)?;
            Some((section.get("time")?, section.get(name)?, place["utc_offset_seconds"].as_i64().unwrap_or(0)))
        });
        let Some((times, values, offset_s)) = section else {
            answer.reject(|| absent(leaf, &keys_of(place.unwrap_or(value))));
            continue;
        };
        let times = times.as_array().map_or(std::slice::from_ref(times), Vec::as_slice);
        let values = values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice);
        for (time, value) in times.iter().zip(values) {
            match leaf::time(time, offset_s) {
                Some(time) if time > window.to || value.is_null() => {}
                Some(time) => answer.samples.push(leaf::plain(leaf.point, Some(shifted(time, &leaf.keys)), value)),
                None => answer.reject(|| {
                    let (found, address) = (shown(time), &leaf.address);
                    Reject { line: None, reason: "bad_time", detail: format!("{address}: {found} is no time"), raw: found }
                }),
            }
        }
    }
}

fn shifted(time: i64, keys: &Keys) -> i64 {
    time.saturating_add(keys.shift_s.saturating_mul(1_000_000))
}

fn absent(leaf: &Leaf, there: &str) -> Reject {
    let detail = format!("{}: the answer has no such thing; it has {there}", leaf.address);
    Reject { line: None, reason: "no_such_pointer", detail, raw: leaf.address.clone() }
}

/// The keys at the top, for an error.
fn keys_of(value: &Value) -> String {
    match value {
        Value::Object(map) => map.keys().take(20).map(|key| format!("/{key}")).collect::<Vec<_>>().join(" "),
        Value::Array(list) => format!("an array of {}", list.len()),
        Value::Null => "nothing".into(),
        other => other.to_string().chars().take(80).collect(),
    }
}

fn is_same(found: &Value, wanted: &toml::Value) -> bool {
    match (found, wanted) {
        (Value::String(found), toml::Value::String(wanted)) => found == wanted,
        (Value::Bool(found), toml::Value::Boolean(wanted)) => found == wanted,
        (Value::Number(found), toml::Value::Integer(wanted)) => found.as_i64() == Some(*wanted),
        (Value::Number(found), toml::Value::String(wanted)) => found.to_string() == *wanted,
        _ => false,
    }
}

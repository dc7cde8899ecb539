//! What a server offers, and whether it answers: for `chergui discover` and `check-config --connect`.
//!
//! In: settings. Out: names, units, values seen. Not here: polling.

use super::Settings;
use super::Shape;
use super::ask::Asker;
use super::client::Client;
use super::client::Refusal;
use super::json;
use super::leaf;
use super::pi;
use super::rounds::Window;
use crate::live::Found;
use crate::live::Link;
use crate::live::Points;
use crate::live::Probe;
use engine::source::SourceError;
use serde_json::Value;
use url::Url;

/// Points listed in one request, and in all.
const PAGE: usize = 1000;
const MOST: usize = 20_000;
/// Levels of JSON that are looked into.
const DEEPEST: usize = 8;

fn wrong(refusal: Refusal) -> SourceError {
    SourceError::Mapping { place: refusal.place, problem: refusal.problem }
}

fn last_window(settings: &Settings, link: &Link) -> Window {
    let now = link.now_micros();
    let back = i64::try_from(settings.window_s).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    Window { from: now.saturating_sub(back), to: now }
}

pub(super) async fn probe(settings: &Settings, points: &Points, link: &Link) -> Result<Probe, SourceError> {
    let (client, asker) = (Client::new(&settings.access())?, Asker::new(settings, points)?);
    let window = last_window(settings, link);
    let (mut values, mut first, mut refused) = (0, None, 0);
    for group in 0..asker.groups() {
        let answer = asker.ask(&client, window, group).await.map_err(wrong)?;
        values += answer.samples.len();
        refused += answer.rejects.len();
        first = first.or_else(|| answer.rejects.into_iter().next().map(|reject| reject.detail));
    }
    let count = points.points().len();
    let says = match first {
        None => format!("{count} points, {values} values in the last {} s", settings.window_s),
        Some(first) => format!("{count} points, {values} values; {refused} could not be read, the first: {first}"),
    };
    Ok(Probe { peer: settings.origin(), says })
}

/// `tell` takes texts that live as long as the call: the trait's own signature is written so by its macro.
pub(super) async fn discover<'call>(
    settings: &Settings,
    link: &Link,
    tell: &(dyn Fn(&'call str) + Send + Sync),
) -> Result<Vec<Found>, SourceError> {
    let client = Client::new(&settings.access())?;
    if settings.shape == Shape::PiWebApi {
        return historian(settings, &client, tell).await;
    }
    if settings.url.contains("{device}") {
        let problem = "url has {device}: write the name of one device in its place, and {device} again afterwards".into();
        return Err(SourceError::Mapping { place: settings.origin(), problem });
    }
    tell("asking once");
    let url = json::address(&settings.url, last_window(settings, link), "").map_err(wrong)?;
    let value = client.get(&url).await.map_err(wrong)?;
    if settings.shape == Shape::OpenMeteo {
        return Ok(sections(&value));
    }
    let Some(rows) = value.pointer(&settings.rows) else {
        let problem = format!("the answer has nothing at rows = {:?}; correct rows", settings.rows);
        return Err(SourceError::Mapping { place: settings.origin(), problem });
    };
    let mut found = Vec::new();
    leaves(rows.as_array().and_then(|rows| rows.last()).unwrap_or(rows), "", 0, &mut found);
    found.retain(|thing| Some(&thing.address) != settings.time.as_ref());
    Ok(found)
}

/// The tags of every data server.
async fn historian<'call>(
    settings: &Settings,
    client: &Client,
    tell: &(dyn Fn(&'call str) + Send + Sync),
) -> Result<Vec<Found>, SourceError> {
    let root = Url::parse(&settings.url)
        .map_err(|error| SourceError::Mapping { place: settings.origin(), problem: format!("url: {error}") })?;
    tell("asking for the data servers");
    let servers = client.get(&pi::below(&root, "dataservers")).await.map_err(wrong)?;
    let mut found = Vec::new();
    for server in servers["Items"].as_array().into_iter().flatten() {
        let Some(id) = server["WebId"].as_str() else { continue };
        let before = found.len();
        while found.len() < MOST {
            let mut url = pi::below(&root, &format!("dataservers/{id}/points"));
            url.query_pairs_mut()
                .append_pair("nameFilter", &settings.find)
                .append_pair("maxCount", &PAGE.to_string())
                .append_pair("startIndex", &(found.len() - before).to_string());
            let page = client.get(&url).await.map_err(wrong)?;
            let tags = page["Items"].as_array().map_or(&[][..], Vec::as_slice);
            found.extend(tags.iter().filter_map(tag));
            if tags.len() < PAGE {
                break;
            }
            tell("asking for more points");
        }
    }
    Ok(found)
}

fn tag(tag: &Value) -> Option<Found> {
    let text = |key: &str| tag[key].as_str().map(str::to_owned).filter(|text| !text.is_empty());
    let name = text("Name")?;
    // Tags are usually named PLANT.DEVICE.SIGNAL, or so.
    let device = name.rsplit_once(['.', ':', '|', '/', '\\']).map_or("plant", |(device, _)| device).to_owned();
    Some(Found {
        address: text("WebId")?,
        unit: text("EngineeringUnits"),
        description: text("Descriptor"),
        is_event: text("PointType").as_deref() == Some("Digital"),
        device,
        name,
        ..Found::default()
    })
}

/// Arrays beside a `time`, and what is current.
fn sections(value: &Value) -> Vec<Found> {
    let place = value.as_array().and_then(|places| places.first()).unwrap_or(value);
    let mut found = Vec::new();
    for section in ["current", "minutely_15", "hourly"] {
        let units = &place[format!("{section}_units").as_str()];
        for (name, values) in
            place[section].as_object().into_iter().flatten().filter(|(name, _)| !matches!(name.as_str(), "time" | "interval"))
        {
            let seen = values.as_array().map_or(Some(values), |list| list.iter().find(|value| !value.is_null()));
            found.push(Found {
                address: format!("/{section}/{name}"),
                name: name.replace('_', " "),
                unit: units[name.as_str()].as_str().map(str::to_owned),
                value: seen.map(Value::to_string),
                device: "weather".into(),
                kind: Some("weather_station"),
                ..Found::default()
            });
        }
    }
    found
}

/// Every number below a row.
fn leaves(value: &Value, pointer: &str, depth: usize, found: &mut Vec<Found>) {
    if depth > DEEPEST || found.len() >= MOST {
        return;
    }
    let mut below = |key: &str, value: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        leaves(value, &format!("{pointer}/{key}"), depth + 1, found);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| below(key, value)),
        Value::Array(list) => list.iter().enumerate().for_each(|(index, value)| below(&index.to_string(), value)),
        _ if leaf::number(value).is_some() && !pointer.is_empty() => found.push(Found {
            address: pointer.into(),
            name: pointer.trim_start_matches('/').replace(['/', '_'], " "),
            value: Some(value.to_string()),
            device: "device".into(),
            ..Found::default()
        }),
        _ => {}
    }
}

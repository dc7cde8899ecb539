//! How JSON of a peer's is shown in an error: what may be as large as a message is not repeated.

use serde_json::Value;

/// Characters of a text that are shown.
const MOST: usize = 80;

/// A value in a few words.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", text.chars().take(MOST).collect::<String>()),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(object) => {
            let keys: Vec<String> = object.keys().take(5).map(|key| key.chars().take(MOST).collect()).collect();
            format!("an object with {}", keys.join(", "))
        }
        short => short.to_string(),
    }
}

//! SunSpec: models and their points, and how a device's map of models is walked.
//!
//! In: the table of models (`sunspec/models.txt`), two registers at a time. Out: where a point lies and what it means. The crate `sunspec`
//! has one Rust type per model, not points by name, so the table is our own; a test holds it to pysunspec2's. Not here: requests.

mod table;
mod walk;

#[cfg(test)]
pub(super) use table::models;
pub(super) use table::{Factor, Model, ModelPoint, model};
pub(super) use walk::{BASES, MARK, Map, Placed, Walk};

/// Kind of asset a model describes.
pub(super) const fn asset_kind(model: u16) -> Option<&'static str> {
    match model {
        101..=103 | 111..=113 | 160 | 701 => Some("pv_inverter"),
        201..=204 | 211..=214 => Some("meter"),
        302..=308 => Some("weather_station"),
        _ => None,
    }
}

/// Our name for a unit of the models, where we have one.
pub(super) fn unit(unit: &str) -> Option<&str> {
    match unit {
        "-" | "text" | "cos()" | "PF" => None,
        "mps" => Some("m/s"),
        "Degrees" => Some("deg"),
        "WH" => Some("Wh"),
        "Pct" => Some("%"),
        "HPa" => Some("hPa"),
        "Secs" => Some("s"),
        "meters" => Some("m"),
        "Var" => Some("var"),
        other => Some(other),
    }
}

//! Verdicts of any detector on the prediction rows of an archive: `event_id;id;anomaly`.
//!
//! In: such a file, separated by semicolons or commas. Out: per event the flagged ids. Not here: writing it (the command does).

use super::CareError;
use super::fields::Fields;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Flagged rows per event. An event that the file names without a flag has an empty set.
pub type Predictions = BTreeMap<i64, BTreeSet<i64>>;

/// Reads a file of predictions.
///
/// # Errors
/// [`CareError`] with the line.
pub fn read_predictions(path: &Path) -> Result<Predictions, CareError> {
    let mut rows = Fields::open(path)?;
    let (event, id, anomaly) = (rows.column("event_id")?, rows.column("id")?, rows.column("anomaly")?);
    let mut out = Predictions::new();
    while rows.next()? {
        let flagged = match rows.cell(anomaly).to_ascii_lowercase().as_slice() {
            b"1" | b"1.0" | b"true" => true,
            b"0" | b"0.0" | b"false" => false,
            _ => return Err(rows.fault(anomaly, "0 or 1")),
        };
        let of_event = out.entry(rows.integer(event)?).or_default();
        if flagged {
            of_event.insert(rows.integer(id)?);
        }
    }
    Ok(out)
}

//! The commits of a table, read one by one: what each says, and whether it still says what was written.
//!
//! In: the files of `_delta_log`. Out: the files the table should have, and findings about commits.

use super::Harm;
use super::RESTORE;
use super::Verified;
use crate::store::delta::APPLICATION;
use crate::store::delta::SUM;
use crate::store::files::sum_of;
use crate::store::place::Object;
use crate::store::place::Place;
use deltalake::kernel::Action;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the commits add up to.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// Files by path: bytes and statistics. Known only when `whole`.
    pub(super) files: BTreeMap<String, (u64, Option<String>)>,
    /// Every commit from the first on is there and can be read.
    pub(super) whole: bool,
}

/// Reads the commits among these objects.
pub(super) async fn replay(place: &Place, objects: &[Object], table: &str, report: &mut Verified) -> Replayed {
    let (mut replayed, mut next) = (Replayed { whole: true, ..Replayed::default() }, 0);
    for object in objects {
        let Some(version) = version_of(&object.path) else { continue };
        let (file, covers) = (place.address(&object.path), || format!("version {version} of {table}"));
        if version != next && (next > 0 || replayed.whole) {
            // Delta may drop commits that a checkpoint covers; a gap after the first one kept is a loss.
            replayed.whole = false;
            if next > 0 {
                let problem = format!("version {next} is missing before it");
                report.add(Harm::Damage, &file, problem, covers(), RESTORE);
            }
        }
        next = version + 1;
        let read = match place.get(&object.path).await {
            Ok(bytes) => apply(&String::from_utf8_lossy(&bytes), &mut replayed),
            Err(error) => Err(error.to_string()),
        };
        if let Err(problem) = read {
            replayed.whole = false;
            report.add(Harm::Damage, file, problem, covers(), RESTORE);
        }
    }
    replayed
}

fn version_of(path: &str) -> Option<u64> {
    let stem = path.strip_prefix("_delta_log/")?.strip_suffix(".json")?;
    stem.parse().ok().filter(|_| stem.len() == 20)
}

/// Takes in one commit; an error says what in it is not as it was written.
fn apply(text: &str, replayed: &mut Replayed) -> Result<(), String> {
    let (mut sum, mut sequence, mut actions) = (None, None, Vec::new());
    for (number, line) in text.lines().enumerate() {
        let damaged = |what: String| format!("line {}: {what}", number + 1);
        let value: Value = serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?;
        let action: Action = serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?;
        match action {
            Action::CommitInfo(_) => sum = value["commitInfo"][SUM].as_str().map(str::to_owned),
            Action::Txn(transaction) if transaction.app_id == APPLICATION => sequence = u64::try_from(transaction.version).ok(),
            Action::Add(add) => {
                let size = u64::try_from(add.size).unwrap_or(0);
                if replayed.files.insert(add.path.clone(), (size, add.stats.clone())).is_some() {
                    return Err(damaged(format!("{} is added a second time", add.path)));
                }
                actions.push(Action::Add(add));
            }
            Action::Remove(remove) => {
                if replayed.files.remove(&remove.path).is_none() && replayed.whole {
                    return Err(damaged(format!("{} is removed, but was not there", remove.path)));
                }
                actions.push(Action::Remove(remove));
            }
            _ => {}
        }
    }
    match sum {
        Some(sum) if sum != sum_of(&actions, sequence) => Err("it does not say what was written".into()),
        _ => Ok(()),
    }
}

//! Bodies of Influx line protocol: read by the plan in force, stored, what could not be read kept as dead letters.
//!
//! In: a body and the precision of its times. Out: how many lines there were and what was wrong with which. New assets and quantities are
//! written before the rows that need them, where the mapping allows them.

use super::body::Body;
use super::{Door, MOST_REJECTED, Rejected};
use crate::error::Code;
use crate::error::Problem;
use crate::request::latest;
use crate::state::AppState;
use connectors::line::Precision;
use engine::domain::Asset;
use engine::domain::AssetId;

/// What became of the lines.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Lines with content.
    pub(crate) lines: u64,
    /// Lines of which nothing was kept.
    pub(crate) lost: u64,
    /// What was wrong, at most [`MOST_REJECTED`].
    pub(crate) rejected: Vec<Rejected>,
}

/// Takes a body in.
///
/// # Errors
/// Problems of the body, and of a store that cannot take rows now; the same lines may be sent again.
pub(crate) async fn take(state: &AppState, body: Body, precision: Precision) -> Result<Taken, Problem> {
    let (plan, store, now, last) = (state.lines.get(), state.store.clone(), state.now(), latest(state));
    let find = move |id: &str| AssetId::parse(id).ok().and_then(|id| store.asset(&id)).map(|asset| asset.kind);
    let (lines, mut share) = body.decode(&state.ingest, move |bytes, _| Ok(plan.read(&bytes, precision, now, last, find))).await?;
    let held = lines.readings.iter().map(|readings| readings.batch().get_array_memory_size()).sum();
    share.resize(held).await?;
    if !lines.register.is_empty() {
        // Another request may have brought the same assets meanwhile, or a person more about them.
        let new: Vec<Asset> = lines.register.into_iter().filter(|asset| state.store.asset(&asset.id).is_none()).collect();
        if !new.is_empty() {
            tracing::info!(assets = new.len(), first = %new[0].id, "assets registered by line protocol");
            state.store.upsert_assets(new).await?;
        }
    }
    if !lines.declare.is_empty() {
        for (name, unit) in &lines.declare {
            state.store.declare(name, *unit).await?;
        }
        let renewed = state.lines.renew(&state.store.quantities());
        renewed.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    }
    super::store(state, Door::Lines, lines.readings).await?;
    let rejects = lines.rejects.into_iter().take(MOST_REJECTED).enumerate();
    let rejected: Vec<Rejected> = rejects.map(|(index, reject)| Rejected::of_source(index, reject)).collect();
    let lost = usize::try_from(lines.rejected_total).unwrap_or(usize::MAX);
    super::reject(state, Door::Lines, &rejected, lost);
    Ok(Taken { lines: lines.lines, lost: lines.rejected_total, rejected })
}

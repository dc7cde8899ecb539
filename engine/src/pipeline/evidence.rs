//! What an alert's page shows: the signals of an asset over some days, expected against observed, beside its neighbours.
//!
//! In: an asset, a range, the quantities that matter. Out: [`SignalTrace`]s. It reads the range and a warm-up before it, not the whole
//! history: sums that began earlier may stand a little higher in the watch itself.

use super::Pipeline;
use super::PipelineError;
use super::forecasting::blocking;
use super::resolution;
use super::watching::plants;
use crate::detect::DetectError;
use crate::detect::HealthSignal;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::Frame;
use crate::domain::Quantity;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use jiff::SignedDuration;

/// Telemetry before the range that the sums of the watch need to settle: its slowest memory is twenty days.
const WARM_UP: SignedDuration = SignedDuration::from_hours(24 * 40);
/// Most neighbours shown.
const NEIGHBOURS: usize = 4;

/// One signal and what its neighbours measured at the same times; NaN where there is nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalTrace {
    /// Expected and observed.
    pub signal: HealthSignal,
    /// The nearest machines of the same kind and plant, nearest first.
    pub neighbours: Vec<(AssetId, Vec<f64>)>,
}

impl Pipeline {
    /// Traces of `quantities` (of all watched ones when empty) in their order. A quantity that nothing watches comes without expectation.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub async fn traces(
        &self,
        asset: &Asset,
        range: TimeRange,
        quantities: &[Quantity],
    ) -> Result<Vec<SignalTrace>, PipelineError> {
        let found = plants(self.store.assets()).into_iter().find(|(_, assets)| assets.iter().any(|member| member.id == asset.id));
        let (plant, assets) = found.unwrap_or_else(|| (asset.id.to_string(), vec![asset.clone()]));
        let start = range.start().saturating_sub(WARM_UP).unwrap_or(Timestamp::MIN);
        let read = TimeRange::new(start, range.end())?;
        let held = match self.held(&plant).await {
            Some(learnt) => Some(learnt),
            None => self.watch(&plant, &assets, range.end()).await?.map(|(learnt, _)| learnt),
        };
        let frames = self.store.frames(&assets, Some(read), resolution(asset), None).await?;
        let (own, wanted) = (asset.clone(), quantities.to_vec());
        blocking(&plant, move || {
            let health = match held.map(|learnt| learnt.watch.health(&own.id, &frames, range)) {
                Some(Ok(health)) => health.signals,
                Some(Err(DetectError::NotWatched { .. })) | None => Vec::new(),
                Some(Err(error)) => return Err(error.into()),
            };
            Ok(assemble(&own, range, health, &frames, &wanted))
        })
        .await
    }
}

fn assemble(
    asset: &Asset,
    range: TimeRange,
    mut known: Vec<HealthSignal>,
    frames: &[Frame],
    wanted: &[Quantity],
) -> Vec<SignalTrace> {
    let mut signals = Vec::new();
    for quantity in wanted {
        match known.iter().position(|signal| signal.quantity == *quantity) {
            Some(place) => signals.push(known.remove(place)),
            None => signals.extend(measured(asset, range, frames, quantity)),
        }
    }
    if wanted.is_empty() {
        signals = known;
    }
    let near = neighbours(asset, frames);
    let beside = |signal: HealthSignal| {
        let column = |frame: &&Frame| {
            let values = frame.column(&signal.quantity)?;
            let at = |time: &Timestamp| {
                let row = frame.index_at(*time);
                if row < frame.len && frame.time(row) == *time { values[row] } else { f64::NAN }
            };
            Some((frame.asset.id.clone(), signal.times.iter().map(at).collect()))
        };
        let neighbours = near.iter().filter_map(column).take(NEIGHBOURS).collect();
        SignalTrace { neighbours, signal }
    };
    signals.into_iter().map(beside).collect()
}

/// A quantity as it was measured, without expectation.
fn measured(asset: &Asset, range: TimeRange, frames: &[Frame], quantity: &Quantity) -> Option<HealthSignal> {
    let frame = frames.iter().find(|frame| frame.asset.id == asset.id)?;
    let values = frame.column(quantity)?;
    let rows = frame.index_at(range.start())..frame.index_at(range.end()).min(frame.len);
    let observed: Vec<f64> = values.get(rows.clone())?.to_vec();
    let nothing = vec![f64::NAN; observed.len()];
    Some(HealthSignal {
        quantity: quantity.clone(),
        component: String::new(),
        times: rows.map(|row| frame.time(row)).collect(),
        observed,
        expected: nothing.clone(),
        score: nothing,
    })
}

/// Machines of the same kind, nearest first; by name where places are not known.
fn neighbours<'a>(asset: &Asset, frames: &'a [Frame]) -> Vec<&'a Frame> {
    let distance = |other: &Asset| match (asset.location, other.location) {
        (Some(here), Some(there)) => here.distance_km(there),
        _ => f64::INFINITY,
    };
    let mut near: Vec<&Frame> = frames.iter().filter(|f| f.asset.id != asset.id && f.asset.kind == asset.kind).collect();
    near.sort_by(|a, b| distance(&a.asset).total_cmp(&distance(&b.asset)).then_with(|| a.asset.id.cmp(&b.asset.id)));
    near
}

#[cfg(test)]
mod tests {
    use super::{Asset, AssetId, Frame, HealthSignal, Quantity, TimeRange, assemble};
    use crate::domain::{AssetKind, Location, Resolution, Timestamp};
    use std::collections::BTreeMap;

    fn frame(id: &str, latitude: f64, values: &[f64]) -> Frame {
        let mut asset = Asset::new(AssetId::parse(id).unwrap(), AssetKind::WindTurbine);
        asset.location = Some(Location { latitude, longitude: 0.0 });
        let columns: BTreeMap<Quantity, Vec<f64>> = BTreeMap::from([(Quantity::GEARBOX_BEARING_TEMP, values.to_vec())]);
        let known = vec![0; values.len()];
        Frame::new(asset, Timestamp::UNIX_EPOCH, Resolution::from_seconds(600).unwrap(), known, columns)
    }

    #[test]
    fn signals_come_in_the_order_asked_with_the_nearest_beside_them() {
        let frames = [frame("T1", 28.0, &[70.0, 71.0, 72.0]), frame("T2", 28.3, &[60.0]), frame("T3", 28.1, &[65.0, 66.0, 67.0])];
        let range = TimeRange::new(frames[0].time(1), frames[0].time(3)).unwrap();
        let power = HealthSignal {
            quantity: Quantity::ACTIVE_POWER,
            component: "rotor".into(),
            times: vec![frames[0].time(1)],
            observed: vec![1.0],
            expected: vec![2.0],
            score: vec![0.5],
        };
        let wanted = [Quantity::GEARBOX_BEARING_TEMP, Quantity::ACTIVE_POWER, Quantity::LOAD];
        let traces = assemble(&frames[0].asset, range, vec![power.clone()], &frames, &wanted);
        assert_eq!(traces.len(), 2, "nobody measures a load");
        assert_eq!(traces[0].signal.observed, [71.0, 72.0]);
        assert!(traces[0].signal.expected.iter().all(|value| value.is_nan()));
        let near: Vec<&str> = traces[0].neighbours.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(near, ["T3", "T2"]);
        assert_eq!(traces[0].neighbours[0].1, [66.0, 67.0]);
        assert!(traces[0].neighbours[1].1.iter().all(|value| value.is_nan()), "it measured nothing then");
        assert_eq!(traces[1].signal, power);
        assert_eq!(assemble(&frames[0].asset, range, vec![power], &frames, &[]).len(), 1);
    }
}

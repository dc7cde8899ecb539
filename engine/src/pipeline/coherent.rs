//! A live cycle made coherent: what was issued asset by asset, moved until plants, regions and the nation add up.
//!
//! In: the forecasts of one cycle, the fleet, past errors of the models that serve. Out: forecasts that add up at every step, those of
//! sums nobody issues (wind, solar and net load of a region), and the scenarios behind them, kept in memory until the next cycle
//! for ramps and reserves. A member without a forecast is stated, and the rest goes out. The arithmetic is `evaluate::coherence`.

use super::Pipeline;
use super::PipelineError;
use super::forecasting::blocking;
use super::hierarchy::Family;
use super::resolution;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::Frame;
use crate::domain::Quantity;
use crate::domain::Resolution;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::micros;
use crate::evaluate::CoherentCycle;
use crate::evaluate::CycleRequest;
use crate::evaluate::Issued;
use crate::evaluate::LeftOut;
use crate::evaluate::PastErrors;
use crate::evaluate::reconcile_cycle;
use crate::models::Scenarios;
use crate::models::Series;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

/// Scenarios drawn at each step: the 5 % tail to about a point.
const SCENARIOS: usize = 400;
/// Most memory the kept scenarios take, bytes.
const MOST_KEPT: usize = 64 << 20;
/// Telemetry that says whether a meter is the sum of others.
const COMPARED: SignedDuration = SignedDuration::from_hours(24 * 28);
/// Fewest rows in which all of them spoke.
const LEAST_ROWS: usize = 48;
/// A share this near to 1 is taken for 1: no losses between the meters.
const LOSSLESS: f64 = 0.002;
/// Least and largest share of its parts that may arrive at a sum: cables and transformers take a few per cent.
const SHARES: (f64, f64) = (0.85, 1.02);
/// Largest mean deviation from that share, as part of the sum.
const MISFIT: f64 = 0.02;
/// How long the comparison holds.
const COMPARE_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Sums that meters confirmed: the share of its parts that arrives, and the parts.
type Shares = BTreeMap<Series, (f64, Vec<Series>)>;

/// What meters said of candidates, and when.
#[derive(Debug)]
struct Compared {
    at: Timestamp,
    candidates: Vec<(Series, Vec<Series>)>,
    shares: Shares,
}

/// What coherence keeps between cycles.
#[derive(Debug, Default)]
pub(super) struct Coherence {
    compared: RwLock<Option<Compared>>,
    drawn: RwLock<Option<Arc<Drawn>>>,
}

/// The scenarios of the newest cycle.
#[derive(Debug)]
pub(super) struct Drawn {
    /// When the cycle was issued.
    pub(super) issue_time: Timestamp,
    /// What each step is about.
    pub(super) valid_times: Vec<Timestamp>,
    /// The series of [`Self::scenarios`].
    pub(super) series: Vec<Series>,
    /// Coherent scenarios.
    pub(super) scenarios: Scenarios,
}

impl Coherence {
    /// The scenarios of the newest cycle, if there was one.
    pub(super) fn drawn(&self) -> Option<Arc<Drawn>> {
        self.drawn.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Pipeline {
    /// The forecasts of a cycle made coherent, then those of sums. When that is not possible they come back as they were issued, and
    /// the log says why.
    pub(super) async fn coherent(&self, issued: Vec<Issued>) -> (Vec<Issued>, Vec<LeftOut>) {
        match self.reconciled(&issued).await {
            Ok(Some(cycle)) => {
                for left_out in &cycle.left_out {
                    match left_out {
                        LeftOut::NoForecast(series) => {
                            tracing::warn!(%series, "no coherent forecast: nothing was issued that it follows from")
                        }
                        LeftOut::OtherGrid(series) => {
                            tracing::warn!(%series, "kept as issued: most forecasts of the cycle have other steps")
                        }
                    }
                }
                self.keep_scenarios(&cycle);
                (cycle.issued, cycle.left_out)
            }
            Ok(None) => (issued, Vec::new()),
            Err(error) => {
                tracing::warn!(%error, "forecasts are handed out as issued: they could not be made coherent");
                (issued, Vec::new())
            }
        }
    }

    /// `None` where nothing adds up to anything.
    async fn reconciled(&self, issued: &[Issued]) -> Result<Option<CoherentCycle>, PipelineError> {
        let Some(now) = issued.iter().map(|issue| issue.forecast.issue_time).max() else { return Ok(None) };
        let assets = self.store.assets();
        let measured = self.measured(&assets).await?;
        let family = Family::new(&assets, &measured);
        let of = |issue: &Issued| Series { asset_id: issue.forecast.asset_id.clone(), quantity: issue.forecast.quantity.clone() };
        let forecast: BTreeSet<Series> = issued.iter().map(of).collect();
        let known: BTreeSet<Series> = forecast.iter().cloned().chain(family.expected(self.options.machines)).collect();
        let shares = self.shares(family.candidates(&known), now).await?;
        let hierarchy = family.hierarchy(issued, &shares)?;
        if hierarchy.is_empty() {
            return Ok(None);
        }
        let mut past = Vec::new();
        let served = self.served.read().await;
        for series in hierarchy.nodes().iter().map(|node| &node.series).filter(|series| forecast.contains(*series)) {
            if let Some(model) = served.get(&(series.asset_id.clone(), series.quantity.clone())) {
                let (issues, errors) = model.errors().iter().map(|e| (e.issue_time, e.errors.clone())).unzip();
                past.push(PastErrors { series: series.clone(), issues, errors });
            }
        }
        drop(served);
        let steps = issued.iter().map(|issue| issue.forecast.valid_times.len()).max().unwrap_or(0);
        let most = MOST_KEPT / (SCENARIOS * size_of::<f64>() * steps.max(1));
        let mut keep: Vec<Series> = hierarchy.nodes().iter().map(|node| node.series.clone()).collect();
        // Where not all can be kept: what dispatchers plan by first.
        keep.sort_by_key(|series| series.quantity != Quantity::NET_LOAD);
        keep.truncate(most);
        let request = CycleRequest { scenarios: SCENARIOS, seed: micros(now).unsigned_abs(), keep };
        let issued = issued.to_vec();
        let work = move || Ok(reconcile_cycle(&issued, &hierarchy, &past, &request)?);
        blocking("the hierarchy", work).await.map(Some)
    }

    fn keep_scenarios(&self, cycle: &CoherentCycle) {
        let steps = cycle.scenarios.steps();
        let kept = |issue: &&Issued| {
            let forecast = &issue.forecast;
            let is = |series: &Series| series.asset_id == forecast.asset_id && series.quantity == forecast.quantity;
            forecast.valid_times.len() == steps && cycle.kept.iter().any(is)
        };
        let Some(longest) = cycle.issued.iter().find(kept) else { return };
        let drawn = Drawn {
            issue_time: longest.forecast.issue_time,
            valid_times: longest.forecast.valid_times.clone(),
            series: cycle.kept.clone(),
            scenarios: cycle.scenarios.clone(),
        };
        let mut held = self.coherence.drawn.write().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_none_or(|held| held.issue_time <= drawn.issue_time) {
            *held = Some(Arc::new(drawn));
        }
    }

    /// Assets that can be members of sums and have a reading.
    pub(super) async fn measured(&self, assets: &[Asset]) -> Result<BTreeSet<AssetId>, PipelineError> {
        let mut measured = BTreeSet::new();
        for asset in assets {
            if self.store.newest(asset).await?.is_some() {
                measured.insert(asset.id.clone());
            }
        }
        Ok(measured)
    }

    /// Which candidates their meters confirm, asked once a day.
    async fn shares(&self, candidates: Vec<(Series, Vec<Series>)>, now: Timestamp) -> Result<Shares, PipelineError> {
        {
            let held = self.coherence.compared.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(compared) = held.as_ref()
                && compared.candidates == candidates
                && now.duration_since(compared.at).abs() < COMPARE_EVERY
            {
                return Ok(compared.shares.clone());
            }
        }
        let mut shares = Shares::new();
        for (sum, parts) in &candidates {
            match self.share(sum, parts, now).await? {
                Some(share) if (SHARES.0..=SHARES.1).contains(&share) => {
                    shares.insert(sum.clone(), (share, parts.clone()));
                }
                _ => tracing::info!(%sum, parts = parts.len(), "not reconciled: its meter does not show the sum of its parts"),
            }
        }
        let mut held = self.coherence.compared.write().unwrap_or_else(PoisonError::into_inner);
        *held = Some(Compared { at: now, candidates, shares: shares.clone() });
        Ok(shares)
    }

    async fn share(&self, sum: &Series, parts: &[Series], now: Timestamp) -> Result<Option<f64>, PipelineError> {
        let Some(asset) = self.store.asset(&sum.asset_id) else { return Ok(None) };
        let range = TimeRange::new(now.saturating_sub(COMPARED).unwrap_or(Timestamp::MIN), now)?;
        let grid = resolution(&asset);
        let Some(whole) = self.column(sum, range, grid).await? else { return Ok(None) };
        let mut columns = Vec::with_capacity(parts.len());
        for part in parts {
            match self.column(part, range, grid).await? {
                Some(frame) => columns.push((frame, part.quantity.clone())),
                None => return Ok(None),
            }
        }
        Ok(share_of(&whole, &sum.quantity, &columns))
    }

    /// Telemetry of one series, if there is any in that stretch.
    pub(super) async fn column(&self, series: &Series, range: TimeRange, grid: Resolution) -> Result<Option<Frame>, PipelineError> {
        let Some(asset) = self.store.asset(&series.asset_id) else { return Ok(None) };
        let wanted = [series.quantity.clone()];
        let mut frames = self.store.frames(&[asset], Some(range), grid, Some(&wanted)).await?;
        Ok(frames.pop().filter(|frame| frame.column(&series.quantity).is_some()))
    }
}

/// The share of the parts that arrives at the whole, where it is the same all the time; rows in which one of them is silent do not
/// count.
fn share_of(whole: &Frame, quantity: &Quantity, parts: &[(Frame, Quantity)]) -> Option<f64> {
    let column = whole.column(quantity)?;
    let mut pairs = Vec::with_capacity(column.len());
    for (row, &value) in column.iter().enumerate() {
        let time = whole.time(row);
        let mut sum = 0.0;
        for (part, quantity) in parts {
            let at = part.index_at(time);
            let here = part.column(quantity).filter(|_| part.time(at) == time);
            sum += here.and_then(|column| column.get(at)).copied().unwrap_or(f64::NAN);
        }
        if value.is_finite() && sum.is_finite() {
            pairs.push((value, sum));
        }
    }
    let magnitude: f64 = pairs.iter().map(|(whole, _)| whole.abs()).sum();
    let total: f64 = pairs.iter().map(|(_, sum)| sum).sum();
    if pairs.len() < LEAST_ROWS || magnitude <= 0.0 || total == 0.0 {
        return None;
    }
    let share = pairs.iter().map(|(whole, _)| whole).sum::<f64>() / total;
    let share = if (share - 1.0).abs() < LOSSLESS { 1.0 } else { share };
    let misfit: f64 = pairs.iter().map(|(whole, sum)| (whole - share * sum).abs()).sum();
    (misfit <= MISFIT * magnitude).then_some(share)
}

#[cfg(test)]
mod tests {
    use super::share_of;
    use crate::domain::{Asset, AssetId, AssetKind, Frame, Quantity, Resolution, Timestamp};
    use std::collections::BTreeMap;

    fn frame(of: impl Fn(usize) -> f64) -> Frame {
        let asset = Asset::new(AssetId::parse("T").unwrap(), AssetKind::WindTurbine);
        let columns = BTreeMap::from([(Quantity::ACTIVE_POWER, (0..200).map(of).collect())]);
        Frame::new(asset, Timestamp::UNIX_EPOCH, Resolution::parse("PT1H").unwrap(), vec![0; 200], columns)
    }

    #[test]
    fn meters_confirm_losses_and_refuse_what_is_no_sum() {
        let part = |phase: f64| move |at: usize| 50.0 + 40.0 * (at as f64 / 9.0 + phase).sin();
        let parts = [0.0, 1.0].map(|phase| (frame(part(phase)), Quantity::ACTIVE_POWER));
        let sum = |at: usize| part(0.0)(at) + part(1.0)(at);
        let share = |whole: &Frame| share_of(whole, &Quantity::ACTIVE_POWER, &parts);
        assert_eq!(share(&frame(sum)), Some(1.0));
        assert!((share(&frame(|at| 0.98 * sum(at))).unwrap() - 0.98).abs() < 1e-9);
        assert_eq!(share(&frame(|at| 0.9995 * sum(at))), Some(1.0), "rounding is no loss");
        // Not a sum: the same on the whole, hour by hour something else.
        assert_eq!(share(&frame(|at| sum(at) + 30.0 * (at as f64).sin())), None);
        assert_eq!(share(&frame(|at| if at < 170 { f64::NAN } else { sum(at) })), None, "thirty hours say too little");
    }
}

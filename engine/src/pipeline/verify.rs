//! The track record kept: issued forecasts whose truth has become known are settled, bucket by bucket of leads.
//!
//! In: `now`, stored forecasts and telemetry. Out: rows of `verification_sums`, one per forecast and bucket, and the record they add
//! up to. A row's key is the forecast and the bucket, so settling twice writes the same row again: nothing is counted twice, also
//! after a crash between two of its steps. A bucket is settled once, when telemetry has reached its end; what arrives after that
//! is not scored. The arithmetic is `evaluate::outcome`.

use super::Pipeline;
use super::PipelineError;
use super::forecasting::blocking;
use super::functions::table_batch;
use super::hierarchy::Family;
use super::interval_label;
use super::resolution;
use super::target_kind;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::DomainError;
use crate::domain::Forecast;
use crate::domain::Frame;
use crate::domain::Quantity;
use crate::domain::Resolution;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::VERIFICATION_NAIVES;
use crate::domain::VERIFICATION_SUMS;
use crate::domain::WeatherForecasts;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::evaluate::Due;
use crate::evaluate::Outcome;
use crate::evaluate::TrackRecord;
use crate::evaluate::lead_ends;
use crate::evaluate::outcomes;
use crate::evaluate::track_record;
use crate::features::Circumstances;
use crate::features::Target;
use crate::features::judged;
use crate::models::Series;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::Float64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::datatypes::Float64Type;
use arrow::datatypes::TimestampMicrosecondType;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Forecasts older than this are not waited for any longer.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24 * 60);
/// Telemetry before the first issue that the naives are made of: four weeks.
const BEFORE: SignedDuration = SignedDuration::from_hours(24 * 28);

/// A forecast of which not everything is settled.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Lead of its last step.
    last: SignedDuration,
    /// Leads up to here are settled.
    settled: SignedDuration,
}

/// Open forecasts per series and issue time; `None` until they were read from the store.
#[derive(Debug, Default)]
pub(super) struct OpenForecasts(tokio::sync::Mutex<Option<BTreeMap<Series, BTreeMap<Timestamp, Open>>>>);

/// What a round of settling did.
#[derive(Debug, Default)]
pub struct Settled {
    /// Rows of `verification_sums` written.
    pub rows: usize,
    /// Series that could not be settled, and why; they are tried again.
    pub failures: Vec<(AssetId, PipelineError)>,
}

impl Pipeline {
    /// Settles every forecast of the last sixty days as far as its truth is known by `now`. Cheap when there is nothing to do.
    ///
    /// # Errors
    /// [`PipelineError::Store`] when the store cannot be read or written at all; nothing is lost by trying again.
    pub async fn verify(&self, now: Timestamp) -> Result<Settled, PipelineError> {
        let mut held = self.open_forecasts.0.lock().await;
        let mut open = match held.take() {
            Some(open) => open,
            None => self.read_open(now).await?,
        };
        let assets = self.store.assets();
        let measured = self.measured(&assets).await?;
        let family = Family::new(&assets, &measured);
        let (mut settled, mut batches, mut done) = (Settled::default(), Vec::new(), Vec::new());
        for (series, issues) in &open {
            match self.settle(&family, series, issues, now).await {
                Ok(Some((found, until))) => {
                    batches.push(outcomes_batch(series, &found)?);
                    done.push((series.clone(), until));
                }
                Ok(None) => {}
                Err(error) => settled.failures.push((series.asset_id.clone(), error)),
            }
        }
        if !batches.is_empty() {
            let rows = arrow::compute::concat_batches(&batches[0].schema(), &batches);
            let rows = rows.map_err(|error| refused(&error))?;
            settled.rows = rows.num_rows();
            self.store.append_table(Table::VerificationSums, rows).await?;
        }
        let oldest = now.saturating_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
        for (series, until) in done {
            for (issue, until) in until {
                if let Some(open) = open.get_mut(&series).and_then(|issues| issues.get_mut(&issue)) {
                    open.settled = open.settled.max(until);
                }
            }
        }
        for issues in open.values_mut() {
            issues.retain(|issue, open| open.settled <= open.last && *issue >= oldest);
        }
        *held = Some(open);
        Ok(settled)
    }

    /// Forecasts that were just stored: they will be settled as their truth becomes known.
    pub(super) async fn await_truth(&self, forecasts: &[Forecast]) {
        // Before the first reading of the store there is nothing to add to: that reading will find them.
        let mut held = self.open_forecasts.0.lock().await;
        let Some(open) = held.as_mut() else { return };
        for forecast in forecasts {
            let series = Series { asset_id: forecast.asset_id.clone(), quantity: forecast.quantity.clone() };
            let last = forecast.valid_times.last().map_or(SignedDuration::ZERO, |last| last.duration_since(forecast.issue_time));
            let fresh = Open { last, settled: SignedDuration::ZERO };
            open.entry(series).or_default().entry(forecast.issue_time).or_insert(fresh);
        }
    }

    /// How the forecasts of a series did that were issued within `issued`, or ever.
    ///
    /// # Errors
    /// [`PipelineError::Store`].
    pub async fn track_record(
        &self,
        asset: &AssetId,
        quantity: &Quantity,
        issued: Option<TimeRange>,
    ) -> Result<TrackRecord, PipelineError> {
        let issued = issued.map_or_else(|| TimeRange::new(Timestamp::MIN, Timestamp::MAX), Ok)?;
        let batches = self.store.verification_sums(Some((asset, quantity)), issued).await?;
        Ok(track_record(batches.iter().flat_map(stored_outcomes).collect()))
    }

    /// The forecasts of the store that are open at `now`.
    async fn read_open(&self, now: Timestamp) -> Result<BTreeMap<Series, BTreeMap<Timestamp, Open>>, PipelineError> {
        let since = now.saturating_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
        let mut open: BTreeMap<Series, BTreeMap<Timestamp, Open>> = BTreeMap::new();
        for span in self.store.issue_spans(since).await? {
            let series = Series { asset_id: span.asset_id, quantity: span.quantity };
            let fresh = Open { last: span.last.duration_since(span.issue_time), settled: SignedDuration::ZERO };
            open.entry(series).or_default().insert(span.issue_time, fresh);
        }
        for batch in self.store.verification_sums(None, TimeRange::new(since, Timestamp::MAX)?).await? {
            let (ids, names) = (batch["asset_id"].as_string::<i32>(), batch["quantity"].as_string::<i32>());
            for (row, outcome) in stored_outcomes(&batch).enumerate() {
                let series = Series { asset_id: AssetId::parse(ids.value(row))?, quantity: Quantity::parse(names.value(row))? };
                if let Some(open) = open.get_mut(&series).and_then(|issues| issues.get_mut(&outcome.issue_time)) {
                    open.settled = open.settled.max(outcome.lead_to);
                }
            }
        }
        Ok(open)
    }

    /// Outcomes of one series, and how far each of its forecasts is settled by them; `None` when nothing is due.
    async fn settle(
        &self,
        family: &Family<'_>,
        series: &Series,
        issues: &BTreeMap<Timestamp, Open>,
        now: Timestamp,
    ) -> Result<Option<(Vec<Outcome>, Vec<(Timestamp, SignedDuration)>)>, PipelineError> {
        let Some(asset) = self.store.asset(&series.asset_id) else { return Ok(None) };
        let parts = family.leaves(series);
        let Some(known) = self.known_until(&parts, now).await? else { return Ok(None) };
        let mut due = Vec::new();
        for (&issue, open) in issues {
            let until = known.duration_since(issue);
            let reached = if until > open.last { lead_ends().last() } else { lead_ends().filter(|end| *end <= until).last() };
            if let Some(reached) = reached.filter(|reached| *reached > open.settled && open.settled <= open.last) {
                due.push((issue, open.settled, until, reached));
            }
        }
        if due.is_empty() {
            return Ok(None);
        }
        let times: Vec<Timestamp> = due.iter().map(|due| due.0).collect();
        let forecasts = self.store.forecasts_issued(&series.asset_id, &series.quantity, &times).await?;
        let mut by_grid: BTreeMap<Resolution, Vec<Due>> = BTreeMap::new();
        for forecast in forecasts {
            let grid = spacing(&forecast).unwrap_or_else(|| resolution(&asset));
            if let Some(&(_, after, until, _)) = due.iter().find(|due| due.0 == forecast.issue_time) {
                by_grid.entry(grid).or_default().push(Due { forecast, after, until });
            }
        }
        let mut found = Vec::new();
        for (grid, due) in by_grid {
            let Some(frame) = self.truth(&asset, series, &parts, grid, &due, known).await? else { continue };
            let target = plain_target(&asset, frame, &series.quantity, Circumstances::default());
            found.extend(blocking(asset.id.as_str(), move || Ok(outcomes(&target, &due)?)).await?);
        }
        Ok(Some((found, due.into_iter().map(|(issue, _, _, reached)| (issue, reached)).collect())))
    }

    /// The end of the newest interval that all parts have a reading of, at most `now`.
    async fn known_until(&self, parts: &[(Series, f64)], now: Timestamp) -> Result<Option<Timestamp>, PipelineError> {
        let mut known = now;
        for (part, _) in parts {
            let Some(asset) = self.store.asset(&part.asset_id) else { return Ok(None) };
            let Some(newest) = self.store.newest(&asset).await? else { return Ok(None) };
            known = known.min(interval_label(&asset).available_at(newest, resolution(&asset)));
        }
        Ok(Some(known))
    }

    /// Telemetry of the series from four weeks before the first issue on; of a sum, the sum of its parts'.
    async fn truth(
        &self,
        asset: &Asset,
        series: &Series,
        parts: &[(Series, f64)],
        grid: Resolution,
        due: &[Due],
        known: Timestamp,
    ) -> Result<Option<Frame>, PipelineError> {
        let first = due.iter().map(|due| due.forecast.issue_time).min().unwrap_or(known);
        let start = first.saturating_sub(BEFORE).unwrap_or(Timestamp::MIN);
        if start >= known {
            return Ok(None);
        }
        let range = TimeRange::new(start, known)?;
        let mut frames = Vec::with_capacity(parts.len());
        for (part, factor) in parts {
            match self.judged_column(part, range, grid).await? {
                Some(frame) => frames.push((frame, part.quantity.clone(), *factor)),
                None => return Ok(None),
            }
        }
        Ok(summed(asset, &series.quantity, grid, &frames))
    }
}

impl Pipeline {
    /// Telemetry of one series without the stretches in which it was held down, and without bad values: they say nothing about a forecast.
    async fn judged_column(&self, series: &Series, range: TimeRange, grid: Resolution) -> Result<Option<Frame>, PipelineError> {
        let Some(asset) = self.store.asset(&series.asset_id) else { return Ok(None) };
        let wanted = [series.quantity.clone(), Quantity::ACTIVE_POWER_LIMIT];
        let mut frames = self.store.frames(std::slice::from_ref(&asset), Some(range), grid, Some(&wanted)).await?;
        let Some(frame) = frames.pop().filter(|frame| frame.column(&series.quantity).is_some()) else { return Ok(None) };
        let circumstances = self.circumstances(&asset, &series.quantity, range).await?;
        let target = plain_target(&asset, frame, &series.quantity, circumstances);
        let columns = BTreeMap::from([(series.quantity.clone(), judged(&target, range.end()))]);
        let Target { frame, .. } = target;
        Ok(Some(Frame::new(asset, frame.start, frame.resolution, frame.available_at, columns)))
    }
}

/// A target that nothing is forecast for: naives and masks need no weather and no neighbours.
fn plain_target(asset: &Asset, frame: Frame, quantity: &Quantity, circumstances: Circumstances) -> Target {
    Target {
        frame,
        quantity: quantity.clone(),
        kind: target_kind(asset.kind),
        interval_label: interval_label(asset),
        weather: WeatherForecasts::default(),
        observations: Vec::new(),
        circumstances,
    }
}

fn spacing(forecast: &Forecast) -> Option<Resolution> {
    let gaps = forecast.valid_times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs());
    gaps.min().and_then(Resolution::from_seconds)
}

/// The signed sum of columns on one grid; NaN where one of them is silent. A row is known when the last of them is.
fn summed(asset: &Asset, quantity: &Quantity, grid: Resolution, parts: &[(Frame, Quantity, f64)]) -> Option<Frame> {
    if let [(frame, own, factor)] = parts
        && own == quantity
        && frame.asset.id == asset.id
        && *factor == 1.0
    {
        return Some(frame.clone());
    }
    let start = parts.iter().map(|(frame, ..)| frame.start).max()?;
    let len = parts.iter().map(|(frame, ..)| frame.len.saturating_sub(frame.index_at(start))).min()?;
    let (mut values, mut known) = (vec![0.0; len], vec![i64::MIN; len]);
    for (frame, quantity, factor) in parts {
        let from = frame.index_at(start);
        let column = frame.column(quantity)?;
        for row in 0..len {
            values[row] += factor * column[from + row];
            known[row] = known[row].max(frame.available_at[from + row]);
        }
    }
    Some(Frame::new(asset.clone(), start, grid, known, BTreeMap::from([(quantity.clone(), values)])))
}

fn refused(error: &arrow::error::ArrowError) -> DomainError {
    DomainError::Column {
        table: Table::VerificationSums.name().into(),
        column: "all".into(),
        expected: "columns of one length, in the table's types".into(),
        found: error.to_string(),
    }
}

/// Outcomes as rows of `verification_sums`.
fn outcomes_batch(series: &Series, outcomes: &[Outcome]) -> Result<RecordBatch, DomainError> {
    let n = outcomes.len();
    let text = |value: &str| Arc::new(StringArray::from(vec![value; n])) as Arc<dyn Array>;
    let issues = TimestampMicrosecondArray::from_iter_values(outcomes.iter().map(|outcome| micros(outcome.issue_time)));
    let leads = outcomes.iter().map(|outcome| outcome.lead_to.as_secs_f64() / 60.0);
    let mut columns: Vec<Arc<dyn Array>> = vec![
        text(series.asset_id.as_str()),
        text(series.quantity.name()),
        Arc::new(issues.with_timezone("UTC")),
        Arc::new(StringArray::from_iter_values(outcomes.iter().map(|outcome| outcome.model.as_str()))),
        Arc::new(Float64Array::from_iter_values(leads)),
    ];
    for sum in 0..VERIFICATION_SUMS.len() + 2 * VERIFICATION_NAIVES.len() {
        columns.push(Arc::new(Float64Array::from_iter_values(outcomes.iter().map(|outcome| outcome.sums[sum]))));
    }
    table_batch(Table::VerificationSums, columns)
}

/// Rows of `verification_sums` as outcomes.
fn stored_outcomes(batch: &RecordBatch) -> impl Iterator<Item = Outcome> + '_ {
    let issues = batch["issue_time"].as_primitive::<TimestampMicrosecondType>();
    let models = batch["model"].as_string::<i32>();
    let leads = batch["lead_to"].as_primitive::<Float64Type>();
    let names = VERIFICATION_SUMS.into_iter().chain(VERIFICATION_NAIVES.into_iter().flatten());
    let columns: Vec<&Float64Array> = names.map(|name| batch[name].as_primitive::<Float64Type>()).collect();
    (0..batch.num_rows()).map(move |row| Outcome {
        issue_time: from_micros(issues.value(row)),
        model: models.value(row).to_owned(),
        lead_to: SignedDuration::from_secs((leads.value(row) * 60.0).round() as i64),
        sums: std::array::from_fn(|sum| columns[sum].value(row)),
    })
}

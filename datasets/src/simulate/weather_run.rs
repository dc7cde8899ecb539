//! Weather model runs that miss the truth as real ones do: every twelve hours, hourly to 60 h, known four hours after their start.
//!
//! In: the weather to come. Out: rows of `weather_forecast`, source `sim_nwp`. Errors are correlated along a run and grow with the
//! lead; wind is right to about 1.2 m/s after a day, temperature to 1 K, cloud to a fifth of the sky (ECMWF-like, optimistic).

use super::climate::Sample;
use super::options::SimulateError;
use super::random::Ar1;
use super::random::Stream;
use arrow::array::{Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema};
use engine::domain::AssetId;
use engine::domain::DomainError;
use engine::domain::Table;
use std::sync::Arc;

/// Seconds between runs, from start to first use, and hours in a run.
pub(super) const EVERY: i64 = 12 * 3600;
pub(super) const DELAY: i64 = 4 * 3600;
pub(super) const LEADS: i64 = 60;

/// Names and units of the weather columns, in order; those with `true` are not in the house's standard list.
pub(super) const QUANTITIES: [(&str, &str, bool); 6] = [
    ("wind_speed_100m", "m/s", true),
    ("wind_u_100m", "m/s", true),
    ("wind_v_100m", "m/s", true),
    ("ghi", "W/m2", false),
    ("cloud_cover", "%", true),
    ("temp_air", "degC", false),
];

/// Which columns a site's users need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Wind,
    Sun,
    Temperature,
}

/// Rows of weather runs that wait to be handed over.
#[derive(Debug, Default)]
pub(super) struct Runs {
    inits: Vec<i64>,
    valids: Vec<i64>,
    ids: Vec<String>,
    values: [Vec<Option<f64>>; 6],
}

impl Runs {
    /// Adds the run of `init`; `truth(t)` is the mean weather of the hour that begins at `t`.
    pub(super) fn add(&mut self, seed: u64, id: &AssetId, wanted: Wanted, init: i64, truth: impl Fn(i64) -> Sample) {
        let mut stream = Stream::new(seed, &format!("sim_nwp/{id}/{init}"));
        let mut ar = |tau| Ar1::new(&mut stream, 1.0, tau, 3600);
        let (mut speed, mut turn, mut warmth, mut cover) = (ar(9.0), ar(8.0), ar(14.0), ar(6.0));
        for lead in 0..=LEADS {
            let valid = init + lead * 3600;
            let true_sky = truth(valid);
            let days = lead as f64 / 24.0;
            let mut next = |process: &mut Ar1| process.next(&mut stream);
            let errors = [next(&mut speed), next(&mut turn), next(&mut warmth), next(&mut cover)];
            let mut row = [None; 6];
            match wanted {
                Wanted::Wind => {
                    let wind = true_sky.wind_speed * 1.027 + errors[0] * (0.65 + 0.55 * days) - 0.15;
                    let wind = round(wind.max(0.2), 1e3);
                    let from = (true_sky.wind_direction + errors[1] * (6.0 + 5.0 * days)).to_radians();
                    row[..3].copy_from_slice(&[
                        Some(wind),
                        Some(round(-wind * from.sin(), 1e3)),
                        Some(round(-wind * from.cos(), 1e3)),
                    ]);
                }
                Wanted::Sun => {
                    let cloud = (true_sky.cloud + errors[3] * (0.09 + 0.06 * days)).clamp(0.0, 1.0);
                    let index = |cloud: f64| 1.0 - 0.75 * cloud.powf(3.4);
                    // Models do not see all the dust.
                    let clear = true_sky.sky.ghi * (1.0 + 0.06 * true_sky.dust) / index(true_sky.cloud);
                    row[3] = Some(round((clear * index(cloud)).max(0.0), 10.0));
                    row[4] = Some(round(100.0 * cloud, 10.0));
                    row[5] = Some(round(true_sky.temp_air + errors[2] * (0.7 + 0.4 * days), 1e2));
                }
                Wanted::Temperature => row[5] = Some(round(true_sky.temp_air + errors[2] * (0.7 + 0.4 * days), 1e2)),
            }
            self.inits.push(init);
            self.valids.push(valid);
            self.ids.push(id.to_string());
            for (column, value) in self.values.iter_mut().zip(row) {
                column.push(value);
            }
        }
    }

    /// The rows so far in the schema of `weather_forecast` and its quantities, if any.
    pub(super) fn take(&mut self) -> Result<Option<RecordBatch>, SimulateError> {
        let runs = std::mem::take(self);
        if runs.inits.is_empty() {
            return Ok(None);
        }
        let n = runs.inits.len();
        let time = |seconds: &[i64], later: i64| {
            let micros = seconds.iter().map(|t| (t + later) * 1_000_000).collect::<Vec<_>>();
            Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC")) as Arc<dyn Array>
        };
        let mut fields: Vec<Field> = Table::WeatherForecast.base_schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        let mut columns = vec![
            Arc::new(StringArray::from(vec!["sim_nwp"; n])) as Arc<dyn Array>,
            time(&runs.inits, 0),
            time(&runs.inits, DELAY),
            time(&runs.valids, 0),
            Arc::new(StringArray::from(runs.ids)),
        ];
        for ((name, _, _), values) in QUANTITIES.iter().zip(runs.values) {
            fields.push(Field::new(*name, DataType::Float64, true));
            columns.push(Arc::new(Float64Array::from(values)));
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| DomainError::Column {
            table: Table::WeatherForecast.name().into(),
            column: "all".into(),
            expected: "columns of one length".into(),
            found: error.to_string(),
        })?;
        Ok(Some(batch))
    }
}

fn round(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale + 0.0
}

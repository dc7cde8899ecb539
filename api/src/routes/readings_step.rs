//! Averages of readings per step, pure. Steps are counted from 1970-01-01T00:00Z; directions are averaged on the circle.

use crate::error::Problem;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Float64Type, Schema, TimestampMicrosecondType};
use engine::domain::ASSET_ID;
use engine::domain::Quantity;
use engine::domain::Resolution;
use engine::domain::TIME;
use std::sync::Arc;

/// One row per step that holds a row; a value is the mean of those present. Rows must be sorted by time and of one asset.
pub(super) fn average(batch: &RecordBatch, step: Resolution) -> Result<RecordBatch, Problem> {
    let Some(times) = batch.column_by_name(TIME).and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>()) else {
        return Ok(batch.clone());
    };
    let width = step.seconds().saturating_mul(1_000_000);
    let mut starts: Vec<i64> = Vec::new();
    let mut place = Vec::with_capacity(times.len());
    for time in times.values() {
        let start = time.div_euclid(width).saturating_mul(width);
        if starts.last() != Some(&start) {
            starts.push(start);
        }
        place.push(starts.len() - 1);
    }
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| -> ArrayRef {
        match (field.name().as_str(), column.data_type()) {
            (TIME, _) => Arc::new(TimestampMicrosecondArray::from(starts.clone()).with_timezone("UTC")),
            (ASSET_ID, DataType::Utf8) => {
                let ids = column.as_string::<i32>();
                let id = if ids.is_empty() { "" } else { ids.value(0) };
                Arc::new(StringArray::from_iter_values(starts.iter().map(|_| id)))
            }
            (name, DataType::Float64) => {
                let circular = [Quantity::WIND_DIRECTION, Quantity::NACELLE_DIRECTION].iter().any(|q| q.name() == name);
                Arc::new(means(column.as_primitive::<Float64Type>(), &place, starts.len(), circular))
            }
            _ => arrow::array::new_null_array(column.data_type(), starts.len()),
        }
    });
    // A mean has no single moment of becoming known, so `available_at` is null here.
    let fields =
        schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(!matches!(field.name().as_str(), TIME | ASSET_ID)));
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns.collect())?)
}

fn means(values: &Float64Array, place: &[usize], steps: usize, circular: bool) -> Float64Array {
    let mut sums = vec![(0.0_f64, 0.0_f64, 0_u32); steps];
    for (value, &step) in values.iter().zip(place) {
        let (Some(value), Some(sum)) = (value, sums.get_mut(step)) else { continue };
        let (sin, cos) = value.to_radians().sin_cos();
        *sum = if circular { (sum.0 + sin, sum.1 + cos, sum.2 + 1) } else { (sum.0 + value, 0.0, sum.2 + 1) };
    }
    let mean = |(a, b, n): (f64, f64, u32)| match n {
        0 => None,
        _ if circular => Some(a.atan2(b).to_degrees().rem_euclid(360.0)),
        n => Some(a / f64::from(n)),
    };
    sums.into_iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::{Array, AsArray, Float64Type, Quantity, Resolution, TimestampMicrosecondType, average};
    use engine::domain::{AssetKind, Readings};

    #[test]
    fn means_skip_nulls_and_directions_go_round() {
        let minutes = [0, 10, 60].map(|m: i64| m * 60_000_000).to_vec();
        let values = vec![
            (Quantity::ACTIVE_POWER, vec![Some(1.0), Some(3.0), None]),
            (Quantity::WIND_DIRECTION, vec![Some(350.0), Some(20.0), Some(90.0)]),
        ];
        let ids = vec!["T01".to_owned(); 3];
        let readings = Readings::from_columns(AssetKind::WindTurbine, minutes, ids, vec![0; 3], values).unwrap();
        let hourly = average(readings.batch(), Resolution::parse("PT1H").unwrap()).unwrap();
        assert_eq!(hourly["time"].as_primitive::<TimestampMicrosecondType>().values()[..], [0, 3_600_000_000]);
        let power = hourly["active_power"].as_primitive::<Float64Type>();
        assert!((power.value(0) - 2.0).abs() < 1e-12 && power.is_null(1));
        assert!((hourly["wind_direction"].as_primitive::<Float64Type>().value(0) - 5.0).abs() < 1e-9);
    }
}

//! Arrow streams as clients write them, good and hostile.

use super::{Checks, Code, Decoded, Problem, read};
use crate::ingest::figures::Figures;
use crate::ingest::room::Room;
use crate::ingest::units::Conversions;
use actix_web::web::Bytes;
use arrow::array::{
    ArrayRef, DictionaryArray, Float32Array, Float64Array, Int32Array, LargeStringArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use arrow::datatypes::Int32Type;
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use engine::domain::{AssetId, AssetKind, Quantities, Quantity, Timestamp};
use std::sync::Arc;
use std::time::Duration;

fn decode(bytes: Vec<u8>, limit: usize) -> Result<Decoded, Problem> {
    let find = |id: &str, _: bool| {
        let kind = match id.as_bytes().first() {
            Some(b'T') => AssetKind::WindTurbine,
            Some(b'P') => AssetKind::PvInverter,
            _ => return Err(Problem::new(Code::UnknownAsset, "who?")),
        };
        Ok((AssetId::parse(id).unwrap(), kind))
    };
    let latest = Timestamp::from_second(1_000_000_000).unwrap();
    let checks = Checks { known: Quantities::standard(), units: Conversions::new(), find: Arc::new(find), now: latest, latest };
    let mut share = Room::new(64, Duration::ZERO, Figures::default()).share();
    read(Bytes::from(bytes), &checks, limit, &mut share)
}

fn stream(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn batch(ids: ArrayRef, times: ArrayRef, values: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = [("asset_id", ids), ("time", times)].into_iter().chain(values);
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

#[test]
fn every_type_of_column_comes_out_the_same() {
    let (texts, seconds) = (["T1", "T2", "T1"], [10_i64, 10, 20]);
    let ids: [ArrayRef; 4] = [
        Arc::new(StringArray::from(texts.to_vec())),
        Arc::new(LargeStringArray::from(texts.to_vec())),
        Arc::new(StringViewArray::from(texts.to_vec())),
        Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>()),
    ];
    let times: [ArrayRef; 4] = [
        Arc::new(TimestampSecondArray::from(seconds.to_vec())),
        Arc::new(TimestampMicrosecondArray::from(seconds.map(|s| s * 1_000_000).to_vec()).with_timezone("UTC")),
        Arc::new(TimestampNanosecondArray::from(seconds.map(|s| s * 1_000_000_000).to_vec()).with_timezone("+01:00")),
        Arc::new(TimestampSecondArray::from(seconds.to_vec()).with_timezone("Africa/Casablanca")),
    ];
    let values: [ArrayRef; 3] = [
        Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0)])),
        Arc::new(Float32Array::from(vec![Some(1.0), None, Some(3.0)])),
        Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])),
    ];
    for ((ids, times), values) in ids.into_iter().zip(times).zip(values.into_iter().cycle()) {
        for packed in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
            let one = batch(Arc::clone(&ids), Arc::clone(&times), vec![("active_power[MW]", Arc::clone(&values))]);
            let decoded = decode(stream(&[one], packed), 1 << 20).unwrap();
            let [readings] = decoded.readings.as_slice() else { panic!("one kind") };
            assert_eq!(readings.asset_ids().iter().flatten().collect::<Vec<_>>(), texts);
            assert_eq!(readings.times().values().to_vec(), seconds.map(|s| s * 1_000_000));
            let power: Vec<_> = readings.values(&Quantity::ACTIVE_POWER).unwrap().iter().collect();
            assert_eq!(power, [Some(1000.0), None, Some(3000.0)]);
            assert_eq!((decoded.rows, decoded.rejected_total), (3, 0));
        }
    }
}

#[test]
fn kinds_are_parted_and_bad_rows_come_back() {
    let ids: ArrayRef =
        Arc::new(StringArray::from(vec![Some("T1"), Some("P1"), Some("x"), None, Some("T2"), Some("P1"), Some("P2")]));
    let times: ArrayRef =
        Arc::new(TimestampSecondArray::from(vec![Some(1), Some(1), Some(1), Some(1), None, Some(2_000_000_000), Some(3)]));
    let wind: ArrayRef = Arc::new(Float64Array::from(vec![Some(7.0), None, None, None, None, None, None]));
    let sun: ArrayRef = Arc::new(Float64Array::from(vec![None, Some(800.0), None, None, None, None, Some(f64::NAN)]));
    let one = batch(ids, times, vec![("wind_speed", wind), ("poa_global", sun)]);
    let decoded = decode(stream(&[one.clone(), one], None), 1 << 20).unwrap();
    let found: Vec<_> = decoded.readings.iter().map(|part| (part.kind(), part.len(), part.quantities())).collect();
    let expected =
        [(AssetKind::WindTurbine, 2, vec![Quantity::WIND_SPEED]), (AssetKind::PvInverter, 2, vec![Quantity::POA_GLOBAL])];
    assert_eq!(found, expected, "a kind has only the columns it has values of, and batches are joined");
    let codes: Vec<_> = decoded.rejected.iter().take(5).map(|row| (row.index, row.code)).collect();
    assert_eq!(codes, [(2, "unknown_asset"), (3, "bad_request"), (4, "bad_time"), (5, "bad_time"), (6, "not_finite")]);
    assert_eq!((decoded.rows, decoded.rejected_total), (14, 10));
}

#[test]
fn a_wrong_schema_refuses_the_body() {
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["T1"]));
    let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1]));
    let number: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    let code = |batch: RecordBatch| decode(stream(&[batch], None), 1 << 20).unwrap_err().code();
    let with = |name: &str, column: &ArrayRef| batch(Arc::clone(&ids), Arc::clone(&times), vec![(name, Arc::clone(column))]);
    assert_eq!(code(with("wind_sped", &number)), Code::UnknownQuantity);
    assert_eq!(code(with("wind_speed[kW]", &number)), Code::WrongUnit);
    assert_eq!(code(with("wind_speed", &ids)), Code::BadRequest);
    assert_eq!(code(batch(Arc::clone(&ids), Arc::clone(&number), Vec::new())), Code::BadRequest);
    assert_eq!(code(RecordBatch::try_from_iter([("time", times)]).unwrap()), Code::MissingField);
}

#[test]
fn streams_that_are_cut_or_swell_are_refused() {
    let rows = 100_000;
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["T1"; rows]));
    let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1; rows]));
    let zeros: ArrayRef = Arc::new(Float64Array::from(vec![0.0; rows]));
    let one = batch(ids, times, vec![("wind_speed", zeros)]);
    for packed in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let whole = stream(std::slice::from_ref(&one), Some(packed));
        assert_eq!(decode(whole.clone(), 1 << 20).unwrap_err().code(), Code::TooLarge, "{} bytes unpack to more", whole.len());
        assert_eq!(decode(whole.clone(), 1 << 24).unwrap().rows, rows);
        for end in [1, 4, 7, 100, whole.len() / 2, whole.len() - 9] {
            assert_eq!(decode(whole[..end].to_vec(), 1 << 24).unwrap_err().code(), Code::BadRequest, "cut at {end}");
        }
    }
    assert_eq!(decode(b"time,asset_id\n".to_vec(), 1 << 20).unwrap_err().code(), Code::BadRequest);
}

//! The annotated CSV reader on fixtures, cut anywhere, and on what servers must not send.

use crate::influx::AnnotatedCsv;
use crate::influx::AnnotatedError;
use crate::influx::GROUP;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::datatypes::DurationNanosecondType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::TimestampNanosecondType;
use arrow::datatypes::UInt64Type;
use proptest::prelude::*;

const LONG: &[u8] = include_bytes!("../fixtures/fixture_long.csv");
const TYPES: &[u8] = include_bytes!("../fixtures/fixture_types.csv");
const ERROR: &[u8] = include_bytes!("../fixtures/fixture_error.csv");

fn read(bytes: &[u8], chunk: usize) -> (Vec<RecordBatch>, Result<(), AnnotatedError>) {
    let (mut reader, mut batches) = (AnnotatedCsv::new(), Vec::new());
    let fed = bytes.chunks(chunk.max(1)).try_for_each(|chunk| reader.feed(chunk, &mut batches));
    let ended = fed.and_then(|()| reader.finish(&mut batches));
    (batches, ended)
}

#[test]
fn tables_of_two_schemas_come_as_two_batches_however_they_are_cut() {
    let (batches, ended) = read(LONG, LONG.len());
    assert_eq!((ended, batches.len()), (Ok(()), 2));
    let (first, second) = (&batches[0], &batches[1]);
    assert_eq!((first.num_rows(), second.num_rows()), (3, 2));
    assert!(first["result"].as_string::<i32>().iter().all(|result| result == Some("_result")));
    assert_eq!(first["_value"].as_primitive::<Float64Type>().iter().collect::<Vec<_>>(), [Some(1.5), None, Some(7.25)]);
    assert_eq!(first["_time"].as_primitive::<TimestampNanosecondType>().value(0), 1_767_225_600_000_000_001);
    assert_eq!(second["_value"].as_primitive::<Int64Type>().values(), &[3, 4]);
    assert_eq!(second["table"].as_primitive::<Int64Type>().values(), &[2, 3]);
    let schema = first.schema();
    let grouped: Vec<&str> =
        schema.fields().iter().filter(|field| field.metadata()[GROUP] == "true").map(|field| field.name().as_str()).collect();
    assert_eq!(grouped, ["_start", "_stop", "_field", "_measurement", "asset_id"]);
    for chunk in 1..80 {
        assert_eq!(read(LONG, chunk), (batches.clone(), Ok(())), "in chunks of {chunk}");
    }
}

#[test]
fn every_type_is_read_and_empty_cells_take_the_default() {
    let (batches, ended) = read(TYPES, 5);
    assert_eq!((ended, batches.len()), (Ok(()), 1));
    let batch = &batches[0];
    assert_eq!(batch["d"].as_primitive::<Float64Type>().values(), &[2.5, -1000.0]);
    assert_eq!(batch["l"].as_primitive::<Int64Type>().values(), &[-1, i64::MAX]);
    assert_eq!(batch["u"].as_primitive::<UInt64Type>().values(), &[1, u64::MAX]);
    assert_eq!(batch["b"].as_boolean().iter().collect::<Vec<_>>(), [Some(true), Some(false)]);
    assert_eq!(batch["s"].as_string::<i32>().iter().collect::<Vec<_>>(), [Some("a, b"), Some("say \"hi\"\ntwice")]);
    let times = batch["t"].as_primitive::<TimestampNanosecondType>();
    assert_eq!((times.is_null(0), times.value(1)), (true, -1_000_000_000));
    assert_eq!(batch["n"].as_primitive::<TimestampNanosecondType>().value(1), 1_767_222_000_123_456_789);
    let spans = batch["p"].as_primitive::<DurationNanosecondType>();
    assert_eq!(spans.values(), &[3_600_000_000_000, -5_400_002_000_000]);
    assert_eq!((batch["x"].is_null(0), batch["x"].as_binary::<i32>().value(1)), (true, [0, 1, 2, 255].as_slice()));
    assert_eq!(batch["result"].as_string::<i32>().value(1), "q");
}

#[test]
fn an_error_table_ends_the_answer_with_its_message() {
    let message = "query terminated: memory limit, see log".to_owned();
    let expected = AnnotatedError::Query { message, reference: Some("897".into()) };
    for chunk in [1, 10, ERROR.len()] {
        let (batches, ended) = read(ERROR, chunk);
        assert_eq!((batches.len(), ended), (1, Err(expected.clone())));
    }
    let bare = read(b"error,reference\nFailed to parse query,\n", 100).1.unwrap_err();
    assert_eq!(bare.to_string(), "the query failed: Failed to parse query");
    assert_eq!(read(b",error\n,no such thing\n", 3).1.unwrap_err().to_string(), "the query failed: no such thing");
}

#[test]
fn answers_without_annotations_are_texts_and_headers_repeat() {
    let (batches, ended) = read(b",result,table,a\n,_result,0,x\n\n,result,table,b\n,_result,0,y\n,_result,1,\n", 4);
    assert_eq!((ended, batches.len()), (Ok(()), 2));
    assert_eq!(batches[0]["a"].as_string::<i32>().value(0), "x");
    assert!(batches[1]["b"].is_null(1));
    assert_eq!(batches[1].schema().field(0).data_type(), &DataType::Utf8);
    assert_eq!(read(b"", 1), (vec![], Ok(())));
    assert_eq!(read(b"\r\n\r\n", 1), (vec![], Ok(())));
}

#[test]
fn what_no_server_should_send_is_named_with_its_line() {
    let head = "#datatype,string,long,double\n,result,table,v\n";
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (format!("{head},r,0,1\n,r,0\n").into(), "line 4 has 3 cells, its table has 4"),
        (format!("{head},r,0,1,2\n").into(), "line 3 has 5 cells"),
        (format!("{head},r,0,abc\n").into(), "line 3, column \"v\": \"abc\" is not a double"),
        (format!("{head},r,1.5,1\n").into(), "column \"table\""),
        (format!("{head},r,0,\"1\"x\n").into(), "text after a closing quote"),
        (format!("{head},r,0,\"1\n").into(), "inside quotes"),
        ([head.as_bytes(), b",r,0,\xff\n"].concat(), "not UTF-8"),
        (b"#datatype,string,float\n,result,v\n".to_vec(), "\"float\" is not a type"),
        (b"#datatype,string\n,result,v\n".to_vec(), "line 2 has 3 cells"),
        (b"<html>sorry</html>\n".to_vec(), "is this annotated CSV?"),
        (format!("{head},r,0,\"{}\n", "x".repeat(2 << 20)).into(), "more than"),
        (format!("{head},r,0,{}\n", "x".repeat(2 << 20)).into(), "more than"),
    ];
    for (text, part) in cases {
        for chunk in [1000, text.len()] {
            let error = read(&text, chunk).1.unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}

#[test]
fn memory_is_that_of_a_batch() {
    let mut reader = AnnotatedCsv::new();
    let mut batches = Vec::new();
    reader.feed(b"#datatype,string,long,string\n,result,table,s\n", &mut batches).unwrap();
    let row = format!(",r,0,{}\n", "x".repeat(1000));
    let mut rows = 0;
    for _ in 0..20_000 {
        reader.feed(row.as_bytes(), &mut batches).unwrap();
        rows += batches.drain(..).map(|batch| batch.num_rows()).inspect(|rows| assert!(*rows <= 8192)).sum::<usize>();
    }
    assert!(rows > 19_000 - 8192 && rows < 20_000);
    reader.finish(&mut batches).unwrap();
    assert_eq!(rows + batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 20_000);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_alike_however_they_are_cut(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            "(#datatype,|#group,|#default,|string|long|double|true|,result,table|error|[,\"\r\n0-9x-]){0,40}".prop_map(String::into_bytes),
        ],
        chunk in 1_usize..50,
    ) {
        prop_assert_eq!(read(&bytes, chunk), read(&bytes, bytes.len()));
    }
}

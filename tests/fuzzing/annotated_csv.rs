//! Answers of Flux, cut anywhere: the cuts change neither the batches nor the error.
//!
//! In: any bytes. Out: a panic when a promise of `connectors::influx::AnnotatedCsv` does not hold.

use arrow::array::RecordBatch;
use connectors::influx::AnnotatedCsv;
use connectors::influx::AnnotatedError;

/// Reads `data` whole, byte by byte, and in pieces whose lengths are taken from the bytes themselves.
pub fn annotated_csv(data: &[u8]) {
    let whole = read(std::iter::once(data));
    assert_eq!(read(data.chunks(1)), whole, "byte by byte");
    let mut rest = data;
    let pieces = std::iter::from_fn(|| {
        let length = usize::from(*rest.first()?) % 29 + 1;
        let (piece, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        Some(piece)
    });
    assert_eq!(read(pieces), whole, "in pieces");
    let (batches, outcome) = whole;
    assert!(batches.iter().all(|batch| batch.num_rows() > 0), "no batch is empty");
    if let Err(error) = outcome {
        assert!(!error.to_string().is_empty(), "an error says why");
    }
}

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<RecordBatch>, Result<(), AnnotatedError>) {
    let (mut reader, mut batches) = (AnnotatedCsv::new(), Vec::new());
    for piece in pieces {
        if let Err(error) = reader.feed(piece, &mut batches) {
            return (batches, Err(error));
        }
    }
    let outcome = reader.finish(&mut batches);
    (batches, outcome)
}

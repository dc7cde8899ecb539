//! Rows for people and programs: table, CSV, JSON, Parquet; to standard output or a file.

use super::failure::Failure;
use arrow::{array::RecordBatch, datatypes::SchemaRef, util::pretty::pretty_format_batches_with_options};
use clap::ValueEnum;
use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    path::Path,
};

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// With a header line; times RFC 3339.
    Csv,
    /// One array of objects.
    Json,
    /// Arrow schema kept; needs --output.
    Parquet,
}

/// Writes rows in a format; a closed pipe (`| head`) is no failure.
pub(super) fn write(schema: &SchemaRef, batches: &[RecordBatch], format: Format, output: Option<&Path>) -> Result<(), Failure> {
    let to_terminal = output.is_none() && io::stdout().is_terminal();
    if format == Format::Parquet && to_terminal {
        return Err(Failure::usage("parquet is not for a terminal; add --output rows.parquet"));
    }
    let sink: Box<dyn Write + Send> = match output {
        Some(path) => Box::new(File::create(path).map_err(|cause| Failure::io(path, &cause))?),
        None => Box::new(io::stdout()),
    };
    match write_rows(schema, batches, format, BufWriter::new(sink)) {
        Err(Failure::Pipe) => Ok(()),
        other => other,
    }
}

fn write_rows(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    format: Format,
    mut sink: BufWriter<Box<dyn Write + Send>>,
) -> Result<(), Failure> {
    match format {
        Format::Table => {
            let style =
                arrow::util::display::FormatOptions::default().with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%SZ")).with_null("");
            let shown = if batches.is_empty() { vec![RecordBatch::new_empty(schema.clone())] } else { batches.to_vec() };
            writeln!(sink, "{}", pretty_format_batches_with_options(&shown, &style)?)?;
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            writeln!(sink, "{rows} row{}", if rows == 1 { "" } else { "s" })?;
        }
        Format::Csv => {
            let mut writer = arrow::csv::WriterBuilder::new()
                .with_header(true)
                .with_timestamp_tz_format("%Y-%m-%dT%H:%M:%S%.fZ".into())
                .build(&mut sink);
            if batches.is_empty() {
                writer.write(&RecordBatch::new_empty(schema.clone()))?;
            }
            for batch in batches {
                writer.write(batch)?;
            }
        }
        Format::Json => {
            let mut writer = arrow::json::ArrayWriter::new(&mut sink);
            writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
            writer.finish()?;
            drop(writer);
            writeln!(sink)?;
        }
        Format::Parquet => {
            let properties = parquet::file::properties::WriterProperties::builder()
                .set_compression(parquet::basic::Compression::ZSTD(parquet::basic::ZstdLevel::default()))
                .build();
            let mut writer = parquet::arrow::ArrowWriter::try_new(&mut sink, schema.clone(), Some(properties))?;
            for batch in batches {
                writer.write(batch)?;
            }
            writer.close()?;
        }
    }
    sink.flush()?;
    Ok(())
}

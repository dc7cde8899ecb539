//! Semicolon-separated files with a header, in any encoding: cells are bytes until somebody wants text.
//!
//! In: a path. Out: rows, cells by column name, errors with the line. Comma-separated files are taken too. Not here: what the columns mean.

use super::CareError;
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Bytes read at once.
const BUFFER: usize = 1 << 18;

/// A file being read.
#[derive(Debug)]
pub(super) struct Fields {
    path: String,
    reader: Reader<BufReader<File>>,
    header: Vec<String>,
    record: ByteRecord,
}

impl Fields {
    pub(super) fn open(path: &Path) -> Result<Self, CareError> {
        let name = path.display().to_string();
        let fail = |cause| CareError::Io { path: name.clone(), cause };
        let mut file = BufReader::with_capacity(BUFFER, File::open(path).map_err(fail)?);
        let start = file.fill_buf().map_err(fail)?;
        let line = start.split(|b| *b == b'\n').next().unwrap_or_default();
        let delimiter = if line.contains(&b';') || !line.contains(&b',') { b';' } else { b',' };
        let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(file);
        let header = reader.byte_headers().map_err(|cause| CareError::Csv { path: name.clone(), cause })?;
        let header = header.iter().map(|cell| text(cell).trim_start_matches('\u{feff}').to_owned()).collect();
        Ok(Self { path: name, reader, header, record: ByteRecord::new() })
    }

    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn optional(&self, column: &str) -> Option<usize> {
        self.header.iter().position(|name| name.eq_ignore_ascii_case(column))
    }

    pub(super) fn column(&self, column: &'static str) -> Result<usize, CareError> {
        self.optional(column).ok_or_else(|| CareError::Column {
            path: self.path.clone(),
            column,
            found: self.header.iter().take(12).map(String::as_str).collect::<Vec<_>>().join(", "),
        })
    }

    /// Goes to the next row; false after the last.
    pub(super) fn next(&mut self) -> Result<bool, CareError> {
        self.reader.read_byte_record(&mut self.record).map_err(|cause| CareError::Csv { path: self.path.clone(), cause })
    }

    pub(super) fn cell(&self, at: usize) -> &[u8] {
        self.record.get(at).unwrap_or_default().trim_ascii()
    }

    pub(super) fn text(&self, at: usize) -> String {
        text(self.cell(at))
    }

    /// A whole number; `12.0` is one.
    pub(super) fn integer(&self, at: usize) -> Result<i64, CareError> {
        let value = number(self.cell(at));
        if value.is_finite() && value.fract() == 0.0 && value.abs() < 9e15 {
            return Ok(value as i64);
        }
        Err(self.fault(at, "a whole number"))
    }

    /// The complaint about a cell of this row.
    pub(super) fn fault(&self, at: usize, wanted: &'static str) -> CareError {
        let line = self.record.position().map_or(0, csv::Position::line);
        CareError::Cell { path: self.path.clone(), line, text: self.text(at), wanted }
    }
}

/// The number in a cell, NaN where there is none.
pub(super) fn number(cell: &[u8]) -> f64 {
    std::str::from_utf8(cell).ok().and_then(|text| text.parse::<f64>().ok()).filter(|v| v.is_finite()).unwrap_or(f64::NAN)
}

fn text(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).trim().to_owned()
}

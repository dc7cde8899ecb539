//! Annotated CSV, the answers of Flux, as a stream: bytes in as they come, Arrow batches out, memory bounded.
//!
//! In: chunks cut anywhere. Out: batches of one schema each; a new schema begins a new batch. Not here: where the bytes come from, and
//! what a column means.
//!
//! An empty cell takes its `#default`, and is null where that is empty too. An error table ends the stream with its message. A table
//! begins with annotations, or with a header after an empty line; rows after an empty line without either go on with the table before.
//! Format: <https://docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv/>.

use super::cells::Cells;
use super::cells::Column;
use super::cells::Kind;
use arrow::array::RecordBatch;
use arrow::array::RecordBatchOptions;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use std::sync::Arc;

/// Key of an Arrow field's metadata: `true` where the column is in the group key of its table.
pub const GROUP: &str = "group";

/// Longest record, bytes.
const LONGEST_RECORD: usize = 1 << 20;
/// Rows and bytes after which a batch is handed out.
const BATCH_ROWS: usize = 8192;
const BATCH_BYTES: usize = 4 << 20;

/// Why an answer cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AnnotatedError {
    /// The server answered with an error table.
    #[error("the query failed: {message}{}", reference.as_ref().map(|r| format!(" (reference {r})")).unwrap_or_default())]
    Query {
        /// What the server said.
        message: String,
        /// Its number, if it gave one.
        reference: Option<String>,
    },
    /// A record longer than we hold.
    #[error("line {line}: a record has more than {LONGEST_RECORD} bytes; leave long texts out of the query")]
    TooLong {
        /// First line of the record, counted from 1.
        line: u64,
    },
    /// A record that is not UTF-8, or whose quotes do not match.
    #[error("line {line}: {problem}")]
    Record {
        /// First line of the record, counted from 1.
        line: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// Another number of cells than columns.
    #[error("line {line} has {found} cells, its table has {expected}")]
    Ragged {
        /// First line of the record, counted from 1.
        line: u64,
        /// Columns of the table, the annotation column included.
        expected: usize,
        /// Cells of the record.
        found: usize,
    },
    /// A cell that is not of its column's type.
    #[error("line {line}, column {column:?}: {text:?} is not a {datatype}")]
    Cell {
        /// First line of the record, counted from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// The cell, shortened.
        text: String,
        /// The annotated type.
        datatype: &'static str,
    },
    /// A type we do not know.
    #[error("line {line}: {datatype:?} is not a type of annotated CSV")]
    Datatype {
        /// Line of the annotation, counted from 1.
        line: u64,
        /// The word.
        datatype: String,
    },
    /// Rows before any header.
    #[error("line {line}: expected #datatype, #group, #default or a header, found {text:?}; is this annotated CSV?")]
    NoHeader {
        /// Counted from 1.
        line: u64,
        /// The record, shortened.
        text: String,
    },
    /// The columns do not make a batch.
    #[error("line {line}: {problem}")]
    Batch {
        /// Last line read, counted from 1.
        line: u64,
        /// What Arrow said.
        problem: String,
    },
}

/// A reader of one answer. Feed it chunks, then finish it; after an error it is of no further use.
#[derive(Debug, Default)]
pub struct AnnotatedCsv {
    pending: Vec<u8>,
    /// Bytes of `pending` known to hold no end of a record.
    searched: usize,
    quoted: bool,
    line: u64,
    datatypes: Vec<String>,
    groups: Vec<String>,
    defaults: Vec<String>,
    /// Annotations have come and their header has not.
    annotated: bool,
    /// An empty line has come and nothing after it.
    apart: bool,
    table: Option<Table>,
}

#[derive(Debug)]
struct Table {
    schema: Arc<Schema>,
    /// One per cell of a record; `None` for the annotation column.
    columns: Vec<Option<Column>>,
    rows: usize,
    bytes: usize,
    is_error: bool,
}

impl AnnotatedCsv {
    /// A reader at the beginning of an answer.
    pub fn new() -> Self {
        Self { line: 1, ..Self::default() }
    }

    /// Takes a chunk, cut anywhere. What is complete is added to `batches`.
    ///
    /// # Errors
    /// [`AnnotatedError`]; batches added before it are good.
    pub fn feed(&mut self, chunk: &[u8], batches: &mut Vec<RecordBatch>) -> Result<(), AnnotatedError> {
        self.pending.extend_from_slice(chunk);
        let mut start = 0;
        loop {
            let from = start.max(self.searched);
            let Some(length) = memchr::memchr(b'\n', &self.pending[from..]) else {
                self.quoted ^= odd_quotes(&self.pending[from..]);
                self.searched = self.pending.len();
                break;
            };
            self.quoted ^= odd_quotes(&self.pending[from..from + length]);
            self.searched = from + length + 1;
            if !self.quoted {
                let record = self.pending[start..from + length].to_vec();
                start = self.searched;
                self.record(&record, batches)?;
            }
        }
        self.pending.drain(..start);
        self.searched -= start;
        if self.pending.len() > LONGEST_RECORD {
            return Err(AnnotatedError::TooLong { line: self.line });
        }
        Ok(())
    }

    /// Takes the end of the answer.
    ///
    /// # Errors
    /// [`AnnotatedError`], also for an answer cut off inside quotes.
    pub fn finish(&mut self, batches: &mut Vec<RecordBatch>) -> Result<(), AnnotatedError> {
        if !self.pending.is_empty() {
            if self.quoted {
                return Err(AnnotatedError::Record { line: self.line, problem: "the answer ends inside quotes; ask again" });
            }
            let record = std::mem::take(&mut self.pending);
            self.searched = 0;
            self.record(&record, batches)?;
        }
        self.hand_out(batches)
    }

    fn record(&mut self, record: &[u8], batches: &mut Vec<RecordBatch>) -> Result<(), AnnotatedError> {
        let line = self.line;
        self.line += 1 + memchr::memchr_iter(b'\n', record).count() as u64;
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        if record.len() > LONGEST_RECORD {
            return Err(AnnotatedError::TooLong { line });
        }
        if record.is_empty() {
            self.apart = true;
            return Ok(());
        }
        let text = std::str::from_utf8(record).map_err(|_| AnnotatedError::Record { line, problem: "this is not UTF-8" })?;
        let cells = Cells::split(text).ok_or(AnnotatedError::Record { line, problem: "text after a closing quote" })?;
        let first = cells.get(0);
        if first.starts_with('#') {
            if !self.annotated {
                self.hand_out(batches)?;
                self.table = None;
                (self.datatypes, self.groups, self.defaults) = (Vec::new(), Vec::new(), Vec::new());
                self.annotated = true;
            }
            let held = match first {
                "#datatype" => &mut self.datatypes,
                "#group" => &mut self.groups,
                "#default" => &mut self.defaults,
                _ => return Ok(()),
            };
            *held = cells.iter().map(Into::into).collect();
            return Ok(());
        }
        let apart = std::mem::take(&mut self.apart);
        if self.annotated || ((apart || self.table.is_none()) && is_header(&cells)) {
            self.hand_out(batches)?;
            self.annotated = false;
            self.table = Some(self.table(&cells, line)?);
            return Ok(());
        }
        let Some(table) = &mut self.table else {
            return Err(AnnotatedError::NoHeader { line, text: text.chars().take(100).collect() });
        };
        table.push(&cells, &self.defaults, line)?;
        if table.rows >= BATCH_ROWS || table.bytes >= BATCH_BYTES { self.hand_out(batches) } else { Ok(()) }
    }

    fn table(&self, header: &Cells<'_>, line: u64) -> Result<Table, AnnotatedError> {
        let width = header.len();
        for annotation in [&self.datatypes, &self.groups, &self.defaults] {
            if !annotation.is_empty() && annotation.len() != width {
                return Err(AnnotatedError::Ragged { line, expected: annotation.len(), found: width });
            }
        }
        let mut fields = Vec::new();
        let mut columns = Vec::with_capacity(width);
        for (index, name) in header.iter().enumerate() {
            if name.is_empty() {
                columns.push(None);
                continue;
            }
            let word = self.datatypes.get(index).map_or("string", String::as_str);
            let unknown = || AnnotatedError::Datatype { line, datatype: word.into() };
            let kind = Kind::parse(word).ok_or_else(unknown)?;
            let group = self.groups.get(index).is_some_and(|word| word == "true");
            let metadata = [(GROUP.to_owned(), group.to_string())].into();
            fields.push(Field::new(name, kind.arrow(), true).with_metadata(metadata));
            columns.push(Some(Column::new(kind)));
        }
        let is_error = names_error(header);
        Ok(Table { schema: Arc::new(Schema::new(fields)), columns, rows: 0, bytes: 0, is_error })
    }

    /// Hands the rows so far out; the table stays open.
    fn hand_out(&mut self, batches: &mut Vec<RecordBatch>) -> Result<(), AnnotatedError> {
        let line = self.line;
        let Some(table) = self.table.as_mut().filter(|table| table.rows > 0) else { return Ok(()) };
        let columns = table.columns.iter_mut().flatten().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(table.rows));
        let batch = RecordBatch::try_new_with_options(table.schema.clone(), columns, &options)
            .map_err(|error| AnnotatedError::Batch { line, problem: error.to_string() })?;
        (table.rows, table.bytes) = (0, 0);
        batches.push(batch);
        Ok(())
    }
}

impl Table {
    fn push(&mut self, cells: &Cells<'_>, defaults: &[String], line: u64) -> Result<(), AnnotatedError> {
        if cells.len() != self.columns.len() {
            return Err(AnnotatedError::Ragged { line, expected: self.columns.len(), found: cells.len() });
        }
        let value = |index: usize| match cells.get(index) {
            "" => defaults.get(index).map_or("", String::as_str),
            text => text,
        };
        if self.is_error {
            let mut said = (0..cells.len()).filter(|&index| self.columns[index].is_some()).map(value);
            let message = said.next().unwrap_or_default().into();
            return Err(AnnotatedError::Query { message, reference: said.next().filter(|text| !text.is_empty()).map(Into::into) });
        }
        let mut field = 0;
        for (index, column) in self.columns.iter_mut().enumerate() {
            let Some(column) = column else { continue };
            let text = value(index);
            self.bytes += text.len() + 8;
            if !column.push(text) {
                let column_name = self.schema.field(field).name().clone();
                let text = text.chars().take(100).collect();
                return Err(AnnotatedError::Cell { line, column: column_name, text, datatype: column.kind().name() });
            }
            field += 1;
        }
        self.rows += 1;
        Ok(())
    }
}

fn odd_quotes(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'"', bytes).count() % 2 == 1
}

/// Where no annotation says it: a header names the result or the error.
fn is_header(cells: &Cells<'_>) -> bool {
    cells.iter().any(|name| name == "table") || names_error(cells)
}

fn names_error(cells: &Cells<'_>) -> bool {
    let mut names = cells.iter().filter(|name| !name.is_empty());
    names.next() == Some("error") && names.all(|name| name == "reference")
}

//! Files as sources: CSV, CSV.gz, CSV.zst and Parquet, read through a mapping in pages of bounded size.
//!
//! In: a path, a [`Mapping`], the site's assets. Out: pages of readings, new assets, quality flags and rejects. Memory is
//! that of one page (and, for `least_jump`, a day of rows per asset), whatever the size of the file. Canonical tables with
//! a fixed schema (`weather_forecast`, …) are read by [`TableSource`]. Not here: which file has which mapping.
//!
//! # Reject reasons
//! `bad_time`, `in_future`, `no_asset`, `bad_asset`, `unknown_asset`, `ragged`, `not_utf8`, `open_quote`, `duplicate_key`
//! cost the row; `bad_number` costs one cell.
//!
//! # Flag reasons
//! `out_of_range`, `bad_number`, `moved_twin` and those of the mapping's `invalid` entries; `raw_value` is in the stored
//! unit.

mod assets;
mod columnar;
pub(crate) mod input;
mod layout;
mod page;
mod record;
mod rows;
mod table;
mod text;
mod twins;

#[cfg(test)]
mod tests;

pub(crate) use page::{batch, nullable};
pub use table::TableSource;

use crate::mapping::FormatSpec;
use crate::mapping::Mapping;
use async_trait::async_trait;
use columnar::ParquetRows;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::Quantities;
use engine::domain::Timestamp;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Source;
use engine::source::SourceError;
use input::Progress;
use layout::Layout;
use rows::Assembler;
use std::path::Path;
use std::path::PathBuf;
use text::Step;
use text::TextRows;

/// What the caller knows beyond the mapping.
#[derive(Debug, Clone)]
pub struct FileOptions {
    /// The assets of the site. Not empty: rows of other assets are rejected, and each row goes to the table of its
    /// asset's kind. Empty: any valid id is taken, with the kind of the mapping, and handed on as a new asset.
    pub assets: Vec<Asset>,
    /// Not empty: rows of other assets are passed over without a word.
    pub keep: Vec<AssetId>,
    /// Rows after this time are rejected as `in_future`; `None`: not looked at.
    pub now: Option<Timestamp>,
    /// Lines per page, at least 1.
    pub page_rows: usize,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { assets: Vec::new(), keep: Vec::new(), now: None, page_rows: 65_536 }
    }
}

/// Names of the columns of a file.
///
/// # Errors
/// [`SourceError::Io`] and [`SourceError::Format`].
pub fn columns(path: &Path, format: &FormatSpec) -> Result<Vec<String>, SourceError> {
    if is_parquet(path) {
        return Ok(ParquetRows::open(path)?.0.header().to_vec());
    }
    let (reader, _) = input::open(path)?;
    Ok(TextRows::new(reader, &path.display().to_string(), format)?.1)
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

/// One file being read through a mapping.
#[derive(Debug)]
pub struct FileSource {
    name: String,
    path: PathBuf,
    mapping: Mapping,
    options: FileOptions,
    total_bytes: u64,
    reading: Reading,
    place: Place,
}

#[derive(Debug)]
struct Reading {
    input: Input,
    assembler: Assembler,
    progress: Progress,
    done: bool,
}

#[derive(Debug)]
enum Input {
    Text(Box<TextRows>),
    Parquet(Box<ParquetRows>),
}

/// Pages handed out and their size: what a cursor says. Pages are a function of the file, so a restart counts them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    pages: u64,
    page_rows: usize,
}

impl Place {
    fn cursor(self) -> Cursor {
        Cursor(format!("{} pages of {}", self.pages, self.page_rows))
    }

    fn read(cursor: &Cursor, file: &str) -> Result<Self, SourceError> {
        let parsed = cursor.0.split_once(" pages of ").and_then(|(pages, rows)| Some((pages.parse().ok()?, rows.parse().ok()?)));
        match parsed {
            Some((pages, page_rows)) if page_rows > 0 => Ok(Self { pages, page_rows }),
            _ => Err(SourceError::Format { place: file.into(), problem: format!("{:?} is not a cursor of a file", cursor.0) }),
        }
    }
}

impl FileSource {
    /// Opens a file and checks the mapping against its columns; no row is read yet.
    ///
    /// # Errors
    /// [`SourceError::Io`], [`SourceError::Mapping`] naming the column and the nearest one, [`SourceError::Format`].
    pub fn open(path: &Path, mapping: &Mapping, options: &FileOptions) -> Result<Self, SourceError> {
        let total_bytes = std::fs::metadata(path).map_err(input::io(path))?.len();
        let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        Ok(Self {
            reading: Reading::open(path, mapping, options)?,
            name,
            path: path.into(),
            mapping: mapping.clone(),
            options: options.clone(),
            total_bytes,
            place: Place { pages: 0, page_rows: options.page_rows.max(1) },
        })
    }

    /// Size of the file on disk: `Page::bytes_read` runs up to it.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// The quantities of the site and those the mapping declared.
    pub fn quantities(&self) -> &Quantities {
        self.mapping.quantities()
    }

    /// Cells read so far that said "not a number"; they are missing, not wrong.
    pub fn not_a_number(&self) -> u64 {
        self.reading.assembler.not_a_number
    }

    /// The next page, without waiting on anything but the disk.
    ///
    /// # Errors
    /// As [`Source::next_page`].
    pub fn read_page(&mut self) -> Result<Page, SourceError> {
        let (rows, rejects) = self.reading.page(self.place.page_rows)?;
        self.place.pages += 1;
        let bytes_read = self.reading.progress.bytes().min(self.total_bytes);
        Ok(Page { rows, rejects, cursor: Some(self.place.cursor()), bytes_read, done: self.reading.done })
    }

    /// Goes to where a cursor of this file says; what lies before it is not handed out.
    ///
    /// # Errors
    /// [`SourceError::Format`] for another cursor, and as [`Source::next_page`].
    pub fn go_after(&mut self, cursor: &Cursor) -> Result<(), SourceError> {
        self.go_to(Place::read(cursor, &self.name)?)
    }

    fn go_to(&mut self, place: Place) -> Result<(), SourceError> {
        if place == self.place {
            return Ok(());
        }
        self.reading = Reading::open(&self.path, &self.mapping, &self.options)?;
        self.place = Place { pages: 0, page_rows: place.page_rows };
        while self.place.pages < place.pages && !self.reading.done {
            self.read_page()?;
        }
        Ok(())
    }
}

impl Reading {
    fn open(path: &Path, mapping: &Mapping, options: &FileOptions) -> Result<Self, SourceError> {
        let place = path.display().to_string();
        let (input, layout, progress) = if is_parquet(path) {
            let (mut rows, progress) = ParquetRows::open(path)?;
            let layout = Layout::new(mapping, rows.header(), &place)?;
            rows.need(&layout);
            (Input::Parquet(Box::new(rows)), layout, progress)
        } else {
            let (reader, progress) = input::open(path)?;
            let (rows, header) = TextRows::new(reader, &place, &mapping.format)?;
            (Input::Text(Box::new(rows)), Layout::new(mapping, &header, &place)?, progress)
        };
        let named = match (&mapping.asset_comment, &input) {
            (None, _) => None,
            (Some(key), Input::Text(rows)) if rows.comment(key).is_some() => rows.comment(key).map(str::to_owned),
            (Some(key), _) => {
                let sign = mapping.format.comment.unwrap_or('#');
                let problem = format!("asset.comment = {key:?}, but no line before the header says \"{sign} {key}: …\"");
                return Err(SourceError::Mapping { place, problem });
            }
        };
        let assembler = Assembler::new(mapping, layout, &place, named.as_deref(), options)?;
        Ok(Self { input, assembler, progress, done: false })
    }

    fn page(&mut self, lines: usize) -> Result<(Vec<engine::source::Rows>, Vec<engine::source::Reject>), SourceError> {
        for _ in 0..lines {
            if self.done {
                break;
            }
            match &mut self.input {
                Input::Text(rows) => match rows.next()? {
                    Step::Row => self.assembler.take(rows.as_ref())?,
                    Step::Bad { line, reason, detail, raw } => self.assembler.reject(line, reason, detail, raw),
                    Step::End => self.done = true,
                },
                Input::Parquet(rows) => match rows.next()? {
                    true => self.assembler.take(rows.as_ref())?,
                    false => self.done = true,
                },
            }
        }
        self.assembler.finish(self.done)
    }
}

#[async_trait]
impl Source for FileSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn next_page(&mut self, after: Option<Cursor>) -> Result<Page, SourceError> {
        if let Some(cursor) = after {
            self.go_after(&cursor)?;
        }
        self.read_page()
    }
}

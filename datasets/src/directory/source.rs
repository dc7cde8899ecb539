//! All files of a directory as one source, in the order of the manifest.
//!
//! In: an opened directory. Out: pages; the cursor counts files and pages, so a restart reads one file again from its
//! beginning and no more. Not here: what the files hold.

use super::DataFile;
use super::DatasetDirectory;
use super::Holds;
use connectors::file::FileOptions;
use connectors::file::FileSource;
use connectors::file::TableSource;
use connectors::mapping::ColumnSpec;
use connectors::mapping::Mapping;
use connectors::mapping::Spec;
use engine::domain::AssetId;
use engine::domain::Quantity;
use engine::domain::Timestamp;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Rows;
use engine::source::Source;
use engine::source::SourceError;

/// Lines per page.
const PAGE: usize = 65_536;

/// The files of a directory being read.
#[derive(Debug)]
pub struct DatasetSource {
    directory: DatasetDirectory,
    sizes: Vec<u64>,
    now: Option<Timestamp>,
    /// File and pages of it that have been handed out.
    place: (usize, u64),
    reader: Option<Reader>,
}

/// One open file.
#[derive(Debug)]
pub(crate) enum Reader {
    Telemetry(Box<FileSource>),
    Table(Box<TableSource>),
}

impl Reader {
    pub(crate) fn page(&mut self) -> Result<Page, SourceError> {
        match self {
            Self::Telemetry(source) => source.read_page(),
            Self::Table(source) => source.read_page(PAGE),
        }
    }
}

/// Opens a file; `keep` and `only` narrow telemetry to some assets and quantities.
pub(crate) fn open(
    directory: &DatasetDirectory,
    file: &DataFile,
    now: Option<Timestamp>,
    keep: &[AssetId],
    only: &[Quantity],
) -> Result<Option<Reader>, SourceError> {
    let (quantities, available_at) = match &file.holds {
        Holds::Table(table) => {
            let source = TableSource::open(&file.path, *table, &directory.quantities, &directory.units)?;
            return Ok(Some(Reader::Table(Box::new(source))));
        }
        Holds::Telemetry { quantities, available_at } => (quantities, *available_at),
    };
    let wanted = |name: &&String| only.is_empty() || only.iter().any(|quantity| quantity.name() == name.as_str());
    let column = |name: &String| {
        let stored = directory.quantities.get(name).map(|(_, info)| info.unit.name());
        let unit = directory.units.get(name).map(|unit| unit.name()).or(stored.ok()).unwrap_or("1");
        ColumnSpec { name: name.clone(), quantity: name.clone(), unit: unit.into(), asset: None, kind: None, invalid: Vec::new() }
    };
    let columns: Vec<ColumnSpec> = quantities.iter().filter(wanted).map(column).collect();
    if columns.is_empty() {
        return Ok(None);
    }
    let spec = Spec {
        interval_label: directory.interval_label.name().into(),
        ..Spec::canonical(&directory.manifest.name, file.resolution.to_string(), columns, available_at)
    };
    let mapping = Mapping::new(&spec, &directory.path.join("dataset.toml").display().to_string(), &directory.quantities)?;
    let options = FileOptions { assets: directory.assets.clone(), keep: keep.to_vec(), now, page_rows: PAGE };
    Ok(Some(Reader::Telemetry(Box::new(FileSource::open(&file.path, &mapping, &options)?))))
}

impl DatasetSource {
    pub(super) fn new(directory: &DatasetDirectory, now: Option<Timestamp>) -> Result<Self, SourceError> {
        let size = |file: &DataFile| match std::fs::metadata(&file.path) {
            Ok(found) => Ok(found.len()),
            Err(cause) => Err(SourceError::Io { place: file.path.display().to_string(), cause }),
        };
        let sizes = directory.files.iter().map(size).collect::<Result<_, _>>()?;
        Ok(Self { directory: directory.clone(), sizes, now, place: (0, 0), reader: None })
    }

    /// Size of the files on disk: `Page::bytes_read` runs up to it.
    pub fn total_bytes(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// The next page, without waiting on anything but the disk.
    ///
    /// # Errors
    /// As [`Source::next_page`].
    pub fn read_page(&mut self) -> Result<Page, SourceError> {
        let first = self.place == (0, 0);
        let assets = || vec![Rows::Assets(self.directory.assets.clone())];
        let Some(file) = self.directory.files.get(self.place.0) else {
            let rows = if first { assets() } else { Vec::new() };
            let cursor = Some(self.cursor());
            return Ok(Page { rows, rejects: Vec::new(), cursor, bytes_read: self.total_bytes(), done: true });
        };
        let mut rows = if first { assets() } else { Vec::new() };
        if self.reader.is_none() {
            self.reader = open(&self.directory, file, self.now, &[], &[])?;
        }
        let mut page = match &mut self.reader {
            Some(reader) => reader.page()?,
            None => Page { rows: Vec::new(), rejects: Vec::new(), cursor: None, bytes_read: 0, done: true },
        };
        rows.append(&mut page.rows);
        let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for reject in &mut page.rejects {
            reject.detail = format!("{name}: {}", reject.detail);
        }
        let before: u64 = self.sizes.iter().take(self.place.0).sum();
        let bytes_read = before + page.bytes_read.min(self.sizes.get(self.place.0).copied().unwrap_or(0));
        self.place.1 += 1;
        if page.done {
            self.reader = None;
            self.place = (self.place.0 + 1, 0);
        }
        let done = self.place.0 >= self.directory.files.len();
        Ok(Page { rows, rejects: page.rejects, cursor: Some(self.cursor()), bytes_read, done })
    }

    fn cursor(&self) -> Cursor {
        Cursor(format!("{} files and {} pages", self.place.0, self.place.1))
    }

    pub(super) fn go_to(&mut self, cursor: &Cursor) -> Result<(), SourceError> {
        let parsed = cursor.0.strip_suffix(" pages").and_then(|text| text.split_once(" files and "));
        let Some((Ok(files), Ok(pages))) = parsed.map(|(files, pages)| (files.parse::<usize>(), pages.parse::<u64>())) else {
            let problem = format!("{:?} is not a cursor of a dataset directory", cursor.0);
            return Err(SourceError::Format { place: self.directory.name().into(), problem });
        };
        if (files, pages) == self.place {
            return Ok(());
        }
        self.reader = None;
        self.place = (files, 0);
        while self.place.0 == files && self.place.1 < pages && self.place.0 < self.directory.files.len() {
            self.read_page()?;
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Source for DatasetSource {
    fn name(&self) -> &str {
        self.directory.name()
    }

    async fn next_page(&mut self, after: Option<Cursor>) -> Result<Page, SourceError> {
        if let Some(cursor) = after {
            self.go_to(&cursor)?;
        }
        self.read_page()
    }
}

//! Vendor files through mappings: any file and any mapping is read or refused, and pages do not change what is read.
//!
//! In: a mapping, a line of `%%%`, and a file; without that line the file is read through a mapping kept here. Out: a panic when a
//! promise of `connectors::mapping` or `connectors::file` does not hold.

use connectors::file::FileOptions;
use connectors::file::FileSource;
use connectors::mapping::Mapping;
use engine::domain::Quantities;
use engine::source::Page;
use engine::source::Rows;
use engine::source::SourceError;
use std::path::Path;

const SEPARATOR: &[u8] = b"\n%%%\n";
const MAPPING: &str = r##"
name = "fuzz"
kind = "meter"
resolution = "PT10M"
[format]
comment = "#"
[time]
column = "when"
format = "rfc3339"
[asset]
column = "who"
[[column]]
name = "p"
quantity = "active_power"
unit = "W"
[[column]]
name = "t"
quantity = "temp_air"
unit = "degC"
invalid = [{ equals = -99.0, reason = "sentinel" }]
"##;

/// Reads the file in `data` whole, in pages of three lines, and from the middle on.
pub fn csv_mapping(data: &[u8]) {
    let at = data.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
    let (text, file) = match at {
        Some(at) => (String::from_utf8_lossy(&data[..at]).into_owned(), &data[at + SEPARATOR.len()..]),
        None => (MAPPING.to_owned(), data),
    };
    let mapping = match Mapping::parse(&text, "fuzz.toml", &Quantities::standard()) {
        Ok(mapping) => mapping,
        Err(error) => {
            assert!(error.to_string().contains("fuzz.toml"), "an error names the mapping: {error}");
            return;
        }
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("file.csv");
    std::fs::write(&path, file).expect("the file is written");
    let whole = contents(pages(&path, &mapping, 1 << 20));
    let pieces = pages(&path, &mapping, 3);
    if let Ok(pages) = &pieces {
        resumed(&path, &mapping, pages);
    }
    assert_eq!(contents(pieces), whole, "pages of three lines");
}

fn open(path: &Path, mapping: &Mapping, page_rows: usize) -> Result<FileSource, SourceError> {
    FileSource::open(path, mapping, &FileOptions { page_rows, ..FileOptions::default() })
}

fn pages(path: &Path, mapping: &Mapping, page_rows: usize) -> Result<Vec<Page>, SourceError> {
    let mut source = open(path, mapping, page_rows)?;
    let mut pages = Vec::new();
    loop {
        pages.push(source.read_page()?);
        if pages.last().is_some_and(|page| page.done) {
            return Ok(pages);
        }
    }
}

/// A new source that goes on after the first half of the pages reads the other half.
fn resumed(path: &Path, mapping: &Mapping, pages: &[Page]) {
    let (read, rest) = pages.split_at(pages.len() / 2);
    let Some(cursor) = read.last().and_then(|page| page.cursor.clone()) else { return };
    let mut source = open(path, mapping, 3).expect("the file was read before");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let next = runtime.block_on(engine::source::Source::next_page(&mut source, Some(cursor))).expect("the page was read before");
    assert_eq!(Some(&next), rest.first(), "from the middle on");
}

/// Values as text in one order, so that pages of any size compare; of errors only that there is one.
fn contents(pages: Result<Vec<Page>, SourceError>) -> Option<(Vec<String>, Vec<String>)> {
    let pages = match pages {
        Ok(pages) => pages,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "an error says why");
            return None;
        }
    };
    let (mut values, mut rejects) = (Vec::new(), Vec::new());
    for page in &pages {
        rejects.extend(page.rejects.iter().map(|reject| format!("{reject:?}")));
        for rows in &page.rows {
            match rows {
                Rows::Readings(readings) => {
                    for row in 0..readings.len() {
                        let known = readings.available_at().value(row);
                        let key = (readings.kind(), readings.asset_ids().value(row), readings.times().value(row), known);
                        let cells = readings.quantities().into_iter().filter_map(|quantity| {
                            let value = readings.values(&quantity)?.iter().nth(row)??.to_bits();
                            Some((quantity.name().to_owned(), value))
                        });
                        values.push(format!("{key:?} {:?}", cells.collect::<Vec<_>>()));
                    }
                }
                Rows::Other(table, batch) => {
                    let row = |row| format!("{table:?} {:?}", batch.slice(row, 1).columns());
                    values.extend((0..batch.num_rows()).map(row));
                }
                Rows::Assets(assets) => values.extend(assets.iter().map(|asset| format!("{asset:?}"))),
            }
        }
    }
    values.sort();
    rejects.sort();
    Some((values, rejects))
}

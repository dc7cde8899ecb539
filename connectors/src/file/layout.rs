//! Where the mapped columns stand in this file; a mapping that does not fit is refused here, before any row.
//!
//! In: a mapping and the names of the columns. Out: positions. Not here: reading cells.

use crate::mapping::Mapping;
use engine::domain::nearest;
use engine::source::SourceError;

/// Positions of the mapped columns.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) time: Vec<usize>,
    pub(crate) available_at: Option<Vec<usize>>,
    pub(crate) asset: Option<usize>,
    /// One per cell of the mapping.
    pub(crate) cells: Vec<usize>,
}

impl Layout {
    pub(crate) fn new(mapping: &Mapping, header: &[String], place: &str) -> Result<Self, SourceError> {
        let find = |name: &String| position(name, header, mapping, place);
        let all = |names: &[String]| names.iter().map(find).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            time: all(&mapping.time_columns)?,
            available_at: mapping.available_at.as_ref().map(|(_, names)| all(names)).transpose()?,
            asset: mapping.asset_column.as_ref().map(find).transpose()?,
            cells: mapping.cells.iter().map(|cell| find(&cell.column)).collect::<Result<_, _>>()?,
        })
    }
}

fn position(name: &String, header: &[String], mapping: &Mapping, place: &str) -> Result<usize, SourceError> {
    let problem = match header.iter().filter(|column| *column == name).count() {
        1 => return Ok(header.iter().position(|column| column == name).unwrap_or(0)),
        0 => match delimiter(name, header) {
            Some(found) => format!(
                "the mapping says format.delimiter = {:?}, but the header is separated by {found:?}: {:?}",
                mapping.format.delimiter,
                header.join(&mapping.format.delimiter.to_string())
            ),
            None => {
                let near = nearest(name, header.iter().map(String::as_str));
                let hint = near.map_or_else(|| format!("the file has {header:?}"), |near| format!("nearest is {near:?}"));
                format!("column {name:?} of the mapping {} is not in the file; {hint}", mapping.name)
            }
        },
        _ => format!("column {name:?} occurs more than once in the header; rename one of them"),
    };
    Err(SourceError::Mapping { place: place.into(), problem })
}

/// Another delimiter under which the header has the wanted column.
fn delimiter(name: &str, header: &[String]) -> Option<char> {
    [';', ',', '\t', '|']
        .into_iter()
        .find(|&c| header.iter().any(|cell| cell.contains(c) && cell.split(c).any(|part| part.trim_matches('"') == name)))
}

//! Where a reader of history stands, as text that survives a restart.
//!
//! In and out: a [`Cursor`]. Not here: saving it.

use engine::domain::Timestamp;
use engine::domain::from_micros;
use engine::domain::micros;
use engine::source::Cursor;
use std::hash::Hash;
use std::hash::Hasher;

/// A window, how many of its rows are stored, and a digest of those rows. After a restart the window is asked for again; rows that
/// agree with the digest are passed over, and where they do not, the window has changed and is read from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) window: Timestamp,
    pub(super) rows: u64,
    pub(super) digest: u64,
}

impl Place {
    pub(super) fn start_of(window: Timestamp) -> Self {
        Self { window, rows: 0, digest: 0 }
    }

    /// The place after one more row.
    pub(super) fn after(self, row: &[u8]) -> Self {
        let mut hasher = std::hash::DefaultHasher::new();
        (self.digest, row).hash(&mut hasher);
        Self { rows: self.rows + 1, digest: hasher.finish(), ..self }
    }

    pub(super) fn cursor(self) -> Cursor {
        Cursor(format!("window {} rows {} digest {}", micros(self.window), self.rows, self.digest))
    }

    /// `None` for the cursor of another source.
    pub(super) fn read(cursor: &Cursor) -> Option<Self> {
        let mut words = cursor.0.split(' ');
        let mut next = |name: &str| (words.next() == Some(name)).then(|| words.next()).flatten();
        let window = from_micros(next("window")?.parse().ok()?);
        let place = Self { window, rows: next("rows")?.parse().ok()?, digest: next("digest")?.parse().ok()? };
        words.next().is_none().then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Place, Timestamp};

    #[test]
    fn a_place_survives_as_text_and_knows_its_rows() {
        let start = Place::start_of(Timestamp::UNIX_EPOCH);
        let place = start.after(b"a").after(b"b");
        assert_eq!(Place::read(&place.cursor()), Some(place));
        assert_ne!(place, start.after(b"b").after(b"a"));
        for text in ["", "3 pages of 5", "window x rows 1 digest 2", "window 1 rows 1 digest 2 more"] {
            assert_eq!(Place::read(&Cursor(text.into())), None, "{text}");
        }
    }
}

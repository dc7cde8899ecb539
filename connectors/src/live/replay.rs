//! What was recorded of a line, read again without a peer.
//!
//! In: pieces a protocol decoded of a recording. Out: the rows they would have become. Not here: decoding, and where recordings come from.

use super::Assembly;
use super::Link;
use super::Piece;
use super::Points;
use engine::source::Reject;
use engine::source::Rows;
use engine::source::SourceError;
use std::sync::Arc;

/// What a recording holds.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Rows in order: assets once, readings, flags, events.
    pub rows: Vec<Rows>,
    /// What could not be read.
    pub rejects: Vec<Reject>,
    /// Why the line would have been given up before the end of the recording.
    pub broken: Option<String>,
}

impl Replayed {
    /// Everything on one page.
    pub(crate) fn new<M>(
        pieces: impl IntoIterator<Item = Piece<M>>,
        points: Arc<Points>,
        link: &Link,
        broken: Option<String>,
    ) -> Result<Self, SourceError> {
        let mut assembly = Assembly::new(points, link.clone());
        for piece in pieces {
            match piece {
                Piece::Samples(samples) => assembly.take(&samples),
                Piece::Notice(notice) => assembly.notice(notice),
                Piece::Reject(reject) => assembly.reject(reject),
                Piece::Failed(error) => return Err(error),
                // There is nobody to acknowledge to.
                Piece::Mark(_) | Piece::Urgent(_) => {}
            }
        }
        let (rows, rejects) = assembly.finish()?;
        Ok(Self { rows, rejects, broken })
    }
}

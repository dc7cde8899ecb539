//! Recorded messages, read again: for tests of what a broker hands out, and to look into what was published.
//!
//! In: topics and payloads in order. Out: rows. Not here: where they were recorded, rebirth requests.

use super::Settings;
use super::address::Plan;
use super::batch::Batch;
use super::broker::Message;
use super::decode::Decoder;
use crate::live::Link;
use crate::live::Piece;
use crate::live::Points;
use crate::live::Replayed;
use engine::source::SourceError;
use prost::bytes::Bytes;
use std::sync::Arc;

impl Settings {
    /// Reads messages, topic and payload, as if they came fresh and in this order.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] for settings and points, as [`check`](crate::live::Protocol::check). What cannot be read is in
    /// [`Replayed::rejects`].
    pub fn replay(&self, points: Arc<Points>, link: &Link, messages: &[(&[u8], &[u8])]) -> Result<Replayed, SourceError> {
        self.examine()?;
        let mut decoder = Decoder::new(Arc::new(Plan::new(self, &points)?), link.clone());
        let mut batch = Batch::default();
        for (topic, payload) in messages {
            let (topic, payload) = (Bytes::copy_from_slice(topic), Bytes::copy_from_slice(payload));
            // Whom to ask for a birth there is not.
            drop(decoder.message(&Message { topic, payload, id: 0, is_retained: false, is_again: false }, &mut batch));
        }
        let pieces: Vec<Piece<()>> = batch.pieces();
        Replayed::new(pieces, points, link, None)
    }
}

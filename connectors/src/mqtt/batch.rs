//! What a few messages gave, in order, until it is handed over.
//!
//! In: samples, notices and rejects as they are decoded, ids of messages. Out: pieces for the page, with the acknowledgements they stand for.
//! Not here: decoding.

use super::broker::Client;
use crate::live::{Notice, Piece, Sample};
use engine::source::Reject;

/// Samples after which a batch is handed over.
const FULL: usize = 4096;
/// Messages after which it is.
const MANY: usize = 1024;
/// Characters of a payload kept in a reject.
const RAW: usize = 200;

/// Messages to acknowledge once their rows are stored, and the connection they came by.
#[derive(Debug)]
pub(super) struct Acks {
    pub(super) client: Client,
    pub(super) ids: Vec<u16>,
}

/// What was decoded and is not handed over.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pieces: Vec<Piece<Acks>>,
    samples: Vec<Sample>,
    ids: Vec<u16>,
    messages: usize,
}

impl Batch {
    pub(super) fn sample(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.settle();
        self.pieces.push(Piece::Notice(notice));
    }

    pub(super) fn reject(&mut self, reason: &'static str, detail: String, raw: &[u8]) {
        self.settle();
        let raw = String::from_utf8_lossy(raw.get(..RAW * 4).unwrap_or(raw)).chars().take(RAW).collect();
        self.pieces.push(Piece::Reject(Reject { line: None, reason, detail, raw }));
    }

    /// A message is done with; 0: it needs no acknowledgement.
    pub(super) fn done(&mut self, id: u16) {
        self.messages += 1;
        if id != 0 {
            self.ids.push(id);
        }
    }

    fn settle(&mut self) {
        if !self.samples.is_empty() {
            self.pieces.push(Piece::Samples(std::mem::take(&mut self.samples)));
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.pieces.is_empty() && self.ids.is_empty()
    }

    pub(super) const fn is_full(&self) -> bool {
        self.samples.len() >= FULL || self.messages >= MANY
    }

    /// Everything, with its mark behind it.
    pub(super) fn take(&mut self, client: &Client) -> Vec<Piece<Acks>> {
        self.settle();
        self.messages = 0;
        let mut pieces = std::mem::take(&mut self.pieces);
        if !self.ids.is_empty() {
            pieces.push(Piece::Mark(Acks { client: client.clone(), ids: std::mem::take(&mut self.ids) }));
        }
        pieces
    }

    /// Everything, for who acknowledges in another way or not at all.
    pub(super) fn pieces<M>(&mut self) -> Vec<Piece<M>> {
        self.settle();
        self.messages = 0;
        let other = |piece| match piece {
            Piece::Samples(samples) => Some(Piece::Samples(samples)),
            Piece::Notice(notice) => Some(Piece::Notice(notice)),
            Piece::Reject(reject) => Some(Piece::Reject(reject)),
            Piece::Failed(error) => Some(Piece::Failed(error)),
            // Never in here: marks are made when a batch is taken.
            Piece::Mark(_) | Piece::Urgent(_) => None,
        };
        self.pieces.drain(..).filter_map(other).collect()
    }
}

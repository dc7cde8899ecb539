//! A recorded link, read again: for tests of what comes off a wire, and to look into what a station sent.
//!
//! In: the octets of one direction. Out: rows. Not here: where they were recorded.

use super::Settings;
use super::apci::Broken;
use super::apci::Control;
use super::apci::Frame;
use super::apci::split;
use super::decode::Decoder;
use super::decode::Said;
use super::decode::refused;
use super::flow::Flow;
use super::flow::Heard;
use crate::live::Link;
use crate::live::Piece;
use crate::live::Points;
use crate::live::Replayed;
use engine::source::SourceError;
use std::sync::Arc;
use tokio::time::Instant;

impl Settings {
    /// Reads what a station sent on one link, from behind its STARTDT con on, as if each frame had been stored at once. Octets of a frame that
    /// is not whole are left.
    ///
    /// # Errors
    /// [`SourceError::Mapping`] for settings and points, as [`check`](crate::live::Protocol::check). Damage is no error: it is in
    /// [`Replayed::broken`] and [`Replayed::rejects`].
    pub fn replay(&self, points: Arc<Points>, link: &Link, octets: &[u8]) -> Result<Replayed, SourceError> {
        let checked = self.checked()?;
        let decoder = self.decoder(&checked, &points)?;
        let mut pieces = Vec::new();
        let broken = listen(Flow::new(checked.timing, Instant::now()), &decoder, link, octets, &mut pieces).err();
        Replayed::new(pieces, points, link, broken.map(|broken| broken.to_string()))
    }
}

fn listen(mut flow: Flow, decoder: &Decoder, link: &Link, mut octets: &[u8], pieces: &mut Vec<Piece<()>>) -> Result<(), Broken> {
    let (now, mut out, mut samples) = (Instant::now(), Vec::new(), Vec::new());
    flow.ask(Control::StartAct, now, &mut out);
    flow.hear(Frame::Control(Control::StartCon), now, &mut out)?;
    let mut heard = || {
        while let Some((frame, length)) = split(octets)? {
            octets = octets.get(length..).unwrap_or_default();
            out.clear();
            let Heard::Asdu(asdu) = flow.hear(frame, now, &mut out)? else { continue };
            match decoder.samples(asdu, link, &mut samples) {
                Ok(Said::Refused { code, common, why }) => pieces.push(Piece::Reject(refused(link, code, common, why))),
                Ok(_) => {}
                Err(reject) => pieces.push(Piece::Reject(reject)),
            }
            flow.store(flow.received(), now, &mut out);
        }
        Ok(())
    };
    let end = heard();
    // What came before the damage counts.
    pieces.push(Piece::Samples(samples));
    end
}

//! Switching a report control block on: only its own attributes are written, and only those that differ (IEC 61850-7-2, 17.2).
//!
//! In: a control block as the controller has it, the entries to go on after. Out: an enabled block. Not here: general interrogation, reports.

use super::Settings;
use super::peer::{Peer, Trouble};
use super::plan::Report;
use iec61850_client::{ClientError, RcbHandle, RcbWriteMask, ReportOptFlds, TriggerOptions};

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enabled {
    /// From where it was asked to.
    Whole,
    /// No entry to go on after is there any more.
    WithGap,
}

/// Length of an EntryID (IEC 61850-8-1: eight octets).
const ENTRY: usize = 8;

/// Sets up and enables a control block; reports may come before this returns. It goes on after the first entry of `after` that is still there.
pub(super) async fn enable(peer: &Peer, settings: &Settings, report: &Report, after: &[Vec<u8>]) -> Result<Enabled, Trouble> {
    let name = &report.reference;
    let is_buffered = report.block.is_buffered();
    let taken = |error: &str| {
        Trouble::Lost(format!(
            "{name} cannot be enabled ({error}): another client has it, or ours of before is not yet given up; give this connection an \
             instance of its own"
        ))
    };
    if report.block.rpt_ena() {
        return Err(taken("it is enabled already"));
    }
    let mut block = report.block.clone();
    if !is_buffered {
        block.set_resv(true);
        write(peer, &block, RcbWriteMask::RESV).await?.map_err(|error| taken(&error.to_string()))?;
    }
    for mask in wishes(settings, &mut block) {
        // Some controllers have these fixed; what they send then is taken as it comes.
        if let Err(error) = write(peer, &block, mask).await? {
            tracing::debug!(report = name, ?mask, %error, "the controller keeps its own setting");
        }
    }
    let mut outcome = Enabled::Whole;
    if is_buffered {
        let mut is_placed = false;
        for entry in after {
            is_placed = write_entry(peer, &mut block, entry).await?.is_ok();
            if is_placed {
                break;
            }
        }
        if !is_placed && !after.is_empty() {
            outcome = Enabled::WithGap;
        }
        if !is_placed {
            // All zeros: from the oldest report the buffer has. Controllers without this begin with what was not sent yet.
            let length = report.block.entry_id().map_or(ENTRY, <[u8]>::len);
            if let Err(error) = write_entry(peer, &mut block, &vec![0; length]).await? {
                tracing::debug!(report = name, %error, "the buffer is read from where it stands");
            }
        }
    }
    block.set_rpt_ena(true);
    write(peer, &block, RcbWriteMask::RPT_ENA).await?.map_err(|error| taken(&error.to_string()))?;
    Ok(outcome)
}

/// What must be in a report, what must trigger one. Sets it in `block`; returns what differs.
fn wishes(settings: &Settings, block: &mut RcbHandle) -> Vec<RcbWriteMask> {
    let mut masks = Vec::new();
    let mut fields = ReportOptFlds::SEQUENCE_NUMBER | ReportOptFlds::REPORT_TIMESTAMP | ReportOptFlds::REASON_FOR_INCLUSION;
    if block.is_buffered() {
        fields |= ReportOptFlds::ENTRY_ID;
    }
    if !block.opt_flds().contains(fields) {
        block.set_opt_flds(block.opt_flds() | fields);
        masks.push(RcbWriteMask::OPT_FLDS);
    }
    let mut triggers = TriggerOptions::DATA_CHANGED | TriggerOptions::QUALITY_CHANGED | TriggerOptions::GI;
    let period = settings.integrity_s.map(|seconds| (seconds * 1000.0) as u32);
    if period.is_some() {
        triggers |= TriggerOptions::INTEGRITY;
    }
    if !block.trg_ops().contains(triggers) {
        block.set_trg_ops(block.trg_ops() | triggers);
        masks.push(RcbWriteMask::TRG_OPS);
    }
    if let Some(period) = period.filter(|period| block.intg_pd_ms() != *period) {
        block.set_intg_pd_ms(period);
        masks.push(RcbWriteMask::INTG_PD);
    }
    masks
}

async fn write_entry(peer: &Peer, block: &mut RcbHandle, entry: &[u8]) -> Result<Result<(), ClientError>, Trouble> {
    if let Err(error) = block.set_entry_id(Some(entry.to_vec())) {
        return Ok(Err(error));
    }
    write(peer, block, RcbWriteMask::ENTRY_ID).await
}

async fn write(peer: &Peer, block: &RcbHandle, mask: RcbWriteMask) -> Result<Result<(), ClientError>, Trouble> {
    peer.ask(block.object_reference(), peer.connection.set_rcb_values(block, mask, false)).await
}

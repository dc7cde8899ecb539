//! The task behind a source: connect, plan, enable reports one after the other, take what comes, read the rest, notice silence, begin anew.
//!
//! In: settings, points, where each buffered report stood. Out: pieces for pages, the state of the link. Sent to the controller are only
//! reads and the settings of report control blocks. Not here: what values mean, which points are where.

use super::Settings;
use super::peer::{Peer, Trouble};
use super::plan::{Plan, Report, plan};
use super::reading::samples;
use super::sequence::{Part, Sequence, Verdict};
use super::source::{Entries, unhex};
use super::subscribe::{Enabled, enable};
use crate::live::{Link, Phase, Piece, Points, Retry, Sample};
use engine::source::Reject;
use iec61850_client::{ClientReport, ReasonForInclusion};
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// The longest one look for reports takes; closing waits for it.
const LOOK: Duration = Duration::from_millis(200);
/// Reports in one look below which the controller has told what it had, so that it may be asked the next thing: answers wait behind reports.
const CALM: usize = 256;
/// Definite refusals in a row after which a person is called.
const STRIKES: u32 = 3;

/// Everything before it was taken from reports up to this entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// The control block.
    pub(super) reference: String,
    /// Its EntryID, and behind that of an answer to an interrogation the one of the change before it: a controller may forget such an answer
    /// when it gives the next one.
    pub(super) entries: Vec<Vec<u8>>,
}

/// The page's end is gone: the source was closed.
struct Closed;

/// What the task keeps from link to link.
pub(super) struct Session {
    settings: Settings,
    points: Arc<Points>,
    link: Link,
    sender: mpsc::Sender<Piece<Mark>>,
    closing: watch::Receiver<bool>,
    /// The last entries handed on, per buffered control block, as in [`Mark`].
    entries: BTreeMap<String, Vec<Vec<u8>>>,
    sequences: BTreeMap<String, Sequence>,
    /// Rejects already told, so that a reconnect does not repeat them.
    told: BTreeSet<String>,
}

impl Session {
    pub(super) fn new(
        settings: Settings,
        points: Arc<Points>,
        link: Link,
        sender: mpsc::Sender<Piece<Mark>>,
        closing: watch::Receiver<bool>,
        entries: &Entries,
    ) -> Self {
        let entries = entries
            .iter()
            .map(|(name, entries)| (name.clone(), entries.iter().filter_map(|entry| unhex(entry)).collect()))
            .collect();
        let (sequences, told) = (BTreeMap::new(), BTreeSet::new());
        Self { settings, points, link, sender, closing, entries, sequences, told }
    }

    /// Runs until the source is closed or a person must act.
    pub(super) async fn run(mut self) {
        let (mut retry, mut strikes, mut before) = (Retry::default(), 0, String::new());
        loop {
            self.link.enter(Phase::Connecting);
            let trouble = match self.once(&mut retry).await {
                Ok(Closed) => return,
                Err(trouble) => trouble,
            };
            self.link.lost(trouble.text());
            // The same one each time: what a bad wire makes up differs.
            let is_again = trouble.text() == before;
            strikes = if matches!(trouble, Trouble::Wrong(_)) { if is_again { strikes + 1 } else { 1 } } else { 0 };
            trouble.text().clone_into(&mut before);
            if strikes >= STRIKES {
                // Nobody listening any more is no error of this task.
                drop(self.sender.send(Piece::Failed(trouble.error(self.settings.place()))).await);
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(retry.wait()) => {}
                _ = self.closing.wait_for(|is_closing| *is_closing) => return,
            }
        }
    }

    /// One link, from connecting to its end.
    async fn once(&mut self, retry: &mut Retry) -> Result<Closed, Trouble> {
        let peer = Peer::connect(&self.settings).await?;
        let mut plan = plan(&peer, &self.settings, &self.points).await?;
        for reject in std::mem::take(&mut plan.rejects) {
            if self.told.insert(reject.detail.clone()) && self.send(Piece::Reject(reject)).await.is_err() {
                return Ok(Closed);
            }
        }
        let inbox: Arc<Mutex<Vec<Arc<ClientReport>>>> = Arc::default();
        let mut steps = Vec::new();
        for (index, report) in plan.reports.iter().enumerate().rev() {
            steps.extend([Step::Interrogate(index), Step::Enable(index)]);
            self.sequences.entry(report.reference.clone()).or_default().begin();
            let sink = inbox.clone();
            let name = report.block.rpt_id().filter(|name| !name.is_empty()).map(Into::into);
            let keep = Arc::new(move |report| sink.lock().unwrap_or_else(PoisonError::into_inner).push(report));
            peer.must("reports", peer.connection.install_report_handler(name, &report.reference, None, keep)).await?;
        }
        let replays = plan.reports.iter().any(|report| report.block.is_buffered());
        self.link.enter(if replays { Phase::Backfilling } else { Phase::Live });
        let (mut heard, mut next_read) = (Instant::now(), Instant::now());
        loop {
            if *self.closing.borrow() {
                peer.leave().await;
                return Ok(Closed);
            }
            let count = self.look(&peer, next_read, steps.is_empty()).await?;
            let reports = std::mem::take(&mut *inbox.lock().unwrap_or_else(PoisonError::into_inner));
            if count > 0 || !reports.is_empty() {
                heard = Instant::now();
            }
            if self.take(&plan, &reports, steps.is_empty()).await?.is_err() {
                return Ok(Closed);
            }
            if count < CALM
                && let Some(step) = steps.pop()
            {
                self.step(&peer, &plan, step).await?;
                heard = Instant::now();
            }
            if steps.is_empty() {
                self.link.enter(Phase::Live);
                // Only a link that got this far counts as a good one.
                retry.succeeded();
            }
            if let Some(every) = self.settings.every().filter(|_| !plan.reads.is_empty() && Instant::now() >= next_read) {
                if self.read(&peer, &plan).await?.is_err() {
                    return Ok(Closed);
                }
                heard = Instant::now();
                next_read = (next_read + every).max(heard);
            }
            if heard.elapsed() >= self.settings.keepalive() {
                // Any answer will do, a refusal too.
                drop(peer.ask("are you there", peer.connection.get_server_identity()).await?);
                heard = Instant::now();
            }
        }
    }

    /// Waits a moment for reports.
    async fn look(&self, peer: &Peer, next_read: Instant, is_settled: bool) -> Result<usize, Trouble> {
        let until_read = next_read.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let wait = if is_settled { LOOK.min(until_read) } else { Duration::from_millis(20) };
        let wait = if is_settled && self.settings.every().is_none() { LOOK } else { wait };
        peer.connection.poll_reports(wait).await.map_err(|error| peer.lost("reports", &error))
    }

    async fn step(&mut self, peer: &Peer, plan: &Plan, step: Step) -> Result<(), Trouble> {
        let Some(report) = plan.reports.get(step.index()) else { return Ok(()) };
        if matches!(step, Step::Interrogate(_)) {
            // A control block without GI among its triggers refuses; its changes come all the same.
            if let Err(error) = peer.ask("GI", peer.connection.trigger_grefcb(&report.reference)).await? {
                tracing::debug!(report = report.reference, %error, "no general interrogation");
            }
            return Ok(());
        }
        let known = self.entries.get(&report.reference).map_or([].as_slice(), Vec::as_slice);
        if enable(peer, &self.settings, report, known).await? == Enabled::WithGap {
            let detail = format!(
                "{}: the controller no longer keeps the report we stopped at (it restarted, or its buffer is too small for the time we were \
                 away); what it still has is read, what lies between is lost",
                report.reference
            );
            self.entries.remove(&report.reference);
            let raw = report.reference.clone();
            // If nobody listens any more, the next look at the closing flag ends the task.
            drop(self.send(Piece::Reject(Reject { line: None, reason: "buffer_lost", detail, raw })).await);
        }
        Ok(())
    }

    /// Hands on what reports say.
    async fn take(&mut self, plan: &Plan, reports: &[Arc<ClientReport>], is_live: bool) -> Result<Result<(), Closed>, Trouble> {
        let (mut samples, mut marks) = (Vec::new(), BTreeMap::new());
        let mut broken = None;
        for message in reports {
            let Some(report) = plan.reports.iter().find(|report| report.reference == message.rcb_reference) else { continue };
            match self.judge(report, message) {
                Verdict::InOrder => {}
                Verdict::Gap(story) => {
                    broken = Some(Trouble::Lost(format!("{}: {story}", report.reference)));
                    break;
                }
                Verdict::Skip => continue,
            }
            let time = message.timestamp_ms.and_then(|ms| i64::try_from(ms).ok()?.checked_mul(1000));
            let members = &message.data_set_values;
            samples.extend(report.takes.iter().filter_map(|take| take.sample(members, &message.included, time)));
            let is_fresh = message.reasons.iter().any(|reason| reason.contains(ReasonForInclusion::DATA_CHANGE));
            if let Some(time) = time.filter(|_| is_live && is_fresh) {
                self.link.skewed(time.saturating_sub(self.link.now_micros()));
            }
            let is_whole = message.segmentation.is_none_or(|segment| !segment.more_segments_follow);
            if let Some(entry) = message.entry_id.clone().filter(|_| is_whole && report.block.is_buffered()) {
                let mut entries = vec![entry];
                if !message.reasons.is_empty() && message.reasons.iter().all(|reason| *reason == ReasonForInclusion::GI) {
                    let before = marks.get(&report.reference).or_else(|| self.entries.get(&report.reference));
                    entries.extend(before.and_then(|before| before.last().cloned()));
                }
                marks.insert(report.reference.clone(), entries);
            }
        }
        if self.hand_on(samples).await.is_err() {
            return Ok(Err(Closed));
        }
        for (reference, entries) in marks {
            self.entries.insert(reference.clone(), entries.clone());
            if self.send(Piece::Mark(Mark { reference, entries })).await.is_err() {
                return Ok(Err(Closed));
            }
        }
        broken.map_or(Ok(Ok(())), Err)
    }

    fn judge(&mut self, report: &Report, message: &ClientReport) -> Verdict {
        let last = self.entries.get(&report.reference).and_then(|entries| entries.first()).map(Vec::as_slice);
        let Some(number) = message.seq_num else { return Verdict::InOrder };
        let (segment, is_followed) =
            message.segmentation.map_or((0, false), |segment| (segment.sub_seq_num, segment.more_segments_follow));
        let part = Part { number, segment, is_followed };
        let sequence = self.sequences.entry(report.reference.clone()).or_default();
        if message.included.len() == report.size {
            return sequence.next(part, report.block.is_buffered(), last);
        }
        let story = format!("a report has {} members, the data set {}", message.included.len(), report.size);
        sequence.unfit(part, last, &story)
    }

    /// Reads what no report carries.
    async fn read(&mut self, peer: &Peer, plan: &Plan) -> Result<Result<(), Closed>, Trouble> {
        let samples = samples(peer, plan).await?;
        Ok(self.hand_on(samples).await)
    }

    async fn hand_on(&self, samples: Vec<Sample>) -> Result<(), Closed> {
        if samples.is_empty() { Ok(()) } else { self.send(Piece::Samples(samples)).await }
    }

    async fn send(&self, piece: Piece<Mark>) -> Result<(), Closed> {
        self.sender.send(piece).await.map_err(|_| Closed)
    }
}

/// What is still to be done on a new link, one thing at a time.
#[derive(Debug, Clone, Copy)]
enum Step {
    Enable(usize),
    Interrogate(usize),
}

impl Step {
    const fn index(self) -> usize {
        let (Self::Enable(index) | Self::Interrogate(index)) = self;
        index
    }
}

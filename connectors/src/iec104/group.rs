//! A redundancy group (IEC 60870-5-104, 10): all links to a station are kept, one is started, another takes over when it dies.
//!
//! In: places, what is stored. Out: pieces of one station, over whichever link is started. Unacknowledged frames of a dead link are the
//! station's to send again over the next. Not here: pages.

use super::apci::Broken;
use super::apci::Control;
use super::asdu::Widths;
use super::asdu::question;
use super::decode::Decoder;
use super::decode::Said;
use super::decode::refused;
use super::flow::Heard;
use super::flow::Timing;
use super::questions::Plan;
use super::questions::Questions;
use super::session::Place;
use super::session::Session;
use crate::live::Link;
use crate::live::Phase;
use crate::live::Piece;
use crate::live::Retry;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long STOPDT may take when we leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// Receive number of a started link; `run` counts these links, so that a number of one is never used for another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) run: u64,
    pub(super) until: u16,
}

/// What the source tells its links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// Everything up to it is stored.
    pub(super) stored: Mark,
    pub(super) is_closing: bool,
}

/// What is the same for all links.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) places: Vec<Place>,
    pub(super) timing: Timing,
    pub(super) widths: Widths,
    pub(super) originator: u8,
    pub(super) decoder: Decoder,
    pub(super) plan: Plan,
    pub(super) link: Link,
    leader: watch::Sender<Option<usize>>,
    runs: AtomicU64,
}

/// The started link; the next one may start when it is dropped.
#[derive(Debug)]
struct Lead<'a> {
    group: &'a Group,
    run: u64,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.group.leader.send_replace(None);
    }
}

async fn closing(word: &mut watch::Receiver<Word>) {
    // An error says that the source is gone, which is closing too.
    drop(word.wait_for(|word| word.is_closing).await);
}

type Out = mpsc::Sender<Piece<Mark>>;

impl Group {
    pub(super) fn new(
        places: Vec<Place>,
        timing: Timing,
        (widths, originator): (Widths, u8),
        decoder: Decoder,
        plan: Plan,
        link: Link,
    ) -> Self {
        let (leader, runs) = (watch::Sender::new(None), AtomicU64::new(0));
        Self { places, timing, widths, originator, decoder, plan, link, leader, runs }
    }

    fn claim(&self, index: usize) -> Option<Lead<'_>> {
        let is_ours = self.leader.send_if_modified(|leader| leader.is_none() && leader.replace(index).is_none());
        is_ours.then(|| {
            self.link.enter(Phase::Connecting);
            Lead { group: self, run: self.runs.fetch_add(1, Ordering::Relaxed) + 1 }
        })
    }

    /// Keeps one link until the source closes.
    pub(super) async fn keep(self: Arc<Self>, index: usize, out: Out, mut word: watch::Receiver<Word>) {
        let Some(place) = self.places.get(index) else { return };
        let mut retry = Retry::default();
        loop {
            if self.leader.borrow().is_none() {
                self.link.enter(Phase::Connecting);
            }
            let mut watched = word.clone();
            let made = tokio::select! {
                made = Session::connect(place, self.timing) => made,
                () = closing(&mut watched) => return,
            };
            let ended = match made {
                Ok(session) => self.run(index, session, &out, &mut word, &mut retry).await,
                Err(broken) => Err((broken, None)),
            };
            let Err((broken, lead)) = ended else { return };
            let error = format!("{place}: {broken}");
            let is_spare = lead.is_none() && self.leader.borrow().is_some();
            if is_spare {
                tracing::warn!(connection = self.link.name(), error, "the spare link is down; it is tried again");
                self.link.tell(|| format!("spare link lost: {error}"));
            } else {
                self.link.lost(&error);
            }
            drop(lead);
            tokio::select! {
                () = sleep(retry.wait()) => {}
                () = closing(&mut watched) => return,
            }
        }
    }

    /// One connection. Ends well only when the source closes.
    async fn run<'a>(
        &'a self,
        index: usize,
        mut session: Session,
        out: &Out,
        word: &mut watch::Receiver<Word>,
        retry: &mut Retry,
    ) -> Result<(), (Broken, Option<Lead<'a>>)> {
        let mut leader = self.leader.subscribe();
        let lead = loop {
            if let Some(lead) = self.claim(index) {
                break lead;
            }
            let heard = tokio::select! {
                heard = session.wait(None) => heard,
                _ = leader.changed() => Ok(()),
                () = closing(word) => return Ok(()),
            };
            let idle = async {
                heard?;
                while let Some(heard) = session.next()? {
                    if heard == Heard::Alive {
                        retry.succeeded();
                    }
                }
                session.flush().await
            };
            idle.await.map_err(|broken| (broken, None))?;
        };
        session.ask(Control::StartAct);
        match self.started(&mut session, lead.run, out, word, retry).await {
            Ok(()) => {
                session.leave(FAREWELL).await;
                Ok(())
            }
            Err(broken) => Err((broken, Some(lead))),
        }
    }

    async fn started(
        &self,
        session: &mut Session,
        run: u64,
        out: &Out,
        word: &mut watch::Receiver<Word>,
        retry: &mut Retry,
    ) -> Result<(), Broken> {
        let mut questions = None;
        let mut marked = session.received();
        loop {
            let now = tokio::time::Instant::now();
            if let Some(questions) = &mut questions {
                self.ask(questions, session);
            }
            session.flush().await?;
            let also = questions.as_ref().and_then(Questions::deadline);
            tokio::select! {
                heard = session.wait(also) => heard?,
                changed = word.changed() => {
                    let Word { stored, is_closing } = *word.borrow_and_update();
                    if stored.run == run {
                        session.store(stored.until);
                    }
                    if is_closing || changed.is_err() {
                        return Ok(());
                    }
                }
            }
            let mut samples = Vec::new();
            let mut broken = None;
            loop {
                match session.next() {
                    Ok(None) => break,
                    Ok(Some(Heard::Started)) => {
                        retry.succeeded();
                        self.link.enter(Phase::Live);
                        questions = Some(Questions::new(self.plan.clone(), now));
                    }
                    Ok(Some(Heard::Asdu(asdu))) => match self.decoder.samples(asdu, &self.link, &mut samples) {
                        Ok(said) => {
                            if let Said::Refused { code, common, why } = said
                                && out.send(Piece::Reject(refused(&self.link, code, common, why))).await.is_err()
                            {
                                return Ok(());
                            }
                            if let Some(questions) = &mut questions {
                                questions.heard(said, now);
                            }
                        }
                        Err(reject) => {
                            if out.send(Piece::Reject(reject)).await.is_err() {
                                return Ok(());
                            }
                        }
                    },
                    Ok(Some(_)) => {}
                    // What came before it in order counts.
                    Err(error) => {
                        broken = Some(error);
                        break;
                    }
                }
            }
            if !samples.is_empty() && out.send(Piece::Samples(samples)).await.is_err() {
                return Ok(());
            }
            if session.received() != marked {
                marked = session.received();
                let mark = Mark { run, until: marked };
                let piece = if session.is_due() { Piece::Urgent(mark) } else { Piece::Mark(mark) };
                if out.send(piece).await.is_err() {
                    return Ok(());
                }
            }
            if session.take_late() {
                let seconds = self.timing.t2.as_secs_f64();
                tracing::warn!(
                    connection = self.link.name(),
                    seconds,
                    "the store is slower than t2; the station waits, and after its t1 closes the link"
                );
                self.link.tell(|| format!("the store is slower than t2 = {seconds} s; the station waits"));
            }
            if let Some(broken) = broken {
                return Err(broken);
            }
        }
    }

    fn ask(&self, questions: &mut Questions, session: &mut Session) {
        let now = tokio::time::Instant::now();
        while let Some(asked) = questions.next(now) {
            let asdu = question(self.widths, self.originator, asked.code, asked.common, asked.qualifier);
            if !session.send(&asdu) {
                return;
            }
            questions.sent(now);
        }
    }
}

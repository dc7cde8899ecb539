//! One look at a station: does it answer for our points, and what else does it have.
//!
//! In: settings. Out: a [`Probe`], or [`Found`] things. A probe acknowledges only answers to its own questions, so that events a station
//! keeps for the source stay there. Not here: the source.

use super::Checked;
use super::Settings;
use super::apci::Broken;
use super::apci::Control;
use super::asdu::Head;
use super::asdu::Object;
use super::asdu::cause;
use super::asdu::question;
use super::decode::Decoder;
use super::decode::Said;
use super::element::Kind;
use super::flow::Heard;
use super::questions::Plan;
use super::questions::Questions;
use super::session::Session;
use crate::live::Found;
use crate::live::Link;
use crate::live::Points;
use crate::live::Probe;
use crate::live::Protocol;
use engine::source::SourceError;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long a probe waits for answers.
const PROBE: Duration = Duration::from_secs(10);
/// How long STOPDT may take.
const FAREWELL: Duration = Duration::from_millis(500);
/// Addresses named at most when points do not answer.
const NAMED: usize = 5;

fn gone(place: &str, broken: Broken) -> SourceError {
    match broken {
        Broken::Io { cause } => SourceError::Io { place: place.into(), cause },
        other => SourceError::Format { place: place.into(), problem: other.to_string() },
    }
}

/// Connects over the first link that answers.
async fn connect(settings: &Settings, checked: &Checked) -> Result<(Session, String), SourceError> {
    let mut last = None;
    for place in &checked.places {
        match Session::connect(place, checked.timing).await {
            Ok(session) => return Ok((session, place.to_string())),
            Err(broken) => last = Some(gone(&place.to_string(), broken)),
        }
    }
    Err(last.unwrap_or_else(|| settings.wrong("links is empty")))
}

/// A started link that asks once.
struct Look<'a> {
    settings: &'a Settings,
    checked: &'a Checked,
    decoder: &'a Decoder,
    session: Session,
    questions: Option<Questions>,
    plan: Plan,
    /// Acknowledges also what nobody asked for, and listens to the end; else only until everything asked is answered.
    takes_all: bool,
    refusals: Vec<(u16, &'static str)>,
    confirmed: BTreeSet<u16>,
}

impl Look<'_> {
    /// Listens at most until `end`; `each` says true when it has heard enough.
    async fn listen(
        &mut self,
        link: &Link,
        end: Instant,
        mut each: impl FnMut(&Head, &'static Kind, Object) -> bool,
    ) -> Result<(), Broken> {
        self.session.ask(Control::StartAct);
        let (mut may_acknowledge, mut is_enough) = (true, false);
        let mut until = self.session.received();
        loop {
            let now = Instant::now();
            if let Some(questions) = &mut self.questions {
                while let Some(asked) = questions.next(now) {
                    let widths = self.checked.widths;
                    let asdu = question(widths, self.settings.originator, asked.code, asked.common, asked.qualifier);
                    if !self.session.send(&asdu) {
                        break;
                    }
                    questions.sent(now);
                }
            }
            self.session.flush().await?;
            let is_settled = self.questions.as_ref().is_some_and(Questions::is_settled);
            if now >= end || !self.takes_all && (is_settled || is_enough) {
                return Ok(());
            }
            self.session.wait(Some(end)).await?;
            while let Some(heard) = self.session.next()? {
                match heard {
                    Heard::Started => self.questions = Some(Questions::new(self.plan.clone(), now)),
                    Heard::Asdu(asdu) => {
                        let said = self.decoder.read(asdu, link.now_micros(), |head, kind, object| {
                            may_acknowledge &= self.takes_all || cause::is_answer(head.cause);
                            is_enough |= each(head, kind, object);
                        });
                        match said {
                            Ok(said) => {
                                match said {
                                    Said::Refused { common, why, .. } => self.refusals.push((common, why)),
                                    Said::Confirmed { common, .. } => drop(self.confirmed.insert(common)),
                                    _ => {}
                                }
                                if let Some(questions) = &mut self.questions {
                                    questions.heard(said, now);
                                }
                            }
                            Err(_) => may_acknowledge &= self.takes_all,
                        }
                        if may_acknowledge {
                            until = self.session.received();
                        }
                    }
                    _ => {}
                }
            }
            self.session.store(until);
        }
    }
}

/// Says how many of the points answer an interrogation.
pub(super) async fn probe(settings: &Settings, checked: &Checked, decoder: &Decoder, link: &Link) -> Result<Probe, SourceError> {
    let (session, place) = connect(settings, checked).await?;
    let mut plan = checked.plan(decoder.stations().into_iter().collect());
    plan.counters_every = plan.counters_every.map(|_| Duration::ZERO);
    let mut look = Look {
        settings,
        checked,
        decoder,
        session,
        questions: None,
        plan,
        takes_all: false,
        refusals: Vec::new(),
        confirmed: BTreeSet::new(),
    };
    let wanted = decoder.addresses();
    let mut missing = wanted.clone();
    let end = Instant::now() + PROBE.max(checked.timing.t1 + Duration::from_millis(100)).min(PROBE * 2);
    let each = |head: &Head, _: &'static Kind, object: Object| {
        missing.remove(&(head.common, object.address));
        missing.is_empty()
    };
    look.listen(link, end, each).await.map_err(|broken| gone(&place, broken))?;
    look.session.leave(FAREWELL).await;
    let mut says = format!("{} of {} addresses answered the interrogation", wanted.len() - missing.len(), wanted.len());
    if !missing.is_empty() {
        let names: Vec<String> = missing.iter().take(NAMED).map(|(common, object)| format!("{common}/{object}")).collect();
        let more = if missing.len() > NAMED { format!(" and {} more", missing.len() - NAMED) } else { String::new() };
        says.push_str(&format!("; not {}{more} (they may be sent only when they change)", names.join(", ")));
    }
    for (common, why) in &look.refusals {
        says.push_str(&format!("; station {common} does not answer: {why}"));
    }
    let stations: Vec<String> = look.confirmed.iter().map(u16::to_string).collect();
    let stations = if stations.is_empty() { "no station named itself".into() } else { format!("station {}", stations.join(", ")) };
    Ok(Probe { peer: format!("IEC 60870-5-104 at {place}, {stations}"), says })
}

/// What a station sends when asked for everything, and for a while after.
pub(super) async fn discover<'t>(
    settings: &Settings,
    checked: &Checked,
    link: &Link,
    tell: &(dyn Fn(&'t str) + Send + Sync),
) -> Result<Vec<Found>, SourceError> {
    let decoder = Decoder::new(&Points::default(), checked.widths, checked.clock.clone())?;
    let (session, place) = connect(settings, checked).await?;
    tell("connected; asking for everything, then listening for discover_s");
    let stations = if settings.stations.is_empty() { vec![checked.broadcast()] } else { settings.stations.clone() };
    let mut plan = checked.plan(stations);
    plan.counters_every = Some(Duration::ZERO);
    let mut look = Look {
        settings,
        checked,
        decoder: &decoder,
        session,
        questions: None,
        plan,
        takes_all: true,
        refusals: Vec::new(),
        confirmed: BTreeSet::new(),
    };
    let mut found: BTreeMap<(u16, u32), Found> = BTreeMap::new();
    let end = Instant::now() + checked.discover;
    let each = |head: &Head, kind: &'static Kind, object: Object| {
        let value = if object.element.value.is_nan() { None } else { Some(object.element.value.to_string()) };
        let thing = found.entry((head.common, object.address)).or_insert_with(|| thing(head, kind, object));
        thing.value = value.or(thing.value.take());
        false
    };
    look.listen(link, end, each).await.map_err(|broken| gone(&place, broken))?;
    if !look.refusals.is_empty() {
        tell("a station refuses an interrogation; what it sends by itself is in the list");
    }
    look.session.leave(FAREWELL).await;
    if found.is_empty() {
        let problem = format!(
            "nothing came within discover_s = {} s; listen longer, or name the common addresses: stations = [1, …], for the station may \
             not answer the broadcast address",
            settings.discover_s
        );
        return Err(SourceError::Format { place: settings.peer(), problem });
    }
    Ok(found.into_values().collect())
}

fn thing(head: &Head, kind: &'static Kind, object: Object) -> Found {
    let address = format!("{}/{}", head.common, object.address);
    Found {
        name: kind.name.into(),
        description: Some(format!("{} of station {}, object {}", kind.name, head.common, object.address)),
        device: format!("station {}", head.common),
        is_event: kind.shape.is_state(),
        address,
        ..Found::default()
    }
}

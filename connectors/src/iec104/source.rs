//! The source: its links run in tasks, pages are taken from what they hand over.
//!
//! In: a [`Group`]. Out: pages. What a page holds is acknowledged to the station when the next one is asked for. Not here: links.

use super::group::Group;
use super::group::Mark;
use super::group::Word;
use crate::live::Assembly;
use crate::live::Gathered;
use crate::live::Inlet;
use crate::live::Link;
use crate::live::Phase;
use crate::live::Piece;
use crate::live::Points;
use async_trait::async_trait;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Source;
use engine::source::SourceError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Pieces on the way from a link to a page: a window of the default size, values and marks.
const ROOM: usize = 32;
/// How long leaving may take.
const LEAVES_WITHIN: Duration = Duration::from_secs(3);

/// A station being listened to.
#[derive(Debug)]
pub(super) struct Station {
    group: Arc<Group>,
    link: Link,
    inlet: Inlet<Mark>,
    /// For tasks that begin.
    out: mpsc::Sender<Piece<Mark>>,
    word: watch::Sender<Word>,
    /// The mark of the page handed out last.
    handed: Option<Mark>,
    tasks: Vec<JoinHandle<()>>,
}

impl Station {
    pub(super) fn new(group: Group, points: Arc<Points>, link: Link) -> Self {
        let (out, inlet) = Inlet::new(Assembly::new(points, link.clone()), ROOM);
        let word = watch::Sender::new(Word::default());
        Self { group: Arc::new(group), link, inlet, out, word, handed: None, tasks: Vec::new() }
    }

    /// The page handed out last was stored.
    fn stored(&mut self) {
        if let Some(stored) = self.handed.take() {
            self.word.send_modify(|word| word.stored = stored);
        }
    }

    /// A task for every link. One that is there and has ended did so without a word, since all of them last until the source closes.
    fn start(&mut self) {
        for index in 0..self.group.places.len() {
            let has_ended = self.tasks.get(index).map(JoinHandle::is_finished);
            if has_ended == Some(false) {
                continue;
            }
            if has_ended == Some(true) {
                let error = format!("{}: the listening task ended without a word; it is started again", self.group.places[index]);
                // Another link of the group may be the started one, and then the station is not lost.
                match self.tasks.len() {
                    1 => self.link.lost(&error),
                    _ => self.link.rejected(&error),
                }
            }
            let task = tokio::spawn(self.group.clone().keep(index, self.out.clone(), self.word.subscribe()));
            match self.tasks.get_mut(index) {
                Some(held) => *held = task,
                None => self.tasks.push(task),
            }
        }
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[async_trait]
impl Source for Station {
    fn name(&self) -> &str {
        self.link.name()
    }

    async fn next_page(&mut self, _after: Option<Cursor>) -> Result<Page, SourceError> {
        self.stored();
        self.start();
        let Gathered { rows, rejects, marks } = self.inlet.gather().await?;
        self.handed = marks.last().copied();
        // The station remembers what we have not acknowledged: there is no place to keep here.
        Ok(Page { rows, rejects, cursor: None, bytes_read: 0, done: false })
    }

    async fn close(&mut self) {
        self.stored();
        self.word.send_modify(|word| word.is_closing = true);
        self.inlet.close();
        for task in std::mem::take(&mut self.tasks) {
            let stop = task.abort_handle();
            if timeout(LEAVES_WITHIN, task).await.is_err() {
                stop.abort();
            }
        }
        self.link.enter(Phase::Closed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;
    use crate::live::Protocol;
    use engine::domain::Quantities;
    use engine::domain::Timestamp;

    const POINTS: &str = "[[assets]]\nid = \"t01\"\nkind = \"wind_turbine\"\n\
        [[points]]\naddress = \"13/4001\"\nasset = \"t01\"\nquantity = \"active_power\"\n";

    fn station(links: &str) -> (Station, Link) {
        let settings: Settings = toml::from_str(&format!("links = [{links}]")).unwrap();
        let link = Link::new("iec104", Timestamp::now);
        let points = Points::parse(POINTS, "plant.toml", &Quantities::standard()).unwrap();
        settings.check(&points).unwrap();
        let checked = settings.checked().unwrap();
        let decoder = settings.decoder(&checked, &points).unwrap();
        let plan = checked.plan(decoder.stations().into_iter().collect());
        let group = Group::new(checked.places, checked.timing, (checked.widths, 0), decoder, plan, link.clone());
        (Station::new(group, Arc::new(points), link.clone()), link)
    }

    #[tokio::test]
    async fn a_task_that_ended_without_a_word_is_started_again() {
        for (links, failures, rejects) in [("\"127.0.0.1:1\"", 1, 0), ("\"127.0.0.1:1\", \"127.0.0.1:2\"", 0, 1)] {
            let (mut station, link) = station(links);
            station.start();
            // Before it ran at all: gone as one that panicked.
            station.tasks[0].abort();
            while !station.tasks[0].is_finished() {
                tokio::task::yield_now().await;
            }
            let before = link.status();
            station.start();
            let (status, running) = (link.status(), station.tasks.iter().filter(|task| !task.is_finished()).count());
            assert_eq!(running, station.group.places.len());
            assert_eq!((status.failures - before.failures, status.rejects), (failures, rejects), "{links}");
            let error = status.last_error.unwrap();
            assert!(error.starts_with("127.0.0.1:1") && error.contains("without a word"), "{error}");
            station.close().await;
        }
    }
}

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
    /// Until the tasks run.
    out: Option<mpsc::Sender<Piece<Mark>>>,
    word: watch::Sender<Word>,
    /// The mark of the page handed out last.
    handed: Option<Mark>,
    tasks: Vec<JoinHandle<()>>,
}

impl Station {
    pub(super) fn new(group: Group, points: Arc<Points>, link: Link) -> Self {
        let (out, inlet) = Inlet::new(Assembly::new(points, link.clone()), ROOM);
        let word = watch::Sender::new(Word::default());
        Self { group: Arc::new(group), link, inlet, out: Some(out), word, handed: None, tasks: Vec::new() }
    }

    /// The page handed out last was stored.
    fn stored(&mut self) {
        if let Some(stored) = self.handed.take() {
            self.word.send_modify(|word| word.stored = stored);
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
        if let Some(out) = self.out.take() {
            for index in 0..self.group.places.len() {
                let task = self.group.clone().keep(index, out.clone(), self.word.subscribe());
                self.tasks.push(tokio::spawn(task));
            }
        }
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

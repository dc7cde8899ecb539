//! The source: pages from the task that listens, and the cursor: the last entry of each buffered report that was stored.
//!
//! In: settings, points, a cursor. Out: pages. A buffered report control block keeps its reports until somebody names a later EntryID, so
//! nothing is acknowledged; the cursor is enough. Not here: the link itself.

use super::Settings;
use super::session::{Mark, Session};
use crate::live::{Assembly, Inlet, Link, Points};
use async_trait::async_trait;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Source;
use engine::source::SourceError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Pieces between the task and the pages.
const ROOM: usize = 64;
/// How long a good ending may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// Where each buffered control block stands: reference, EntryIDs in hexadecimal to go on after, the newest first.
pub(super) type Entries = BTreeMap<String, Vec<String>>;

/// A source over one controller.
#[derive(Debug)]
pub(super) struct Reader {
    settings: Settings,
    points: Arc<Points>,
    link: Link,
    entries: Entries,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    inlet: Inlet<Mark>,
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reader {
    /// A source that connects at the first page.
    pub(super) fn new(settings: Settings, points: Arc<Points>, link: Link) -> Self {
        Self { settings, points, link, entries: Entries::new(), running: None }
    }

    fn start(&mut self, after: Option<&Cursor>) -> Running {
        if let Some(cursor) = after {
            match serde_json::from_str(&cursor.0) {
                Ok(entries) => self.entries = entries,
                Err(error) => {
                    self.link.rejected(&format!("the saved place {:?} is none ({error}); everything is read again", cursor.0))
                }
            }
        }
        let (sender, inlet) = Inlet::new(Assembly::new(self.points.clone(), self.link.clone()), ROOM);
        let (closing, is_closing) = watch::channel(false);
        let session =
            Session::new(self.settings.clone(), self.points.clone(), self.link.clone(), sender, is_closing, &self.entries);
        Running { inlet, closing, task: tokio::spawn(session.run()) }
    }
}

#[async_trait]
impl Source for Reader {
    fn name(&self) -> &str {
        self.link.name()
    }

    async fn next_page(&mut self, after: Option<Cursor>) -> Result<Page, SourceError> {
        let running = match self.running.take() {
            Some(running) => running,
            None => self.start(after.as_ref()),
        };
        let running = self.running.insert(running);
        let gathered = match running.inlet.gather().await {
            Ok(gathered) => gathered,
            Err(error) => {
                // The task has ended; asked again, the source begins again.
                self.running = None;
                return Err(error);
            }
        };
        let is_empty = gathered.rows.is_empty() && gathered.rejects.is_empty() && gathered.marks.is_empty();
        if is_empty && running.task.is_finished() {
            self.link.lost("the listening task ended without a word; it is started again");
            self.running = None;
        }
        let is_moved = !gathered.marks.is_empty();
        let stands = |mark: Mark| (mark.reference, mark.entries.iter().map(|entry| hex(entry)).collect());
        self.entries.extend(gathered.marks.into_iter().map(stands));
        let cursor = if is_moved { serde_json::to_string(&self.entries).ok().map(Cursor) } else { None };
        Ok(Page { rows: gathered.rows, rejects: gathered.rejects, cursor, bytes_read: 0, done: false })
    }

    async fn close(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.closing.send_replace(true);
            running.inlet.close();
            if tokio::time::timeout(FAREWELL, &mut running.task).await.is_err() {
                tracing::debug!(connection = self.link.name(), "the controller was slow to say good-bye");
            }
        }
        self.link.enter(crate::live::Phase::Closed);
    }
}

/// Bytes as hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hexadecimal as bytes; `None` for anything else.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |held, digit| (held << 4) | digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::domain::Quantities;
    use engine::domain::Timestamp;

    #[tokio::test]
    async fn a_task_that_ended_without_a_word_is_started_again() {
        let link = Link::new("mms", Timestamp::now);
        let points = Points::brought(Vec::new(), &Quantities::standard()).unwrap();
        let settings = toml::from_str("host = \"127.0.0.1\"\nport = 1").unwrap();
        let mut reader = Reader::new(settings, Arc::new(points), link.clone());
        let (sender, inlet) = Inlet::new(Assembly::new(reader.points.clone(), link.clone()), ROOM);
        sender.try_send(crate::live::Piece::Samples(Vec::new())).unwrap();
        let task = tokio::spawn(async move {
            drop(sender);
            panic!("as on data nobody thought of");
        });
        reader.running = Some(Running { inlet, closing: watch::channel(false).0, task });
        assert_eq!(reader.next_page(None).await.unwrap().rows.len(), 1, "what it left is taken first");
        let page = reader.next_page(None).await.unwrap();
        assert!(page.rows.is_empty() && reader.running.is_none());
        let error = link.status().last_error.unwrap();
        assert!(error.contains("without a word"), "{error}");
        assert_eq!(link.status().phase, crate::live::Phase::Waiting);
        // Asked again, it connects; dropped before that comes to anything.
        drop(tokio::time::timeout(Duration::from_millis(1), reader.next_page(None)).await);
        assert!(reader.running.as_ref().is_some_and(|running| !running.task.is_finished()));
    }
}

//! One turn of work on the directory: a page of the file being read, or a look for the next one.
//!
//! In: what the disk says, and that the page before was stored. Out: pages, moved files, a state people can read. Everything here waits for
//! the disk, so it runs on a thread for that. Not here: waiting between looks.

use super::Done;
use super::Settings;
use super::ledger::Ledger;
use super::ledger::Open;
use super::ledger::Outcome;
use super::open::Reader;
use super::scan::Settling;
use super::scan::Stamp;
use super::scan::look;
use super::shelve;
use crate::file::FileSource;
use crate::live::Link;
use crate::live::Phase;
use engine::domain::Asset;
use engine::domain::AssetId;
use engine::domain::from_micros;
use engine::domain::micros;
use engine::source::Cursor;
use engine::source::Page;
use engine::source::Reject;
use engine::source::Rows;
use engine::source::SourceError;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::time::Instant;

/// Rows this far ahead of our clock are refused, as values of other live sources are.
const AHEAD: i64 = 600_000_000;
/// How long a file is left alone that the system would not let us read or move.
const LATER: Duration = Duration::from_secs(30);

/// What a turn came to.
#[derive(Debug)]
pub(super) enum Turn {
    /// Rows, or rejects, or a new cursor.
    Page(Box<Page>),
    /// Nothing to read now, but something was put away or told.
    Stirred,
    /// Nothing to read now.
    Idle,
    /// The directory cannot be looked at.
    Lost(String),
}

/// The state of the work.
#[derive(Debug)]
pub(super) struct Desk {
    settings: Settings,
    reader: Reader,
    link: Link,
    ledger: Ledger,
    settling: Settling,
    current: Option<Current>,
    resume: Option<Open>,
    /// Files the last look found ready, and when that was: thousands that wait are not looked at again for each of them.
    ready: VecDeque<Stamp>,
    looked: Option<Instant>,
    /// The file read last, to be put away as soon as its last page is stored.
    finished: Option<Stamp>,
    /// Moves that failed, and when they are tried again.
    later: BTreeMap<u64, Instant>,
    reasons: BTreeMap<u64, String>,
    announced: BTreeMap<AssetId, Asset>,
    unnamable: u64,
}

#[derive(Debug)]
struct Current {
    file: Stamp,
    source: FileSource,
    rows: u64,
    rejects: u64,
    first_reject: Option<String>,
}

impl Desk {
    pub(super) fn new(settings: &Settings, reader: &Reader, link: &Link) -> Self {
        Self {
            settings: settings.clone(),
            reader: reader.clone(),
            link: link.clone(),
            ledger: Ledger::default(),
            settling: Settling::default(),
            current: None,
            resume: None,
            ready: VecDeque::new(),
            looked: None,
            finished: None,
            later: BTreeMap::new(),
            reasons: BTreeMap::new(),
            announced: BTreeMap::new(),
            unnamable: 0,
        }
    }

    /// Goes to where a cursor says.
    pub(super) fn go_to(&mut self, cursor: Option<&Cursor>) -> Result<(), SourceError> {
        let place = self.settings.place();
        let read = cursor.map(|cursor| Ledger::read(cursor, &place)).transpose()?;
        (self.ledger, self.resume) = read.unwrap_or_default();
        (self.current, self.finished, self.looked) = (None, None, None);
        self.ready.clear();
        Ok(())
    }

    /// One turn.
    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        if let Some(current) = self.current.take() {
            return self.read(current, now);
        }
        let finished = self.finished.take();
        if let Some((file, outcome)) = finished.and_then(|file| self.ledger.outcome(&file).map(|outcome| (file, outcome))) {
            self.put_away(&file, outcome, now);
        }
        if self.looked.is_some_and(|looked| now.duration_since(looked) < self.settings.every()) {
            while let Some(file) = self.ready.pop_front() {
                if self.is_unchanged(&file) {
                    return self.begin(&file, None, now);
                }
            }
        }
        let seen = match look(&self.settings.directory, self.settings.pattern.as_deref()) {
            Ok(seen) => seen,
            Err(error) => return Turn::Lost(self.settings.unreachable(&error)),
        };
        self.link.enter(Phase::Live);
        if seen.unnamable > self.unnamable {
            let place = self.settings.place();
            self.link.rejected(&format!("{place}: {} names are not UTF-8; rename these files", seen.unnamable));
        }
        self.unnamable = seen.unnamable;
        self.settling.see(&seen.files, now);
        self.ledger.keep_only(&seen.files);
        let mut has_stirred = false;
        for file in &seen.files {
            if let Some(outcome) = self.ledger.outcome(file) {
                has_stirred |= self.put_away(file, outcome, now);
            }
        }
        if let Some(open) = self.resume.take()
            && let Some(file) = seen.files.iter().find(|file| file.name == open.name && file.key() == open.key)
        {
            return self.begin(file, Some(&open), now);
        }
        let wall = self.link.now_micros().saturating_mul(1000);
        let is_ready = |file: &&Stamp| {
            self.ledger.outcome(file).is_none() && self.settling.is_settled(file, self.settings.settle(), wall, now)
        };
        self.ready = seen.files.iter().filter(is_ready).cloned().collect();
        self.looked = Some(now);
        match self.ready.pop_front() {
            Some(file) => self.begin(&file, None, now),
            None if has_stirred => Turn::Stirred,
            None => Turn::Idle,
        }
    }

    fn begin(&mut self, file: &Stamp, open: Option<&Open>, now: Instant) -> Turn {
        let latest = from_micros(micros(self.link.now()).saturating_add(AHEAD));
        let path = self.settings.directory.join(&file.name);
        let opened = self.reader.open(&path, latest, self.settings.page_rows).and_then(|mut source| {
            if let Some(open) = open {
                source.go_after(&Cursor(open.at.clone()))?;
            }
            Ok(source)
        });
        self.link.tell(|| format!("reading {} ({} bytes)", file.name, file.size));
        match opened {
            Ok(source) => {
                let rows = open.map_or(0, |open| open.rows);
                self.read(Current { file: file.clone(), source, rows, rejects: 0, first_reject: None }, now)
            }
            Err(error) => self.failed(file, &error, now),
        }
    }

    fn read(&mut self, mut current: Current, now: Instant) -> Turn {
        let page = match current.source.read_page() {
            Ok(page) if self.is_unchanged(&current.file) => page,
            // Somebody writes on: what was read so far is right or will be written over; the whole is read once it stands still.
            Ok(_) => {
                self.link.tell(|| format!("{} changed while it was read; it is read again", current.file.name));
                return self.page(Vec::new(), Vec::new(), None);
            }
            Err(error) => return self.failed(&current.file, &error, now),
        };
        let mut rows = page.rows;
        rows.retain_mut(|rows| self.is_news(rows));
        current.rows += self.count(&rows);
        current.rejects += page.rejects.len() as u64;
        current.first_reject = current.first_reject.or_else(|| page.rejects.first().map(|reject| reject.detail.clone()));
        if let Some(reject) = page.rejects.first() {
            self.link.rejected(&format!("{}: {}", current.file.name, reject.detail));
        }
        if page.done {
            let is_refused = current.rows == 0 && current.rejects > 0;
            if let Some(first) = current.first_reject.filter(|_| is_refused) {
                self.reasons.insert(current.file.key(), format!("no row could be read; the first: {first}"));
            }
            self.enter(&current.file, if is_refused { Outcome::Refused } else { Outcome::Read });
            self.finished = Some(current.file.clone());
            self.link.tell(|| format!("{}: {} rows, {} refused", current.file.name, current.rows, current.rejects));
            return self.page(rows, page.rejects, None);
        }
        let at = page.cursor.map_or_else(String::new, |cursor| cursor.0);
        let open = Open { name: current.file.name.clone(), key: current.file.key(), at, rows: current.rows };
        self.current = Some(current);
        self.page(rows, page.rejects, Some(&open))
    }

    fn page(&self, rows: Vec<Rows>, rejects: Vec<Reject>, open: Option<&Open>) -> Turn {
        Turn::Page(Box::new(Page { rows, rejects, cursor: Some(self.ledger.cursor(open)), bytes_read: 0, done: false }))
    }

    fn is_unchanged(&self, file: &Stamp) -> bool {
        Stamp::of(&self.settings.directory, &file.name).ok().flatten().as_ref() == Some(file)
    }

    fn enter(&mut self, file: &Stamp, outcome: Outcome) {
        if self.ledger.enter(file, outcome) {
            let place = self.settings.place();
            self.link.rejected(&format!(
                "{place}: more than {} read files lie here; a file older than these that comes now is passed over; set done = \"move\"",
                super::ledger::ROOM
            ));
        }
    }

    /// Assets are handed on once; true for everything that is left.
    fn is_news(&mut self, rows: &mut Rows) -> bool {
        let Rows::Assets(assets) = rows else { return true };
        assets.retain(|asset| self.announced.get(&asset.id) != Some(asset));
        self.announced.extend(assets.iter().map(|asset| (asset.id.clone(), asset.clone())));
        !assets.is_empty()
    }

    /// Counts for the state; the number of rows.
    fn count(&self, rows: &[Rows]) -> u64 {
        let (mut lines, mut values, mut bad, mut newest) = (0, 0, 0, None);
        for rows in rows {
            match rows {
                Rows::Readings(readings) => {
                    lines += readings.len() as u64;
                    newest = newest.max(readings.times().iter().flatten().max());
                    let columns = readings.quantities();
                    let columns = columns.iter().filter_map(|quantity| readings.values(quantity));
                    values += columns.map(|column| (column.len() - arrow::array::Array::null_count(column)) as u64).sum::<u64>();
                }
                Rows::Other(_, batch) => bad += batch.num_rows() as u64,
                Rows::Assets(_) => {}
            }
        }
        self.link.received(values, bad, newest);
        lines
    }

    /// A file that cannot be read: tried again where that may help, else put into `failed/`.
    fn failed(&mut self, file: &Stamp, error: &SourceError, now: Instant) -> Turn {
        if !self.is_unchanged(file) {
            return Turn::Idle;
        }
        if let SourceError::Io { cause, .. } = error
            && cause.raw_os_error().is_some()
        {
            self.settling.hold(file, now + LATER);
            self.link.rejected(&format!("{error}; it stays where it is and is tried again{}", remedy(cause)));
            return Turn::Stirred;
        }
        let settle = self.settings.settle();
        if !self.settling.has_stood(file, settle, now) {
            // It may be half of what it will be.
            self.settling.hold(file, now + settle);
            self.link.tell(|| format!("{error}; it is looked at again"));
            return Turn::Idle;
        }
        let reason = error.to_string();
        self.link.rejected(&reason);
        let reject = Reject { line: None, reason: "unreadable_file", detail: reason.clone(), raw: file.name.clone() };
        self.reasons.insert(file.key(), reason);
        self.enter(file, Outcome::Refused);
        self.finished = Some(file.clone());
        self.page(Vec::new(), vec![reject], None)
    }

    /// Its rows are stored: moves it, removes it, or leaves it. True when anything was done or told. One that changed since its last page was
    /// read holds rows that nobody has: it stays, and is read whole as the new file it is.
    fn put_away(&mut self, file: &Stamp, outcome: Outcome, now: Instant) -> bool {
        let is_later = || self.later.get(&file.key()).is_some_and(|later| now < *later);
        if self.settings.done == Done::Mark || is_later() || !self.is_unchanged(file) {
            return false;
        }
        let directory = &self.settings.directory;
        let moved = match (self.settings.done, outcome) {
            (_, Outcome::Refused) => {
                let known = self.reasons.get(&file.key()).map_or("no row could be read; see the rejected rows", String::as_str);
                shelve::refuse(directory, &file.name, known).map(Some)
            }
            (Done::Delete, Outcome::Read) => std::fs::remove_file(directory.join(&file.name)).map(|()| None),
            (Done::Move | Done::Mark, Outcome::Read) => {
                let day = self.link.now().strftime("%Y-%m-%d").to_string();
                shelve::put(directory, &file.name, &["done", &day]).map(Some)
            }
        };
        match moved {
            Ok(to) => {
                self.later.remove(&file.key());
                self.reasons.remove(&file.key());
                let to = to.map_or_else(|| "away".into(), |to| to.display().to_string());
                self.link.tell(|| format!("{} went {to}", file.name));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                self.later.insert(file.key(), now + LATER);
                let path = directory.join(&file.name);
                let path = path.display();
                self.link.rejected(&format!("{path} was read and cannot be put away: {error}{}", remedy(&error)));
            }
        }
        true
    }
}

fn remedy(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; the disk is full: make room",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; let this service read and write there, or set done = \"mark\" where it may only read"
        }
        _ => "",
    }
}

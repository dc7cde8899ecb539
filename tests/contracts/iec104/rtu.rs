//! A scripted controlled station: keeps every event until it is acknowledged, sends what was not again over the next link, as stations do.
//!
//! In: ASDUs to send, answers to interrogations. Out: what a master did: the ASDUs it sent, how many events it acknowledged, where it broke
//! the standard. Not here: values and types; the third party for these is c104.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

#[derive(Debug)]
struct Shared {
    /// Events not yet acknowledged, the oldest first.
    events: Mutex<VecDeque<Vec<u8>>>,
    /// Objects sent to an interrogation.
    answers: Mutex<Vec<Vec<u8>>>,
    more: Notify,
    /// The connection that is started.
    leader: watch::Sender<u64>,
    connections: AtomicU64,
    acknowledged: AtomicU64,
    heard: Mutex<Vec<Vec<u8>>>,
    faults: Mutex<Vec<String>>,
    window: u16,
    patience: Duration,
}

/// The station; its events outlive [`Rtu::kill`].
#[derive(Debug)]
pub(super) struct Rtu {
    pub(super) ports: Vec<u16>,
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Rtu {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Rtu {
    /// Listens on `links` ports, with a window of `window` frames that must be acknowledged within `patience`.
    pub(super) async fn start(links: usize, window: u16, patience: Duration) -> Self {
        let shared = Arc::new(Shared {
            events: Mutex::default(),
            answers: Mutex::default(),
            more: Notify::new(),
            leader: watch::Sender::new(0),
            connections: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            heard: Mutex::default(),
            faults: Mutex::default(),
            window,
            patience,
        });
        let ports = (0..links).map(|_| crate::contracts::peer::free_port()).collect();
        let mut rtu = Self { ports, shared, tasks: Vec::new() };
        for index in 0..links {
            rtu.listen(index).await;
        }
        rtu
    }

    /// Listens again on a port.
    pub(super) async fn listen(&mut self, index: usize) {
        let listener = TcpListener::bind(("127.0.0.1", self.ports[index])).await.unwrap();
        let shared = self.shared.clone();
        self.tasks.push(tokio::spawn(async move {
            let mut links = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let id = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
                links.spawn(serve(stream, id, shared.clone()));
            }
        }));
    }

    /// All connections and listeners of one link, or of all, end at once.
    pub(super) async fn kill(&mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            drop(task.await);
        }
    }

    /// The link at `index` ends; the others stay.
    pub(super) async fn kill_link(&mut self, index: usize) {
        let task = self.tasks.remove(index);
        task.abort();
        drop(task.await);
    }

    pub(super) fn push(&self, asdus: impl IntoIterator<Item = Vec<u8>>) {
        self.shared.events.lock().unwrap().extend(asdus);
        self.shared.more.notify_waiters();
    }

    pub(super) fn answer(&self, asdus: Vec<Vec<u8>>) {
        *self.shared.answers.lock().unwrap() = asdus;
    }

    /// Events acknowledged so far.
    pub(super) fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// Links made so far.
    pub(super) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// ASDUs the master sent.
    pub(super) fn heard(&self) -> Vec<Vec<u8>> {
        self.shared.heard.lock().unwrap().clone()
    }

    /// Panics when the master broke the standard or sent anything but interrogations.
    pub(super) fn check(&self) {
        assert_eq!(*self.shared.faults.lock().unwrap(), Vec::<String>::new());
        for asdu in self.heard() {
            assert!(matches!(asdu[0], 100 | 101), "only interrogations are sent, this is {asdu:02x?}");
        }
    }
}

fn frame(control: [u8; 4], asdu: &[u8]) -> Vec<u8> {
    [&[0x68, 4 + asdu.len() as u8], &control[..], asdu].concat()
}

/// One link's state.
struct Line {
    id: u64,
    is_started: bool,
    next: u16,
    expected: u16,
    /// True for an event, false for an answer.
    open: VecDeque<(bool, Instant)>,
    /// Events among them.
    events: usize,
    answers: VecDeque<Vec<u8>>,
}

impl Line {
    /// The next ASDU to send, if the window lets it.
    fn take(&mut self, shared: &Shared) -> Option<Vec<u8>> {
        if !self.is_started || self.open.len() >= usize::from(shared.window) {
            return None;
        }
        let answer = self.answers.pop_front();
        let is_event = answer.is_none();
        let asdu = answer.or_else(|| shared.events.lock().unwrap().get(self.events).cloned())?;
        self.events += usize::from(is_event);
        self.open.push_back((is_event, Instant::now()));
        let ([a, b], [c, d]) = ((self.next << 1).to_le_bytes(), (self.expected << 1).to_le_bytes());
        self.next = (self.next + 1) & 0x7FFF;
        Some(frame([a, b, c, d], &asdu))
    }

    fn confirm(&mut self, until: u16, shared: &Shared) -> Result<(), String> {
        let first = self.next.wrapping_sub(self.open.len() as u16) & 0x7FFF;
        let count = usize::from(until.wrapping_sub(first) & 0x7FFF);
        if count > self.open.len() {
            return Err(format!("acknowledges {until}, {first} to {} are open", self.next));
        }
        let events = self.open.drain(..count).filter(|(is_event, _)| *is_event).count();
        self.events -= events;
        if *shared.leader.borrow() != self.id {
            // Another link was started since: it sends them again.
            return Ok(());
        }
        shared.events.lock().unwrap().drain(..events);
        shared.acknowledged.fetch_add(events as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Takes one frame; what to answer.
    fn hear(&mut self, octets: &[u8], shared: &Shared) -> Result<Vec<u8>, String> {
        let number = |at: usize| u16::from_le_bytes([octets[at], octets[at + 1]]) >> 1;
        if octets[2] & 1 == 0 {
            if number(2) != self.expected {
                return Err(format!("sends frame {}, {} is due", number(2), self.expected));
            }
            self.expected = (self.expected + 1) & 0x7FFF;
            self.confirm(number(4), shared)?;
            let asdu = octets[6..].to_vec();
            let said = |cause: u8| [&asdu[..2], &[cause], &asdu[3..]].concat();
            self.answers.push_back(said(7));
            self.answers.extend(shared.answers.lock().unwrap().iter().cloned());
            self.answers.push_back(said(10));
            shared.heard.lock().unwrap().push(asdu);
            return Ok(Vec::new());
        }
        match octets[2] {
            1 => self.confirm(number(4), shared).map(|()| Vec::new()),
            0x07 => {
                self.is_started = true;
                shared.leader.send_replace(self.id);
                Ok(frame([0x0B, 0, 0, 0], &[]))
            }
            0x13 => {
                self.is_started = false;
                Ok(frame([0x23, 0, 0, 0], &[]))
            }
            0x43 => Ok(frame([0x83, 0, 0, 0], &[])),
            other => Err(format!("sends control 0x{other:02x}, which nothing asked for")),
        }
    }
}

async fn serve(mut stream: TcpStream, id: u64, shared: Arc<Shared>) {
    drop(stream.set_nodelay(true));
    let mut leader = shared.leader.subscribe();
    let mut line = Line { id, is_started: false, next: 0, expected: 0, open: VecDeque::new(), events: 0, answers: VecDeque::new() };
    let mut octets = Vec::new();
    loop {
        let more = shared.more.notified();
        let mut out = Vec::new();
        while let Some(frame) = line.take(&shared) {
            out.extend(frame);
        }
        if !out.is_empty() && stream.write_all(&out).await.is_err() {
            return;
        }
        let dead = line.open.front().map_or(Duration::from_secs(3600), |(_, at)| shared.patience.saturating_sub(at.elapsed()));
        tokio::select! {
            read = stream.read_buf(&mut octets) => if !matches!(read, Ok(1..)) { return },
            () = more => {}
            _ = leader.changed() => line.is_started &= *leader.borrow_and_update() == id,
            // Unacknowledged for longer than t1: the link is given up, the events stay.
            () = tokio::time::sleep(dead) => return,
        }
        while octets.len() >= 2 && octets.len() >= usize::from(octets[1]) + 2 {
            let frame: Vec<u8> = octets.drain(..usize::from(octets[1]) + 2).collect();
            match line.hear(&frame, &shared) {
                Ok(answer) if answer.is_empty() => {}
                Ok(answer) => {
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
                Err(fault) => {
                    shared.faults.lock().unwrap().push(format!("link {id}: the master {fault}"));
                    return;
                }
            }
        }
    }
}

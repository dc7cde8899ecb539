//! A wire with somebody on it: a TCP proxy that cuts, stalls, corrupts and writes down what we send.
//!
//! In: the peer's port. Out: a port to connect to. Not here: what the bytes mean; the protocol's test looks for commands in them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What happens to bytes from the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    /// Everything passes.
    Fair = 0,
    /// Nothing passes, nothing is refused: a cable pulled far away.
    Silent = 1,
    /// Bytes from the peer are changed, left out, repeated and put in the wrong order.
    Hostile = 2,
    /// Connections are refused.
    Closed = 3,
}

#[derive(Debug)]
struct Shared {
    weather: AtomicU8,
    seed: AtomicU64,
    sent: Mutex<Vec<u8>>,
    cut: Notify,
    connections: AtomicU64,
}

/// A proxy on loopback; gone when dropped.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.cut.notify_waiters();
    }
}

impl Wire {
    /// A wire to `127.0.0.1:port`.
    pub(super) async fn to(port: u16) -> Self {
        Self::between("127.0.0.1", port).await
    }

    /// The same, listening at another address of ours.
    pub(super) async fn between(host: &str, port: u16) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            weather: AtomicU8::new(Weather::Fair as u8),
            seed: AtomicU64::new(1),
            sent: Mutex::new(Vec::new()),
            cut: Notify::new(),
            connections: AtomicU64::new(0),
        });
        let state = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if state.is(Weather::Closed) {
                    continue;
                }
                state.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(carry(near, SocketAddr::from(([127, 0, 0, 1], port)), state.clone()));
            }
        });
        Self { port: own, shared, task }
    }

    /// From now on.
    pub(super) fn set(&self, weather: Weather) {
        self.shared.weather.store(weather as u8, Ordering::Relaxed);
        if weather == Weather::Closed {
            self.cut();
        }
    }

    /// All connections end now; new ones are taken.
    pub(super) fn cut(&self) {
        self.shared.cut.notify_waiters();
    }

    /// Seed of what is corrupted next.
    pub(super) fn seed(&self, seed: u64) {
        self.shared.seed.store(seed.max(1), Ordering::Relaxed);
    }

    /// Connections made so far.
    pub(super) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Everything we sent to the peer, connection after connection.
    pub(super) fn sent(&self) -> Vec<u8> {
        self.shared.sent.lock().unwrap().clone()
    }
}

impl Shared {
    fn is(&self, weather: Weather) -> bool {
        self.weather.load(Ordering::Relaxed) == weather as u8
    }

    /// Xorshift: the same bytes for the same seed.
    fn random(&self) -> u64 {
        let mut x = self.seed.load(Ordering::Relaxed);
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.seed.store(x, Ordering::Relaxed);
        x
    }

    fn spoil(&self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.random() % 3 {
            let at = (self.random() as usize) % bytes.len().max(1);
            match self.random() % 5 {
                0 if !bytes.is_empty() => bytes[at] = self.random() as u8,
                1 if !bytes.is_empty() => bytes.truncate(at),
                2 => bytes.splice(at..at, (0..self.random() % 64).map(|n| n as u8)).for_each(drop),
                3 => bytes.extend_from_within(..at),
                _ => bytes.reverse(),
            }
        }
    }
}

async fn carry(near: TcpStream, far: SocketAddr, shared: Arc<Shared>) {
    let Ok(far) = TcpStream::connect(far).await else { return };
    // Small frames must not wait for each other.
    drop((near.set_nodelay(true), far.set_nodelay(true)));
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let cut = shared.cut.notified();
    tokio::pin!(cut);
    cut.as_mut().enable();
    tokio::select! {
        () = pass(near_in, far_out, &shared, true) => {}
        () = pass(far_in, near_out, &shared, false) => {}
        () = cut => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, is_ours: bool) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        let mut bytes = buffer[..read].to_vec();
        if is_ours {
            shared.sent.lock().unwrap().extend_from_slice(&bytes);
        }
        while shared.is(Weather::Silent) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if shared.is(Weather::Hostile) && !is_ours {
            shared.spoil(&mut bytes);
        }
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

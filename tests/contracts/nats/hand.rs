//! A nats-server of its own, and a hand that fills it over the text protocol.
//!
//! In: subjects and payloads. Out: a server on loopback with JetStream, its store in a temporary folder, so that it can be killed and started
//! again. Not here: what is tested.

use super::super::peer::{Peer, free_port};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SERVER: &str = "/usr/sbin/nats-server";
const STARTS_WITHIN: Duration = Duration::from_secs(20);

pub(super) struct Server {
    pub(super) port: u16,
    process: Peer,
    store: tempfile::TempDir,
}

impl Server {
    /// `None` after saying how to get one.
    pub(super) fn start() -> Option<Self> {
        if !std::path::Path::new(SERVER).exists() {
            assert!(std::env::var_os("CI").is_none(), "{SERVER} is missing; `make test-bus` installs it");
            eprintln!("skipped: no {SERVER}; Debian: apt-get install nats-server");
            return None;
        }
        let (port, store) = (free_port(), tempfile::tempdir().unwrap());
        let process = run(port, store.path());
        Some(Self { port, process, store })
    }

    pub(super) fn kill(&mut self) {
        self.process.kill();
    }

    pub(super) fn restart(&mut self) {
        self.process = run(self.port, self.store.path());
    }

    pub(super) fn hand(&self) -> Hand {
        Hand::new(self.port)
    }

    /// Makes the stream PLANT with everything under `plant`.
    pub(super) fn stream(&self) -> Hand {
        let mut hand = self.hand();
        let made = hand.ask(
            "$JS.API.STREAM.CREATE.PLANT",
            &json!({"name": "PLANT", "subjects": ["plant.>"], "storage": "file", "retention": "limits", "num_replicas": 1})
                .to_string(),
        );
        assert!(made.get("error").is_none(), "{made}");
        hand
    }
}

fn run(port: u16, store: &std::path::Path) -> Peer {
    let mut command = Command::new(SERVER);
    command.args(["-a", "127.0.0.1", "-js", "-p", &port.to_string(), "-sd"]).arg(store).stderr(Stdio::null());
    let process = Peer::start(command);
    let end = Instant::now() + STARTS_WITHIN;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "nats-server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    process
}

/// A client of the text protocol.
pub(super) struct Hand {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Hand {
    fn new(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut hand = Self { lines: BufReader::new(stream.try_clone().unwrap()), stream };
        hand.send(
            "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":false}\r\nSUB _INBOX.hand 1\r\n",
        );
        hand
    }

    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Publishes without waiting: plain subjects.
    pub(super) fn shout(&mut self, subject: &str, payload: &str) {
        self.send(&format!("PUB {subject} {}\r\n{payload}\r\n", payload.len()));
    }

    /// Asks and waits for the answer.
    pub(super) fn ask(&mut self, subject: &str, payload: &str) -> Value {
        self.send(&format!("PUB {subject} _INBOX.hand {}\r\n{payload}\r\n", payload.len()));
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            if line.starts_with("PING") {
                self.send("PONG\r\n");
            }
            if let Some(head) = line.strip_prefix("MSG ") {
                let size: usize = head.split_whitespace().last().unwrap().parse().unwrap();
                let mut body = vec![0; size + 2];
                self.lines.read_exact(&mut body).unwrap();
                return serde_json::from_slice(&body[..size]).unwrap();
            }
            assert!(!line.is_empty() && !line.starts_with("-ERR"), "{line}");
        }
    }

    /// Publishes to the stream and waits until it is kept.
    pub(super) fn publish(&mut self, subject: &str, payload: &str) {
        let answer = self.ask(subject, payload);
        assert!(answer["seq"].is_u64(), "{answer}");
    }
}

/// What a client published, from its bytes: subject and payload. Connections follow each other or interleave between whole lines.
pub(super) fn published(sent: &[u8]) -> Vec<(String, String)> {
    let (mut rest, mut all) = (sent, Vec::new());
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 2..];
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "PUB" | "HPUB" => {
                let size: usize = words[words.len() - 1].parse().unwrap();
                all.push((words[1].to_owned(), String::from_utf8_lossy(&rest[..size]).into_owned()));
                rest = &rest[size + 2..];
            }
            "CONNECT" | "SUB" | "UNSUB" | "PING" | "PONG" => {}
            other => panic!("{other:?} in {line:?}"),
        }
    }
    all
}

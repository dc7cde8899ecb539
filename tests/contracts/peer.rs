//! A peer of somebody else's making in a process of its own, told what to do by lines of JSON.
//!
//! In: a Python script of `contracts/peers` and its arguments, or a program. Out: its answers, one line each. Stopped by its process id when
//! dropped. Not here: what the lines mean.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a peer may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// A running peer.
#[derive(Debug)]
pub(super) struct Peer {
    process: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

/// A port nobody listens at now.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The interpreter with the peers' packages, or `None` after saying how to get one.
pub(super) fn python() -> Option<std::ffi::OsString> {
    let python = std::env::var_os("CHERGUI_PYTHON").filter(|python| std::path::Path::new(python).exists());
    if python.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CHERGUI_PYTHON is not set; .ci/run sets it");
        eprintln!("skipped: CHERGUI_PYTHON names no interpreter; `make setup` installs one, then `source .ci/env.sh`");
    }
    python
}

impl Peer {
    /// Starts a script of `contracts/peers`; it says `{"ready": true}` when it listens.
    pub(super) fn python(script: &str, arguments: &[&str]) -> Option<Self> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/peers");
        // The test crate's own folder, wherever it was built from.
        let folder = if folder.exists() { folder } else { std::path::Path::new(file!()).parent()?.join("peers") };
        let mut command = Command::new(python()?);
        command.arg("-u").arg(folder.join(script)).args(arguments);
        let peer = Self::start(command);
        let ready = peer.answer();
        assert_eq!(ready["ready"], true, "{script}: {ready}");
        Some(peer)
    }

    /// Starts a program whose standard output is read line by line.
    pub(super) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = process.stdout.take().expect("piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let input = process.stdin.take();
        Self { process, input, lines }
    }

    /// The next line, as JSON.
    pub(super) fn answer(&self) -> Value {
        let line = self.lines.recv_timeout(ANSWERS_WITHIN).expect("the peer answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    /// Sends a line and waits for its answer.
    pub(super) fn ask(&mut self, order: &Value) -> Value {
        writeln!(self.input.as_mut().expect("piped"), "{order}").unwrap();
        let answer = self.answer();
        assert!(answer.get("error").is_none(), "{order}: {answer}");
        answer
    }

    /// As `kill -9`.
    pub(super) fn kill(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        self.process.wait().unwrap();
    }

    /// Stops the process where it is (SIGSTOP) or lets it go on (SIGCONT).
    pub(super) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([OsStr::new(name), OsStr::new(&id)]).status().unwrap().success());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

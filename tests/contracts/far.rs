//! A peer behind a network of its own, whose cable can be pulled: packets are lost, nothing is refused, new connections hang.
//!
//! In: the peer's port. Out: an address in a network namespace that leads to it. Needs root and `ip` (Debian's iproute2); without them a
//! test says so and is skipped. Not here: what is asserted.

use super::peer::{Peer, python};
use super::wire::Wire;
use serde::{Serialize, de::DeserializeOwned};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

static MADE: AtomicU32 = AtomicU32::new(0);

/// How long a cable stays pulled.
pub(super) fn stretch() -> Duration {
    Duration::from_secs(if std::env::var_os("CHERGUI_LONG").is_some() { 60 } else { 4 })
}

/// A namespace with two cables: one to us, which can be pulled, one to the peer.
#[derive(Debug)]
pub(super) struct Far {
    pub(super) host: String,
    pub(super) port: u16,
    name: String,
    wire: Wire,
    _relay: Peer,
}

/// Runs `ip`; what it says when it fails.
fn ip(words: &str) -> Result<(), String> {
    let output = Command::new("ip").args(words.split(' ')).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

impl Drop for Far {
    fn drop(&mut self) {
        // Its ends of the cables go with it.
        drop(ip(&format!("netns del {}", self.name)));
    }
}

impl Far {
    /// A network between us and `127.0.0.1:port`; `None` after saying why there is none.
    pub(super) async fn to(port: u16) -> Option<Self> {
        let python = python()?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let id = std::process::id();
        let name = format!("chergui{id}x{number}");
        if let Err(problem) = ip(&format!("netns add {name}")) {
            eprintln!("skipped: no network namespace can be made ({problem}); run as root, with iproute2");
            return None;
        }
        // 10.213.0.0/16, four addresses per cable.
        let block = (id.wrapping_mul(61).wrapping_add(number * 2)) % 8000 * 2;
        let address = |cable: u32, end: u32| {
            let at = (block + cable) * 4 + end;
            format!("10.213.{}.{}", at / 256, at % 256)
        };
        for (cable, end) in [(0, "a"), (1, "b")] {
            let (ours, theirs) = (format!("cg{}{end}", id % 100_000 * 100 + number % 100), "far".to_owned() + end);
            for words in [
                format!("link add {ours} type veth peer name {theirs} netns {name}"),
                format!("addr add {}/30 dev {ours}", address(cable, 1)),
                format!("link set {ours} up"),
                format!("-n {name} addr add {}/30 dev {theirs}", address(cable, 2)),
                format!("-n {name} link set {theirs} up"),
            ] {
                ip(&words).unwrap_or_else(|problem| panic!("ip {words}: {problem}"));
            }
        }
        let wire = Wire::between(&address(1, 1), port).await;
        let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts/peers/relay.py");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &name]).arg(python).arg("-u").arg(script);
        command.args([address(0, 2), address(1, 1), wire.port.to_string()]);
        let relay = Peer::start(command);
        let port = relay.answer()["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        Some(Self { host: address(0, 2), port, name, wire, _relay: relay })
    }

    /// The same settings, through this network; theirs name `127.0.0.1` and the port.
    pub(super) fn through<S: Serialize + DeserializeOwned>(&self, settings: &S) -> S {
        let text = serde_json::to_string(settings).unwrap();
        assert!(text.contains("127.0.0.1"), "{text}");
        serde_json::from_str(&text.replace("127.0.0.1", &self.host)).unwrap()
    }

    /// Pulls the cable.
    pub(super) fn cut(&self) {
        ip(&format!("-n {} link set fara down", self.name)).unwrap();
    }

    /// Puts it in again.
    pub(super) fn mend(&self) {
        ip(&format!("-n {} link set fara up", self.name)).unwrap();
    }

    /// Connections made so far.
    pub(super) fn connections(&self) -> u64 {
        self.wire.connections()
    }
}

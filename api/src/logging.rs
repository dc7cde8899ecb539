//! Log lines on standard error; `RUST_LOG` chooses (default: our crates at info, the rest at warn).

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// What OPC UA's crate says of certificates and lost links, our own lines say with the connection and the remedy.
const QUIET: &str =
    "warn,opcua_client=off,opcua_core=off,opcua_crypto=off,opcua_server=off,api=info,engine=info,connectors=info,datasets=info";

/// Starts logging once per process; a second call changes nothing.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(QUIET));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    if started.is_err() {
        tracing::debug!("logging was already started");
    }
}

//! The server: bound, then run until somebody stops it; running requests finish, event streams end, the store is flushed.

use crate::guard;
use crate::routes;
use crate::state::AppState;
use actix_web::dev::ServerHandle;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, web};
use engine::store::StoreError;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why the server could not start or end well.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be taken.
    #[error("cannot listen at {address}: {cause}; another program may use the port, choose one with `bind` or --bind")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The server broke down.
    #[error("the server stopped: {cause}")]
    Run {
        /// What the system said.
        cause: io::Error,
    },
    /// The store could not be flushed; its rows are safe in the log.
    #[error("the store could not be flushed at shutdown: {0}; the rows are safe in the log")]
    Flush(#[from] StoreError),
}

/// A bound server.
pub struct Server {
    address: SocketAddr,
    running: actix_web::dev::Server,
    state: AppState,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Stops a server from anywhere.
#[derive(Debug, Clone)]
pub struct Stopper {
    state: AppState,
    handle: ServerHandle,
}

impl Stopper {
    /// Stops accepting, ends event streams, waits for running requests. [`Server::run`] then returns.
    pub async fn stop(&self) {
        self.state.stopping.cancel();
        self.handle.stop(true).await;
    }
}

/// Binds a server to `config.bind`; it answers once [`Server::run`] is polled. Must be called inside a tokio runtime.
///
/// # Errors
/// [`ServerError::Bind`].
pub fn build(state: AppState) -> Result<Server, ServerError> {
    let address = state.config.bind;
    let shared = web::Data::new(state.clone());
    let mut server = HttpServer::new(move || {
        App::new().app_data(shared.clone()).configure(routes::configure).wrap(Compress::default()).wrap(from_fn(guard::observe))
    })
    .disable_signals()
    .shutdown_timeout(state.config.limits.shutdown_seconds);
    if state.config.workers > 0 {
        server = server.workers(state.config.workers);
    }
    let bound = server.bind(address).map_err(|cause| ServerError::Bind { address, cause })?;
    let address = bound.addrs().first().copied().unwrap_or(address);
    Ok(Server { address, running: bound.run(), state })
}

impl Server {
    /// Where it listens; the port is the real one when the configuration said 0.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stops it.
    pub fn stopper(&self) -> Stopper {
        Stopper { state: self.state.clone(), handle: self.running.handle() }
    }

    /// Serves until stopped, then flushes the store. Signals are the binary's: on SIGTERM it calls [`Stopper::stop`].
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn run(self) -> Result<(), ServerError> {
        let ended = self.running.await;
        self.state.stopping.cancel();
        ended.map_err(|cause| ServerError::Run { cause })?;
        self.state.ingest.letters.drain(&self.state.store).await;
        self.state.store.flush().await?;
        Ok(())
    }

    /// As [`Server::run`], and stops at SIGTERM or Ctrl-C.
    ///
    /// # Errors
    /// [`ServerError`]; [`ServerError::Run`] also when signals cannot be heard.
    pub async fn run_until_signal(self) -> Result<(), ServerError> {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(|cause| ServerError::Run { cause })?;
        let stopper = self.stopper();
        let listening = tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                // Without a Ctrl-C handler SIGTERM still works, so its failure only means: do not wait for it.
                Ok(()) = tokio::signal::ctrl_c() => {}
            }
            tracing::info!("stopping: no new requests, running ones finish");
            stopper.stop().await;
        });
        let ended = self.run().await;
        listening.abort();
        ended
    }
}

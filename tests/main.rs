//! The one integration binary of the house.

/// The real server on a free port, spoken to over HTTP.
mod http;
/// Delta tables as other programs read them.
mod interop;
/// The SQL files in `slt/`.
mod sql;
/// The real outbox against a real receiver that fails first.
mod webhook;

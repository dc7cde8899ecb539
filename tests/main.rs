//! The one integration binary of the house.

// The real server on a free port, spoken to over HTTP.
mod http;
// The real outbox against a real receiver that fails first.
mod webhook;

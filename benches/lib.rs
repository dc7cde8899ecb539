//! Nothing lives here; the crate exists for its benches.

//! The one integration binary of the house.

/// Delta tables as other programs read them.
mod interop;
/// The SQL files in `slt/`.
mod sql;

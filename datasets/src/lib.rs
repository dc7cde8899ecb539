//! Known data.

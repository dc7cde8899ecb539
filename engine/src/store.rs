//! The only room that touches a disk.

pub mod ledger;

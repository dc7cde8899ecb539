//! Mapping files: which column of a vendor's file is which of our quantities, in which unit, on which clock, for which asset.
//!
//! In: TOML text. Out: a [`Mapping`] checked as far as that is possible without the file; the rest is checked against
//! the file's header before the first row. Every key is documented at [`Spec`]; worked examples are in `datasets/mappings`.
//!
//! # Twin rows (`duplicates.policy = "least_jump"`)
//! Some loggers stamp the hour before a clock change with the hour after it: every key of that hour then comes twice, and
//! the hour before is missing. Runs of twins are collected per asset; for each pair one row stays, the other moves
//! `shift` earlier, and of all ways to choose the one with the least sum of `|step| / scale` over the `jump` quantities,
//! neighbours included, is taken. Moved values are kept as questionable with the reason `moved_twin`. Where the earlier
//! slot is taken the later row stays and the other is rejected. Rows of one asset may be out of order by up to a day.

mod check;
mod clock;
mod plan;
mod spec;

pub(crate) use clock::Clock;
pub use plan::Mapping;
pub(crate) use plan::{Duplicates, Lane, Value};
pub use spec::{AssetEntry, AssetSpec, ColumnSpec, DuplicatesSpec, FormatSpec, InvalidSpec, JumpSpec, Spec, SumSpec, TimeSpec};

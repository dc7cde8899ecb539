//! Is everything there and as it was written? Reads all of a store that nobody has open, and changes nothing.
//!
//! In: where the store is. Out: findings: which file, what is wrong, which rows it held, what to do. Damage is found by sums (of
//! Parquet files and log files, in their names; of commits, in themselves), and by reading every page.

mod commits;
mod table;

use super::StoreError;
use super::StoreOptions;
use super::disk::Disk;
use super::disk::RealDisk;
use super::keys::clock;
use super::keys::key_columns;
use super::ledger;
use super::lock;
use super::log;
use super::place::Place;
use super::registry;
use crate::domain::Table;
use arrow::datatypes::Schema;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// Nothing is lost: a file nobody needs, a check that could not be made.
    None,
    /// Rows are lost or wrong, or will be.
    Damage,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub harm: Harm,
    /// Path or address of the file.
    pub file: String,
    /// What is wrong.
    pub problem: String,
    /// Which rows it held: table, assets, times, as far as known.
    pub covers: String,
    /// What to do.
    pub remedy: &'static str,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Findings, the worst first.
    pub findings: Vec<Finding>,
    /// Tables read.
    pub tables: usize,
    /// Files of tables read.
    pub files: usize,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Files of the log read.
    pub log_files: usize,
}

impl Verified {
    /// True when rows are lost or wrong.
    pub fn is_damaged(&self) -> bool {
        self.findings.iter().any(|finding| finding.harm == Harm::Damage)
    }

    fn add(&mut self, harm: Harm, file: impl Into<String>, problem: impl Into<String>, covers: String, remedy: &'static str) {
        self.findings.push(Finding { harm, file: file.into(), problem: problem.into(), covers, remedy });
    }
}

const RESTORE: &str = "restore the store from a backup (`chergui restore`), or import those rows again from their source";

/// Reads everything. `each` hears of every file as it is done.
///
/// # Errors
/// [`StoreError::Locked`] when a process has the store open; [`StoreError`] when the place cannot be read at all.
pub async fn verify(options: &StoreOptions, each: &(dyn Fn(&str) + Send + Sync)) -> Result<Verified, StoreError> {
    let io = |action: &'static str| {
        let path = options.root.clone();
        move |cause| StoreError::Io { action, path, cause }
    };
    let root = fs::canonicalize(&options.root).map_err(io("open"))?;
    let _held = lock::take(&root).await?;
    let place = Place::open(&root, &options.storage, &(Arc::new(RealDisk) as Arc<dyn Disk>)).await?;
    let mut report = Verified::default();
    check_log(&root.join("log"), &mut report, each)?;
    for name in place.directories().await? {
        let known = Table::all().find(|table| table.name() == name);
        let (schema, key, clock): (Schema, &'static [&'static str], &'static str) = match (known, name.as_str()) {
            (Some(table), _) => (table.base_schema(), key_columns(table), clock(table)),
            (None, "assets") => (registry::assets_schema(), &["id"], ""),
            (None, "quantities") => (registry::quantities_schema(), &["name"], ""),
            (None, _) => {
                let remedy = "if another program put it there, move it out of the store";
                report.add(Harm::None, place.address(&name), "this version has no such table", String::new(), remedy);
                continue;
            }
        };
        table::check(&place.below(&name), &name, schema, key, clock, &mut report, each).await?;
        report.tables += 1;
    }
    match ledger::check(&root).await {
        Ok(problems) => {
            for problem in problems {
                let covers = "alerts, keys, the outbox".to_owned();
                report.add(Harm::Damage, root.join(ledger::LEDGER_FILE).display().to_string(), problem, covers, RESTORE);
            }
        }
        Err(error) => {
            let covers = "alerts, keys, the outbox".to_owned();
            report.add(Harm::Damage, root.join(ledger::LEDGER_FILE).display().to_string(), error.to_string(), covers, RESTORE);
        }
    }
    report.findings.sort_by_key(|finding| std::cmp::Reverse(finding.harm));
    Ok(report)
}

fn check_log(directory: &Path, report: &mut Verified, each: &(dyn Fn(&str) + Send + Sync)) -> Result<(), StoreError> {
    let failed = |cause| StoreError::Io { action: "read", path: directory.into(), cause };
    let entries = match fs::read_dir(directory) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
    paths.sort();
    for path in paths {
        let file = path.display().to_string();
        match log::check(&path) {
            Ok(true) => report.log_files += 1,
            Ok(false) => {
                let remedy = "nothing: it was never acknowledged, and goes at the next start";
                report.add(Harm::None, &file, "an unfinished file of the log", String::new(), remedy);
            }
            Err(error) => {
                let covers = "rows acknowledged shortly before the last stop, of any table".to_owned();
                let remedy = "restore it from a copy of the disk, or move it away to go on without these rows";
                report.add(Harm::Damage, &file, error.to_string(), covers, remedy);
            }
        }
        each(&file);
    }
    Ok(())
}

//! `chergui backup`, `restore` and `vacuum`: a copy of the store, a store of a copy, and room on the disk.

use super::{args, failure::Failure, progress, serve, serve::say};
use crate::config::Config;
use engine::domain::Resolution;
use engine::store::ledger::Ledger;
use engine::store::{self, Manifest, Store, StoreError};
use indicatif::ProgressBar;
use jiff::{SignedDuration, Timestamp};

pub(super) async fn run(place: &args::Place, options: args::Backup) -> Result<(), Failure> {
    let config = serve::config(place)?;
    let store = open(&config).await?;
    let ledger = Ledger::open(&config.data_dir).await.map_err(Failure::work)?;
    let bar = progress::bytes(0);
    let made = store::backup(&store, &ledger, &options.to, Timestamp::now(), &|done, total| show(&bar, done, total)).await;
    bar.finish_and_clear();
    tell("backed up", &made.map_err(Failure::work)?, &options.to.display().to_string());
    Ok(())
}

pub(super) async fn restore(place: &args::Place, options: args::Restore) -> Result<(), Failure> {
    let config = serve::config(place)?;
    let storage = config.store_options().map_err(Failure::work)?.storage;
    let bar = progress::bytes(0);
    let made = store::restore(&options.from, &config.data_dir, &storage, &|done, total| show(&bar, done, total)).await;
    bar.finish_and_clear();
    tell("restored", &made.map_err(Failure::work)?, &config.data_dir.display().to_string());
    Ok(())
}

pub(super) async fn vacuum(place: &args::Place, options: args::Vacuum) -> Result<(), Failure> {
    let keep = Resolution::parse(&options.keep).map_err(|error| Failure::usage(format!("--keep: {error}")))?;
    let store = open(&serve::config(place)?).await?;
    let older_than = Timestamp::now().saturating_sub(SignedDuration::from_secs(keep.seconds())).map_err(Failure::work)?;
    let gone = store.vacuum(older_than).await.map_err(Failure::work)?;
    say(&format!("removed {} files, {} bytes", gone.files, gone.bytes));
    Ok(())
}

/// Opens only the store; one that is being served has its own ways.
async fn open(config: &Config) -> Result<Store, Failure> {
    let options = config.store_options().map_err(Failure::work)?;
    Store::open(options).await.map_err(|error| match error {
        StoreError::Locked { .. } => Failure::Work(format!(
            "{error}\nA served store makes backups itself, into [backup] directory, and removes old files daily:\n  \
             curl -X POST -H 'Authorization: Bearer ADMIN_KEY' http://{}/api/v1/backup",
            config.bind
        )),
        error => Failure::work(error),
    })
}

fn show(bar: &ProgressBar, done: u64, total: u64) {
    bar.set_length(total);
    bar.set_position(done);
}

fn tell(what: &str, manifest: &Manifest, to: &str) {
    let rows: u64 = manifest.tables.iter().map(|table| table.rows).sum();
    let (tables, files, bytes) = (manifest.tables.len(), manifest.files.len(), manifest.bytes());
    say(&format!("{what} {rows} rows in {tables} tables ({files} files, {bytes} bytes, as of {}) to {to}", manifest.created_at));
}

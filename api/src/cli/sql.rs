//! `chergui sql`: one read-only statement against the store.

use super::{args, failure::Failure, output, serve};
use engine::query::{Session, SessionOptions};
use std::time::Duration;

pub(super) async fn run(place: &args::Place, options: args::Sql) -> Result<(), Failure> {
    let house = serve::open(place).await?;
    let limits = SessionOptions {
        memory_limit_bytes: options.memory_limit << 20,
        timeout: Duration::from_secs(options.timeout),
        max_rows: usize::MAX,
        ..SessionOptions::default()
    };
    let session: Session = house.session(limits)?;
    let result = session.sql(&options.statement).await.map_err(|error| Failure::usage(error.to_string()))?;
    output::write(&result.schema, &result.batches, options.format, options.output.as_deref())
}

//! `chergui forecast`: one forecast from the store, printed.

use super::{args, failure::Failure, output, progress, serve};
use engine::domain::{Quantile, Timestamp, parse_duration};
use engine::pipeline::{Issue, main_quantity};
use engine::query::SessionOptions;

pub(super) async fn run(place: &args::Place, options: args::Forecast) -> Result<(), Failure> {
    let rooms = serve::open(place, SessionOptions::default()).await?;
    let refuse = |error: engine::pipeline::PipelineError| Failure::usage(error.to_string());
    let asset = rooms.pipeline.asset(&options.asset).map_err(refuse)?;
    let quantity = match &options.quantity {
        Some(name) => rooms.store.quantities().get(name)?.0.clone(),
        None => main_quantity(asset.kind)
            .map(|(quantity, _)| quantity)
            .ok_or_else(|| Failure::usage(format!("{} is a {}; say which quantity with --quantity", asset.id, asset.kind)))?,
    };
    let horizon = parse_duration(&options.horizon)?;
    let quantiles = options.quantiles.iter().map(|&q| Quantile::new(q)).collect::<Result<Vec<_>, _>>()?;
    let at = match options.at {
        Some(at) => at,
        None => rooms.pipeline.end_of_data(&asset).await.map_err(refuse)?.unwrap_or_else(Timestamp::now),
    };
    let bar = progress::waiting("fitting and judging the models");
    let issue = Issue { asset, quantity, at, horizon, quantiles };
    let (forecast, verdict) = rooms.pipeline.issue(&issue).await.map_err(refuse)?;
    bar.finish_and_clear();
    if let Some(verdict) = verdict {
        let skill = verdict.skill().map(|s| format!(", {:.1} % better", 100.0 * s)).unwrap_or_default();
        eprintln!("{} serves; the best naive is {}{skill} (mean pinball loss on the past)", verdict.model, verdict.best_naive);
    }
    let batch = forecast.to_batch()?;
    output::write(&batch.schema(), &[batch], options.format, options.output.as_deref())
}

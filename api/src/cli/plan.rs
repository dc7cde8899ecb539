//! `chergui plan`: the maintenance plan of the store, printed or as a calendar file.

use super::{args, failure::Failure, output, progress, serve};
use crate::calendar::{Language, calendar};
use engine::domain::Timestamp;
use engine::pipeline::{MaintenanceRequest, PipelineError, plan_batch};
use engine::query::SessionOptions;

pub(super) async fn run(place: &args::Place, options: args::Plan) -> Result<(), Failure> {
    let rooms = serve::open(place, SessionOptions::default()).await?;
    let refuse = |error: PipelineError| Failure::usage(error.to_string());
    let now = Timestamp::now();
    let usual = rooms.config.maintenance_request(options.from.unwrap_or(now)).map_err(|error| Failure::usage(error.to_string()))?;
    let days = options.days.unwrap_or(usual.days);
    let wind_limit = options.wind_limit.unwrap_or(usual.wind_limit);
    let wanted = MaintenanceRequest { days, wind_limit, ..usual }.checked().map_err(refuse)?;
    let bar = progress::waiting("weighing hours against losses");
    let plan = rooms.pipeline.maintenance(&rooms.alerts, &wanted, now).await.map_err(refuse)?;
    bar.finish_and_clear();
    let (best, soon, solver) = (&plan.plan.best, &plan.plan.as_soon_as_possible, plan.plan.solver);
    let proven =
        if solver.optimal { "optimal".to_owned() } else { format!("at most {:.1} % from the optimum", 100.0 * solver.gap) };
    eprintln!(
        "{} visits, {} alerts left out; {:.0} kWh of energy and risk, {:.0} less than as soon as possible; {proven}",
        best.visits.len(),
        plan.left_out.len(),
        best.cost.total(),
        soon.cost.total() - best.cost.total(),
    );
    if let Some(path) = &options.calendar {
        let language = Language::accepted(&options.language);
        std::fs::write(path, calendar(&plan, language, now)).map_err(|cause| Failure::io(path, &cause))?;
    }
    let batch = plan_batch(&plan)?;
    output::write(&batch.schema(), &[batch], options.format, options.output.as_deref())
}

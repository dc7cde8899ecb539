//! From a logical plan to one that runs: DataFusion's planner, and ours for the nodes of our own.

use super::asof::AsofPlanner;
use super::gapfill::GapFillPlanner;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::DataFusionError;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::DefaultPhysicalPlanner;
use datafusion::physical_planner::PhysicalPlanner;
use std::sync::Arc;

/// The planner of a session.
#[derive(Debug)]
pub(super) struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let ours = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(AsofPlanner), Arc::new(GapFillPlanner)]);
        ours.create_physical_plan(plan, session).await
    }
}

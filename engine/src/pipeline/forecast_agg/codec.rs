//! Physical plans with `forecast_agg` as bytes and back, for whoever wants to run parts of a plan elsewhere.
//!
//! In: a plan of DataFusion. Out: protocol buffers of `datafusion-proto`, with the function by its name. The guards of our sandbox are
//! not written: they belong to one statement of one process.

use super::NAME;
use super::forecast_agg;
use datafusion::common::not_impl_err;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::PhysicalExtensionCodec;
use datafusion_proto::physical_plan::PhysicalProtoConverterExtension;
use std::sync::Arc;

/// What `datafusion-proto` asks for our functions.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlanCodec;

impl PhysicalExtensionCodec for PlanCodec {
    fn try_decode(
        &self,
        _: &[u8],
        _: &[Arc<dyn ExecutionPlan>],
        _: &TaskContext,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        not_impl_err!("there are no nodes of our own in a plan that was written")
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        _: &mut Vec<u8>,
        _: &dyn PhysicalProtoConverterExtension,
    ) -> Result<(), DataFusionError> {
        not_impl_err!("{} stays in its process; plan the statement without the sandbox", node.name())
    }

    fn try_encode_udaf(&self, function: &AggregateUDF, bytes: &mut Vec<u8>) -> Result<(), DataFusionError> {
        if function.name() == NAME {
            bytes.extend_from_slice(NAME.as_bytes());
        }
        Ok(())
    }

    fn try_decode_udaf(&self, name: &str, _: &[u8]) -> Result<Arc<AggregateUDF>, DataFusionError> {
        match name {
            NAME => Ok(Arc::new(forecast_agg())),
            _ => not_impl_err!("{name} is not one of our functions"),
        }
    }
}

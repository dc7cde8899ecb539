//! Reading data objects, several in one request.
//!
//! In: objects of a plan. Out: values in the same order, samples. Not here: which objects, how often.

use super::address::Address;
use super::peer::{Peer, Trouble};
use super::plan::Plan;
use crate::live::Sample;
use iec61850_client::{AccessResult, mms_compat::mms_data_to_mms_value};
use iec61850_model::MmsValue;

/// Objects in one request, so that the answer fits the smallest usual PDU (8 kB).
const TOGETHER: usize = 40;

/// Values of objects; `None` where the controller refuses one.
pub(super) async fn values(peer: &Peer, objects: &[Address]) -> Result<Vec<Option<MmsValue>>, Trouble> {
    let mut out = Vec::with_capacity(objects.len());
    for some in objects.chunks(TOGETHER) {
        let names: Vec<_> = some.iter().map(|object| (object.reference(object.path.len()), object.fc)).collect();
        let targets: Vec<_> = names.iter().map(|(name, fc)| (name.as_str(), *fc)).collect();
        let answers = peer.must("reading", peer.connection.read_objects(&targets)).await?;
        out.extend(answers.into_iter().map(|answer| match answer {
            AccessResult::Success(data) => Some(mms_data_to_mms_value(&data)),
            AccessResult::Failure(_) => None,
        }));
    }
    Ok(out)
}

/// One sample per point that the plan has read; one that is refused is missing.
pub(super) async fn samples(peer: &Peer, plan: &Plan) -> Result<Vec<Sample>, Trouble> {
    let values = values(peer, &plan.objects).await?;
    let included: Vec<bool> = values.iter().map(Option::is_some).collect();
    let take = |take: &super::place::Take| {
        take.sample(&values, &included, None).unwrap_or_else(|| Sample::missing(take.point, None, "read_refused"))
    };
    Ok(plan.reads.iter().map(take).collect())
}

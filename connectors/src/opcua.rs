//! OPC UA.

use crate::live::Found;
use crate::live::Link;
use crate::live::Points;
use crate::live::Probe;
use crate::live::Protocol;
use async_trait::async_trait;
use engine::source::Source;
use engine::source::SourceError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Settings: `[connection.from.opcua]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

#[async_trait]
impl Protocol for Settings {
    fn name(&self) -> &'static str {
        "opcua"
    }

    fn peer(&self) -> String {
        String::new()
    }

    fn check(&self, _points: &Points) -> Result<(), SourceError> {
        Err(SourceError::Format { place: self.peer(), problem: "not built".into() })
    }

    fn open(&self, _points: Arc<Points>, _link: Link) -> Result<Box<dyn Source>, SourceError> {
        Err(SourceError::Format { place: self.peer(), problem: "not built".into() })
    }

    async fn probe(&self, _points: &Points, _link: &Link) -> Result<Probe, SourceError> {
        Err(SourceError::Format { place: self.peer(), problem: "not built".into() })
    }

    async fn discover(&self, _link: &Link, _tell: &(dyn Fn(&str) + Send + Sync)) -> Result<Vec<Found>, SourceError> {
        Err(SourceError::Format { place: self.peer(), problem: "not built".into() })
    }
}

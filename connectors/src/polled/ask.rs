//! What one window's requests are, by the shape of the answers.
//!
//! In: settings, points, a window. Out: samples and rejects of one group of points. Not here: when, and what becomes of the samples.

use super::Settings;
use super::Shape;
use super::client::Client;
use super::client::Refusal;
use super::json;
use super::pi;
use super::rounds::Window;
use crate::live::Points;
use crate::live::Sample;
use engine::source::Reject;
use engine::source::SourceError;

/// What one group's request brought.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Values, as they came.
    pub(super) samples: Vec<Sample>,
    /// What could not be read.
    pub(super) rejects: Vec<Reject>,
    /// The answer was cut at a number of values: ask again from here.
    pub(super) more_from: Option<i64>,
}

/// Rejects of one answer that are kept.
const MOST_REJECTS: usize = 1000;

impl Answer {
    /// Adds what could not be read; an answer may hold millions of it.
    pub(super) fn reject(&mut self, reject: impl FnOnce() -> Reject) {
        if self.rejects.len() < MOST_REJECTS {
            self.rejects.push(reject());
        }
    }
}

/// The requests of a connection.
#[derive(Debug)]
pub(super) enum Asker {
    /// `streamsets/recorded`, some streams at a time.
    Pi(pi::Plan),
    /// One address, or one per device.
    Json(json::Plan),
}

impl Asker {
    pub(super) fn new(settings: &Settings, points: &Points) -> Result<Self, SourceError> {
        match settings.shape {
            Shape::PiWebApi => pi::Plan::new(settings, points).map(Self::Pi),
            Shape::OpenMeteo | Shape::Json => json::Plan::new(settings, points).map(Self::Json),
        }
    }

    /// Requests per window.
    pub(super) fn groups(&self) -> usize {
        match self {
            Self::Pi(plan) => plan.groups(),
            Self::Json(plan) => plan.groups(),
        }
    }

    /// One of them.
    pub(super) async fn ask(&self, client: &Client, window: Window, group: usize) -> Result<Answer, Refusal> {
        match self {
            Self::Pi(plan) => plan.ask(client, window, group).await,
            Self::Json(plan) => plan.ask(client, window, group).await,
        }
    }
}

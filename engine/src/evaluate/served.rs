//! A served model as a thing with a name: what it was made of, its bytes, and the model of such bytes.
//!
//! In: a trial that can issue and the context it learnt from. Out: a [`ModelCard`] whose id is a digest of all the model knows: the same
//! data, settings and version give the same id on every machine of a kind. Where the bytes are kept is not decided here.

use super::Served;
use super::trial::{State, Trial};
use crate::domain::{Quantile, Resolution, Timestamp};
use crate::features::{Context, FeatureMatrix, tree_rows};
use crate::models::SEED;
use crate::models::state::{read, written};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Version of the models: that of the crate, and a number that rises whenever the same data would give another model.
pub const MODELS_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+3");

/// What a model was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCard {
    /// The first sixteen hexadecimal digits of the SHA-256 of [`Served::state`].
    pub id: String,
    /// [`MODELS_VERSION`] and the id: what forecasts carry as `model_version`.
    pub version: String,
    /// When it was fitted, in the time of the site.
    pub fitted_at: Timestamp,
    /// First row that was known then.
    pub trained_from: Timestamp,
    /// End of the last.
    pub trained_to: Timestamp,
    /// Rows with a value in between.
    pub rows: usize,
    /// Features of a row that the trees are grown on.
    pub features: usize,
    /// Names of the inputs.
    pub inputs: Vec<String>,
    /// Start of the generator of random numbers.
    pub seed: u64,
}

/// What a model was made of, as far as it is hashed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Making {
    version: String,
    fitted_at: Timestamp,
    trained_from: Timestamp,
    trained_to: Timestamp,
    rows: usize,
    features: usize,
    inputs: Vec<String>,
    seed: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Whole {
    making: Making,
    trial: State,
}

impl Making {
    /// What a model fitted at `now` is made of.
    pub(super) fn of(context: &Context, now: Timestamp) -> Self {
        let view = context.view(context.index(now).unwrap_or(0));
        let first = view.past(0).iter().position(|value| value.is_finite()).unwrap_or(0);
        let (mut linear, mut trees) = (FeatureMatrix::default(), FeatureMatrix::default());
        tree_rows(&view, &[0], &mut linear, &mut trees);
        Self {
            version: MODELS_VERSION.to_owned(),
            fitted_at: now,
            trained_from: context.time(first),
            trained_to: context.time(view.edge().max(first)),
            rows: view.known(),
            features: trees.width,
            inputs: context.inputs(),
            seed: SEED,
        }
    }
}

impl Served {
    /// A served model and its card.
    pub(super) fn new(trial: Trial, making: Making) -> Self {
        let whole = Whole { making, trial: trial.state() };
        let digest = Sha256::digest(written(&whole));
        Self { trial, card: card(whole.making, digest.as_slice()) }
    }

    /// What it was made of.
    pub const fn card(&self) -> &ModelCard {
        &self.card
    }

    /// True when its forecasts have this grid, horizon and quantiles.
    pub fn speaks(&self, resolution: Resolution, horizon: SignedDuration, quantiles: &[Quantile]) -> bool {
        self.trial.speaks(resolution.steps_per_day(), resolution.steps_in(horizon), quantiles)
    }

    /// Steps of an hour of its grid, at least one.
    pub fn steps_per_hour(&self) -> usize {
        self.trial.day().div_ceil(24).max(1)
    }

    /// All it knows, as bytes; [`Served::from_state`] reads them.
    pub fn state(&self) -> Vec<u8> {
        let card = &self.card;
        let making = Making {
            version: MODELS_VERSION.to_owned(),
            fitted_at: card.fitted_at,
            trained_from: card.trained_from,
            trained_to: card.trained_to,
            rows: card.rows,
            features: card.features,
            inputs: card.inputs.clone(),
            seed: card.seed,
        };
        written(&Whole { making, trial: self.trial.state() })
    }

    /// The model of such bytes: it issues what the one that was written would. `None` for the bytes of another version of the models
    /// and for bytes that are no model.
    pub fn from_state(state: &[u8]) -> Option<Self> {
        let whole: Whole = read(state)?;
        if whole.making.version != MODELS_VERSION {
            return None;
        }
        let digest = Sha256::digest(state);
        Some(Self { trial: Trial::of(whole.trial)?, card: card(whole.making, digest.as_slice()) })
    }
}

fn card(making: Making, digest: &[u8]) -> ModelCard {
    let id: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    ModelCard {
        version: format!("{}.{id}", making.version),
        id,
        fitted_at: making.fitted_at,
        trained_from: making.trained_from,
        trained_to: making.trained_to,
        rows: making.rows,
        features: making.features,
        inputs: making.inputs,
        seed: making.seed,
    }
}

#[cfg(test)]
mod tests {
    use super::{MODELS_VERSION, Served};
    use crate::domain::{Quantile, Quantity};
    use crate::evaluate::{GateRequest, gate};
    use crate::features::{Target, TargetKind, sample};
    use jiff::SignedDuration;

    fn fitted(target: &Target, at: usize) -> Served {
        let every = SignedDuration::from_hours(6);
        let request =
            GateRequest { now: sample::at(at), horizon: SignedDuration::from_hours(24), quantiles: Quantile::deciles(), every };
        gate(target, &request).unwrap()
    }

    #[test]
    fn the_same_data_gives_the_same_id_and_other_data_another() {
        let target = sample::load(100);
        let (one, two) = (fitted(&target, 90 * 24), fitted(&target, 90 * 24));
        assert_eq!((one.card(), one.state()), (two.card(), two.state()));
        assert!(one.card().version.starts_with(MODELS_VERSION) && one.card().id.len() == 16);
        assert_eq!((one.card().rows, one.card().fitted_at), (90 * 24, sample::at(90 * 24)));
        let shifted = sample::target(TargetKind::Load, 100, |i| target.frame.column(&Quantity::LOAD).unwrap()[i] + 1e-6);
        assert_ne!(fitted(&shifted, 90 * 24).card().id, one.card().id);
    }

    #[test]
    fn a_model_that_was_written_issues_the_same_bytes() {
        for target in [sample::load(100), sample::wind(100)] {
            let served = fitted(&target, 80 * 24);
            let again = Served::from_state(&served.state()).unwrap();
            assert_eq!(again.card(), served.card());
            assert_eq!(again.verdict(), served.verdict());
            for at in [80 * 24, 81 * 24 + 5, 99 * 24] {
                let (one, two) = (served.issue(&target, sample::at(at)).unwrap(), again.issue(&target, sample::at(at)).unwrap());
                assert_eq!(one, two);
                assert_eq!(one.forecast.model_version, served.card().version);
            }
            let mut state = served.state();
            state.truncate(state.len() / 2);
            assert!(Served::from_state(&state).is_none() && Served::from_state(b"no model").is_none());
        }
    }
}

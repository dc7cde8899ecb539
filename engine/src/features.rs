//! What a forecaster may look at: the target's past, its calendar, the weather runs, all as known at an issue time.
//!
//! In: a [`Target`] (frames, weather and circumstances of one asset). Out: a [`Context`] and its [`View`]s, the only way to a value; a view
//! of an origin answers NaN for anything that was not known then. Feature rows of loads, wind and solar are built here too.
//! Nothing is fitted here and nothing is forecast.

mod calendar;
mod ceiling;
mod circumstances;
mod context;
mod envelope;
mod group;
mod holidays;
mod load;
mod mask;
mod matrix;
mod normal;
#[cfg(test)]
pub(crate) mod sample;
mod series;
mod solar;
mod tree_rows;
mod weather;
mod wind;

pub use calendar::{Calendar, Moment};
pub use ceiling::{Ceiling, ceilings};
pub use circumstances::Circumstances;
pub use context::{Context, OBSERVED, View};
pub use envelope::envelope;
pub(crate) use envelope::{season_days, sorted_quantile};
pub use group::{Group, Shares, base_shares, usual};
pub use holidays::{DayKind, DayOverride, HolidayCalendar, OperatorDay};
pub use load::{Pattern, civil_lag, load_rows};
pub use mask::judged;
pub use mask::masked_rows;
pub use matrix::FeatureMatrix;
pub use normal::Normal;
pub use series::Series;
pub use solar::solar_rows;
pub use tree_rows::tree_rows;
pub use weather::{Runs, WeatherIndex, WeatherLayout};
pub use wind::{WindColumns, wind_columns, wind_rows};

use crate::domain::{Asset, AssetKind, Frame, IntervalLabel, Quantity, WeatherForecasts};
use serde::{Deserialize, Serialize};

/// What physics stands behind a target; decides its naives and its features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetKind {
    /// Consumption: calendar, day and week.
    Load,
    /// Wind power: persistence and wind speed.
    Wind,
    /// Solar power: the clear-sky envelope and clouds.
    Solar,
}

/// One series to forecast, with everything that may help.
#[derive(Debug, Clone)]
pub struct Target {
    /// Telemetry of the asset; holds `quantity`.
    pub frame: Frame,
    /// What is forecast.
    pub quantity: Quantity,
    /// Physics of it.
    pub kind: TargetKind,
    /// Which end of its interval a time names; the calendar of an interval labelled by its end is that of its beginning.
    pub interval_label: IntervalLabel,
    /// Weather model runs for the asset; may be empty.
    pub weather: WeatherForecasts,
    /// Telemetry of [`relatives`]: weather stations (past temperature), others with the same quantity.
    pub observations: Vec<Frame>,
    /// What people and checks say about the asset.
    pub circumstances: Circumstances,
}

/// Most others whose past is looked at.
const MOST_RELATIVES: usize = 8;

/// Whose past may help to forecast `asset`: its weather stations, its parent, its children, and others of its kind below the same
/// parent; of all but stations the first eight by id. A region and the plants that feed it are no help to each other: one takes
/// power in where the other gives it, in weather of its own.
pub fn relatives(asset: &Asset, all: &[Asset]) -> Vec<Asset> {
    let parent = asset.parent_id.as_ref();
    let below = |other: &Asset| other.parent_id.as_ref() == Some(&asset.id);
    let is_station = |other: &Asset| other.kind == AssetKind::WeatherStation;
    let beside = |other: &Asset| other.parent_id.as_ref() == parent;
    let near = |other: &Asset| match is_station(other) {
        true => below(other) || (parent.is_some() && beside(other)),
        false => {
            let alike = other.kind.is_producer() == asset.kind.is_producer();
            alike && (below(other) || parent == Some(&other.id) || (other.kind == asset.kind && beside(other)))
        }
    };
    let mut found: Vec<Asset> = all.iter().filter(|other| other.id != asset.id && near(other)).cloned().collect();
    found.sort_by(|a, b| (!is_station(a), &a.id).cmp(&(!is_station(b), &b.id)));
    let stations = found.iter().filter(|other| is_station(other)).count();
    found.truncate(stations + MOST_RELATIVES);
    found
}

/// Why features could not be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// The frame lacks the column.
    #[error("{asset} has no column {quantity}: import it or forecast another quantity")]
    NoColumn {
        /// Whose frame.
        asset: String,
        /// The column asked for.
        quantity: String,
    },
    /// The zone is not in the tz database.
    #[error("time zone {zone:?} of {asset} is not known: use an IANA name such as Africa/Casablanca")]
    TimeZone {
        /// Whose zone.
        asset: String,
        /// The name.
        zone: String,
    },
    /// The grid does not divide the hour.
    #[error("resolution {resolution} of {asset} does not divide the hour: resample to PT10M, PT30M or PT1H")]
    Resolution {
        /// Whose grid.
        asset: String,
        /// The spacing.
        resolution: String,
    },
    /// The horizon holds no step or too many.
    #[error("horizon of {steps} steps for {asset} is outside 1 to {most}: choose another horizon or resolution")]
    Horizon {
        /// Whose forecast.
        asset: String,
        /// Steps asked for.
        steps: usize,
        /// The limit.
        most: usize,
    },
}

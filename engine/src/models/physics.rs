//! Power from the weather forecast and what is known of the machine: for plants without a past.
//!
//! In: a view with weather runs; rated power, place, and the attributes `hub_height`, `tilt`, `azimuth` of the asset where given. Out:
//! a path and its quantiles. Wind goes from the height of the forecast to the hub and through the curve of many turbines; light
//! is split, laid on the plane and taken through PVWatts. The little past there is only sets the level.

use super::state::{read, written};
use super::{FittedForecaster, Forecaster, ModelError, Outlook, reason};
use crate::domain::solar::{self, Irradiance, Sky, Surface};
use crate::domain::wind::{TurbineCurve, hellmann};
use crate::domain::{IntervalLabel, Location, Quantile, Quantity, from_micros, pv};
use crate::features::{Group, Shares, TargetKind, View, WindColumns, wind_columns};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

/// Hub height where none is given, m: the mean of turbines built about 2020 (IEA Wind TCP annual report).
const HUB: f64 = 95.0;
/// Hellmann's exponent over open land.
const SHEAR: f64 = 1.0 / 7.0;
/// Share of power that wakes, outages and cables leave of a turbine's (Lee and Fields 2021 find losses of 10 to 20 %).
const LEFT_OF_WIND: f64 = 0.88;
/// Deviation of a day-ahead speed at hub height, m/s (Giebel and Kariniotakis 2017).
const SPEED_ERROR: f64 = 1.6;
/// Share of power that dirt, mismatch, wiring and outages leave: PVWatts' total of 14 % (Dobos 2014).
const LEFT_OF_SUN: f64 = 0.86;
/// Change of power per degree of the cell, crystalline silicon (Dobos 2014, "standard").
const GAMMA: f64 = -0.0047;
/// Relative deviation of a day-ahead irradiance under broken clouds (Perez et al. 2013).
const LIGHT_ERROR: f64 = 0.3;
/// Reflection of the ground.
const ALBEDO: f64 = 0.2;
/// Days of past that set the level, and days that the physics counts for against them.
const LEVEL_DAYS: usize = 30;
const TRUST_DAYS: f64 = 4.0;

/// The chain of physics of wind or of solar power.
#[derive(Debug, Clone, Copy)]
pub struct Physics;

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Chain {
    Wind { columns: WindColumns, lift: f64, curve: TurbineCurve },
    Sun { ghi: usize, temp_air: Option<usize>, wind: Option<WindColumns>, surface: Option<(Location, Surface)> },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Fitted {
    chain: Chain,
    level: f64,
}

fn attribute(view: &View<'_>, name: &str) -> Option<f64> {
    view.context.asset.attributes.get(name)?.parse().ok().filter(|value: &f64| value.is_finite())
}

/// The plane a plant most likely has: tilted as gives most in a year (Landau 2017), towards the equator.
fn surface(view: &View<'_>) -> Option<(Location, Surface)> {
    let place = view.context.asset.location?;
    let away = place.latitude.abs();
    let best = if away < 25.0 { 0.87 * away } else { 0.76 * away + 3.1 };
    let facing = if place.latitude < 0.0 { 0.0 } else { 180.0 };
    let tilt = attribute(view, "tilt").unwrap_or(best.min(60.0));
    Some((place, Surface { tilt, azimuth: attribute(view, "azimuth").unwrap_or(facing) }))
}

/// Height in metres that the wind of the runs is given for.
fn height(view: &View<'_>) -> f64 {
    let given = |height: &str| {
        let names = [format!("wind_u_{height}m"), format!("wind_speed_{height}m")];
        names.iter().any(|name| view.context.weather.column(name).is_some())
    };
    if given("100") {
        100.0
    } else if given("80") {
        80.0
    } else {
        10.0
    }
}

fn no_weather(view: &View<'_>, what: &str) -> ModelError {
    ModelError::unsolvable("physics", view, &format!("no weather forecast of {what} is known"))
}

impl Forecaster for Physics {
    fn name(&self) -> &'static str {
        "physics"
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let weather = &view.context.weather;
        let wind = wind_columns(weather);
        let chain = match view.context.kind {
            TargetKind::Wind => {
                let columns = wind.ok_or_else(|| no_weather(view, "wind"))?;
                let hub = attribute(view, "hub_height").unwrap_or(HUB);
                // Staffell and Pfenninger (2016): the curve of a fleet is that of a turbine in wind that varies.
                let curve = TurbineCurve::generic().smoothed(0.2, 0.6);
                Chain::Wind { columns, lift: hellmann(1.0, height(view), hub, SHEAR), curve }
            }
            TargetKind::Solar => {
                let ghi = weather.column(Quantity::GHI.name()).ok_or_else(|| no_weather(view, "light (ghi)"))?;
                Chain::Sun { ghi, temp_air: weather.column(Quantity::TEMP_AIR.name()), wind, surface: surface(view) }
            }
            TargetKind::Load => return Err(ModelError::unsolvable("physics", view, &"a load has no curve")),
        };
        let mut fitted = Fitted { chain, level: 1.0 };
        let from = view.edge().saturating_sub(LEVEL_DAYS * view.context.day);
        let (mut measured, mut expected, mut hours) = (0.0, 0.0, 0.0);
        for index in (from..view.edge()).step_by(view.context.hour) {
            if let (true, Some(power)) = (view.value(index).is_finite(), fitted.power(view, index, 0.0)) {
                measured += view.value(index);
                expected += power;
                hours += 1.0;
            }
        }
        if expected > 0.0 {
            let trust = expected / hours * 24.0 * TRUST_DAYS;
            fitted.level = ((measured + trust) / (expected + trust)).clamp(0.3, 1.5);
        }
        Ok(Box::new(fitted))
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        read::<Fitted>(state).map(|fitted| -> Box<dyn FittedForecaster> { Box::new(fitted) })
    }
}

impl Fitted {
    /// Power at a grid index when the weather is `deviations` of its error better than forecast; `None` where no run speaks of it.
    fn power(&self, view: &View<'_>, index: usize, deviations: f64) -> Option<f64> {
        let capacity = view.capacity();
        let share = match &self.chain {
            Chain::Wind { columns, lift, curve } => {
                let (row, _) = view.weather(index, 0, 0)?;
                let (u, v) = columns.components(&row);
                let speed = (lift * u.hypot(v) + deviations * SPEED_ERROR).max(0.0);
                LEFT_OF_WIND * curve.power(speed)
            }
            Chain::Sun { ghi, temp_air, wind, surface } => {
                let (row, _) = view.weather(index, 0, 0)?;
                let forecast = row[*ghi].max(0.0);
                let warmth = temp_air.map(|c| row[c]).filter(|t| t.is_finite()).unwrap_or(20.0);
                let breeze = wind.map(|c| c.components(&row)).map_or(1.0, |(u, v)| u.hypot(v));
                let light = forecast * (1.0 + deviations * LIGHT_ERROR).max(0.05);
                let caught = match surface {
                    Some((place, surface)) => on_plane(view, index, *place, *surface, light)?,
                    None => light,
                };
                let cell = pv::faiman(caught, warmth, if breeze.is_finite() { breeze } else { 1.0 }, 25.0, 6.84);
                let direct = LEFT_OF_SUN * pv::pvwatts_dc(caught, cell, 1.0, GAMMA);
                pv::pvwatts_ac(direct, 1.0 / 0.96, 0.96)
            }
        };
        share.is_finite().then(|| (self.level * share * capacity).clamp(0.0, capacity))
    }
}

/// Light on the plane in the middle of the interval of a grid index.
fn on_plane(view: &View<'_>, index: usize, place: Location, surface: Surface, ghi: f64) -> Option<f64> {
    let context = view.context;
    let half = context.resolution.seconds() * 500_000;
    let middle = context.micros(index) + if context.interval_label == IntervalLabel::Ending { -half } else { half };
    let time = from_micros(middle);
    let sun = solar::position(time, place)?;
    if sun.zenith >= 90.0 {
        return Some(0.0);
    }
    let extra = solar::extraterrestrial_normal(solar::day_of_year(time), solar::SOLAR_CONSTANT);
    let light: Irradiance = solar::erbs(ghi, sun.zenith, extra);
    let plane = surface.light(Sky::HayDavies, sun, light, extra, f64::NAN, ALBEDO);
    Some(plane.direct * pv::glass(surface.incidence(sun)) + plane.diffuse)
}

impl FittedForecaster for Fitted {
    fn outlook(&self, view: &View<'_>, quantiles: &[Quantile]) -> Result<Outlook, ModelError> {
        let unit = Normal::new(0.0, 1.0).map_err(|error| ModelError::unsolvable("physics", view, &error))?;
        let deviations: Vec<f64> = quantiles.iter().map(|q| unit.inverse_cdf(q.value())).collect();
        let (mut path, mut rows) = (Vec::with_capacity(view.context.horizon), Vec::with_capacity(view.context.horizon));
        for index in view.origin..view.origin + view.context.horizon {
            let at = |deviation: f64| self.power(view, index, deviation).ok_or_else(|| no_weather(view, "every step"));
            path.push(at(0.0)?);
            let mut row = deviations.iter().map(|&z| at(z)).collect::<Result<Vec<f64>, ModelError>>()?;
            row.sort_by(f64::total_cmp);
            rows.push(row);
        }
        Ok(Outlook { path, quantiles: Some(rows) })
    }

    fn state(&self) -> Vec<u8> {
        written(self)
    }

    fn reasons(&self, view: &View<'_>, said: &[f64]) -> Vec<Shares> {
        reason::from_usual(view, said, Group::Weather)
    }
}

#[cfg(test)]
mod tests {
    use super::Physics;
    use crate::domain::{Location, Quantile, Quantity, WeatherRow};
    use crate::features::{Context, TargetKind, sample};
    use crate::models::Forecaster;

    #[test]
    fn a_new_wind_plant_is_forecast_from_the_forecast_wind() {
        let target = sample::wind(20);
        let context = Context::new(&target, 48, &[sample::at(48)]).unwrap();
        let view = context.view(48);
        let outlook = Physics.fit(&view).unwrap().outlook(&view, &Quantile::deciles()).unwrap();
        let truth: Vec<f64> = (48..96).map(|i| target.frame.column(&Quantity::ACTIVE_POWER).unwrap()[i]).collect();
        let mean = truth.iter().sum::<f64>() / 48.0;
        let error = |path: &dyn Fn(usize) -> f64| (0..48).map(|k| (path(k) - truth[k]).powi(2)).sum::<f64>();
        assert!(error(&|k| outlook.path[k]) < 0.6 * error(&|_| mean), "no better than the mean");
        let rows = outlook.quantiles.unwrap();
        assert!(rows.iter().all(|row| row.windows(2).all(|w| w[0] <= w[1]) && row[0] >= 0.0 && row[8] <= 100.0));
    }

    #[test]
    fn a_new_solar_plant_is_forecast_from_the_forecast_light_and_dark_at_night() {
        let mut target = sample::target(TargetKind::Solar, 20, |_| 0.0);
        target.frame.asset.location = Some(Location { latitude: 33.6, longitude: -7.6 });
        target.weather.sources = vec!["sample".into()];
        target.weather.quantities = vec![Quantity::GHI, Quantity::TEMP_AIR];
        for i in 0..480 {
            let time = sample::at(i);
            let middle = sample::at(i) + jiff::SignedDuration::from_mins(30);
            let ghi = crate::domain::solar::clearsky_ghi(middle, target.frame.asset.location.unwrap());
            let values = vec![ghi, 15.0];
            target.weather.rows.push(WeatherRow {
                source: 0,
                init_time: sample::at(0),
                available_at: sample::at(0),
                valid_time: time,
                values,
            });
        }
        let context = Context::new(&target, 24, &[sample::at(0)]).unwrap();
        let view = context.view(0);
        let path = Physics.fit(&view).unwrap().outlook(&view, &[]).unwrap().path;
        // A clear January day on a plane of 29° in Casablanca: about four fifths of the rating at noon.
        let most = path.iter().copied().fold(0.0, f64::max);
        assert!((60.0..95.0).contains(&most), "{path:?}");
        assert!(path[..6].iter().chain(&path[20..]).all(|p| *p == 0.0), "{path:?}");
        assert!(path[12] > path[9] && path[12] > path[16]);
    }
}

//! The weather of the three sites, step by step: trade wind at Tarfaya, desert sky at Ouarzazate, ocean air at Casablanca.
//!
//! In: seed, site, spacing. Out: one [`Sample`] a step, from the site's own streams. It runs ahead of the plants, so that weather
//! forecasts can know the truth they miss. Chance is Gaussian inside (AR(1) of several memories) and bent to Weibull or cover outside.

use super::random::Ar1;
use super::random::Stream;
use super::random::normal_share;
use super::sun::Place;
use super::sun::Sky;
use super::sun::Sun;
use std::f64::consts::TAU;

/// What makes one site's climate. Angles in degrees, hours in solar time, days of the year from 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site {
    pub(super) name: &'static str,
    pub(super) place: Place,
    /// Weibull scale (m/s) and shape of the wind at 80 m.
    weibull: (f64, f64),
    /// Share by which the wind swells, and the day and the hour of its peak.
    wind_season: (f64, f64),
    wind_day: (f64, f64),
    /// Direction the wind mostly comes from, and its spread.
    direction: (f64, f64),
    /// Mean temperature, half swing over the year and its warmest day, half swing over the day.
    temperature: (f64, f64, f64, f64),
    humidity: f64,
    /// Larger is cloudier; 0 is cloud half of the time.
    cloudiness: f64,
    /// mm/h in full rain.
    rain: f64,
    linke: f64,
    /// Dust storms a month in season (March to August).
    dust: f64,
}

pub(super) const TARFAYA: Site = Site {
    name: "tarfaya",
    place: Place { latitude: 27.94, longitude: -12.92, altitude: 20.0 },
    weibull: (9.5, 2.6),
    wind_season: (0.14, 195.0),
    wind_day: (0.10, 17.0),
    direction: (25.0, 18.0),
    temperature: (19.5, 3.0, 235.0, 2.2),
    humidity: 75.0,
    cloudiness: -0.3,
    rain: 1.0,
    linke: 3.8,
    dust: 0.0,
};
pub(super) const OUARZAZATE: Site = Site {
    name: "ouarzazate",
    place: Place { latitude: 30.99, longitude: -6.86, altitude: 1250.0 },
    weibull: (4.2, 1.8),
    wind_season: (0.08, 150.0),
    wind_day: (0.25, 16.0),
    direction: (250.0, 50.0),
    temperature: (19.5, 10.0, 203.0, 7.0),
    humidity: 32.0,
    cloudiness: -0.72,
    rain: 1.6,
    linke: 4.0,
    dust: 1.3,
};
pub(super) const CASABLANCA: Site = Site {
    name: "casablanca",
    place: Place { latitude: 33.57, longitude: -7.59, altitude: 30.0 },
    weibull: (4.6, 2.0),
    wind_season: (0.05, 150.0),
    wind_day: (0.2, 15.0),
    direction: (330.0, 60.0),
    temperature: (18.5, 5.2, 222.0, 3.6),
    humidity: 76.0,
    cloudiness: -0.2,
    rain: 2.0,
    linke: 3.8,
    dust: 0.5,
};

/// The weather of one step. Stored units; irradiance at the middle of the step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    /// At 80 m, free of wakes.
    pub(super) wind_speed: f64,
    pub(super) wind_direction: f64,
    pub(super) temp_air: f64,
    pub(super) relative_humidity: f64,
    pub(super) pressure: f64,
    /// Share of the sky.
    pub(super) cloud: f64,
    /// mm in the step.
    pub(super) precipitation: f64,
    /// 0 clean air to 1 dust storm.
    pub(super) dust: f64,
    pub(super) sun: Sun,
    pub(super) sky: Sky,
}

/// A site's weather machine.
#[derive(Debug)]
pub(super) struct Climate {
    site: Site,
    seed: u64,
    step: i64,
    stream: Stream,
    synoptic: Ar1,
    front: Ar1,
    gust: Ar1,
    turn: Ar1,
    warmth: Ar1,
    moisture: Ar1,
    high: Ar1,
    cover: Ar1,
    flicker: Ar1,
    haze: Ar1,
    /// Number of the month of 30 days whose storm is planned, and the storm.
    storm: (i64, Option<(i64, i64)>),
}

impl Climate {
    /// The machine, in a stationary state.
    pub(super) fn new(seed: u64, site: Site, step: i64) -> Self {
        let mut stream = Stream::new(seed, &format!("climate/{}", site.name));
        let mut ar = |sd, tau| Ar1::new(&mut stream, sd, tau, step);
        let (synoptic, front, gust) = (ar(0.88, 55.0), ar(0.45, 8.0), ar(0.16, 0.9));
        let (turn, warmth, moisture) = (ar(1.0, 18.0), ar(1.0, 70.0), ar(9.0, 15.0));
        let (high, cover, flicker, haze) = (ar(450.0, 80.0), ar(0.75, 8.0), ar(1.0, 0.4), ar(0.35, 90.0));
        let storm = (i64::MIN, None);
        Self { site, seed, step, stream, synoptic, front, gust, turn, warmth, moisture, high, cover, flicker, haze, storm }
    }

    /// Name of the site, which is also the id of its plant or region.
    pub(super) const fn site_name(&self) -> &'static str {
        self.site.name
    }

    /// The weather of the step that begins at `seconds`; call with rising times.
    pub(super) fn next(&mut self, seconds: i64) -> Sample {
        let site = self.site;
        let middle = seconds + self.step / 2;
        let day = (middle as f64 / 86_400.0).rem_euclid(365.2425);
        let hour = (middle as f64 / 3600.0 + site.place.longitude / 15.0).rem_euclid(24.0);
        let year_wave = |peak: f64| (TAU * (day - peak) / 365.2425).cos();
        let day_wave = |peak: f64| (TAU * (hour - peak) / 24.0).cos();
        let stream = &mut self.stream;
        let synoptic = self.synoptic.next(stream);
        let strength = synoptic + self.front.next(stream) + self.gust.next(stream);
        let (scale, shape) = site.weibull;
        let below = normal_share(strength).min(0.999_999);
        let swell =
            (1.0 + site.wind_season.0 * year_wave(site.wind_season.1)) * (1.0 + site.wind_day.0 * day_wave(site.wind_day.1));
        let wind_speed = scale * (-(1.0 - below).ln()).powf(1.0 / shape) * swell;
        let turn = self.turn.next(stream);
        let wind_direction = (site.direction.0 + site.direction.1 * (turn + 0.15 * turn * turn * turn)).rem_euclid(360.0);

        // A high brings clear sky and warmth: part of the cloud is the synoptic state itself.
        let cover = self.cover.next(stream) - 0.5 * synoptic * 0.8;
        let cloud = normal_share(2.2 * (cover + site.cloudiness - 0.2 * year_wave(203.0)));
        let dust = self.storm(seconds);
        let stream = &mut self.stream;
        let warmth = self.warmth.next(stream);
        let (mean, season, warmest, swing) = site.temperature;
        let temp_air = mean
            + season * year_wave(warmest)
            + swing * day_wave(15.0) * (1.0 - 0.4 * cloud)
            + 0.25 * season.max(8.0) * warmth
            + 6.0 * dust;
        let moisture = self.moisture.next(stream);
        let relative_humidity = (site.humidity - 2.2 * (temp_air - mean) + moisture + 15.0 * cloud).clamp(6.0, 100.0);
        let pressure = 101_325.0 * (-site.place.altitude / 8400.0).exp() + self.high.next(stream);
        let shower = stream.normal().abs();
        let precipitation = if cloud > 0.93 { (cloud - 0.93) / 0.07 * site.rain * shower * self.step as f64 / 3600.0 } else { 0.0 };

        let flicker = self.flicker.next(stream);
        let linke = (site.linke - 0.6 * year_wave(10.0) + self.haze.next(stream) + 4.0 * dust).max(1.8);
        let sun = Sun::at(middle, &site.place);
        // Kasten and Czeplak 1980; broken cloud flickers.
        let index = (1.0 - 0.75 * cloud.powf(3.4)) * (1.0 + 0.9 * cloud * (1.0 - cloud) * flicker.min(0.3));
        let sky = Sky::clear(&sun, &site.place, linke, pressure).clouded(&sun, index.clamp(0.05, 1.08));
        Sample { wind_speed, wind_direction, temp_air, relative_humidity, pressure, cloud, precipitation, dust, sun, sky }
    }

    /// Dust in the air: at most one Saharan storm in each 30 days, drawn from a stream of that month.
    fn storm(&mut self, seconds: i64) -> f64 {
        const MONTH: i64 = 30 * 86_400;
        let month = seconds.div_euclid(MONTH);
        if self.storm.0 != month {
            let mut stream = Stream::new(self.seed, &format!("dust/{}/{month}", self.site.name));
            let start = month * MONTH + stream.uniform(0.0, 26.0) as i64 * 86_400 + stream.uniform(7.0, 14.0) as i64 * 3600;
            let length = stream.uniform(12.0, 54.0) as i64 * 3600;
            let season = (TAU * ((start as f64 / 86_400.0).rem_euclid(365.2425) - 165.0) / 365.2425).cos();
            let blows = stream.chance(self.site.dust * 0.5 * (0.6 + season).max(0.1));
            self.storm = (month, blows.then_some((start, start + length)));
        }
        match self.storm.1 {
            Some((start, end)) if start <= seconds && seconds < end => {
                let share = (seconds - start) as f64 / (end - start) as f64;
                (4.0 * share).min(4.0 * (1.0 - share)).clamp(0.15, 1.0)
            }
            _ => 0.0,
        }
    }
}

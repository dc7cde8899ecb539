//! What a field is about: quantity, run, time or stretch of time, member.
//!
//! In: the sections of a field. Out: a [`Product`], the name of what nobody wants, or what is wrong. Parameters after code table 4.2,
//! templates 4.0, 4.1, 4.8 and 4.11; those of a centre's own are named where they are read.

use super::message::Field;
use super::octets::is_missing;
use super::octets::signed;
use super::octets::unsigned;
use crate::weather::vocabulary::WINDS;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// How the values came about over the stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statistic {
    /// No stretch.
    Instant,
    /// Mean over it, W/m².
    Mean,
    /// Sum over it, J/m².
    Sum,
}

/// A field we have a use for. Times are microseconds UTC.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Product {
    pub(super) quantity: &'static str,
    /// `stored = scale × value + shift`.
    pub(super) scale: f64,
    pub(super) shift: f64,
    pub(super) statistic: Statistic,
    /// Start of the run.
    pub(super) init: i64,
    /// Beginning of the stretch; of an instant the instant.
    pub(super) from: i64,
    pub(super) to: i64,
    /// Of an ensemble.
    pub(super) member: Option<u64>,
    /// Who made it.
    pub(super) centre: String,
}

/// WMO common code table C-11.
const CENTRES: [(u64, &str); 8] =
    [(7, "ncep"), (34, "jma"), (54, "cmc"), (74, "ukmo"), (78, "dwd"), (84, "meteofrance"), (85, "meteofrance"), (98, "ecmwf")];
const ECMWF: u64 = 98;
const NCEP: u64 = 7;

/// Degrees Celsius of 0 K.
const ZERO: f64 = -273.15;

impl Product {
    pub(super) fn is_wind(&self) -> bool {
        WINDS.iter().any(|(_, u, v, _)| [*u, *v].contains(&self.quantity))
    }

    /// Takes the sections apart; the inner error is the name of what is passed over.
    pub(super) fn read(field: &Field<'_>) -> Result<Result<Self, String>, String> {
        let (section, of_run) = (field.product, field.identification);
        let octet = |place: usize| unsigned(section, place, 1).unwrap_or_default();
        let template = unsigned(section, 8, 2).unwrap_or_default();
        let centre = unsigned(of_run, 6, 2).unwrap_or_default();
        let (category, number, surface) = (octet(10), octet(11), octet(23));
        let other = || Ok(Err(format!("{}.{category}.{number} on surface {surface}", field.discipline)));
        let statistics = match template {
            0 | 1 => None,
            8 => Some(35),
            11 => Some(38),
            _ => return other(),
        };
        let Some((quantity, scale, shift)) = quantity(field, centre, (category, number, surface)) else { return other() };
        let broken = |what: &str| format!("{what} of its {quantity} cannot be read; download the file again");
        let init = date(of_run, 13).ok_or_else(|| broken("the start of the run"))?;
        let (unit, count) = (octet(18), signed(section, 19, 4).unwrap_or_default());
        let seconds =
            seconds(unit).ok_or_else(|| format!("time unit {unit} (code table 4.4) of its {quantity} is not read; use hours"))?;
        let from =
            count.checked_mul(seconds * 1_000_000).and_then(|lead| init.checked_add(lead)).ok_or_else(|| broken("the step"))?;
        let (statistic, to) = match statistics {
            None => (Statistic::Instant, from),
            Some(place) => {
                let to = date(section, place).ok_or_else(|| broken("the end of the interval"))?;
                match (octet(place + 12), quantity) {
                    (0, "ghi") => (Statistic::Mean, to),
                    (1, "ghi") => (Statistic::Sum, to),
                    (process, _) => return Ok(Err(format!("{quantity}, statistical process {process}"))),
                }
            }
        };
        if to < from {
            return Err(broken("the interval"));
        }
        let member = (matches!(template, 1 | 11)).then(|| octet(36));
        let name = CENTRES.iter().find(|(code, _)| *code == centre).map(|(_, name)| (*name).to_owned());
        let centre = name.unwrap_or_else(|| format!("centre_{centre}"));
        Ok(Ok(Self { quantity, scale, shift, statistic, init, from, to, member, centre }))
    }
}

/// Our quantity of a parameter, and scale and shift to its stored unit.
fn quantity(field: &Field<'_>, centre: u64, parameter: (u64, u64, u64)) -> Option<(&'static str, f64, f64)> {
    // Octets 24 to 28: the height as scale factor and scaled value.
    let height = || -> Option<u32> {
        if is_missing(field.product, 25, 4) {
            return None;
        }
        let scaled = signed(field.product, 25, 4)? as f64 * 10_f64.powi(-i32::try_from(signed(field.product, 24, 1)?).ok()?);
        (scaled.fract() == 0.0 && (0.0..=1000.0).contains(&scaled)).then_some(scaled as u32)
    };
    let wind = |place: fn(&(u32, &'static str, &'static str, &'static str)) -> &'static str| {
        let height = height()?;
        WINDS.iter().find(|row| row.0 == height).map(|row| (place(row), 1.0, 0.0))
    };
    if field.discipline != 0 {
        return None;
    }
    match parameter {
        (0, 0, 103) if height() == Some(2) => Some(("temp_air", 1.0, ZERO)),
        (0, 6, 103) if height() == Some(2) => Some(("dew_point", 1.0, ZERO)),
        (1, 1, 103) if height() == Some(2) => Some(("relative_humidity", 1.0, 0.0)),
        (2, 2, 103) => wind(|row| row.1),
        (2, 3, 103) => wind(|row| row.2),
        (3, 0, 1) => Some(("pressure", 1.0, 0.0)),
        (3, 0 | 1, 101) => Some(("pressure_msl", 1.0, 0.0)),
        (4, 7, 1) => Some(("ghi", 1.0, 0.0)),
        // DSWRF before NCEP moved to 4.7.
        (4, 192, 1) if centre == NCEP => Some(("ghi", 1.0, 0.0)),
        (6, 1, _) => Some(("cloud_cover", 1.0, 0.0)),
        // tcc of ECMWF as a share.
        (6, 192, _) if centre == ECMWF => Some(("cloud_cover", 100.0, 0.0)),
        _ => None,
    }
}

/// Seconds in a unit of code table 4.4 that has a fixed length.
fn seconds(unit: u64) -> Option<i64> {
    Some(match unit {
        0 => 60,
        1 => 3600,
        2 => 86_400,
        10 => 3 * 3600,
        11 => 6 * 3600,
        12 => 12 * 3600,
        13 => 1,
        _ => return None,
    })
}

/// Year, month, day, hour, minute and second from an octet on, in microseconds UTC.
fn date(section: &[u8], octet: usize) -> Option<i64> {
    let year = i16::try_from(unsigned(section, octet, 2)?).ok()?;
    let part = |place: usize| i8::try_from(unsigned(section, octet + place, 1)?).ok();
    let wall = DateTime::new(year, part(2)?, part(3)?, part(4)?, part(5)?, part(6)?, 0).ok()?;
    Some(TimeZone::UTC.to_timestamp(wall).ok()?.as_microsecond())
}

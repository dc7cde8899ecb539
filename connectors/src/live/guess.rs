//! Which of our quantities a foreign name means, and how surely.
//!
//! In: a name, a unit, a description as a peer gives them (English, French, German; IEC 61400-25, IEC 61850 and SunSpec abbreviations).
//! Out: a quantity, a unit and a confidence for a person to confirm. Not here: acting on it: a guess is only ever written into a file.

use super::Found;
use engine::domain::Quantities;
use engine::domain::Unit;

/// A guess.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    /// Name of the quantity.
    pub quantity: &'static str,
    /// Unit the peer's values seem to be in.
    pub unit: &'static str,
    /// 0 to 1.
    pub confidence: f64,
    /// Kind of asset that usually has it.
    pub kind: Option<&'static str>,
}

/// Words that must all occur, the quantity, the unit where the peer gives none, the kind of asset that usually has it.
/// More words win over fewer; of equals the earlier.
type Rule = (&'static str, &'static str, &'static str, Option<&'static str>);

const TURBINE: Option<&str> = Some("wind_turbine");
const INVERTER: Option<&str> = Some("pv_inverter");
const STATION: Option<&str> = Some("weather_station");

const RULES: &[Rule] = &[
    ("active power limit", "active_power_limit", "kW", None),
    ("power setpoint", "active_power_limit", "kW", None),
    ("power set point", "active_power_limit", "kW", None),
    ("consigne puissance", "active_power_limit", "kW", None),
    ("available power", "available_power", "kW", None),
    ("possible power", "available_power", "kW", None),
    ("active power", "active_power", "kW", None),
    ("grid power", "active_power", "kW", None),
    ("puissance active", "active_power", "kW", None),
    ("wirkleistung", "active_power", "kW", None),
    ("power", "active_power", "kW", None),
    ("puissance", "active_power", "kW", None),
    ("leistung", "active_power", "kW", None),
    ("totw", "active_power", "kW", None),
    ("w", "active_power", "W", None),
    ("reactive power", "reactive_power", "kvar", None),
    ("puissance reactive", "reactive_power", "kvar", None),
    ("blindleistung", "reactive_power", "kvar", None),
    ("totvar", "reactive_power", "kvar", None),
    ("var", "reactive_power", "var", None),
    ("active energy", "active_energy", "kWh", None),
    ("energy", "active_energy", "kWh", None),
    ("energie", "active_energy", "kWh", None),
    ("totwh", "active_energy", "kWh", None),
    ("wh", "active_energy", "Wh", None),
    ("wind speed", "wind_speed", "m/s", TURBINE),
    ("vitesse vent", "wind_speed", "m/s", TURBINE),
    ("windgeschwindigkeit", "wind_speed", "m/s", TURBINE),
    ("horwdspd", "wind_speed", "m/s", TURBINE),
    ("wdspd", "wind_speed", "m/s", TURBINE),
    ("wind direction", "wind_direction", "deg", TURBINE),
    ("direction vent", "wind_direction", "deg", TURBINE),
    ("windrichtung", "wind_direction", "deg", TURBINE),
    ("horwddir", "wind_direction", "deg", TURBINE),
    ("nacelle direction", "nacelle_direction", "deg", TURBINE),
    ("nacelle position", "nacelle_direction", "deg", TURBINE),
    ("yaw angle", "nacelle_direction", "deg", TURBINE),
    ("yaw position", "nacelle_direction", "deg", TURBINE),
    ("ywang", "nacelle_direction", "deg", TURBINE),
    ("rotor speed", "rotor_speed", "rpm", TURBINE),
    ("rotspd", "rotor_speed", "rpm", TURBINE),
    ("generator speed", "generator_speed", "rpm", TURBINE),
    ("gnspd", "generator_speed", "rpm", TURBINE),
    ("pitch angle", "blade_pitch_angle", "deg", TURBINE),
    ("blade pitch", "blade_pitch_angle", "deg", TURBINE),
    ("blade angle", "blade_pitch_angle", "deg", TURBINE),
    ("ptangvalbl", "blade_pitch_angle", "deg", TURBINE),
    ("pitch", "blade_pitch_angle", "deg", TURBINE),
    ("gearbox bearing temp", "gearbox_bearing_temp", "degC", TURBINE),
    ("gear bearing temp", "gearbox_bearing_temp", "degC", TURBINE),
    ("gearbox oil temp", "gearbox_oil_temp", "degC", TURBINE),
    ("gear oil temp", "gearbox_oil_temp", "degC", TURBINE),
    ("gbxoiltmp", "gearbox_oil_temp", "degC", TURBINE),
    ("generator bearing temp", "generator_bearing_temp", "degC", TURBINE),
    ("generator winding temp", "generator_winding_temp", "degC", TURBINE),
    ("generator stator temp", "generator_winding_temp", "degC", TURBINE),
    ("gnwdgtmp", "generator_winding_temp", "degC", TURBINE),
    ("turbine status", "turbine_status", "code", TURBINE),
    ("turbine state", "turbine_status", "code", TURBINE),
    ("turst", "turbine_status", "code", TURBINE),
    ("global horizontal irradiance", "ghi", "W/m2", STATION),
    ("ghi", "ghi", "W/m2", STATION),
    ("dni", "dni", "W/m2", STATION),
    ("dhi", "dhi", "W/m2", STATION),
    ("plane array irradiance", "poa_global", "W/m2", STATION),
    ("poa global", "poa_global", "W/m2", STATION),
    ("poa irradiance", "poa_global", "W/m2", STATION),
    ("poai", "poa_global", "W/m2", STATION),
    ("irradiance", "poa_global", "W/m2", STATION),
    ("eclairement", "poa_global", "W/m2", STATION),
    ("einstrahlung", "poa_global", "W/m2", STATION),
    ("module temp", "temp_module", "degC", INVERTER),
    ("back module temp", "temp_module", "degC", INVERTER),
    ("tmpbom", "temp_module", "degC", STATION),
    ("cell temp", "temp_cell", "degC", INVERTER),
    ("ambient temp", "temp_air", "degC", None),
    ("air temp", "temp_air", "degC", None),
    ("temp air", "temp_air", "degC", None),
    ("temp ambiante", "temp_air", "degC", None),
    ("outdoor temp", "temp_air", "degC", None),
    ("outside temp", "temp_air", "degC", None),
    ("envtmp", "temp_air", "degC", None),
    ("tmpamb", "temp_air", "degC", STATION),
    ("top oil temp", "top_oil_temp", "degC", Some("transformer")),
    ("tracker angle", "tracker_angle", "deg", Some("pv_tracker")),
    ("soiling ratio", "soiling_ratio", "1", STATION),
    ("relative humidity", "relative_humidity", "%", STATION),
    ("humidity", "relative_humidity", "%", STATION),
    ("rh", "relative_humidity", "%", STATION),
    ("air pressure", "pressure", "hPa", STATION),
    ("pressure", "pressure", "hPa", STATION),
    ("pres", "pressure", "hPa", STATION),
    ("precipitation", "precipitation", "mm", STATION),
    ("rain", "precipitation", "mm", STATION),
    ("frequency", "frequency", "Hz", None),
    ("frequence", "frequency", "Hz", None),
    ("frequenz", "frequency", "Hz", None),
    ("hz", "frequency", "Hz", None),
    ("voltage", "voltage", "V", None),
    ("tension", "voltage", "V", None),
    ("spannung", "voltage", "V", None),
    ("phv", "voltage", "V", None),
    ("ppvphab", "voltage", "V", None),
    ("phvpha", "voltage", "V", None),
    ("current", "current", "A", None),
    ("courant", "current", "A", None),
    ("strom", "current", "A", None),
    ("a", "current", "A", None),
    ("net load", "net_load", "kW", Some("region")),
    ("load", "load", "kW", Some("region")),
    ("charge", "load", "kW", Some("region")),
    ("demand", "load", "kW", Some("region")),
];

/// Words that turn a name into something else: a maximum, a counter of today, one string of many.
const SPOILERS: &[&str] = &[
    "max",
    "min",
    "maximum",
    "minimum",
    "avg",
    "mean",
    "stdev",
    "std",
    "sd",
    "rtg",
    "rated",
    "nominal",
    "today",
    "daily",
    "yesterday",
    "monthly",
    "string",
    "dc",
    "apparent",
    "phase",
    "setting",
    "alarm",
    "limit",
];

/// Short forms met in the field and what they stand for, one word each.
const SHORT: &[(&str, &str)] = &[
    ("temperature", "temp"),
    ("tmp", "temp"),
    ("temperatur", "temp"),
    ("pwr", "power"),
    ("pow", "power"),
    ("act", "active"),
    ("react", "reactive"),
    ("spd", "speed"),
    ("dir", "direction"),
    ("gen", "generator"),
    ("gbx", "gearbox"),
    ("gear", "gearbox"),
    ("freq", "frequency"),
    ("volt", "voltage"),
    ("irr", "irradiance"),
    ("irrad", "irradiance"),
    ("hum", "humidity"),
    ("amb", "ambient"),
    ("ws", "windspeed"),
    ("wd", "winddirection"),
    ("bearings", "bearing"),
    ("windings", "winding"),
];

/// The likeliest quantity of a thing, if any. The unit, where the peer gives one, must be convertible and decides close calls.
pub fn guess(found: &Found) -> Option<Guess> {
    let name = words(&found.name);
    let last = words(found.name.rsplit(['/', '.', ':', '|']).next().unwrap_or(&found.name));
    let description = words(found.description.as_deref().unwrap_or_default());
    let known = Quantities::standard();
    let unit = found.unit.as_deref().map(str::trim).filter(|unit| !unit.is_empty());
    let mut best: Option<(Guess, f64)> = None;
    for (pattern, quantity, usual, kind) in RULES {
        let wanted: Vec<&str> = pattern.split(' ').collect();
        let covers = |have: &[String]| wanted.iter().all(|word| have.iter().any(|held| held == word));
        let exact = covers(&last) && last.len() == wanted.len();
        let Some(base) = (exact.then_some(0.9))
            .or_else(|| covers(&last).then_some(0.75))
            .or_else(|| (covers(&name) && wanted.len() > 1).then_some(0.7))
            .or_else(|| (covers(&description) && wanted.len() > 1).then_some(0.6))
        else {
            continue;
        };
        // One letter or a short sign means something only where it stands alone.
        if pattern.len() <= 3 && !exact {
            continue;
        }
        let Ok((_, info)) = known.get(quantity) else { continue };
        let (unit, by_unit) = match unit.map(Unit::parse) {
            None => (*usual, 0.0),
            Some(Ok(unit)) if unit.to(info.unit).is_some() => (unit.name(), 0.08),
            Some(Ok(_)) => continue,
            Some(Err(_)) => (*usual, -0.2),
        };
        let spoiled = last.iter().any(|word| SPOILERS.contains(&word.as_str()) && !wanted.contains(&word.as_str()));
        let by_kind = if found.kind.is_some() && kind.is_some() && found.kind != *kind { -0.1 } else { 0.0 };
        let confidence = base + by_unit + by_kind - if spoiled { 0.4 } else { 0.0 };
        let rank = confidence + 0.02 * wanted.len() as f64;
        if best.as_ref().is_none_or(|(_, held)| rank > *held) {
            let confidence = (confidence.clamp(0.05, 0.99) * 100.0).round() / 100.0;
            best = Some((Guess { quantity, unit, confidence, kind: *kind }, rank));
        }
    }
    best.map(|(guess, _)| guess)
}

/// Lower-case words without accents: split at signs, at digits' ends and where a small letter meets a capital.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    for c in text.chars().map(plain) {
        if !c.is_ascii_alphabetic() {
            end(&mut word);
        } else {
            if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
                end(&mut word);
            }
            word.push(c);
        }
        before = c;
    }
    end(&mut word);
    let mut out: Vec<String> = Vec::new();
    // 61850 and SunSpec names are one word of short forms: the whole counts too.
    let whole: String =
        text.rsplit(['/', '.', ':', '|']).next().unwrap_or(text).chars().filter(char::is_ascii_alphabetic).collect();
    for word in words.iter().map(|word| word.to_ascii_lowercase()) {
        let long = SHORT.iter().find(|(short, _)| *short == word).map_or(word.as_str(), |(_, long)| long);
        match long {
            "windspeed" => out.extend(["wind".into(), "speed".into()]),
            "winddirection" => out.extend(["wind".into(), "direction".into()]),
            long => out.push(long.into()),
        }
    }
    let whole = whole.to_ascii_lowercase();
    if words.len() > 1 && RULES.iter().any(|rule| rule.0 == whole) {
        return vec![whole];
    }
    out
}

fn plain(c: char) -> char {
    match c {
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'É' | 'È' => 'E',
        'à' | 'â' | 'ä' => 'a',
        'ô' | 'ö' => 'o',
        'û' | 'ü' | 'ù' => 'u',
        'î' | 'ï' => 'i',
        'ç' => 'c',
        other => other,
    }
}

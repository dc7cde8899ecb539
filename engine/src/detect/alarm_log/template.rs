//! What a line of a controller log says once values are dropped: its template, and what kind of line it is.
//!
//! Numbers are values and go, except the number right after a word for a code (`Err:900`), which is a name. A line about a power set-point
//! is read for its value: at rated power nothing is restricted. Words are those of the controllers we have seen, in English, with the
//! plain ones of French, Spanish and German; a line in other words counts by its rarity alone.

/// What kind of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Says nothing: no text, or a set-point without restriction.
    Idle,
    /// Output held down by a set-point.
    Restricted,
    /// Somebody works on the machine or its controller.
    Service,
    /// The machine stopped.
    Stop,
    /// Anything else.
    Other,
}

/// Words after which a number is a name.
const CODES: [&str; 6] = ["err", "error", "code", "alarm", "fault", "event"];
/// First words of a line by which a machine stops whatever follows.
const STOPS: [&str; 5] = ["emergency", "trip", "shutdown", "notaus", "disparo"];
/// First words of a line by which a machine stops when power or speed follow.
const HALTS: [&str; 8] = ["stop", "stopped", "pause", "paused", "arret", "arrêt", "parada", "stopp"];
/// Parts of lines by which somebody is there, or at the controller from afar.
const SERVICE: [&str; 17] = [
    "service",
    "maintenance",
    "local control",
    "key switch",
    "keyswitch",
    "keyboard",
    "manual",
    "login",
    "logout",
    "over rcs",
    "remote stop",
    "primary access",
    "write access",
    "reboot",
    "parameter",
    "mantenimiento",
    "wartung",
];
/// Parts of lines that give a set-point of power.
const SET_POINTS: [&str; 5] = ["power ref", "power limit", "setpoint", "set-point", "set point"];
/// A set-point at this share of rated power restricts nothing.
const FREE: f64 = 0.98;

/// A line without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) template: String,
    pub(super) kind: Kind,
}

/// The set-point of power in a line, kW.
pub(super) fn set_point(message: &str) -> Option<f64> {
    let lower = message.to_lowercase();
    SET_POINTS.iter().any(|words| lower.contains(words)).then(|| number(&lower)).flatten()
}

/// Reads a line; `rated_kw` is what its set-points are compared with.
pub(super) fn read(message: &str, rated_kw: f64) -> Read {
    let plain = template(message);
    let lower = plain.to_lowercase();
    if plain.is_empty() {
        return Read { template: plain, kind: Kind::Idle };
    }
    if let Some(kw) = set_point(message) {
        let restricted = kw < FREE * rated_kw;
        let (kind, word) = if restricted { (Kind::Restricted, "restricted") } else { (Kind::Idle, "no restriction") };
        return Read { template: format!("{plain} ({word})"), kind };
    }
    let first = lower.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let measured = lower.contains("kw") || lower.contains("rpm");
    let kind = if STOPS.contains(&first) || (HALTS.contains(&first) && measured) {
        Kind::Stop
    } else if SERVICE.iter().any(|words| lower.contains(words)) {
        Kind::Service
    } else {
        Kind::Other
    };
    Read { template: plain, kind }
}

/// The line with `#` for every value and without the blanks beside it.
fn template(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message.trim();
    while let Some(c) = rest.chars().next() {
        let length = value(rest);
        if length == 0 {
            let blank = c.is_whitespace();
            if !(blank && out.ends_with([' ', '#'])) {
                out.push(if blank { ' ' } else { c });
            }
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let (text, after) = rest.split_at(length);
        if is_code(&out) && text.bytes().all(|b| b.is_ascii_digit()) {
            out.push_str(text);
        } else {
            while out.ends_with([' ', '-', '+']) {
                out.pop();
            }
            if !out.ends_with('#') {
                out.push('#');
            }
        }
        rest = after;
    }
    out.trim().to_owned()
}

/// Bytes of the number a text begins with; 0 where it begins with none.
fn value(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    while digit(end) || (end > 0 && matches!(bytes.get(end), Some(b'.' | b',')) && digit(end + 1)) {
        end += 1;
    }
    end
}

/// True where the text ends with a word for a code.
fn is_code(before: &str) -> bool {
    let word = before.trim_end_matches([' ', ':', '.', '-']);
    let start = word.rfind(|c: char| !c.is_alphabetic()).map_or(0, |at| at + 1);
    word.get(start..).is_some_and(|last| CODES.contains(&last.to_lowercase().as_str()))
}

/// The last number of a text, with its sign.
fn number(text: &str) -> Option<f64> {
    let mut found = None;
    let mut at = 0;
    while at < text.len() {
        let length = text.get(at..).map_or(0, value);
        if length == 0 {
            at += 1;
            continue;
        }
        let sign = if at > 0 && text.as_bytes()[at - 1] == b'-' { -1.0 } else { 1.0 };
        found =
            text.get(at..at + length).and_then(|digits| digits.replace(',', ".").parse::<f64>().ok()).map(|v| sign * v).or(found);
        at += length;
    }
    found
}

/// The part a line speaks of.
pub(super) fn component(template: &str) -> &'static str {
    const PARTS: [(&[&str], &str); 11] = [
        (&["trafo", "transformer"], "transformer"),
        (&["igbt", "conv", "inverter", "udc", "rotor cur", "vcs", "slip"], "converter"),
        (&["hydraul", "hydr", "workingpressure", "offlin", "accu", "oil leakage"], "hydraulic_group"),
        (&["gear"], "gearbox"),
        (&["gen.", "generator"], "generator"),
        (&["pitch", "hub", "blade"], "pitch"),
        (&["yaw", "cable", "cabtw", "nac"], "yaw"),
        (&["wind sensor", "windsig", "main ws", "ws#"], "anemometer"),
        (&["brake"], "brake"),
        (&["volt", "dip detec", "breaker", "grid", "trip q"], "grid"),
        (&["emergency"], "safety_system"),
    ];
    let lower = template.to_lowercase();
    PARTS.iter().find(|(words, _)| words.iter().any(|word| lower.contains(word))).map_or("controller", |(_, part)| part)
}

#[cfg(test)]
mod tests {
    use super::{Kind, component, read, set_point};

    #[test]
    fn values_go_and_names_stay() {
        let template = |message: &str| read(message, 2000.0).template;
        assert_eq!(template("Gen. ext. vent. 2, temp: 65°C"), "Gen. ext. vent.#, temp:#°C");
        assert_eq!(template("Pitch: -2.1° Power:  572.4 kW"), template("Pitch:  0,2° Power:   -5.7 kW"));
        assert_eq!(template("Extra info. Err:900 P: 743.5kW"), "Extra info. Err:900 P:#kW");
        assert_ne!(template("Extra info. Err:900 P:1.0kW"), template("Extra info. Err:192 P:1.0kW"));
        assert_eq!(template("NacReset Err  0.0 Est  0.0"), "NacReset Err#Est#");
        assert_eq!(template("  "), "");
        assert_eq!(template("حرارة 65 °م"), "حرارة#°م");
    }

    #[test]
    fn kinds_are_read_off_the_words_and_set_points_off_the_value() {
        let kind = |message: &str| read(message, 2000.0).kind;
        assert_eq!(kind("External power ref.:2000kW"), Kind::Idle);
        assert_eq!(kind("External power ref.: 500kW"), Kind::Restricted);
        assert_eq!(kind("External power ref.:   0kW"), Kind::Restricted);
        assert_eq!(set_point("External power ref.: 500kW"), Some(500.0));
        assert_eq!(set_point("Wind: 5 m/s"), None);
        assert_eq!(
            [kind(""), kind("Pause over RCS  0"), kind("Pause pressed on keyboard")],
            [Kind::Idle, Kind::Service, Kind::Service]
        );
        assert_eq!([kind("Stop  656.9kW  1444RPM"), kind("Pause   -3.0kW     0RPM"), kind("Trip Q8 L1: 403 V")], [Kind::Stop; 3]);
        assert_eq!([kind("Stop auto-outyawing"), kind("Hot generator 145°C      0kW")], [Kind::Other; 2]);
        assert_eq!(component("Hot HV trafo #°C"), "transformer");
        assert_eq!([component("Hot generator#°C"), component("Run")], ["generator", "controller"]);
    }
}

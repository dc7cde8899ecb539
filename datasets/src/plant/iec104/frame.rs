//! Octets of IEC 60870-5-104: frames in, frames and ASDUs out.
//!
//! In: bytes of a stream; changes. Out: frames; bytes. Addresses as the 104 standard fixes them: cause two octets, common address two,
//! object address three. Not here: who sends what when.

use engine::domain::from_micros;
use jiff::tz::TimeZone;

/// Quality descriptor (IEC 60870-5-101, 7.2.6.3).
pub(super) const INVALID: u8 = 0x80;
pub(super) const NOT_TOPICAL: u8 = 0x40;

const START: u8 = 0x68;
/// Sequence numbers run modulo this.
pub(super) const MODULO: u16 = 1 << 15;
/// Octets of an ASDU, and of its head.
const LONGEST: usize = 249;
const HEAD: usize = 6;

/// Type identifications.
pub(super) const M_SP_NA: u8 = 1;
pub(super) const M_ME_NC: u8 = 13;
pub(super) const M_IT_NA: u8 = 15;
const M_SP_TB: u8 = 30;
const M_ME_TF: u8 = 36;
pub(super) const C_IC_NA: u8 = 100;
pub(super) const C_CI_NA: u8 = 101;

/// Causes of transmission.
const SPONTANEOUS: u8 = 3;
pub(super) const ACTIVATION: u8 = 6;
pub(super) const CONFIRMED: u8 = 7;
pub(super) const TERMINATED: u8 = 10;
pub(super) const BY_STATION: u8 = 20;
pub(super) const BY_COUNTERS: u8 = 37;
pub(super) const UNKNOWN_TYPE: u8 = 44;
pub(super) const UNKNOWN_CAUSE: u8 = 45;
pub(super) const UNKNOWN_STATION: u8 = 46;

/// One value with its time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    pub(super) station: u16,
    pub(super) ioa: u32,
    pub(super) is_alarm: bool,
    pub(super) value: f32,
    pub(super) quality: u8,
    /// Microseconds UTC.
    pub(super) time: i64,
}

/// Unnumbered functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    StartAct,
    StartCon,
    StopAct,
    StopCon,
    TestAct,
    TestCon,
}

const FUNCTIONS: [(u8, Function); 6] = [
    (0x07, Function::StartAct),
    (0x0b, Function::StartCon),
    (0x13, Function::StopAct),
    (0x23, Function::StopCon),
    (0x43, Function::TestAct),
    (0x83, Function::TestCon),
];

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    Information { sent: u16, received: u16, asdu: Vec<u8> },
    Supervisory { received: u16 },
    Unnumbered(Function),
}

/// Bytes that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoFrame;

impl Frame {
    /// The first frame of `bytes` and its length; `None` when it is not whole yet.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, NoFrame> {
        let (Some(&start), length) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
        if start != START {
            return Err(NoFrame);
        }
        let Some(length) = length.map(|&length| usize::from(length)) else { return Ok(None) };
        if !(4..=LONGEST + 4).contains(&length) {
            return Err(NoFrame);
        }
        let Some(body) = bytes.get(2..2 + length) else { return Ok(None) };
        let (&[a, b, c, d], asdu) = body.split_first_chunk::<4>().ok_or(NoFrame)?;
        let number = |low: u8, high: u8| u16::from_le_bytes([low, high]) >> 1;
        let frame = match (a & 1, a & 3) {
            (0, _) => Self::Information { sent: number(a, b), received: number(c, d), asdu: asdu.to_vec() },
            (_, 1) => Self::Supervisory { received: number(c, d) },
            _ => Self::Unnumbered(FUNCTIONS.iter().find(|(code, _)| *code == a).ok_or(NoFrame)?.1),
        };
        Ok(Some((frame, 2 + length)))
    }

    /// Appends the frame's bytes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let number = |number: u16| (number << 1).to_le_bytes();
        match self {
            Self::Information { sent, received, asdu } => {
                out.extend([START, (asdu.len() + 4) as u8]);
                out.extend(number(*sent));
                out.extend(number(*received));
                out.extend(asdu);
            }
            Self::Supervisory { received } => {
                out.extend([START, 4, 1, 0]);
                out.extend(number(*received));
            }
            Self::Unnumbered(function) => {
                let code = FUNCTIONS.iter().find(|(_, known)| known == function).map_or(0, |(code, _)| *code);
                out.extend([START, 4, code, 0, 0, 0]);
            }
        }
    }
}

fn head(kind: u8, count: usize, cause: u8, station: u16) -> Vec<u8> {
    let [low, high] = station.to_le_bytes();
    vec![kind, count as u8, cause, 0, low, high]
}

/// Octets of one object of a type, its address included.
const fn size(kind: u8) -> usize {
    match kind {
        M_SP_NA => 4,
        M_SP_TB => 11,
        M_ME_TF => 15,
        _ => 8,
    }
}

/// Changes of a kind that fit one ASDU.
pub(super) const fn most_changes(is_alarm: bool) -> usize {
    (LONGEST - HEAD) / size(if is_alarm { M_SP_TB } else { M_ME_TF })
}

/// Spontaneous changes of one station and one kind, with times.
pub(super) fn spontaneous(changes: &[Change]) -> Vec<u8> {
    let (station, is_alarm) = changes.first().map_or((0, false), |change| (change.station, change.is_alarm));
    let mut asdu = head(if is_alarm { M_SP_TB } else { M_ME_TF }, changes.len(), SPONTANEOUS, station);
    for change in changes {
        object(&mut asdu, change);
        asdu.extend(time(change.time));
    }
    asdu
}

/// Answers to an interrogation, without times, in as few ASDUs as they fit: `M_SP_NA` and `M_ME_NC`.
pub(super) fn answers(station: u16, all: &[Change]) -> Vec<Vec<u8>> {
    let mut asdus = Vec::new();
    for (kind, is_alarm) in [(M_ME_NC, false), (M_SP_NA, true)] {
        let alike: Vec<&Change> = all.iter().filter(|change| change.is_alarm == is_alarm).collect();
        for part in alike.chunks((LONGEST - HEAD) / size(kind)) {
            let mut asdu = head(kind, part.len(), BY_STATION, station);
            part.iter().for_each(|change| object(&mut asdu, change));
            asdus.push(asdu);
        }
    }
    asdus
}

/// One counter: address, count, the number of its reading (0 to 31), quality.
pub(super) fn counter(station: u16, ioa: u32, count: i32, reading: u8, quality: u8) -> Vec<u8> {
    let mut asdu = head(M_IT_NA, 1, BY_COUNTERS, station);
    address(&mut asdu, ioa);
    asdu.extend(count.to_le_bytes());
    asdu.push((reading & 31) | quality);
    asdu
}

/// The same ASDU sent back with another cause; `refused` sets the P/N bit.
pub(super) fn mirrored(asdu: &[u8], station: u16, cause: u8, refused: bool) -> Vec<u8> {
    let mut back = asdu.to_vec();
    if let Some(octet) = back.get_mut(2) {
        *octet = cause | if refused { 0x40 } else { 0 } | (*octet & 0x80);
    }
    if let Some(place) = back.get_mut(4..6) {
        place.copy_from_slice(&station.to_le_bytes());
    }
    back
}

fn address(asdu: &mut Vec<u8>, ioa: u32) {
    asdu.extend(ioa.to_le_bytes().into_iter().take(3));
}

fn object(asdu: &mut Vec<u8>, change: &Change) {
    address(asdu, change.ioa);
    if change.is_alarm {
        asdu.push(change.quality | u8::from(change.value > 0.0));
    } else {
        asdu.extend(change.value.to_le_bytes());
        asdu.push(change.quality);
    }
}

/// CP56Time2a (IEC 60870-5-101, 7.2.6.18) in UTC.
pub(super) fn time(micros: i64) -> [u8; 7] {
    let local = from_micros(micros).to_zoned(TimeZone::UTC);
    let millis = local.second() as u16 * 1000 + local.millisecond() as u16;
    let [low, high] = millis.to_le_bytes();
    let day = local.day() as u8 | ((local.weekday().to_monday_one_offset() as u8) << 5);
    [low, high, local.minute() as u8, local.hour() as u8, day, local.month() as u8, local.year().rem_euclid(100) as u8]
}

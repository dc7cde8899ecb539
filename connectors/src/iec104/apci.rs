//! The frames of IEC 60870-5-104 (clause 5): start octet, length, four control octets, an ASDU or none.
//!
//! In: octets off the wire. Out: one [`Frame`] at a time, or why the stream is none. Also the other way round. Not here: whether a frame may
//! come now ([`super::flow`]), and what an ASDU says ([`super::asdu`]).

use std::io;

/// Opens every frame.
const START: u8 = 0x68;
/// Sequence numbers have 15 bits.
pub(super) const SEQUENCE: u16 = 0x7FFF;

/// Frames of format U: one act and one con of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    StartAct,
    StartCon,
    StopAct,
    StopCon,
    TestAct,
    TestCon,
}

impl Control {
    const ALL: [(Self, u8); 6] = [
        (Self::StartAct, 0x07),
        (Self::StartCon, 0x0B),
        (Self::StopAct, 0x13),
        (Self::StopCon, 0x23),
        (Self::TestAct, 0x43),
        (Self::TestCon, 0x83),
    ];

    /// As the standard writes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::StartAct => "STARTDT act",
            Self::StartCon => "STARTDT con",
            Self::StopAct => "STOPDT act",
            Self::StopCon => "STOPDT con",
            Self::TestAct => "TESTFR act",
            Self::TestCon => "TESTFR con",
        }
    }
}

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// Format I: numbered, with an ASDU.
    Data { sent: u16, received: u16, asdu: &'a [u8] },
    /// Format S: an acknowledgement.
    Ack { received: u16 },
    /// Format U.
    Control(Control),
}

/// Why a link cannot go on. It is closed and made again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(
        "a frame begins with octet 0x{octet:02x} instead of 0x68; octets were lost or added on the way, or this is no IEC 104 port"
    )]
    Start { octet: u8 },
    #[error("a frame says it is {length} octets long, 4 to 253 are allowed; the stream is damaged, or this is no IEC 104 port")]
    Length { length: u8 },
    #[error("a frame has the control octets {octets:02x?}, which mean nothing; the stream is damaged")]
    Unknown { octets: [u8; 4] },
    #[error("frame {got} came where {expected} was due; frames were lost or repeated on the way")]
    Sequence { expected: u16, got: u16 },
    #[error("the station acknowledges our frame {got}, but {first} to {last} are open; its link layer is out of step")]
    Acknowledged { got: u16, first: u16, last: u16 },
    #[error("the station sent values before STARTDT was confirmed; it does not keep to the standard")]
    NotStarted,
    #[error("the station sent {frames} frames without waiting for an acknowledgement; set its k to what ours is")]
    Window { frames: u16 },
    #[error("the station sent {got} although nothing asked for it; its link layer is out of step")]
    Unasked { got: &'static str },
    #[error("no answer to {what} within t1 = {seconds} s; the line is dead or the station hangs")]
    Silent { what: &'static str, seconds: f64 },
    #[error("no connection within t0 = {seconds} s; check the address, the route and the firewall")]
    Unreachable { seconds: f64 },
    #[error(
        "the station closed the link; it may serve one master only, and another one is connected, or it does not know our address"
    )]
    Closed,
    #[error("{cause}")]
    Io {
        #[from]
        cause: io::Error,
    },
}

fn number(low: u8, high: u8) -> u16 {
    u16::from_le_bytes([low, high]) >> 1
}

/// The first frame of `octets` and how long it is; `None`: it is not complete yet.
pub(super) fn split(octets: &[u8]) -> Result<Option<(Frame<'_>, usize)>, Broken> {
    match octets.first() {
        None => return Ok(None),
        Some(&START) => {}
        Some(&octet) => return Err(Broken::Start { octet }),
    }
    let Some(&length) = octets.get(1) else { return Ok(None) };
    if !(4..=253).contains(&length) {
        return Err(Broken::Length { length });
    }
    let whole = usize::from(length) + 2;
    let Some([_, _, a, b, c, d, asdu @ ..]) = octets.get(..whole) else { return Ok(None) };
    let unknown = || Broken::Unknown { octets: [*a, *b, *c, *d] };
    let frame = match a & 3 {
        0 | 2 if c & 1 == 0 && !asdu.is_empty() => Frame::Data { sent: number(*a, *b), received: number(*c, *d), asdu },
        1 if *a == 1 && *b == 0 && c & 1 == 0 && asdu.is_empty() => Frame::Ack { received: number(*c, *d) },
        3 if [*b, *c, *d] == [0; 3] && asdu.is_empty() => {
            Frame::Control(Control::ALL.iter().find(|(_, code)| code == a).ok_or_else(unknown)?.0)
        }
        _ => return Err(unknown()),
    };
    Ok(Some((frame, whole)))
}

impl Frame<'_> {
    /// Appends the octets.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let pair = |number: u16| (number << 1).to_le_bytes();
        let (control, asdu): ([u8; 4], &[u8]) = match self {
            Self::Data { sent, received, asdu } => {
                let ([a, b], [c, d]) = (pair(sent), pair(received));
                ([a, b, c, d], asdu)
            }
            Self::Ack { received } => {
                let [c, d] = pair(received);
                ([1, 0, c, d], &[])
            }
            Self::Control(control) => {
                let code = Control::ALL.iter().find(|(known, _)| *known == control).map_or(0, |(_, code)| *code);
                ([code, 0, 0, 0], &[])
            }
        };
        // Our ASDUs are interrogations of at most 10 octets.
        out.extend([START, 4 + asdu.len() as u8]);
        out.extend(control);
        out.extend(asdu);
    }
}

//! Messages of a stream and the fields in them.
//!
//! In: a stream, possibly with headings between the messages. Out: one message at a time, its sections sliced into fields; whatever
//! does not add up is said with the message's number and place.

use super::octets::unsigned;
use engine::source::SourceError;
use std::fmt;
use std::io::BufRead;
use std::io::Read;

/// Longest message we hold: a global field of 0.05° in 32 bits is 104 MiB.
const LONGEST: u64 = 1 << 30;
const HEAD: usize = 16;

/// The stream.
pub(super) struct Messages {
    input: Box<dyn BufRead + Send>,
    place: String,
    position: u64,
    number: u64,
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("place", &self.place).field("number", &self.number).finish_non_exhaustive()
    }
}

/// One message, whole.
#[derive(Debug)]
pub(super) struct Message {
    bytes: Vec<u8>,
    /// From 1.
    pub(super) number: u64,
    /// First byte in the (unpacked) file, from 0.
    pub(super) position: u64,
}

/// The sections that describe one field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) discipline: u8,
    pub(super) identification: &'a [u8],
    pub(super) grid: &'a [u8],
    pub(super) product: &'a [u8],
    pub(super) packing: &'a [u8],
    pub(super) bitmap: &'a [u8],
    pub(super) data: &'a [u8],
}

impl Messages {
    pub(super) fn new(input: Box<dyn BufRead + Send>, place: &str) -> Self {
        Self { input, place: place.into(), position: 0, number: 0 }
    }

    /// The next message; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Message>, SourceError> {
        if !self.find()? {
            return Ok(None);
        }
        self.number += 1;
        let (number, position) = (self.number, self.position - 4);
        let refuse = |problem: String| SourceError::Format {
            place: format!("{}: message {number} at byte {position}", self.place),
            problem,
        };
        let io = |cause| SourceError::Io { place: self.place.clone(), cause };
        let mut bytes = b"GRIB".to_vec();
        (&mut self.input).take((HEAD - 4) as u64).read_to_end(&mut bytes).map_err(io)?;
        let edition = bytes.get(7).copied();
        if edition == Some(1) {
            return Err(refuse("this is GRIB edition 1; convert it first: grib_set -s edition=2 FILE FILE.grib2".into()));
        }
        let length = unsigned(&bytes, 9, 8).filter(|_| edition == Some(2));
        let Some(length) = length.filter(|length| (HEAD as u64 + 4..=LONGEST).contains(length)) else {
            return Err(refuse(format!("it has no sound head (edition {edition:?}, length {length:?}); download the file again")));
        };
        (&mut self.input).take(length - HEAD as u64).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 != length || !bytes.ends_with(b"7777") {
            return Err(refuse(format!(
                "it should be {length} bytes long and end with 7777, {} bytes are there; download the file again",
                bytes.len()
            )));
        }
        self.position = position + length;
        Ok(Some(Message { bytes, number, position }))
    }

    /// Goes behind the next `GRIB`.
    fn find(&mut self) -> Result<bool, SourceError> {
        let mut matched = 0;
        loop {
            let buffer = self.input.fill_buf().map_err(|cause| SourceError::Io { place: self.place.clone(), cause })?;
            if buffer.is_empty() {
                return Ok(false);
            }
            let mut used = 0;
            for &byte in buffer {
                used += 1;
                matched = if byte == b"GRIB"[matched] { matched + 1 } else { usize::from(byte == b'G') };
                if matched == 4 {
                    break;
                }
            }
            self.input.consume(used);
            self.position += used as u64;
            if matched == 4 {
                return Ok(true);
            }
        }
    }
}

impl Message {
    /// The fields, in order; sections 2 to 7 may be repeated, what is not holds on (FM 92, note 2 to the sections).
    pub(super) fn fields(&self) -> Result<Vec<Field<'_>>, String> {
        let end = self.bytes.len() - 4;
        let mut held: [&[u8]; 7] = [&[]; 7];
        let (mut at, mut fields) = (HEAD, Vec::new());
        while at < end {
            let rest = &self.bytes[at..end];
            let length = unsigned(rest, 1, 4).and_then(|length| usize::try_from(length).ok());
            let Some(section) =
                length.filter(|length| *length > 5).and_then(|length| rest.get(..length)).or_else(|| empty(rest, length))
            else {
                return Err(format!("the section at its byte {at} is longer than the message; download the file again"));
            };
            at += section.len();
            let number = usize::from(section[4]);
            let Some(slot) = number.checked_sub(1).filter(|slot| *slot < held.len()) else {
                return Err(format!("section {number} is none of GRIB2; download the file again"));
            };
            // Indicator 254: the bit-map that was defined before.
            if number != 6 || section.get(5) != Some(&254) {
                held[slot] = section;
            }
            if number == 7 {
                let [identification, _, grid, product, packing, bitmap, data] = held;
                let least = [(identification, 21), (grid, 14), (product, 34), (packing, 11), (bitmap, 6), (data, 5)];
                if let Some((section, least)) = least.iter().find(|(section, least)| section.len() < *least) {
                    return Err(format!(
                        "a section of {} bytes should have {least} at least; download the file again",
                        section.len()
                    ));
                }
                fields.push(Field { discipline: self.bytes[6], identification, grid, product, packing, bitmap, data });
            }
        }
        Ok(fields)
    }
}

/// A data section may be empty: a field of one value.
fn empty(rest: &[u8], length: Option<usize>) -> Option<&[u8]> {
    rest.get(..5).filter(|section| length == Some(5) && section[4] == 7)
}

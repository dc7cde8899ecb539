//! Whether reports arrive without a gap, by their sequence numbers (IEC 61850-7-2: from 0 after enabling, counted up, wrapping).
//!
//! In: the numbers of one control block's reports, link after link. Out: in order, or a gap. A gap of a buffered block ends the link: the
//! next one goes on from the last entry that was taken. The same gap at the same place again is the controller's own and is passed over,
//! so that one report nobody can read does not stop the rest. Not here: what is in a report.

/// What a number means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Take it.
    InOrder,
    /// Reports are missing before it; what happened.
    Gap(String),
    /// Had already.
    Skip,
}

/// Which report, and which part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: u16,
    pub(super) segment: u16,
    /// More segments of the same report follow.
    pub(super) is_followed: bool,
}

/// Numbers of one control block.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    pub(super) last: Option<(u16, u16)>,
    /// More segments of the last report must follow.
    pub(super) is_open: bool,
    /// Where there was a gap before: the entry taken last, the number that came.
    pub(super) seen: Option<(Option<Vec<u8>>, u16)>,
}

impl Sequence {
    /// A new link: numbers begin again.
    pub(super) fn begin(&mut self) {
        self.last = None;
        self.is_open = false;
    }

    /// Judges the next number. `entry` is the entry taken last.
    pub(super) fn next(&mut self, part: Part, is_buffered: bool, entry: Option<&[u8]>) -> Verdict {
        let (before, Part { number, segment, .. }) = (self.last, part);
        let is_next = match before {
            None => number == 0 && segment == 0,
            // The rest of the one before is missing.
            Some(_) if segment == 0 && self.is_open => false,
            // Unbuffered numbers have 8 bits in edition 1, 16 in some controllers.
            Some((last, _)) if segment == 0 => number == last.wrapping_add(1) || (number == 0 && last == u16::from(u8::MAX)),
            Some((last, part)) => number == last && segment == part.wrapping_add(1),
        };
        if is_next || !is_buffered {
            self.took(part);
            return Verdict::InOrder;
        }
        if before == Some((number, segment)) {
            return Verdict::Skip;
        }
        if self.is_again(number, entry) {
            self.took(part);
            return Verdict::InOrder;
        }
        let expected = match before {
            Some((last, _)) if self.is_open => format!("the rest of {last}"),
            before => before.map_or(0, |(last, _)| last.wrapping_add(1)).to_string(),
        };
        Verdict::Gap(format!("report {number} came where {expected} was due; going on from the last one that was whole"))
    }

    /// A report that does not fit: damaged on its way, or older than the configuration. The second time it is passed over.
    pub(super) fn unfit(&mut self, part: Part, entry: Option<&[u8]>, story: &str) -> Verdict {
        if self.is_again(part.number, entry) {
            self.took(part);
            return Verdict::Skip;
        }
        Verdict::Gap(story.into())
    }

    fn took(&mut self, part: Part) {
        self.last = Some((part.number, part.segment));
        self.is_open = part.is_followed;
    }

    fn is_again(&mut self, number: u16, entry: Option<&[u8]>) -> bool {
        let here = (entry.map(<[u8]>::to_vec), number);
        let is_again = self.seen.as_ref() == Some(&here);
        self.seen = Some(here);
        is_again
    }
}

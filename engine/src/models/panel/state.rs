//! The state of a forecast that is an aggregate: pairs of time and value, in any order, from any number of workers.
//!
//! In: pairs. Out: bytes another worker can merge, at last the newest values in order ([`SeriesState::points`]). Whatever the order of
//! pairs and merges, the same pairs give the same bytes. Held is at most what [`SeriesState::most_bytes`] says: beyond its limit a
//! state forgets its oldest times. Regular times cost one byte each, values eight. Not here: the forecast ([`super::aggregate`]).

use super::aggregate::AggregateError;

/// Most values a state keeps unless told otherwise: a year of quarter hours and a week more.
pub(super) const LIMIT: usize = 36_000;
/// Pairs out of order that are held before they are put in order.
const LATE: usize = 256;
/// First byte of a serialised state.
const FORMAT: u8 = 1;

/// Pairs of time (microseconds since 1970) and finite value.
#[derive(Debug, Clone)]
pub struct SeriesState {
    limit: usize,
    first: i64,
    last: i64,
    gap: i64,
    /// How much each gap differs from the one before, as zigzag varints; none for the first value.
    times: Vec<u8>,
    values: Vec<f64>,
    late: Vec<(i64, f64)>,
    /// Newest time that was given two different values.
    clash: Option<i64>,
}

impl Default for SeriesState {
    fn default() -> Self {
        Self::new(LIMIT)
    }
}

impl SeriesState {
    /// An empty state that keeps the newest `limit` (at least one) times; [`SeriesState::default`] keeps 36,000.
    pub fn new(limit: usize) -> Self {
        let limit = limit.max(1);
        Self { limit, first: 0, last: 0, gap: 0, times: Vec::new(), values: Vec::new(), late: Vec::new(), clash: None }
    }

    /// Takes one pair. A value that is not finite is a missing one and left out; the same pair twice is one.
    pub fn push(&mut self, time: i64, value: f64) {
        if !value.is_finite() {
            return;
        }
        if self.values.is_empty() || time > self.last {
            self.append(time, value);
            if self.values.len() > self.most_values() {
                self.settle();
            }
        } else {
            self.late.push((time, value));
            if self.late.len() >= LATE.max(self.values.len() / 4) {
                self.settle();
            }
        }
    }

    /// Takes all another state holds.
    pub fn merge(&mut self, other: &Self) {
        self.clash = self.clash.max(other.clash);
        let (mut time, mut gap, mut at) = (other.first, 0_i64, 0);
        for (i, &value) in other.values.iter().enumerate() {
            if i > 0 {
                gap = gap.wrapping_add(read_signed(&other.times, &mut at).unwrap_or(0));
                time = time.wrapping_add(gap);
            }
            self.push(time, value);
        }
        for &(time, value) in &other.late {
            self.push(time, value);
        }
    }

    /// Bytes this state holds, itself included.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.times.capacity() + 8 * self.values.capacity() + 16 * self.late.capacity()
    }

    /// Bytes a state of that limit never exceeds between calls, however odd its times: buffers hold up to a quarter more than is in
    /// them, late pairs up to twice. Putting late pairs in order takes as much again for a moment.
    pub fn most_bytes(limit: usize) -> usize {
        let values = limit + limit / 4 + 64;
        size_of::<Self>() + (values + values / 4 + 32) * (8 + 10) + 2 * 16 * LATE.max(values / 4)
    }

    /// The newest pairs in order of time, at most the limit.
    ///
    /// # Errors
    /// [`AggregateError::Clash`] if one of these times was given two different values.
    pub fn points(&mut self) -> Result<Vec<(i64, f64)>, AggregateError> {
        self.tidy();
        match self.clash {
            Some(time) if !self.values.is_empty() && time >= self.first => Err(AggregateError::Clash { time: shown(time) }),
            _ => Ok(self.decode()),
        }
    }

    /// The state as bytes: the same for the same pairs, whatever their order was.
    pub fn to_bytes(&mut self) -> Vec<u8> {
        self.tidy();
        let mut bytes = Vec::with_capacity(40 + self.times.len() + 8 * self.values.len());
        bytes.push(FORMAT);
        write_varint(&mut bytes, self.limit as u64);
        let clash = self.clash.filter(|time| !self.values.is_empty() && *time >= self.first);
        bytes.push(u8::from(clash.is_some()));
        bytes.extend(clash.unwrap_or(0).to_le_bytes());
        write_varint(&mut bytes, self.values.len() as u64);
        bytes.extend(self.first.to_le_bytes());
        bytes.extend(&self.times);
        for value in &self.values {
            bytes.extend(value.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`SeriesState::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`AggregateError::Bytes`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AggregateError> {
        let broken = |what| AggregateError::Bytes { what };
        let mut at = 1;
        if bytes.first() != Some(&FORMAT) {
            return Err(broken("begin with another format"));
        }
        let limit = read_varint(bytes, &mut at).and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        let mut state = Self::new(limit.ok_or_else(|| broken("name no limit"))?);
        let has_clash = bytes.get(at).copied().filter(|flag| *flag < 2).ok_or_else(|| broken("end early"))?;
        at += 1;
        let clash = read_i64(bytes, &mut at).ok_or_else(|| broken("end early"))?;
        state.clash = (has_clash == 1).then_some(clash);
        let count = read_varint(bytes, &mut at).and_then(|n| usize::try_from(n).ok()).ok_or_else(|| broken("end early"))?;
        if count > state.limit || count > bytes.len() / 8 {
            return Err(broken("claim more values than they hold"));
        }
        state.first = read_i64(bytes, &mut at).ok_or_else(|| broken("end early"))?;
        state.last = state.first;
        let from = at;
        for _ in 1..count {
            let change = read_signed(bytes, &mut at).ok_or_else(|| broken("end within the times"))?;
            state.gap = state.gap.wrapping_add(change);
            let next = state.last.checked_add(state.gap).filter(|next| *next > state.last);
            state.last = next.ok_or_else(|| broken("have times that do not rise"))?;
        }
        state.times = bytes[from..at].to_vec();
        let rest = &bytes[at..];
        if rest.len() != 8 * count {
            return Err(broken("have another length than their values"));
        }
        let numbers = rest.chunks_exact(8).map(|eight| f64::from_le_bytes(std::array::from_fn(|i| eight[i])));
        state.values = numbers.collect();
        if state.values.iter().any(|value| !value.is_finite()) {
            return Err(broken("hold a value that is not finite"));
        }
        Ok(state)
    }

    fn most_values(&self) -> usize {
        self.limit + self.limit / 4 + 64
    }

    /// Adds a pair newer than all.
    fn append(&mut self, time: i64, value: f64) {
        // A quarter more at a time, not twice: very many states are held at once.
        if self.values.len() == self.values.capacity() {
            self.values.reserve_exact(self.values.len() / 4 + 16);
        }
        if self.times.len() + 10 > self.times.capacity() {
            self.times.reserve_exact(self.times.len() / 4 + 16);
        }
        if self.values.is_empty() {
            (self.first, self.gap) = (time, 0);
        } else {
            let gap = time.wrapping_sub(self.last);
            write_signed(&mut self.times, gap.wrapping_sub(self.gap));
            self.gap = gap;
        }
        self.last = time;
        self.values.push(value);
    }

    fn decode(&self) -> Vec<(i64, f64)> {
        let (mut time, mut gap, mut at) = (self.first, 0_i64, 0);
        let mut pairs = Vec::with_capacity(self.values.len() + self.late.len());
        for (i, &value) in self.values.iter().enumerate() {
            if i > 0 {
                gap = gap.wrapping_add(read_signed(&self.times, &mut at).unwrap_or(0));
                time = time.wrapping_add(gap);
            }
            pairs.push((time, value));
        }
        pairs
    }

    /// In order, within the limit.
    fn tidy(&mut self) {
        if !self.late.is_empty() || self.values.len() > self.limit {
            self.settle();
        }
    }

    /// Puts late pairs in their places and forgets the oldest beyond the limit.
    fn settle(&mut self) {
        let mut pairs = self.decode();
        pairs.append(&mut self.late);
        self.late = Vec::new();
        pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        for pair in pairs.windows(2) {
            if pair[0].0 == pair[1].0 && pair[0].1.to_bits() != pair[1].1.to_bits() {
                self.clash = self.clash.max(Some(pair[0].0));
            }
        }
        pairs.dedup_by_key(|pair| pair.0);
        let from = pairs.len().saturating_sub(self.limit);
        self.times.clear();
        self.values.clear();
        for &(time, value) in &pairs[from..] {
            self.append(time, value);
        }
    }
}

/// A time as people read it.
pub(super) fn shown(time: i64) -> String {
    jiff::Timestamp::from_microsecond(time).map_or_else(|_| format!("{time} µs"), |time| time.to_string())
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn write_signed(bytes: &mut Vec<u8>, value: i64) {
    write_varint(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

fn read_signed(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let folded = read_varint(bytes, at)?;
    Some((folded >> 1) as i64 ^ -((folded & 1) as i64))
}

fn read_i64(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let eight = bytes.get(*at..*at + 8)?;
    *at += 8;
    Some(i64::from_le_bytes(std::array::from_fn(|i| eight[i])))
}

//! Seeded changes of bytes: flips, cuts, repetitions, pieces of another file, numbers at the edges.
//!
//! In: a seed and some files. Out: other bytes, the same for the same seed.

/// Numbers, times and marks at which readers of text turn.
const EDGES: &[&str] = &[
    "0",
    "-0",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e999",
    "1e-999",
    "NaN",
    "inf",
    "i",
    "u",
    "t",
    "1677-09-21T00:12:43Z",
    "2262-04-11T23:47:16.854775807Z",
    "9999-12-31T23:59:59.999999999Z",
    "-009999-01-02T01:59:59Z",
    "2026-03-29T02:30:00",
    "\"",
    "\\",
    "\\\"",
    "\n",
    "\r\n",
    "\n\n",
    ",",
    ";",
    "=",
    "#",
    " ",
    "'",
    "(",
    ")",
    "--",
    "/*",
    "*",
    "\0",
    "\u{feff}",
    "é",
    "\u{10ffff}",
];
const LONGEST: usize = 8192;

/// A stream of numbers from a seed (xorshift64*).
#[derive(Debug)]
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        let mut numbers = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        numbers.next();
        numbers
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 for 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end.max(1)
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length + 1);
        let most = (length - from).min(1 << self.below(8));
        from..from + self.below(most + 1)
    }
}

/// One of the files with one to eight changes.
pub(super) fn mutated(seed: u64, files: &[Vec<u8>]) -> Vec<u8> {
    let mut numbers = Numbers::new(seed);
    let mut bytes = files[numbers.below(files.len())].clone();
    for _ in 0..=numbers.below(8) {
        let at = numbers.below(bytes.len() + 1);
        let range = numbers.range(bytes.len());
        match numbers.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 if at < bytes.len() => bytes[at] = numbers.next() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(range)),
            4 => {
                let again = bytes[range].to_vec();
                drop(bytes.splice(at..at, again));
            }
            5 => {
                let other = &files[numbers.below(files.len())];
                let piece = other[numbers.range(other.len())].to_vec();
                drop(bytes.splice(range, piece));
            }
            6 => drop(bytes.splice(range, EDGES[numbers.below(EDGES.len())].bytes())),
            _ => drop(bytes.splice(at..at, EDGES[numbers.below(EDGES.len())].bytes())),
        }
    }
    bytes.truncate(LONGEST);
    bytes
}
